"""The recursion against two kinds of brute force, on the book's networks and others."""

import pytest
import segmentation_models_pytorch as smp
import torch
import torchvision.models as zoo
from torch import nn

from simseg_core import create_model
from simseg_core.probes import gradient_support, receptive_field
from tests.probes.field.shared import hull

cut = {"encoder_weights": None, "encoder_name": "resnet18"}


def trunk(model):
    return nn.Sequential(*list(model.children())[:-2])


class Out(nn.Module):
    def __init__(self, model, key):
        super().__init__()
        self.model, self.key = model, key

    def forward(self, x):
        return self.model(x)[self.key]


def small_deeplab():
    model = zoo.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None)
    return Out(model, "out")


class SmallUNet(nn.Module):
    """Odd sizes, a crop, a pad and both kinds of upsampling in one net."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 2, 3)
        self.b = nn.Conv2d(2, 2, 3, padding=2, dilation=2, stride=2)
        self.up = nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1)
        self.c = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, x):
        skip = self.a(x)
        x = self.up(torch.max_pool2d(self.b(skip).relu(), 2, ceil_mode=True))
        height = x.shape[2]
        x = nn.functional.pad(x, (1, 2, 0, 0))
        skip = nn.functional.interpolate(skip, x.shape[2:], mode="nearest-exact")
        x = self.c(torch.cat([skip, x], dim=1))
        return x[:, :, 1 : height - 1]


NETWORKS = {
    "resnet18": (lambda: trunk(zoo.resnet18()), (3, 35, 70)),
    "resnet34": (lambda: trunk(zoo.resnet34()), (3, 40, 33)),
    "resnet50": (lambda: trunk(zoo.resnet50()), (3, 33, 40)),
    "deeplabv3": (small_deeplab, (3, 17, 25)),
    "small unet": (SmallUNet, (1, 31, 26)),
    "shuffle stages": (
        lambda: nn.Sequential(*list(zoo.shufflenet_v2_x0_5().children())[:4]),
        (3, 64, 70),
    ),
    "smp fpn": (lambda: smp.FPN(**cut), (3, 64, 32)),
    "smp pspnet": (lambda: smp.PSPNet(**cut), (3, 64, 48)),
    "smp deeplabv3+": (lambda: smp.DeepLabV3Plus(**cut), (3, 48, 32)),
    "smp segformer": (
        lambda: smp.Segformer("mit_b0", encoder_weights=None),
        (3, 64, 32),
    ),
    "our unet": (
        lambda: create_model("unet", preset="tiny", in_channels=1),
        (1, 188, 188),
    ),
    "our attention": (
        lambda: create_model("unet_attention", preset="tiny"),
        (3, 32, 48),
    ),
    "our deeplabv3": (
        lambda: create_model("deeplabv3_resnet50", preset="tiny"),
        (3, 40, 33),
    ),
}


def poisoned(model, shape, axis):
    """First and last row (column) that makes each output NaN when it is NaN itself.

    NaN passes ReLU, pooling and a weight of zero, so no path can hide. (Where bilinear
    resizing falls on a pixel, 0 * NaN would tell of one too many: not at these sizes.)
    """
    count = shape[axis - 1]
    images = torch.rand(count, *shape)
    images.movedim(axis, 1)[torch.arange(count), torch.arange(count)] = torch.nan
    with torch.no_grad():
        hits = (
            torch.cat([model(part) for part in images.split(16)]).isnan().any(1).int()
        )
    return hits.argmax(0), count - 1 - hits.flip(0).argmax(0)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_output_index_agrees_with_poisoned_rows_and_columns(name):
    build, shape = NETWORKS[name]
    torch.manual_seed(0)
    model = build().eval()
    field = receptive_field(model, shape)
    (top, bottom), (left, right) = (poisoned(model, shape, axis) for axis in (2, 3))
    height, width = top.shape
    for y in range(height):
        for x in range(width):
            expected = (
                (int(top[y, x]), int(bottom[y, x])),
                (int(left[y, x]), int(right[y, x])),
            )
            assert field.box((y, x), whole=True) == expected, (y, x)


@pytest.mark.parametrize(
    "name",
    [
        "resnet18", "small unet", "smp deeplabv3+", "smp segformer", "our unet",
        "our attention", "our deeplabv3",
    ],
)  # fmt: skip
def test_gradient_support_agrees_with_the_recursion(name):
    build, shape = NETWORKS[name]
    torch.manual_seed(0)
    model = build().eval()
    field = receptive_field(model, shape)
    height, width = field.output.shape[2:]
    for index in ((0, 0), (height // 2, width // 3), (height - 1, width - 1)):
        mask = gradient_support(model, shape, index)
        assert mask.any()
        assert hull(mask) == field.box(index, whole=True)


def test_support_agrees_with_poisoned_single_pixels():
    model, shape = SmallUNet().eval(), (1, 17, 14)
    field = receptive_field(model, shape)
    hit = torch.zeros(17, 14, *field.output.shape[2:], dtype=torch.bool)
    for y in range(17):
        for x in range(14):
            image = torch.rand(1, *shape)
            image[0, 0, y, x] = torch.nan
            with torch.no_grad():
                hit[y, x] = model(image).isnan()[0, 0]
    height, width = field.output.shape[2:]
    for index in [(0, 0), (3, 2), (height - 1, width - 1), (2, 7)]:
        assert torch.equal(field.support(index), hit[:, :, *index])


@pytest.mark.parametrize("rates", [(1, 2, 5), (2, 2, 2), (6, 12, 18)])
def test_gridding_leaves_the_holes_of_the_sums_of_the_taps(rates):
    stack = nn.Sequential(*[nn.Conv2d(1, 1, 3, dilation=rate) for rate in rates])
    side = 1 + 2 * sum(rates)
    mask = receptive_field(stack, (1, side, side)).support((0, 0))
    sums = {sum(rates)}
    for rate in rates:
        sums = {s + step for s in sums for step in (-rate, 0, rate)}
    expected = torch.zeros(side, side, dtype=torch.bool)
    for y in sums:
        expected[y, sorted(sums)] = True
    assert torch.equal(mask, expected)


def test_gridding_shares_of_the_book():
    shares = {}
    for rates, side in (((1, 2, 5), 17), ((2, 2, 2), 13), ((6, 12, 18), 73)):
        stack = nn.Sequential(*[nn.Conv2d(1, 1, 3, dilation=rate) for rate in rates])
        field = receptive_field(stack, (1, side, side))
        assert field.size == (side, side)
        shares[rates] = round(100 * float(field.support((0, 0)).double().mean()), 1)
    assert shares == {(1, 2, 5): 100.0, (2, 2, 2): 29.0, (6, 12, 18): 3.2}


def test_dead_weights_and_idle_relus_hide_no_path():
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU6(), nn.MaxPool2d(2), nn.Sigmoid())
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.fill_(-1e6)
    assert int(gradient_support(model, (1, 8, 8), (1, 1)).sum()) == 16
    assert model[0].weight.dtype == torch.float32
    assert float(model[0].bias.detach()) == -1e6


def test_a_network_that_squares_again_and_again_does_not_overflow():
    class Square(nn.Module):
        def forward(self, x):
            return x * x * 1e3

    stack = nn.Sequential(nn.Conv2d(1, 1, 3), *[Square() for _ in range(20)])
    assert int(gradient_support(stack, (1, 8, 8), (2, 3)).sum()) == 9


def test_the_dimensions_of_positions_may_be_told():
    class ChannelsLast(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1).repeat(1, 1, 1, 5)

    mask = gradient_support(ChannelsLast(), (1, 4, 6), (3, 5), dims=(1, 2))
    assert mask.nonzero().tolist() == [[3, 5]]
    assert torch.equal(receptive_field(ChannelsLast(), (1, 4, 6)).support((3, 5)), mask)


def test_gradient_support_refuses_a_position_off_the_map():
    with pytest.raises(IndexError, match="no position of an output"):
        gradient_support(nn.Conv2d(1, 1, 3), (1, 8, 8), (6, 0))
