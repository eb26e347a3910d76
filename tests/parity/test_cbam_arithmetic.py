"""The CBAM paper's cost figures, found again by counting the networks live."""

import pytest
import torch

from simseg_core import create_model
from tests.parity.cbam_arithmetic import PAPER_GIGA, Row, markdown, table


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, bool], Row]:
    return {(row.version, row.cbam): row for row in table()}


@pytest.mark.parametrize("version", ["v1", "v1.5"])
def test_parameters(rows: dict[tuple[str, bool], Row], version: str) -> None:
    assert rows[version, False].parameters == 25_557_032
    assert rows[version, True].parameters == 28_089_624
    gained = sum(
        units * (C * (C // 16) * 2 + C // 16 + C + 98 + 2)
        for units, C in [(3, 256), (4, 512), (6, 1024), (3, 2048)]
    )
    assert rows[version, True].parameters - rows[version, False].parameters == gained


def test_paper_counts_macs_of_v1(rows: dict[tuple[str, bool], Row]) -> None:
    for cbam in (False, True):
        row = rows["v1", cbam]
        assert round(row.macs / 1e9, 3) == PAPER_GIGA[cbam]
        assert round(row.flops / 1e9, 3) != PAPER_GIGA[cbam]
        assert row.flops == 2 * row.macs


def test_authors_code_is_v1_5(rows: dict[tuple[str, bool], Row]) -> None:
    assert round(rows["v1.5", False].macs / 1e9, 3) == 4.089
    assert round(rows["v1.5", True].macs / 1e9, 3) == 4.096


def test_what_cbam_adds(rows: dict[tuple[str, bool], Row]) -> None:
    """Two passes of an MLP, and a 7x7 convolution over two maps, in each unit."""
    stages = [(3, 256, 56), (4, 512, 28), (6, 1024, 14), (3, 2048, 7)]
    gained = sum(
        units * (2 * 2 * C * (C // 16) + 2 * 49 * side**2) for units, C, side in stages
    )
    for version in ("v1", "v1.5"):
        assert rows[version, True].macs - rows[version, False].macs == gained


def test_table_for_the_book(rows: dict[tuple[str, bool], Row]) -> None:
    text = markdown(list(rows.values()))
    assert len(text.splitlines()) == 2 + 4
    row = "| ResNet-50 v1 + CBAM | 28,089,624 | 3.864 | 7.729 | 3.864 |"
    assert row in text.splitlines()


@pytest.mark.parametrize("depth", [18, 34, 50, 101])
def test_both_versions_hold_the_same_weights(depth: int) -> None:
    """Strides have no weights: a file for one loads into the other, and is wrong."""
    options = {"preset": "tiny", "num_classes": 3}
    v1, v15 = (
        create_model(f"resnet{depth}_cbam", version=version, **options).eval()
        for version in ("v1", "v1.5")
    )
    v15.load_state_dict(v1.state_dict(), strict=True)
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(v1(x), v15(x)) == (depth < 50)


@pytest.mark.parametrize("order", ["channel_first", "spatial_first", "parallel"])
def test_order_reaches_every_unit(order: str) -> None:
    model = create_model("resnet18_cbam", preset="tiny", order=order)
    units = [unit for stage in model.encoder.stages for unit in stage]
    assert [unit.attention.order for unit in units] == [order] * 8
