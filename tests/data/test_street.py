"""Street scenes: the mix of classes, and how thin the thin class is."""

import pytest
import torch

from simseg_core.data import Street
from simseg_core.data.street import BUILDING, GROUND, PLANT, POLE, SKY, VEHICLE


def labels(size, length=150, split="train"):
    data = Street(split, size=size, length=length)
    return torch.stack([data[i][1] for i in range(length)])


def shares(label):
    return torch.bincount(label.flatten(), minlength=6) / label.numel()


def test_poles_and_wires_are_about_a_sixtieth_of_the_pixels():
    share = shares(labels(96))
    assert share[POLE].item() == pytest.approx(0.016, abs=0.003)
    assert share.sum().item() == pytest.approx(1)


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("size", [64, (96, 160)])
def test_no_class_is_missing_and_none_takes_over(split, size):
    share = shares(labels(size, 60, split))
    assert share.max() < 0.45
    assert share.min() == share[POLE]
    assert 0.01 < share[POLE] < 0.04


def run_lengths(mask, axis):
    """Length of the run of True that each True pixel is in, along one axis."""
    mask = mask.transpose(axis, -1)
    before = torch.zeros_like(mask, dtype=torch.long)
    count = torch.zeros_like(before[..., 0])
    for i in range(mask.shape[-1]):
        count = (count + 1) * mask[..., i]
        before[..., i] = count
    runs = before.clone()
    for i in range(mask.shape[-1] - 2, -1, -1):
        longer = mask[..., i] & mask[..., i + 1]
        runs[..., i] = torch.where(longer, runs[..., i + 1], runs[..., i])
    return runs.transpose(axis, -1)


@pytest.mark.parametrize("size", [64, 96])
def test_poles_and_wires_are_one_or_two_pixels_wide(size):
    mask = labels(size, 60) == POLE
    thin = torch.minimum(run_lengths(mask, 1), run_lengths(mask, 2))[mask]
    assert (thin <= 2).float().mean() > 0.97  # the rest is where some of them cross
    assert (thin == 1).any()
    assert (thin == 2).any()


def test_the_layout_is_a_street():
    label = labels(96, 60)
    top, bottom = label[:, :5], label[:, -3:]
    assert (top == SKY).float().mean() > 0.9
    assert ((bottom == GROUND) | (bottom == VEHICLE)).float().mean() > 0.95
    middle_row = torch.arange(96.0)[:, None].expand(96, 96)
    heights = [middle_row.expand(60, 96, 96)[label == c].mean() for c in range(6)]
    assert heights[SKY] < heights[GROUND]
    assert heights[VEHICLE] > max(heights[BUILDING], heights[PLANT])


def test_light_varies_from_scene_to_scene():
    data = Street(size=48, length=60, normalize=False)
    means = torch.stack([data[i][0].mean() for i in range(60)])
    assert means.std() > 0.05
    assert means.min() > 0.25
    assert means.max() < 0.85
