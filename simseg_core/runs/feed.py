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

from simseg_core.data.pairs import IGNORE_INDEX, Pair, stack_pairs
from simseg_core.runs.signals import leave_to_the_run
from simseg_core.training.randomness import image_order

__all__ = ["WORKER_LOST", "load_batches", "seed_for"]

WORKER_LOST = (
    "a process that loads pictures has ended, killed from outside or for want of "
    "memory: go on with --resume and fewer --workers"
)
_TRIES = 10


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
    ignore_index: int = IGNORE_INDEX,
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
        ignore_index: label of the pixels that do not count.
        share: this process's number, and how many there are: it gets its part of each
            batch, in the batch's order.
        num_workers: processes that load pictures.
        pin_memory: whether batches lie where a GPU can fetch them by itself.

    Yields:
        Images ``(B, 3, H, W)`` and labels ``(B, H, W)``, or what is wrong with a pair.

    Raises:
        ChildProcessError: if a process that loads pictures ends before its time.
    """
    loader = DataLoader(
        _Varied(dataset, transform, seed, ignore_index),
        batch_sampler=_Places(len(dataset), steps, batch_size, seed, share),
        collate_fn=_stack,
        num_workers=num_workers,
        pin_memory=pin_memory,
        worker_init_fn=leave_to_the_run if num_workers else None,
        generator=torch.Generator(),  # not torch's own, which it would move on
    )
    batches = iter(loader)
    try:
        yield from batches
    except (RuntimeError, OSError, EOFError) as error:  # as torch tells a worker's end
        if not num_workers:
            raise
        raise ChildProcessError(WORKER_LOST) from error
    finally:
        if num_workers:
            batches._shutdown_workers()  # type: ignore[attr-defined]


class _Varied(Dataset[Any]):
    """A data set whose chance is told by the picture's place in the run."""

    def __init__(
        self,
        dataset: Any,
        transform: Callable[[Any, Any], Pair],
        seed: int,
        ignore_index: int,
    ) -> None:
        self.dataset, self.transform, self.seed = dataset, transform, seed
        self.ignore_index = ignore_index

    def __getitem__(self, place: tuple[int, int]) -> Pair | Exception:
        number, index = place
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed_for(self.seed, number))
                pair = self.dataset[index]
                for _ in range(_TRIES):  # for a cut that shows something that counts
                    image, label = self.transform(*pair)
                    if (label != self.ignore_index).any():
                        break
                return image, label
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
    if faults:
        return faults[0]
    sizes = {item[0].shape[-2:] for item in items if isinstance(item, tuple)}
    if len(sizes) > 1:
        shown = " and ".join(f"{wide} x {high}" for high, wide in sorted(sizes)[:2])
        return ValueError(
            f"pictures of {shown} pixels in one batch: cut squares of one size out of "
            "them (crop=256), or take one at a time (batch_size=1)"
        )
    return stack_pairs(items)
