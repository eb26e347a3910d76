"""The table of the book's networks: all that `zoo` knows about them.

A network is added by one stanza: the class that builds it, its task, the options that
its name stands for, and the widths of its presets. The class is imported only when it
is asked for. It takes `in_channels`, `num_classes` and its options as keyword-only
arguments, all named in its signature (no `**kwargs`), and its own defaults are the
paper's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

SEGMENTATION = "segmentation"
CLASSIFICATION = "classification"
TASKS = (SEGMENTATION, CLASSIFICATION)
PRESETS = ("paper", "small", "tiny")


@dataclass(frozen=True)
class Entry:
    """One stanza of the table.

    Attributes:
        target: The class, by its name in `simseg_core.models`.
        task: `SEGMENTATION` or `CLASSIFICATION`.
        small: Options of the preset for the chapters, 60 to 200 thousand parameters.
        tiny: Options of the preset for tests, under 50 thousand parameters: widths
            shrink, the wiring stays the paper's.
        fixed: Options that the name stands for, such as a depth; not to be overridden.
    """

    target: str
    task: str
    small: Mapping[str, Any]
    tiny: Mapping[str, Any]
    fixed: Mapping[str, Any] = field(default_factory=dict)


def by_depth(name: str, depths: Sequence[int], entry: Entry) -> dict[str, Entry]:
    """Name each depth of one network; the presets are the same for all of them.

    >>> entry = Entry("ResNet", CLASSIFICATION, small={}, tiny={})
    >>> {name: one.fixed for name, one in by_depth("r{}", (18, 34), entry).items()}
    {'r18': {'depth': 18}, 'r34': {'depth': 34}}
    """
    return {name.format(n): replace(entry, fixed={"depth": n}) for n in depths}


# In the order of the book.
TABLE: dict[str, Entry] = {
    "unet": Entry(
        target="UNet",
        task=SEGMENTATION,
        small={"widths": (6, 12, 18, 30, 48)},
        tiny={"widths": (4, 6, 8, 12, 16)},
    ),
    "unet_padded": Entry(
        target="UNetPadded",
        task=SEGMENTATION,
        small={"widths": (8, 12, 18, 30, 48)},
        tiny={"widths": (4, 6, 8, 12, 16)},
    ),
    "unet_attention": Entry(
        target="UNetAttention",
        task=SEGMENTATION,
        small={"widths": (8, 16, 24, 32, 48), "gate_reduction": 1},
        tiny={"widths": (8, 8, 16, 16, 24), "gate_reduction": 1},
    ),
    "unet_cbam": Entry(
        target="UNetCBAM",
        task=SEGMENTATION,
        small={"widths": (8, 12, 18, 30, 48), "reduction": 1},
        tiny={"widths": (4, 6, 8, 12, 16), "reduction": 1},
    ),
    "unet_residual": Entry(
        target="UNetResidual",
        task=SEGMENTATION,
        small={"widths": (8, 12, 18, 30, 48)},
        tiny={"widths": (4, 6, 8, 12, 16)},
    ),
    **by_depth(
        "unet_resnet{}",
        (18, 34, 50),
        Entry(
            target="UNetResNet",
            task=SEGMENTATION,
            small={"widths": (4, 8, 12, 16), "decoder_widths": (32, 24, 16, 12, 8)},
            tiny={"widths": (4, 4, 6, 8), "decoder_widths": (12, 8, 8, 6, 6)},
        ),
    ),
    "deeplabv3_resnet50": Entry(
        target="DeepLabV3",
        task=SEGMENTATION,
        fixed={"depth": 50},
        small={"widths": (4, 8, 12, 16), "aspp_channels": 24},
        tiny={"widths": (4, 6, 8, 10), "aspp_channels": 8},
    ),
    **by_depth(
        "deeplabv3_resnet{}",
        (101, 152),
        Entry(
            target="DeepLabV3",
            task=SEGMENTATION,
            small={"widths": (4, 8, 12, 16), "aspp_channels": 24},
            tiny={"widths": (3, 4, 6, 8), "aspp_channels": 8},
        ),
    ),
    "deeplabv3plus_resnet50": Entry(
        target="DeepLabV3Plus",
        task=SEGMENTATION,
        fixed={"backbone": "resnet50"},
        small={"widths": (4, 8, 12, 16), "aspp_channels": 24},
        tiny={"widths": (4, 6, 8, 10), "aspp_channels": 8},
    ),
    "deeplabv3plus_resnet101": Entry(
        target="DeepLabV3Plus",
        task=SEGMENTATION,
        fixed={"backbone": "resnet101"},
        small={"widths": (4, 8, 12, 16), "aspp_channels": 24},
        tiny={"widths": (3, 4, 6, 8), "aspp_channels": 8},
    ),
    "deeplabv3plus_xception65": Entry(
        target="DeepLabV3Plus",
        task=SEGMENTATION,
        fixed={"backbone": "xception65"},
        small={"widths": (8, 12, 16, 24, 32, 40, 48, 56), "aspp_channels": 24},
        tiny={"widths": (2, 4, 6, 8, 12, 14, 16, 18), "aspp_channels": 8},
    ),
    "deeplabv3plus_mobilenetv2": Entry(
        target="DeepLabV3Plus",
        task=SEGMENTATION,
        fixed={"backbone": "mobilenetv2"},
        small={"widths": (8, 8, 10, 12, 16, 24, 32, 40), "aspp_channels": 24},
        tiny={"widths": (8, 4, 5, 6, 8, 10, 12, 16), "aspp_channels": 8},
    ),
    "fchardnet70": Entry(
        target="FCHarDNet",
        task=SEGMENTATION,
        small={
            "stem": (6, 8, 10, 12),
            "widths": (14, 18, 22, 28, 36),
            "growth": (4, 4, 4, 6, 6),
        },
        tiny={
            "stem": (4, 4, 6, 8),
            "widths": (8, 10, 10, 12, 14),
            "growth": (2, 2, 2, 2, 2),
        },
    ),
    **by_depth(
        "resnet{}",
        (18, 34, 50),
        Entry(
            target="ResNet",
            task=CLASSIFICATION,
            small={"widths": (8, 16, 24, 32)},
            tiny={"widths": (4, 6, 8, 12)},
        ),
    ),
    **by_depth(
        "resnet{}",
        (101, 152),
        Entry(
            target="ResNet",
            task=CLASSIFICATION,
            small={"widths": (4, 8, 12, 16)},
            tiny={"widths": (2, 4, 6, 8)},
        ),
    ),
    "xception65": Entry(
        target="Xception",
        task=CLASSIFICATION,
        small={"widths": (8, 12, 16, 24, 32, 40, 48, 56)},
        tiny={"widths": (2, 4, 6, 8, 12, 14, 16, 18)},
    ),
    "mobilenetv2": Entry(
        target="MobileNetV2",
        task=CLASSIFICATION,
        small={"widths": (8, 8, 10, 12, 16, 24, 32, 40), "last_channels": 160},
        tiny={"widths": (8, 4, 5, 6, 8, 10, 12, 16), "last_channels": 64},
    ),
    **by_depth(
        "resnet{}_cbam",
        (18, 34),
        Entry(
            target="ResNetCBAM",
            task=CLASSIFICATION,
            small={"widths": (8, 16, 24, 32), "reduction": 1},
            tiny={"widths": (4, 6, 8, 12), "reduction": 1},
        ),
    ),
    "resnet50_cbam": Entry(
        target="ResNetCBAM",
        task=CLASSIFICATION,
        fixed={"depth": 50},
        small={"widths": (8, 16, 24, 32), "reduction": 8},
        tiny={"widths": (4, 6, 8, 12), "reduction": 2},
    ),
    "resnet101_cbam": Entry(
        target="ResNetCBAM",
        task=CLASSIFICATION,
        fixed={"depth": 101},
        small={"widths": (4, 8, 12, 16), "reduction": 2},
        tiny={"widths": (2, 4, 5, 6), "reduction": 1},
    ),
    "hardnet39ds": Entry(
        target="HarDNet",
        task=CLASSIFICATION,
        fixed={"depth": 39, "separable": True},
        small={"widths": (12, 24, 40, 64, 80), "growth": (8, 8, 12, 20)},
        tiny={"widths": (8, 10, 12, 16, 20), "growth": (4, 4, 4, 4)},
    ),
    "hardnet68ds": Entry(
        target="HarDNet",
        task=CLASSIFICATION,
        fixed={"depth": 68, "separable": True},
        small={"widths": (12, 20, 24, 32, 48, 64), "growth": (6, 6, 6, 8, 12)},
        tiny={"widths": (8, 10, 12, 14, 16, 20), "growth": (2, 2, 2, 2, 4)},
    ),
    "hardnet68": Entry(
        target="HarDNet",
        task=CLASSIFICATION,
        fixed={"depth": 68, "separable": False},
        small={"widths": (8, 12, 16, 20, 24, 32), "growth": (2, 2, 4, 4, 6)},
        tiny={"widths": (8, 8, 8, 8, 12, 16), "growth": (2, 1, 2, 3, 2)},
    ),
    "hardnet85": Entry(
        target="HarDNet",
        task=CLASSIFICATION,
        fixed={"depth": 85, "separable": False},
        small={"widths": (8, 12, 16, 20, 24, 28, 32), "growth": (2, 2, 2, 4, 4, 4)},
        tiny={"widths": (6, 8, 8, 8, 10, 10, 12), "growth": (2, 2, 2, 2, 2, 2)},
    ),
}
