"""What a listener writes down: calls, modules, and the tensors between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "INPUT",
    "Call",
    "Frame",
    "Shape",
    "bytes_of",
    "memory_of",
    "name_of",
    "shape_of",
    "shapes_of",
    "tensors_in",
    "version_of",
]

Shape = tuple[int, ...]
INPUT = -1  # the frame of the network's inputs: before any module


@dataclass
class Call:
    """One operation that ran: what it read, made and cost."""

    operation: str
    frame: int  # the module it ran in: an index into Listener.frames
    reads: list[tuple[int, Shape]]  # (call that made the tensor, its shape)
    output_shapes: list[Shape] = field(default_factory=list)
    output_bytes: int = 0
    parameters: int = 0  # those that no earlier call has used
    macs: int = 0
    is_counted: bool = True  # False where a kernel that may multiply has no formula
    new_bytes: int = 0  # memory that did not exist before: 0 for a view or in place
    moved_bytes: int = 0
    conv_elements: int = 0


@dataclass
class Frame:
    """One call of a module; the root is frame 0."""

    stage: str
    operation: str
    parent: int
    is_builtin: bool  # its forward is torch.nn's own
    input_shapes: list[Shape] = field(default_factory=list)
    output_shapes: list[Shape] = field(default_factory=list)
    output_bytes: int = 0
    has_children: bool = False
    calls: list[int] = field(default_factory=list)  # those of its own forward


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists, mappings and dataclasses, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for entry in fields(value):
            yield from tensors_in(getattr(value, entry.name))


def shapes_of(value: Any) -> list[Shape]:
    """List the shapes of the tensors in `value`."""
    return [shape_of(tensor) for tensor in tensors_in(value)]


def shape_of(tensor: Tensor) -> Shape:
    """Tell a tensor's shape.

    Raises:
        ValueError: if it is nested in the layout that has none.
    """
    if tensor.is_nested and tensor.layout == torch.strided:
        raise ValueError(
            "a nested tensor of this layout tells no shape: make it with "
            "layout=torch.jagged"
        )
    return tuple(tensor.shape)


def bytes_of(value: Any) -> int:
    """Sum the bytes of the tensors in `value`."""
    return sum(t.numel() * t.element_size() for t in tensors_in(value))


def memory_of(tensor: Tensor) -> int:
    """Name the memory behind a tensor; views of each other share it."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except NotImplementedError:  # sparse and other tensors without one storage
        return id(tensor)


def version_of(tensor: Tensor) -> int:
    """Tell how often a tensor was written; those of inference mode do not count it."""
    return 0 if tensor.is_inference() else int(tensor._version)


_DUNDERS = {"add", "sub", "mul", "truediv", "floordiv", "matmul", "pow"}
_RENAMED = {
    "getitem": "slice",
    "setitem": "slice_assign",
    "truediv": "div",
    "truediv_": "div_",
}


def name_of(function: Any) -> str:
    """Name a call as the field does: `__iadd__` -> add_, `__getitem__` -> slice."""
    function = getattr(function, "_overloadpacket", function)  # torch.ops.x.y.default
    name = getattr(function, "__name__", type(function).__name__)
    if name == "__get__":  # a property, such as x.T
        name = getattr(getattr(function, "__self__", None), "__name__", "view")
    if name.startswith("__"):
        name = name.strip("_")
        if name[1:] in _DUNDERS and name[0] in "ir":
            name = name[1:] + ("_" if name[0] == "i" else "")
        return _RENAMED.get(name, name)
    return _RENAMED.get(name.lstrip("_"), name.lstrip("_"))
