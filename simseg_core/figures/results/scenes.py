"""Pictures of data: samples with their labels, predictions with their errors.

Colours are the data set's palette, which is legible to the colour-blind; ignored
pixels are striped. Errors are black on pale grey, whatever the palette is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from simseg_core.data.normalization import denormalize
from simseg_core.data.palettes import IGNORE, Color, colorize
from simseg_core.figures.style import (
    INK,
    SMALLEST,
    TALLEST,
    WIDTH,
    DescribedFigure,
    new_figure,
    style,
)
from simseg_core.figures.text import fit, width, wrap
from simseg_core.tables.units import percent

__all__ = ["SegmentationDataset", "draw_predicted", "draw_predictions", "draw_samples"]

_WRONG, _RIGHT = (0, 0, 0), (228, 228, 228)
_LEGEND_ROW = 0.22  # inches
_TITLE_ROW = 0.2
_HIGHEST = 3.2  # of one picture: two fit on a phone's screen
_LOWEST = 0.8  # however many are wanted
_SWATCH = 0.65  # a colour in the legend, and what stands between columns


class SegmentationDataset(Protocol):
    """What `draw_samples` asks of a data set; those of `simseg_core.data` have it."""

    classes: Sequence[str]
    palette: Sequence[Color]
    ignore_index: int
    normalize: bool

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]: ...


def draw_samples(dataset: Any, count: int = 6, *, columns: int = 3) -> DescribedFigure:
    """Draw the first samples of a data set, each image over its label.

    Args:
        dataset: a `SegmentationDataset`, such as `simseg_core.data.Street`.
        count: how many samples.
        columns: samples side by side.

    Returns:
        A figure with the classes' names and colours below.

    Raises:
        ValueError: if the data set has fewer samples than `count`, or count or
            columns is less than 1.

    >>> from simseg_core.data import Street
    >>> len(draw_samples(Street(size=32, length=3), count=2, columns=2).axes)
    4
    """
    samples: SegmentationDataset = dataset
    if not 1 <= count <= len(samples) or columns < 1:
        raise ValueError(
            f"count={count}, columns={columns}: the data set has {len(samples)} "
            "samples; draw at least 1 in at least 1 column"
        )
    pairs = [samples[i] for i in range(count)]
    columns = min(columns, count)
    groups = -(-count // columns)
    shape = pairs[0][1].shape
    labels = [label for _, label in pairs]
    legend = _legend_entries(
        samples.classes, samples.palette, labels, samples.ignore_index
    )
    words = _LEGEND_ROW * _rows(legend)
    cell = _cell(shape, columns, 2 * groups, words)
    with style():
        figure, axes = new_figure(
            height=2 * groups * cell + words,
            nrows=2 * groups,
            ncols=columns,
            squeeze=False,
        )
        for axis in axes.flat:
            axis.set_axis_off()
        for i, (image, label) in enumerate(pairs):
            row, column = 2 * (i // columns), i % columns
            axes[row, column].imshow(_pixels(image, samples.normalize))
            axes[row + 1, column].imshow(
                colorize(label, samples.palette, ignore_index=samples.ignore_index)
            )
        _finish(figure, legend)
    figure.alt_text = _samples_alt_text(labels, samples.classes, columns)
    return figure


def draw_predictions(
    images: Tensor,
    labels: Tensor,
    predictions: Mapping[str, Tensor],
    *,
    classes: Sequence[str],
    palette: Sequence[Color],
    normalized: bool = True,
    ignore_index: int = 255,
) -> DescribedFigure:
    """Draw what networks predict for the same images, and below it where they err.

    Args:
        images: ``(B, 3, H, W)`` float.
        labels: ``(B, H, W)`` class indices.
        predictions: a name -> ``(B, H, W)`` class indices.
        classes: the classes' names.
        palette: one colour a class.
        normalized: whether the images are normalised; otherwise they are 0 to 1.
        ignore_index: label of pixels that do not count: never an error.

    Returns:
        A figure: two rows an image (image, predictions; label, errors in black with
        their share of the pixels that count), a column a prediction.

    Raises:
        ValueError: if there is no prediction or the shapes do not fit.

    >>> import torch
    >>> image, label = torch.rand(1, 3, 32, 32), torch.zeros(1, 32, 32).long()
    >>> figure = draw_predictions(image, label, {"guess": label}, classes=["all"],
    ...                           palette=[(0, 0, 0)], normalized=False)
    >>> figure.axes[3].get_title()
    '0.0 % wrong'
    """
    _check(images, labels, predictions)
    count, high, wide = labels.shape
    columns = 1 + len(predictions)
    room = 0.95 * WIDTH / columns
    names = {name: wrap(name, room, SMALLEST) for name in ("image", *predictions)}
    found = {
        name: [_errors(*pair, ignore_index) for pair in zip(labels, predicted)]
        for name, predicted in predictions.items()
    }
    wrong = {
        name: [wrap(f"{100 * share:.1f} % wrong", room, SMALLEST) for _, share in each]
        for name, each in found.items()
    }
    highest = max(len(title) for each in wrong.values() for title in each)
    lines = max(map(len, names.values())) + count * highest + 1
    legend = _legend_entries(classes, palette, list(labels), ignore_index)
    words = lines * _TITLE_ROW + _LEGEND_ROW * _rows(legend) + 0.2
    cell = _cell((high, wide), columns, 2 * count, words)
    with style():
        figure, axes = new_figure(
            height=2 * count * cell + words,
            nrows=2 * count,
            ncols=columns,
            squeeze=False,
        )
        for i in range(count):
            upper, lower = axes[2 * i], axes[2 * i + 1]
            _show(upper[0], _pixels(images[i], normalized), ["image"] if i == 0 else [])
            truth = colorize(labels[i], palette, ignore_index=ignore_index)
            _show(lower[0], truth, ["label"])
            for column, (name, predicted) in enumerate(predictions.items(), start=1):
                painted = colorize(predicted[i], palette, ignore_index=ignore_index)
                _show(upper[column], painted, names[name] if i == 0 else [])
                _show(lower[column], found[name][i][0], wrong[name][i])
        _finish(figure, legend)
    figure.alt_text = _predictions_alt_text(labels, predictions, classes, ignore_index)
    return figure


def draw_predicted(
    samples: Mapping[str, tuple[Tensor, Tensor, Tensor]],
    *,
    classes: Sequence[str],
    palette: Sequence[Color],
    ignore_index: int = 255,
) -> DescribedFigure:
    """Draw pictures of any sizes, each beside its label and what was predicted.

    Args:
        samples: a title -> image ``(3, H, W)`` from 0 to 1, label and prediction, both
            ``(H, W)`` class indices.
        classes: the classes' names.
        palette: one colour a class.
        ignore_index: label of pixels that do not count.

    Returns:
        A figure: a row a sample, with its title above it.

    Raises:
        ValueError: if there is no sample.

    >>> image, label = torch.rand(3, 20, 30), torch.zeros(20, 30).long()
    >>> figure = draw_predicted({"cat: 0.5": (image, label, label)}, classes=["all"],
    ...                     palette=[(0, 0, 0)])
    >>> len(figure.axes)
    3
    """
    if not samples:
        raise ValueError("no sample to draw: give one at least")
    cells = [
        min(WIDTH / 3 * label.shape[0] / label.shape[1], _HIGHEST)
        for _, label, _ in samples.values()
    ]
    titles = [wrap(title, 0.95 * WIDTH, SMALLEST) for title in samples]
    lines = sum(len(title) for title in titles)
    labels = [label for _, label, _ in samples.values()]
    legend = _legend_entries(classes, palette, labels, ignore_index)
    with style():
        figure, axes = new_figure(
            height=sum(cells) + (lines + 2) * _TITLE_ROW + _LEGEND_ROW * _rows(legend),
            nrows=len(samples),
            ncols=3,
            squeeze=False,
            height_ratios=cells,
        )
        for row, title, (image, label, predicted) in zip(
            axes, titles, samples.values()
        ):
            _show(row[0], _pixels(image, normalized=False), [])
            for axis, numbers in zip(row[1:], (label, predicted)):
                _show(axis, colorize(numbers, palette, ignore_index=ignore_index), [])
            row[0].set_title("\n".join(title), pad=2, fontsize=SMALLEST, loc="left")
        figure.suptitle("Each row: image, label, prediction", fontsize=SMALLEST + 1)
        _finish(figure, legend)
    figure.alt_text = (
        f"{len(samples)} pictures, each beside its label and its prediction: "
        f"{'; '.join(samples)}."
    )
    return figure


def _cell(shape: Sequence[int], columns: int, rows: int, words: float) -> float:
    """Choose a picture's height, in inches, so that a screen holds all rows of them."""
    high, wide = shape
    screen = (TALLEST - words) / rows
    return min(WIDTH / columns * high / wide, _HIGHEST, max(screen, _LOWEST))


