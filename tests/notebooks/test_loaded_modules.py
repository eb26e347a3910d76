"""A chapter's run loads the modules it uses and no others.

The run records what it loaded, and an edit of one of these files runs the chapter again
(`tools/run_chapters.py`). So a package that loads more than it is asked for would make
every edit run every chapter. What a chapter uses is read here from the text of its
cells and of the package's files, and held against what Python loads.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from simseg_core.models.presets import TABLE

ROOT = Path(__file__).resolve().parents[2]

# Runs lines of code for each chapter and prints which modules they loaded.
LOADER = """
import json, sys
import matplotlib.pyplot, torch
def loaded():
    return [name for name in sys.modules if name.split(".")[0] == "simseg_core"]
found = {}
for chapter, lines in json.load(sys.stdin).items():
    for name in loaded():
        del sys.modules[name]
    exec("\\n".join(lines), {})
    found[chapter] = loaded()
print(json.dumps(found))
"""


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Module and name of each import of the package that runs with the code itself."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "simseg"
        ):
            for one in node.names:
                yield str(node.module), one.name
        elif isinstance(node, ast.Import):
            for one in node.names:
                if one.name.startswith("simseg_core"):
                    yield one.name, ""
        elif not isinstance(node, ast.FunctionDef) and not (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            yield from imports(node)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def defines(path: Path) -> set[str]:
    """The names that a file defines at its top, beside those that it imports."""
    found = set()
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        for target in [*getattr(node, "targets", []), getattr(node, "target", None)]:
            if target is not None:
                found |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
    return found


def file_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def home(module: str, name: str) -> str:
    """The module in which a name stands that is imported from a module or package."""
    path = file_of(module)
    if path.name != "__init__.py" or not name:
        return module
    if file_of(f"{module}.{name}").exists():
        return f"{module}.{name}"
    if name in defines(path):
        return module
    stub = path.with_suffix(".pyi")  # of a package that loads what it is asked for
    lines = tree(stub if stub.exists() else path).body
    named = [n for n in lines if isinstance(n, ast.ImportFrom)]
    (place,) = [n.module for n in named if name in {one.name for one in n.names}]
    return f"{module}.{place}" if stub.exists() else str(place)


def closure(modules: set[str]) -> set[str]:
    """The modules, the packages they stand in, and what their files import in turn.

    A package that lists its names in a stub imports none of them by itself.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        parts = module.split(".")
        waiting += [".".join(parts[:count]) for count in range(1, len(parts))]
        waiting += [home(*one) for one in imports(tree(file_of(module)))]
    return found


def uses(chapter: Any) -> tuple[list[str], set[str]]:
    """Lines that load what a chapter loads, and the modules that these lines name."""
    code = [node for cell in chapter.code for node in ast.walk(cell.tree)]
    text = {n.value for n in code if isinstance(n, ast.Constant)}
    networks = [name for name in TABLE if name in text]
    named = [one for cell in chapter.code for one in imports(cell.tree)]
    lines = [f"from {module} import {name}" for module, name in named]
    modules = {home(module, name) for module, name in named}
    if ("simseg_core", "create_model") in named:
        lines += [f"create_model({name!r}, preset='tiny')" for name in networks]
        modules |= {home("simseg_core.models", TABLE[name].target) for name in networks}
    if ("simseg_core.exercises", "check") in named:
        number = chapter.name[:2]
        for file in ROOT.glob(f"simseg_core/exercises/ch{number}/ex*.py"):
            lines.append(f"check('{number}.{file.stem[2]}', None)")
            modules.add(f"simseg_core.exercises.ch{number}.{file.stem}")
    return lines, modules


@pytest.fixture(scope="session")
def loaded(chapters: dict[str, Any]) -> dict[str, set[str]]:
    """What the lines of each chapter load, all in one other process."""
    asked = {name: uses(chapter)[0] for name, chapter in chapters.items()}
    done = subprocess.run(
        [sys.executable, "-c", LOADER],
        input=json.dumps(asked), cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {name: set(found) for name, found in json.loads(done.stdout).items()}


def test_a_chapter_loads_what_it_uses(
    notebook: Any, loaded: dict[str, set[str]]
) -> None:
    expected = closure(uses(notebook)[1])
    assert loaded[notebook.name] == expected


def test_the_chapters_do_not_all_load_the_same(loaded: dict[str, set[str]]) -> None:
    """An edit of one paper's network leaves most of the book as it is."""
    everywhere = set.intersection(*loaded.values())
    networks = {name for name in everywhere if name.startswith("simseg_core.models.")}
    assert networks <= {"simseg_core.models.layers"}
    assert "simseg_core.probes.field.field" not in loaded["choosing"]
