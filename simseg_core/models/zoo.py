"""The book's networks by name: `create_model` builds one, `list_models` names them.

Which networks there are, and what their presets mean, stands in `presets`.
"""

import difflib
import inspect
from collections.abc import Iterable
from typing import Any

from torch import nn

from simseg_core import models
from simseg_core.models.presets import PRESETS, TABLE, TASKS, Entry


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
    build = getattr(models, entry.target)  # imported now, when it is asked for
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
