"""Whether an answer is a student's own: it uses no block that is there already.

This reads the code and runs nothing. What hides from a reader (a name put together from
pieces) does not find the package's networks where answers are run either.
"""

import ast
import symtable
from collections.abc import Iterable
from importlib import import_module

# Whole networks and blocks of others, and this book's own.
TAKEN = (
    "simseg_core.convert",
    "simseg_core.create_model",
    "simseg_core.exercises",
    "simseg_core.models",
    "simseg_core.runs",
    "pytorchcv",
    "segmentation_models_pytorch",
    "timm",
    "torchvision.models",
    "transformers",
)


class _Piece:
    """A statement at the top of a cell, or one name of an import.

    Attributes:
        cell: Which cell it stands in.
        binds: The names that it gives a meaning.
        uses: The names that it reads, wherever inside.
        why: Why it is no work of the student's own, if it says so itself.
    """

    def __init__(
        self,
        cell: str,
        statement: ast.stmt,
        modules: dict[str, str],
        forbid: frozenset[str],
    ) -> None:
        self.cell, self._modules, self._forbid = cell, modules, forbid
        self.binds, self.uses = _outer_names(statement)
        self.why = ""
        for node in ast.walk(statement):
            self._read(node)

    def _read(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._note(alias.name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*" and str(node.module).startswith("simseg_core"):
                    self.binds |= set(import_module(str(node.module)).__all__)
                self._note(f"{node.module}.{alias.name}".removesuffix(".*"))
                self._refuse(alias.name)
        elif isinstance(node, ast.Attribute):
            first, _, rest = _dotted(node).partition(".")
            self._note(f"{self._modules.get(first, first)}.{rest}")
            self._refuse(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            self._note(node.value)  # as import_module gets it

    def _note(self, whole: str) -> None:
        if f"{whole}.".startswith(tuple(f"{name}." for name in TAKEN)):
            self.why = f"uses {whole}, and has to be your own"

    def _refuse(self, name: str) -> None:
        if name in self._forbid:
            self.why = f"uses `{name}`, which is to be written by hand here"


def taken(
    cells: Iterable[tuple[str, str]], answer: str, forbid: Iterable[str] = ()
) -> str | None:
    """Say what in an answer is not the student's own, or None.

    Args:
        cells: Names and code of all cells that the student may have written.
        answer: The name of the cell that is looked at, with all that it builds on.
        forbid: Names that this answer may not use, such as `"cross_entropy"`.

    >>> cells = [("", "from simseg_core.models import UNet as U"),
    ...          ("block", "class Mine(U): ..."), ("other", "x = 1")]
    >>> taken(cells, "block")
    'uses simseg_core.models.UNet, and has to be your own'
    >>> taken(cells, "other")
    """
    statements = [(name, node) for name, code in cells for node in _parsed(code)]
    modules: dict[str, str] = {}
    for _, statement in statements:
        modules |= _modules(statement)
    pieces = [
        _Piece(name, part, modules, frozenset(forbid))
        for name, statement in statements
        for part in _parts(statement)
    ]
    reasons: dict[str, str] = {}
    grown = True
    while grown:  # what is made of a taken name is taken as well
        grown = False
        for piece in pieces:
            why = piece.why or next(
                (reasons[name] for name in sorted(piece.uses & set(reasons))), ""
            )
            if why and not piece.why:
                piece.why, grown = why, True
            for name in piece.binds - set(reasons) if why else ():
                reasons[name], grown = why, True
    return next((p.why for p in pieces if p.cell == answer and p.why), None)


def _parsed(code: str) -> list[ast.stmt]:
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return ast.parse(TransformerManager().transform_cell(code)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # it does not run either


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""


def _parts(statement: ast.stmt) -> list[ast.stmt]:
    """Split an import of several names, which need not share a fate."""
    if isinstance(statement, ast.Import):
        return [ast.Import([alias]) for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        module, level = statement.module, statement.level
        return [ast.ImportFrom(module, [alias], level) for alias in statement.names]
    return [statement]


def _modules(statement: ast.stmt) -> dict[str, str]:
    """Give what imported names stand for: `{"s": "simseg_core"}`."""
    found: dict[str, str] = {}
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            found |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def _outer_names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Give the notebook's names that a statement binds, and those that it reads."""
    binds, uses = set(), set()
    tables = [symtable.symtable(ast.unparse(statement), "cell", "exec")]
    for table in tables:  # grows while it is walked
        tables += table.get_children()
        for symbol in table.get_symbols():
            outer = table.get_type() == "module" or symbol.is_global()
            if outer and symbol.is_referenced():
                uses.add(symbol.get_name())
            if outer and (symbol.is_assigned() or symbol.is_imported()):
                binds.add(symbol.get_name())
    return binds, uses
