"""The receptive field of any network: which input pixels can an output pixel depend on?

The recursion is that of Dumoulin and Visin 2016 (arXiv 1603.07285) and Araujo et al.
2019 (Distill, "Computing Receptive Fields"), carried out on whole intervals for every
output index, so that branches, phases and edges come out exactly.

*Exactly* means: the bounding box of the input pixels with a path to the output pixel,
through weights that are not zero. Within that box a dilated stack leaves holes;
`ReceptiveField.support` shows them. Numerical coincidences (a weight that is zero, a
ReLU that is off) are not the architecture's and are not looked at.

A *global* operation is one that reduces a whole axis of the image: pooling to one
pixel, attention over all positions, a fully connected layer, and a normalisation by
statistics of the image itself (GroupNorm, InstanceNorm, LayerNorm over H and W, and
BatchNorm that keeps no running statistics). BatchNorm in evaluation and LayerNorm over
channels alone are local. Global paths are left out of size, stride and offset.
"""

import copy
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from simseg_core.probes.field.arithmetic.axis import AxisField
from simseg_core.probes.field.brute_force import gradient_support
from simseg_core.probes.field.outputs import trace_fields
from simseg_core.probes.field.report import Interval, LayerField
from simseg_core.probes.running.inputs import as_module, image_shape
from simseg_core.probes.running.refusal import VOLUMES, refuse_class, title_of
from simseg_core.tables import Column, Table, Tabled
from simseg_core.tables.units import times

__all__ = ["ReceptiveField", "receptive_field"]


class ReceptiveField(Tabled):
    """The fields of a network's outputs and of everything on the way.

    Attributes:
        input_shape: (1, C, H, W) that was probed.
        layers: the result of every module call and functional operation, in the order
            of completion. `field["layer1"]` is a module's last call.
        outputs: the network's outputs by label; a single one has the label "".
        depth: the tables show modules nested deeper as one row; None shows every leaf.
    """

    def __init__(
        self,
        model: nn.Module,
        input_shape: tuple[int, ...],
        layers: Sequence[LayerField],
        outputs: dict[str, LayerField],
    ) -> None:
        self.model = model
        self.input_shape = input_shape
        self.layers = tuple(layers)
        self.outputs = outputs
        self.depth: int | None = None

    def at_depth(self, depth: int | None) -> "ReceptiveField":
        """Show the same field in a table folded at another depth.

        Raises:
            ValueError: if the depth is below 1.
        """
        if depth is not None and depth < 1:
            raise ValueError(f"depth must be 1 or more, or None for all, not {depth}")
        folded = copy.copy(self)
        folded.depth = depth
        return folded

    @property
    def output(self) -> LayerField:
        """The first output (`out` of torchvision's segmentation networks)."""
        return next(iter(self.outputs.values()))

    @property
    def rows(self) -> AxisField:
        """The output's field along the height."""
        return self.output.rows

    @property
    def columns(self) -> AxisField:
        """The output's field along the width."""
        return self.output.columns

    @property
    def size(self) -> tuple[int | None, int | None]:
        """The output's unclipped size (rows, columns); None if it is not one number."""
        return self.output.size

    @property
    def is_global(self) -> bool:
        """Whether a global operation lets the output see the whole image."""
        return self.output.is_global

    def box(
        self, index: Sequence[int], *, whole: bool = False
    ) -> tuple[Interval, Interval] | None:
        """Give the input rows and columns of one output pixel: see `LayerField.box`."""
        return self.output.box(index, whole=whole)

    def unclipped_box(self, index: Sequence[int]) -> tuple[Interval, Interval] | None:
        """Give the same without image edges: see `LayerField.unclipped_box`."""
        return self.output.unclipped_box(index)

    def support(
        self, index: Sequence[int], *, output: str | int | None = None
    ) -> Tensor:
        """Give the very pixels that one output pixel depends on: a bool mask (H, W).

        Computed by `gradient_support`, which runs the network on real tensors.

        Args:
            index: a number for each of the output's `position_dims`.
            output: the label of another output than the first, as in `outputs`.

        Raises:
            KeyError: if no output has that label.
        """
        label = next(iter(self.outputs)) if output is None else str(output)
        if label not in self.outputs:
            raise KeyError(
                f"no output {label!r} depends on the image; these do: "
                f"{', '.join(map(repr, self.outputs))}"
            )
        dims = self.outputs[label].position_dims
        return gradient_support(
            self.model, self.input_shape, index, dims=dims, output=label
        )

    def __getitem__(self, name: str) -> LayerField:
        """Find a module's last call by its path in the network."""
        if name not in self._last_calls:
            ran = ", ".join(self._last_calls)
            raise KeyError(f"no module '{name}' ran; these did: {ran}")
        return self._last_calls[name]

    @cached_property
    def _last_calls(self) -> dict[str, LayerField]:
        return {layer.name: layer for layer in self.layers if layer.is_module}

    def _rows(self) -> list[tuple[str, LayerField]]:
        deepest = self.depth or math.inf
        shown = [
            (layer.name, layer)
            for layer in self.layers
            if (layer.is_leaf and layer.depth <= deepest)
            or (layer.is_module and layer.depth == deepest)
        ]
        outputs = self.outputs.items()
        return shown + [(f"output {label}".strip(), end) for label, end in outputs]

    def _table(self) -> Table:
        return Table(self._title(), _COLUMNS, self._rows(), _NOTES)

    def _title(self) -> str:
        return f"Receptive field in pixels of the {times(self.input_shape)} input"

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, for JSON."""
        return {
            "input_shape": list(self.input_shape),
            "layers": [layer.to_dict() for layer in self.layers],
            "outputs": {k: layer.to_dict() for k, layer in self.outputs.items()},
        }


def _pair(place: int) -> Callable[[tuple[str, LayerField]], str]:
    """Write one part of both axes' summaries, once where they agree."""

    def cell(row: tuple[str, LayerField]) -> str:
        tall, wide = (axis.summary()[place] for axis in (row[1].rows, row[1].columns))
        return tall if tall == wide else f"{tall} × {wide}"

    return cell


