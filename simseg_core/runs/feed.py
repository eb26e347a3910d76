"""Which picture comes when, and by which chance it is varied.

Both follow from the seed and the picture's place in the run alone: not from the number
of loader workers or processes, and not from what was drawn before. So a run that was
stopped goes on as if it never had been, and two processes see what one would have.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from simseg_core.data.pairs import Pair, stack_pairs
from simseg_core.training.randomness import image_order

__all__ = ["load_batches", "seed_for"]


def seed_for(seed: int, *numbers: int) -> int:
    """Mix a run's seed with numbers into one, the same on every machine.

    >>> seed_for(0, 1) != seed_for(1, 0)
    True
    """
    mixed = seed
    for number in numbers:  # the multiplier of Knuth's generator MMIX
        mixed = (mixed * 6364136223846793005 + number + 1442695040888963407) % 2**63
    return mixed


def load_batches(
    dataset: Any,
    transform: Callable[[Any, Any], Pair],
    *,
    steps: range,
    batch_size: int,
    seed: int,
    share: tuple[int, int] = (0, 1),
    num_workers: int = 0,
    pin_memory: bool = False,
) -> Generator[Pair | Exception, None, None]:
    """Give the batches of some steps, and close the workers however that ends.

    Args:
        dataset: raw pairs.
        transform: of a pair; draws its chance from torch alone.
        steps: numbers of the steps to give.
        batch_size: pictures a step, over all processes.
        seed: of order and transforms.
        share: this process's number, and how many there are: it gets its part of each
            batch, in the batch's order.
        num_workers: processes that load pictures.
        pin_memory: whether batches lie where a GPU can fetch them by itself.

    Yields:
        Images ``(B, 3, H, W)`` and labels ``(B, H, W)``, or what is wrong with a pair.
    """
    loader = DataLoader(
        _Varied(dataset, transform, seed),
        batch_sampler=_Places(len(dataset), steps, batch_size, seed, share),
        collate_fn=_stack,
        num_workers=num_workers,
        pin_memory=pin_memory,
        generator=torch.Generator(),  # not torch's own, which it would move on
    )
    batches = iter(loader)
    try:
        yield from batches
    finally:
        if num_workers:
            batches._shutdown_workers()  # type: ignore[attr-defined]


class _Varied(Dataset[Any]):
    """A data set whose chance is told by the picture's place in the run."""

    def __init__(
        self, dataset: Any, transform: Callable[[Any, Any], Pair], seed: int
    ) -> None:
        self.dataset, self.transform, self.seed = dataset, transform, seed

    def __getitem__(self, place: tuple[int, int]) -> Pair | Exception:
        number, index = place
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed_for(self.seed, number))
                return self.transform(*self.dataset[index])
        # Returned, not raised: a worker's error arrives with its trace for a sentence.
        except (OSError, ValueError, TypeError) as fault:
            return fault


class _Places:
    """For each step, the places and indices of this process's pictures."""

    def __init__(
        self,
        length: int,
        steps: range,
        batch_size: int,
        seed: int,
        share: tuple[int, int],
    ) -> None:
        self.length, self.steps, self.batch_size = length, steps, batch_size
        self.seed = seed
        rank, processes = share
        cuts = [batch_size * each // processes for each in (rank, rank + 1)]
        self.mine = slice(*cuts)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[Any]]:
        first = self.steps.start * self.batch_size
        order = islice(image_order(self.length, self.seed), first, None)
        for step in self.steps:
            numbers = range(step * self.batch_size, (step + 1) * self.batch_size)
            yield list(zip(numbers, order))[self.mine]


def _stack(items: Sequence[Pair | Exception]) -> Pair | Exception:
    faults = [item for item in items if isinstance(item, Exception)]
    return faults[0] if faults else stack_pairs(items)
