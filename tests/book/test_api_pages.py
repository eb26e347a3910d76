"""The reference of the package: every public name, on its room's page."""

import ast
import importlib
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "simseg_core"
STUBS = sorted(PACKAGE.glob("*/__init__.pyi"))


@pytest.fixture(scope="module")
def documented(site: Path) -> dict[str, str]:
    """The page of each Python name that the built book describes."""
    with (site / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, "", lambda base, page: page)
    return {
        name: page.partition("#")[0]
        for kind, names in found.items()
        if kind.startswith("py:")
        for name, (_, _, page, _) in names.items()
    }


def names_of(stub: Path) -> list[str]:
    tree = ast.parse(stub.read_text("utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return [one.asname or one.name for node in imports for one in node.names]


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.parent.name)
def test_a_rooms_page_has_its_names(stub: Path, documented: dict[str, str]) -> None:
    room = stub.parent.name
    names = {f"simseg_core.{room}.{name}" for name in names_of(stub)}
    if room == "models":  # the package itself gives these two, and so they stand there
        for name in names_of(PACKAGE / "__init__.pyi"):
            names.remove(f"simseg_core.models.{name}")
            names.add(f"simseg_core.{name}")
    elsewhere = {n for n in names if documented.get(n) != f"book/api/{room}.html"}
    assert elsewhere == set(), f"book/api/{room}.md lacks them"


@pytest.mark.parametrize("room", ["cli", "exercises", "measured", "tables"])
def test_a_room_without_a_stub_too(room: str, documented: dict[str, str]) -> None:
    page = "tables" if room == "measured" else room
    for name in importlib.import_module(f"simseg_core.{room}").__all__:
        found = documented.get(f"simseg_core.{room}.{name}")
        assert found == f"book/api/{page}.html", f"book/api/{page}.md lacks {name}"


def test_the_commands_are_those_of_the_program() -> None:
    from simseg_core.cli.arguments import COMMANDS, RUN_COMMANDS

    text = (ROOT / "book" / "api" / "cli.md").read_text("utf-8")
    for command in (*COMMANDS, *RUN_COMMANDS):
        assert f"| `simseg {command}` |" in text
