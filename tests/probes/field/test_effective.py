"""How much each pixel counts: maps known in advance, and what is refused."""

import pytest
import torch
from torch import nn

from simseg_core.probes import effective_receptive_field


def box_stack(depth):
    """Convolutions of nine equal weights: the map is a product of two known curves."""
    stack = nn.Sequential(
        *[nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(depth)]
    )
    with torch.no_grad():
        for layer in stack:
            layer.weight.fill_(1 / 9)
    return stack


def test_equal_weights_give_the_convolved_box():
    depth, side = 5, 31
    field = effective_receptive_field(box_stack(depth), (1, side, side), samples=2)
    curve = torch.zeros(side, dtype=torch.float64)
    curve[side // 2] = 1
    for _ in range(depth):
        curve = (curve.roll(1) + curve + curve.roll(-1)) / 3
    expected = curve[:, None] * curve[None]
    assert torch.allclose(field.map, expected / expected.sum(), atol=1e-7)
    assert field.box == ((10, 20), (10, 20))
    inside = expected > (1 - 0.9545) * expected.max()
    assert field.size == pytest.approx(float(inside.sum()) ** 0.5)
    assert field.area_share == pytest.approx(float(inside.sum()) / 11**2)
    assert field.centre == pytest.approx((15, 15), abs=1e-5)


def test_the_effective_field_grows_more_slowly_than_the_theoretical():
    # Luo et al. 2016, section 2: about sqrt(depth) against depth.
    small, large = (
        effective_receptive_field(box_stack(depth), (1, 81, 81), samples=1)
        for depth in (5, 20)
    )
    theoretical = [f.box[0][1] - f.box[0][0] + 1 for f in (small, large)]
    assert theoretical == [11, 41]
    assert 1.7 < large.size / small.size < 2.3  # sqrt(20 / 5) = 2
    assert large.area_share < small.area_share


def test_no_pixel_counts_outside_the_theoretical_box():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 3, 3, padding=2),
    )
    field = effective_receptive_field(model, (2, 20, 24), output_index=(2, -1))
    (top, bottom), (left, right) = field.box
    assert field.output_index == (2, 13)
    assert field.map[top : bottom + 1, left : right + 1].sum() == pytest.approx(1)
    assert field.map.sum() == pytest.approx(1)


def test_side_is_the_smallest_square_that_holds_the_share():
    field = effective_receptive_field(box_stack(4), (1, 21, 21), samples=1)
    for share in (0.3, 0.9545):
        side = field.side(share)
        held = [
            float(field.map[10 - r : 11 + r, 10 - r : 11 + r].sum())
            for r in (side // 2, side // 2 - 1)
        ]
        assert held[0] >= share > held[1]
    with pytest.raises(ValueError, match="between 0 and 1"):
        field.side(1.0)


def test_the_model_and_the_random_state_are_left_as_they_were():
    model = nn.Sequential(
        nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)
    ).train()
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    effective_receptive_field(model, (3, 12, 12))
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model] == [True, True, False, True]
    assert all(parameter.grad is None for parameter in model.parameters())
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_given_images_are_used_and_seeds_repeat():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 1, 3))
    images = torch.rand(3, 1, 10, 10)
    first = effective_receptive_field(model, inputs=images)
    assert first.samples == 3
    assert torch.equal(first.map, effective_receptive_field(model, inputs=images).map)
    assert not torch.equal(
        first.map, effective_receptive_field(model, inputs=-images).map
    )


def test_bad_questions_are_refused():
    with pytest.raises(ValueError, match="which is no map"):
        effective_receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten()), 8)
    with pytest.raises(ValueError, match="not on the 6 x 6 map"):
        effective_receptive_field(nn.Conv2d(1, 1, 3), (1, 8, 8), output_index=(6, 0))
    with pytest.raises(ValueError, match="give input_size"):
        effective_receptive_field(nn.Conv2d(1, 1, 3))
    dead = nn.Conv2d(1, 1, 3)
    nn.init.zeros_(dead.weight)
    for blind in (dead, torch.Tensor.detach, torch.ones_like):
        with pytest.raises(ValueError, match="no finite gradient"):
            effective_receptive_field(blind, (1, 8, 8))
    with pytest.raises(ValueError, match=r"give \(row, column\)"):
        effective_receptive_field(nn.Conv2d(1, 1, 3), (1, 8, 8), output_index=(3,))


def test_a_network_with_an_unknown_operation_has_no_box():
    class Fourier(nn.Module):
        def forward(self, x):
            return torch.fft.fft2(x).real

    with pytest.raises(ValueError, match=r"Give dims=\(2, 3\)"):
        effective_receptive_field(Fourier(), (1, 8, 8))
    field = effective_receptive_field(Fourier(), (1, 8, 8), dims=(2, 3))
    assert field.output_index == (4, 4)
    assert field.box is None
    assert field.area_share is None
    assert "effective size" in str(field)
