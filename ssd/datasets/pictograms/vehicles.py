"""The seven VOC vehicles as pictograms. Side views face right and stand on y = 0, with up being negative y."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .canvas import Colour, Points, Shape, Sketch, rotation, shade, smooth

Corners = Sequence[tuple[float, float, float]]

PAINT: list[Colour] = [
    (214, 48, 49),  # poppy red
    (233, 110, 44),  # orange
    (244, 190, 50),  # sunflower
    (92, 168, 74),  # leaf green
    (22, 120, 96),  # bottle green
    (32, 158, 166),  # turquoise
    (48, 112, 200),  # blue
    (112, 186, 228),  # sky
    (38, 60, 110),  # navy
    (110, 76, 156),  # violet
    (226, 110, 150),  # rose
    (160, 68, 58),  # brick
    (196, 148, 72),  # mustard
    (146, 168, 136),  # sage
    (98, 124, 148),  # slate
    (128, 74, 92),  # plum
    (206, 184, 150),  # sand
    (178, 186, 194),  # silver
    (72, 78, 88),  # charcoal
    (244, 236, 218),  # cream
]
LIGHT: list[Colour] = [(248, 244, 234), (240, 226, 190), (226, 234, 240), (255, 252, 246)]
GLASS: list[Colour] = [(150, 200, 222), (120, 168, 196), (92, 132, 160), (168, 212, 208), (78, 98, 118)]
METAL: list[Colour] = [(180, 188, 198), (146, 154, 166), (204, 200, 190)]
WOOD: list[Colour] = [(176, 116, 66), (146, 88, 50), (204, 152, 92), (120, 84, 62)]
RUBBER: Colour = (44, 44, 50)
DARK: Colour = (58, 60, 68)
LAMP: Colour = (255, 232, 150)
TAIL_LAMP: Colour = (206, 40, 44)
AMBER: Colour = (250, 176, 40)


# Shared helpers ------------------------------------------------------------------------------------------------------


def _about(rng: np.random.Generator, value: float, spread: float = 0.13) -> float:
    """Return `value` times a factor within 1 - spread .. 1 + spread."""
    return value * rng.uniform(1 - spread, 1 + spread)


def _pick(rng: np.random.Generator, palette: Sequence[Colour]) -> Colour:
    """Return one colour of a palette, a little brighter or darker than printed there."""
    return shade(palette[rng.integers(len(palette))], rng.uniform(0.88, 1.1))


def _two_tone(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Return a body colour and a second one that stands out from it."""
    main = _pick(rng, PAINT)
    second = _pick(rng, LIGHT if rng.random() < 0.5 else PAINT)
    if np.abs(np.subtract(main, second)).sum() < 150:
        second = shade(main, 0.5) if sum(main) > 380 else LIGHT[0]
    return main, second


def _tint(rng: np.random.Generator, body: Colour) -> Colour:
    """Return a window colour that stands out from the body's."""
    glass = _pick(rng, GLASS)
    return shade(glass, 0.55) if np.abs(np.subtract(glass, body)).sum() < 140 else glass


def _contour(corners: Corners) -> np.ndarray:
    """Return the polygon through `corners` (x, y, radius), each rounded off by its radius."""
    points = np.array(corners, dtype=float)[:, :2]
    t = np.linspace(0, 1, 7)[:, None]
    path = []
    for i, (corner, (_, _, radius)) in enumerate(zip(points, corners, strict=True)):
        to_last, to_next = points[i - 1] - corner, points[(i + 1) % len(points)] - corner
        begin = corner + to_last * min(radius / max(np.hypot(*to_last), 1e-9), 0.5)
        end = corner + to_next * min(radius / max(np.hypot(*to_next), 1e-9), 0.5)
        path.append((1 - t) ** 2 * begin + 2 * t * (1 - t) * corner + t**2 * end)
    return np.concatenate(path)


def _plate(sketch: Sketch, corners: Corners, fill: Colour) -> None:
    """Paint the polygon through `corners` (x, y, radius)."""
    sketch.polygon(_contour(corners), fill)


def _cut(points: Points, across: tuple[float, float], start: float) -> np.ndarray:
    """Return the part of a polygon that lies beyond `start` along the direction `across`; perhaps nothing."""
    p = np.asarray(points, dtype=float)
    q = np.roll(p, -1, axis=0)
    kept = []
    for a, b, da, db in zip(p, q, p @ across - start, q @ across - start, strict=True):
        if da >= 0:
            kept.append(a)
        if da * db < 0:
            kept.append(a + (b - a) * da / (da - db))
    return np.array(kept).reshape(-1, 2)


def _band(sketch: Sketch, points: Points, top: float, bottom: float, fill: Colour) -> None:
    """Paint the part of a polygon between two heights: a stripe, a shaded skirt, a roof in another colour."""
    part = _cut(_cut(points, (0, 1), top), (0, -1), -bottom)
    if len(part) > 2:
        sketch.polygon(part, fill)


def _body(sketch: Sketch, points: np.ndarray, fill: Colour, waist: float) -> None:
    """Paint a body that is in shade below the height `waist`."""
    sketch.polygon(points, fill)
    _band(sketch, points, waist, np.inf, shade(fill, 0.82))


def _glass(sketch: Sketch, points: Points, tint: Colour) -> None:
    """Paint a pane with a slanted glint."""
    sketch.polygon(points, tint)
    slant = np.asarray(points, dtype=float) @ (1, 0.5)
    low, size = slant.min(), np.ptp(slant)
    glint = _cut(_cut(points, (1, 0.5), low + 0.25 * size), (-1, -0.5), -(low + 0.5 * size))
    if len(glint) > 2:
        sketch.polygon(glint, shade(tint, 1.4))


def _box(x0: float, y0: float, x1: float, y1: float, radius: float) -> np.ndarray:
    """Return the outline of a rectangle with rounded corners."""
    return _contour([(x0, y0, radius), (x1, y0, radius), (x1, y1, radius), (x0, y1, radius)])


def _windows(
    sketch: Sketch, x0: float, y0: float, x1: float, y1: float, count: int, tint: Colour, gap: float = 0.16
) -> None:
    """Paint a row of `count` equal windows from x0 to x1; `gap` is the post's share of a window's width."""
    pitch = (x1 - x0) / (count - gap)
    for i in range(count):
        left, right = x0 + i * pitch, x0 + (i + 1 - gap) * pitch
        _glass(sketch, _box(left, y0, right, y1, 0.12 * (y1 - y0)), tint)


def _lamp(sketch: Sketch, x: float, y: float, rx: float, ry: float, fill: Colour = LAMP) -> None:
    """Paint a lamp with its rim and a spark of light."""
    sketch.ellipse(x, y, rx * 1.25, ry * 1.25, shade(METAL[0], 0.75))
    sketch.ellipse(x, y, rx, ry, fill)
    sketch.ellipse(x - 0.3 * rx, y - 0.3 * ry, 0.35 * rx, 0.35 * ry, shade(fill, 1.7))


def _wheel(sketch: Sketch, x: float, radius: float, rim: Colour, spokes: int = 0) -> None:
    """Paint a solid road wheel that stands on y = 0, with a hub cap or, if `spokes` > 0, a spoked light-alloy rim."""
    sketch.ellipse(x, -radius, radius, radius, RUBBER)
    sketch.ellipse(x, -radius, 0.62 * radius, 0.62 * radius, shade(rim, 0.55) if spokes else rim)
    if spokes:
        _spokes(sketch, x, -radius, 0.56 * radius, spokes, 0.17 * radius, rim)
    else:
        sketch.ellipse(x, -radius, 0.4 * radius, 0.4 * radius, shade(rim, 0.78))
    sketch.ellipse(x, -radius, 0.18 * radius, 0.18 * radius, shade(rim, 1.3))


def _spokes(sketch: Sketch, x: float, y: float, radius: float, count: int, width: float, fill: Colour) -> None:
    """Paint `count` spokes from a hub at (x, y) outwards."""
    for turn in 2 * np.pi * (np.arange(count) + 0.25) / count:
        sketch.line([(x, y), (x + radius * np.cos(turn), y + radius * np.sin(turn))], width, fill)


def _open_wheel(
    sketch: Sketch, x: float, radius: float, tyre: float, rim: Colour, spokes: int, rubber: Colour = RUBBER
) -> None:
    """Paint a wheel on y = 0 that one can see through: tyre (of width `tyre`), rim, thin spokes and hub."""
    _spokes(sketch, x, -radius, radius - tyre, spokes, 0.03 * radius if spokes > 8 else 0.09 * radius, rim)
    inner, outer = radius - 1.2 * tyre, radius - tyre / 2
    sketch.ring(x, -radius, inner, inner, 0.5 * tyre, rim)
    sketch.ring(x, -radius, outer, outer, tyre, rubber)
    sketch.ellipse(x, -radius, 0.13 * radius, 0.13 * radius, shade(rim, 0.7))


def _arc(x: float, y: float, radius: float, begin: float, end: float) -> np.ndarray:
    """Return points on a circle about (x, y) from `begin` to `end` degrees, clockwise from the right."""
    turn = np.deg2rad(np.linspace(begin, end, 16))
    return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)


def _rails(sketch: Sketch, x0: float, x1: float, rng: np.random.Generator) -> None:
    """Paint a track seen from the side: sleepers under a rail whose top is y = 0."""
    wood = _pick(rng, WOOD)
    for x in np.arange(x0 + 0.15, x1 - 0.34, 0.62):
        sketch.rectangle(x, 0.1, x + 0.34, 0.3, wood, 0.03)
    sketch.rectangle(x0, 0.0, x1, 0.13, (122, 124, 132), 0.05)


def _bogie(sketch: Sketch, x: float, radius: float, rim: Colour) -> None:
    """Paint a railway bogie: two iron wheels in a frame with springs."""
    for side in (-1, 1):
        sketch.ellipse(x + 1.25 * side * radius, -radius, radius, radius, shade(DARK, 0.8))
        sketch.ellipse(x + 1.25 * side * radius, -radius, 0.68 * radius, 0.68 * radius, rim)
        sketch.ellipse(x + 1.25 * side * radius, -radius, 0.25 * radius, 0.25 * radius, DARK)
    sketch.polygon(
        _contour(
            [
                (x - 2.2 * radius, -2 * radius, 0.1),
                (x + 2.2 * radius, -2 * radius, 0.1),
                (x + 1.9 * radius, -1.35 * radius, 0.1),
                (x + 0.5 * radius, -0.8 * radius, 0.1),
                (x - 0.5 * radius, -0.8 * radius, 0.1),
                (x - 1.9 * radius, -1.35 * radius, 0.1),
            ]
        ),
        DARK,
    )
    sketch.line([(x - 0.25 * radius, -1.3 * radius), (x + 0.25 * radius, -1.3 * radius)], 0.28 * radius, rim)


