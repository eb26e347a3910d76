"""The rules that notebooks keep: some every one, some the chapters (NN_name) only."""

import ast
import re
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from simseg_core import figures
from simseg_core.exercises import list_exercises

SECTIONS = (
    "The data",
    "Predict first",
    "Build it",
    "The same class as the package's",
    "Trace its shapes",
    "Its receptive field",
    "What it costs, and how long it takes",
    "Train it",
    "What goes wrong",
    "Where it differs from the paper",
    "Exercises",
    "Your own pictures",
    "Recap",
)
OTHER_SECTIONS = {
    # Before the first paper there is no block to trace or to time: there is a score.
    "00_pixels_to_score": (
        *SECTIONS[:3],
        "Score it",
        "The same numbers as the package's",
        *SECTIONS[7:],
    ),
    # The longest way from sizes to fields, which few would walk before they have seen
    # what the skips are for.
    "03_unet": (*SECTIONS[:4], "Train it", *SECTIONS[4:7], *SECTIONS[8:]),
    # No block is built: what stands around a network is the subject.
    "08_your_own_pictures": (
        *SECTIONS[:2],
        "Look at the data",
        "Split it",
        "A baseline",
        "Train it",
        "Read the worst errors",
        "A larger picture than any seen",
        "Hand it over",
        "What goes wrong",
        "The same with photographs",
        "Exercises",
        "Recap",
    ),
    # The closing ones compare and measure: they build no block and set no exercise.
    "choosing": (
        "Predict first",
        "What is the same for all",
        "Quality",
        "What each costs",
        "One seed again, here",
        "How to choose",
        "What this comparison cannot say",
        "Where the field went next",
        "Recap",
    ),
    "gpu_timing": (
        "Build a stopwatch",
        "What to time",
        "Time them",
        "See them",
        "Give your result to the book",
    ),
}
CLOSING = {"choosing": "09", "gpu_timing": "10"}  # numbers that no file's name says
TRAINING = re.compile(r"\brun_seeds\(|\bfit\(")
RAW_IN_COLAB = re.compile(
    r"^:::|^```\{|\{(numref|cite|term|ref|doc|eq|math)[^}]*\}`|^!\[[^\]]*\]\((?!https?:)|"
    r"\\mathcal",
    re.MULTILINE,
)
ROOMS = Path(figures.__file__).with_name("__init__.pyi").read_text()
MECHANISMS = re.findall(r"^from \.mechanisms\.\w+ import (draw_\w+)", ROOMS, re.M)
DRAW_FUNCTION = re.compile(r"\b(draw_\w+)\(")
DRAWING = re.compile(r"\bdraw_\w+\(|\bplt\.\w+\(|\.plot\(|imshow\(")


def test_sections_stand_in_their_order(notebook: Any) -> None:
    headings = re.findall(
        r"^## (.+)$", "\n".join(cell.text for cell in notebook.words), re.MULTILINE
    )
    sections = OTHER_SECTIONS.get(notebook.name, SECTIONS)
    assert len(headings) == len(sections), headings
    for heading, section in zip(headings, sections, strict=True):
        assert heading.startswith(section), f"expected {section!r}, found {heading!r}"


@pytest.mark.parametrize("name", ["03_unet"])
def test_the_chapter_trains_within_its_first_half(
    chapters: dict[str, Any], name: str
) -> None:
    code = chapters[name].code
    first = next(i for i, cell in enumerate(code) if TRAINING.search(cell.text))
    assert first < len(code) / 2, f"cell {code[first].id} is number {first + 1}"


