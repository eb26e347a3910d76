"""ResNet-18/34/50/101/152, and their dilated forms with a smaller output stride.

He, Zhang, Ren, Sun 2016, *Deep Residual Learning for Image Recognition*, arXiv
1512.03385: table 1 (stages), section 3.4 (initial weights). The units are in
`residual`.

Output stride: Chen et al. 2017, *Rethinking Atrous Convolution for Semantic Image
Segmentation*, arXiv 1706.05587, sections 3.1 and 3.2.1 (multi-grid).

Differs from the paper:
    - Strides: see `residual` and the argument `version`.
    - The average runs over whatever map the last stage returns, so images of any size
      from the output stride on are classified, not 224x224 ones only.
"""

from collections.abc import Sequence
from functools import partial
from itertools import chain

import torch
from torch import nn

from simseg_core.models.atrous import replace_strides
from simseg_core.models.layers import (
    Classifier,
    check_counts,
    check_images,
    check_widths,
    conv_bn_relu,
    init_he,
)
from simseg_core.models.residual import Attention, BasicUnit, BottleneckUnit

WIDTHS = (64, 128, 256, 512)
# Table 1: depth -> the unit, and how many of them each stage has.
STAGES: dict[int, tuple[type[BasicUnit] | type[BottleneckUnit], tuple[int, ...]]] = {
    18: (BasicUnit, (2, 2, 2, 2)),
    34: (BasicUnit, (3, 4, 6, 3)),
    50: (BottleneckUnit, (3, 4, 6, 3)),
    101: (BottleneckUnit, (3, 4, 23, 3)),
    152: (BottleneckUnit, (3, 8, 36, 3)),
}


