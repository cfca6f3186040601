"""Things in ToyVOC's scenes that belong to no class: clutter to be confused by and screens to hide behind.

Every function draws one thing into an empty sketch, like a pictogram, and gives its natural width / height by its
drawing. No part of an object of a class is among them.
"""

from collections.abc import Callable

import numpy as np

from .layers import Layer, Style
from .pictograms import Colour, Sketch, render, shade
from .scenery import Backdrop, Rng, Size, hsv, paint


def colour(rng: Rng, hue: float | None = None, saturation: float = 0.5, value: float = 0.6) -> Colour:
    """Return a colour near the given one (any hue when None)."""
    hue = rng.random() if hue is None else hue + rng.normal(0, 0.02)
    return paint(hsv(hue, saturation * rng.uniform(0.6, 1.3), value * rng.uniform(0.75, 1.25)))


def bush(sketch: Sketch, rng: Rng) -> None:
    """Draw a round shrub of overlapping leaves."""
    green = colour(rng, 0.29, 0.5, 0.45)
    wide = rng.uniform(0.8, 1.8)
    for layer, tone in ((0.0, 0.75), (0.12, 1.0), (0.25, 1.15)):
        for x in np.linspace(-1, 1, 6):
            lift = np.sqrt(1.1 - x * x) * rng.uniform(0.5, 0.8)
            sketch.ellipse(x * wide * (1 - layer), -lift + layer * 0.5, 0.42, 0.42 - layer * 0.6, shade(green, tone))
    sketch.rectangle(-wide, -0.5, wide, 0.1, shade(green, 0.75), 0.25)


def hedge(sketch: Sketch, rng: Rng) -> None:
    """Draw a clipped hedge, nearly a box."""
    green = colour(rng, 0.3, 0.5, 0.4)
    wide = rng.uniform(1.5, 4)
    sketch.rectangle(0, 0, wide, 1, green, 0.12)
    for _ in range(int(14 * wide)):
        x, y, tone = rng.uniform(0.1, wide - 0.1), rng.uniform(0.1, 0.9), rng.uniform(0.75, 1.2)
        sketch.ellipse(x, y, 0.09, 0.06, shade(green, tone), rng.uniform(0, 180))


def stone(sketch: Sketch, rng: Rng) -> None:
    """Draw a boulder with a lit side."""
    grey = colour(rng, 0.09, 0.12, 0.55)
    turn = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    radius = rng.uniform(0.8, 1.1, 9)
    ring = np.stack([1.4 * radius * np.cos(turn), np.minimum(radius * np.sin(turn), 0.55)], axis=1)
    sketch.blob(ring, grey)
    sketch.blob(ring * 0.55 + (-0.3, -0.25), shade(grey, 1.2))


def stone_wall(sketch: Sketch, rng: Rng) -> None:
    """Draw a low wall of field stones."""
    grey = colour(rng, 0.09, 0.15, 0.5)
    columns = int(rng.integers(4, 9))
    sketch.rectangle(0, 0, columns, 3, shade(grey, 0.7))
    for row in range(3):
        for column in range(columns):
            x = column + 0.5 + (row % 2) * 0.25 * (column < columns - 1)
            sketch.rectangle(x - 0.46, row + 0.06, x + 0.46, row + 0.94, shade(grey, rng.uniform(0.85, 1.2)), 0.25)


def crate(sketch: Sketch, rng: Rng) -> None:
    """Draw a wooden crate, or a cardboard box."""
    wood = colour(rng, 0.09, 0.5, 0.65)
    wide = rng.uniform(0.8, 1.8)
    sketch.rectangle(0, 0, wide, 1, wood)
    if rng.random() < 0.5:
        for y in (0.02, 0.36, 0.7):
            sketch.rectangle(0.04, y + 0.03, wide - 0.04, y + 0.28, shade(wood, 1.12))
        sketch.line([(0.1, 0.9), (wide - 0.1, 0.1)], 0.1, shade(wood, 0.8))
    else:
        sketch.rectangle(0.42 * wide, 0, 0.58 * wide, 0.55, shade(wood, 1.25))
        sketch.line([(0, 0.01), (wide, 0.01)], 0.03, shade(wood, 0.7))


