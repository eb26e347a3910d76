"""The receptive field of any network: which input pixels can an output pixel depend on?

The recursion is that of Dumoulin and Visin 2016 (arXiv 1603.07285) and Araujo et al.
2019 (Distill, "Computing Receptive Fields"), carried out on whole intervals for every
output index, so that branches, phases and edges come out exactly.

*Exactly* means: the bounding box of the input pixels with a path to the output pixel,
through weights that are not zero. Within that box a dilated stack leaves holes;
`ReceptiveField.support` shows them. Numerical coincidences (a weight that is zero, a
ReLU that is off) are not the architecture's and are not looked at.
"""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any

from torch import Tensor, nn

from simseg_core.probes.endless import MarginTooSmallError
from simseg_core.probes.field_axis import AxisField
from simseg_core.probes.field_input import as_module, image_shape
from simseg_core.probes.field_listen import listen
from simseg_core.probes.field_report import Interval, LayerField
from simseg_core.probes.field_rules import UnknownOperationError
from simseg_core.probes.gradient_support import gradient_support

__all__ = [
    "AxisField",
    "LayerField",
    "ReceptiveField",
    "UnknownOperationError",
    "gradient_support",
    "receptive_field",
]

FIRST_MARGIN, LAST_MARGIN = 2048, 65536  # pixels beyond the image's edges

_HEADERS = ("layer", "operation", "output", "size", "stride", "offset")


class ReceptiveField:
    """The fields of a network's outputs and of everything on the way.

    Attributes:
        input_shape: (1, C, H, W) that was probed.
        layers: the result of every module call and functional operation, in the order
            of completion. `field["layer1"]` is a module's last call.
        outputs: the network's outputs by label; a single one has the label "".
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

    def support(self, index: Sequence[int]) -> Tensor:
        """Give the very pixels that one output pixel depends on: a bool mask (H, W).

        Computed by `gradient_support`, which runs the network on real tensors.
        """
        return gradient_support(self.model, self.input_shape, index)

    def __getitem__(self, name: str) -> LayerField:
        """Find a module's last call by its path in the network."""
        for layer in reversed(self.layers):
            if layer.is_module and layer.name == name:
                return layer
        names = dict.fromkeys(layer.name for layer in self.layers if layer.is_module)
        raise KeyError(f"no module '{name}' ran; these did: {', '.join(names)}")

    def _table(self) -> Iterator[tuple[str, ...]]:
        for layer in self.layers:
            if layer.is_leaf:
                yield self._row(layer.name, layer)
        for label, layer in self.outputs.items():
            yield self._row(f"output {label}".strip(), layer)

    @staticmethod
    def _row(name: str, layer: LayerField) -> tuple[str, ...]:
        tall, wide = layer.rows.summary(), layer.columns.summary()
        pairs = [t if t == w else f"{t} x {w}" for t, w in zip(tall, wide)]
        return name, layer.operation, " x ".join(map(str, layer.shape[1:])), *pairs

    def __str__(self) -> str:
        """Lay out the leaf modules and functional operations as a text table."""
        table = [_HEADERS, *self._table()]
        widths = [max(len(row[i]) for row in table) for i in range(len(_HEADERS))]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in table
        ]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])

    def _repr_html_(self) -> str:
        """Lay out the same as an accessible HTML table."""
        head = "".join(f'<th scope="col">{title}</th>' for title in _HEADERS)
        body = "".join(
            f'<tr><th scope="row">{escape(name)}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            + "</tr>"
            for name, *cells in self._table()
        )
        height, width = self.input_shape[2:]
        caption = f"Receptive field by layer, in pixels of the {height} x {width} input"
        return (
            f"<table><caption>{caption}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, for JSON."""
        return {
            "input_shape": list(self.input_shape),
            "layers": [layer.to_dict() for layer in self.layers],
            "outputs": {k: layer.to_dict() for k, layer in self.outputs.items()},
        }


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
        ValueError: if the size is no image's, or no output depends on the image.

    Source: Dumoulin and Visin 2016, arXiv 1603.07285; Araujo et al. 2019, Distill.

    >>> two = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2))
    >>> field = receptive_field(two, (1, 8, 8))
    >>> field.size, field.rows.stride, field.box((0, 1))
    ((4, 4), 2, ((0, 2), (1, 4)))
    """
    model = as_module(model)
    shape = image_shape(model, input_size)
    margin = FIRST_MARGIN
    while True:
        try:
            heard, ends = listen(model, shape, margin)
            break
        except MarginTooSmallError:
            margin *= 4
            if margin > LAST_MARGIN:
                raise
    if not ends:
        raise ValueError("no output of the network depends on the image")
    outputs = {end.name: LayerField(end) for end in ends}
    return ReceptiveField(model, shape, [LayerField(h) for h in heard], outputs)