def test_the_first_screen_asks_and_shows(notebook: Any) -> None:
    """Number and title, a question of a few lines, and a picture that the run drew."""
    first, *_ = notebook.raw["cells"]
    title, question = "".join(first["source"]).split("\n\n")
    number = CLOSING.get(notebook.name, notebook.name[:2])
    assert re.match(rf"# {number} \w", title)
    assert "?" in question
    assert len(question.split()) <= 60
    picture = first["metadata"]["simseg"]["opening"]
    assert len(picture["caption"].split()) >= 8
    shown = [cell.metadata.get("mystnb", {}).get("figure") for cell in notebook.code]
    assert picture["figure"] in [figure["name"] for figure in shown if figure]


def test_the_second_cell_says_what_is_needed_and_how_long(chapters: Any) -> None:
    for name, notebook in chapters.items():
        second = notebook.raw["cells"][1]
        assert second["metadata"]["simseg"]["block"] == "at-a-glance"
        parts = re.findall(r"^\*\*(.+?)\*\*", "".join(second["source"]), re.MULTILINE)
        goals = () if name in CLOSING else ("You will be able to",)
        needed = {*goals, "Before you start", "Time:"}
        assert needed <= set(parts), f"{name}: {parts}"
        assert "minute" in "".join(second["source"])


def test_preparations_are_folded(notebook: Any) -> None:
    """They run first, as Colab needs it, and a reader of the page passes them by."""
    asked = re.compile("## |### ")
    first = next(
        place
        for place, cell in enumerate(notebook.raw["cells"][1:])
        if cell["cell_type"] == "markdown" and asked.match("".join(cell["source"]))
    )
    for cell in notebook.raw["cells"][1:][:first]:
        if cell["cell_type"] == "code":
            assert {"hide-input", "hide-cell"} & set(cell["metadata"]["tags"]), cell
            assert cell["metadata"]["mystnb"]["code_prompt_show"]


def test_last_lines_name_sources_and_lead_on(chapter: Any) -> None:
    last = chapter.words[-1].text
    assert "**Sources.**" in last
    assert "arxiv.org" in last
    assert len(re.findall(r"\]\(\.\./|\]\(\w+\.ipynb", last)) >= 2, "links back and on"


def test_cells_are_short(notebook: Any) -> None:
    lengths = {cell.id: len(cell.lines) for cell in notebook.code}
    for cell in notebook.code:
        is_long_form = DRAWING.search(cell.text) or "class " in cell.text
        limit = 30 if is_long_form else 15
        assert lengths[cell.id] <= limit, f"cell {cell.id}: {lengths[cell.id]} lines"
        for line in cell.lines:
            assert len(line) <= 84, f"cell {cell.id}: {line}"
    assert median(lengths.values()) <= 10


def test_paragraphs_are_short(notebook: Any) -> None:
    for cell in notebook.words:
        for paragraph in re.split(r"\n\s*\n|\n(?=[-|\d])", cell.text):
            count = len(paragraph.split())
            assert count <= 90, f"cell {cell.id}: a paragraph of {count} words"


def test_figures_have_a_finding_and_a_text(notebook: Any) -> None:
    drawn = [cell for cell in notebook.code if DRAWING.search(cell.text)]
    names = set()
    for cell in drawn:
        shown = cell.metadata.get("mystnb", {})
        caption = shown.get("figure", {}).get("caption", "")
        names.add(shown.get("figure", {}).get("name"))
        assert len(caption.split()) >= 8, f"cell {cell.id}: caption {caption!r}"
        alt = shown.get("image", {}).get("alt", "")
        if any(hasattr(figures, name) for name in DRAW_FUNCTION.findall(cell.text)):
            assert not alt, f"cell {cell.id}: its figure brings its own alt text"
        else:
            assert len(alt.split()) >= 8, f"cell {cell.id}: alt text {alt!r}"
            assert alt != caption
    assert len(names) == len(drawn), "every figure has a name of its own"


@pytest.mark.parametrize("draw", MECHANISMS)
def test_every_drawing_of_a_mechanism_stands_in_one_chapter(
    draw: str, chapters: dict[str, Any]
) -> None:
    drawn = [
        name
        for name, chapter in chapters.items()
        for cell in chapter.code
        if f"{draw}(" in cell.text
    ]
    assert len(drawn) == 1, f"{draw} is called in {drawn or 'no chapter'}"


