"""Several processes that work on one batch, each on its share: started by `torchrun`, one for each GPU.

    torchrun --nproc-per-node 8 -m ssd train paper_voc300 --data data --out runs/voc300

A process that nothing started in this way is alone: a group of one, for which all that follows costs nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from .errors import RecipeError


@dataclass(frozen=True)
class Group:
    """The processes that work together, as one of them sees it.

    Attributes:
        rank: this process's number, from 0; the first one writes files.
        size: how many there are.
        local_rank: its number on this machine, which is that of its GPU.

    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes; each gets it."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def gather(self, value: Any) -> list[Any]:
        """Return what all processes hand over, in their order; each gets it."""
        if self.size == 1:
            return [value]
        values = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()


ALONE = Group()
"""A single process."""


@contextmanager
def process_group(device: str = "auto") -> Iterator[Group]:
    """Join the processes that `torchrun` started with this one, for a while; without `torchrun`, be alone.

    Args:
        device: the recipe's: GPUs talk by NCCL, processors by Gloo.

    Raises:
        RecipeError: there are more processes than GPUs on this machine, or all are told to use the same one.

    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield ALONE
        return
    if device.startswith("cuda:"):
        raise RecipeError("is one GPU for all processes", field="device", value=device, expected="cuda, or auto")
    group = Group(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
    on_gpu = torch.cuda.is_available() if device == "auto" else device.startswith("cuda")
    if on_gpu:
        if group.local_rank >= torch.cuda.device_count():
            raise RecipeError(
                "has no GPU of its own",
                field="process",
                value=group.local_rank,
                expected=f"--nproc-per-node of at most {torch.cuda.device_count()}",
            )
        torch.cuda.set_device(group.local_rank)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield group
    finally:
        dist.destroy_process_group()
