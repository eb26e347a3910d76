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

WIDTH, HEIGHT, GAP, STOREY = 360, 34, 26, 100  # units of the drawing: pixels on a phone
LANE = 4  # between two arrows that pass a floor at one place
CROWD = 40  # units that an arrow goes out of its way for each that is there already
Arrow = tuple[str, str]  # from a room to one that it imports
# Of arrows and frames, by the floor that they come from (Okabe and Ito, 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


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


def _ways(floors: Floors, uses: Uses) -> dict[Arrow, list[tuple[float, float]]]:
    """Lead each arrow past the floors between its rooms, no two by one place.

    Returns:
        The points of each: where it leaves its room, the upper and the lower end of
        each gap that it takes, where it arrives.
    """
    storey = {room: n for n, floor in enumerate(floors) for room in floor}
    at = {room: x for floor in floors for room, x in _centres(floor).items()}
    stops: dict[Arrow, list[float]] = {}  # by floor, from the first to the last
    shared: dict[tuple[int, float], list[tuple[Arrow, int]]] = {}
    for room, others in sorted(uses.items()):
        for other in sorted(others):
            arrow, middle = (room, other), (at[room] + at[other]) / 2
            passed = range(storey[room] + 1, storey[other])
            gaps = []
            for place, n in enumerate(passed, start=1):
                x = min(
                    _gaps(floors[n]),
                    key=lambda x: abs(x - middle) + CROWD * len(shared.get((n, x), ())),
                )
                gaps.append(x)
                shared.setdefault((n, x), []).append((arrow, place))
            stops[arrow] = [at[room], *gaps, at[other]]
    ends: dict[tuple[str, int], list[tuple[Arrow, int]]] = {}
    for arrow, places in stops.items():
        ends.setdefault((arrow[0], 0), []).append((arrow, 0))
        ends.setdefault((arrow[1], 1), []).append((arrow, len(places) - 1))
    straight = {arrow: list(places) for arrow, places in stops.items()}

    def beside(one: tuple[Arrow, int]) -> tuple[float, ...]:
        """Sort arrows at one place by where they come from and go to."""
        arrow, place = one
        way = straight[arrow]
        near = [way[n] for n in (place - 1, place + 1) if 0 <= n < len(way)]
        return sum(near) / len(near), at[arrow[0]]

    for (room, _), group in ends.items():
        floor = floors[storey[room]]
        _spread(stops, sorted(group, key=beside), 0.8 * _width(floor))
    for group in shared.values():
        _spread(stops, sorted(group, key=beside), LANE * (len(group) - 1), inner=False)
    ways: dict[Arrow, list[tuple[float, float]]] = {}
    for (room, other), places in stops.items():
        top = storey[room] * STOREY
        way: list[tuple[float, float]] = [(places[0], top + HEIGHT)]
        for n, x in enumerate(places[1:-1], start=1):
            way += [(x, top + n * STOREY), (x, top + n * STOREY + HEIGHT)]
        ways[room, other] = [*way, (places[-1], storey[other] * STOREY - 1)]
    return ways


def _spread(
    stops: dict[Arrow, list[float]],
    group: Sequence[tuple[Arrow, int]],
    room: float,
    *,
    inner: bool = True,
) -> None:
    """Set arrows that share a place side by side in `room`, with or without margins."""
    parts = len(group) + 1 if inner else max(len(group) - 1, 1)
    for number, (arrow, place) in enumerate(group, start=int(inner)):
        if len(group) > 1:
            stops[arrow][place] += room * (number / parts - 0.5)


def draw(floors: Floors, uses: Uses) -> str:
    """Draw rooms and arrows as SVG, each floor's in a colour."""
    storey = {room: n for n, floor in enumerate(floors) for room in floor}
    at = {room: x for floor in floors for room, x in _centres(floor).items()}
    arrows, boxes = [], []
    for (room, _), points in _ways(floors, uses).items():
        way = f"M{points[0][0]:.1f} {points[0][1]}"
        for n in range(1, len(points), 2):  # down to the next floor, then past it
            (x0, y0), (x, y) = points[n - 1], points[n]
            bend = (y - y0) / 2
            way += f"C{x0:.1f} {y0 + bend:g} {x:.1f} {y - bend:g} {x:.1f} {y}"
            if n + 1 < len(points):
                way += f"V{points[n + 1][1]}"
        kind = storey[room] % len(COLOURS)
        arrows.append(
            f'<path class="arrow" stroke="{COLOURS[kind]}" d="{way}" '
            f'marker-end="url(#house-arrow-{kind})"/>'
        )
    for floor in floors:
        width = _width(floor)
        for room in floor:
            x, y = at[room] - width / 2, storey[room] * STOREY
            colour = COLOURS[storey[room] % len(COLOURS)] if uses[room] else ""
            boxes.append(
                f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{HEIGHT}"'
                f' stroke="{colour or "currentColor"}"/>'
                f'<text x="{at[room]:.0f}" y="{y + 22}">{room}</text>'
            )
    heads = "".join(
        f'<marker id="house-arrow-{kind}" viewBox="0 0 8 8" refX="7" refY="4" '
        f'markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
        for kind, colour in enumerate(COLOURS)
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
        f"<defs>{heads}</defs><g>{''.join(arrows)}</g>{''.join(boxes)}</svg>"
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
