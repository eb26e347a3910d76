"""Give every tensor that depends on the image its field, kernel by kernel.

`FieldMode` is a dispatch mode: each ATen kernel comes by, with the tensors it takes and
makes. Where one that it takes has a field, the kernel's rule says the result's. Where
none has, the numbers of small results are worked out: indices, masks, settings.
"""

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

from simseg_core.probes.field.arithmetic.endless import MarginTooSmallError
from simseg_core.probes.field.arithmetic.terms import Term
from simseg_core.probes.field.rules.registry import (
    NO_FIELD,
    Call,
    Field,
    Rule,
    UnknownOperationError,
    each,
    kernel_name,
    rule_for,
)
from simseg_core.probes.running.inputs import named_tensors
from simseg_core.probes.running.refusal import PLAIN_OPERATIONS
from simseg_core.probes.running.tensors import Shape, memory_of
from simseg_core.probes.running.writes import Writes

__all__ = ["FieldMode", "LayerRecord", "united_channels"]

_MOST_WHOLE = 2**20  # numbers of an index or a mask that are worked out
_MOST_FLOATING = 2**18  # numbers of other constants
_REMEDY = "probe the part of the network before it, or use gradient_support"


@dataclass(frozen=True)
class LayerRecord:
    """What a module call or a functional operation returned, with its field.

    Attributes:
        name: the module's path; of an operation, that of the module it ran in. An
            output's label.
        operation: the module's class, or the kernel.
        shape: of the tensor.
        field: along rows and columns, its channels united.
        depth: modules around it; 0 for the network itself.
        is_module, is_leaf: a module's result; with no smaller module in it.
    """

    name: str
    operation: str
    shape: Shape
    field: Field
    depth: int
    is_module: bool
    is_leaf: bool