def fence(sketch: Sketch, rng: Rng) -> None:
    """Draw a picket fence that one can look through."""
    paintwork = colour(rng, rng.choice([0.09, 0.58]), 0.15, 0.8)
    count, gap = int(rng.integers(5, 12)), rng.uniform(0.35, 0.7)
    for y in (0.35, 0.85):
        sketch.rectangle(-0.1, y, (count - 1) * gap + 0.3, y + 0.1, shade(paintwork, 0.8))
    for i in range(count):
        x = i * gap
        sketch.polygon([(x, 1.2), (x, 0.12), (x + 0.1, 0), (x + 0.2, 0.12), (x + 0.2, 1.2)], paintwork)


def pole(sketch: Sketch, rng: Rng) -> None:
    """Draw a street lamp."""
    iron = colour(rng, 0.6, 0.1, 0.35)
    sketch.rectangle(-0.06, 0, 0.06, 4, iron)
    sketch.rectangle(-0.14, 3.7, 0.14, 4, shade(iron, 0.8))
    sketch.line([(0, 0.05), (0.25, -0.15), (0.7, -0.15)], 0.08, iron, curved=True)
    sketch.ellipse(0.72, -0.05, 0.22, 0.1, paint(hsv(0.14, 0.3, 0.95)))


def sign(sketch: Sketch, rng: Rng) -> None:
    """Draw a signpost with an empty sign of some shape."""
    sketch.rectangle(-0.05, 0, 0.05, 2.6, colour(rng, 0.6, 0.05, 0.5))
    plate = colour(rng, rng.choice([0.0, 0.14, 0.6]), 0.8, 0.8)
    sides = int(rng.choice([3, 4, 8, 24]))
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False) + np.pi / sides * (sides != 3) - np.pi / 2
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    sketch.polygon(0.6 * ring, plate)
    sketch.polygon(0.42 * ring, shade(plate, 1.8))


def tree(sketch: Sketch, rng: Rng) -> None:
    """Draw a leafy tree or a fir."""
    green = colour(rng, 0.29, 0.5, 0.42)
    sketch.rectangle(-0.14, -0.2, 0.14, 1.2, colour(rng, 0.07, 0.5, 0.35))
    if rng.random() < 0.4:
        for y in (0.3, -0.3, -0.9):
            sketch.polygon([(-0.95 - y / 4, y + 0.5), (0, y - 0.7), (0.95 + y / 4, y + 0.5)], shade(green, 0.9 - y / 8))
        return
    for _ in range(14):
        x, y = rng.normal(0, 0.4, 2)
        sketch.ellipse(x, y * 0.8 - 0.7, 0.45, 0.4, shade(green, float(rng.uniform(0.8, 1.2) - 0.15 * y)))


def cone(sketch: Sketch, rng: Rng) -> None:
    """Draw a traffic cone."""
    orange = colour(rng, 0.06, 0.85, 0.9)
    sketch.rectangle(-0.55, 0.9, 0.55, 1.05, shade(orange, 0.8), 0.05)
    sketch.polygon([(-0.4, 0.92), (-0.08, -0.2), (0.08, -0.2), (0.4, 0.92)], orange)
    sketch.polygon([(-0.27, 0.5), (-0.19, 0.2), (0.19, 0.2), (0.27, 0.5)], (240, 240, 240))


def barrel(sketch: Sketch, rng: Rng) -> None:
    """Draw a barrel with hoops."""
    wood = colour(rng, rng.choice([0.07, 0.58]), 0.5, 0.5)
    sketch.blob([(-0.4, -0.6), (0.4, -0.6), (0.52, 0), (0.4, 0.6), (-0.4, 0.6), (-0.52, 0)], wood)
    for y, half in ((-0.4, 0.46), (0.4, 0.46)):
        sketch.line([(-half, y), (half, y)], 0.09, shade(wood, 0.55))


def ball(sketch: Sketch, rng: Rng) -> None:
    """Draw a ball with a stripe."""
    skin = colour(rng, None, 0.7, 0.8)
    sketch.ellipse(0, 0, 1, 1, skin)
    sketch.ellipse(0, 0, 0.35, 0.97, shade(skin, 1.6), rng.uniform(-60, 60))
    sketch.ellipse(-0.35, -0.4, 0.2, 0.15, shade(skin, 1.7), -30)


