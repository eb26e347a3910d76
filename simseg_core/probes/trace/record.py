"""What a listener writes down: calls, modules, and the tensors between them."""

from dataclasses import dataclass, field
from typing import Any

from simseg_core.probes.running.tensors import Shape

__all__ = ["INPUT", "Call", "Frame", "name_of"]

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
