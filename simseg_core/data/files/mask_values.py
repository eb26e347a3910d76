"""What stands in mask files, numbers or colours, and the class that each of them is.

Masks come as class indices (0, 1, 2, ...), as black and white (0 and 255), with gaps
(0, 128, 255) or in colours. A `MaskValues` says which class a number or colour is and
which pixels do not count. Whatever reads masks calls it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from simseg_core.data.files.faults import Fault
from simseg_core.data.files.mask_pixels import mask_pixels, pack, unpack
from simseg_core.data.files.values import (
    Value,
    as_text,
    check_value,
    from_text,
    packed,
)
from simseg_core.data.pairs import IGNORE_INDEX

__all__ = ["MaskValues", "Value"]

_IGNORE = "ignore"  # stands for pixels that do not count, as None does
_NEAR = 16  # levels between a value and its trace in a JPEG
_MANY = 16  # values without a class; more are seldom drawn by hand
_SHOWN = 6  # of them in an error
_REMAKE = (
    "make the masks again from their source as PNG, and resize them by nearest "
    "neighbour only"
)


class MaskValues:
    """A table from what stands in masks to classes.

    Args:
        values: a class's name for each number, or for each colour
            ``(red, green, blue)``; None or ``"ignore"`` for pixels that do not count.
            Several may be one class.
        classes: the names in the order of their indices; None takes the order in
            which `values` names them. A class that no value stands for is allowed.
        ignore_index: the label of pixels that do not count; None is 255.

    Attributes:
        values: the table; ``"ignore"`` has become None.
        classes: the names, a tuple.
        ignore_index: as given, or 255.

    Raises:
        TypeError: if a value is neither a whole number nor a colour, or a class is no
            name.
        ValueError: if no class is named, a name is twice in `classes` or not among
            them, numbers and colours are mixed, a value is outside of what a file can
            hold, or `ignore_index` is a class.

    >>> cells = MaskValues({0: "background", 255: "cell", 128: None})
    >>> cells.classes
    ('background', 'cell')
    >>> cells(np.array([[0, 255], [128, 0]])).tolist()
    [[0, 1], [255, 0]]
    >>> cells = MaskValues({(0, 0, 0): "background", (255, 0, 0): "cell"})
    >>> cells(Image.new("RGB", (2, 1), "red")).tolist()
    [[1, 1]]
    """

    def __init__(
        self,
        values: Mapping[Value, str | None],
        classes: Sequence[str] | None = None,
        *,
        ignore_index: int | None = None,
    ) -> None:
        if not isinstance(values, Mapping):
            raise TypeError(
                f"mask_values={values!r} must be a table from values to class names, "
                'such as {0: "background", 255: "cell"}'
            )
        names = None if classes is None else _checked_names(classes)
        self.values = {
            check_value(value): _checked_name(value, name, names or ())
            for value, name in values.items()
        }
        if len({isinstance(value, tuple) for value in self.values}) == 2:
            raise ValueError(
                f"mask_values={_table(self.values)} mixes numbers and colours: write "
                "the grey value v as the colour (v, v, v)"
            )
        named = dict.fromkeys(name for name in self.values.values() if name)
        if not named:
            raise ValueError(f"mask_values={_table(self.values)} names no class")
        unknown = [name for name in named if names is not None and name not in names]
        if unknown:
            raise ValueError(
                f"mask_values names {unknown}, but the classes are {list(names or ())}:"
                " write the names alike, or leave classes out"
            )
        self.classes = tuple(named) if names is None else names
        ignored = IGNORE_INDEX if ignore_index is None else ignore_index
        is_class = 0 <= ignored < len(self.classes)
        # ignore_index=0 may leave the first class out, but only if that was said.
        if is_class and (ignore_index is None or None in self.values.values()):
            raise ValueError(
                f"ignore_index={ignored} would be the label of "
                f"{self.classes[ignored]!r} and of pixels that do not count: give "
                "another, such as ignore_index=65535"
            )
        self.ignore_index = ignored
        # Sorted, so that a mask's pixels are looked up all at once.
        labels = {
            packed(value): ignored if name is None else self.classes.index(name)
            for value, name in self.values.items()
        }
        self._numbers = np.array(sorted(labels), dtype=np.int64)
        self._labels = np.array([labels[n] for n in sorted(labels)], dtype=np.int64)

    @classmethod
    def indices(
        cls, classes: Sequence[str], *, ignore_index: int | None = None
    ) -> "MaskValues":
        """Describe masks that hold class indices: 0 is the first class.

        >>> MaskValues.indices(["background", "cell"])
        MaskValues({0: 'background', 1: 'cell', 255: None}, ignore_index=255)
        """
        table: dict[Value, str | None] = dict(enumerate(_checked_names(classes)))
        table.setdefault(IGNORE_INDEX if ignore_index is None else ignore_index, None)
        return cls(table, classes, ignore_index=ignore_index)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "MaskValues":
        """Read what `to_json` wrote; only ``"values"`` must be there.

        Raises:
            ValueError: if an entry is not known, or a value is there twice or is
                neither one number nor three; also what the class itself raises.

        >>> MaskValues.from_json({"values": {"0": "background", "255": "cell"}})
        MaskValues({0: 'background', 255: 'cell'}, ignore_index=255)
        """
        if not {"values"} <= set(data) <= {"values", "classes", "ignore_index"}:
            raise ValueError(
                f"mask values have the entries {sorted(data)}: they are "
                '{"values": {"0": "background", "255": "cell"}}, with "classes" and '
                '"ignore_index" by choice'
            )
        table: dict[Value, str | None] = {}
        for text, name in data["values"].items():
            value = from_text(text)
            if value in table:
                raise ValueError(f"mask values hold {text!r} twice: keep one of them")
            table[value] = name
        return cls(table, data.get("classes"), ignore_index=data.get("ignore_index"))

    def to_json(self) -> dict[str, Any]:
        """Describe the table in what JSON has: texts, numbers, lists.

        >>> MaskValues({(0, 0, 0): None, (255, 0, 0): "cell"}).to_json()["values"]
        {'0,0,0': None, '255,0,0': 'cell'}
        """
        return {
            "values": {as_text(value): name for value, name in self.values.items()},
            "classes": list(self.classes),
            "ignore_index": self.ignore_index,
        }

    @property
    def by_color(self) -> bool:
        """Whether colours are mapped, so that the indices of a palette mean nothing."""
        return isinstance(next(iter(self.values)), tuple)

    def __call__(self, mask: np.ndarray | Image.Image) -> np.ndarray:
        """Turn a mask into labels.

        Args:
            mask: whole numbers or booleans ``(H, W)``, colours ``(H, W, 3)``, or a
                picture. A palette picture is read by its indices, or by its colours if
                the table is of colours. Three equal channels are one grey channel.
                White in a 1-bit mask is 1, or 255 if the table has no 1. An alpha
                channel is left out if it is full everywhere.

        Returns:
            ``(H, W)`` int64: indices of `classes`, and `ignore_index`.

        Raises:
            ValueError: if a value is not in the table (each is told with its pixels),
                if there are colours and the table is of numbers, or if pixels are
                transparent or no whole numbers.
        """
        pixels = mask_pixels(mask, by_color=self.by_color)
        if pixels.dtype == bool:
            white = 255 if self.by_color or 1 not in self.values else 1
            pixels = pixels * np.int64(white)
        if self.by_color:
            numbers = self._colors(pixels)
        elif pixels.ndim == 2:
            numbers = pixels.astype(np.int64)
        elif (pixels == pixels[..., :1]).all():
            numbers = pixels[..., 0].astype(np.int64)
        else:
            counts = _count(pack(pixels), unpack)
            raise self._unknown(counts)
        at = np.searchsorted(self._numbers, numbers).clip(max=len(self._numbers) - 1)
        if not np.array_equal(self._numbers[at], numbers):
            raise self._unknown(_count(numbers, unpack if self.by_color else int))
        return self._labels[at]

    def remedy(self, counts: Mapping[Value, int]) -> str:
        """Say what to do about masks that hold values without a class.

        Args:
            counts: pixels of each number or colour, those with a class included.

        >>> MaskValues.indices(["sky", "sea", "land"]).remedy({0: 9, 7: 4, 9: 1})
        "renumber the mask or name more classes, or say what is what, such as
        mask_values={0: 'sky', 7: 'sea', 9: 'land'}; if they come from JPEG or ..."
        """
        unknown = sorted(value for value in counts if value not in self.values)
        if len(unknown) > _MANY:
            cause = (
                f"so many usually come from JPEG or from smoothed edges: {_REMAKE}. If "
                "each is a class, say which in mask_values"
            )
            if isinstance(unknown[-1], tuple):
                return cause
            return (
                f"{cause}; if each is an object of one class, name them all at once: "
                f"mask_values={{0: ..., **dict.fromkeys(range(1, {unknown[-1] + 1}), "
                "...)}"
            )
        if isinstance(unknown[0], tuple) and not self.by_color:
            return f"say which class each colour is: {self.suggest(counts)}"
        # A table gives pixels that do not count a label of their own.
        is_class = 0 <= self.ignore_index < len(self.classes)
        instead = " in place of ignore_index" * is_class
        what = (
            "renumber the mask or name more classes, or say what is what, such as "
            f"{self.suggest(counts)}{instead}"
            if self._holds_indices
            else "add them to mask_values with a class, or None for pixels that do not "
            f"count: {_table(dict.fromkeys(unknown, ...))}"
        )
        return f"{what}; if they come from JPEG or from smoothed edges, {_REMAKE}"

    def suggest(self, values: Iterable[Value]) -> str:
        """Write the argument that maps these values to the classes, in order.

        >>> MaskValues.indices(["background", "cell"]).suggest([0, 128, 255])
        "mask_values={0: 'background', 128: 'cell', 255: None}"
        """
        ordered = sorted(values)
        names: list[Any] = list(self.classes)
        if len(ordered) == len(names) + 1 and ordered[-1] == IGNORE_INDEX:
            names.append(None)
        # No order of colours, and no other number of values, says which is which.
        if isinstance(ordered[0], tuple) or len(ordered) != len(names):
            names = [...] * len(ordered)
        return f"mask_values={_table(dict(zip(ordered, names)))}"

    @property
    def _holds_indices(self) -> bool:
        return all(
            name is None or value == self.classes.index(name)
            for value, name in self.values.items()
        )

    def _colors(self, pixels: np.ndarray) -> np.ndarray:
        if pixels.min(initial=0) < 0 or pixels.max(initial=0) > 255:
            raise Fault(
                f"holds values up to {pixels.max()}, which are no colours of 0 to 255",
                "save it with 8 bits a channel, or map its numbers in mask_values",
            )
        return pack(pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1))

    def _unknown(self, counts: Mapping[Value, int]) -> Fault:
        unknown = {v: n for v, n in counts.items() if v not in self.values}
        shown = sorted(unknown, key=lambda value: (-unknown[value], value))[:_SHOWN]
        listed = ", ".join(
            f"{value} ({unknown[value]} pixel{'s' * (unknown[value] > 1)}"
            + (
                f", close to {near})"
                if (near := self._near(value)) is not None
                else ")"
            )
            for value in shown
        )
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        colors = isinstance(shown[0], tuple)
        what = f"holds the {'colours' if colors else 'values'} {listed}{more}"
        if self._holds_indices:
            last = len(self.classes) - 1
            expected = (
                f"{last + 1} classes are 0 to {last} ({self.ignore_index} = ignore)"
            )
        elif colors == self.by_color:
            expected = "mask_values does not name them"
        else:
            expected = "mask_values names numbers"
        return Fault(
            f"{what}, but {expected}", self.remedy(counts), kind="values", counts=counts
        )

    def _near(self, value: Value) -> Value | None:
        """Find the value that this one may be a trace of."""
        if isinstance(value, tuple) != self.by_color or self._holds_indices:
            return None
        steps = {
            known: int(np.abs(np.subtract(known, value)).max()) for known in self.values
        }
        nearest = min(steps, key=lambda known: steps[known])
        return nearest if steps[nearest] <= _NEAR else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MaskValues) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((frozenset(self.values.items()), self.classes, self.ignore_index))

    def __repr__(self) -> str:
        return f"MaskValues({_table(self.values)}, ignore_index={self.ignore_index})"


def _checked_names(classes: Sequence[str]) -> tuple[str, ...]:
    if (
        isinstance(classes, str)
        or not isinstance(classes, Sequence)
        or not all(isinstance(name, str) for name in classes)
    ):
        raise TypeError(
            f"classes={classes!r} must be a list of names, in the order of the "
            'class indices, such as ["background", "cat"]'
        )
    if not classes or len(set(classes)) < len(classes):
        raise ValueError(
            f"classes={list(classes)} must name at least one class, and each once"
        )
    return tuple(classes)


def _checked_name(value: object, name: object, names: Sequence[str]) -> str | None:
    if name is None or (name == _IGNORE and _IGNORE not in names):
        return None
    if not isinstance(name, str) or not name:
        raise TypeError(
            f"mask_values has {value!r}: {name!r}, but that must be a class's name, "
            "or None for pixels that do not count"
        )
    return name


def _count(numbers: np.ndarray, read: Any) -> dict[Value, int]:
    found, counts = np.unique(numbers, return_counts=True)
    return {read(int(n)): int(count) for n, count in zip(found, counts)}


def _table(values: Mapping[Any, Any]) -> str:
    """Write a table as Python does, with ``...`` where a reader must choose."""
    items = (f"{k!r}: {'...' if v is ... else repr(v)}" for k, v in values.items())
    return f"{{{', '.join(items)}}}"
