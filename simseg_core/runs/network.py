"""A trained network without its weights: all that a prediction needs to know."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.normalization import MEAN, STD
from simseg_core.data.pairs import IGNORE_INDEX
from simseg_core.data.palettes import Color, default_palette
from simseg_core.models.zoo import create_model

__all__ = ["Network"]


@dataclass(frozen=True)
class Network:
    """A network's name, size and classes, and how pictures come to it.

    Attributes:
        model: one of `simseg_core.list_models("segmentation")`.
        classes: their names, in the order of the logits.
        preset: the widths, see `simseg_core.create_model`.
        options: other arguments of the network.
        palette: one RGB colour a class; None takes `default_palette`.
        ignore_index: the label that did not count in training.
        mask_values: which class each value in a mask file is, see `MaskValues`; None
            where masks hold class numbers.
        scale: pictures are resized by this factor before the network sees them.
        mean, std: of the normalisation, a number a channel.
    """

    model: str
    classes: tuple[str, ...]
    preset: str = "small"
    options: Mapping[str, Any] = field(default_factory=dict)
    palette: tuple[Color, ...] | None = None
    ignore_index: int = IGNORE_INDEX
    mask_values: MaskValues | None = None
    scale: float = 1.0
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD

    def __post_init__(self) -> None:
        palette = self.palette or default_palette(len(self.classes))
        object.__setattr__(self, "palette", palette)

    def build(self) -> nn.Module:
        """Make the network, with fresh weights, for RGB pictures.

        Raises:
            ValueError: if the name, the preset or an option is unknown.
        """
        return create_model(
            self.model,
            preset=self.preset,
            num_classes=len(self.classes),
            **self.options,
        )

    def to_dict(self) -> dict[str, Any]:
        """Write it with JSON's types."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        if self.mask_values is not None:
            plain["mask_values"] = self.mask_values.to_json()
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Network":
        """Read what `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: if it is something else.
        """
        kept = dict(plain)
        for name in ("classes", "mean", "std"):
            kept[name] = tuple(kept[name])
        kept["palette"] = tuple(tuple(color) for color in kept["palette"])
        if kept["mask_values"] is not None:
            kept["mask_values"] = MaskValues.from_json(kept["mask_values"])
        return cls(**kept)
