"""Xception-65: the paper's counts, its blocks, its output strides."""

import pytest
import torch
from torch import nn

from simseg_core.models.xception import XceptionBlock, XceptionEncoder
from tests.models.counting import macs, on_meta, parameters
from tests.parity.compare import assert_close, shaken

TINY = (3, 4, 5, 6, 7, 8, 9, 10)


def test_papers_counts() -> None:
    with torch.device("meta"):
        encoder = XceptionEncoder(output_stride=16).eval()
        x = torch.zeros(1, 3, 513, 513)
    assert parameters(encoder) == 37_867_312
    assert macs(encoder, x) == 48_570_448_320
    low, last = encoder(x)
    assert low.shape[1:] == (256, 129, 129)
    assert last.shape[1:] == (2048, 33, 33)
    classifier = on_meta("xception65", num_classes=1000)
    assert parameters(classifier) == 37_867_312 + 2049 * 1000


def depthwise(encoder: nn.Module) -> list[tuple[int, int]]:
    """Stride and rate of every 3x3 convolution within channels, in order."""
    return [
        (module.stride[0], module.dilation[0])
        for module in encoder.modules()
        if isinstance(module, nn.Conv2d) and module.groups > 1
    ]


def test_sixty_five_layers() -> None:
    # Two in the stem and one a separable convolution, of which there are 63.
    assert 2 + len(depthwise(XceptionEncoder(widths=TINY))) == 65


@pytest.mark.parametrize(
    ("output_stride", "third", "middle", "exit_first", "exit_second"),
    [
        (32, (2, 1), 1, (2, 1), 1),
        (16, (2, 1), 1, (1, 1), 2),
        (8, (1, 1), 2, (1, 2), 4),
    ],
)
def test_strides_and_rates(output_stride, third, middle, exit_first, exit_second):
    """A block's three convolutions have one rate, and the last of them the stride."""
    found = depthwise(XceptionEncoder(widths=TINY, output_stride=output_stride))
    blocks = [
        [(1, 1), (1, 1), (2, 1)],
        [(1, 1), (1, 1), (2, 1)],
        [(1, third[1]), (1, third[1]), third],
        *[[(1, middle)] * 3] * 16,
        [(1, exit_first[1]), (1, exit_first[1]), exit_first],
        [(1, exit_second)] * 3,
    ]
    assert found == [conv for block in blocks for conv in block]


@pytest.mark.parametrize("size", [(65, 96), (57, 83)])
def test_smaller_output_stride_gives_the_same_values_more_densely(size) -> None:
    sparse = shaken(XceptionEncoder(widths=TINY, output_stride=16))
    dense = XceptionEncoder(widths=TINY, output_stride=8).double().eval()
    dense.load_state_dict(sparse.state_dict())
    x = torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        (low, few), (same_low, many) = sparse(x), dense(x)
    assert_close(many[..., ::2, ::2], few)
    assert torch.equal(low, same_low)


def test_shortcut_carries_the_input_as_it_came() -> None:
    """ReLU acts on the branch only: with a dead branch the block is the identity."""
    block = XceptionBlock(4, (4, 4, 4), project=False).eval()
    nn.init.zeros_(block.strided[-1].weight)
    x = torch.randn(2, 4, 5, 6)
    assert (x < 0).any()
    before = x.clone()
    assert torch.equal(block(x), before)
    assert torch.equal(x, before)


def test_low_level_features_come_before_the_stride_and_before_a_relu() -> None:
    encoder = shaken(XceptionEncoder(widths=TINY))
    low, _ = encoder(torch.randn(1, 3, 41, 50, dtype=torch.float64))
    assert low.shape == (1, TINY[3], 11, 13)  # stride 4; the block's output has 8
    assert low.min() < 0


def test_every_batchnorm_has_the_codes_epsilon() -> None:
    norms = [m for m in XceptionEncoder(widths=TINY).modules() if hasattr(m, "eps")]
    # 63 separable convolutions have two each; 2 in the stem, 4 projected shortcuts.
    assert len(norms) == 2 * 63 + 2 + 4
    assert {norm.eps for norm in norms} == {1e-3}


def test_refuses() -> None:
    with pytest.raises(ValueError, match="output_stride must be 8, 16 or 32, got 4"):
        XceptionEncoder(widths=TINY, output_stride=4)
    with pytest.raises(ValueError, match="widths must hold 8 numbers"):
        XceptionEncoder(widths=TINY[:4])
    with pytest.raises(ValueError, match="this network's stride of 32"):
        XceptionEncoder(widths=TINY)(torch.zeros(1, 3, 31, 64))
