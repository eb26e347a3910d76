"""Hear every ATen kernel and carry the field of every tensor along."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._ops import HigherOrderOperator
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
)
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.weak import WeakTensorKeyDictionary

# These add their rules.
import simseg_core.probes.field.rules.masks
import simseg_core.probes.field.rules.mixing
import simseg_core.probes.field.rules.patches
import simseg_core.probes.field.rules.views
import simseg_core.probes.field.rules.windows  # noqa: F401
from simseg_core.probes.field.arithmetic.terms import Term, unite
from simseg_core.probes.field.rules.registry import (
    NO_FIELD,
    RULES,
    Call,
    Field,
    UnknownOperationError,
    is_pointwise,
    pointwise,
)
from simseg_core.probes.running.inputs import named_tensors
from simseg_core.probes.running.refusal import PLAIN_OPERATIONS
from simseg_core.probes.running.writes import Writes

__all__ = ["Fields", "Heard", "told"]

Shape = tuple[int, ...]
MOST_CONSTANTS = 2**20  # numbers of an index or a mask that are worked out
MOST_FRACTIONS = 2**18  # numbers of other constants


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


class Fields(TorchDispatchMode):
    """Give every tensor that depends on the image its field."""

    supports_higher_order_operators = True  # they come here, to be refused by name

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self.fields: Any = WeakTensorKeyDictionary()
        self.constants: Any = WeakTensorKeyDictionary()
        self.heard: list[Heard] = []
        self.names = names
        self.running: list[tuple[str, bool]] = []  # (name, has children)
        self.is_circular = False  # the padding that runs
        self.writes = Writes()
        self.pooled: Any = WeakTensorKeyDictionary()  # indices -> windows back

    def field(self, value: Any) -> Field | None:
        """Field of a tensor; None for parameters and constants."""
        return self.fields.get(value) if isinstance(value, Tensor) else None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, HigherOrderOperator):
            raise self.unknown(
                func,
                "it runs functions of its own, which are not looked into",
                PLAIN_OPERATIONS,
            )
        if func.namespace == "prim":  # asks for the device and the like
            return func(*args, **kwargs)
        leaves = tree_leaves((args, kwargs))
        known = [leaf for leaf in leaves if self.field(leaf)]
        name = _name(func)
        has_rule = func.namespace == "aten" and (name in RULES or is_pointwise(func))
        if known and not has_rule and func.namespace == "aten":
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        try:
            out = func(*args, **kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException) as error:
            if known:
                raise self.unknown(func, "it reads values of the image") from error
            # A number out of a constant: `int(self.scale)`.
            value = self.values(leaves[0]) if name == "_local_scalar_dense" else None
            if value is None:
                raise self.unknown(func, "it reads values not known here") from error
            return value.item()
        if not known:
            self.remember(func, args, kwargs, leaves, out)
        elif any(isinstance(t, Tensor) for t in _tensors(out)):
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
        name = _name(func)
        named |= {"is_circular": self.is_circular, "numbers": self.numbers}
        named |= {"pooled": self.pooled, "values": self.values}
        call = Call(name, named, out, self.field)
        try:
            made = RULES.get(name, pointwise)(call)
        except UnknownOperationError as error:
            raise self.unknown(func, str(error)) from error
        outs = _tensors(out)
        if not isinstance(made, list):
            made = [made] * len(outs)
        if schema.is_mutable:
            self.written(func, outs)
        for tensor, field in zip(outs, made):
            if field == NO_FIELD:
                self.fields.pop(tensor, None)
            else:
                self.fields[tensor] = field
        if self.running and self.running[-1][1] and name not in _QUIET:
            path = self.running[-1][0]
            shape = tuple(outs[0].shape)
            operation = name.strip("_").removesuffix(".default")
            depth = len(self.running)
            self.heard.append(
                Heard(path, operation, shape, told(made[0]), depth, False, True)
            )

    def written(self, func: Any, outs: list[Tensor]) -> None:
        """Refuse a write in place that another view of the memory would not see."""
        for tensor in outs:
            memory = tensor.untyped_storage()._cdata
            if tensor._base is not None or any(
                other is not tensor and other.untyped_storage()._cdata == memory
                for other in self.fields
            ):
                raise self.unknown(func, "it writes into a view of another tensor")

    def unknown(
        self,
        func: Any,
        why: str,
        remedy: str = "probe the part of the network before it, or use "
        "gradient_support",
    ) -> UnknownOperationError:
        """Name the operation, the module and what can be done."""
        name = func.name() if hasattr(func, "name") else func.__name__
        path = next((name for name, _ in reversed(self.running) if name), "")
        where = f"in module '{path}'" if path else "in the network's own forward"
        return UnknownOperationError(
            f"{name} {where}: {why}. Its receptive field is not known here: {remedy}"
        )

    def known(self, tensor: Tensor) -> Tensor | None:
        """Give a constant with its values; None where only its shape is known."""
        return self.constants.get(tensor) if _is_fake(tensor) else tensor

    def values(self, tensor: Tensor) -> NDArray[Any] | None:
        """Give a constant's values; None if they, or it, depend on the image."""
        known = None if self.field(tensor) else self.known(tensor)
        if known is None or known.device.type == "meta":
            return None
        with _disable_current_modes():
            if known.dtype == torch.bfloat16:
                known = known.float()
            return known.detach().cpu().numpy()

    def numbers(self, tensor: Tensor) -> list[int] | None:
        """List an index's values."""
        values = self.values(tensor)
        return None if values is None else [int(i) for i in values.tolist()]

    def remember(
        self, func: Any, args: Any, kwargs: Any, leaves: list[Any], out: Any
    ) -> None:
        """Work out numbers that the image did not make: indices, masks, settings."""
        if not isinstance(out, Tensor) or not _is_fake(out):
            return
        most = MOST_FRACTIONS if out.is_floating_point() else MOST_CONSTANTS
        if out.numel() > most:
            return
        given = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if any(self.known(tensor) is None for tensor in given):
            return
        args, kwargs = tree_map_only(Tensor, self.known, (args, kwargs))
        # A tensor that the network had before may be written here.
        seen = self.writes if func._schema.is_mutable else nullcontext()
        with _disable_current_modes(), seen:
            value = func(*args, **kwargs)
        self.constants[out] = value if value.device.type != "meta" else None

    def plain(self, out: Any) -> list[tuple[str, Tensor]]:
        """Take the tensors of a result out of `functionalize`, with their labels."""
        found, running = [], self.running
        self.running = []  # views made again are no operations of the network
        for label, tensor in named_tensors(out):
            if torch._is_functional_tensor(tensor):
                torch._sync(tensor)
                tensor = torch._from_functional_tensor(tensor)
            found.append((label, tensor))
        self.running = running
        return found

    def enter(self, module: nn.Module, args: Any) -> None:
        """Note which module runs."""
        name = self.names.get(id(module), type(module).__name__)
        self.running.append((name, any(True for _ in module.children())))

    def leave(self, module: nn.Module, args: Any, out: Any) -> None:
        """Record what the module returned."""
        name, has_children = self.running.pop()
        depth = len(self.running)
        for label, tensor in self.plain(out):
            field = self.field(tensor)
            if field:
                path = name + (f"[{label}]" if label else "")
                kind, shape = type(module).__name__, tuple(tensor.shape)
                self.heard.append(
                    Heard(path, kind, shape, told(field), depth, True, not has_children)
                )