def test_figures_and_asserts_are_many(chapter: Any) -> None:
    drawn = [cell for cell in chapter.code if DRAWING.search(cell.text)]
    asserts = [
        node
        for cell in chapter.code
        for node in ast.walk(cell.tree)
        if isinstance(node, ast.Assert)
    ]
    assert len(drawn) >= 4
    assert len(asserts) >= 20


def test_markdown_is_what_colab_shows(notebook: Any) -> None:
    for cell in notebook.words:
        found = RAW_IN_COLAB.search(cell.text)
        assert not found, f"cell {cell.id}: {found.group()!r} is raw text on Colab"


def test_nothing_hides_a_failing_cell(notebook: Any) -> None:
    assert "allow_errors" not in notebook.raw["metadata"].get("execution", {})
    for cell in notebook.code:
        tags = set(cell.metadata.get("tags", []))
        assert not tags & {"skip-execution", "raises-exception"}, cell.id
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.ExceptHandler):
                named = node.type is not None
                caught = ast.unparse(node.type) if node.type else "everything"
                assert named, f"cell {cell.id} catches everything"
                assert caught not in ("Exception", "BaseException"), (
                    f"cell {cell.id} catches {caught}: name the error"
                )


def test_every_refusal_shown_is_a_refusal(notebook: Any) -> None:
    """A try whose body may pass silently would show nothing and prove nothing."""
    for cell in notebook.code:
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Try):
                assert node.orelse, (
                    f"cell {cell.id}: end the try with else: raise AssertionError, "
                    "so that a refusal that does not come is noticed"
                )


def test_asserts_compare_with_live_code(notebook: Any) -> None:
    for cell in notebook.code:
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Assert):
                live = any(
                    isinstance(part, ast.Name | ast.Call)
                    for part in ast.walk(node.test)
                )
                assert live, f"cell {cell.id}: {ast.unparse(node)} compares constants"


def test_notebook_is_stored_bare(notebook: Any) -> None:
    ids = [cell["id"] for cell in notebook.raw["cells"]]
    assert len(ids) == len(set(ids))
    for cell in notebook.raw["cells"]:
        assert not cell.get("outputs"), f"cell {cell['id']} has outputs: make format"
        assert cell.get("execution_count") is None


def test_no_cell_has_a_time_limit(notebook: Any) -> None:
    """A slow computer takes as long as it takes; nbmake's own limit is 300 s."""
    assert notebook.raw["metadata"]["execution"] == {"timeout": None}


def test_exercises_are_stubs_with_a_check(chapter: Any) -> None:
    number = chapter.name[:2]
    expected = [name for name in list_exercises() if name.startswith(number)]
    cells = [c for c in chapter.code if "exercise" in c.metadata.get("tags", [])]
    checked = [re.search(r'check\("([\d.]+)"', cell.text).group(1) for cell in cells]
    assert checked == expected
    assert 4 <= len(checked) <= 6
    for cell in cells:
        assert re.search(r"^\s*\.\.\.$|= None", cell.text, re.MULTILINE), cell.id
    (told,) = [c.text for c in chapter.words if c.text.startswith("## Exercises")]
    assert "`hint=2`" in told, "say how a reader who is stuck asks for help"
    assert "`hint=3`" in told


def test_setup_cell_is_the_same_everywhere(
    notebook: Any, setup_cells: set[str]
) -> None:
    assert "setup" in notebook.code[0].metadata["tags"]
    assert setup_cells == {notebook.code[0].text}


@pytest.mark.parametrize("words", ["obviously", "simply", "of course", "just "])
def test_no_word_belittles_the_reader(notebook: Any, words: str) -> None:
    for cell in notebook.words:
        assert words not in cell.text.lower(), f"cell {cell.id}: {words!r}"
