"""Multiply-accumulates (MACs) of the mathematical operation, whatever kernel runs it.

Only convolutions and matrix products count. A convolution costs one MAC per output
value, kernel tap and input channel of its group; an (n, k) by (k, m) product n*k*m.

Where a count comes from, first match wins:

1. **The module says so.** A module whose forward computes more than its mathematics
   asks for (zero-padded widths, a fused kernel of the wrong shape, a lookup in place
   of a product) declares

   ```python
   def mathematical_macs(self, *args, **kwargs) -> int: ...
   ```

   It gets the arguments of `forward` (use their shapes only: they may hold no
   numbers) and returns the MACs of the operations that stand in *its own* forward.
   Those of its submodules are counted by themselves and do not belong in it.
2. **The call has a formula here**: `F.scaled_dot_product_attention` is two matrix
   products, (L, E) by (E, S) and (L, S) by (S, V), from the shapes it was called with;
   a recurrent layer multiplies each of its weight matrices once a step.
3. **The kernel has a formula** in `torch.utils.flop_counter`; a formula added with
   `torch.utils.flop_counter.register_flop_formula` for a new kernel is honoured too.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import flop_registry

__all__ = ["attention_macs", "call_macs", "convolution_elements", "kernel_macs"]

aten = torch.ops.aten


def attention_macs(query: Tensor, key: Tensor, value: Tensor) -> int:
    """Count the two matrix products of attention, softmax left out.

    Shapes: (..., L, E), (..., S, E), (..., S, V) -> MACs (int).

    >>> query, value = torch.empty(1, 1024, 8), torch.empty(1, 1024, 64)
    >>> attention_macs(query, query, value) == 1024 * 1024 * (8 + 64)
    True
    """
    *batch, length, width = query.shape
    return prod(batch) * length * key.shape[-2] * (width + value.shape[-1])


def call_macs(function: Any, args: Any, kwargs: Mapping[str, Any]) -> int | None:
    """Count what torch's functions with kernels of many kinds do; None for others.

    Args:
        function: what a `TorchFunctionMode` was given.
        args: its arguments.
        kwargs: its keyword arguments.
    """
    if function is F.scaled_dot_product_attention:
        named = [kwargs[n] for n in ("query", "key", "value") if n in kwargs]
        return attention_macs(*[*args, *named][:3])
    if function in _RECURRENT:
        # Sequences of several lengths come packed, with their batch sizes second.
        is_packed = isinstance(args[3], list | tuple)
        given = args[3] if is_packed else args[2]
        weights = sum(weight.numel() for weight in given if weight.ndim == 2)
        return prod(args[0].shape[:-1]) * weights
    return None


_RECURRENT = (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu)


def _vector_product(*args: Any) -> int:
    """MACs of `mv` and `dot`: every value of the first factor is used once."""
    return int(args[0].numel())


# Kernels that torch's registry leaves out.
_MISSING: dict[Any, Callable[..., int]] = {
    aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda q, k, v, *_: attention_macs(q, k, v)
    ),
    aten.mv: _vector_product,
    aten.dot: _vector_product,
    aten.addmv: lambda bias, matrix, *_: int(matrix.numel()),
}


def kernel_macs(
    kernel: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any
) -> int:
    """Count the MACs of one call of an aten kernel; 0 where it multiplies no matrices.

    Args:
        kernel: the operator that a `TorchDispatchMode` was given.
        args: its arguments.
        kwargs: its keyword arguments.
        out: what it returned.
    """
    packet = getattr(kernel, "_overloadpacket", kernel)
    if packet in flop_registry:
        return int(flop_registry[packet](*args, **kwargs, out_val=out)) // 2
    if str(packet) == "torchvision.deform_conv2d":  # torchvision need not be there
        return int(out.numel() * args[1].shape[1:].numel())
    return _MISSING[packet](*args) if packet in _MISSING else 0


def convolution_elements(kernel: Any, args: tuple[Any, ...], out: Any) -> int:
    """Count the values a convolution reads and writes; 0 for any other kernel.

    This is one term of the memory traffic CIO of Chao et al. 2019 (arXiv:1909.00948,
    section 3): c_in*h_in*w_in + c_out*h_out*w_out, times the batch, without weights.
    """
    packet = getattr(kernel, "_overloadpacket", kernel)
    known = packet is aten.convolution or str(packet) == "torchvision.deform_conv2d"
    return args[0].numel() + out.numel() if known else 0
