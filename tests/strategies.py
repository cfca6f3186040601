"""Hypothesis strategies for boxes, the settings that the property tests run with, and small ground truth by hand."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from torch import Tensor

from ssd.errors import UserError
from ssd.sample import Detections

# The same examples on every run, and no verdict on how fast the machine is.
repeatable = settings(
    derandomize=True, database=None, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)

# For what reads files from outside; SSD_FUZZ_CASES=10000 looks long where a test run only glances.
fuzzing = settings(repeatable, max_examples=int(os.environ.get("SSD_FUZZ_CASES", "150")))


def spoilt(good: bytes) -> st.SearchStrategy[bytes]:
    """Draw a file's content with a few pieces of it cut out, doubled, or replaced by others."""
    place, piece = (
        st.integers(0, len(good)),
        st.binary(max_size=4)
        | st.sampled_from(
            [
                b"<",
                b">",
                b"&",
                b'"',
                b"-1",
                b"1e999",
                b"nan",
                b"0",
                b",",
                b"{",
                b"]",
                b"null",
                b"\n",
                b"\xff\xfe",
                good[:40],
            ]
        ),
    )

    def apply(edits: list[tuple[int, int, bytes]]) -> bytes:
        content = good
        for start, length, new in edits:
            content = content[:start] + new + content[start + length :]
        return content

    return st.lists(st.tuples(place, st.integers(0, 30), piece), min_size=1, max_size=4).map(apply)


def outcome(function: Callable, *arguments: object) -> object:
    """Return what a function returns, or the user error that it raises: nothing else may happen."""
    try:
        return function(*arguments)
    except UserError as error:
        return error


def as_boxes(rows: list[tuple[float, ...]]) -> Tensor:
    """Turn rows of four numbers, perhaps none, into a (N, 4) float32 tensor."""
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


def proper_boxes(min_size: int = 0, max_size: int = 6) -> st.SearchStrategy[Tensor]:
    """Corner boxes (N, 4) of positive width and height, near the origin and off any grid."""
    corner = st.floats(-5, 5, width=32, allow_subnormal=False)
    side = st.floats(0.0625, 5, width=32)
    rows = st.lists(st.tuples(corner, corner, side, side), min_size=min_size, max_size=max_size)
    return rows.map(lambda drawn: as_boxes([(x, y, x + w, y + h) for x, y, w, h in drawn]))


def grid_boxes(min_size: int = 0, max_size: int = 6, cells: int = 4) -> st.SearchStrategy[Tensor]:
    """Corner boxes (N, 4) of positive size on a grid so coarse that equal boxes and equal overlaps are common."""
    interval = st.tuples(st.integers(0, cells - 1), st.integers(1, cells)).map(
        lambda d: (d[0], min(cells, d[0] + d[1]))
    )
    rows = st.lists(st.tuples(interval, interval), min_size=min_size, max_size=max_size)
    return rows.map(lambda drawn: as_boxes([(x1, y1, x2, y2) for (x1, x2), (y1, y2) in drawn]))


def any_boxes(min_size: int = 0, max_size: int = 6, cells: int = 4) -> st.SearchStrategy[Tensor]:
    """Corner boxes (N, 4) on a coarse grid whose corners come in any order: proper, reversed, lines and points."""
    corner = st.integers(0, cells)
    return st.lists(st.tuples(corner, corner, corner, corner), min_size=min_size, max_size=max_size).map(as_boxes)


@dataclass
class Truth:
    """The least that detections can be measured against."""

    boxes: Tensor
    labels: Tensor
    difficult: Tensor


def truth(*objects):
    """Build a picture's ground truth of (box, label) or (box, label, difficult)."""
    return Truth(
        as_boxes([o[0] for o in objects]),
        torch.tensor([o[1] for o in objects], dtype=torch.int64),
        torch.tensor([len(o) > 2 and o[2] for o in objects], dtype=torch.bool),
    )


def found(*rows):
    """Build a picture's detections of (box, score) or (box, score, label)."""
    return Detections(
        as_boxes([r[0] for r in rows]),
        torch.tensor([r[1] for r in rows], dtype=torch.float32),
        torch.tensor([r[2] if len(r) > 2 else 1 for r in rows], dtype=torch.int64),
    )