class FieldMode(TorchDispatchMode):
    """Carry fields from kernel to kernel while it is entered.

    Args:
        paths: of the network's modules, by `id`.

    Attributes:
        fields: the field of each tensor that depends on the image. To be given that of
            the image before the network runs.
        records: what module calls and functional operations returned, in the order of
            completion; filled in by `enter_module` and `leave_module` as hooks.
        is_circular: whether a circular padding is running: whoever runs it sets this.
        writes: what the network wrote to tensors it had before.
    """

    supports_higher_order_operators = True  # they come here, to be refused by name

    def __init__(self, paths: Mapping[int, str]) -> None:
        super().__init__()
        self.fields: Any = WeakTensorKeyDictionary()
        self.records: list[LayerRecord] = []
        self.is_circular = False
        self.writes = Writes()
        self._paths = paths
        self._constants: Any = WeakTensorKeyDictionary()  # fake -> with numbers
        self._pooled: Any = WeakTensorKeyDictionary()  # `Call.pooled`
        self._open_modules: list[tuple[str, bool]] = []  # (path, has children)

    def field(self, value: Any) -> Field | None:
        """Field of a tensor; None for parameters, constants and what is no tensor."""
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
        depends = any(self.field(leaf) for leaf in leaves)
        rule = rule_for(func)
        if depends and not rule and func.namespace == "aten":
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        try:
            out = func(*args, **kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException) as error:
            if depends:
                raise self.unknown(func, "it reads values of the image") from error
            # A number out of a constant: `int(self.scale)`.
            is_item = kernel_name(func) == "_local_scalar_dense"
            value = self.values(leaves[0]) if is_item else None
            if value is None:
                raise self.unknown(func, "it reads values not known here") from error
            return value.item()
        if not depends:
            self._fold_constant(func, args, kwargs, leaves, out)
        elif _tensors(out):
            if not rule:
                own = f'tell it by simseg_core.probes.rule("{kernel_name(func)}")'
                raise self.unknown(func, "it has no rule", f"{own}, {_REMEDY}")
            self._apply(rule, func, args, kwargs, out)
        return out

    def _apply(self, rule: Rule, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        """Give the tensors of a kernel's result their fields, and record the first."""
        schema = func._schema
        arguments = {a.name: a.default_value for a in schema.arguments}
        arguments.update(zip((a.name for a in schema.arguments), args), **kwargs)
        call = Call(
            name=kernel_name(func),
            arguments=arguments,
            out=out,
            field_of=self.field,
            values=self.values,
            is_circular=self.is_circular,
            pooled=self._pooled,
        )
        outs = _tensors(out)
        try:
            made = _one_each(rule(call), len(outs))
        except MarginTooSmallError:
            raise
        except UnknownOperationError as error:
            raise self.unknown(func, str(error)) from error
        except Exception as error:
            why = f"its rule raised {type(error).__name__}: {error}"
            raise self.unknown(func, why) from error
        if schema.is_mutable:
            self._refuse_writing_views(func, outs)
        for tensor, field in zip(outs, made):
            if field == NO_FIELD:
                self.fields.pop(tensor, None)
            else:
                self.fields[tensor] = field
        path, has_children = (
            self._open_modules[-1] if self._open_modules else ("", False)
        )
        if has_children and call.name not in _NOT_RECORDED:
            self.records.append(
                LayerRecord(
                    name=path,
                    operation=call.name.strip("_").removesuffix(".default"),
                    shape=tuple(outs[0].shape),
                    field=united_channels(made[0]),
                    depth=len(self._open_modules),
                    is_module=False,
                    is_leaf=True,
                )
            )

    def _refuse_writing_views(self, func: Any, outs: list[Tensor]) -> None:
        """Refuse a write in place that another view of the memory would not see."""
        for tensor in outs:
            memory = memory_of(tensor)
            if tensor._base is not None or any(
                other is not tensor and memory_of(other) == memory
                for other in self.fields
            ):
                raise self.unknown(func, "it writes into a view of another tensor")

    def unknown(
        self, func: Any, why: str, remedy: str = _REMEDY
    ) -> UnknownOperationError:
        """Make an error that names the operation, the module and what can be done."""
        name = func.name() if hasattr(func, "name") else func.__name__
        path = next((path for path, _ in reversed(self._open_modules) if path), "")
        where = f"in module '{path}'" if path else "in the network's own forward"
        return UnknownOperationError(
            f"{name} {where}: {why}. Its receptive field is not known here: {remedy}"
        )

    def values(self, tensor: Tensor) -> NDArray[Any] | None:
        """Give a constant's numbers; None if they are unknown, or made by the image."""
        known = None if self.field(tensor) else self._with_numbers(tensor)
        if known is None or known.device.type == "meta":
            return None
        with _disable_current_modes():
            if known.dtype == torch.bfloat16:
                known = known.float()
            return known.detach().cpu().numpy()

    def _with_numbers(self, tensor: Tensor) -> Tensor | None:
        """Give a constant with its numbers; None where only its shape is known."""
        is_fake = isinstance(tensor, FakeTensor)
        return self._constants.get(tensor) if is_fake else tensor

    def _fold_constant(
        self, func: Any, args: Any, kwargs: Any, leaves: list[Any], out: Any
    ) -> None:
        """Work out numbers that the image did not make: indices, masks, settings."""
        if not isinstance(out, FakeTensor):
            return
        most = _MOST_FLOATING if out.is_floating_point() else _MOST_WHOLE
        if out.numel() > most:
            return
        given = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if any(self._with_numbers(tensor) is None for tensor in given):
            return
        args, kwargs = tree_map_only(Tensor, self._with_numbers, (args, kwargs))
        # A tensor that the network had before may be written here.
        watched = self.writes if func._schema.is_mutable else nullcontext()
        with _disable_current_modes(), watched:
            value = func(*args, **kwargs)
        self._constants[out] = value if value.device.type != "meta" else None

    def unwrapped(self, returned: Any) -> list[tuple[str, Tensor]]:
        """Take the tensors of a result out of `functionalize`, with their labels.

        Args:
            returned: by a module or the network: tensors, nested as they may be.
        """
        tensors, open_modules = [], self._open_modules
        self._open_modules = []  # views made again are no operations of the network
        for label, tensor in named_tensors(returned):
            if torch._is_functional_tensor(tensor):
                torch._sync(tensor)
                tensor = torch._from_functional_tensor(tensor)
            tensors.append((label, tensor))
        self._open_modules = open_modules
        return tensors

    def enter_module(self, module: nn.Module, args: Any) -> None:
        """Note which module runs: a forward pre-hook."""
        path = self._paths.get(id(module), type(module).__name__)
        self._open_modules.append((path, any(True for _ in module.children())))

    def leave_module(self, module: nn.Module, args: Any, returned: Any) -> None:
        """Record what the module returned: a forward hook."""
        path, has_children = self._open_modules.pop()
        for label, tensor in self.unwrapped(returned):
            field = self.field(tensor)
            if field:
                self.records.append(
                    LayerRecord(
                        name=path + (f"[{label}]" if label else ""),
                        operation=type(module).__name__,
                        shape=tuple(tensor.shape),
                        field=united_channels(field),
                        depth=len(self._open_modules),
                        is_module=True,
                        is_leaf=not has_children,
                    )
                )


def united_channels(field: Field) -> Field:
    """Unite along all dimensions that count no positions.

    No report tells channels apart, and so a field takes little memory.
    """
    counted = {dim for axis in field for term in axis for dim in term.over}

    def change(term: Term) -> Term:
        shape = tuple(term.data.shape[1:])
        dims = [dim for dim in range(len(shape)) if dim not in counted]
        return term.reduce(dims, shape).whole() if dims else term.whole()

    return each(field, change)


def _one_each(made: Field | list[Field], count: int) -> list[Field]:
    """Give what a rule returned as one field for each tensor of the result.

    Raises:
        TypeError: if it is not that.
    """
    fields = made if isinstance(made, list) else [made] * count
    if len(fields) != count or not all(
        isinstance(field, tuple) and len(field) == 2 for field in fields
    ):
        raise TypeError(
            "a rule returns a field, made by the methods of its call, or a list of "
            f"{count}, one for each tensor of the result"
        )
    return fields


def _tensors(out: Any) -> list[Tensor]:
    values = out if isinstance(out, tuple | list) else [out]
    return [value for value in values if isinstance(value, Tensor)]


_NOT_RECORDED = {
    "view", "_unsafe_view", "permute", "transpose", "t", "expand", "unsqueeze",
    "squeeze", "clone", "alias", "detach", "split", "unbind", "chunk", "select",
    "split_with_sizes", "as_strided_", "_to_copy", "lift_fresh",
    "slice_scatter", "select_scatter", "copy",
}  # fmt: skip