def books(sketch: Sketch, rng: Rng) -> None:
    """Draw a pile of books."""
    for i in range(int(rng.integers(3, 7))):
        half, shift = rng.uniform(0.7, 1), rng.normal(0, 0.08)
        sketch.rectangle(shift - half, -0.25 * i - 0.24, shift + half, -0.25 * i, colour(rng, None, 0.5, 0.6), 0.04)
        sketch.rectangle(shift + half - 0.08, -0.25 * i - 0.2, shift + half, -0.25 * i - 0.04, (235, 230, 215))


def lamp(sketch: Sketch, rng: Rng) -> None:
    """Draw a floor lamp."""
    metal = colour(rng, 0.1, 0.3, 0.4)
    sketch.rectangle(-0.04, 0, 0.04, 2.6, metal)
    sketch.rectangle(-0.4, 2.5, 0.4, 2.6, metal, 0.05)
    shade_colour = colour(rng, rng.choice([0.1, 0.0, 0.6]), 0.3, 0.9)
    sketch.polygon([(-0.55, 0.4), (-0.3, -0.35), (0.3, -0.35), (0.55, 0.4)], shade_colour)


def frame(sketch: Sketch, rng: Rng) -> None:
    """Draw a framed abstract painting."""
    wide = rng.uniform(0.7, 1.6)
    sketch.rectangle(0, 0, wide, 1, colour(rng, 0.1, 0.5, 0.45))
    sketch.rectangle(0.07, 0.07, wide - 0.07, 0.93, colour(rng, 0.12, 0.15, 0.9))
    for _ in range(4):
        x, y, r = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7), rng.uniform(0.07, 0.2)
        sketch.ellipse(x * wide, y, r, r * rng.uniform(0.4, 1), colour(rng, None, 0.5, 0.7), rng.uniform(0, 180))


def shelf(sketch: Sketch, rng: Rng) -> None:
    """Draw a bookcase."""
    wood = colour(rng, 0.08, 0.45, 0.5)
    rows = int(rng.integers(2, 5))
    sketch.rectangle(0, 0, 1.6, 0.7 * rows + 0.1, wood)
    for row in range(rows):
        sketch.rectangle(0.08, 0.7 * row + 0.08, 1.52, 0.7 * row + 0.7, shade(wood, 0.55))
        x = 0.1
        while x < 1.3:
            thick, top = rng.uniform(0.07, 0.18), 0.7 * row + rng.uniform(0.14, 0.3)
            sketch.rectangle(x, top, x + thick, 0.7 * row + 0.7, colour(rng, None, 0.45, 0.65))
            x += thick + rng.choice([0.01, 0.01, 0.15])


def cabinet(sketch: Sketch, rng: Rng) -> None:
    """Draw a chest of drawers."""
    wood = colour(rng, rng.choice([0.08, 0.1, 0.55]), 0.4, 0.65)
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(2, 4))
    sketch.rectangle(0, 0.04, columns, 0.5 * rows + 0.1, shade(wood, 0.8))
    sketch.rectangle(-0.05, 0, columns + 0.05, 0.08, wood)
    for x in range(columns):
        for y in range(rows):
            sketch.rectangle(x + 0.05, 0.5 * y + 0.13, x + 0.95, 0.5 * y + 0.56, shade(wood, 1.1), 0.03)
            sketch.ellipse(x + 0.5, 0.5 * y + 0.34, 0.06, 0.06, shade(wood, 0.5))


def window(sketch: Sketch, rng: Rng) -> None:
    """Draw a window with four panes and curtains or not."""
    pane = colour(rng, 0.57, 0.25, 0.9)
    sketch.rectangle(0, 0, 1.2, 1.4, paint(hsv(0.1, 0.05, rng.uniform(0.7, 0.95))))
    for x in (0.08, 0.64):
        for y in (0.08, 0.74):
            sketch.rectangle(x, y, x + 0.48, y + 0.58, shade(pane, rng.uniform(0.9, 1.1)))
    if rng.random() < 0.5:
        cloth = colour(rng, None, 0.4, 0.7)
        for x0, x1 in ((-0.2, 0.2), (1.0, 1.4)):
            sketch.rectangle(x0, -0.1, x1, 1.6, cloth, 0.05)
            sketch.line([((x0 + x1) / 2, -0.05), ((x0 + x1) / 2, 1.55)], 0.05, shade(cloth, 0.8))


