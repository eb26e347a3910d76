"""Order and chance of a run follow from its seed and the step alone."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from simseg_core.data import crops
from simseg_core.runs.feed import load_batches
from simseg_core.training import fit


class Marked:
    """Pairs of one value each, and a note of which were asked for."""

    def __init__(self, length: int = 7) -> None:
        self.length = length
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        self.asked.append(index)
        image = torch.rand(3, 12, 10, generator=torch.Generator().manual_seed(index))
        return image, torch.full((12, 10), index % 2)


def as_it_is(image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    return image, label


def batches(steps: range, **options: Any) -> list[Any]:
    options = {"transform": crops(8), **options}
    return list(load_batches(Marked(), steps=steps, batch_size=3, seed=5, **options))


def test_the_order_is_that_of_fit() -> None:
    ours, theirs = Marked(), Marked()
    list(load_batches(ours, as_it_is, steps=range(9), batch_size=3, seed=5))
    model = nn.Conv2d(3, 2, 1)
    fit(model, theirs, steps=9, batch_size=3, seed=5, device="cpu", progress=False)
    assert ours.asked == theirs.asked
    assert sorted(ours.asked[:7]) == list(range(7))


def test_a_run_that_goes_on_sees_what_it_would_have_seen() -> None:
    whole = batches(range(8))
    for kept, again in zip(whole[5:], batches(range(5, 8)), strict=True):
        assert torch.equal(kept[0], again[0])
        assert torch.equal(kept[1], again[1])


def test_workers_change_nothing() -> None:
    for alone, loaded in zip(batches(range(4)), batches(range(4), num_workers=2)):
        assert torch.equal(alone[0], loaded[0])


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_each_batch_out(processes: int) -> None:
    parts = [batches(range(4), share=(rank, processes)) for rank in range(processes)]
    for whole, *each in zip(batches(range(4)), *parts):
        assert torch.equal(whole[0], torch.cat([images for images, _ in each]))


def test_every_visit_of_a_picture_is_varied_anew() -> None:
    seen = [image for images, _ in batches(range(14)) for image in images]
    assert len(seen) == len({tuple(image.flatten().tolist()) for image in seen})


def test_torchs_own_state_stays_as_it_was() -> None:
    before = torch.get_rng_state()
    next(load_batches(Marked(), crops(8), steps=range(4), batch_size=3, seed=5))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_fault_of_a_picture_is_told_in_its_own_words(workers: int) -> None:
    def refuse(image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        raise ValueError("cell3.png is cut off")

    [fault] = batches(range(1), transform=refuse, num_workers=workers)
    assert str(fault) == "cell3.png is cut off"
