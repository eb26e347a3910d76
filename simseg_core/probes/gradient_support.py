"""The receptive field by brute force: which input pixels have a gradient?

This is the independent check of `receptive_field`. It knows no index rule: it runs the
network and asks autograd. What could hide a path is first taken out of the way, on a
copy of the network in float64:

- weights become positive and sum to about one, biases zero, BatchNorm the identity, so
  that no two paths cancel;
- activations become the identity, a sigmoid x / (1 + abs(x)): none is off or saturates;
- a maximum becomes a mean over the same window, softmax a mean that keeps each entry,
  so that every candidate counts and not the winner alone;
- of a result above a million the roots are taken, so that nothing overflows;
- a resize loses the weights below 1e-9 that rounding leaves where the weight is zero.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from simseg_core.probes.field_input import as_module, image_shape, named_tensors

__all__ = ["gradient_support", "open_paths"]

LARGE = 1e6


def gradient_support(
    model: nn.Module | Callable[[Tensor], Any],
    input_size: Sequence[int] | int,
    output_index: Sequence[int],
    *,
    dims: Sequence[int] | None = None,
) -> Tensor:
    """Find the pixels on which one output position depends, by their gradient.

    The model is copied: its weights, buffers and mode stay as they are.

    Args:
        model: takes (1, C, H, W); its first output tensor is probed.
        input_size: (C, H, W), (B, C, H, W) or (H, W), as for `receptive_field`.
        output_index: (row, column) of a map (B, C, h, w); (token,) of (B, N, C); () of
            (B, C). All channels are read.
        dims: the output's dimensions that the index counts, where they are others:
            (1, 2) of (B, h, w, C).

    Returns:
        A bool mask (H, W): True where some channel of the pixel has a path.

    Raises:
        IndexError: if there is no such output position.
        FloatingPointError: if the copy overflows, so that nothing can be told.

    >>> dilated = nn.Conv2d(1, 1, 3, padding=2, dilation=2)
    >>> int(gradient_support(dilated, (1, 9, 9), (4, 4)).sum())
    9
    """
    module = as_module(model)
    shape = image_shape(module, input_size)
    generator = torch.Generator().manual_seed(0)
    module = open_paths(module, generator)
    image = 0.5 + torch.rand(shape, generator=generator, dtype=torch.float64)
    image.requires_grad_()
    with torch.enable_grad(), _Open():
        _, output = next(named_tensors(module(image)))
    if dims is None:
        dims = {4: (2, 3), 3: (1,), 2: ()}.get(output.ndim)
    sizes = [output.shape[d] for d in dims or ()]
    index = [int(i) for i in output_index]
    within = all(-n <= i < n for i, n in zip(index, sizes))
    if dims is None or len(index) != len(sizes) or not within:
        raise IndexError(
            f"output_index {tuple(index)} is no position of an output of shape "
            f"{tuple(output.shape)}"
        )
    place: list[Any] = [slice(None)] * output.ndim
    for dim, i in zip(dims, index):
        place[dim] = i
    read = output[tuple(place)]
    readout = 0.5 + torch.rand(read.shape, generator=generator, dtype=read.dtype)
    (gradient,) = torch.autograd.grad((read * readout).sum(), image)
    if not gradient.isfinite().all():
        raise FloatingPointError("the gradient overflows float64: probe a smaller part")
    return (gradient[0] != 0).any(dim=0)


def open_paths(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Copy a network to float64 with positive weights and BatchNorm as the identity."""
    model = copy.deepcopy(model).double().cpu().eval()
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            leaf = name.rsplit(".", maxsplit=1)[-1]
            if not value.is_floating_point():
                continue
            if leaf == "running_var" or (value.ndim < 2 and leaf == "weight"):
                value.fill_(1.0)
            elif leaf == "running_mean" or leaf.endswith("bias"):
                value.zero_()
            elif isinstance(value, nn.Parameter):
                fan_in = max(value.numel() // max(value.shape[:1].numel(), 1), 1)
                noise = torch.rand(value.shape, generator=generator, dtype=value.dtype)
                value.copy_((0.5 + noise) / fan_in)
    return model.requires_grad_(False)


_IDENTITIES = {
    "relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu",
    "silu", "mish", "hardswish", "hardtanh", "tanh", "softplus", "softsign", "clamp",
    "clamp_min", "clamp_max", "tanhshrink", "hardshrink", "softshrink", "logsigmoid",
}  # fmt: skip


class _Open(TorchFunctionMode):
    """Replace what could hide a path by something that reads the same elements."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").removesuffix("_")
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
    return x * (1 + x.abs()).rsqrt() if top > LARGE else x


def _squash(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return x / (1 + x.abs())


def _softmax(x: Tensor, dim: int = -1, *_: Any, **__: Any) -> Tensor:
    return (x + x.mean(dim, keepdim=True)) / x.shape[dim]


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Tensor:
    scores = query @ key.transpose(-2, -1) / query.shape[-1]
    return _softmax(scores) @ value


def _max_pool(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Average the same window, by a depthwise convolution where it is dilated."""
    pair = [dilation] * 2 if isinstance(dilation, int) else list(dilation)
    if pair == [1, 1]:
        out = F.avg_pool2d(x, kernel_size, stride or kernel_size, padding, ceil_mode)
    else:
        kernel = [kernel_size] * 2 if isinstance(kernel_size, int) else kernel_size
        ones = x.new_ones(x.shape[1], 1, *kernel)
        out = F.conv2d(
            x, ones, None, stride or kernel_size, padding, pair, groups=x.shape[1]
        )
    return (out, out.new_zeros(out.shape, dtype=torch.long)) if return_indices else out


def _adaptive_max_pool(
    x: Tensor, output_size: Any, return_indices: bool = False
) -> Any:
    out = F.adaptive_avg_pool2d(x, output_size)
    return (out, out.new_zeros(out.shape, dtype=torch.long)) if return_indices else out


def _pad(
    x: Tensor, pad: Any, mode: str = "constant", value: float | None = None
) -> Tensor:
    """Pad with zeros where a maximum would be padded with minus infinity."""
    return F.pad(x, pad, mode, 0 if value and abs(value) > LARGE else value)


def _amax(x: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    dims = list(range(x.ndim)) if dim == () else dim
    return x.mean(dims, keepdim)


def _max(x: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    if dim is None:
        return x.mean()
    if isinstance(dim, Tensor):
        return (x + dim) / 2
    values = x.mean(dim, keepdim)
    indices = values.new_zeros(values.shape, dtype=torch.long)
    return torch.return_types.max((values, indices))


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
    "log_softmax": _softmax,
    "scaled_dot_product_attention": _attention,
    "max_pool2d": _max_pool,
    "max_pool2d_with_indices": _max_pool,
    "adaptive_max_pool2d": _adaptive_max_pool,
    "pad": _pad,
    "amax": _amax,
    "max": _max,
    "interpolate": _interpolate,
}
