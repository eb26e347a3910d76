"""Do the palettes of a set's masks agree? An editor may renumber indices in silence.

In a palette picture an index is the label and the colour is only shown. If one index
has two colours in a set, or one colour two indices, some file was renumbered.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from simseg_core.data.files.faults import Fault
from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.palettes import Color

__all__ = ["MaskPalettes"]

_FLAT = (
    "if the indices are right, save the masks without colours: "
    "Image.fromarray(np.array(mask))"
)


class MaskPalettes:
    """What the masks that were seen show as each index.

    Args:
        values: the table that the set is read with.
    """

    def __init__(self, values: MaskValues) -> None:
        self.values = values
        self._shown: dict[int, tuple[Color, Path]] = {}
        self._indices: dict[Color, tuple[int, Path]] = {}

    def add(self, file: Path, mask: Image.Image) -> None:
        """Compare a mask with those before; only indices in use count.

        Args:
            file: of the mask.
            mask: any picture; one without a palette, or read by colour, passes.

        Raises:
            ValueError: if the same index stands for different colours, or the reverse.
        """
        if mask.mode != "P" or self.values.by_color:
            return
        flat = mask.getpalette("RGB") or []
        palette = list(zip(flat[::3], flat[1::3], flat[2::3]))
        used = [i for i in np.unique(np.asarray(mask)).tolist() if i < len(palette)]
        shown = {index: palette[index] for index in used}
        self._compare_greys(file, shown)
        for index, color in shown.items():
            other, first = self._shown.get(index, (color, file))
            if other != color:
                raise self._differ(
                    file, f"shows index {index} as {color}, but {first} as {other}"
                )
            at, first = self._indices.get(color, (index, file))
            # A palette may hold a colour twice; then it says nothing against `at`.
            if at != index and palette[at : at + 1] != [color]:
                raise self._differ(
                    file, f"shows {color} at index {index}, but {first} at index {at}"
                )
        for index, color in shown.items():
            self._shown.setdefault(index, (color, file))
            self._indices.setdefault(color, (index, file))

    def _compare_greys(self, file: Path, shown: dict[int, Color]) -> None:
        """Refuse grey values that were meant as labels and became a palette."""
        labels = {value for value, name in self.values.values.items() if name}
        greys = {index: c[0] for index, c in shown.items() if c[0] == c[1] == c[2]}
        if (
            len(greys) == len(shown) == len(set(greys.values())) > 1
            and set(greys.values()) <= labels
            and any(index != grey for index, grey in greys.items())
        ):
            index = next(index for index, grey in greys.items() if index != grey)
            raise Fault(
                f"shows index {index} as the grey value {greys[index]}, which is a "
                "label, too",
                "an editor seems to have made a palette of the values. If the greys "
                "are right, save the masks as greyscale: mask.convert('L'); " + _FLAT,
                place=file,
            )

    def _differ(self, file: Path, what: str) -> Fault:
        table = {
            color: self.values.values[index]
            for color, (index, _) in self._indices.items()
            if index in self.values.values
        }
        return Fault(
            what,
            "an index must stand for one colour in the whole set. If the colours are "
            f"right, map them: mask_values={table}; {_FLAT}",
            place=file,
            kind="palettes",
        )