# fmt: off
# From here on, points stand in rows: one to a line, as the formatter would have it, nobody sees the outline in them.

# Aeroplane -----------------------------------------------------------------------------------------------------------


def aeroplane(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw an airliner from the side (0), a propeller plane (1), a jet from above (2) or a climbing airliner (3)."""
    if variant == 0:
        _airliner(sketch, rng, turn=rng.uniform(0, 10), above=rng.uniform(18, 27), roll=rng.uniform(-7, 1))
    elif variant == 1:
        _propeller_plane(sketch, rng)
    elif variant == 2:
        _airliner(sketch, rng, turn=0, above=rng.uniform(76, 88), roll=rng.uniform(-110, -20))
    else:
        _airliner(sketch, rng, turn=rng.uniform(40, 54), above=rng.uniform(14, 24), roll=rng.uniform(-44, -30))


def _hull(points: np.ndarray) -> np.ndarray:
    """Return the convex hull of (N, 2) points: the outermost one in each of 90 directions."""
    turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    return points[np.argmax(points @ np.stack([np.cos(turn), np.sin(turn)]), axis=0)]


def _airliner(sketch: Sketch, rng: np.random.Generator, turn: float, above: float, roll: float) -> None:
    """Draw a jet modelled in space: x to its nose, y to its right wing tip, z up.

    All in degrees: `turn` brings the nose towards the viewer, `above` lifts the viewer over the plane, and `roll`
    turns the finished picture clockwise.
    """
    t, a = np.deg2rad([turn, above])
    down = (np.sin(t) * np.sin(a), np.cos(t) * np.sin(a), -np.cos(a))
    view = np.stack([(np.cos(t), -np.sin(t), 0), down], axis=1) @ rotation(roll).T
    main, accent = _two_tone(rng)
    if rng.random() < 0.6:
        main = _pick(rng, LIGHT)
        accent = _pick(rng, PAINT[:17])
    wing, radius = shade(main, 0.86), _about(rng, 0.22)
    winglet = rng.choice([0.12, 0.28])
    nose, tail, span = _about(rng, 1.6), _about(rng, -1.6, 0.1), _about(rng, 1.55)

    def skin(x: np.ndarray | float, angle: np.ndarray | float) -> np.ndarray:
        """Return points in the picture on the fuselage at `x`, at `angle` degrees up from its right side."""
        x, angle = np.broadcast_arrays(x, np.deg2rad(angle))
        front, back = np.clip((x - nose + 0.7) / 0.7, 0, 1), np.clip((x + 0.4) / (tail + 0.4), 0, 1)
        r = radius * np.sqrt(1 - front**2) * (1 - 0.85 * back**1.4)
        lift = 0.75 * radius * back**1.4 - 0.3 * radius * front**2
        return np.stack([x, r * np.cos(angle), lift + r * np.sin(angle)], axis=-1).reshape(-1, 3) @ view

    def flat(points: Sequence[tuple[float, float, float]], fill: Colour) -> None:
        """Paint a wing or fin given by points in space."""
        _plate(sketch, [(x, y, 0.06) for x, y in (np.array(points) @ view).tolist()], fill)

    def half(side: int) -> None:
        """Paint the tailplane, engine and wing of one side; 1 is the right, near one."""
        root, sweep = side * 0.75 * radius, 0.55 * span
        flat([(tail + 0.42, 0, 0.15), (tail + 0.02, 0.55 * side, 0.2), (tail - 0.14, 0.55 * side, 0.2),
              (tail + 0.08, 0, 0.15)], wing)
        circle = np.deg2rad(np.arange(0, 360, 15))
        ring = np.stack([0 * circle, 0.6 * radius * np.cos(circle), 0.6 * radius * np.sin(circle)], axis=1)
        hub = np.array([0.38, 0.42 * span * side, -0.16])
        front, back = ring + hub, 0.75 * ring + hub * (-0.26, 1, 1)
        sketch.polygon(_hull(np.concatenate([front, back]) @ view), accent)
        if turn > 5:
            sketch.polygon(front @ view, METAL[0])
            sketch.polygon((0.7 * ring + hub) @ view, DARK)
        tip = side * span
        flat([(0.45, root, -0.1), (0.45 - sweep, tip, 0.1), (0.22 - sweep, tip, 0.1), (-0.2, 0.42 * tip, -0.02),
              (-0.32, root, -0.1)], wing if side > 0 else shade(wing, 0.9))
        flat([(0.42 - sweep, tip, 0.1), (0.22 - sweep, 1.04 * tip, winglet), (0.12 - sweep, 1.04 * tip, winglet),
              (0.22 - sweep, tip, 0.1)], accent)

    half(-1)
    along = np.linspace(tail, nose, 60)
    sketch.polygon(_hull(skin(along[:, None], np.arange(0, 360, 10))), main)
    sketch.polygon(_hull(skin(along[:, None], np.arange(-100, -24, 5))), shade(main, 0.84))
    if above < 60 and rng.random() < 0.7:
        sketch.polygon(_hull(skin(along[:, None], np.array([-24, -14, -4]))), accent)
    flat([(tail + 0.62, 0, 1.2 * radius), (tail + 0.05, 0, 0.85), (tail - 0.22, 0, 0.85), (tail + 0.05, 0, radius)],
         accent)
    glass = shade(_pick(rng, GLASS), 0.6)
    for low in (30, 92):
        pane = skin(nose - np.array([0.32, 0.32, 0.17, 0.17]), np.array([low, low + 58, low + 58, low]))
        (ax, ay), (bx, by) = pane[1] - pane[0], pane[2] - pane[1]
        if ax * by > ay * bx:  # This pane's outside is towards the viewer.
            sketch.polygon(pane, glass)
    if above < 60:
        for x, y in skin(np.linspace(tail + 0.75, nose - 0.55, rng.integers(9, 14)), 18):
            sketch.ellipse(x, y, 0.032, 0.042, glass)
    half(1)


def _propeller_plane(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a small propeller plane from the side and a little above."""
    main, accent = _two_tone(rng)
    tail, fin = _about(rng, -1.7, 0.1), _about(rng, -0.72)
    tip = _about(rng, 0.85)
    _plate(sketch, [(0.75, -0.1, 0.1), (1.0, -0.72, 0.12), (0.66, -0.72, 0.12), (0.1, -0.1, 0.1)],
                   shade(accent, 0.75))
    for x, y, r in ((0.85, 0.58, 0.14), (0.5, 0.68, 0.17), (tail + 0.22, 0.22, 0.08)):
        sketch.line([(x - 0.1, 0.05), (x, y)], 0.07, shade(main, 0.6))
        sketch.ellipse(x, y, r, r, RUBBER)
        sketch.ellipse(x, y, 0.45 * r, 0.45 * r, METAL[0])
    _glass(sketch, smooth([(0.5, -0.25), (0.3, -0.55), (-0.1, -0.6), (-0.5, -0.25), (0, -0.1)], closed=True),
           _pick(rng, GLASS[:4]))
    sketch.line([(0.12, -0.58), (0.1, -0.25)], 0.05, main)
    _plate(sketch, [(tail + 0.5, -0.1, 0.1), (tail + 0.1, fin, 0.15), (tail - 0.14, fin, 0.1),
                             (tail, 0.05, 0.05)], accent)
    outline = [(1.2, -0.16), (0.85, -0.3), (0.4, -0.32), (-0.5, -0.28), (tail, -0.16), (tail, 0.02)]
    hull = smooth([*outline, (-0.5, 0.24), (0.4, 0.34), (0.9, 0.3), (1.2, 0.18)], closed=True)
    _body(sketch, hull, main, 0.08)
    _band(sketch, hull, -0.12, 0.0, accent)
    sketch.polygon(_cut(hull, (1, 0), 0.95), accent)
    sketch.line([(tail + 0.38, -0.06), (tail + 0.02, 0.06)], 0.1, shade(accent, 0.8))
    _plate(sketch, [(0.55, 0.06, 0.1), (-0.1, tip, 0.16), (-0.6, tip, 0.16), (-0.35, 0.06, 0.1)], accent)
    _plate(sketch, [(0.04, tip - 0.18, 0.02), (-0.1, tip, 0.16), (-0.6, tip, 0.16),
                             (-0.54, tip - 0.18, 0.02)], main)
    angle, blade = rng.uniform(-30, 30), _pick(rng, WOOD)
    for end in (-0.3, 0.3):
        x, y = rotation(angle) @ (0, end)
        sketch.ellipse(1.3 + x, y, 0.075, 0.32, blade, angle)
    sketch.polygon(smooth([(1.2, -0.15), (1.42, 0), (1.2, 0.15)], closed=True), shade(main, 0.7))


# Bicycle -------------------------------------------------------------------------------------------------------------


def bicycle(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a racing (0), city (1) or child's (2) bicycle from the side, or any coming round the corner (3)."""
    if variant < 3:
        (_racing_bicycle, _city_bicycle, _child_bicycle)[variant](sketch, rng)
        return
    side = Sketch()
    (_racing_bicycle, _city_bicycle)[rng.integers(2)](side, rng, bars=False)
    narrow = np.cos(np.deg2rad(rng.uniform(50, 70)))
    for shape in side.shapes:
        x, y = shape.points.T
        near = 1 + 0.07 * x  # The front wheel is nearer and so appears larger.
        sketch.shapes.append(Shape(np.stack([narrow * x * near, (y + 1.4) * near], axis=1), shape.fill, shape.width))
    x, y, reach = 0.98 * narrow, -1.42, _about(rng, 0.85)
    sketch.line([(x, y + 0.7), (x, y)], 0.14, METAL[1])
    sketch.line([(x - reach, y + 0.08), (x - 0.45 * reach, y - 0.06), (x, y), (x + 0.55 * reach, y - 0.02),
                 (x + reach, y + 0.2)], 0.13, METAL[1], curved=True)
    for end, lift in ((-reach, 0.08), (reach, 0.2)):
        sketch.line([(x + end, y + lift), (x + 0.72 * end, y + 0.4 * lift)], 0.22, RUBBER)
    _lamp(sketch, x + 0.05, y + 0.25, 0.17, 0.17)


def _frame(sketch: Sketch, tubes: Sequence[Points], fill: Colour, width: float) -> None:
    """Paint the tubes of a bicycle frame."""
    for tube in tubes:
        sketch.line(tube, width, fill, curved=len(tube) > 2)


def _crank(sketch: Sketch, x: float, y: float, rear: float, axle: float, rng: np.random.Generator) -> None:
    """Paint chain wheel, chain to the rear hub at (rear, axle), and the two pedals of a bicycle."""
    steel, turn = METAL[1], rng.uniform(0, np.pi)
    sketch.line([(x, y - 0.2), (rear, axle - 0.1), (rear, axle + 0.1), (x, y + 0.2)], 0.045, DARK)
    sketch.ring(x, y, 0.2, 0.2, 0.09, DARK)
    dx, dy = 0.45 * np.cos(turn), 0.45 * np.sin(turn)
    sketch.line([(x - dx, y - dy), (x + dx, y + dy)], 0.08, steel)
    for side in (-1, 1):
        sketch.line([(x + side * dx - 0.12, y + side * dy), (x + side * dx + 0.12, y + side * dy)], 0.1, DARK)


def _saddle(sketch: Sketch, x: float, y: float, fill: Colour, size: float = 1.0) -> None:
    """Paint a saddle with its nose to the right."""
    outline = [(-0.42, -0.1), (-0.2, -0.12), (0.1, -0.05), (0.42, -0.02), (0.1, 0.07), (-0.25, 0.16), (-0.42, 0.08)]
    sketch.blob(np.array(outline) * size + (x, y), fill)


def _racing_bicycle(sketch: Sketch, rng: np.random.Generator, bars: bool = True) -> None:
    """Draw a racing bicycle: slim tyres, a diamond frame and dropped handlebars."""
    main, accent = _two_tone(rng)
    base, seat, rim = _about(rng, 1.48, 0.08), -_about(rng, 2.3, 0.08), _pick(rng, [*METAL, accent])
    for x in (-base, base):
        _open_wheel(sketch, x, 1.0, 0.14, rim, 10)
    foot, top, head = (-0.3, -0.85), (-0.72, seat), (0.92, seat + 0.05)
    low_head = (1.0, seat + 0.4)
    stay = (-0.68, seat + 0.25)
    _frame(sketch, [[foot, (-base, -1)], [stay, (-base, -1)]], shade(main, 0.8), 0.1)
    _frame(sketch, [[low_head, (base - 0.12, -1.25), (base, -1)]], accent, 0.13)
    _frame(sketch, [[foot, low_head], [stay, (head[0] + 0.02, seat + 0.22)], [foot, top], [head, low_head]], main, 0.15)
    sketch.line([top, (-0.76, seat - 0.22)], 0.09, METAL[0])
    _saddle(sketch, -0.75, seat - 0.28, DARK)
    _crank(sketch, *foot, -base, -1, rng)
    if bars:
        x, y = head
        sketch.line([(x, y), (x - 0.03, y - 0.14), (x + 0.28, y - 0.18)], 0.1, METAL[1])
        sketch.line([(x + 0.15, y - 0.2), (x + 0.5, y - 0.18), (x + 0.62, y + 0.1), (x + 0.42, y + 0.3),
                     (x + 0.12, y + 0.28)], 0.12, _pick(rng, [DARK, accent]), curved=True)


def _city_bicycle(sketch: Sketch, rng: np.random.Generator, bars: bool = True) -> None:
    """Draw a city bicycle: low swung frame, mudguards, carrier, lamp and a basket in front."""
    main, accent = _two_tone(rng)
    base, seat, rim = _about(rng, 1.52, 0.08), -_about(rng, 2.25, 0.08), _pick(rng, METAL)
    wicker = _pick(rng, WOOD)
    for x, begin, end in ((-base, -190, -55), (base, -150, -15)):
        _open_wheel(sketch, x, 1.0, 0.17, rim, 9)
        sketch.line(_arc(x, -1, 1.06, begin, end), 0.1, accent)
    foot, top, head, low_head = (-0.3, -0.8), (-0.72, seat), (0.88, seat - 0.25), (1.02, seat + 0.4)
    sketch.line([(-0.7, seat + 0.1), (-base - 0.5, seat + 0.08)], 0.1, DARK)
    sketch.line([(-base - 0.3, seat + 0.1), (-base, -1)], 0.07, DARK)
    _frame(sketch, [[foot, (-base, -1)], [(-0.65, seat + 0.45), (-base, -1)]], shade(main, 0.8), 0.11)
    _frame(sketch, [[low_head, (base - 0.15, -1.3), (base, -1)], [foot, top], [head, low_head]], main, 0.16)
    swung = [[foot, (0.25, -0.95), (0.75, -1.45), low_head], [(-0.52, -1.4), (0.2, -1.35), low_head]]
    _frame(sketch, swung, main, 0.16)
    sketch.line([top, (-0.76, seat - 0.15)], 0.1, METAL[0])
    _saddle(sketch, -0.76, seat - 0.24, _pick(rng, WOOD), 1.1)
    _crank(sketch, *foot, -base, -1, rng)
    x, y = head
    if bars:
        sketch.line([(x + 0.02, y), (x, y - 0.2), (x - 0.12, y - 0.3), (x - 0.6, y - 0.2)], 0.11, METAL[1], curved=True)
        sketch.line([(x - 0.4, y - 0.25), (x - 0.62, y - 0.2)], 0.17, wicker)
    _plate(sketch, [(x + 0.15, y - 0.1, 0.05), (x + 1.15, y - 0.1, 0.05), (x + 1.0, y + 0.6, 0.12),
                             (x + 0.25, y + 0.6, 0.12)], wicker)
    for row in (0.1, 0.32):
        sketch.line([(x + 0.24, y + row), (x + 1.06, y + row)], 0.06, shade(wicker, 0.75))
    sketch.line([(x + 0.15, y - 0.1), (x + 1.15, y - 0.1)], 0.12, shade(wicker, 1.25))


def _child_bicycle(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a child's bicycle: small fat wheels, a training wheel, high handlebars and a pennant."""
    main, accent = _two_tone(rng)
    base, seat = _about(rng, 1.1, 0.08), -_about(rng, 1.75, 0.08)
    tyre = _pick(rng, [RUBBER, RUBBER, accent, LIGHT[1]])
    x0, top = -base - 0.15, seat - _about(rng, 1.0, 0.3)
    sketch.line([(-base, -0.72), (x0, top)], 0.06, LIGHT[0])
    sketch.polygon([(x0, top), (x0 - 0.65, top + 0.22), (x0 + 0.03, top + 0.45)], _pick(rng, PAINT[:4]))
    for x in (-base, base):
        _open_wheel(sketch, x, 0.72, 0.17, accent, 8, tyre)
    foot, low_head = (-0.15, -0.62), (0.68, seat + 0.28)
    _frame(sketch, [[foot, (-base, -0.72)], [(-0.42, seat + 0.4), (-base, -0.72)]], shade(main, 0.8), 0.13)
    _frame(sketch, [[low_head, (base, -0.72)], [foot, (-0.5, seat)], [(0.6, seat - 0.05), low_head]], main, 0.17)
    _frame(sketch, [[foot, (0.3, -0.85), low_head], [(-0.38, seat + 0.45), (0.1, seat + 0.42), low_head]], main, 0.2)
    _saddle(sketch, -0.52, seat - 0.1, accent, 1.05)
    _crank(sketch, *foot, -base, -0.72, rng)
    sketch.line([(0.6, seat), (0.52, seat - 0.45), (0.35, seat - 0.6), (0.1, seat - 0.55)], 0.12, METAL[1], curved=True)
    sketch.line([(0.28, seat - 0.6), (0.08, seat - 0.55)], 0.19, tyre)
    sketch.line([(-base, -0.72), (-base - 0.15, -0.28)], 0.08, METAL[1])
    sketch.ellipse(-base - 0.18, -0.26, 0.26, 0.26, RUBBER)
    sketch.ellipse(-base - 0.18, -0.26, 0.12, 0.12, accent)
    sketch.line(_arc(base, -0.72, 0.8, -140, -30), 0.1, main)


# Boat ----------------------------------------------------------------------------------------------------------------


def boat(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a sailing boat (0), motor boat (1), rowing boat (2) or ship (3)."""
    (_sailing_boat, _motor_boat, _rowing_boat, _ship)[variant](sketch, rng)


def _sailing_boat(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a sloop with mainsail, jib and pennant."""
    main, accent = _two_tone(rng)
    length, mast, sail = _about(rng, 1.25), -_about(rng, 2.7), _pick(rng, [*LIGHT, *PAINT[:8]])
    jib = _pick(rng, LIGHT) if rng.random() < 0.6 else accent
    sketch.line([(0.12, 0), (0.12, mast)], 0.09, WOOD[1])
    sketch.polygon([(0.14, mast), (-0.36, mast + 0.12), (0.14, mast + 0.26)], _pick(rng, PAINT[:3]))
    leech = smooth([(0.04, mast + 0.35), (-0.45, 0.55 * mast), (-0.98 * length, -0.42)], closed=False)
    mainsail = np.concatenate([leech, [(0.04, -0.4)]])
    sketch.polygon(mainsail, sail)
    sketch.polygon(_cut(mainsail, (0.75, -0.35), 0.12 - 0.18 * mast), shade(sail, 0.88))
    for part in rng.permutation(2)[: rng.integers(3)]:
        top = mast * (0.42, 0.6)[part]
        _band(sketch, mainsail, top, top - 0.1 * mast, accent)
    foresail = smooth([(0.22, mast + 0.3), (0.75, 0.5 * mast), (1.0 * length, -0.3)], closed=False)
    foresail = np.concatenate([foresail, [(0.22, -0.42)]])
    sketch.polygon(foresail, jib)
    sketch.polygon(_cut(foresail, (0, 1), 0.42 * mast), shade(jib, 0.9))
    sketch.line([(0.1, -0.3), (-length, -0.3)], 0.08, WOOD[1])
    if rng.random() < 0.6:
        sketch.rectangle(-0.55, -0.25, 0.5, 0.1, LIGHT[0], 0.1)
        for x in (-0.3, 0.05):
            sketch.ellipse(x + 0.05, -0.13, 0.09, 0.06, GLASS[1])
    hull = _contour([(-1.05 * length, 0, 0.03), (1.2 * length, -0.12, 0.03), (0.8 * length, 0.52, 0.35),
                     (-0.85 * length, 0.52, 0.25)])
    _body(sketch, hull, main, 0.27)
    _band(sketch, hull, -0.12, 0.09, accent)


def _motor_boat(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a fast motor boat with a raked bow, a windscreen and often a cabin."""
    main, accent = _two_tone(rng)
    bow, tint = _about(rng, 2.0), _pick(rng, GLASS)
    cabin = rng.random() < 0.6
    _plate(sketch, [(-1.85, -0.75, 0.1), (-1.5, -0.75, 0.1), (-1.5, -0.3, 0), (-1.85, -0.3, 0.05)], DARK)
    sketch.line([(-1.7, -0.4), (-1.7, 0.3)], 0.14, DARK)
    sketch.ellipse(-1.82, 0.3, 0.06, 0.14, METAL[1])
    if cabin:
        roof = -_about(rng, 1.15)
        house = _contour([(-1.0, -0.45, 0), (-0.95, roof, 0.1), (0.3, roof, 0.3), (0.95, -0.45, 0)])
        _body(sketch, house, LIGHT[0], -0.6)
        top = roof + 0.17
        _glass(sketch, _box(-0.78, top, -0.2, -0.62, 0.05), tint)
        _glass(sketch, _contour([(-0.1, -0.62, 0.05), (-0.1, top, 0.05), (0.25, top, 0.1), (0.68, -0.62, 0.05)]), tint)
        sketch.line([(-1.05, roof), (0.4, roof)], 0.12, accent)
        sketch.line([(-0.6, roof), (-0.72, roof - 0.5)], 0.05, METAL[0])
    else:
        for x in (-0.9, -0.25):
            sketch.polygon(_box(x - 0.18, -0.82, x + 0.12, -0.3, 0.12), shade(accent, 0.85))
        _glass(sketch, _contour([(0.0, -0.98, 0.03), (0.15, -0.98, 0.03), (0.75, -0.45, 0), (0.15, -0.45, 0)]), tint)
        sketch.line([(0.05, -0.98), (0.75, -0.45)], 0.06, METAL[0])
    sketch.line([(0.6, -0.5), (0.75, -0.78), (bow - 0.45, -0.86), (bow - 0.15, -0.6)], 0.05, METAL[0])
    sketch.line([((0.6 + bow) / 2, -0.82), ((0.6 + bow) / 2, -0.5)], 0.05, METAL[0])
    hull = _contour([(-1.55, -0.48, 0.06), (0.4, -0.42, 0.6), (bow + 0.1, -0.62, 0.05), (bow - 0.75, 0.3, 0.45),
                     (-1.45, 0.3, 0.1)])
    _body(sketch, hull, main, 0.06)
    _band(sketch, hull, -0.28, -0.12, accent)
    _band(sketch, hull, -1, -0.42, shade(main, 1.35))


def _rowing_boat(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a wooden rowing boat, looked into from a little above, with both oars out."""
    main, accent = _two_tone(rng)
    if rng.random() < 0.5:
        main = _pick(rng, WOOD)
    inside, bench, half = _pick(rng, WOOD), _pick(rng, LIGHT[1:2] + WOOD), _about(rng, 1.75)
    bow, depth = _about(rng, -0.42), _about(rng, 0.62)
    oar = _pick(rng, WOOD)
    sketch.line([(0.15, -0.2), (-0.55, -0.85)], 0.08, shade(oar, 0.85))
    sketch.ellipse(-0.68, -0.97, 0.24, 0.1, accent, 43)
    rim = [(-half, -0.3), (-0.9, -0.24), (0.2, -0.24), (1.1, -0.3), (half + 0.2, bow)]
    far = [(1.0, -0.5), (0, -0.52), (-1.0, -0.5)]
    sketch.blob([*rim, *far], shade(inside, 0.75))
    for x in (-0.95, -0.05, 0.8):
        sketch.polygon([(x - 0.16, -0.5), (x + 0.1, -0.5), (x + 0.16, -0.2), (x - 0.16, -0.2)], bench)
    sketch.line([rim[-1], *far, rim[0]], 0.08, shade(main, 1.25), curved=True)
    near = smooth(rim, closed=False)
    keel = smooth([(half + 0.2, bow), (half - 0.1, 0.08), (half - 0.75, depth - 0.26), (0, depth - 0.2),
                   (-half + 0.35, depth - 0.26), (-half, -0.3)], closed=False)
    hull = np.concatenate([near, keel])
    _body(sketch, hull, main, 0.12)
    for y in (0.0, 0.2):
        _band(sketch, hull, y, y + 0.035, shade(main, 0.65))
    sketch.line(rim, 0.11, accent, curved=True)
    sketch.ellipse(0.1, -0.26, 0.09, 0.09, METAL[1])
    sketch.line([(0.45, -0.72), (0.1, -0.24), (-0.55, 0.5)], 0.09, oar)
    sketch.ellipse(-0.68, 0.65, 0.28, 0.11, shade(accent, 1.1), -48)


def _ship(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a steamer: red keel, portholes, white decks, a funnel or two and a mast."""
    main, accent = _two_tone(rng)
    if rng.random() < 0.4:
        main = shade(_pick(rng, PAINT[8:9] + PAINT[18:19]), 0.9)
    half, funnels = _about(rng, 2.3), int(rng.integers(1, 4))
    house, tint = _pick(rng, LIGHT), _pick(rng, GLASS[1:])
    deck = -0.62 - _about(rng, 0.5)
    for x in np.linspace(-0.75, 0.45, funnels) if funnels > 1 else [-0.3]:
        height = _about(rng, 0.8, 0.05)
        funnel = _contour([(x - 0.24, deck, 0), (x - 0.3, deck - height, 0.04), (x + 0.14, deck - height, 0.04),
                           (x + 0.2, deck, 0)])
        sketch.polygon(funnel, accent)
        _band(sketch, funnel, -9, deck - height + 0.18, DARK)
        _band(sketch, funnel, deck - 0.5 * height, deck - 0.3 * height, LIGHT[0])
    for x, top in ((1.45, -2.0), (-1.55, -1.6)):
        sketch.line([(x, -0.4), (x, top)], 0.07, WOOD[3])
    sketch.polygon([(1.45, -2.02), (1.0, -1.88), (1.45, -1.74)], _pick(rng, PAINT[:3]))
    _body(sketch, _box(-0.95, deck - 0.05, 0.75, -0.5, 0.05), house, -0.7)
    _body(sketch, _contour([(-1.4, -0.68, 0.05), (1.2, -0.68, 0.05), (1.25, -0.2, 0), (-1.5, -0.2, 0)]), house, -0.35)
    _windows(sketch, -0.75, deck + 0.1, 0.6, deck + 0.32, 5, tint, 0.3)
    _windows(sketch, -1.2, -0.58, 1.0, -0.38, int(rng.integers(6, 10)), tint, 0.35)
    hull = _contour([(-half, -0.38, 0.1), (-1.5, -0.24, 0.3), (1.2, -0.24, 0.6), (half + 0.15, -0.55, 0.03),
                     (half - 0.35, 0.7, 0.2), (-half + 0.4, 0.7, 0.4)])
    _body(sketch, hull, main, 0.22)
    _band(sketch, hull, 0.42, 1, (168, 52, 46))
    _band(sketch, hull, 0.36, 0.42, LIGHT[0])
    for x in np.linspace(-half + 0.6, half - 0.75, rng.integers(5, 9)):
        sketch.ellipse(x, 0.05, 0.1, 0.1, LIGHT[0])
        sketch.ellipse(x, 0.05, 0.06, 0.06, shade(tint, 0.6))


# Bus -----------------------------------------------------------------------------------------------------------------


def bus(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a city bus (0) or double-decker (1) from the side, a bus from the front (2) or a school bus (3)."""
    if variant < 2:
        _bus_side(sketch, rng, decks=variant + 1)
    else:
        (_bus_front, _school_bus)[variant - 2](sketch, rng)


def _bus_door(sketch: Sketch, x: float, top: float, width: float, frame: Colour, tint: Colour) -> None:
    """Paint a folding door of two glazed leaves down to the step."""
    sketch.rectangle(x, top, x + width, -0.42, frame, 0.06)
    _windows(sketch, x + 0.07, top + 0.1, x + width - 0.07, -0.58, 2, tint, 0.14)


def _bus_side(sketch: Sketch, rng: np.random.Generator, decks: int) -> None:
    """Draw a bus or double-decker from its door side."""
    main, accent = _two_tone(rng)
    tint, rim = _tint(rng, main), _pick(rng, METAL)
    half = _about(rng, 4.3 if decks == 1 else 3.5)
    roof = -_about(rng, 3.1, 0.08) - 1.55 * (decks - 1)
    shell = _contour([(-half, -0.4, 0.15), (-half, roof, 0.35), (half - 0.15, roof, 0.5), (half, -1.5, 0.3),
                      (half, -0.4, 0.2)])
    if decks == 1 and rng.random() < 0.6:
        sketch.rectangle(-half + 0.6, roof - 0.2, -half + 2.2, roof + 0.3, shade(main, 0.7), 0.1)
    _body(sketch, shell, main, -0.85)
    if rng.random() < 0.5:
        _band(sketch, shell, -1.5, -1.15, accent)
    if rng.random() < 0.5:
        _band(sketch, shell, -9, roof + 0.32, accent)
    middle = decks == 1 and rng.random() < 0.6
    doors = [half - 1.55, -0.6] if middle else [half - 1.55]
    top = -2.65
    for deck in range(decks):
        y0 = top - 1.55 * deck if decks == 2 else roof + 0.5
        y1 = -1.55 - 1.55 * deck
        if deck == 1:
            _windows(sketch, -half + 0.25, y0 + 0.05, half - 1.0, y1, int(rng.integers(4, 7)), tint)
        elif middle:
            _windows(sketch, -half + 0.25, y0, -0.75, y1, int(rng.integers(2, 5)), tint)
            _windows(sketch, 0.6, y0, half - 1.7, y1, int(rng.integers(1, 3)), tint)
        else:
            _windows(sketch, -half + 0.25, y0, half - 1.7, y1, int(rng.integers(3, 7)), tint)
        screen = _cut(_cut(_cut(shell, (1, 0), half - 0.42 if deck == 0 else half - 0.85), (0, 1), y0), (0, -1), -y1)
        _glass(sketch, screen - (0.03, 0), shade(tint, 0.85))
    for x in doors:
        _bus_door(sketch, x, (roof + 0.5 if decks == 1 else top), 1.05, shade(main, 0.6), tint)
    sign = roof + 0.12 if decks == 1 else -3.05
    sketch.rectangle(half - 1.7, sign, half - 0.5, sign + 0.3, DARK, 0.05)
    sketch.line([(half - 1.5, sign + 0.15), (half - 0.85, sign + 0.15)], 0.1, AMBER)
    sketch.rectangle(half - 0.18, -1.05, half + 0.03, -0.8, LAMP, 0.06)
    sketch.rectangle(-half - 0.03, -1.2, -half + 0.12, -0.75, TAIL_LAMP, 0.04)
    for x in (-half + 0.32 * half, half - 2.15):
        sketch.polygon(_cut(_arc(x, -0.5, 0.63, 0, 360), (0, -1), 0.4), shade(main, 0.4))
        _wheel(sketch, x, 0.5, rim)


def _bus_front(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a bus from the front: a tall box that is mostly windscreen, with mirrors like ears."""
    main, accent = _two_tone(rng)
    tint, half = _tint(rng, main), _about(rng, 1.25, 0.08)
    decks = 2 if rng.random() < 0.35 else 1
    roof = -_about(rng, 3.1, 0.08) - 1.3 * (decks - 1)
    for x in (-half + 0.3, half - 0.3):
        sketch.rectangle(x - 0.2, -0.6, x + 0.2, 0, RUBBER, 0.1)
    for side in (-1, 1):
        sketch.line([(side * (half - 0.1), -2.6), (side * (half + 0.2), -2.55)], 0.08, DARK)
        sketch.polygon(_box(side * (half + 0.18) - 0.11, -2.6, side * (half + 0.18) + 0.11, -1.95, 0.1), DARK)
    shell = _contour([(-half, -0.3, 0.15), (-half, roof, 0.4), (half, roof, 0.4), (half, -0.3, 0.15)])
    _body(sketch, shell, main, -0.8)
    if rng.random() < 0.6:
        _band(sketch, shell, -1.42, -0.8, accent)
    if decks == 2:
        _windows(sketch, -half + 0.15, roof + 0.3, half - 0.15, roof + 1.15, int(rng.integers(1, 3)), tint, 0.06)
    sign = roof + (1.32 if decks == 2 else 0.16)
    sketch.rectangle(-0.8, sign, 0.8, sign + 0.36, DARK, 0.06)
    sketch.line([(-0.5, sign + 0.18), (0.15, sign + 0.18)], 0.12, AMBER)
    sketch.line([(0.42, sign + 0.18), (0.55, sign + 0.18)], 0.12, AMBER)
    top = sign + 0.48
    _windows(sketch, -half + 0.13, top, half - 0.13, -1.45, int(rng.integers(1, 3)), tint, 0.05)
    for x in (-0.45, 0.35):
        sketch.line([(x, -1.42), (x + 0.35, -1.85)], 0.05, DARK)
    for side in (-1, 1):
        _lamp(sketch, side * (half - 0.33), -1.0, 0.17, 0.17)
        sketch.ellipse(side * (half - 0.66), -1.0, 0.09, 0.09, AMBER)
    sketch.rectangle(-half + 0.05, -0.58, half - 0.05, -0.28, shade(main, 0.5), 0.12)
    sketch.rectangle(-0.35, -0.56, 0.35, -0.34, LIGHT[0], 0.04)


def _school_bus(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a bus with a bonnet, as schools use: most often yellow, with dark rails along its side."""
    main = _pick(rng, [(246, 186, 38), (240, 160, 40)]) if rng.random() < 0.6 else _pick(rng, PAINT)
    trim, rim = DARK if sum(main) > 300 else LIGHT[0], _pick(rng, METAL)
    tint, rear, roof = _tint(rng, main), _about(rng, -3.6), -_about(rng, 2.9, 0.08)
    shell = _contour([(rear, -0.45, 0.1), (rear, roof, 0.4), (1.9, roof, 0.35), (2.15, -1.62, 0.1),
                      (3.2, -1.5, 0.35), (3.35, -0.45, 0.15)])
    _body(sketch, shell, main, -0.8)
    if rng.random() < 0.4:
        _band(sketch, shell, -9, roof + 0.25, LIGHT[0])
    for y in (-1.42, -0.95):
        sketch.polygon(_cut(_cut(_cut(shell, (0, 1), y), (0, -1), -y - 0.11), (-1, 0), -1.95), trim)
    _windows(sketch, rear + 0.25, roof + 0.42, 0.75, -1.55, int(rng.integers(4, 8)), tint)
    _bus_door(sketch, 0.92, roof + 0.42, 0.78, shade(main, 0.6), tint)
    _glass(sketch, [(1.78, roof + 0.42), (1.93, roof + 0.42), (2.1, -1.65), (1.78, -1.65)], tint)
    sketch.line([(2.15, -1.58), (2.15, -0.6)], 0.06, shade(main, 0.6))
    for y in (-1.2, -1.0):
        sketch.line([(2.95, y), (3.2, y)], 0.06, shade(main, 0.6))
    _lamp(sketch, 3.2, -0.95 if rng.random() < 0.5 else -1.3, 0.13, 0.15)
    sketch.rectangle(2.9, -0.6, 3.5, -0.35, DARK, 0.1)
    sketch.rectangle(rear - 0.12, -0.6, rear + 0.3, -0.35, DARK, 0.1)
    sketch.rectangle(rear - 0.03, -1.3, rear + 0.12, -0.95, TAIL_LAMP, 0.04)
    for x in (0.66 * rear, 2.35):
        sketch.polygon(_cut(_arc(x, -0.5, 0.64, 0, 360), (0, -1), 0.45), shade(main, 0.4))
        _wheel(sketch, x, 0.52, rim)


# Car -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _CarBody:
    """A car's side view: corners (x, y, radius) of its profile and windows, where its seams and wheels are."""

    profile: Corners
    windows: Sequence[Corners]
    seams: Sequence[float]
    wheels: tuple[float, float]
    radius: float = 0.37


HATCHBACK = _CarBody(
    profile=[(-1.62, -0.3, 0.15), (-1.74, -0.95, 0.2), (-1.45, -1.6, 0.3), (0.0, -1.64, 0.5), (0.76, -1.06, 0.3),
             (1.55, -0.95, 0.35), (1.72, -0.3, 0.2)],
    windows=[[(-1.36, -1.06, 0.06), (-1.22, -1.46, 0.1), (-0.55, -1.48, 0.05), (-0.55, -1.06, 0.05)],
             [(-0.43, -1.06, 0.05), (-0.43, -1.48, 0.05), (-0.02, -1.48, 0.15), (0.54, -1.06, 0.08)]],
    seams=[-0.49, 0.6], wheels=(-1.06, 1.08),
)
SALOON = _CarBody(
    profile=[(-2.1, -0.3, 0.15), (-2.2, -0.98, 0.2), (-1.4, -1.06, 0.3), (-0.8, -1.52, 0.4), (0.25, -1.52, 0.4),
             (0.98, -1.03, 0.25), (2.0, -0.9, 0.35), (2.16, -0.3, 0.2)],
    windows=[[(-1.16, -1.04, 0.06), (-0.7, -1.4, 0.15), (-0.27, -1.4, 0.05), (-0.27, -1.04, 0.05)],
             [(-0.15, -1.04, 0.05), (-0.15, -1.4, 0.05), (0.22, -1.4, 0.15), (0.78, -1.04, 0.08)]],
    seams=[-1.02, -0.21, 0.84], wheels=(-1.32, 1.36),
)
PICK_UP = _CarBody(
    profile=[(-2.2, -0.42, 0.1), (-2.24, -1.1, 0.06), (-0.62, -1.1, 0.0), (-0.52, -1.78, 0.2), (0.35, -1.78, 0.35),
             (0.88, -1.16, 0.2), (1.95, -1.06, 0.3), (2.12, -0.42, 0.2)],
    windows=[[(-0.38, -1.18, 0.05), (-0.36, -1.6, 0.1), (0.25, -1.6, 0.15), (0.66, -1.18, 0.08)]],
    seams=[-0.5, 0.76], wheels=(-1.38, 1.32), radius=0.44,
)
CONVERTIBLE = _CarBody(
    profile=[(-1.95, -0.3, 0.15), (-2.1, -0.85, 0.25), (-1.3, -1.0, 0.3), (-0.75, -0.9, 0.1), (0.5, -0.88, 0.2),
             (1.85, -0.78, 0.4), (2.1, -0.3, 0.2)],
    windows=[], seams=[-0.55, 0.45], wheels=(-1.28, 1.3),
)


def car(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a hatchback (0) or saloon (1) from the side, a car from the front (2), a pick-up or convertible (3)."""
    if variant == 2:
        _car_front(sketch, rng)
    elif variant == 3:
        _car_side(sketch, rng, (PICK_UP, CONVERTIBLE)[rng.integers(2)])
    else:
        _car_side(sketch, rng, (HATCHBACK, SALOON)[variant])


def _car_side(sketch: Sketch, rng: np.random.Generator, body: _CarBody) -> None:
    """Draw a car from the side; what is special to a pick-up or convertible is added here."""
    main, accent = _two_tone(rng)
    long, tall = rng.uniform(0.88, 1.12), rng.uniform(0.92, 1.1)
    tint, rim, radius = _tint(rng, main), _pick(rng, METAL), body.radius

    def place(corners: Corners) -> np.ndarray:
        """Return a rounded polygon in this car's proportions."""
        return _contour([(x * long, y * tall, r) for x, y, r in corners])

    shell = place(body.profile)
    nose, tail = shell[:, 0].max(), shell[:, 0].min()
    if body is CONVERTIBLE:
        for x in (-0.5, -0.1):
            sketch.polygon(place([(x - 0.25, -1.22, 0.1), (x - 0.02, -1.2, 0.1), (x + 0.05, -0.8, 0),
                                  (x - 0.25, -0.8, 0)]), shade(accent, 0.9 if x < -0.3 else 0.75))
        _glass(sketch, place([(0.12, -1.38, 0.02), (0.24, -1.38, 0.02), (0.72, -0.8, 0), (0.3, -0.8, 0)]), tint)
        sketch.line([(0.16 * long, -1.38 * tall), (0.66 * long, -0.88 * tall)], 0.07, METAL[0])
    _body(sketch, shell, main, -0.62 * tall)
    if body.windows and rng.random() < 0.4:
        _band(sketch, shell, -9, min(y for _, y, _ in body.windows[0]) * tall * 0.97, accent)
    elif rng.random() < 0.4:
        _band(sketch, shell, -0.72 * tall, -0.6 * tall, accent)
    if body is PICK_UP:
        sketch.line([(-2.2 * long, -1.1 * tall), (-0.6 * long, -1.1 * tall)], 0.1, shade(main, 0.6))
    for window in body.windows:
        _glass(sketch, place(window), tint)
    for x in body.seams:
        sketch.line([(x * long, -0.98 * tall if body.windows else -0.85 * tall), (x * long, -0.42 * tall)], 0.035,
                    shade(main, 0.6))
    for x in body.seams[:-1]:
        sketch.line([((x + 0.12) * long, -0.86 * tall), ((x + 0.28) * long, -0.86 * tall)], 0.06, shade(main, 0.5))
    for x in (tail + 0.08, nose - 0.3):
        sketch.polygon(_box(x - 0.12, -0.42 * tall, x + 0.34, -0.28 * tall, 0.07), shade(accent, 0.75))
    lamp = 0.66 * body.profile[-2][1] * tall - 0.12
    _lamp(sketch, nose - 0.17, lamp, 0.1, 0.13)
    sketch.rectangle(tail - 0.01, lamp - 0.12, tail + 0.15, lamp + 0.12, TAIL_LAMP, 0.05)
    spokes = int(rng.choice([0, 5, 6]))
    for x in body.wheels:
        arch = _arc(x * long, -radius, 1.2 * radius, 0, 360)
        sketch.polygon(_cut(arch, (0, -1), -body.profile[0][1] * tall), shade(main, 0.4))
        _wheel(sketch, x * long, radius, rim, spokes)


def _car_front(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a car from the front: windscreen, grille, two big lamps and the tyres below."""
    main, accent = _two_tone(rng)
    half, roof, tint = _about(rng, 0.95, 0.08), -_about(rng, 1.55, 0.1), _tint(rng, main)
    for side in (-1, 1):
        x = side * (half - 0.2)
        sketch.rectangle(x - 0.15, -0.5, x + 0.15, 0, RUBBER, 0.08)
        _plate(sketch, [(side * (half - 0.2), -1.02, 0.05), (side * (half + 0.15), -1.1, 0.08),
                                 (side * (half + 0.15), -0.93, 0.06), (side * (half - 0.2), -0.93, 0.03)],
                       shade(main, 0.8))
    top = 0.66 * half
    cabin = _contour([(-half + 0.08, -0.85, 0.1), (-top, roof, 0.25), (top, roof, 0.25), (half - 0.08, -0.85, 0.1)])
    sketch.polygon(cabin, accent if rng.random() < 0.35 else shade(main, 0.92))
    _glass(sketch, _contour([(-half + 0.24, -0.95, 0.05), (-top + 0.08, roof + 0.13, 0.12),
                             (top - 0.08, roof + 0.13, 0.12), (half - 0.24, -0.95, 0.05)]), tint)
    shell = _contour([(-half, -0.22, 0.12), (-half, -0.72, 0.2), (-half + 0.14, -0.95, 0.15),
                      (half - 0.14, -0.95, 0.15), (half, -0.72, 0.2), (half, -0.22, 0.12)])
    _body(sketch, shell, main, -0.45)
    sketch.line([(-half + 0.3, -0.85), (0, -0.89), (half - 0.3, -0.85)], 0.04, shade(main, 1.35), curved=True)
    grille = half - 0.55
    sketch.polygon(_box(-grille, -0.74, grille, -0.5, rng.uniform(0.03, 0.12)), DARK)
    for y in (-0.67, -0.58):
        sketch.line([(-grille + 0.06, y), (grille - 0.06, y)], 0.03, METAL[0])
    size = rng.uniform(0.13, 0.18)
    for side in (-1, 1):
        _lamp(sketch, side * (half - 0.25), -0.63, size, size * rng.uniform(0.75, 1))
        sketch.ellipse(side * (half - 0.22), -0.4, 0.08, 0.05, AMBER)
    sketch.rectangle(-half - 0.03, -0.33, half + 0.03, -0.16, _pick(rng, [*METAL, shade(main, 0.6)]), 0.08)
    sketch.rectangle(-0.26, -0.35, 0.26, -0.19, LIGHT[3], 0.03)


# Motorbike -----------------------------------------------------------------------------------------------------------


def motorbike(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a sports bike (0), chopper (1) or scooter (2) from the side, or a motorbike from the front (3)."""
    (_sports_bike, _chopper, _scooter, _motorbike_front)[variant](sketch, rng)


def _sports_bike(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a sports bike: full fairing, a tail that points up, fat tyres."""
    main, accent = _two_tone(rng)
    base, steel, rise = _about(rng, 0.7, 0.08), _pick(rng, METAL), _about(rng, 1.02, 0.06)
    rim = _pick(rng, [steel, accent, DARK])
    for x in (-base, base):
        _open_wheel(sketch, x, 0.33, 0.1, rim, 5)
        sketch.ring(x, -0.33, 0.12, 0.12, 0.04, steel)
    sketch.line([(-base, -0.33), (-0.1, -0.42)], 0.09, steel)
    sketch.line([(base, -0.33), (0.42, -0.9)], 0.08, steel)
    _plate(sketch, [(-0.3, -0.7, 0.05), (0.3, -0.7, 0.05), (0.3, -0.2, 0.1), (-0.15, -0.2, 0.1)], DARK)
    sketch.line([(0.2, -0.2), (-0.2, -0.26), (-0.42, -0.42)], 0.07, shade(steel, 0.8), curved=True)
    sketch.line([(-0.42, -0.42), (-0.82, -0.58)], 0.13, shade(steel, 0.9))
    _plate(sketch, [(-0.3, -0.62, 0.05), (-0.2, -0.8, 0.05), (-0.7, -rise, 0.05), (-0.98, -rise + 0.02, 0.04),
                             (-0.6, -0.78, 0.05)], main)
    sketch.line([(-0.2, -0.81), (-0.42, -0.86), (-0.68, -rise)], 0.09, DARK, curved=True)
    sketch.ellipse(-0.93, -rise + 0.06, 0.05, 0.04, TAIL_LAMP)
    _glass(sketch, _contour([(0.28, -1.0, 0.05), (0.38, -1.18, 0.08), (0.7, -0.86, 0.05), (0.45, -0.8, 0)]),
           _pick(rng, GLASS))
    tank = smooth([(-0.24, -0.78), (-0.02, -0.96), (0.25, -0.97), (0.42, -0.82), (0.2, -0.66), (-0.15, -0.64)],
                  closed=True)
    _body(sketch, tank, accent, -0.74)
    fairing = _contour([(0.32, -0.98, 0.1), (0.82, -0.8, 0.12), (0.62, -0.62, 0.1), (0.42, -0.5, 0.05),
                        (0.36, -0.2, 0.12), (-0.2, -0.2, 0.1), (0.05, -0.46, 0.1), (0.12, -0.72, 0.1)])
    _body(sketch, fairing, main, -0.38)
    sketch.polygon(_cut(_cut(fairing, (0.3, 1), -0.62), (-0.3, -1), 0.48), accent)
    _lamp(sketch, 0.68, -0.77, 0.08, 0.05)
    sketch.line(_arc(base, -0.33, 0.36, -140, -55), 0.07, main)
    sketch.line([(0.42, -0.98), (0.24, -1.02)], 0.07, RUBBER)


def _chopper(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a chopper: long raked fork, high handlebars, teardrop tank and a bare V-engine."""
    main, accent = _two_tone(rng)
    steel, reach, bars = _pick(rng, METAL), _about(rng, 1.12, 0.1), -_about(rng, 1.32, 0.08)
    rear = -0.72
    _open_wheel(sketch, rear, 0.34, 0.11, steel, 10)
    _open_wheel(sketch, reach, 0.35, 0.07, steel, 12)
    sketch.line([(rear, -0.34), (-0.1, -0.3), (0.25, -0.32), (0.42, -0.9)], 0.07, shade(main, 0.7), curved=True)
    sketch.line([(rear, -0.34), (-0.45, -0.66), (0.42, -0.88)], 0.07, shade(main, 0.7))
    for lean, x in ((-0.16, -0.02), (0.16, 0.12)):  # the two cylinders of the V
        sketch.line([(0.05, -0.34), (x + lean, -0.64)], 0.19, shade(steel, 0.75))
        for step in (0.45, 0.7, 0.95):
            cx, cy = 0.05 + step * (x + lean - 0.05), -0.34 - step * 0.3
            sketch.line([(cx - 0.11, cy - 0.4 * lean), (cx + 0.11, cy + 0.4 * lean)], 0.035, shade(steel, 1.3))
    sketch.ellipse(0.06, -0.32, 0.17, 0.14, shade(steel, 0.85))
    sketch.ellipse(0.06, -0.32, 0.09, 0.075, shade(steel, 1.3))
    for y in (-0.17, -0.27):
        sketch.line([(0.2, y - 0.06), (0.0, y), (-0.95, y)], 0.075, shade(steel, 1.1))
    sketch.line(_arc(rear, -0.34, 0.4, -170, -40), 0.1, main)
    sketch.line([(-0.92, -0.68), (-1.0, -1.12)], 0.05, steel)
    sketch.line([(-1.0, -1.12), (-0.97, -0.92)], 0.12, DARK)
    sketch.polygon(smooth([(-0.92, -0.74), (-0.66, -0.82), (-0.4, -0.7), (-0.08, -0.74), (-0.1, -0.62), (-0.6, -0.64)],
                          closed=True), _pick(rng, [DARK, *WOOD]))
    tank = smooth([(-0.12, -0.7), (0.06, -0.88), (0.3, -0.98), (0.45, -0.9), (0.36, -0.78), (0.1, -0.7)], closed=True)
    _body(sketch, tank, main, -0.8)
    _band(sketch, tank, -0.88, -0.82, accent)
    sketch.line([(reach, -0.35), (0.45, -1.02)], 0.08, steel)
    sketch.line([(0.47, -1.0), (0.42, bars), (0.28, bars - 0.03), (0.1, bars + 0.06)], 0.06, steel, curved=True)
    sketch.line([(0.24, bars - 0.02), (0.08, bars + 0.07)], 0.09, RUBBER)
    _lamp(sketch, 0.62, -1.0, 0.1, 0.1)


def _scooter(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a motor scooter: small wheels, round tail, a flat floor and a curved leg shield."""
    main, accent = _two_tone(rng)
    steel, high, rear = _pick(rng, METAL), -_about(rng, 1.15, 0.06), _about(rng, -0.55, 0.08)
    for x in (rear, 0.62):
        _wheel(sketch, x, 0.24, steel)
    sketch.line([(0.62, -0.24), (0.42, -0.75), (0.34, high)], 0.09, steel)
    _plate(sketch, [(-0.35, -0.3, 0.08), (0.3, -0.34, 0.12), (0.42, high + 0.2, 0.05), (0.52, high + 0.2, 0.05),
                             (0.52, -0.5, 0.25), (0.32, -0.18, 0.12), (-0.35, -0.18, 0.05)], main)
    sketch.line([(-0.2, -0.31), (0.22, -0.34)], 0.05, DARK)
    tail = smooth([(-0.12, -0.2), (-0.18, -0.55), (-0.4, -0.68), (-0.75, -0.66), (-0.98, -0.5), (-0.88, -0.32),
                   (-0.6, -0.24)], closed=True)
    _body(sketch, tail, main, -0.42)
    sketch.blob([(-0.85, -0.45), (-0.5, -0.56), (-0.26, -0.45), (-0.5, -0.36)], accent)
    sketch.blob([(-0.9, -0.72), (-0.5, -0.78), (-0.14, -0.7), (-0.16, -0.62), (-0.5, -0.66), (-0.85, -0.62)],
                _pick(rng, [DARK, *WOOD, accent]))
    sketch.ellipse(-0.96, -0.5, 0.05, 0.06, TAIL_LAMP)
    sketch.polygon(_cut(_arc(0.6, -0.28, 0.3, 0, 360), (0.12, -1), 0.36), main)
    sketch.blob([(0.24, high), (0.38, high - 0.08), (0.52, high), (0.5, high + 0.16), (0.34, high + 0.16)], main)
    _lamp(sketch, 0.5, high + 0.06, 0.07, 0.09)
    sketch.line([(0.3, high), (0.14, high - 0.03)], 0.08, RUBBER)
    if rng.random() < 0.7:
        sketch.line([(0.34, high - 0.05), (0.24, high - 0.24)], 0.03, steel)
        sketch.ellipse(0.23, high - 0.27, 0.07, 0.07, shade(steel, 1.2))
    if rng.random() < 0.5:
        sketch.line([(-0.7, -0.6), (-1.15, -0.72)], 0.05, steel)
        sketch.polygon(_box(-1.22, -1.04, -0.9, -0.72, 0.06), accent)
        sketch.line([(-1.19, -0.94), (-0.93, -0.94)], 0.03, shade(accent, 0.65))


def _motorbike_front(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a motorbike from the front: one tyre, fork, lamp, handlebars and mirrors."""
    main, accent = _two_tone(rng)
    steel, reach, high = _pick(rng, METAL), _about(rng, 0.42), -_about(rng, 1.1, 0.06)
    sketch.polygon(_box(-0.27, -0.62, 0.27, -0.28, 0.12), shade(steel, 0.55))
    for side in (-1, 1):
        sketch.line([(side * 0.14, -0.4), (side * 0.36, -0.42)], 0.07, DARK)
        sketch.line([(side * 0.1, high), (side * reach, high + 0.04)], 0.07, steel)
        sketch.line([(side * (reach - 0.14), high + 0.03), (side * reach, high + 0.05)], 0.1, RUBBER)
        sketch.line([(side * 0.24, high), (side * 0.32, high - 0.2)], 0.035, steel)
        sketch.ellipse(side * 0.35, high - 0.23, 0.12, 0.075, DARK, 8 * side)
        sketch.ellipse(side * 0.35, high - 0.23, 0.085, 0.045, GLASS[0], 8 * side)
    sketch.rectangle(-0.1, -0.66, 0.1, 0, RUBBER, 0.1)
    for y in (-0.12, -0.26):
        sketch.line([(-0.05, y + 0.04), (0, y), (0.05, y + 0.04)], 0.025, shade(RUBBER, 1.25))
    for side in (-1, 1):
        sketch.line([(side * 0.14, -0.28), (side * 0.14, -0.95)], 0.075, steel)
    _plate(sketch, [(-0.16, -0.42, 0.05), (-0.13, -0.68, 0.12), (0.13, -0.68, 0.12), (0.16, -0.42, 0.05)], main)
    _glass(sketch, _contour([(-0.2, high + 0.1, 0), (-0.13, high - 0.18, 0.1), (0.13, high - 0.18, 0.1),
                             (0.2, high + 0.1, 0)]), _pick(rng, GLASS))
    fairing = _contour([(-0.28, high + 0.06, 0.08), (0.28, high + 0.06, 0.08), (0.24, -0.78, 0.12), (0, -0.66, 0.1),
                        (-0.24, -0.78, 0.12)])
    _body(sketch, fairing, main, -0.8)
    sketch.polygon(_cut(_cut(fairing, (1, 0), -0.04), (-1, 0), -0.04), accent)
    if rng.random() < 0.5:
        _lamp(sketch, 0, high + 0.22, 0.13, 0.13)
    else:
        for side in (-1, 1):
            _lamp(sketch, side * 0.12, high + 0.2, 0.08, 0.07)


# Train ---------------------------------------------------------------------------------------------------------------


def train(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a steam engine (0), high-speed train (1), train from the front (2) or diesel engine (3)."""
    (_steam_engine, _high_speed_train, _train_front, _diesel_engine)[variant](sketch, rng)


def _buffer(sketch: Sketch, x: float, y: float, side: int) -> None:
    """Paint a buffer that sticks out from `x` to the right (`side` 1) or left (-1)."""
    sketch.line([(x, y), (x + 0.25 * side, y)], 0.13, METAL[1])
    sketch.line([(x + 0.28 * side, y - 0.17), (x + 0.28 * side, y + 0.17)], 0.12, DARK)


def _steam_engine(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a steam engine: boiler, chimney, dome, cab and big spoked driving wheels joined by a rod."""
    main, accent = _two_tone(rng)
    front, wheel, drivers = _about(rng, 2.5, 0.1), _about(rng, 0.68, 0.08), int(rng.integers(2, 4))
    iron, brass = _pick(rng, [DARK, shade(main, 0.5)]), _pick(rng, [(214, 170, 70), METAL[0]])
    red = _pick(rng, [PAINT[0], PAINT[11], accent])
    _rails(sketch, -2.6, front + 0.7, rng)
    chimney = front - 0.5
    if rng.random() < 0.6:
        steam = _pick(rng, LIGHT[2:])
        for x, y, r in ((0.0, -4.25, 0.36), (-0.5, -4.6, 0.5), (-1.15, -4.75, 0.38)):
            sketch.ellipse(chimney + x, y, 1.2 * r, r, shade(steam, 0.94 + 0.06 * (x < -0.2)))
    _plate(sketch, [(chimney - 0.2, -2.4, 0), (chimney - 0.24, -3.3, 0.05), (chimney - 0.42, -3.7, 0.05),
                             (chimney + 0.42, -3.7, 0.05), (chimney + 0.24, -3.3, 0.05), (chimney + 0.2, -2.4, 0)],
                   iron)
    sketch.line([(chimney - 0.4, -3.7), (chimney + 0.4, -3.7)], 0.16, accent)
    _plate(sketch, [(0.1, -2.4, 0), (0.15, -3.1, 0.35), (0.85, -3.1, 0.35), (0.9, -2.4, 0)], brass)
    sketch.rectangle(-2.2, -1.35, front, -0.7, DARK, 0.05)
    boiler = _box(-1.2, -2.75, front, -1.3, 0.18)
    _body(sketch, boiler, main, -1.75)
    _band(sketch, boiler, -2.62, -2.48, shade(main, 1.35))
    sketch.polygon(_cut(boiler, (1, 0), front - 0.95), iron)
    for x in (-0.3, 0.75, front - 1.0):
        sketch.line([(x, -2.72), (x, -1.35)], 0.09, brass)
    cab = _contour([(-2.3, -1.1, 0.05), (-2.3, -3.3, 0.05), (-0.9, -3.3, 0.05), (-0.9, -1.1, 0.05)])
    _body(sketch, cab, main, -1.75)
    _glass(sketch, _box(-2.0, -3.0, -1.2, -2.2, 0.2), _pick(rng, GLASS))
    sketch.rectangle(-2.0, -1.95, -1.2, -1.45, accent, 0.08)
    _plate(sketch, [(-2.55, -3.2, 0.05), (-2.2, -3.5, 0.3), (-1.0, -3.5, 0.3), (-0.65, -3.2, 0.05)], iron)
    sketch.rectangle(-2.4, -1.32, front + 0.25, -1.12, red, 0.05)
    _buffer(sketch, front + 0.2, -1.05, 1)
    _plate(sketch, [(front - 0.1, -0.95, 0), (front + 0.2, -0.95, 0), (front + 0.65, -0.15, 0.05),
                             (front, -0.15, 0.05)], red)
    _lamp(sketch, front + 0.02, -2.45, 0.15, 0.17)
    hubs = np.linspace(-1.6, 0.0 if drivers == 2 else 0.15 + wheel, drivers)
    for x in hubs:
        _iron_wheel(sketch, x, wheel, red)
    for x in np.arange(hubs[-1] + wheel + 0.5, front - 0.1, 0.8):
        _iron_wheel(sketch, x, 0.36, red)
    crank = -wheel + 0.25
    sketch.rectangle(front - 1.1, -1.1, front - 0.35, -0.62, iron, 0.08)
    sketch.line([(hubs[0], crank), (hubs[-1], crank)], 0.14, METAL[0])
    sketch.line([(hubs[-1], crank), (front - 1.0, -0.85)], 0.1, METAL[1])


def _iron_wheel(sketch: Sketch, x: float, radius: float, fill: Colour) -> None:
    """Paint a spoked railway wheel on y = 0."""
    sketch.ellipse(x, -radius, radius, radius, DARK)
    sketch.ellipse(x, -radius, 0.84 * radius, 0.84 * radius, shade(fill, 0.45))
    _spokes(sketch, x, -radius, 0.78 * radius, 8, 0.11 * radius, fill)
    sketch.ring(x, -radius, 0.8 * radius, 0.8 * radius, 0.13 * radius, fill)
    sketch.ellipse(x, -radius, 0.2 * radius, 0.2 * radius, fill)


def _pantograph(sketch: Sketch, x: float, y: float, size: float) -> None:
    """Paint a raised current collector on a roof at (x, y)."""
    sketch.line([(x, y), (x - 0.6 * size, y - 0.45 * size), (x + 0.1 * size, y - 0.95 * size)], 0.09, DARK)
    sketch.line([(x - 0.35 * size, y - 0.95 * size), (x + 0.55 * size, y - 0.95 * size)], 0.11, DARK)
    sketch.line([(x - 0.35 * size, y), (x + 0.35 * size, y)], 0.16, DARK)


def _high_speed_train(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a high-speed train: a long nose, a ribbon of windows, bogies and a pantograph."""
    main, accent = _two_tone(rng)
    if rng.random() < 0.5:
        main, accent = _pick(rng, LIGHT), _pick(rng, PAINT[:17])
    rear, nose, slope = _about(rng, -4.2, 0.12), _about(rng, 4.4, 0.08), _about(rng, 2.6)
    tint = shade(_pick(rng, GLASS), 0.75)
    _rails(sketch, rear - 0.3, nose + 0.2, rng)
    _pantograph(sketch, rear + 1.4, -2.95, 1.0)
    sketch.rectangle(rear - 0.25, -2.5, rear + 0.2, -0.75, DARK, 0.05)
    for x in (rear + 1.3, nose - 2.6):
        _bogie(sketch, x, 0.46, METAL[1])
    curve = smooth([(nose - slope - 0.8, -2.9), (nose - slope, -2.86), (nose - 0.55 * slope, -2.3),
                    (nose - 0.2, -1.25), (nose, -0.85), (nose - 0.15, -0.5)], closed=False)
    shell = np.concatenate([_contour([(rear, -0.5, 0.05), (rear, -2.9, 0.2), (rear + 0.5, -2.9, 0)]), curve])
    _body(sketch, shell, main, -1.0)
    stripe = rng.uniform(-1.5, -1.3)
    _band(sketch, shell, stripe, stripe + rng.uniform(0.2, 0.45), accent)
    if rng.random() < 0.5:
        sketch.polygon(_cut(shell, (1, 0.6), nose - 1.9), accent)
    cockpit = _cut(_cut(_cut(shell, (0, 1), -2.6), (0, -1), 1.75), (1, 0.35), nose - 0.62 * slope - 1.25)
    _glass(sketch, cockpit - (0.08, -0.04), tint)
    door = rear + 0.3
    sketch.rectangle(door, -2.5, door + 0.62, -0.7, shade(main, 0.72), 0.1)
    _glass(sketch, _box(door + 0.14, -2.35, door + 0.48, -1.6, 0.1), tint)
    end = nose - slope - 0.45
    _windows(sketch, rear + 1.1, -2.4, end, -1.75, int(rng.integers(4, 8)), tint, 0.22)
    sketch.line([(nose - 0.75, -1.0), (nose - 0.4, -0.97)], 0.15, LAMP)
    sketch.rectangle(rear + 2.6, -0.62, nose - 4.0, -0.3, DARK, 0.08)


def _train_front(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a train or tram from the front, on its rails, with buffers, coupling and often a pantograph."""
    main, accent = _two_tone(rng)
    tint, half, roof = _tint(rng, main), _about(rng, 1.3, 0.08), -_about(rng, 3.4, 0.08)
    wood = _pick(rng, WOOD)
    for y, reach in ((0.02, 1.35), (0.3, 1.65)):
        sketch.rectangle(-reach, y, reach, y + 0.17, wood, 0.04)
    for side in (-1, 1):
        sketch.polygon([(side * 0.72, -0.1), (side * 0.86, -0.1), (side * 1.15, 0.55), (side * 0.95, 0.55)], METAL[1])
        sketch.rectangle(side * 0.8 - 0.16, -0.7, side * 0.8 + 0.16, 0, DARK, 0.06)
    if rng.random() < 0.65:
        sketch.line([(-0.3, roof), (-0.62, roof - 0.45), (-0.35, roof - 0.85)], 0.08, DARK)
        sketch.line([(0.3, roof), (0.62, roof - 0.45), (0.35, roof - 0.85)], 0.08, DARK)
        sketch.line([(-0.8, roof - 0.8), (-0.6, roof - 0.87), (0.6, roof - 0.87), (0.8, roof - 0.8)], 0.1, DARK)
    shell = _contour([(-half + 0.1, -0.5, 0.1), (-half, -1.4, 0.1), (-half + 0.22, roof + 0.35, 0.3), (-0.6, roof, 0.4),
                      (0.6, roof, 0.4), (half - 0.22, roof + 0.35, 0.3), (half, -1.4, 0.1), (half - 0.1, -0.5, 0.1)])

    _body(sketch, shell, main, -1.05)
    _band(sketch, shell, -9, roof + 0.3, shade(main, 0.7))
    if rng.random() < 0.5:
        _band(sketch, shell, -1.75, -1.05, accent)
    else:
        sketch.polygon([(-half + 0.1, -1.7), (0, -1.15), (half - 0.1, -1.7), (half - 0.05, -1.45), (0, -0.85),
                        (-half + 0.05, -1.45)], accent)
    panes = int(rng.integers(2, 4))
    _windows(sketch, -half + 0.32, roof + 0.55, half - 0.32, -1.85, panes, tint, 0.08)
    _lamp(sketch, 0, roof + 0.32, 0.14, 0.12)
    for side in (-1, 1):
        _lamp(sketch, side * (half - 0.38), -1.35, 0.17, 0.17)
        sketch.ellipse(side * (half - 0.38), -0.98, 0.09, 0.09, TAIL_LAMP)
    sketch.rectangle(-half + 0.02, -0.85, half - 0.02, -0.55, _pick(rng, [PAINT[0], DARK, accent]), 0.05)
    for side in (-1, 1):
        sketch.ellipse(side * 0.78, -0.7, 0.27, 0.23, DARK)
        sketch.ellipse(side * 0.78, -0.7, 0.17, 0.14, METAL[1])
    sketch.line([(0, -0.72), (0, -0.3)], 0.14, METAL[1])
    sketch.ellipse(0, -0.3, 0.14, 0.14, DARK)


def _diesel_engine(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw a diesel engine: a cab between a high and a low bonnet, handrails, buffers and bogies."""
    main, accent = _two_tone(rng)
    half, roof, high, tint = _about(rng, 3.2, 0.12), -_about(rng, 3.5, 0.06), -_about(rng, 2.6, 0.06), _tint(rng, main)
    back = rng.uniform(-0.7, 1.0)
    front, beam = back + 1.45, _pick(rng, [PAINT[0], DARK, accent])
    _rails(sketch, -half - 0.5, half + 0.5, rng)
    sketch.rectangle(-0.8, -1.0, 0.8, -0.35, DARK, 0.15)
    for side in (-1, 1):
        _bogie(sketch, side * (half - 1.2), 0.46, METAL[1])
        _buffer(sketch, side * half, -0.95, side)
    sketch.rectangle(back - 0.75, high - 0.5, back - 0.45, high + 0.1, DARK, 0.06)
    for x in np.linspace(-half + 0.7, back - 1.3, 2):
        sketch.rectangle(x - 0.28, high - 0.15, x + 0.28, high + 0.1, shade(main, 0.55), 0.06)
    bonnets = (_contour([(-half + 0.25, -1.0, 0), (-half + 0.25, high, 0.25), (back, high, 0), (back, -1.0, 0)]),
               _contour([(front, -1.0, 0), (front, high + 0.4, 0), (half - 0.2, high + 0.5, 0.3),
                         (half - 0.2, -1.0, 0)]))
    cab = _contour([(back, -1.0, 0), (back, roof, 0.12), (front - 0.05, roof, 0.12), (front + 0.08, -1.0, 0)])
    for part in (*bonnets, cab):
        _body(sketch, part, main, -1.35)
        _band(sketch, part, -1.72, -1.42, accent)
    _plate(sketch, [(back - 0.15, roof + 0.08, 0.03), (back + 0.1, roof - 0.14, 0.15), (front - 0.1, roof - 0.14, 0.15),
                    (front + 0.15, roof + 0.08, 0.03)], shade(main, 0.55))
    _windows(sketch, back + 0.18, roof + 0.3, front - 0.15, high + 0.3, 2, tint, 0.2)
    for x in np.arange(-half + 0.55, back - 0.5, 0.72):
        sketch.rectangle(x, high + 0.25, x + 0.5, -1.85, shade(main, 0.6), 0.05)
        for slat in (0.14, 0.25, 0.36):
            sketch.line([(x + slat, high + 0.36), (x + slat, -1.95)], 0.045, shade(main, 0.9))
    rail = shade(METAL[0], 1.4)
    for x0, x1 in ((-half + 0.1, back - 0.1), (front + 0.2, half - 0.05)):
        sketch.line([(x0, -1.0), (x0, -1.55), (x1, -1.55), (x1, -1.0)], 0.05, rail)
    sketch.rectangle(-half - 0.05, -1.12, half + 0.05, -0.85, beam, 0.04)
    _lamp(sketch, half - 0.2, high + 0.8, 0.14, 0.15)