def _samples_alt_text(
    labels: Sequence[Tensor], classes: Sequence[str], columns: int
) -> str:
    """Say which classes the samples have, how much of each, and in how many."""
    parts = []
    for index, name in enumerate(classes):
        inside = torch.stack([(label == index).float().mean() for label in labels])
        if inside.any():
            share, found = percent(inside.mean().item()), int((inside > 0).sum())
            parts.append(f"{name} {share} of the pixels, in {found}")
    return (
        f"{len(labels)} images in rows of {columns}, each over its label map: "
        f"{'; '.join(parts)}."
    )


def _predictions_alt_text(
    labels: Tensor,
    predictions: Mapping[str, Tensor],
    classes: Sequence[str],
    ignore_index: int,
) -> str:
    """Say of each prediction how much is wrong, in each image and of each class."""
    sentences = [
        f"{len(labels)} image{'s' * (len(labels) != 1)}: each with its label, "
        f"the predictions of {', '.join(predictions)}, and a map of the errors of each."
    ]
    for name, predicted in predictions.items():
        counted = labels != ignore_index
        wrong = (predicted != labels) & counted
        shares = [w.sum() / c.sum().clamp(min=1) for w, c in zip(wrong, counted)]
        of_classes = [
            f"{percent(wrong[labels == index].float().mean().item())} of {one}"
            for index, one in enumerate(classes)
            if (labels == index).any()
        ]
        sentences.append(
            f"Wrong, {name}: {', '.join(percent(s.item()) for s in shares)} of the "
            f"pixels; {', '.join(of_classes)}."
        )
    return " ".join(sentences)


