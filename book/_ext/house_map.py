"""The house of the package: a drawing and a list, made from the code's own imports.

A page that says ``{house-map}`` gets the rooms of ``simseg_core`` on the floors that
the import contracts of ``pyproject.toml`` give them, an arrow from each room to those
that it imports, and the first sentence of each room's own docstring.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Sequence
from itertools import permutations, product
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PACKAGE = "simseg_core"
Floors = list[list[str]]  # the highest first
Uses = dict[str, set[str]]  # room -> the rooms it imports

WIDTH, HEIGHT, GAP, STOREY = 360, 40, 14, 88  # units of the drawing: pixels on a phone


def read_floors(root: Path) -> Floors:
    """Return the rooms of each floor, as the contract named "rooms" has them."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one["name"] == "rooms"]
    floors = [[room.strip() for room in layer.split("|")] for layer in layers]
    return [floor for floor in floors if floor != ["__main__"]]


def files_of(root: Path, room: str) -> list[Path]:
    """Return a room's files: those of its folder, or the one module."""
    path = root / PACKAGE / room
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            package, _, rest = node.module.partition(".")
            if package == PACKAGE:
                yield rest.partition(".")[0]


def read_uses(root: Path, floors: Floors) -> Uses:
    """Return for each room the other rooms that its files import."""
    rooms = {room for floor in floors for room in floor}
    return {
        room: {other for file in files_of(root, room) for other in _imported(file)}
        & (rooms - {room})
        for room in rooms
    }


def read_sentence(root: Path, room: str) -> str:
    """Return the first sentence of a room's docstring."""
    path = root / PACKAGE / room
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    sentence = text.partition("\n\n")[0].replace("\n", " ")
    sentence = sentence.removeprefix(f"{room.capitalize()}: ")  # the page has named it
    return sentence[:1].upper() + sentence[1:]


def _width(floor: Sequence[str]) -> float:
    """Return how wide each room of a floor is; one alone leaves arrows a way past."""
    rooms = len(floor)
    return WIDTH / 2 if rooms == 1 else (WIDTH - GAP * (rooms - 1)) / rooms


def _gaps(floor: Sequence[str]) -> list[float]:
    """Return where arrows may pass a floor: between two rooms, or beside one alone."""
    if len(floor) == 1:
        return [WIDTH / 4 - GAP, WIDTH * 3 / 4 + GAP]
    step = (WIDTH + GAP) / len(floor)
    return [x + step / 2 for x in list(_centres(floor).values())[:-1]]


def _centres(floor: Sequence[str]) -> dict[str, float]:
    step = (WIDTH + GAP) / len(floor)
    return {room: step * (place + 0.5) - GAP / 2 for place, room in enumerate(floor)}


def arrange(floors: Floors, uses: Uses) -> Floors:
    """Order the rooms of each floor so that the arrows lean as little as can be."""

    def lean(order: Sequence[Sequence[str]]) -> float:
        at = {room: x for floor in order for room, x in _centres(floor).items()}
        return sum(abs(at[a] - at[b]) for a, others in uses.items() for b in others)

    orders = product(*(list(permutations(floor)) for floor in floors))
    return [list(floor) for floor in min(orders, key=lean)]


def draw(floors: Floors, uses: Uses) -> str:
    """Draw rooms and arrows as SVG, in the page's own colours."""
    storey = {room: n for n, floor in enumerate(floors) for room in floor}
    at = {room: x for floor in floors for room, x in _centres(floor).items()}
    gaps = [_gaps(floor) for floor in floors]
    arrows, boxes = [], []
    for room, others in sorted(uses.items()):
        for other in sorted(others):
            x, y = at[room], storey[room] * STOREY + HEIGHT
            way = [f"M{x:.0f} {y}"]
            for passed in range(storey[room] + 1, storey[other]):
                middle = (at[room] + at[other]) / 2
                gap = min(gaps[passed], key=lambda g: abs(g - middle))
                top = passed * STOREY
                way.append(f"L{gap:.0f} {top} L{gap:.0f} {top + HEIGHT}")
            way.append(f"L{at[other]:.0f} {storey[other] * STOREY - 5}")
            arrows.append(f'<path d="{" ".join(way)}"/>')
    for floor in floors:
        width = _width(floor)
        for room in floor:
            x, y = at[room] - width / 2, storey[room] * STOREY
            boxes.append(
                f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{HEIGHT}"/>'
                f'<text x="{at[room]:.0f}" y="{y + 25}">{room}</text>'
            )
    height = (len(floors) - 1) * STOREY + HEIGHT
    told = "; ".join(
        f"{room} uses {', '.join(sorted(uses[room])) or 'no other'}"
        for floor in floors
        for room in floor
    )
    return (
        f'<svg class="house" viewBox="-2 -2 {WIDTH + 4} {height + 4}" role="img" '
        f'aria-label="The rooms of {PACKAGE} on {len(floors)} floors. {told}.">'
        '<defs><marker id="house-arrow" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/>'
        f"</marker></defs><g>{''.join(arrows)}</g>{''.join(boxes)}</svg>"
    )


class HouseMap(SphinxDirective):
    """The drawing, and below it one sentence a room."""

    def run(self) -> list[nodes.Node]:
        """Build both from what the code imports today."""
        root = Path(self.env.srcdir)
        floors = read_floors(root)
        for room in (room for floor in floors for room in floor):
            for file in files_of(root, room):
                self.env.note_dependency(str(file))
        self.env.note_dependency(str(root / "pyproject.toml"))
        uses = read_uses(root, floors)
        items = nodes.bullet_list()
        for room in (room for floor in floors for room in floor):
            line = nodes.paragraph("", "", nodes.literal(text=room))
            line += nodes.Text(": ")
            for place, part in enumerate(read_sentence(root, room).split("`")):
                line += nodes.literal(text=part) if place % 2 else nodes.Text(part)
            items += nodes.list_item("", line)
        drawing = nodes.raw("", draw(arrange(floors, uses), uses), format="html")
        return [drawing, items]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("house-map", HouseMap)
    return {"version": "1", "parallel_read_safe": True}