def _largest(row: tuple[str, LayerField]) -> float | None:
    """Area of the largest field; endless where only a global path arrives."""
    if row[1].rows.summary()[0] in ("global", "none"):
        return math.inf if row[1].is_global else None
    return float(row[1].rows.sizes.max(initial=0)) * float(
        row[1].columns.sizes.max(initial=0)
    )


def _stride(row: tuple[str, LayerField]) -> float | None:
    return None if row[1].rows.stride is None else float(row[1].rows.stride)


_COLUMNS = (
    Column("layer", lambda row: row[0] or "(top)"),
    Column("operation", lambda row: row[1].operation, width=19),
    Column(
        "output",
        lambda row: times(row[1].shape[1:]),
        value=lambda row: math.prod(row[1].shape),
    ),
    Column("size", _pair(0), value=_largest),
    Column("stride", _pair(1), value=_stride),
    Column("offset", _pair(2), value=lambda row: row[1].rows.offset),
)
_NOTES = ("Size, stride and offset in input pixels, as if the image had no edges.",)


def receptive_field(
    model: nn.Module | Callable[[Tensor], Any], input_size: Sequence[int] | int
) -> ReceptiveField:
    """Find the exact input interval of every output index, at every layer.

    The network runs on fake tensors in evaluation mode; nothing in it changes.

    Args:
        model: takes one image batch (B, C, H, W); returns tensors, lists or dicts.
        input_size: (C, H, W) or (B, C, H, W); (H, W) or one number takes the channels
            of the network's first convolution.

    Returns:
        Rows and columns apart: for each layer and output the clipped and unclipped
        interval per index in input pixels; size, stride, offset and phases of the
        unclipped one; whether a global operation adds the whole image to it.

    Raises:
        UnknownOperationError: for an operation without a rule, by its name and module.
        ValueError: if the size is no image's, the network cannot run on it, or no
            output is a tensor that depends on the image.

    Source: Dumoulin and Visin 2016, arXiv 1603.07285; Araujo et al. 2019, Distill.

    >>> two = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2))
    >>> field = receptive_field(two, (1, 8, 8))
    >>> field.size, field.rows.stride, field.box((0, 1))
    ((4, 4), 2, ((0, 2), (1, 4)))
    """
    refuse_class(model)
    if isinstance(input_size, Sequence) and len(input_size) == 5:
        raise ValueError(f"input_size {tuple(input_size)} is a volume's: {VOLUMES}")
    title = title_of(model)
    model = as_module(model)
    shape = image_shape(model, input_size)
    layers, outputs = trace_fields(model, shape, title)
    if not outputs:
        raise ValueError(
            "no output of the network depends on the image: each is made of weights "
            "and constants alone"
        )
    return ReceptiveField(model, shape, layers, outputs)
