"""The reference pages tell of things that are there."""

import ast
import re
from pathlib import Path

import pytest
from exercise_table import read_exercises

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))


def held_by() -> list[str]:
    """The tests that the ledger's rows name."""
    return re.findall(r"`(tests/\S+::\w+)`", (BOOK / "ledger.md").read_text())


@pytest.mark.parametrize("test", held_by())
def test_the_ledgers_tests_exist(test: str) -> None:
    path, _, name = test.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert name in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}


def test_every_row_of_the_ledger_names_a_test() -> None:
    text = (BOOK / "ledger.md").read_text().partition("## Faults")[0]
    rows = [
        line
        for line in text.splitlines()
        if line.startswith("|") and not re.match(r"\|[-|]+$|\| question", line)
    ]
    assert len(rows) >= 25
    for row in rows:
        assert "::test_" in row.split("|")[-2], row


def code_names() -> list[str]:
    """The names in code type in the tables of the notation page."""
    rows = [r for r in (BOOK / "notation.md").read_text().splitlines() if "|" in r]
    names = [n for row in rows for n in re.findall(r"`([A-Za-z_]+)`", row)]
    return sorted(set(names))


@pytest.fixture(scope="module")
def source() -> str:
    return "\n".join(p.read_text() for p in (ROOT / "simseg_core").rglob("*.py"))


@pytest.mark.parametrize("name", code_names())
def test_notation_is_that_of_the_code(name: str, source: str) -> None:
    assert re.search(rf"\b{name}\b", source)


def glossary_terms() -> list[str]:
    """The terms, which stand without indentation in the directive."""
    body = (BOOK / "glossary.md").read_text().partition("```{glossary}")[2]
    return re.findall(r"^([A-Z][^\n`]*)$", body, re.MULTILINE)


def test_glossary_is_in_order_and_its_cross_references_resolve() -> None:
    terms = glossary_terms()
    assert len(terms) >= 40
    assert terms == sorted(terms, key=str.lower)
    named = re.findall(
        r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", (BOOK / "glossary.md").read_text()
    )
    assert named
    assert set(named) <= set(terms)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_chapters_find_their_papers_in_the_bibliography(path: Path) -> None:
    number = r"(\d{4}\.\d{4,5})"
    entries = (BOOK / "references.bib").read_text()
    listed = re.findall(rf"eprint = {{{number}}}", entries)
    cited = re.findall(rf"arxiv\.org/abs/{number}", path.read_text())
    assert set(cited) <= set(listed)


def test_exercises_of_the_teachers_table_are_those_of_the_checks() -> None:
    from simseg_core.exercises import list_exercises

    known = list_exercises()
    for path in [p for p in NOTEBOOKS if p.name[0].isdigit()]:
        found = read_exercises(path)
        number = path.name[:2]
        assert [n for n, _, _ in found] == [n for n in known if n[:2] == number]
        for n, title, kind in found:
            assert title == known[n]
            assert kind in ("recall", "build", "analyse", "design"), kind
