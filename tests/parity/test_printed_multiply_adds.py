"""What the DeepLabV3+ paper prints is our count, its code's padding and its ResNet."""

import pytest
import torch

from tests.parity.printed_multiply_adds import Row, as_text, count, padded_size, rows
from tests.parity.space_to_batch import atrous_by_parts


@pytest.fixture(scope="module")
def table() -> list[Row]:
    return list(rows())


def test_two_differences_explain_what_is_printed(table: list[Row]) -> None:
    for row in table:
        # The paper's decoder adds 20.3 billion in this row, and 21.7 in the others.
        odd = (row.backbone, row.output_stride, row.decoder) == ("resnet101", 16, True)
        tolerance = 0.014 if odd else 0.004
        assert row.explained == pytest.approx(row.printed, rel=tolerance), row


def test_padding_is_a_few_percent_where_aspp_is_dense(table: list[Row]) -> None:
    shares = {
        (row.backbone, row.output_stride, row.separable): row.padding / row.ours
        for row in table
        if not row.decoder
    }
    assert all(0.04 < share < 0.10 for (_, os, _), share in shares.items() if os < 32)
    separable = [row for row in table if row.separable]
    assert all(row.padding / row.ours < 0.002 for row in separable)


def test_separable_convolutions_save_a_third_or_more(table: list[Row]) -> None:
    """Section 4.3: "33% to 41%" of the multiply-adds."""
    found = {
        (row.output_stride, row.separable): row.ours
        for row in table
        if row.backbone == "xception65" and row.decoder
    }
    for output_stride in (16, 8):
        saved = 1 - found[output_stride, True] / found[output_stride, False]
        assert 0.28 < saved < 0.41


def test_decoder_costs_the_same_at_every_output_stride(table: list[Row]) -> None:
    ours = {
        (row.output_stride, row.decoder): row.ours
        for row in table
        if row.backbone == "resnet101"
    }
    for output_stride in (8, 16, 32):
        extra = (ours[output_stride, True] - ours[output_stride, False]) / 1e9
        assert extra == pytest.approx(21.7, abs=0.1)


@pytest.mark.parametrize("rate", [1, 2, 6, 12, 18])
@pytest.mark.parametrize("length", [33, 65])
def test_padded_size_is_a_multiple_without_the_border(length: int, rate: int) -> None:
    padded = padded_size(length, rate)
    assert padded % rate == 0
    assert length <= padded < length + rate
    # The same size that sorting by position works on.
    x = torch.zeros(1, 1, length, length)
    assert padded == -(-length // rate) * rate
    assert atrous_by_parts(x, torch.zeros(1, 1, 3, 3), rate=rate).shape == x.shape


def test_extra_work_is_that_of_a_padded_map() -> None:
    conv = torch.nn.Conv2d(4, 8, 3, padding=18, dilation=18).to("meta")
    pool = torch.nn.AdaptiveAvgPool2d(33)
    macs, extra = count(torch.nn.Sequential(pool, torch.nn.Conv2d(3, 4, 1), conv))
    assert macs == 33 * 33 * (3 * 4 + 9 * 4 * 8)
    assert extra == (36**2 - 33**2) * 9 * 4 * 8


def test_table_is_one_line_a_row(table: list[Row]) -> None:
    assert len(as_text(table).splitlines()) == 1 + 12
