"""Chance that can be told again: torch's random state, and the order of the images."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils.data import RandomSampler

__all__ = ["image_order", "seeded"]

_ENDLESS = 2**62  # images; a run ends before


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch inside the block, and leave its random state as it was."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def image_order(length: int, seed: int) -> Iterator[int]:
    """Give the images' numbers in the order in which `fit` trains on them, endlessly.

    Each pass over the data set is a permutation of its own.

    Args:
        length: images of the data set.
        seed: as it is given to `fit`.

    >>> from itertools import islice
    >>> first = list(islice(image_order(4, seed=0), 8))
    >>> sorted(first[:4]) == sorted(first[4:]) == [0, 1, 2, 3]
    True
    """
    with seeded(seed):
        draw_before_order()
        torch.empty((), dtype=torch.int64).random_()  # the loader's, when it starts
        order = iter(RandomSampler(range(length), num_samples=_ENDLESS))
        first = next(order)  # the sampler draws its seed here
    yield first
    yield from order


def draw_before_order() -> None:
    """Draw one number more than needed.

    A loader draws a seed when it starts, and tqdm used to start it twice: the order of
    images that the book's numbers rest on follows one draw more.
    """
    torch.empty((), dtype=torch.int64).random_()
