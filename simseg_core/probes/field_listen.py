"""Run a network on fake tensors and carry the field of every tensor along.

Fake tensors have a shape and no values, so a large network at 513 x 513 takes a second
and no memory. A dispatch mode hears each ATen kernel; module hooks tell where it ran.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

# These add their rules.
import simseg_core.probes.field_mixing
import simseg_core.probes.field_views
import simseg_core.probes.field_windows  # noqa: F401
from simseg_core.probes.field_input import evaluating, named_tensors
from simseg_core.probes.field_rules import (
    NO_FIELD,
    RULES,
    Call,
    Field,
    UnknownOperationError,
    is_pointwise,
    pointwise,
)
from simseg_core.probes.field_terms import source

__all__ = ["Heard", "listen"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Heard:
    """A module call or a functional operation, with the field of what it made."""

    name: str
    operation: str
    shape: Shape
    field: Field
    depth: int  # 0 for the network itself
    is_module: bool
    is_leaf: bool  # made of no smaller modules


class _Fields(TorchDispatchMode):
    """Give every tensor that depends on the image its field."""

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self.fields: Any = WeakTensorKeyDictionary()
        self.heard: list[Heard] = []
        self.names = names
        self.running: list[tuple[str, bool]] = []  # (name, has children)

    def field(self, value: Any) -> Field | None:
        """Field of a tensor; None for parameters and constants."""
        return self.fields.get(value) if isinstance(value, Tensor) else None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        leaves = torch.utils._pytree.tree_leaves((args, kwargs))
        known = [leaf for leaf in leaves if self.field(leaf)]
        name = func._overloadpacket.__name__
        has_rule = func.namespace == "aten" and (name in RULES or is_pointwise(func))
        if known and not has_rule and func.namespace == "aten":
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        try:
            out = func(*args, **kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException) as error:
            raise self.unknown(func, "it reads values of the image") from error
        if known and any(isinstance(t, Tensor) for t in _tensors(out)):
            if not has_rule:
                raise self.unknown(func, "it has no rule")
            self.record(func, args, kwargs, out, known)
        return out

    def record(
        self, func: Any, args: Any, kwargs: Any, out: Any, known: list[Tensor]
    ) -> None:
        """Work out the field of a kernel's result."""
        schema = func._schema
        named = {a.name: a.default_value for a in schema.arguments}
        named.update(zip((a.name for a in schema.arguments), args), **kwargs)
        name = func._overloadpacket.__name__
        call = Call(name, named, out, self.field)
        try:
            made = RULES.get(name, pointwise)(call)
        except UnknownOperationError as error:
            raise self.unknown(func, str(error)) from error
        outs = _tensors(out)
        if not isinstance(made, list):
            made = [made] * len(outs)
        if schema.is_mutable:
            self.written(func, outs, made)
        for tensor, field in zip(outs, made):
            if field == NO_FIELD:
                self.fields.pop(tensor, None)
            else:
                self.fields[tensor] = field
        if self.running and self.running[-1][1] and not _is_silent(func):
            path = self.running[-1][0]
            shape = tuple(outs[0].shape)
            operation = name.strip("_").removesuffix(".default")
            depth = len(self.running)
            self.heard.append(
                Heard(path, operation, shape, made[0], depth, False, True)
            )

    def written(self, func: Any, outs: list[Tensor], made: list[Field]) -> None:
        """Refuse a write in place that another view of the memory would not see."""
        for tensor, field in zip(outs, made):
            before = self.field(tensor)
            if before and _same(before, field):
                continue
            memory = tensor.untyped_storage()._cdata
            shared = tensor._base is not None or any(
                other is not tensor and other.untyped_storage()._cdata == memory
                for other in self.fields
            )
            if shared:
                raise self.unknown(func, "it writes into a view of another tensor")

    def unknown(self, func: Any, why: str) -> UnknownOperationError:
        """Name the operation, the module and what can be done."""
        path = next((name for name, _ in reversed(self.running) if name), "")
        where = f"in module '{path}'" if path else "in the network's own forward"
        return UnknownOperationError(
            f"{func.name()} {where}: {why}. Its receptive field is not known here: "
            "probe the part of the network before it, or use gradient_support"
        )

    def enter(self, module: nn.Module, args: Any) -> None:
        """Note which module runs."""
        name = self.names.get(id(module), type(module).__name__)
        self.running.append((name, any(True for _ in module.children())))

    def leave(self, module: nn.Module, args: Any, out: Any) -> None:
        """Record what the module returned."""
        name, has_children = self.running.pop()
        depth = len(self.running)
        for label, tensor in named_tensors(out):
            field = self.field(tensor)
            if field:
                path = name + (f"[{label}]" if label else "")
                kind, shape = type(module).__name__, tuple(tensor.shape)
                self.heard.append(
                    Heard(path, kind, shape, field, depth, True, not has_children)
                )


def listen(
    model: nn.Module, shape: Shape, margin: int
) -> tuple[list[Heard], list[Heard]]:
    """Run `model` on a fake image (1, C, H, W) that goes on for `margin` pixels.

    Returns:
        What ran, in the order of completion, and each output with its label.
    """
    names = {id(module): name for name, module in model.named_modules()}
    mode = _Fields(names)
    kind = next((p.dtype for p in model.parameters()), torch.float32)
    with ExitStack() as stack:
        stack.enter_context(evaluating(model))
        stack.enter_context(torch.no_grad())
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        image = torch.empty(shape, dtype=kind, device=device)
        mode.fields[image] = (
            source(shape[2], margin, 2, 4),
            source(shape[3], margin, 3, 4),
        )
        for handle in (
            register_module_forward_pre_hook(mode.enter),
            register_module_forward_hook(mode.leave),
        ):
            stack.callback(handle.remove)
        stack.enter_context(mode)
        out = model(image)
        outputs = [
            Heard(label, "output", tuple(tensor.shape), field, 0, True, False)
            for label, tensor in named_tensors(out)
            if (field := mode.field(tensor))
        ]
    return mode.heard, outputs


def _tensors(out: Any) -> list[Tensor]:
    values = out if isinstance(out, tuple | list) else [out]
    return [value for value in values if isinstance(value, Tensor)]


_QUIET = {
    "view", "_unsafe_view", "permute", "transpose", "t", "expand", "unsqueeze",
    "squeeze", "clone", "alias", "detach", "split", "unbind", "chunk", "select",
    "split_with_sizes", "as_strided_", "_to_copy", "lift_fresh",
}  # fmt: skip


def _is_silent(func: Any) -> bool:
    """Whether an operation between modules is only another view."""
    return func._overloadpacket.__name__ in _QUIET


def _same(one: Field, other: Field) -> bool:
    for a, b in zip(one, other):
        mine, theirs = ({t.over: t.data for t in axis} for axis in (a, b))
        if mine.keys() != theirs.keys():
            return False
        if any(not np.array_equal(mine[key], theirs[key]) for key in mine):
            return False
    return True
