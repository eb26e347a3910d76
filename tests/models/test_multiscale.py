"""The four ways to see several scales: comparable, and each with its own idea."""

import pytest
import torch
from torch import Tensor, nn

from simseg_core.models.multiscale import WAYS, ImagePyramid, MultiScale, trunk
from tests.models.counting import parameters
from tests.parity.compare import assert_close, shaken


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [(32, 32), (45, 70)])
def test_logits_have_the_inputs_size_and_all_weights_learn(way, size) -> None:
    model = shaken(MultiScale(way=way, width=6, num_classes=3))
    y = model(torch.randn(2, 3, *size, dtype=torch.float64))
    assert y.shape == (2, 3, *size)
    y.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().max() > 0, name


def test_the_four_are_comparable() -> None:
    counts = {way: parameters(MultiScale(way=way, num_classes=3)) for way in WAYS}
    assert min(counts.values()) > parameters(trunk(3, 32))
    # The pyramid shares its weights between sizes: it has hardly more than the start.
    assert min(counts, key=counts.get) == "image_pyramid"
    others = [count for way, count in counts.items() if way != "image_pyramid"]
    assert max(others) < 1.5 * min(others)


def reach(module: nn.Module, size: int = 257) -> int:
    """Width, in pixels, of what the middle value of a map depends on."""
    x = torch.randn(1, 3, 8, size, dtype=torch.float64, requires_grad=True)
    y = module(x)
    (gradient,) = torch.autograd.grad(
        y[0, :, y.shape[2] // 2, y.shape[3] // 2].sum(), x
    )
    columns = gradient.abs().sum(dim=(0, 1, 2)).nonzero()
    return int(columns.max() - columns.min()) + 1


def test_each_way_sees_further_than_the_start_alone() -> None:
    start = reach(shaken(trunk(3, 8)))
    assert start == 15
    for way, build in WAYS.items():
        torch.manual_seed(0)
        assert reach(shaken(build(3, 8))) > 2 * start, way


def test_cascade_reaches_as_far_as_its_rates_add_up() -> None:
    module = shaken(WAYS["atrous_cascade"](3, 8))
    assert reach(module) == 15 + 8 * 2 * (1 + 2 + 4 + 8)


def test_pyramid_reads_smaller_images_by_the_same_weights() -> None:
    """With the first size alone it is the start and the mixing convolution."""
    module = shaken(ImagePyramid(3, 4, shrink=(1,)))
    x = torch.randn(1, 3, 40, 56, dtype=torch.float64)
    assert_close(module(x), module.mix(module.trunk(x)))
    both = shaken(ImagePyramid(3, 4, shrink=(1, 2)))
    seen: list[Tensor] = []
    both.trunk.register_forward_hook(lambda module, args, y: seen.append(args[0]))
    both(x)
    assert [tuple(image.shape[-2:]) for image in seen] == [(40, 56), (20, 28)]
    # Halving by bilinear resizing is the mean of each 2x2 here.
    assert_close(seen[1], torch.nn.functional.avg_pool2d(x, 2))


def test_refuses() -> None:
    with pytest.raises(ValueError, match=r"way must be one of \['image_pyramid'"):
        MultiScale(way="pyramid")
    with pytest.raises(ValueError, match="this network's stride of 32"):
        MultiScale(way="encoder_decoder", width=4)(torch.zeros(1, 3, 31, 40))
    with pytest.raises(ValueError, match="train on batches of 2 or more"):
        MultiScale(way="pyramid_pooling", width=4)(torch.zeros(1, 3, 40, 40))
