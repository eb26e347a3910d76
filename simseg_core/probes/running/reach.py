"""Find the modules that a callable holds, wherever it keeps them.

A network is often probed inside a function: `lambda image: net(image, depth=d)`, a
bound method, a partial. What such a callable holds is found here by looking: closures,
arguments bound or by default, attributes, lists and dictionaries, hooks, and the global
names in its code. (A module that none of these leads to is met when it runs: see
`unchanged.py`.)
"""

import sys
from argparse import Namespace
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any
from weakref import ProxyTypes, ReferenceType

from torch import Tensor, nn

__all__ = ["HOLDERS", "is_foreign", "modules_in", "reach"]

_MOST_OBJECTS = 10_000  # nearest first: enough for a network, and an end for a data set
HOLDERS = (list, dict, set, deque, OrderedDict, defaultdict)
_LIBRARIES = {*sys.stdlib_module_names, "torch", "numpy"}
_REGISTERED = {"_parameters", "_buffers", "_modules"}
_LEAVES = (Tensor, str, bytes, int, float, complex, type(None), ModuleType)


def modules_in(model: Any) -> list[nn.Module]:
    """List the modules that a callable holds, nearest first, with all in them.

    >>> conv = nn.Conv2d(1, 1, 3)
    >>> modules_in(partial(lambda layers, image: layers[0](image), [conv])) == [conv]
    True
    """
    found: dict[nn.Module, None] = {}
    for value in reach(model):
        if isinstance(value, nn.Module) and value not in found:
            found |= dict.fromkeys(value.modules())
    return list(found)


def reach(model: Any) -> Iterator[Any]:
    """Yield what a callable holds, itself first: functions, objects, lists."""
    seen: dict[int, Any] = {}
    waiting = deque([model])
    while waiting and len(seen) < _MOST_OBJECTS:
        value = waiting.popleft()
        if type(value) in ProxyTypes:
            try:
                value = value.__repr__.__self__  # what the proxy stands for
            except ReferenceError:  # it is no more
                continue
        if id(value) in seen:
            continue
        seen[id(value)] = value
        yield value
        held = islice(_held(value), _MOST_OBJECTS)
        waiting.extend(one for one in held if not _is_leaf(one))


def is_foreign(value: Any) -> bool:
    """Whether an object is a library's own, such as a logger: no part of a network."""
    kind = value if isinstance(value, type) else type(value)
    root = str(kind.__module__).partition(".")[0]
    own = issubclass(kind, nn.Module | SimpleNamespace | Namespace)
    return root in _LIBRARIES and not own


def _held(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from list(value.values())
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from list(value)
    elif isinstance(value, FunctionType):
        yield from _held_by_function(value)
    elif isinstance(value, MethodType):
        yield from (value.__self__, value.__func__)
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, ReferenceType):
        yield value()
    elif isinstance(value, staticmethod | classmethod):
        yield value.__func__
    elif isinstance(value, nn.Module):
        yield from value.children()
        own = [held for name, held in vars(value).items() if name not in _REGISTERED]
        yield from (held for held in own if not _is_plain(held))
    elif not is_foreign(value):
        yield from list(getattr(value, "__dict__", {}).values())
        if not isinstance(value, type):
            yield from _in_slots(value)
            yield type(value)  # its own modules, and the names that its methods use


def _is_plain(value: Any) -> bool:
    """Whether there is nothing to find in an attribute, as in most of them."""
    if issubclass(type(value), dict):
        return not value
    items = value if issubclass(type(value), list | tuple | set) else [value]
    return all(map(_is_leaf, items))


def _is_leaf(value: Any) -> bool:
    return issubclass(type(value), _LEAVES)  # a weak proxy may stand for nothing


def _held_by_function(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    yield from (function.__defaults__, function.__kwdefaults__, vars(function))
    known, names = function.__globals__, _names(function.__code__)
    for name in names & known.keys():
        value = known[name]
        if isinstance(value, ModuleType):  # `import nets`, then `nets.net`
            inside = (vars(value).get(other) for other in names)
            yield from (one for one in inside if isinstance(one, nn.Module))
        # Another file's functions lead through whole libraries.
        elif getattr(value, "__globals__", known) is known:
            yield value


def _names(code: CodeType) -> set[str]:
    """Name the globals and attributes that a function's code uses, lambdas' too."""
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _in_slots(value: Any) -> Iterator[Any]:
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            yield getattr(value, name, None)
