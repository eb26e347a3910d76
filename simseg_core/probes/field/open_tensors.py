"""Tensors as `gradient_support` runs them: in float64, weights positive, none written.

A function mode sees every call, so it does not matter where a network keeps its weights
and constants, or on which device and of what type they are: each tensor that stood
before the run has a twin, which takes its place in the call, and what a call makes is
float64.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map, tree_map_only
from torch.utils.weak import WeakTensorKeyDictionary

__all__ = ["OpenTensors"]

_CASTS = {"float", "double", "half", "bfloat16"}
_MOVES = {"cuda", "xpu"}


class OpenTensors(TorchFunctionMode):
    """Put an opened twin in the place of every tensor that stood before.

    Args:
        modules: whose tensors are known by their names.
        generator: of the weights.
    """

    def __init__(
        self, modules: Iterable[nn.Module], generator: torch.Generator
    ) -> None:
        super().__init__()
        self.generator = generator
        self.names: Any = WeakTensorKeyDictionary()
        for module in modules:
            for own in (module.named_parameters, module.named_buffers):
                self.names.update((t, name) for name, t in own(recurse=False))
        self.twins: Any = WeakTensorKeyDictionary()
        self.made: Any = WeakTensorKeyDictionary()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        args, kwargs = tree_map(self._given, (args, kwargs or {}))
        if kwargs.get("device") is not None:
            kwargs["device"] = "cpu"
        if name in _MOVES:
            return args[0]
        if name in _CASTS:
            func, args, kwargs = Tensor.to, (args[0], torch.float64), {}
        elif name == "to":
            args = ["cpu" if isinstance(value, str) else value for value in args]
        return tree_map_only(Tensor, self.make, func(*args, **kwargs))

    def make(self, tensor: Tensor) -> Tensor:
        """Let a tensor of the run be float64, and known as one of the run."""
        with torch._C.DisableTorchFunction():
            tensor = tensor.to("cpu", _wide(tensor.dtype))
        self.made[tensor] = True
        return tensor

    def _given(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._twin(value)
        if isinstance(value, torch.dtype):
            return _wide(value)
        return torch.device("cpu") if isinstance(value, torch.device) else value

    def _twin(self, tensor: Tensor) -> Tensor:
        if tensor in self.made:
            return tensor
        if tensor.grad_fn is not None:  # made past the functions that a mode sees
            return self.make(tensor)
        if tensor not in self.twins:
            with torch.no_grad(), torch._C.DisableTorchFunction():
                self.twins[tensor] = self.make(self._opened(tensor))
        return self.twins[tensor]

    def _opened(self, tensor: Tensor) -> Tensor:
        name, shape = self.names.get(tensor, ""), tensor.shape
        if tensor.is_floating_point():
            if name == "running_var" or (name == "weight" and tensor.ndim < 2):
                return torch.ones(shape)
            if name == "running_mean" or name.endswith("bias"):
                return torch.zeros(shape)
        if isinstance(tensor, nn.Parameter) and not _is_whole(tensor.dtype):
            fan_in = max(tensor.numel() // max(shape[:1].numel(), 1), 1)
            kind = _wide(tensor.dtype)
            noise = torch.rand(shape, generator=self.generator, dtype=kind)
            return (0.5 + noise) / fan_in
        return tensor.detach().clone()


def _is_whole(dtype: torch.dtype) -> bool:
    return not (dtype.is_floating_point or dtype.is_complex)


def _wide(dtype: torch.dtype) -> torch.dtype:
    if dtype.is_complex:
        return torch.complex128
    return torch.float64 if dtype.is_floating_point else dtype
