"""DeepLabV3+: its decoder, its backbones, its options."""

import pytest
import torch
from torch import nn

from simseg_core import create_model
from simseg_core.models.deeplabv3 import DeepLabV3
from simseg_core.models.deeplabv3plus import BACKBONES, Decoder, DeepLabV3Plus
from simseg_core.models.separable import SeparableConv2d
from tests.parity.compare import assert_close, shaken

WIDTHS = {
    "resnet50": (3, 4, 5, 6),
    "resnet101": (3, 4, 5, 6),
    "xception65": (3, 4, 5, 6, 7, 8, 9, 10),
    "mobilenetv2": (4, 3, 5, 6, 7, 8, 9, 10),
}


def tiny(backbone: str, **options: object) -> nn.Module:
    chosen = {"widths": WIDTHS[backbone], "aspp_channels": 7, "narrow_channels": 3}
    return DeepLabV3Plus(backbone=backbone, num_classes=5, **{**chosen, **options})


def test_every_backbone_is_tried() -> None:
    assert WIDTHS.keys() == BACKBONES.keys()


@pytest.mark.parametrize(
    ("name", "low_channels", "high_channels", "separable"),
    [
        ("deeplabv3plus_resnet50", 256, 2048, False),
        ("deeplabv3plus_resnet101", 256, 2048, False),
        ("deeplabv3plus_xception65", 256, 2048, True),
        ("deeplabv3plus_mobilenetv2", 144, 320, True),
    ],
)
def test_decoder_reads_the_right_map(name, low_channels, high_channels, separable):
    with torch.device("meta"):
        model = create_model(name).eval()
        maps = model.encoder(torch.zeros(1, 3, 257, 129))
    assert maps[model.low].shape[1:] == (low_channels, 65, 33)
    assert maps[-1].shape[1:] == (high_channels, 17, 9)
    decoder = model.decoder
    assert decoder.narrow[0].weight.shape == (48, low_channels, 1, 1)
    assert len(decoder.refine) == 2
    for conv, c_in in zip(decoder.refine, (256 + 48, 256)):
        assert isinstance(conv, SeparableConv2d) == separable
        weights = sum(m.weight.numel() for m in conv if isinstance(m, nn.Conv2d))
        assert weights == (9 * c_in + c_in * 256 if separable else 9 * c_in * 256)
    for branch in model.aspp.branches[1:-1]:
        assert isinstance(branch, SeparableConv2d) == separable


def test_a_resnets_low_level_features_follow_the_sum_and_its_relu() -> None:
    """The first stage's output, not its last unit's branch, as the authors' code."""
    model = shaken(tiny("resnet50"))
    unit = model.encoder.stages[0][-1]
    x = torch.randn(2, 3, 33, 40, dtype=torch.float64)
    kept = {}
    unit.register_forward_hook(lambda _m, given, out: kept.update(x=given[0], y=out))
    with torch.no_grad():
        low = model.encoder(x)[model.low]
        branch = unit.residual(kept["x"])
    assert torch.equal(low, (branch + kept["x"]).relu())
    assert branch.min() < 0
    assert not torch.allclose(low, branch)


@pytest.mark.parametrize("backbone", WIDTHS)
@pytest.mark.parametrize("output_stride", [8, 32])
def test_any_size_from_the_output_stride_on(backbone, output_stride) -> None:
    model = tiny(backbone, output_stride=output_stride).eval()
    for size in ((output_stride, output_stride), (output_stride + 1, 61)):
        assert model(torch.zeros(1, 3, *size)).shape == (1, 5, *size)
    with pytest.raises(ValueError, match=f"this network's stride of {output_stride}"):
        model(torch.zeros(1, 3, 61, output_stride - 1))


def test_without_its_decoder_it_is_deeplabv3() -> None:
    plus = shaken(tiny("resnet50", decoder=False))
    plain = DeepLabV3(widths=WIDTHS["resnet50"], aspp_channels=7, num_classes=5)
    plain = plain.double().eval()
    plain.load_state_dict(plus.state_dict())
    x = torch.randn(1, 3, 45, 70, dtype=torch.float64)
    assert_close(plus(x), plain(x))


@pytest.mark.parametrize("separable", [True, False])
def test_separable_is_one_choice_for_aspp_and_decoder(separable: bool) -> None:
    model = tiny("resnet50", separable=separable)
    found = [m for m in model.modules() if isinstance(m, SeparableConv2d)]
    assert len(found) == (5 if separable else 0)


@pytest.mark.parametrize("align_corners", [True, False])
def test_one_argument_governs_both_resizes(align_corners, monkeypatch) -> None:
    seen = []
    resize = torch.nn.functional.interpolate

    def listen(*args, **options):
        seen.append(options["align_corners"])
        return resize(*args, **options)

    monkeypatch.setattr("torch.nn.functional.interpolate", listen)
    tiny("mobilenetv2", align_corners=align_corners).eval()(torch.zeros(1, 3, 33, 50))
    assert seen == [align_corners, align_corners]


def test_decoder_alone_sharpens_what_it_is_given() -> None:
    """A border in the low-level features only is in the output, at its pixel."""
    decoder = shaken(Decoder(4, 3, narrow_channels=2))
    x = torch.zeros(1, 4, 3, 3, dtype=torch.float64)
    low = torch.zeros(1, 3, 12, 12, dtype=torch.float64)
    flat = decoder(x, low)
    low[..., 6:] = 5.0
    change = (decoder(x, low) - flat).abs().amax(dim=(0, 1, 2))
    # Two 3x3 convolutions carry the border two pixels over and no further.
    assert (change[:4] == 0).all()
    assert (change[4:] > 0).all()


def test_training_on_one_image_says_what_to_do() -> None:
    model = tiny("mobilenetv2")
    with pytest.raises(ValueError, match="train on batches of 2 or more"):
        model(torch.zeros(1, 3, 64, 64))
    tiny("mobilenetv2", image_pooling=False)(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "resnet18"}, "backbone must be one of .'resnet50'"),
        ({"narrow_channels": 0}, "narrow_channels must be 1 or more"),
        ({"output_stride": 4}, "output_stride must be 8, 16 or 32"),
        ({"widths": (1, 2)}, "widths must hold 4 numbers"),
    ],
)
def test_refuses_options(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        DeepLabV3Plus(**options)
