"""Operations as `gradient_support` runs them: none hides what it reads.

An activation hands its argument on, a maximum counts all its candidates alike.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["OpenOperations"]

_LARGE = 1e6

_IDENTITIES = {
    "relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu",
    "silu", "mish", "hardswish", "hardtanh", "tanh", "softplus", "softsign", "clamp",
    "clamp_min", "clamp_max", "tanhshrink", "hardshrink", "softshrink", "logsigmoid",
    "threshold", "sign", "round", "floor", "ceil", "trunc",
}  # fmt: skip


class OpenOperations(TorchFunctionMode):
    """Replace what could hide a path by something that reads the same elements."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").strip("_")
        if name in _IDENTITIES:
            return args[0] if args else kwargs["input"]
        with torch._C.DisableTorchFunction():
            out = _REPLACED.get(name, func)(*args, **kwargs)
            given = any(out is value for value in args)
            return _calmed(out) if isinstance(out, Tensor) and not given else out


def _calmed(x: Tensor) -> Tensor:
    """Bring numbers together: without normalisations a deep network overflows."""
    if x.dtype != torch.float64 or not x.requires_grad or x.numel() == 0:
        return x
    top = x.detach().abs().max()
    return x * (1 + x.abs()).rsqrt() if top > _LARGE else x


def _squash(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return x / (1 + x.abs())


def _softmax(x: Tensor, dim: int = -1, *_: Any, **__: Any) -> Tensor:
    return (x + x.mean(dim, keepdim=True)) / x.shape[dim]


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Tensor:
    scores = query @ key.transpose(-2, -1) / query.shape[-1]
    return _softmax(scores) @ value


def _max_pool(axes: int) -> Callable[..., Any]:
    def pool(
        x: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        """Average the same window, by a depthwise convolution where it is dilated."""
        steps = _each(dilation, axes)
        if max(steps) == 1:
            average: Any = getattr(torch.nn, f"AvgPool{axes}d")
            out = average(kernel_size, stride or kernel_size, padding, ceil_mode)(x)
        else:
            kernel = _ones(x, _each(kernel_size, axes))
            convolve: Any = getattr(F, f"conv{axes}d")
            out = convolve(
                x,
                kernel,
                None,
                stride or kernel_size,
                padding,
                steps,
                groups=kernel.shape[0],
            )
        return _with_indices(out) if return_indices else out

    return pool


def _max_unpool(axes: int) -> Callable[..., Any]:
    def unpool(
        x: Tensor,
        indices: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:
        """Put a maximum back at every position it may have come from."""
        sides = [_each(v, axes) for v in (kernel_size, stride or kernel_size, padding)]
        least = [(n - 1) * s - 2 * p + k for n, k, s, p in zip(x.shape[-axes:], *sides)]
        size = least if output_size is None else list(output_size)[-axes:]
        kernel = _ones(x, sides[0])
        back: Any = getattr(F, f"conv_transpose{axes}d")
        # With stride many more rows than are asked for, which are cut off.
        more = [s - 1 for s in sides[1]]
        out = back(x, kernel, None, sides[1], sides[2], more, groups=kernel.shape[0])
        for dim, n in zip(range(x.ndim - axes, x.ndim), size):
            out = out.narrow(dim, 0, n)
        return out

    return unpool


def _adaptive_max_pool(axes: int) -> Callable[..., Any]:
    average: Any = getattr(F, f"adaptive_avg_pool{axes}d")

    def pool(x: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        out = average(x, output_size)
        return _with_indices(out) if return_indices else out

    return pool


def _each(value: Any, axes: int) -> list[int]:
    """Give one number an axis."""
    values = [value] if isinstance(value, int) else list(value)
    return values * axes if len(values) == 1 else values


def _ones(x: Tensor, kernel: Sequence[int]) -> Tensor:
    """Make a depthwise kernel of ones."""
    return x.new_ones(x.shape[-len(kernel) - 1], 1, *kernel)


def _with_indices(out: Tensor) -> tuple[Tensor, Tensor]:
    return out, out.new_zeros(out.shape, dtype=torch.long)


def _pad(
    x: Tensor, pad: Any, mode: str = "constant", value: float | None = None
) -> Tensor:
    """Pad with zeros where a maximum would be padded with minus infinity."""
    return F.pad(x, pad, mode, 0 if value and abs(value) > _LARGE else value)


def _amax(x: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    dims = list(range(x.ndim)) if dim == () else dim
    return x.mean(dims, keepdim)


def _max(x: Tensor, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
    if isinstance(dim, Tensor) or other is not None:
        return _mean_of_two(x, dim if other is None else other)
    if dim is None:
        return x.mean()
    values = x.mean(dim, keepdim)
    return torch.return_types.max(_with_indices(values))


def _mean_of_two(x: Tensor, other: Tensor) -> Tensor:
    return (x + other) / 2


def _interpolate(
    x: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize by one matrix an axis, without the weights that rounding leaves."""
    rest = (recompute_scale_factor, antialias)
    if mode not in ("bilinear", "bicubic") or x.ndim != 4:
        return F.interpolate(x, size, scale_factor, mode, align_corners, *rest)
    columns = x.new_ones(1, 1, 1, 1).expand(1, 1, *x.shape[2:])
    sizes = F.interpolate(columns, size, scale_factor, mode, align_corners, *rest).shape
    for axis in (2, 3):
        n = x.shape[axis]
        # One picture an input position, as wide as the axis and one pixel tall.
        one = torch.eye(n, dtype=x.dtype).reshape(n, 1, 1, n)
        scale = scale_factor
        if isinstance(scale, list | tuple):
            scale = scale[axis - 2]
        to, by = ((1, sizes[axis]), None) if scale is None else (None, (1.0, scale))
        matrix = F.interpolate(one, to, by, mode, align_corners, *rest).reshape(n, -1)
        matrix = matrix.abs() * (matrix.abs() > 1e-9)
        x = torch.tensordot(x, matrix, ([axis], [0])).movedim(-1, axis)
    return x


_REPLACED: dict[str, Callable[..., Any]] = {
    "sigmoid": _squash,
    "hardsigmoid": _squash,
    "softmax": _softmax,
    "softmin": _softmax,
    "log_softmax": _softmax,
    "scaled_dot_product_attention": _attention,
    "pad": _pad,
    "amax": _amax,
    "amin": _amax,
    "max": _max,
    "min": _max,
    "maximum": _mean_of_two,
    "minimum": _mean_of_two,
    "fmax": _mean_of_two,
    "fmin": _mean_of_two,
    "interpolate": _interpolate,
}
for _axes in (1, 2, 3):
    _REPLACED |= {
        f"max_pool{_axes}d": _max_pool(_axes),
        f"max_pool{_axes}d_with_indices": _max_pool(_axes),
        f"max_unpool{_axes}d": _max_unpool(_axes),
        f"adaptive_max_pool{_axes}d": _adaptive_max_pool(_axes),
    }
