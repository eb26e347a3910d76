"""The padded and the residual U-Net: counts, sizes, and what their options change."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from simseg_core import create_model
from simseg_core.models.unet_padded import DoubleConv, UNetPadded, pad_to
from tests.models.counting import macs, on_meta, parameters

WIDTHS = (2, 3, 4)


def test_the_counts_of_three_inputs_and_one_class() -> None:
    model = on_meta("unet_padded", num_classes=1)
    assert parameters(model) == 31_037_633
    assert macs(model, torch.zeros(1, 3, 256, 256, device="meta")) == 48_167_387_136


@pytest.mark.parametrize("up", ["transposed", "bilinear"])
@pytest.mark.parametrize("name", ["unet_padded", "unet_residual"])
@given(height=st.integers(16, 67), width=st.integers(16, 67))
@settings(deadline=None, max_examples=8, derandomize=True)
def test_any_size_from_the_stride_on(
    name: str, up: str, height: int, width: int
) -> None:
    model = create_model(name, preset="tiny", num_classes=2, up=up).eval()
    with torch.no_grad():
        logits = model(torch.zeros(1, 3, height, width))
    assert logits.shape == (1, 2, height, width)


def test_smaller_images_are_told_the_stride() -> None:
    model = create_model("unet_padded", preset="tiny")
    with pytest.raises(ValueError, match=r"15x40 is below .* of 16: .* least 16x40"):
        model(torch.zeros(1, 3, 15, 40))


@pytest.mark.parametrize("name", ["unet_padded", "unet_residual"])
def test_without_skips_nothing_passes_beside_the_lowest_stage(name: str) -> None:
    x = torch.randn(1, 3, 32, 32)
    for skips in (True, False):
        model = create_model(name, preset="tiny", skips=skips).eval()
        lowest = model.contract[-1]
        lowest.register_forward_hook(lambda _m, _x, y: torch.zeros_like(y))
        same = torch.equal(model(x), model(x + 1))
        assert same is not skips


def test_without_skips_the_expanding_stages_are_narrower() -> None:
    channels = {
        skips: [
            stage[0][0].in_channels
            for stage in UNetPadded(widths=WIDTHS, skips=skips).expand
        ]
        for skips in (True, False)
    }
    assert channels == {True: [6, 4], False: [3, 2]}


def test_residual_units_project_only_where_the_width_changes() -> None:
    model = create_model("unet_residual", widths=(4, 4, 6), in_channels=3)
    stages = [*model.contract, *model.expand]
    projected = [not isinstance(s.shortcut, nn.Identity) for s in stages]
    # 3 -> 4, 4 -> 4, 4 -> 6; then 8 -> 4 twice, for each reads a skip as well.
    assert projected == [True, False, True, True, True]


def test_residual_unit_is_the_shortcut_where_its_branch_is_silent() -> None:
    unit = create_model("unet_residual", widths=(4, 4, 6)).eval().contract[1]
    nn.init.zeros_(unit.residual[1][1].weight)  # the last BatchNorm's scale
    x = torch.randn(2, 4, 5, 7)
    assert torch.equal(unit(x), x.relu())


def test_block_makes_every_stage() -> None:
    made = []

    class Marked(DoubleConv):
        def __init__(self, c_in: int, c_out: int) -> None:
            super().__init__(c_in, c_out)
            made.append((c_in, c_out))

    UNetPadded(widths=WIDTHS, block=Marked)
    assert made == [(3, 2), (2, 3), (3, 4), (6, 3), (4, 2)]


def test_padding_grows_below_and_on_the_right() -> None:
    x = torch.ones(1, 1, 2, 2)
    expected = torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 0]])
    assert torch.equal(pad_to(x, (3, 3))[0, 0], expected)
    assert pad_to(x, (2, 3)).shape == (1, 1, 2, 3)
    assert pad_to(x, (2, 2)) is x  # no copy where nothing is missing


def test_half_on_each_side_of_a_single_row_is_the_same() -> None:
    """A pooling drops one row at most, and half of one, rounded down, is none."""
    x = torch.randn(1, 2, 4, 6)
    for rows, columns in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        halves = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        ours = pad_to(x, (4 + rows, 6 + columns))
        assert torch.equal(ours, nn.functional.pad(x, halves))


def test_unknown_up_is_refused() -> None:
    with pytest.raises(ValueError, match='"transposed" or "bilinear", got \'nearest\''):
        UNetPadded(up="nearest")