def leaves(sketch: Sketch, rng: Rng) -> None:
    """Draw a twig with leaves."""
    green = colour(rng, rng.choice([0.3, 0.28, 0.09]), 0.6, 0.5)
    sketch.line([(-1, 0.1), (0, -0.1), (1, 0.05)], 0.05, shade(green, 0.5), curved=True)
    for x in np.linspace(-0.9, 1, 9):
        angle = rng.uniform(35, 75) * rng.choice([-1, 1])
        sketch.ellipse(x, 0.3 * np.sign(angle), 0.3, 0.11, shade(green, rng.uniform(0.8, 1.25)), angle)


def smoke(sketch: Sketch, rng: Rng) -> None:
    """Draw a puff of smoke, or a small cloud."""
    grey = colour(rng, 0.6, 0.04, 0.8)
    for tone, lift in ((0.9, 0.0), (1.1, 0.12)):
        for x in np.linspace(-1, 1, 6):
            sketch.ellipse(x, -lift - rng.uniform(0, 0.35) * (1 - x * x), 0.42, 0.36, shade(grey, tone))


def balloon(sketch: Sketch, rng: Rng) -> None:
    """Draw a toy balloon on a string, or a kite."""
    skin = colour(rng, None, 0.7, 0.85)
    sketch.line([(0, 1), (0.1, 1.6), (-0.1, 2.2), (0.05, 2.8)], 0.04, (90, 90, 90), curved=True)
    if rng.random() < 0.5:
        sketch.ellipse(0, 0, 0.8, 1.0, skin)
        sketch.ellipse(-0.25, -0.4, 0.18, 0.28, shade(skin, 1.5), 20)
    else:
        sketch.polygon([(0, -1.1), (0.8, -0.2), (0, 1), (-0.8, -0.2)], skin)
        sketch.polygon([(0, -1.1), (0.8, -0.2), (0, -0.2)], shade(skin, 1.4))


def buoy(sketch: Sketch, rng: Rng) -> None:
    """Draw a buoy."""
    red = colour(rng, rng.choice([0.0, 0.33, 0.14]), 0.8, 0.75)
    sketch.polygon([(-0.25, 0.4), (-0.1, -0.9), (0.1, -0.9), (0.25, 0.4)], red)
    sketch.ellipse(0, -0.95, 0.13, 0.13, shade(red, 1.4))
    sketch.blob([(-0.6, 0.4), (0.6, 0.4), (0.45, 0.75), (-0.45, 0.75)], shade(red, 0.8))


def figure(sketch: Sketch, rng: Rng) -> None:
    """Draw a plain shape: star, triangle, cross, ring or arrow."""
    ink = colour(rng, None, 0.6, 0.75)
    kind = rng.integers(5)
    if kind == 0:
        turn = np.linspace(0, 2 * np.pi, 10, endpoint=False) - np.pi / 2
        radius = np.where(np.arange(10) % 2, 0.45, 1.0)
        sketch.polygon(np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1), ink)
    elif kind == 1:
        sketch.polygon(rng.uniform(-0.7, 0.7, (3, 2)) + np.array([(0, -1), (1, 1), (-1, 1)]), ink)
    elif kind == 2:
        for box in ((-1, -0.3, 1, 0.3), (-0.3, -1, 0.3, 1)):
            sketch.rectangle(*box, ink, 0.1)
    elif kind == 3:
        sketch.ring(0, 0, 0.9, 0.9 * rng.uniform(0.6, 1), rng.uniform(0.15, 0.4), ink)
    else:
        sketch.polygon([(-1, -0.2), (0.2, -0.2), (0.2, -0.6), (1, 0), (0.2, 0.6), (0.2, 0.2), (-1, 0.2)], ink)


def poster(sketch: Sketch, rng: Rng) -> None:
    """Draw a sheet of paper with lines and a blot of colour."""
    sheet = colour(rng, 0.12, 0.1, 0.88)
    high = rng.uniform(0.8, 1.5)
    sketch.rectangle(0, 0, 1, high, sheet)
    sketch.rectangle(0.12, 0.12, 0.88, 0.45 * high, colour(rng, None, 0.5, 0.65))
    for y in np.arange(0.52 * high, 0.92 * high, 0.12):
        sketch.line([(0.12, y), (rng.uniform(0.5, 0.88), y)], 0.04, shade(sheet, 0.6))


