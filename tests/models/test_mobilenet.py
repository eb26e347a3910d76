"""MobileNetV2: the paper's counts, its blocks, its output strides."""

import pytest
import torch
from torch import nn

from simseg_core.models.mobilenet import (
    InvertedResidual,
    MobileNetV2,
    MobileNetV2Encoder,
)
from tests.models.counting import macs, on_meta, parameters
from tests.parity.compare import assert_close, shaken

TINY = (4, 3, 5, 6, 7, 8, 9, 10)


def test_papers_counts() -> None:
    """Table 4: 3.4 million parameters, 300 million multiply-adds."""
    model = on_meta("mobilenetv2", num_classes=1000)
    assert parameters(model) == 3_504_872
    assert round(macs(model, torch.zeros(1, 3, 224, 224, device="meta")) / 1e6) == 301


def test_strides_and_rates() -> None:
    def of(output_stride: int) -> list[tuple[int, int]]:
        encoder = MobileNetV2Encoder(widths=TINY, output_stride=output_stride)
        return [
            (module.stride[0], module.dilation[0])
            for module in encoder.modules()
            if isinstance(module, nn.Conv2d) and module.groups > 1
        ]

    one, two, four, stride = (1, 1), (1, 2), (1, 4), (2, 1)
    upper = [one, stride, one, stride, one, one]  # rows 1 to 3
    assert of(32) == [*upper, stride, *[one] * 6, stride, *[one] * 3]
    assert of(16) == [*upper, stride, *[one] * 6, one, *[two] * 3]
    assert of(8) == [*upper, one, *[two] * 6, two, *[four] * 3]


@pytest.mark.parametrize("output_stride", [8, 16])
def test_smaller_output_stride_gives_the_same_values_more_densely(output_stride):
    sparse = shaken(MobileNetV2Encoder(widths=TINY, output_stride=2 * output_stride))
    dense = MobileNetV2Encoder(widths=TINY, output_stride=output_stride)
    dense = dense.double().eval()
    dense.load_state_dict(sparse.state_dict())
    x = torch.randn(1, 3, 57, 83, dtype=torch.float64)
    with torch.no_grad():
        (low, few), (same_low, many) = sparse(x), dense(x)
    assert_close(many[..., ::2, ::2], few)
    assert torch.equal(low, same_low)


def test_low_level_features_are_wide_and_at_stride_4() -> None:
    with torch.device("meta"):
        low, last = MobileNetV2Encoder()(torch.zeros(2, 3, 97, 130))
    assert low.shape[1:] == (144, 25, 33)
    assert last.shape[1:] == (320, 4, 5)


def test_only_the_blocks_after_a_rows_first_add_their_input() -> None:
    blocks = [m for m in MobileNetV2().modules() if isinstance(m, InvertedResidual)]
    assert [block.shortcut for block in blocks] == [
        index > 0 for count in (1, 2, 3, 4, 3, 3, 1) for index in range(count)
    ]


def test_bottleneck_is_linear() -> None:
    block = shaken(InvertedResidual(4, 6, expansion=3))
    wide, narrow = block.with_wide(torch.randn(2, 4, 7, 8, dtype=torch.float64))
    assert wide.shape[1] == 12
    assert wide.min() == 0
    assert wide.max() <= 6
    assert narrow.min() < 0


def test_one_batch_moves_the_running_statistics_by_a_tenth() -> None:
    """Not by 0.997: that is TensorFlow's share of the old statistics."""
    block = InvertedResidual(3, 4, expansion=2)
    x = torch.randn(8, 3, 9, 9)
    first = block.widen[0](x)
    block(x)
    torch.testing.assert_close(
        block.widen[1].running_mean, 0.1 * first.mean(dim=(0, 2, 3))
    )
    third = block.widen[4]
    x = torch.randn(8, 3, 9, 9)
    old = third.running_mean.clone()
    wide = block.widen[:4](x)  # a second update of the first BatchNorm, none of this
    third(wide)
    expected = 0.9 * old + 0.1 * wide.mean(dim=(0, 2, 3))
    torch.testing.assert_close(third.running_mean, expected)


def test_eps_reaches_every_batchnorm() -> None:
    for eps in (1e-5, 1e-3):
        options = {} if eps == 1e-5 else {"eps": eps}
        model = MobileNetV2(widths=TINY, last_channels=4, **options)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        assert len(norms) == 52  # as many as convolutions
        assert {norm.eps for norm in norms} == {eps}


def test_refuses() -> None:
    with pytest.raises(ValueError, match="eps must be above 0, got 0"):
        MobileNetV2Encoder(widths=TINY, eps=0)
    with pytest.raises(ValueError, match="output_stride must be 8, 16 or 32, got 64"):
        MobileNetV2Encoder(widths=TINY, output_stride=64)
    with pytest.raises(ValueError, match="widths must hold 8 numbers"):
        MobileNetV2(widths=TINY[:4])
