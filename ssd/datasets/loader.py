"""From datasets to batches, in worker processes, in an order that depends on the seed and the iteration alone."""

import gc
import os
import signal
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

from ..errors import UserError
from ..parallel import ALONE, Group
from ..sample import Batch, Example, Sample

ORDER, VIEW, CROPS = 0, 1, 2
"""Which of a run's random streams: numpy pads a seed's shorter list with zeros, so lengths do not keep them apart."""


class AddressedBatches(Sampler[list[tuple[int, int]]]):
    """Name the pictures of each training batch by (epoch, index), from any iteration on.

    Epochs are shuffled one by one and laid end to end; batch i takes the next `batch_size` of that stream, so no
    picture is left out and a run that starts at iteration i sees what an unbroken one would. Of several processes each
    names its share of every batch.
    """

    def __init__(self, length: int, batch_size: int, seed: int, start: int, stop: int, group: Group = ALONE) -> None:
        self.length, self.batch_size, self.seed, self.start, self.stop = length, batch_size, seed, start, stop
        self.group = group

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield lists of (epoch, index)."""
        current, order = -1, np.empty(0)
        for iteration in range(self.start, self.stop):
            batch = []
            for place in range(iteration * self.batch_size, (iteration + 1) * self.batch_size):
                epoch, position = divmod(place, self.length)
                if epoch != current:
                    current, order = epoch, np.random.default_rng([self.seed, ORDER, epoch]).permutation(self.length)
                batch.append((epoch, int(order[position])))
            yield batch[self.group.rank :: self.group.size]


class _Views(Dataset):
    """Random views of a dataset's samples, addressed by (epoch, index)."""

    def __init__(
        self, samples: Dataset, transform: Callable[[Sample, np.random.Generator], Example], seed: int
    ) -> None:
        self.samples, self.transform, self.seed = samples, transform, seed

    def __getitem__(self, address: tuple[int, int]) -> Example | UserError:
        epoch, index = address
        try:
            return self.transform(self.samples[index], np.random.default_rng([self.seed, VIEW, epoch, index]))
        except UserError as error:
            return error  # raised in the worker, it would reach the user wrapped in a traceback


class _Whole(Dataset):
    """A dataset's samples, transformed without randomness."""

    def __init__(self, samples: Dataset, transform: Callable[[Sample], Example | list[Example]]) -> None:
        self.samples, self.transform = samples, transform

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Example | list[Example] | UserError:
        try:
            return self.transform(self.samples[index])
        except UserError as error:
            return error


def _collate(examples: list[Example | UserError]) -> Batch | UserError:
    """Stack examples, or pass on the first error among them."""
    errors = [example for example in examples if isinstance(example, UserError)]
    return errors[0] if errors else Batch.collate(examples)


def _collate_lists(lists: list[list[Example] | UserError]) -> Batch | UserError | None:
    """Stack the examples of several lists; None if there are none."""
    examples = []
    for one in lists:
        if isinstance(one, UserError):
            return one
        examples += one
    return Batch.collate(examples) if examples else None


def training_batches(
    samples: Dataset,
    transform: Callable[[Sample, np.random.Generator], Example],
    batch_size: int,
    seed: int,
    start: int,
    stop: int,
    workers: int,
    group: Group = ALONE,
) -> Iterator[Batch]:
    """Yield the training batches of iterations start..stop-1.

    What iteration i sees depends on (seed, i) alone: not on `workers`, nor on where a run was interrupted.

    Args:
        samples: dataset of `Sample`.
        transform: called with a sample and its own random generator, in a worker.
        batch_size: pictures a batch.
        seed: of the order and of every picture's view.
        start: first iteration.
        stop: one past the last.
        workers: processes that read pictures; 0 reads in this one.
        group: the processes that share every batch; this one gets its share alone.

    Raises:
        UserError: a picture cannot be read (raised here, not in the worker).

    """
    batches = AddressedBatches(len(samples), batch_size, seed, start, stop, group)
    yield from _load(_Views(samples, transform, seed), workers, batch_sampler=batches)


def evaluation_batches(
    samples: Dataset, transform: Callable[[Sample], Example], batch_size: int, workers: int, group: Group = ALONE
) -> Iterator[Batch]:
    """Yield every sample, or this process's share of them, once and in order; the rest as in `training_batches`."""
    share = Subset(_Whole(samples, transform), range(group.rank, len(samples), group.size))
    yield from _load(share, workers, batch_size=batch_size)


def object_batches(samples: Dataset, cut: Callable[[Sample], list[Example]], workers: int) -> Iterator[Batch]:
    """Yield what `cut` makes of every sample, in order, a batch of uneven size at a time; as `evaluation_batches`."""
    batches = _load(_Whole(samples, cut), workers, _collate_lists, batch_size=32)
    yield from (batch for batch in batches if batch is not None)


def _step_back(_worker: int) -> None:
    """Leave Ctrl-C to the training loop, which decides when to stop, and the processor to it where both want it.

    On a CPU the loop's threads wait for each other at every layer. A worker that holds one of them up holds up all;
    at lower priority it reads in the gaps. And what was there before the worker is none of its garbage: looking for
    some in memory that it shares with the loop would copy it.
    """
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):  # not on Windows
        os.nice(19)


def _load(dataset: Dataset, workers: int, collate: Callable = _collate, **how: object) -> Iterator[Batch]:
    """Run a DataLoader and raise, here, what went wrong there."""
    loader = DataLoader(
        dataset,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_step_back,
        **how,
    )
    for batch in loader:
        if isinstance(batch, UserError):
            raise batch
        yield batch