def told(field: Field) -> Field:
    """Unite what no report asks for, the channels, so that it takes no memory."""
    rows, columns = field
    over = {dim for axis in field for term in axis for dim in term.over}

    def brief(term: Term) -> Term:
        shape = tuple(term.data.shape[1:])
        dims = [d for d in range(len(shape)) if d not in over]
        return term.reduce(dims, shape).whole() if dims else term.whole()

    return unite(map(brief, rows)), unite(map(brief, columns))


def _name(func: Any) -> str:
    """Name a kernel; a copy of a view has the view's field."""
    name = str(func._overloadpacket.__name__)
    return name if name in RULES else name.removesuffix("_copy")


def _is_fake(tensor: Tensor) -> bool:
    return isinstance(tensor, FakeTensor)


def _tensors(out: Any) -> list[Tensor]:
    values = out if isinstance(out, tuple | list) else [out]
    return [value for value in values if isinstance(value, Tensor)]


_QUIET = {
    "view", "_unsafe_view", "permute", "transpose", "t", "expand", "unsqueeze",
    "squeeze", "clone", "alias", "detach", "split", "unbind", "chunk", "select",
    "split_with_sizes", "as_strided_", "_to_copy", "lift_fresh",
    "slice_scatter", "select_scatter", "copy",
}  # fmt: skip
