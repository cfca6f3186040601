"""The 20 VOC classes as pictograms of our own: `draw(name, variant, rng)` gives a sketch to render."""

import numpy as np

from . import animals, indoor, people, vehicles
from .canvas import Colour, Shape, Sketch, render, shade

VARIANTS = 4

DRAW = {
    "aeroplane": vehicles.aeroplane,
    "bicycle": vehicles.bicycle,
    "bird": animals.bird,
    "boat": vehicles.boat,
    "bottle": indoor.bottle,
    "bus": vehicles.bus,
    "car": vehicles.car,
    "cat": animals.cat,
    "chair": indoor.chair,
    "cow": animals.cow,
    "diningtable": indoor.diningtable,
    "dog": animals.dog,
    "horse": animals.horse,
    "motorbike": vehicles.motorbike,
    "person": people.person,
    "pottedplant": indoor.pottedplant,
    "sheep": animals.sheep,
    "sofa": indoor.sofa,
    "train": vehicles.train,
    "tvmonitor": indoor.tvmonitor,
}

__all__ = ["DRAW", "VARIANTS", "Colour", "Shape", "Sketch", "draw", "render", "shade"]


def draw(name: str, variant: int, rng: np.random.Generator) -> Sketch:
    """Return one drawing of class `name`; `variant` (below VARIANTS) picks shape or pose, `rng` what varies within."""
    sketch = Sketch()
    DRAW[name](sketch, variant, rng)
    return sketch
