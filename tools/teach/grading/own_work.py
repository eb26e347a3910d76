"""Whether an answer is a student's own: it uses no block that is there already.

This reads the code and runs none of it. What hides from a reader (a name put together
from pieces) does not find the package's networks where answers are run either.
"""

import ast
import symtable
from collections import defaultdict
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
_TOO_DEEP = "builds on code that is nested too deeply to be read"
# What may be imported whole (`*`), to be looked up name by name.
_OPEN = ("simseg_core", "torch", "torch.nn", "torch.nn.functional", "torchvision")


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
        self.binds: set[str] = set()
        self.uses: set[str] = set()
        self.why = ""
        try:
            self._take_in(statement)
        except RecursionError:
            self.why = _TOO_DEEP
        except SyntaxError:
            pass  # it does not run either

    def _take_in(self, statement: ast.stmt) -> None:
        binds, uses = _outer_names(statement)
        self.uses |= uses
        self.binds |= binds
        for node in ast.walk(statement):
            self._read(node)
            # Who changes a thing may make it another: `Mine.forward = ...`.
            if _first_of_what_changes(node) in uses:
                self.binds.add(_first_of_what_changes(node))

    def _read(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._note(alias.name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":
                    self.binds |= set(_public_names(str(node.module)))
                self._note(f"{node.module}.{alias.name}".removesuffix(".*"))
                self._refuse(alias.name)
        elif isinstance(node, ast.Attribute):
            first, _, rest = _dotted(node).partition(".")
            self._note(f"{self._modules.get(first, first)}.{rest}")
            self._refuse(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.replace(".", "").isidentifier():
                self._note(node.value)  # as import_module gets it
        elif isinstance(node, ast.Call) and _dotted(node.func) != "print":
            for given in [*node.args, *(keyword.value for keyword in node.keywords)]:
                if isinstance(given, ast.Constant) and isinstance(given.value, str):
                    self._refuse(given.value)  # as getattr gets it
                    for statement in _code_in(given.value):
                        self._take_in(statement)

    def _note(self, whole: str) -> None:
        if f"{whole}.".startswith(tuple(f"{name}." for name in TAKEN)):
            self.why = f"uses {whole}, and has to be your own"

    def _refuse(self, name: str) -> None:
        if name in self._forbid:
            self.why = f"uses `{name}`, which is to be written by hand here"


def taken(
    cells: Iterable[tuple[str, str]],
    answer: str,
    forbid: Iterable[str] = (),
    names: Iterable[str] = (),
) -> str | None:
    """Say what in an answer is not the student's own, or None.

    Args:
        cells: Names and code of all cells that the student may have written.
        answer: The name of the cell that is looked at, with all that it builds on.
        forbid: Names that this answer may not use, such as `"cross_entropy"`.
        names: What its tests ask for, in whichever cell it gets its meaning.

    >>> cells = [("", "from simseg_core.models import UNet as U"),
    ...          ("block", "class Mine(U): ..."), ("other", "x = 1")]
    >>> taken(cells, "block")
    'uses simseg_core.models.UNet, and has to be your own'
    >>> taken(cells, "other")
    """
    try:
        statements = [(name, node) for name, code in cells for node in _parsed(code)]
    except RecursionError:
        return _TOO_DEEP
    modules: dict[str, str] = {}
    for _, statement in statements:
        modules |= _modules(statement)
    pieces = [
        _Piece(name, part, modules, frozenset(forbid))
        for name, statement in statements
        for part in _parts(statement)
    ]
    readers: dict[str, list[_Piece]] = defaultdict(list)
    for piece in pieces:
        for name in piece.uses:
            readers[name].append(piece)
    known: set[str] = set()
    found = [piece for piece in pieces if piece.why]
    for piece in found:  # grows: what is made of a taken name is taken as well
        for name in piece.binds - known:
            known.add(name)
            for reader in readers[name]:
                if not reader.why:
                    reader.why = piece.why
                    found.append(reader)
    asked = set(names)
    theirs = (p for p in pieces if p.cell == answer or p.binds & asked)
    return next((piece.why for piece in theirs if piece.why), None)


def names_in(code: str) -> set[str]:
    r"""Give the names that a cell gives a meaning, as far as it can be read.

    >>> sorted(names_in("import torch\ndef mine(x): y = x"))
    ['mine', 'torch']
    """
    try:
        return {
            n for one in _parsed(code) for n in _Piece("", one, {}, frozenset()).binds
        }
    except RecursionError:
        return set()


def _parsed(code: str) -> list[ast.stmt]:
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return ast.parse(TransformerManager().transform_cell(code)).body
    except (SyntaxError, ValueError):
        return []  # it does not run either
    except MemoryError:  # the parser's word for it
        raise RecursionError from None


def _code_in(text: str) -> list[ast.stmt]:
    """Give the code that a text holds, as `exec` and `%%time` get it."""
    statements = _parsed(text) if "(" in text or "import" in text else []
    kinds = (ast.Call, ast.Import, ast.ImportFrom)
    nodes = (node for one in statements for node in ast.walk(one))
    return statements if any(isinstance(node, kinds) for node in nodes) else []


def _first_of_what_changes(node: ast.AST) -> str:
    """Name whose attribute or item is set, if one is."""
    inner: ast.AST
    if isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node.ctx, ast.Load):
            return ""
        inner = node
    elif isinstance(node, ast.Call) and _dotted(node.func) == "setattr" and node.args:
        inner = node.args[0]
    else:
        return ""
    while isinstance(inner, ast.Attribute | ast.Subscript):
        inner = inner.value
    return inner.id if isinstance(inner, ast.Name) else ""


def _public_names(module: str) -> list[str]:
    """List what `from module import *` gives."""
    # A name from a student's code: imported here only if it is one of those meant.
    ours = tuple(f"{name}." for name in ("simseg_core", *TAKEN))
    meant = module in _OPEN or f"{module}.".startswith(ours)
    if not meant or "__main__" in module:
        return []
    try:
        found = import_module(module)
    except (Exception, SystemExit):
        return []  # it is not there for the student either
    names = (name for name in vars(found) if not name.startswith("_"))
    return list(getattr(found, "__all__", names))


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
        names = [alias for alias in statement.names if alias.name != "*"]
        if len(names) < len(statement.names):
            names += [ast.alias(name) for name in _public_names(str(module))]
        return [ast.ImportFrom(module, [alias], level) for alias in names]
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
