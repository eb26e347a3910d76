"""What the pictures of receptive fields show, as numbers and as alt texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from simseg_core.figures.style import OKABE_ITO
from simseg_core.probes.field.effective import EffectiveField
from simseg_core.probes.field.field import ReceptiveField, receptive_field
from simseg_core.probes.field.report import LayerField
from simseg_core.tables.units import percent

__all__ = [
    "effective_alt_text",
    "field_on_image_alt_text",
    "gridding",
    "gridding_alt_text",
    "growth",
    "growth_alt_text",
    "phases",
    "phases_alt_text",
    "picture",
]

Array = NDArray[Any]


def growth(field: ReceptiveField) -> list[tuple[str, int, Any]]:
    """List the operations after which the largest local size is new.

    Returns:
        For each its name, the size in pixels, and its stride (None: it varies).

    Raises:
        ValueError: no operation of the network has a local field.
    """
    steps: list[tuple[str, int, Any]] = []
    for layer in field.layers:
        sizes = layer.rows.phases or tuple(layer.rows.sizes.tolist())
        largest = max(sizes, default=0)
        if layer.is_leaf and largest > (steps[-1][1] if steps else 0):
            steps.append((layer.name, largest, layer.rows.stride))
    if not steps:
        raise ValueError("no layer of this network has a local receptive field")
    return steps


def gridding(rates: Sequence[int]) -> Array:
    """Find which pixels of its square the middle of a stack of 3 x 3 kernels reads.

    Returns:
        bool, (1 + 2 S, 1 + 2 S), where S is the sum of the rates.

    Raises:
        ValueError: there is no rate, or one below 1.
    """
    if not rates or min(rates) < 1:
        raise ValueError(
            f"rates {tuple(rates)}: give one dilation of at least 1 a layer"
        )
    stack = nn.Sequential(*(nn.Conv2d(1, 1, 3, dilation=rate) for rate in rates))
    side = 1 + 2 * sum(rates)
    return receptive_field(stack, (1, side, side)).support((0, 0)).numpy()


def phases(field: ReceptiveField) -> tuple[Array, list[tuple[int, int]]]:
    """Number the sizes of field by phase.

    Returns:
        For each phase, (row period, column period), the number of its size; and the
        sizes, each as rows and columns in pixels.

    Raises:
        ValueError: the sizes have no short period, or are too many to tell apart.
    """
    rows, columns = field.rows.phases, field.columns.phases
    if rows is None or columns is None:
        raise ValueError("this field has no short period: draw it index by index")
    kinds = sorted({(r, c) for r in rows for c in columns})
    table = np.array([[kinds.index((r, c)) for c in columns] for r in rows])
    if len(kinds) > len(OKABE_ITO):
        raise ValueError(f"{len(kinds)} sizes are too many to tell apart by colour")
    return table, kinds


def picture(image: Array | Tensor) -> Array:
    """Lay out an image for imshow: (C, H, W), (H, W, 3) or (H, W) -> (H, W[, 3])."""
    shown = np.asarray(image)
    if shown.ndim == 3 and shown.shape[0] in (1, 3):
        shown = shown.transpose(1, 2, 0)
    if shown.ndim == 3 and shown.shape[2] == 1:
        shown = shown[..., 0]
    if shown.ndim not in (2, 3):
        raise ValueError(f"image has shape {shown.shape}: give (H, W), (H, W, 3)")
    return shown


def field_on_image_alt_text(
    shown: Array,
    field: ReceptiveField | LayerField,
    index: Sequence[int],
    effective: EffectiveField | None,
) -> str:
    """Say which rows and columns of the picture, (H, W[, 3]), are outlined."""
    height, width = shown.shape[:2]
    box = field.box(index)
    text = f"A picture of {height} by {width} pixels. Output pixel {tuple(index)} sees "
    if box is None:
        text += "no local part of it"
    else:
        (top, bottom), (left, right) = box
        text += f"rows {top} to {bottom} and columns {left} to {right}"
    text += ", and by global operations all of it." if field.is_global else "."
    if effective is not None:
        text += f" The part that counts is about {effective.size:.0f} pixels wide."
    return text


def growth_alt_text(steps: Sequence[tuple[str, int, Any]], image: int) -> str:
    """Say how the size grows, where the stride changes, and when it passes the image.

    Args:
        steps: what `growth` lists.
        image: the longer side of the input, in pixels.
    """
    changes, before = [], None
    for name, size, stride in steps:
        if stride not in (before, None):  # a global step has none
            changes.append(f"{size} pixels at stride {stride} ({name})")
            before = stride
    beyond = [name for name, size, _ in steps if size > image]
    passed = f", which {beyond[0]} is the first to pass" if beyond else ""
    return (
        f"A staircase of {len(steps)} steps, from {steps[0][1]} to {steps[-1][1]} "
        f"pixels. The stride changes at: {'; '.join(changes)}. "
        f"The image has {image} pixels{passed}."
    )


def gridding_alt_text(stacks: Sequence[Sequence[int]], masks: Sequence[Array]) -> str:
    """Say how many pixels of its square each stack reads."""
    parts = []
    for rates, mask in zip(stacks, masks):
        parts.append(
            f"rates {', '.join(map(str, rates))} read {int(mask.sum())} of the "
            f"{mask.shape[0]} by {mask.shape[1]} pixels, {percent(mask.mean())}"
        )
    return (
        "Pixel maps of three-by-three convolutions in a row: " + "; ".join(parts) + "."
    )


def phases_alt_text(table: Array, kinds: Sequence[tuple[int, int]]) -> str:
    """Say which sizes occur and how often, from what `phases` returned."""
    shares = np.bincount(table.ravel(), minlength=len(kinds)) / table.size
    shares_by_size = "; ".join(
        f"{rows} by {columns} for {percent(share)} of the output pixels"
        for (rows, columns), share in zip(kinds, shares)
    )
    return (
        f"A map of {table.shape[0]} by {table.shape[1]} output phases, coloured by the "
        f"size of their receptive field: {shares_by_size}."
    )


def effective_alt_text(before: EffectiveField, after: EffectiveField) -> str:
    """Say both sizes and shares."""
    sentences = []
    for field, when in ((before, "Before"), (after, "After")):
        text = f"{when} training the pixels that count are {field.size:.0f} a side"
        if field.area_share is not None:
            text += f", {percent(field.area_share)} of the theoretical field's area"
        sentences.append(text)
    return "Two gradient maps on one scale. " + ". ".join(sentences) + "."
