"""Benchmarks: the package beside torchvision, on the same input, in the same run, as ratios.

Times of one machine say little about another, and on a busy machine little about the same one an hour later. So the
two are run in turn, and what is compared is the ratio of their medians.
"""

from .parts import bench_parts, confident_logits, random_objects
from .reading import bench_loader, bench_reading, memory_mb, photographs
from .timing import Timing, compare
from .whole import bench_detecting, bench_fed_training, bench_training

__all__ = [
    "Timing",
    "bench_detecting",
    "bench_fed_training",
    "bench_loader",
    "bench_parts",
    "bench_reading",
    "bench_training",
    "compare",
    "confident_logits",
    "memory_mb",
    "photographs",
    "random_objects",
]