def _check(images: Tensor, labels: Tensor, predictions: Mapping[str, Tensor]) -> None:
    if not predictions:
        raise ValueError('predictions is empty: pass {"a name": class indices}')
    if images.ndim != 4 or images.shape[-2:] != labels.shape[-2:]:
        raise ValueError(
            f"images {tuple(images.shape)} must be (B, 3, H, W) with the labels' "
            f"B, H, W, here {tuple(labels.shape)}"
        )
    for name, predicted in predictions.items():
        if predicted.shape != labels.shape:
            raise ValueError(
                f"prediction {name!r} is {tuple(predicted.shape)}, the labels are "
                f"{tuple(labels.shape)}: pass class indices, logits.argmax(1)"
            )


def _errors(
    label: Tensor, predicted: Tensor, ignore_index: int
) -> tuple[np.ndarray, float]:
    """Paint wrong pixels black; give their share of the pixels that count."""
    counted = label != ignore_index
    wrong = (label != predicted) & counted
    share = wrong.sum().item() / max(counted.sum().item(), 1)
    return colorize(wrong.long().masked_fill(~counted, 255), (_RIGHT, _WRONG)), share


def _pixels(image: Tensor, normalized: bool) -> np.ndarray:
    shown = denormalize(image) if normalized else image.clamp(0, 1)
    return shown.permute(1, 2, 0).cpu().numpy()


def _show(axis: Axes, pixels: np.ndarray, title: list[str]) -> None:
    axis.imshow(pixels)
    axis.set_anchor("S")  # room that is left goes to the titles
    axis.set_axis_off()
    axis.set_title("\n".join(title), pad=2, fontsize=SMALLEST, loc="center")


def _unit(color: Color) -> tuple[float, float, float]:
    red, green, blue = color
    return red / 255, green / 255, blue / 255


def _legend_entries(
    classes: Sequence[str],
    palette: Sequence[Color],
    labels: Sequence[Tensor],
    ignore_index: int,
) -> list[Patch]:
    entries = [
        Patch(facecolor=_unit(color), edgecolor=INK, linewidth=0.5, label=name)
        for name, color in zip((fit(name, WIDTH - 1) for name in classes), palette)
    ]
    if any((label == ignore_index).any() for label in labels):
        dark, light = (_unit(color) for color in IGNORE)
        entries.append(
            Patch(facecolor=light, edgecolor=dark, hatch="////", label="ignored")
        )
    return entries


def _columns(entries: Sequence[Patch]) -> int:
    """Fit as many columns of the legend as its names allow, three at most."""
    widths = [width(str(entry.get_label())) + _SWATCH for entry in entries]
    for columns in (3, 2):
        rows = -(-len(entries) // columns)
        starts = range(0, len(entries), rows)
        if sum(max(widths[at : at + rows]) for at in starts) <= WIDTH:
            return -(-len(entries) // rows)
    return 1


def _rows(entries: Sequence[Patch]) -> int:
    return -(-len(entries) // _columns(entries)) + 1


def _finish(figure: Figure, entries: list[Patch]) -> None:
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    figure.legend(handles=entries, loc="outside lower center", ncols=_columns(entries))
