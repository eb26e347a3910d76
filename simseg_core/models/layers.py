"""What several networks share: blocks, resizing, first weights, input checks.

Weights start as in He et al. 2015 (arXiv 1502.01852, equation 10): normal with
variance 2/N, N being the number of inputs that one output adds up. The U-Net paper
(section 3) and the ResNet paper (section 3.4) both ask for it.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


def conv_bn(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int = 3,
    stride: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    """Chain a convolution that keeps the size (at stride 1) and a BatchNorm.

    (B, in_channels, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride)).
    The convolution has no bias: BatchNorm would subtract it again.

    >>> conv_bn(3, 8, stride=2)(torch.zeros(1, 3, 7, 10)).shape
    torch.Size([1, 8, 4, 5])
    """
    padding = dilation * (kernel_size - 1) // 2
    conv = nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        bias=False,
    )
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


def conv_bn_relu(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int = 3,
    stride: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    """Chain what `conv_bn` chains and a ReLU; shapes as there.

    >>> conv_bn_relu(3, 8, dilation=2)(torch.zeros(1, 3, 7, 10)).shape
    torch.Size([1, 8, 7, 10])
    """
    block = conv_bn(
        in_channels,
        out_channels,
        kernel_size=kernel_size,
        stride=stride,
        dilation=dilation,
    )
    return block.append(nn.ReLU(inplace=True))


def conv_bn_relu6(
    in_channels: int, out_channels: int, *, kernel_size: int = 3, stride: int = 1
) -> nn.Sequential:
    """Chain what `conv_bn` chains and a ReLU that stops at 6; shapes as there.

    >>> conv_bn_relu6(3, 8, stride=2)(torch.zeros(1, 3, 7, 10)).shape
    torch.Size([1, 8, 4, 5])
    """
    block = conv_bn(in_channels, out_channels, kernel_size=kernel_size, stride=stride)
    return block.append(nn.ReLU6(inplace=True))


class Classifier(nn.Module):
    """An encoder, the mean over its last map, and a linear layer.

    (B, in_channels, H, W) -> logits (B, num_classes), for any H and W that the encoder
    takes.

    Args:
        encoder: Returns a list of maps.
        channels: Of the map that is averaged.
        num_classes: Number of logits.
        last: What stands between the encoder's last map and the mean, if anything.

    Raises:
        ValueError: `num_classes` is below 1.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        channels: int,
        num_classes: int,
        last: nn.Module | None = None,
    ) -> None:
        super().__init__()
        check_counts(num_classes=num_classes)
        self.encoder = encoder
        self.last = last
        self.classify = nn.Linear(channels, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return one row of logits for each image."""
        x = self.encoder(x)[-1]
        if self.last is not None:
            x = self.last(x)
        return self.classify(x.mean(dim=(-2, -1)))


def resize(
    x: torch.Tensor, size: tuple[int, ...], *, align_corners: bool = False
) -> torch.Tensor:
    """Resize a map bilinearly: (B, C, h, w), (H, W) -> (B, C, H, W).

    Args:
        x: The map.
        size: Height and width to give it, in pixels.
        align_corners: Whether the corner pixels' centres stay where they are, or the
            map's outer edges: see `F.interpolate`.

    >>> resize(torch.tensor([[[[0.0, 1.0]]]]), (1, 3), align_corners=True)
    tensor([[[[0.0000, 0.5000, 1.0000]]]])
    """
    return F.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)


def init_he(network: nn.Module) -> None:
    """Draw every convolution's weights with variance 2/N and set its bias to 0.

    N counts the inputs of one output: kernel area times input channels (of one group),
    divided by the stride's area where the convolution is transposed, since its windows
    share the outputs out among them. Linear layers keep PyTorch's default.

    >>> up = nn.ConvTranspose2d(512, 64, 2, stride=2)
    >>> init_he(up)
    >>> abs(up.weight.std().item() - (2 / 512) ** 0.5) < 1e-3
    True
    """
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            continue
        inputs = math.prod(module.kernel_size) * module.in_channels / module.groups
        if isinstance(module, nn.ConvTranspose2d):
            inputs /= math.prod(module.stride)
        nn.init.normal_(module.weight, std=math.sqrt(2 / inputs))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def set_eps(network: nn.Module, eps: float) -> None:
    """Set what every BatchNorm of a network adds to the variance.

    Raises:
        ValueError: It is not above 0.

    >>> block = conv_bn(3, 8)
    >>> set_eps(block, 1e-3)
    >>> block[1].eps
    0.001
    """
    if not eps > 0:
        raise ValueError(f"eps must be above 0, got {eps}")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps


def is_recorded() -> bool:
    """Tell whether torch writes the operations down, to run them later without Python.

    `torch.export`, `torch.onnx.export`, `torch.jit.trace` and `torch.compile` do. A
    branch on a size is then taken once, for the example, and holds for all sizes.

    >>> is_recorded()
    False
    """
    return torch.jit.is_tracing() or torch.compiler.is_compiling()


def check_counts(**counts: int) -> None:
    """Refuse anything but whole numbers from 1 on, by the argument's name.

    Raises:
        TypeError: A count is not an int.
        ValueError: A count is below 1.

    >>> check_counts(in_channels=3, num_classes=0)
    Traceback (most recent call last):
    ValueError: num_classes must be 1 or more, got 0
    """
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int):
            raise TypeError(f"{name} must be an int, got {count!r}")
        if count < 1:
            raise ValueError(f"{name} must be 1 or more, got {count}")


def check_widths(widths: Sequence[int], *, length: int | None = None) -> None:
    """Refuse widths that are not a sequence of (`length`, else two or more) counts.

    Raises:
        TypeError: Not a sequence of ints.
        ValueError: Too few or too many of them, or one is below 1.

    >>> check_widths((64, 128), length=4)
    Traceback (most recent call last):
    ValueError: widths must hold 4 numbers, got 2: (64, 128)
    """
    if isinstance(widths, str) or not isinstance(widths, Sequence):
        raise TypeError(f"widths must be a sequence such as (64, 128), got {widths!r}")
    if length is not None and len(widths) != length:
        raise ValueError(
            f"widths must hold {length} numbers, got {len(widths)}: {widths}"
        )
    if len(widths) < 2:
        raise ValueError(f"widths must hold two numbers or more, got {widths}")
    check_counts(**{f"widths[{i}]": width for i, width in enumerate(widths)})


def check_images(x: torch.Tensor, *, in_channels: int, stride: int = 1) -> None:
    """Refuse a tensor that is not a batch of images the network can take.

    Args:
        x: The input, (B, in_channels, H, W), floating point.
        in_channels: Channels that the network was built for.
        stride: Smallest height and width, in pixels: the network's total stride.

    Raises:
        TypeError: Not floating point.
        ValueError: Not four axes, other channels, or smaller than the stride.

    >>> check_images(torch.zeros(1, 3, 64, 9), in_channels=3, stride=16)
    Traceback (most recent call last):
    ValueError: 64x9 is below this network's stride of 16: resize or pad to ... 64x16
    """
    if x.ndim == 3:
        raise ValueError(
            f"expected (B, C, H, W), got {_shape(x)}: add the batch axis with x[None]"
        )
    if x.ndim != 4:
        raise ValueError(f"expected (B, C, H, W), got {x.ndim} axes: {_shape(x)}")
    if not x.is_floating_point():
        raise TypeError(
            f"expected floating point images, got {x.dtype}: convert them with "
            "x.float() / 255"
        )
    if x.shape[1] != in_channels:
        fix = f"build the network with in_channels={x.shape[1]}"
        if x.shape[3] == in_channels:
            fix = "channels come second: x.permute(0, 3, 1, 2)"
        raise ValueError(f"expected {in_channels} channels, got {_shape(x)}: {fix}")
    height, width = x.shape[-2:]
    if height < stride or width < stride:
        raise ValueError(
            f"{height}x{width} is below this network's stride of {stride}: resize or "
            f"pad to at least {max(height, stride)}x{max(width, stride)}"
        )


def _shape(x: torch.Tensor) -> str:
    return str(tuple(x.shape))
