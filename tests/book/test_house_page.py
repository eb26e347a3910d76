"""The page on the package's rooms tells of rooms, files and names that are there."""

import ast
import re
from pathlib import Path

import house_map as house
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "house.md").read_text()
# `path/of/a/file.py`, `name`: a file of the package or of the repository.
NAMED = re.findall(r"`([\w/]+\.(?:py|ipynb))`(?:,\s+`([\w.]+)`)?", PAGE)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_stop_of_the_walks_is_there(file: str, name: str) -> None:
    path = next(p for p in (ROOT / "simseg_core" / file, ROOT / file) if p.exists())
    body: list[ast.stmt] = ast.parse(path.read_text()).body if name else []
    for part in filter(None, name.split(".")):
        kinds = (ast.FunctionDef, ast.ClassDef)
        (found,) = [n for n in body if isinstance(n, kinds) and n.name == part]
        body = found.body


def test_the_walks_name_files() -> None:
    assert len(NAMED) > 20


def test_every_room_stands_on_a_floor() -> None:
    placed = [room for floor in house.read_floors(ROOT) for room in floor]
    there = [
        p.stem
        for p in (ROOT / "simseg_core").iterdir()
        if (p.is_dir() and (p / "__init__.py").exists())
        or (p.suffix == ".py" and not p.name.startswith("__"))
    ]
    assert sorted(placed) == sorted(there)
    for room in there:
        assert house.read_sentence(ROOT, room).endswith(".")


def test_arrows_are_the_imports_and_run_downwards() -> None:
    floors = house.read_floors(ROOT)
    uses = house.read_uses(ROOT, floors)
    assert uses["models"] == set()
    assert {"models", "probes"} <= uses["exercises"]
    storey = {room: n for n, floor in enumerate(floors) for room in floor}
    for room, others in uses.items():
        assert all(storey[other] > storey[room] for other in others), room
    drawing = house.draw(house.arrange(floors, uses), uses)
    assert drawing.count('class="arrow"') == sum(map(len, uses.values()))
    for room in storey:
        assert f">{room}</text>" in drawing


def test_the_readme_names_every_folder() -> None:
    readme = (ROOT / "README.md").read_text()
    folders = [
        p for p in (ROOT / "simseg_core").iterdir() if (p / "__init__.py").exists()
    ]
    assert len(folders) > 8
    for folder in folders:
        assert f"`simseg_core/{folder.name}`" in readme


def test_no_two_arrows_leave_pass_or_arrive_at_one_place() -> None:
    floors = house.read_floors(ROOT)
    uses = house.read_uses(ROOT, floors)
    ways = house._ways(house.arrange(floors, uses), uses)
    points = [point for way in ways.values() for point in way]
    for x, y in points:
        near = [other for other, level in points if level == y and abs(other - x) < 3]
        assert len(near) == 1, f"{len(near)} arrows at {x:.0f}, {y}"
