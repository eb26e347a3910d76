"""ResNets: the papers' counts, the output stride, the hook for attention."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn

from simseg_core import create_model
from simseg_core.models.residual import BasicUnit, BottleneckUnit
from simseg_core.models.resnet import ResNetEncoder
from tests.models.counting import macs, on_meta, parameters

TINY = (4, 6, 8, 10)


@pytest.mark.parametrize("version", ["v1", "v1.5"])
def test_resnet50_has_as_many_parameters_in_both_versions(version: str) -> None:
    model = on_meta("resnet50", num_classes=1000, version=version)
    assert parameters(model) == 25_557_032


def test_the_stride_moves_a_share_of_the_work() -> None:
    x = torch.zeros(1, 3, 224, 224, device="meta")
    counts = {
        version: macs(on_meta("resnet50", num_classes=1000, version=version), x)
        for version in ("v1", "v1.5")
    }
    assert counts["v1"] / 1e9 == pytest.approx(3.858, abs=5e-4)
    assert counts["v1.5"] / 1e9 == pytest.approx(4.089, abs=5e-4)


def dilations(encoder: nn.Module) -> list[list[int]]:
    """The dilation of every 3x3 convolution of the last two stages."""
    return [
        [
            module.dilation[0]
            for module in stage.modules()
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
        ]
        for stage in encoder.stages[2:]
    ]


@pytest.mark.parametrize(
    ("output_stride", "multi_grid", "expected"),
    [
        (32, None, [[1] * 6, [1, 1, 1]]),
        (16, None, [[1] * 6, [1, 2, 2]]),
        (8, None, [[1, 2, 2, 2, 2, 2], [2, 4, 4]]),
        (16, (1, 2, 4), [[1] * 6, [2, 4, 8]]),
        (8, (1, 2, 4), [[1, 2, 2, 2, 2, 2], [4, 8, 16]]),
    ],
)
def test_dilation_of_every_unit(
    output_stride: int, multi_grid: tuple[int, ...] | None, expected: list[list[int]]
) -> None:
    encoder = ResNetEncoder(
        depth=50, widths=TINY, output_stride=output_stride, multi_grid=multi_grid
    )
    assert dilations(encoder) == expected


@pytest.mark.parametrize("version", ["v1", "v1.5"])
@pytest.mark.parametrize("depth", [18, 50])
@given(height=st.integers(33, 70), width=st.integers(33, 70))
@settings(deadline=None, max_examples=4, derandomize=True)
def test_smaller_output_stride_only_samples_more_densely(
    depth: int, version: str, height: int, width: int
) -> None:
    # Every value of the strided map stands, unchanged, in the dilated one.
    form = {"depth": depth, "version": version, "widths": TINY}
    strided = ResNetEncoder(**form).double().eval()
    x = torch.randn(1, 3, height, width, dtype=torch.float64)
    expected = strided(x)[-1]
    for output_stride in (16, 8):
        dilated = ResNetEncoder(**form, output_stride=output_stride).double().eval()
        dilated.load_state_dict(strided.state_dict())
        step = 32 // output_stride
        found = dilated(x)[-1][..., ::step, ::step]
        scale = expected.abs().max().item()
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("output_stride", [32, 16, 8])
@pytest.mark.parametrize("depth", [18, 50])
def test_strides_and_channels_of_the_maps(depth: int, output_stride: int) -> None:
    encoder = ResNetEncoder(depth=depth, widths=TINY, output_stride=output_stride)
    maps = encoder(torch.zeros(1, 3, 64, 96))
    assert [m.shape[1] for m in maps] == list(encoder.channels)
    strides = [min(s, output_stride) for s in (2, 4, 8, 16, 32)]
    assert [tuple(m.shape[-2:]) for m in maps] == [(64 // s, 96 // s) for s in strides]


class Halve(nn.Module):
    """A stand-in for attention: it scales what it is given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return x / 2


@pytest.mark.parametrize("unit", [BasicUnit, BottleneckUnit])
def test_attention_acts_on_the_branch_before_the_sum(unit: type[nn.Module]) -> None:
    width = 8 // unit.expansion
    block = unit(8, width, attention=Halve).eval()
    x = torch.randn(2, 8, 5, 7)
    assert block.attention.channels == 8
    assert torch.equal(block(x), (block.residual(x) / 2 + x).relu())


def test_every_unit_gets_attention() -> None:
    model = create_model("resnet34", preset="tiny", block_attention=Halve)
    assert sum(isinstance(m, Halve) for m in model.modules()) == 3 + 4 + 6 + 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 51}, r"depth must be one of \[18, 34, 50, 101, 152\], got 51"),
        ({"output_stride": 4}, "output_stride must be 8, 16 or 32, got 4"),
        ({"version": "v2"}, r"version must be one of .*, got 'v2'"),
        (
            {"multi_grid": (1, 2)},
            r"each of the 3 units of the last stage, got \(1, 2\)",
        ),
        ({"widths": (4, 6, 8)}, "widths must hold 4 numbers, got 3"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResNetEncoder(**options)
