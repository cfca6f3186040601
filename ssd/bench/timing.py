"""Timing two ways to the same end, in turn."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch


@dataclass(frozen=True)
class Timing:
    """Two ways to the same end.

    Attributes:
        pictures: in one run.
        ours: median seconds of this package.
        theirs: median seconds of torchvision.
        rounds: how often each was run.

    """

    pictures: int
    ours: float
    theirs: float
    rounds: int

    @property
    def ratio(self) -> float:
        """Our time in multiples of theirs: below 1 is faster."""
        return self.ours / self.theirs

    @property
    def times_as_fast(self) -> float:
        """Their time in multiples of ours."""
        return self.theirs / self.ours


def compare(
    ours: Callable[[], object], theirs: Callable[[], object], pictures: int, seconds: float, device: torch.device
) -> Timing:
    """Run both in turn, after one run each to warm up, for about so many seconds and at least five times.

    With `seconds` 0 each is run once more and that is all: a trial of the benchmark.
    """

    def once(run: Callable[[], object]) -> float:
        began = time.perf_counter()
        run()
        settle(device)
        return time.perf_counter() - began

    once(ours), once(theirs)
    times, began = [], time.perf_counter()
    while len(times) < (5 if seconds else 1) or time.perf_counter() - began < seconds:
        times.append((once(ours), once(theirs)))
    return Timing(pictures, median(t[0] for t in times), median(t[1] for t in times), len(times))


def settle(device: torch.device) -> None:
    """Wait for what a GPU still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
