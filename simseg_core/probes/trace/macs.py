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
2. **The call has a formula here**, from the shapes it was called with:
   `F.scaled_dot_product_attention` is two matrix products, (L, E) by (E, S) and (L, S)
   by (S, V); a recurrent layer multiplies each of its weight matrices once a step;
   `torch.bilinear` multiplies its weight by the first input, (n, in1) by
   (in1, in2*out), then what that gave by the second; `torch.cdist` of order 2 has the
   product x y^T in it; `outer` and `kron` are (n, 1) by (1, m).
3. **The kernel has a formula** here or in `torch.utils.flop_counter`; one added with
   `torch.utils.flop_counter.register_flop_formula` for a new kernel is honoured too.
4. **The kernel is known to multiply no matrices** (`no_products.py`):
   elementwise operations, views, pooling, resizing, normalisation, sums.

Any other kernel may multiply: a Fourier transform, a decomposition, sparse and
quantised products, an operation of your own. It adds 0 and is named in `not_counted`.
Work that torch never hears of (numpy, a kernel launched by hand) cannot be named.
A mask saves nothing, and a product of complex numbers counts as one.
"""

from collections.abc import Callable, Mapping
from functools import cache
from itertools import zip_longest
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from simseg_core.probes.trace.no_products import has_no_products, holds_a_tensor

__all__ = ["call_macs", "convolution_elements", "kernel_macs"]

aten = torch.ops.aten


def _attention_macs(query: Tensor, key: Tensor, value: Tensor) -> int:
    """Count the two matrix products of attention, softmax left out.

    Shapes: (..., L, E), (..., S, E), (..., S, V) -> MACs (int). The dimensions in front
    broadcast; of grouped heads each query's counts.

    >>> query, value = torch.empty(1, 1024, 8), torch.empty(1, 1024, 64)
    >>> _attention_macs(query, query, value) == 1024 * 1024 * (8 + 64)
    True
    """
    batch = _broadcast(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    length, width = query.shape[-2:]
    return prod(batch) * length * key.shape[-2] * (width + value.shape[-1])


def _broadcast(*shapes: tuple[int, ...]) -> list[int]:
    """Broadcast shapes; where heads are grouped the larger number is a multiple."""
    sizes = zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1)
    return [0 if 0 in given else max(given) for given in sizes]


def call_macs(
    function: Any, args: Any, kwargs: Mapping[str, Any], out: Any
) -> int | None:
    """Count what torch's functions with kernels of many kinds do; None for others.

    Args:
        function: what a `TorchFunctionMode` was given.
        args: its arguments.
        kwargs: its keyword arguments.
        out: what it returned.
    """
    try:
        names, formula = _CALLS[function]
    except (KeyError, TypeError):  # without a formula, or not hashable
        return None
    given = {**dict(zip(names, args)), **kwargs}
    if any(isinstance(v, Tensor) and v.is_nested for v in given.values()):
        return None
    return formula(given, out)


def _attention(given: Mapping[str, Any], out: Any) -> int:
    return _attention_macs(given["query"], given["key"], given["value"])


def _recurrent(given: Mapping[str, Any], out: Any) -> int | None:
    # Sequences of several lengths come packed, with their batch sizes second.
    is_packed = isinstance(given.get("params"), list | tuple)
    weights = given.get("params" if is_packed else "hx")
    if not isinstance(weights, list | tuple):
        return None
    matrices = sum(weight.numel() for weight in weights if weight.ndim == 2)
    return prod(given["input"].shape[:-1]) * matrices


def _bilinear(given: Mapping[str, Any], out: Any) -> int:
    made, _, second = given["weight"].shape
    return prod(out.shape[:-1]) * (given["weight"].numel() + made * second)


def _distances(given: Mapping[str, Any], out: Any) -> int | None:
    return out.numel() * given["x1"].shape[-1] if given.get("p", 2.0) == 2 else None


def _pairs(given: Mapping[str, Any], out: Any) -> int:
    return int(out.numel())


def _einsum(given: Mapping[str, Any], out: Any) -> int | None:
    """Count `i,j->ij`, where torch sums nothing and so multiplies no matrices."""
    factors = [v for v in given.values() if isinstance(v, Tensor)]
    is_outer = len(factors) == 2 and out.numel() == prod(f.numel() for f in factors)
    return _pairs(given, out) if is_outer else None


def _vector_products(given: Mapping[str, Any], out: Any) -> int:
    return prod(_broadcast(given["x"].shape, given["y"].shape))


_CALLS: dict[Any, tuple[tuple[str, ...], Callable[..., int | None]]] = {
    F.scaled_dot_product_attention: (("query", "key", "value"), _attention),
    torch.bilinear: (("input1", "input2", "weight", "bias"), _bilinear),
    torch.einsum: (("equation", "one", "two", "three"), _einsum),
    torch.cdist: (("x1", "x2", "p"), _distances),
    torch.linalg.vecdot: (("x", "y"), _vector_products),
}
for _function in (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu):
    _CALLS[_function] = (("input", "batch_sizes", "hx", "params"), _recurrent)
for _name in ("outer", "ger", "kron"):
    for _home in (torch, Tensor):
        if hasattr(_home, _name):
            _CALLS[getattr(_home, _name)] = ((), _pairs)


# --- kernels: formulas of the arguments, and of what was returned -----------------


def _product(k_of: int) -> Callable[..., int]:
    """MACs of (n, k) by (k, m), with k the last size of the argument at this place."""
    return lambda out, *args: out.numel() * args[k_of].shape[-1]


def _vector_product(out: Any, *args: Any) -> int:
    """MACs of `dot`: every value of the first factor is used once."""
    return int(args[0].numel())


def _grouped_product(out: Any, one: Tensor, other: Tensor, *_: Any) -> int:
    if one.ndim == other.ndim == 2:  # k is what is cut into groups
        return one.numel() * other.shape[-1]
    return int(out.numel() * one.shape[-1])


def _convolution(out: Any, x: Tensor, weight: Tensor, *_: Any) -> int:
    return int(out.numel() * weight.shape[1:].numel())


def _transposed(out: Any, x: Tensor, weight: Tensor, *_: Any) -> int:
    return x.numel() * weight.shape[1:].numel()


_FORMULAS: dict[str, Callable[..., int]] = {
    "mm": _product(0),
    "bmm": _product(0),
    "matmul": _product(0),
    "linear": _product(0),
    "mkldnn_linear": _product(0),
    "mv": _product(0),
    "_int_mm": _product(0),
    "_scaled_mm": _product(0),
    "_scaled_mm_v2": _product(0),
    "_weight_int8pack_mm": _product(0),
    "_weight_int4pack_mm": _product(0),
    "_weight_int4pack_mm_for_cpu": _product(0),
    "addmm": _product(1),
    "_addmm_activation": _product(1),
    "addmv": _product(1),
    "baddbmm": _product(1),
    "addbmm": lambda out, _, one, two, *__: one.numel() * two.shape[-1],
    "addr": lambda out, *_: out.numel(),
    "dot": _vector_product,
    "vdot": _vector_product,
    "_grouped_mm": _grouped_product,
    "_scaled_grouped_mm": _grouped_product,
    "_scaled_grouped_mm_v2": _grouped_product,
    "conv_tbc": lambda out, _, weight, *__: out.numel() * weight.shape[:2].numel(),
}
_CONVOLUTIONS = (
    "_conv_depthwise2d", "_slow_conv2d_forward", "conv_depthwise3d",
    "cudnn_convolution", "cudnn_convolution_add_relu", "cudnn_convolution_relu",
    "miopen_convolution", "miopen_convolution_add_relu", "miopen_convolution_relu",
    "miopen_depthwise_convolution", "mkldnn_convolution", "slow_conv3d_forward",
    "slow_conv_dilated2d", "slow_conv_dilated3d", "thnn_conv2d",
)  # fmt: skip
_TRANSPOSED = (
    "cudnn_convolution_transpose", "miopen_convolution_transpose",
    "slow_conv_transpose2d", "slow_conv_transpose3d",
)  # fmt: skip
_ATTENTIONS = (
    "_scaled_dot_product_attention_math", "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_attention_math_for_mps",
    "_scaled_dot_product_efficient_attention", "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_fused_attention_overrideable",
)  # fmt: skip
_FORMULAS |= dict.fromkeys(_CONVOLUTIONS, _convolution)
_FORMULAS |= dict.fromkeys(_TRANSPOSED, _transposed)
_FORMULAS |= dict.fromkeys(
    _ATTENTIONS, lambda out, query, key, value, *_: _attention_macs(query, key, value)
)


def kernel_macs(
    kernel: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any
) -> int | None:
    """Count the MACs of one call of a kernel; None where it may multiply unseen.

    Args:
        kernel: the operator that a `TorchDispatchMode` was given.
        args: its arguments.
        kwargs: its keyword arguments.
        out: what it returned.
    """
    formula = _formula_of(kernel)
    packet = getattr(kernel, "_overloadpacket", kernel)
    if formula is None and packet not in flop_registry:
        return None if _may_multiply(kernel, args, kwargs, out) else 0
    if any(isinstance(value, Tensor) and _is_sparse(value) for value in args):
        return None  # how many products there are its numbers decide
    try:
        if formula is not None:
            return int(formula(out, *args))
        return int(flop_registry[packet](*args, **kwargs, out_val=out)) // 2
    except Exception:  # made for other arguments than these: lists of tensors, nested
        return None


def _may_multiply(kernel: Any, args: Any, kwargs: Any, out: Any) -> bool:
    """Whether an unknown kernel makes numbers of others; some only ask for a size."""
    if has_no_products(kernel) or not holds_a_tensor(args, kwargs):
        return False
    schema = getattr(kernel, "_schema", None)
    return holds_a_tensor(out) or (schema is not None and schema.is_mutable)


@cache
def _formula_of(kernel: Any) -> Callable[..., int] | None:
    packet = getattr(kernel, "_overloadpacket", kernel)
    name = str(packet)
    if name == "torchvision.deform_conv2d":  # torchvision need not be there
        return lambda out, x, weight, *_: _convolution(out, x, weight)
    if name == "flex_attention":  # an operator of its own kind
        return _FORMULAS[_ATTENTIONS[0]]
    if not name.startswith("aten."):
        return None
    name = name.removeprefix("aten.")
    return _FORMULAS.get(name) or _FORMULAS.get(name.removesuffix("_"))


_DENSE = (torch.strided, torch.jagged, getattr(torch, "_mkldnn", torch.strided))


def _is_sparse(tensor: Tensor) -> bool:
    return tensor.layout not in _DENSE


def convolution_elements(kernel: Any, args: tuple[Any, ...], out: Any) -> int:
    """Count the values a convolution reads and writes; 0 for any other kernel.

    This is one term of the memory traffic CIO of Chao et al. 2019 (arXiv:1909.00948,
    section 3): c_in*h_in*w_in + c_out*h_out*w_out, times the batch, without weights.
    """
    return args[0].numel() + out.numel() if _is_convolution(kernel) else 0


@cache
def _is_convolution(kernel: Any) -> bool:
    packet = getattr(kernel, "_overloadpacket", kernel)
    name = str(packet).removeprefix("aten.")
    return packet is aten.convolution or name in (
        "conv_tbc", "torchvision.deform_conv2d", *_CONVOLUTIONS, *_TRANSPOSED
    )  # fmt: skip