class ResNetEncoder(nn.Module):
    """A ResNet without its classifier, that returns the map of every stage.

    (B, in_channels, H, W) -> five maps of `channels` channels: the stem's at stride 2,
    then the four stages', at strides 4, 8, 16, 32. None is below the output stride:
    16, say, gives 4, 8, 16, 16. Sizes round up at every stride.

    Where a stride is left out, the convolution that would have had it keeps the
    dilation it has, and everything after it is dilated by twice as much. Each value
    is then computed from the same pixels by the same weights as before: the smaller
    map is the larger one, sampled.

    Args:
        in_channels: Channels of the images.
        depth: 18, 34, 50, 101 or 152.
        widths: Channels of the four stages' 3x3 convolutions; the stem has the first.
        version: `"v1.5"` or `"v1"`, see `BottleneckUnit`; without effect on 18 and 34.
        output_stride: 32, 16 or 8.
        multi_grid: Factors on the last stage's dilation, one a unit (section 3.2.1:
            (1, 2, 4)). They also govern the unit that would have had the stride: at
            output stride 16 the three units have rates (2, 4, 8).
        block_attention: Makes a module, from its channels, that ends every unit's
            residual branch, before the sum.

    Raises:
        ValueError: An argument is out of range.

    >>> encoder = ResNetEncoder(depth=18, widths=(4, 6, 8, 10), output_stride=16)
    >>> [tuple(m.shape[1:]) for m in encoder(torch.zeros(1, 3, 65, 64))]
    [(4, 33, 32), (4, 17, 16), (6, 9, 8), (8, 5, 4), (10, 5, 4)]
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        depth: int = 50,
        widths: Sequence[int] = WIDTHS,
        version: str = "v1.5",
        output_stride: int = 32,
        multi_grid: Sequence[int] | None = None,
        block_attention: Attention | None = None,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels)
        check_widths(widths, length=4)
        if depth not in STAGES:
            raise ValueError(f"depth must be one of {list(STAGES)}, got {depth}")
        unit, counts = STAGES[depth]
        if multi_grid is not None and len(multi_grid) != counts[-1]:
            raise ValueError(
                f"multi_grid needs one factor for each of the {counts[-1]} units of "
                f"the last stage, got {multi_grid}"
            )
        self.in_channels = in_channels
        self.version = version
        self.output_stride = output_stride
        self.channels = (widths[0], *(width * unit.expansion for width in widths))
        self.stem = conv_bn_relu(in_channels, widths[0], kernel_size=7, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        make = partial(unit, attention=block_attention)
        if unit is BottleneckUnit:
            make = partial(make, version=version)
        self.stages = nn.ModuleList()
        plan = plan_stages(counts, output_stride=output_stride, multi_grid=multi_grid)
        for c_in, width, steps in zip(self.channels, widths, plan):
            stage = nn.Sequential()
            for stride, rates in steps:
                stage.append(make(c_in, width, stride=stride, rates=rates))
                c_in = width * unit.expansion
            self.stages.append(stage)
        init_he(self)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the stem's map and the four stages'."""
        check_images(x, in_channels=self.in_channels, stride=self.output_stride)
        maps = [self.stem(x)]
        x = self.pool(maps[0])
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def plan_stages(
    counts: Sequence[int],
    *,
    output_stride: int,
    multi_grid: Sequence[int] | None = None,
) -> list[list[tuple[int, tuple[int, int]]]]:
    """Give every unit its stride and its rates.

    Args:
        counts: Units of each stage.
        output_stride: Where strides stop and dilation begins: 8, 16 or 32.
        multi_grid: Factors on the last stage's dilation, one a unit.

    Returns:
        For each stage, for each unit: its stride, and its two dilations, of the
        convolution that has (or would have had) the stride and of those after it.

    Raises:
        ValueError: The output stride is none of the three.

    >>> plan_stages((1, 1, 2), output_stride=8)
    [[(1, (1, 1))], [(2, (1, 1))], [(1, (1, 2)), (1, (2, 2))]]
    """
    wanted = [
        [1 if index == 0 else 2] + [1] * (count - 1)
        for index, count in enumerate(counts)
    ]
    # The stem and the pooling come first; each strides by 2.
    kept = replace_strides([2, 2, *chain(*wanted)], output_stride=output_stride)
    units = iter(kept[2:])
    plan = []
    for strides in wanted:
        steps = []
        for wish, (stride, rate) in zip(strides, units):
            later = rate * wish // stride  # a stride that was left out dilates the rest
            steps.append((stride, (rate, later)))
        plan.append(steps)
    if multi_grid is not None:
        plan[-1] = [
            (stride, (rate * factor, rate * factor))
            for (stride, (_, rate)), factor in zip(plan[-1], multi_grid)
        ]
    return plan


class ResNet(Classifier):
    """A ResNet that classifies images.

    (B, in_channels, H, W) -> logits (B, num_classes), for any H and W from the output
    stride on.

    Args:
        in_channels: Channels of the images.
        num_classes: Number of logits; ImageNet has 1000.
        depth: 18, 34, 50, 101 or 152.
        widths: Channels of the four stages' 3x3 convolutions.
        version: As for `ResNetEncoder`, and so are the three that follow.
        output_stride: 32, 16 or 8.
        multi_grid: Factors on the last stage's dilation.
        block_attention: Makes a module that ends every unit's residual branch.

    Raises:
        ValueError: An argument is out of range.

    >>> ResNet(depth=18, widths=(4, 6, 8, 10))(torch.zeros(2, 3, 40, 33)).shape
    torch.Size([2, 1000])
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 1000,
        depth: int = 50,
        widths: Sequence[int] = WIDTHS,
        version: str = "v1.5",
        output_stride: int = 32,
        multi_grid: Sequence[int] | None = None,
        block_attention: Attention | None = None,
    ) -> None:
        encoder = ResNetEncoder(
            in_channels=in_channels,
            depth=depth,
            widths=widths,
            version=version,
            output_stride=output_stride,
            multi_grid=multi_grid,
            block_attention=block_attention,
        )
        super().__init__(
            encoder, channels=encoder.channels[-1], num_classes=num_classes
        )
