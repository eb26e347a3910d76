"""FC-HarDNet-70: the width of every convolution, its counts, its sizes."""

import pytest
import torch
from torch import nn

from simseg_core import create_model
from simseg_core.models.fchardnet import FCHarDNet
from simseg_core.probes import cost
from tests.models.counting import macs, on_meta, parameters

# Of each block: channels in; (in, out) of each convolution; channels out.
ENCODER = [
    (48, [(48, 10), (58, 18), (18, 10), (76, 28)], 48),
    (64, [(64, 16), (80, 28), (28, 16), (108, 46)], 78),
    (
        96,
        [
            *[(96, 18), (114, 30), (30, 18), (144, 52)],
            *[(52, 18), (70, 30), (30, 18), (196, 88)],
        ],
        160,
    ),
    (
        160,
        [
            *[(160, 24), (184, 40), (40, 24), (224, 70)],
            *[(70, 24), (94, 40), (40, 24), (294, 118)],
        ],
        214,
    ),
    (
        224,
        [
            *[(224, 32), (256, 54), (54, 32), (310, 92)],
            *[(92, 32), (124, 54), (54, 32), (402, 158)],
        ],
        286,
    ),
]


@pytest.fixture(scope="module")
def paper() -> nn.Module:
    return on_meta("fchardnet70", num_classes=19)


def convs(module: nn.Module) -> list[nn.Conv2d]:
    return [m for m in module.modules() if isinstance(m, nn.Conv2d)]


def channels(module: nn.Module) -> list[tuple[int, int]]:
    return [(conv.in_channels, conv.out_channels) for conv in convs(module)]


def test_published_parameters_and_layers(paper: nn.Module) -> None:
    assert parameters(paper) == 4_119_257
    assert len(convs(paper)) == 70


def test_published_macs_count_batchnorm_too(paper: nn.Module) -> None:
    """The authors' 35.4: two more operations for each value that BatchNorm touches."""
    values = 0

    def listen(module, args, y):
        nonlocal values
        values += y.numel()

    hooks = [
        module.register_forward_hook(listen)
        for module in paper.modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    plain = macs(paper, torch.zeros(1, 3, 1024, 2048, device="meta"))
    for hook in hooks:
        hook.remove()
    assert f"{plain / 1e9:.1f}" == "35.2"
    assert f"{(plain + 2 * values) / 1e9:.1f}" == "35.4"


def test_width_of_every_convolution(paper: nn.Module) -> None:
    assert channels(paper.stem) == [(3, 16), (16, 24), (24, 32), (32, 48)]
    assert [conv.stride[0] for conv in convs(paper.stem)] == [2, 1, 2, 1]
    mixed = (64, 96, 160, 224, 320)
    for block, mix, (c_in, inside, c_out), width in zip(
        paper.down, paper.mix, ENCODER, mixed, strict=True
    ):
        assert channels(block) == inside
        assert inside[0][0] == c_in
        assert channels(mix) == [(c_out, width)]
    halved = [(534, 267), (374, 187), (238, 119), (126, 63)]
    assert [channels(narrow)[0] for narrow in paper.narrow] == halved
    for block, (_, c), (_, inside, c_out) in zip(
        paper.up, halved, reversed(ENCODER[:4]), strict=True
    ):
        assert channels(block)[0] == (c, inside[0][1])
        assert [out for _, out in channels(block)] == [out for _, out in inside]
        assert block.out_channels == c_out


def test_traffic_is_counted_beside_the_work(paper: nn.Module) -> None:
    """CIO by hand: every convolution's values read and written."""
    values = 0

    def listen(module, args, y):
        nonlocal values
        values += args[0].numel() + y.numel()

    hooks = [conv.register_forward_hook(listen) for conv in convs(paper)]
    found = cost(paper, (1, 3, 256, 512))
    for hook in hooks:
        hook.remove()
    assert found.cio == values


@pytest.mark.parametrize("size", [(64, 64), (65, 127), (100, 71)])
def test_takes_any_size_from_64_on(size: tuple[int, int]) -> None:
    model = create_model("fchardnet70", preset="tiny", num_classes=3).eval()
    assert model(torch.zeros(2, 3, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stem": (1, 2)}, "widths must hold 4 numbers"),
        ({"widths": (1, 2)}, "widths must hold 5 numbers"),
        ({"growth": (1, 2)}, "growth must hold 5 numbers"),
    ],
)
def test_refuses_options(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        FCHarDNet(**options)


def test_refuses_small_images() -> None:
    model = create_model("fchardnet70", preset="tiny")
    with pytest.raises(ValueError, match="63x64 is below this network's stride of 64"):
        model(torch.zeros(1, 3, 63, 64))
