"""Run a part of a chapter as a plain script: no Jupyter, and no cell that it needs not.

A machine that is lent for minutes has no time for a whole chapter, and may have no
Jupyter. `needed` finds, by the names that cells assign and read, which cells stand
behind some of them; `run` executes those in order, with other settings where asked.
"""

import ast
import json
import symtable
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]


def code_cells(name: str) -> list[str]:
    """Return the code of a chapter's cells, without set-up and IPython's own lines."""
    cells = json.loads((ROOT / "chapters" / f"{name}.ipynb").read_text("utf-8"))[
        "cells"
    ]
    found = []
    for cell in cells:
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and "setup" not in tags:
            lines = "".join(cell["source"]).splitlines()
            found.append("\n".join(line for line in lines if not line.startswith("%")))
    return found


def needed(cells: Sequence[str], targets: Iterable[int]) -> list[int]:
    """Return the targets and all cells that they stand on, in order.

    What a cell reads as it runs comes from the nearest cell before it that assigns the
    name. What a function reads it reads when it is called: there every cell up to the
    last target counts. A cell that only changes an object that another one made,
    without assigning a name, is not seen: it has to be a target itself.

    >>> needed(["a = 1", "b = 2", "a = 3", "c = [a for b in 'x']"], [3])
    [2, 3]
    """
    names = [_names(code) for code in cells]
    kept, new = set(), set(targets)
    last = max(new)
    while new:
        kept |= new
        behind: set[int] = set()
        for index in new:
            for name in names[index].read:
                before = [i for i in range(index) if name in names[i].assigned]
                behind |= set(before[-1:])
            for name in names[index].read_later:
                behind |= {i for i in range(last) if name in names[i].assigned}
        new = behind - kept
    return sorted(kept)


class _Names(NamedTuple):
    """The names that a cell reads from others, by when; and those that it assigns."""

    read: set[str]
    read_later: set[str]
    assigned: set[str]


def _names(code: str) -> _Names:
    table = symtable.symtable(code, "cell", "exec")
    of_module = {s.get_name() for s in table.get_symbols()} | _read_inside(table)
    own = {s.get_name() for s in table.get_symbols() if s.is_assigned()}
    read: set[str] = set()
    later: set[str] = set()
    assigned: set[str] = set()
    for statement in ast.parse(code).body:
        nodes = list(ast.walk(statement))
        names = _names_outside_comprehensions(statement)
        loaded = {n.id for n in names if isinstance(n.ctx, ast.Load)} & of_module
        stored = _stored(statement) & own  # only at the cell's own level
        if isinstance(statement, ast.AugAssign):  # its target is read too
            loaded |= stored
        elif isinstance(statement, ast.For | ast.With):
            loaded -= stored  # assigned by its first line, read in its body
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            stored = {statement.name}
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            stored = {(a.asname or a.name).split(".")[0] for a in statement.names}
        loaded -= assigned
        if any(isinstance(n, ast.FunctionDef | ast.Lambda) for n in nodes):
            later |= loaded
        if not isinstance(statement, ast.FunctionDef):
            read |= loaded
        assigned |= stored
    return _Names(read, later, assigned)


def _stored(statement: ast.stmt) -> set[str]:
    names = _names_outside_comprehensions(statement)
    return {n.id for n in names if isinstance(n.ctx, ast.Store)}


def _names_outside_comprehensions(statement: ast.stmt) -> list[ast.Name]:
    """Return the names that are no loop variables of a comprehension.

    Since Python 3.12 the table of symbols counts these among the cell's own.
    """
    inside: set[ast.AST] = set()
    for node in ast.walk(statement):
        if isinstance(
            node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        ):
            targets = [n for each in node.generators for n in ast.walk(each.target)]
            own = {n.id for n in targets if isinstance(n, ast.Name)}
            outside = set(ast.walk(node.generators[0].iter))
            inside |= {
                n
                for n in set(ast.walk(node)) - outside
                if isinstance(n, ast.Name) and n.id in own
            }
    names = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
    return [n for n in names if n not in inside]


def _read_inside(table: symtable.SymbolTable) -> set[str]:
    """Return the names of the module that functions and comprehensions read."""
    found: set[str] = set()
    for child in table.get_children():
        found |= {s.get_name() for s in child.get_symbols() if s.is_global()}
        found |= _read_inside(child)
    return found


def run(
    cells: Sequence[str],
    *,
    settings: Mapping[str, Any],
    before: Callable[[int], None] = lambda index: None,
) -> dict[str, Any]:
    """Execute cells in order; return the names that they left.

    Args:
        cells: their code.
        settings: name -> the value that it has from the cell on which assigns it, in
            place of the chapter's own.
        before: called with each cell's number before it runs.

    Raises:
        ValueError: if no cell assigns one of the settings.
    """
    space: dict[str, Any] = {"__name__": "__chapter__"}
    left = dict(settings)
    for index, code in enumerate(cells):
        before(index)
        tree = ast.parse(code)
        for statement in tree.body:
            part = ast.Module([statement], [])
            exec(compile(part, f"<cell {index}>", "exec"), space)
            if isinstance(statement, ast.Assign):
                for name in _stored(statement) & set(settings):
                    space[name] = settings[name]
                    left.pop(name, None)
    if left:
        raise ValueError(f"no cell assigns {', '.join(left)}")
    return space
