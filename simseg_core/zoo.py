"""The book's networks by name: `create_model` builds one, `list_models` names them.

The table below is all that this module knows about models. A network is added by one
stanza: the class that builds it, its task, the options that its name stands for, and
the widths of its presets. The class is imported only when it is asked for. It takes
`in_channels`, `num_classes` and its options as keyword-only arguments, all named in
its signature (no `**kwargs`), and its own defaults are the paper's.
"""

import difflib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from torch import nn

SEGMENTATION = "segmentation"
CLASSIFICATION = "classification"
TASKS = (SEGMENTATION, CLASSIFICATION)
PRESETS = ("paper", "small", "tiny")


@dataclass(frozen=True)
class Entry:
    """One stanza of the table.

    Attributes:
        target: `module:class` inside `simseg_core.models`.
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


# In the order of the book.
TABLE: dict[str, Entry] = {
    "unet": Entry(
        target="unet:UNet",
        task=SEGMENTATION,
        small={"widths": (6, 12, 18, 30, 48)},
        tiny={"widths": (4, 6, 8, 12, 16)},
    ),
    "unet_padded": Entry(
        target="unet_padded:UNetPadded",
        task=SEGMENTATION,
        small={"widths": (8, 12, 18, 30, 48)},
        tiny={"widths": (4, 6, 8, 12, 16)},
    ),
    "unet_attention": Entry(
        target="unet_attention:UNetAttention",
        task=SEGMENTATION,
        small={"widths": (8, 16, 24, 32, 48), "gate_reduction": 1},
        tiny={"widths": (8, 8, 16, 16, 24), "gate_reduction": 1},
    ),
    "unet_cbam": Entry(
        target="unet_cbam:UNetCBAM",
        task=SEGMENTATION,
        small={"widths": (8, 12, 18, 30, 48), "reduction": 1},
        tiny={"widths": (4, 6, 8, 12, 16), "reduction": 1},
    ),
    "unet_residual": Entry(
        target="unet_residual:UNetResidual",
        task=SEGMENTATION,
        small={"widths": (8, 12, 18, 30, 48)},
        tiny={"widths": (4, 6, 8, 12, 16)},
    ),
    "unet_resnet18": Entry(
        target="unet_resnet:UNetResNet",
        task=SEGMENTATION,
        fixed={"depth": 18},
        small={"widths": (4, 8, 12, 16), "decoder_widths": (32, 24, 16, 12, 8)},
        tiny={"widths": (4, 4, 6, 8), "decoder_widths": (12, 8, 8, 6, 6)},
    ),
    "unet_resnet34": Entry(
        target="unet_resnet:UNetResNet",
        task=SEGMENTATION,
        fixed={"depth": 34},
        small={"widths": (4, 8, 12, 16), "decoder_widths": (32, 24, 16, 12, 8)},
        tiny={"widths": (4, 4, 6, 8), "decoder_widths": (12, 8, 8, 6, 6)},
    ),
    "unet_resnet50": Entry(
        target="unet_resnet:UNetResNet",
        task=SEGMENTATION,
        fixed={"depth": 50},
        small={"widths": (4, 8, 12, 16), "decoder_widths": (32, 24, 16, 12, 8)},
        tiny={"widths": (4, 4, 6, 8), "decoder_widths": (12, 8, 8, 6, 6)},
    ),
    "deeplabv3_resnet50": Entry(
        target="deeplabv3:DeepLabV3",
        task=SEGMENTATION,
        fixed={"depth": 50},
        small={"widths": (4, 8, 12, 16), "aspp_channels": 24},
        tiny={"widths": (2, 4, 6, 8), "aspp_channels": 8},
    ),
    "deeplabv3_resnet101": Entry(
        target="deeplabv3:DeepLabV3",
        task=SEGMENTATION,
        fixed={"depth": 101},
        small={"widths": (4, 8, 12, 16), "aspp_channels": 24},
        tiny={"widths": (2, 4, 6, 8), "aspp_channels": 8},
    ),
    "deeplabv3_resnet152": Entry(
        target="deeplabv3:DeepLabV3",
        task=SEGMENTATION,
        fixed={"depth": 152},
        small={"widths": (4, 8, 12, 16), "aspp_channels": 24},
        tiny={"widths": (2, 4, 6, 8), "aspp_channels": 8},
    ),
    "resnet18": Entry(
        target="resnet:ResNet",
        task=CLASSIFICATION,
        fixed={"depth": 18},
        small={"widths": (8, 16, 24, 32)},
        tiny={"widths": (4, 6, 8, 12)},
    ),
    "resnet34": Entry(
        target="resnet:ResNet",
        task=CLASSIFICATION,
        fixed={"depth": 34},
        small={"widths": (8, 16, 24, 32)},
        tiny={"widths": (4, 6, 8, 12)},
    ),
    "resnet50": Entry(
        target="resnet:ResNet",
        task=CLASSIFICATION,
        fixed={"depth": 50},
        small={"widths": (8, 16, 24, 32)},
        tiny={"widths": (4, 6, 8, 12)},
    ),
    "resnet101": Entry(
        target="resnet:ResNet",
        task=CLASSIFICATION,
        fixed={"depth": 101},
        small={"widths": (4, 8, 12, 16)},
        tiny={"widths": (2, 4, 6, 8)},
    ),
    "resnet152": Entry(
        target="resnet:ResNet",
        task=CLASSIFICATION,
        fixed={"depth": 152},
        small={"widths": (4, 8, 12, 16)},
        tiny={"widths": (2, 4, 6, 8)},
    ),
    "resnet18_cbam": Entry(
        target="resnet_cbam:ResNetCBAM",
        task=CLASSIFICATION,
        fixed={"depth": 18},
        small={"widths": (8, 16, 24, 32), "reduction": 1},
        tiny={"widths": (4, 6, 8, 12), "reduction": 1},
    ),
    "resnet34_cbam": Entry(
        target="resnet_cbam:ResNetCBAM",
        task=CLASSIFICATION,
        fixed={"depth": 34},
        small={"widths": (8, 16, 24, 32), "reduction": 1},
        tiny={"widths": (4, 6, 8, 12), "reduction": 1},
    ),
    "resnet50_cbam": Entry(
        target="resnet_cbam:ResNetCBAM",
        task=CLASSIFICATION,
        fixed={"depth": 50},
        small={"widths": (8, 16, 24, 32), "reduction": 8},
        tiny={"widths": (4, 6, 8, 12), "reduction": 2},
    ),
    "resnet101_cbam": Entry(
        target="resnet_cbam:ResNetCBAM",
        task=CLASSIFICATION,
        fixed={"depth": 101},
        small={"widths": (4, 8, 12, 16), "reduction": 2},
        tiny={"widths": (2, 4, 5, 6), "reduction": 1},
    ),
}


def list_models(task: str | None = None) -> list[str]:
    """Name the networks that `create_model` builds, in the order of the book.

    Args:
        task: `"segmentation"`, `"classification"`, or None for both.

    Returns:
        Names, each valid as the first argument of `create_model`.

    Raises:
        ValueError: The task is neither of the two.

    >>> "unet" in list_models("segmentation")
    True
    """
    if task is not None and task not in TASKS:
        raise ValueError(_unknown("task", task, TASKS))
    return [name for name, entry in TABLE.items() if task in (None, entry.task)]


def create_model(
    name: str,
    *,
    preset: str = "paper",
    in_channels: int = 3,
    num_classes: int = 21,
    **options: Any,
) -> nn.Module:
    """Build a network of the book by name, with fresh weights.

    Segmentation: (B, in_channels, H, W) -> logits (B, num_classes, H, W). The valid
    `unet` alone returns a smaller map. Classification: -> logits (B, num_classes).

    Args:
        name: One of `list_models()`.
        preset: `"paper"` (the published widths), `"small"` (the chapters: 60 to 200
            thousand parameters) or `"tiny"` (tests: under 50 thousand).
        in_channels: Channels of the images.
        num_classes: Channels of the logits. 21 is PASCAL VOC's; ask for 1000 where you
            want an ImageNet classifier.
        **options: The network's own options, which win over the preset's.

    Returns:
        The network, in training mode, on the CPU.

    Raises:
        ValueError: The name, the preset or an option is unknown; the message says
            which known one is nearest.

    >>> model = create_model("unet", preset="tiny", in_channels=1, num_classes=2)
    >>> sum(p.numel() for p in model.parameters()) < 50_000
    True
    """
    if name not in TABLE:
        raise ValueError(_unknown("model", name, TABLE))
    if preset not in PRESETS:
        raise ValueError(_unknown("preset", preset, PRESETS))
    entry = TABLE[name]
    build = _load(entry.target)
    known = _options(build, entry)
    for option in options:
        if option in entry.fixed:
            raise ValueError(
                f"{name} fixes {option}={entry.fixed[option]!r}: choose another "
                "model's name instead (simseg_core.list_models() gives them)"
            )
        if option not in known:
            raise ValueError(_unknown(f"option of {name}", option, known))
    chosen = {} if preset == "paper" else getattr(entry, preset)
    return build(
        in_channels=in_channels,
        num_classes=num_classes,
        **{**entry.fixed, **chosen, **options},
    )


def _load(target: str) -> type[nn.Module]:
    module, attribute = target.split(":")
    return getattr(import_module(f"simseg_core.models.{module}"), attribute)


def _options(build: type[nn.Module], entry: Entry) -> list[str]:
    """List what a caller may pass beside the channels: the signature says it."""
    taken = {"in_channels", "num_classes", *entry.fixed}
    return [name for name in inspect.signature(build).parameters if name not in taken]


def _unknown(kind: str, given: object, known: Iterable[str]) -> str:
    """Word the error for an unknown name, with the nearest known one."""
    names = list(known)
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(names)}"
    return f"unknown {kind} {given!r}: {hint}"
