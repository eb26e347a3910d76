"""See what a network writes in place, and put back what stood before."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from simseg_core.probes.running.tensors import memory_of

__all__ = ["Writes", "written_back"]


@contextmanager
def written_back() -> Iterator[None]:
    """Put back every tensor that stood before and is written in place here."""
    writes = Writes()
    try:
        with writes:
            yield
    finally:
        writes.put_back()


class Writes(TorchDispatchMode):
    """See what is written in place, and keep the memory that stood before."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()
        self.made: set[int] = set()  # memory of tensors made meanwhile
        self.kept: dict[int, tuple[Any, Any]] = {}
        self.constants: list[Tensor] = []  # those that had no gradient

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        schema = getattr(func, "_schema", None)  # `torch.cond` and its kind have none
        for place, argument in enumerate(schema.arguments if schema else ()):
            given = args[place] if place < len(args) else kwargs.get(argument.name)
            is_declared = (
                argument.alias_info is not None and argument.alias_info.is_write
            )
            # BatchNorm's kernels do not declare what they write.
            if is_declared or argument.name in ("running_mean", "running_var"):
                for tensor in _tensors(given):
                    self._keep(tensor)
        out = func(*args, **kwargs)
        given = {memory_of(tensor) for tensor in _tensors((args, kwargs))}
        self.made |= {memory_of(tensor) for tensor in _tensors(out)} - given
        return out

    def _keep(self, tensor: Tensor) -> None:
        memory = memory_of(tensor)
        known = memory in self.made or memory in self.kept
        if known or isinstance(tensor, FakeTensor) or memory == id(tensor):
            return
        owner = tensor if tensor._base is None else tensor._base
        if not owner.requires_grad:
            self.constants.append(owner)
        storage = tensor.untyped_storage()
        with _disable_current_modes():
            self.kept[memory] = storage, storage.clone()

    def put_back(self) -> None:
        """Let the memory hold what it did."""
        with _disable_current_modes():
            for storage, before in self.kept.values():
                storage.copy_(before)
            for tensor in self.constants:
                if tensor.requires_grad:  # of what was written
                    tensor.detach_()


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