# What may stand about in each setting, with the height of each in metres.
STANDING = {
    "street": {bush: 1, hedge: 1.1, pole: 4.5, sign: 2.6, cone: 0.7, barrel: 1, tree: 4.5, fence: 1.2},
    "meadow": {bush: 1, stone: 0.7, fence: 1.2, tree: 4.5, hedge: 1.1, stone_wall: 1, barrel: 1, crate: 0.8},
    "sea": {buoy: 1.4, stone: 1.2, barrel: 1},
    "rails": {pole: 4.5, sign: 2.6, bush: 1, stone: 0.6, crate: 0.8, fence: 1.2, stone_wall: 1},
    "airfield": {cone: 0.8, sign: 2, crate: 1, barrel: 1, bush: 0.8, fence: 1.2},
    "sky": {},
    "room": {crate: 0.5, ball: 0.3, books: 0.3, lamp: 1.6, shelf: 1.6, cabinet: 0.8},
    "collage": {},
}
# What hangs or floats there, with its height as a fraction of the picture's.
HANGING = {
    "street": {leaves: 0.14, balloon: 0.2},
    "meadow": {leaves: 0.14, balloon: 0.2, smoke: 0.1},
    "sea": {smoke: 0.1, balloon: 0.15},
    "rails": {smoke: 0.12, leaves: 0.14},
    "airfield": {smoke: 0.1},
    "sky": {smoke: 0.15, balloon: 0.2, leaves: 0.14},
    "room": {frame: 0.22, window: 0.4, poster: 0.2},
    "collage": {figure: 0.15, poster: 0.25, leaves: 0.15, ball: 0.1, books: 0.12, smoke: 0.12, stone: 0.1, crate: 0.15},
}
# Nearly rectangular things that hide what stands behind them.
SCREENS = {
    "street": [hedge, stone_wall, crate],
    "meadow": [hedge, stone_wall, bush],
    "sea": [stone],
    "rails": [stone_wall, hedge, crate],
    "airfield": [crate, hedge],
    "sky": [smoke],
    "room": [crate, cabinet, cabinet, shelf],
    "collage": [poster, crate, smoke],
}


def scatter(rng: Rng, setting: str, backdrop: Backdrop, camera: float, style: Style) -> list[Layer]:
    """Return clutter: a few things that stand about and a few that hang."""
    layers, frame, horizon = [], backdrop.size, backdrop.horizon
    standing, hanging = STANDING[setting], HANGING[setting]
    for _ in range(min(rng.poisson(1.6), 5) if standing else 0):
        kind = list(standing)[rng.integers(len(standing))]
        base = horizon + (frame[1] - horizon) * rng.uniform(0.03, 0.75)
        high = float(
            np.clip(
                (base - backdrop.eye) * standing[kind] / camera * rng.uniform(0.8, 1.2), 0.05 * frame[1], 0.8 * frame[1]
            )
        )
        layers.append(prop(rng, kind, high, base, frame, True, style))
    for _ in range(min(rng.poisson(0.7 if standing else 2.5), 7) if hanging else 0):
        kind = list(hanging)[rng.integers(len(hanging))]
        high = hanging[kind] * frame[1] * rng.uniform(0.6, 1.5)
        lowest = frame[1] if horizon is None else 0.85 * horizon
        layers.append(prop(rng, kind, high, high + rng.uniform(-0.02, 1) * max(lowest - high, 1), frame, False, style))
    return layers


def prop(rng: Rng, kind: Callable, high: float, base: float, frame: Size, grounded: bool, style: Style) -> Layer:
    """Return one thing of clutter of that height, standing on or hanging down to row `base`."""
    sketch = Sketch()
    kind(sketch, rng)
    x0, y0, x1, y1 = sketch.bounds()
    wide = min((x1 - x0) / (y1 - y0) * high * rng.uniform(0.85, 1.2), 1.3 * frame[0])
    tilt = 0.0 if grounded or kind is window else rng.normal(0, 3)
    picture = render(sketch, wide, high, tilt, False, 0.7 * style.outline, style.outline_colour, style.light)
    x = rng.uniform(-0.3 * wide, frame[0] - 0.7 * wide)
    depth = base if grounded else rng.uniform(-1, 0)
    return Layer(picture, round(x), round(base - picture.height), depth, None, grounded)
