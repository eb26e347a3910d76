"""Palettes of one set: indices that shift are found, palettes that vary are not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simseg_core.data.files.mask_palettes import MaskPalettes
from simseg_core.data.files.mask_values import MaskValues

BLACK, RED, GREEN = (0, 0, 0), (255, 0, 0), (0, 255, 0)
TABLE = MaskValues.indices(["a", "b", "c"])


def mask(indices, colors):
    image = Image.fromarray(np.uint8([indices]), mode="P")
    image.putpalette([level for color in colors for level in color])
    return image


def add(*masks, values=TABLE):
    palettes = MaskPalettes(values)
    for number, one in enumerate(masks):
        palettes.add(Path(f"{number}.png"), one)


@pytest.mark.parametrize(
    ("masks", "says"),
    [
        # Exchanged, and renumbered because a value was missing.
        (
            [mask([0, 1], [BLACK, RED]), mask([0, 1], [RED, BLACK])],
            r"1\.png shows index 0 as \(255, 0, 0\), but 0\.png as \(0, 0, 0\)",
        ),
        (
            [mask([0, 1, 2], [BLACK, RED, GREEN]), mask([0, 1], [BLACK, GREEN])],
            r"1\.png shows index 1 as \(0, 255, 0\), but 0\.png as \(255, 0, 0\)",
        ),
        (
            [mask([0, 2], [BLACK, RED, GREEN]), mask([0, 1], [BLACK, GREEN])],
            r"1\.png shows \(0, 255, 0\) at index 1, but 0\.png at index 2",
        ),
    ],
)
def test_indices_that_shift_are_found(masks, says):
    with pytest.raises(ValueError, match=says) as caught:
        add(*masks)
    assert "mask_values={(0, 0, 0): 'a'" in str(caught.value)
    add(*masks, values=MaskValues({BLACK: "a", RED: "b", GREEN: "c"}))
    flat = [Image.fromarray(np.array(one)) for one in masks]  # as the error says
    assert {one.mode for one in flat} == {"L"}
    add(*flat)


@pytest.mark.parametrize(
    "masks",
    [
        [
            mask([0, 1], [BLACK, RED]),
            mask([0, 1], [BLACK, RED, GREEN]),
        ],  # unused differ
        [mask([0, 2], [BLACK, RED, GREEN]), mask([0, 1], [BLACK, RED, RED])],
        [mask([0, 1], [BLACK, BLACK, RED]), mask([0, 2], [BLACK, BLACK, RED])],
        [mask([0], [BLACK, BLACK]), mask([1], [BLACK, BLACK])],  # no colours chosen
        [mask([0, 1], [BLACK, (255, 255, 255)])],  # 1 is shown in white
        [mask([0, 1, 2], [(v, v, v) for v in range(256)])],
        [Image.new("L", (2, 1)), mask([0, 1], [RED, BLACK])],
    ],
)
def test_palettes_that_say_the_same_pass(masks):
    add(*masks)


def test_greys_that_became_a_palette_are_found():
    with pytest.raises(
        ValueError, match=r"index 1 as the grey value 2, which is a label.*convert\('L'"
    ):
        add(mask([0, 1], [BLACK, (2, 2, 2)]))
    with pytest.raises(ValueError, match="index 1 as the grey value 255"):
        add(
            mask([0, 1], [BLACK, (255, 255, 255)]),
            values=MaskValues({0: "a", 255: "b"}),
        )
