"""Six animal classes in four poses each, drawn like the pages of a picture book.

Every pose is drawn on a page of about 100 x 100 units, y down, the animal looking to the right or at the reader.
The page is then stretched in bands (`_settle`), so that legs, trunks and necks differ from one animal to the next
while everything that touches keeps touching.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .canvas import Colour, Points, Shape, Sketch, rotation, shade, smooth

Oval = tuple[float, float, float, float, float]  # centre x, y, radii x, y, angle in degrees clockwise
Spine = Sequence[tuple[float, float, float]] | np.ndarray  # a centre line's points, each (x, y, thickness)

INK: Colour = (38, 30, 34)
WHITE: Colour = (250, 247, 240)
PINK: Colour = (233, 156, 150)
COLLARS: list[Colour] = [(206, 58, 54), (52, 110, 176), (60, 148, 104), (240, 180, 60), (132, 84, 160)]
SHADOW = 0.84  # brightness of a side turned away from the light
FAR = 0.7  # brightness of the legs on the far side


@dataclass(frozen=True)
class Coat:
    """The colours of one animal: `main` all over, `mark` for its pattern and `pale` for muzzle, chest and belly."""

    main: Colour
    mark: Colour
    pale: Colour
    pattern: str = "plain"  # plain, patches, spots, stripes


# ---------------------------------------------------------------------------------------------------------------------
# Shared tools
# ---------------------------------------------------------------------------------------------------------------------


def _at(points: str) -> np.ndarray:
    """Return the points of "x,y x,y ..." as (N, 2); of a spine, "x,y,thickness ...", as (N, 3)."""
    return np.array([point.split(",") for point in points.split()], dtype=float)


def _tint(colours: Sequence[Colour], rng: np.random.Generator) -> list[Colour]:
    """Return the colours, all a little lighter or darker, warmer or cooler by the same amount."""
    gain = rng.uniform(0.9, 1.06) * rng.normal(1, 0.02, 3)
    tinted = np.clip(np.asarray(colours) * gain, 12, 252)
    return [(int(r), int(g), int(b)) for r, g, b in tinted]


def _pick(colours: Sequence[Colour], rng: np.random.Generator) -> Colour:
    """Return one of the colours, slightly changed."""
    return _tint([colours[rng.integers(len(colours))]], rng)[0]


def _pick_coat(coats: Sequence[Coat], rng: np.random.Generator) -> Coat:
    """Return one of the coats, its colours slightly changed."""
    coat = coats[rng.integers(len(coats))]
    return Coat(*_tint([coat.main, coat.mark, coat.pale], rng), coat.pattern)


def _circle(turn: np.ndarray) -> np.ndarray:
    """Return the points (N, 2) of the unit circle at the angles `turn`, which grow clockwise on the screen."""
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _holds(outline: np.ndarray, x: float, y: float) -> bool:
    """Tell whether (x, y) lies within `outline`: a ray to the right crosses it an odd number of times."""
    (ax, ay), (bx, by) = outline.T, np.roll(outline, -1, axis=0).T
    spans = (ay > y) != (by > y)
    return bool(np.count_nonzero(ax[spans] + (y - ay[spans]) / (by - ay)[spans] * (bx - ax)[spans] > x) % 2)


def _overlap(outline: np.ndarray, oval: Oval) -> list[np.ndarray]:
    """Return the pieces of `outline` that lie in an ellipse.

    Seen from where the ellipse is the unit circle, the outline comes in and goes out some number of times. Each
    stay within is a chain of points; from its end, the border of the piece runs clockwise along the circle to where
    the next chain begins.
    """
    cx, cy, rx, ry, angle = oval
    radii, turned = np.array([rx, ry]), rotation(angle)
    points = (outline - (cx, cy)) @ turned / radii
    inside = np.hypot(*points.T) < 1
    if inside.all():
        return [outline]
    if inside.any():
        pieces = _pieces_in_circle(points, inside)
    else:
        pieces = [_circle(np.linspace(0, 2 * np.pi, 40, endpoint=False))] if _holds(outline, cx, cy) else []
    return [piece * radii @ turned.T + (cx, cy) for piece in pieces]


def _pieces_in_circle(points: np.ndarray, inside: np.ndarray) -> list[np.ndarray]:
    """Return the pieces of an outline within the unit circle; `inside` tells which of its points lie there."""
    (ax, ay), (bx, by) = points.T, np.roll(points, -1, axis=0).T
    if np.sum(ax * by - bx * ay) < 0:  # the outline has to run clockwise, too
        points, inside = points[::-1], inside[::-1]
    first = int(np.argmin(inside))  # begin and end outside, so that no chain is cut in two
    order = np.r_[first : len(points), : first + 1]
    points, change = points[order], np.diff(inside[order].astype(int))
    comes, goes = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    enter, leave = _crossing(points[comes], points[comes + 1]), _crossing(points[goes], points[goes + 1])
    waiting, pieces = set(range(len(comes))), []
    while waiting:
        k, piece = min(waiting), []
        while k in waiting:
            waiting.remove(k)
            gaps = (enter - leave[k]) % (2 * np.pi)
            following = int(np.argmin(gaps))
            along = leave[k] + np.linspace(0, gaps[following], 12)
            piece += [points[comes[k] + 1 : goes[k] + 1], _circle(along)]
            k = following
        pieces.append(np.concatenate(piece))
    return pieces


def _crossing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angles (N,) at which the short ways from `a` to `b`, both (N, 2), cross the unit circle."""
    ra, rb = np.hypot(*a.T), np.hypot(*b.T)
    x, y = (a + (b - a) * ((1 - ra) / (rb - ra))[:, None]).T
    return np.arctan2(y, x)


def _paint_within(page: Sketch, outline: np.ndarray, oval: Oval, fill: Colour) -> None:
    """Add the part of an ellipse that lies on `outline`: a patch of the coat, a muzzle."""
    for piece in _overlap(outline, oval):
        page.polygon(piece, fill)


def _pattern(page: Sketch, outline: np.ndarray, marks: Sequence[Oval], fill: Colour) -> None:
    """Add the marks of a coat to one part of the body."""
    for mark in marks:
        _paint_within(page, outline, mark, fill)


def _hide(page: Sketch, points: Points, coat: Coat, light: Oval, marks: Sequence[Oval] = ()) -> np.ndarray:
    """Add a smooth body in its coat: bright within the ellipse `light`, in shadow outside. Return its outline."""
    outline = smooth(points, closed=True)
    lit = [(piece, 1.0) for piece in _overlap(outline, light)]
    for region, brightness in [(outline, SHADOW), *lit]:
        page.polygon(region, shade(coat.main, brightness))
        _pattern(page, region, marks, shade(coat.mark, brightness))
    return outline


def _marks(coat: Coat, area: tuple[float, float, float, float], rng: np.random.Generator) -> list[Oval]:
    """Return the patches, spots or stripes of a coat over the area (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = area
    w, h = x1 - x0, y1 - y0
    if coat.pattern == "patches":
        columns = x0 + w * (np.arange(4) + rng.uniform(0.2, 0.8, 4)) / 4
        rows = y0 + h * (np.arange(4) % 2 * 0.6 + rng.uniform(0, 0.4, 4))
        sizes = rng.uniform((0.1, 0.22), (0.17, 0.4), (4, 2))
        return [
            (x, y, w * rx, h * ry, rng.uniform(-40, 40)) for x, y, (rx, ry) in zip(columns, rows, sizes, strict=True)
        ]
    if coat.pattern == "spots":
        grid = [(c + 0.5 * (r % 2), r) for r in range(4) for c in range(7)]
        sizes = min(w / 7, h / 4) * rng.uniform(0.16, 0.32, len(grid))
        return [
            (x0 + w * (c + rng.uniform(0.1, 0.7)) / 7, y0 + h * (r + rng.uniform(0.2, 0.8)) / 4, size, size * 0.85, 0)
            for (c, r), size in zip(grid, sizes, strict=True)
        ]
    if coat.pattern == "stripes":
        places = x0 + w * (np.arange(6) + rng.uniform(0.3, 0.7, 6)) / 6
        return [(x, y0 + h * 0.12, w * 0.028, h * rng.uniform(0.35, 0.5), rng.uniform(-4, 14)) for x in places]
    return []


def _limb(page: Sketch, spine: Spine, fill: Colour) -> np.ndarray:
    """Add a tapering limb along a centre line: a leg, a tail, a horn. Return its outline."""
    s = np.asarray(spine, dtype=float)
    along = np.gradient(s[:, :2], axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)
    side = across * s[:, 2:] / 2
    outline = smooth(np.concatenate([s[:, :2] + side, (s[:, :2] - side)[::-1]]), closed=True)
    page.polygon(outline, fill)
    return outline


def _hoofed_leg(page: Sketch, spine: Spine, fill: Colour, hoof: Colour, sock: Colour | None = None) -> np.ndarray:
    """Add a leg that ends in a hoof, which points where the leg's last part points. Return its outline."""
    outline = _limb(page, spine, fill)
    (before, end), w = np.asarray(spine, dtype=float)[-2:, :2], spine[-1][2]
    down = (end - before) / np.linalg.norm(end - before)
    toe = np.array([down[1], -down[0]])

    def across(along: float, heel: float, front: float) -> list[np.ndarray]:
        return [end + down * along - toe * w * heel, end + down * along + toe * w * front]

    if sock is not None:
        page.polygon(across(-9, 0.5, 0.5) + across(0, 0.56, 0.56)[::-1], sock)
    page.polygon(across(-1, 0.56, 0.56) + across(5, 0.6, 0.9)[::-1], hoof)
    return outline


def _pawed_leg(page: Sketch, spine: Spine, fill: Colour, paw: Colour | None = None) -> np.ndarray:
    """Add a leg that stands on a paw. Return its outline."""
    outline = _limb(page, spine, fill)
    x, y, w = spine[-1]
    page.ellipse(x + w * 0.3, y, w * 0.85, w * 0.5, fill if paw is None else paw)
    return outline


def _is_dark(colour: Colour) -> bool:
    """Tell whether ink would be lost on this colour."""
    return sum(colour) < 330


def _eye(page: Sketch, x: float, y: float, r: float, on: Colour, iris: Colour | None = None) -> None:
    """Add an eye with a highlight: dark, with a pale rim `on` a dark coat, or with an iris and an upright pupil."""
    if _is_dark(on):
        page.ellipse(x, y, r * 1.25, r * 1.25, shade(on, 1.35))
    page.ellipse(x, y, r, r, INK)
    if iris is not None:
        page.ellipse(x, y, r * 0.86, r * 0.86, iris)
        page.ellipse(x, y, r * 0.42, r * 0.7, INK)
    page.ellipse(x - r * 0.25, y - r * 0.35, r * 0.34, r * 0.34, WHITE)


def _symmetric(half: np.ndarray, cx: float = 0.0) -> np.ndarray:
    """Return a closed outline about `cx` from its right half: points from top to bottom, x counted from the middle."""
    left = half[half[:, 0] != 0][::-1] * (-1, 1)
    return np.vstack([half, left]) + np.array([cx, 0])


def _attach(page: Sketch, part: Sketch, x: float, y: float, size: float = 1.0, angle: float = 0.0) -> None:
    """Add a part drawn about its own origin: turned by `angle` degrees, scaled by `size`, moved to (x, y)."""
    turn = rotation(angle).T
    page.extend(Sketch([Shape(s.points @ turn, s.fill, s.width) for s in part.shapes]), size, x, y)


def _bend(part: Sketch, x: float, y: float, angle: float, towards: tuple[float, float], reach: float) -> None:
    """Turn a part about (x, y), the more so the further a point lies `towards` (a unit vector): bow a neck."""
    for i, shape in enumerate(part.shapes):
        away = shape.points - (x, y)
        turn = np.deg2rad(angle) * np.clip(away @ towards / reach, 0, 1)
        c, s = np.cos(turn), np.sin(turn)
        turned = np.stack([c * away[:, 0] - s * away[:, 1], s * away[:, 0] + c * away[:, 1]], axis=1)
        part.shapes[i] = Shape(turned + np.array([x, y]), shape.fill, shape.width)


def _settle(
    sketch: Sketch, page: Sketch, rng: np.random.Generator, x_cuts: Sequence[float], y_cuts: Sequence[float]
) -> None:
    """Copy a finished page to the sketch, each band between the cuts made up to 15 % longer or shorter."""
    x0, y0, x1, y1 = page.bounds()
    old = [np.array([low - 1, *cuts, high + 1]) for low, cuts, high in ((x0, x_cuts, x1), (y0, y_cuts, y1))]
    new = [np.cumsum([0, *(np.diff(edges) * rng.uniform(0.86, 1.15, len(edges) - 1))]) for edges in old]
    for shape in page.shapes:
        moved = [np.interp(shape.points[:, axis], old[axis], new[axis]) for axis in (0, 1)]
        sketch.shapes.append(Shape(np.stack(moved, axis=1), shape.fill, shape.width))


def _bust(page: Sketch, coat: Coat, collar: Colour | None, rng: np.random.Generator) -> None:
    """Add neck and shoulders from the front, cut off below as in a portrait, with a collar and its medal."""
    points = _symmetric(_at("0,60 25,63 34,77 42,97 43,105 22,105 0,105"), 50)
    outline = _hide(page, points, coat, (44, 70, 35, 50, 0), _marks(coat, (14, 64, 86, 104), rng))
    _paint_within(page, outline, (50, 95, 16, 25, 0), coat.pale)
    if collar is not None:
        page.line(_at("22,81 36,88 50,91 64,88 78,81"), 6.5, collar, curved=True)
        page.ellipse(50, 95, 5, 5, (240, 196, 70))


# ---------------------------------------------------------------------------------------------------------------------
# Bird
# ---------------------------------------------------------------------------------------------------------------------

# main: back and wings; mark: breast and face; pale: belly
SONGBIRDS = [
    Coat((128, 96, 70), (222, 104, 52), (240, 228, 208)),  # robin
    Coat((70, 128, 190), (246, 206, 74), (250, 236, 170)),  # blue tit
    Coat((58, 54, 62), (58, 54, 62), (92, 86, 92)),  # blackbird
    Coat((92, 104, 122), (226, 96, 96), (244, 226, 220)),  # bullfinch
    Coat((236, 190, 58), (246, 214, 92), (252, 238, 178)),  # canary
    Coat((160, 122, 84), (206, 178, 142), (240, 226, 202)),  # sparrow
    Coat((96, 160, 84), (214, 226, 96), (244, 244, 190)),  # greenfinch
    Coat((206, 62, 58), (206, 62, 58), (232, 120, 104)),  # cardinal
]
SEABIRDS = [
    Coat((152, 164, 178), (72, 74, 84), (248, 246, 242)),  # gull
    Coat((56, 72, 112), (34, 40, 62), (246, 232, 214)),  # swallow
    Coat((238, 236, 232), (206, 206, 212), (252, 250, 246)),  # dove
    Coat((62, 58, 64), (40, 38, 44), (84, 80, 88)),  # crow
    Coat((124, 92, 66), (78, 56, 44), (226, 204, 170)),  # hawk
    Coat((70, 150, 196), (40, 84, 150), (248, 214, 120)),  # macaw
]
DUCKS = [
    Coat((164, 148, 134), (44, 110, 82), (214, 204, 192)),  # mallard drake
    Coat((168, 126, 88), (140, 100, 68), (206, 172, 132)),  # mallard hen
    Coat((246, 240, 230), (250, 246, 238), (255, 252, 246)),  # white duck
    Coat((246, 204, 84), (250, 214, 98), (252, 228, 140)),  # duckling
    Coat((74, 70, 82), (50, 48, 58), (150, 146, 152)),  # tufted duck
]
WADERS = [
    Coat((240, 150, 160), (226, 96, 116), (250, 190, 192)),  # flamingo
    Coat((142, 158, 178), (62, 68, 86), (224, 228, 232)),  # heron
    Coat((244, 240, 234), (52, 50, 58), (250, 248, 244)),  # stork
    Coat((196, 106, 84), (120, 66, 60), (226, 160, 128)),  # ibis
]


def bird(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a bird: perched songbird, in flight, swimming duck, long-legged wader."""
    page = Sketch()
    if variant == 0:
        _songbird(page, _pick_coat(SONGBIRDS, rng), rng)
    elif variant == 1:
        _flying_bird(page, _pick_coat(SEABIRDS, rng), rng)
    elif variant == 2:
        _duck(page, _pick_coat(DUCKS, rng), rng)
    else:
        _wader(page, _pick_coat(WADERS, rng), rng)
    _settle(sketch, page, rng, (45, 70), (40, 60))


def _songbird(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    beak = _pick([(238, 172, 60), (90, 80, 80), (226, 120, 60)], rng)
    leg = _pick([(150, 96, 70), (96, 78, 76)], rng)
    for x, colour in ((56, shade(leg, FAR)), (47, leg)):
        page.line([(x, 74), (x + 2, 92)], 2.4, colour)
        page.line([(x - 4, 93), (x + 9, 93)], 2.4, colour)
    page.polygon(_at("22,54 0,74 3,80 10,80 36,68"), shade(coat.main, SHADOW))
    page.polygon(_at("88,28 104,34 88,39"), beak)
    page.polygon(_at("88,34 104,34 88,39"), shade(beak, SHADOW))
    body = _at("18,56 34,42 48,27 56,15 69,9 83,14 91,28 90,42 87,60 74,76 54,81 34,74")
    outline = _hide(page, body, coat, (54, 34, 44, 42, 0))
    _paint_within(page, outline, (84, 76, 44, 26, -38), coat.pale)
    _paint_within(page, outline, (88, 47, 19, 24, 10), coat.mark)
    _paint_within(page, outline, (92, 27, 12, 14, 0), coat.mark)
    page.blob(_at("63,44 66,56 54,68 34,71 8,71 26,58 44,44 54,40"), shade(coat.main, 0.78))
    page.blob(_at("62,45 60,55 46,61 24,64 38,51 52,42"), shade(coat.main, 0.93))
    _eye(page, 79, 25, 4.4, coat.main)


def _wing(coat: Coat, brightness: float) -> Sketch:
    """Return a raised wing about its shoulder, with fingered feathers behind."""
    wing = Sketch()
    feathers = _at(
        "9,2 9,-16 0,-40 -16,-60 -38,-74 -44,-67 -38,-60 -45,-52 -36,-48"
        " -41,-38 -30,-35 -34,-25 -24,-23 -27,-12 -17,-10 -14,4 0,8"
    )
    outline = smooth(feathers, closed=True)
    wing.polygon(outline, shade(coat.main, 0.84 * brightness))
    _paint_within(wing, outline, (-42, -66, 22, 26, 0), shade(coat.mark, brightness))
    _paint_within(wing, outline, (-2, -24, 13, 42, -22), shade(coat.main, brightness))
    return wing


def _flying_bird(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    beat = rng.uniform(-30, 24)
    _attach(page, _wing(coat, FAR), 72, 46, 0.9, beat + 44)
    page.polygon(_at("96,44 112,51 94,54"), _pick([(238, 172, 60), (70, 66, 70), (226, 120, 60)], rng))
    fork = rng.uniform(-3, 7)
    page.polygon([(26, 47), (-2, 44), (4 + fork, 53), (-4, 60), (28, 60)], shade(coat.mark, 0.95))
    body = _at("20,52 40,43 62,39 78,38 86,33 96,35 101,44 97,54 84,62 60,66 38,61")
    outline = _hide(page, body, coat, (64, 36, 46, 22, 0))
    _paint_within(page, outline, (74, 68, 52, 15, -12), coat.pale)
    _attach(page, _wing(coat, 0.96), 62, 49, 0.95, beat)
    _eye(page, 92, 43, 3.4, coat.main)


def _duck(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    beak = _pick([(240, 170, 50), (236, 130, 54), (120, 120, 110)], rng)
    page.blob(_at("92,17 102,22 114,24 116,29 106,32 92,31"), beak)
    page.line([(94, 28), (112, 28)], 1.2, shade(beak, 0.7))
    body = _at("0,40 10,50 26,48 46,46 62,50 72,48 90,52 95,66 88,82 66,90 36,90 14,80 5,60")
    outline = _hide(page, body, coat, (46, 44, 60, 38, 0))
    _paint_within(page, outline, (92, 66, 18, 26, 20), coat.pale)
    neck = _at("62,58 70,44 68,28 70,14 80,5 92,8 98,18 97,29 90,38 90,52 84,62 72,66")
    outline = _hide(page, neck, Coat(coat.mark, coat.mark, coat.pale), (76, 24, 20, 44, 0))
    if rng.random() < 0.5:
        _paint_within(page, outline, (80, 47, 20, 3.4, 6), WHITE)
    page.blob(_at("66,60 62,74 44,80 22,72 6,54 28,56 48,51"), shade(coat.main, 0.8))
    page.blob(_at("63,60 56,68 40,70 20,62 34,60 50,54"), shade(coat.main, 0.95))
    _eye(page, 86, 17, 3.4, coat.mark)


def _wader(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    leg = _pick([(222, 96, 96), (206, 130, 70), (110, 104, 96)], rng)
    page.line(_at("38,56 41,84 37,114 44,115"), 2.6, shade(leg, FAR))
    page.line(_at("46,56 50,86 49,118 57,119"), 2.8, leg)
    body = _at("2,60 18,44 34,36 50,34 62,40 65,49 58,58 42,63 22,60")
    neck = _at("56,50,13 66,38,8 63,24,5.5 56,12,5.5 58,0,6.5 67,-6,8")
    _limb(page, neck, shade(coat.pale, 0.97))
    _hide(page, body, coat, (38, 34, 40, 22, 0))
    page.blob(_at("58,44 52,54 34,58 -2,66 14,52 34,42 48,38"), shade(coat.main, 0.88))
    page.blob(_at("34,54 14,60 -6,70 6,56 20,50"), coat.mark)
    page.polygon([(72, -10), (96 * rng.uniform(0.92, 1.08), 6), (70, 0)], _pick([(238, 164, 60), (70, 62, 66)], rng))
    page.ellipse(67, -6, 8.5, 7, coat.pale, 15)
    if rng.random() < 0.5:
        page.blob(_at("72,-10 64,-13 54,-8 48,-2 58,-5"), coat.mark)  # crest
    _eye(page, 69, -6, 2.4, coat.pale)


# ---------------------------------------------------------------------------------------------------------------------
# Cat
# ---------------------------------------------------------------------------------------------------------------------

CATS = [
    Coat((228, 146, 70), (182, 98, 40), (250, 228, 196), "stripes"),
    Coat((164, 160, 160), (100, 96, 104), (232, 228, 224), "stripes"),
    Coat((156, 124, 94), (92, 68, 54), (228, 208, 180), "stripes"),
    Coat((64, 58, 66), (64, 58, 66), (86, 78, 86)),
    Coat((58, 54, 62), (58, 54, 62), (246, 240, 232)),
    Coat((244, 238, 228), (244, 238, 228), (252, 248, 242)),
    Coat((244, 236, 224), (218, 136, 66), (252, 248, 240), "patches"),
    Coat((242, 236, 228), (74, 68, 74), (252, 248, 240), "patches"),
    Coat((126, 132, 148), (126, 132, 148), (150, 154, 168)),
    Coat((234, 214, 186), (112, 84, 72), (150, 118, 100)),
]
CAT_EYES: list[Colour] = [(150, 190, 84), (232, 184, 66), (116, 178, 206)]


def cat(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a cat: sitting, walking with its tail up, curled asleep, portrait."""
    page, coat = Sketch(), _pick_coat(CATS, rng)
    face = _cat_face(coat, asleep=variant == 2, rng=rng)
    tip = coat.mark if coat.pattern != "plain" or rng.random() < 0.5 else coat.pale
    pose = (_sitting_cat, _walking_cat, _curled_cat, _cat_portrait)[variant]
    pose(page, face, coat, tip, rng)
    _settle(sketch, page, rng, (40, 66), (40, 62))


def _cat_face(coat: Coat, asleep: bool, rng: np.random.Generator) -> Sketch:
    """Return a cat's face about its middle, with a head about 2 units wide."""
    face = Sketch()
    for side in (-1, 1):
        ear = _at("0.95,0.0 0.98,-0.6 0.9,-1.1 0.5,-0.9 0.12,-0.55 0.4,0.1") * (side, 1)
        face.blob(ear, shade(coat.main, 0.92))
        face.blob(_at("0.82,-0.3 0.84,-0.9 0.55,-0.72 0.34,-0.45") * (side, 1), PINK)
    half = _at("0,-0.66 0.5,-0.62 0.88,-0.25 1.0,0.2 0.72,0.62 0.3,0.8 0,0.82")
    marks = _marks(coat, (-0.8, -0.6, 0.8, 0.3), rng) if coat.pattern == "patches" else []
    if coat.pattern == "stripes":
        marks = [(x, -0.62, 0.07, 0.34, 0) for x in (-0.26, 0, 0.26)]
        marks += [(side * 0.98, y, 0.3, 0.055, side * turn) for side in (-1, 1) for y, turn in ((0.12, 4), (0.36, -10))]
    outline = _hide(face, _symmetric(half), coat, (0, -0.2, 1.15, 0.86, 0), marks)
    for side in (-1, 1):
        _paint_within(face, outline, (side * 0.2, 0.44, 0.3, 0.25, 0), coat.pale)
    lids = shade(coat.main, 1.5) if _is_dark(coat.main) else INK
    mouth = shade(coat.pale, 0.4) if _is_dark(coat.pale) else INK
    iris = _pick(CAT_EYES, rng)
    for side in (-1, 1):
        if asleep:
            face.line([(side * 0.24, 0.02), (side * 0.42, 0.12), (side * 0.62, 0.0)], 0.08, lids, curved=True)
        else:
            _eye(face, side * 0.43, 0.0, 0.23, coat.pale, iris)
        face.line([(0, 0.4), (side * 0.1, 0.54), (side * 0.26, 0.5)], 0.05, mouth, curved=True)
        whisker = shade(coat.main, 1.6 if _is_dark(coat.main) else 0.6)
        for y in (0.2, 0.4, 0.58):
            face.line([(side * 0.5, 0.4 + y * 0.1), (side * 1.22, y)], 0.035, whisker)
    face.blob(_at("-0.14,0.24 0.14,0.24 0,0.42"), (206, 112, 112))
    return face


def _sitting_cat(page: Sketch, face: Sketch, coat: Coat, tip: Colour, rng: np.random.Generator) -> None:
    tail = _at("62,94,9 80,94,9 89,84,8 87,70,7 91,60,5")
    _limb(page, tail, shade(coat.main, SHADOW))
    _limb(page, tail[3:], tip)
    body = _symmetric(_at("0,30 12,40 17,54 23,72 28,88 22,98 0,99"), 46)
    marks = _marks(coat, (18, 42, 74, 92), rng)
    outline = _hide(page, body, coat, (44, 52, 24, 46, 0), marks)
    _paint_within(page, outline, (46, 47, 13, 22, 0), coat.pale)
    for side in (-1, 1):
        page.ellipse(46 + side * 19, 95, 11, 5.5, shade(coat.main, SHADOW))
    for side in (-1, 1):
        spine = [(46 + side * 8.5, 66, 9), (46 + side * 8, 80, 10.5), (46 + side * 7, 96, 9.5)]
        _pattern(page, _limb(page, spine, coat.main), marks, coat.mark)
        page.ellipse(46 + side * 8, 97, 7.5, 4.4, coat.pale)
    page.line([(46, 74), (46, 95)], 1.4, shade(coat.main, 0.65))
    _attach(page, face, 46, 23, 23, rng.uniform(-7, 7))


def _walking_cat(page: Sketch, face: Sketch, coat: Coat, tip: Colour, rng: np.random.Generator) -> None:
    sway = rng.uniform(-6, 8)
    tail = [(18, 50, 8), (7, 40, 7), (4, 24, 6.5), (9 + sway, 8, 6.5), (5 + sway, -4, 5)]
    far = shade(coat.main, FAR)
    _pawed_leg(page, _at("30,60,14 32,74,8 28,84,7 34,95,6.5"), far)
    _pawed_leg(page, _at("70,56,12 78,72,8 85,92,7"), far)
    _limb(page, tail, coat.main)
    _limb(page, tail[3:], tip)
    body = _at("11,52 20,43 36,41 54,43 68,39 82,38 88,48 82,60 68,66 48,64 30,68 15,66")
    marks = _marks(coat, (14, 41, 80, 64), rng)
    outline = _hide(page, body, coat, (48, 36, 52, 28, 0), marks)
    _paint_within(page, outline, (86, 56, 10, 12, 0), coat.pale)
    hind = _pawed_leg(page, _at("22,58,15 20,70,12 12,80,7.5 13,95,7"), coat.main, coat.pale)
    front = _pawed_leg(page, _at("72,58,12 69,74,9 65,96,7.5"), coat.main, coat.pale)
    for leg in (hind, front):
        _pattern(page, leg, marks, coat.mark)
    _attach(page, face, 84, 31, 19, rng.uniform(-5, 9))


def _curled_cat(page: Sketch, face: Sketch, coat: Coat, tip: Colour, rng: np.random.Generator) -> None:
    body = _at("2,66 6,44 22,26 46,19 70,24 90,40 98,62 90,82 64,89 34,89 12,83")
    _hide(page, body, coat, (50, 40, 54, 38, 0), _marks(coat, (8, 20, 92, 66), rng))
    page.line(_at("38,82 24,70 24,54 36,44 50,46"), 1.8, shade(coat.main, 0.66), curved=True)
    _attach(page, face, 74, 62, 22, rng.uniform(-4, 16))
    tail = _at("6,72,12 18,86,13 38,91,12 58,89,11 70,85,8")
    _limb(page, tail, shade(coat.main, 0.93))
    _limb(page, tail[3:], tip)


def _cat_portrait(page: Sketch, face: Sketch, coat: Coat, tip: Colour, rng: np.random.Generator) -> None:
    _bust(page, coat, _pick(COLLARS, rng) if rng.random() < 0.6 else None, rng)
    _attach(page, face, 50, 46, 44, rng.uniform(-8, 8))


# ---------------------------------------------------------------------------------------------------------------------
# Dog
# ---------------------------------------------------------------------------------------------------------------------

DOGS = [
    Coat((226, 176, 104), (206, 150, 80), (246, 220, 172)),
    Coat((142, 92, 58), (108, 68, 44), (196, 150, 108)),
    Coat((66, 60, 64), (50, 46, 50), (184, 124, 72)),
    Coat((62, 58, 62), (46, 44, 48), (92, 86, 88)),
    Coat((244, 238, 226), (170, 104, 56), (252, 248, 240), "patches"),
    Coat((244, 240, 234), (66, 60, 64), (252, 250, 246), "spots"),
    Coat((240, 232, 218), (224, 210, 190), (250, 244, 234)),
    Coat((150, 152, 162), (98, 100, 112), (240, 238, 236)),
    Coat((196, 112, 58), (170, 92, 44), (246, 226, 200)),
]


def dog(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a dog: standing with floppy ears, sitting with pointed ears, running, portrait."""
    page, coat = Sketch(), _pick_coat(DOGS, rng)
    collar = _pick(COLLARS, rng) if rng.random() < 0.7 else None
    pose = (_standing_dog, _sitting_dog, _running_dog, _dog_portrait)[variant]
    pose(page, coat, collar, rng)
    _settle(sketch, page, rng, (38, 68), (38, 62))


FLOPPY_EAR = _at("-10,-12 0,-9 2,4 -3,18 -10,20 -15,8 -15,-4")
POINTED_EAR = _at("-13,-6 -14,-17 -10,-29 -7,-29 0,-20 3,-12 -4,-6")
FLYING_EAR = _at("-2,-10 -4,-2 -14,1 -27,-6 -28,-13 -16,-14")


def _dog_head(coat: Coat, ear: np.ndarray) -> Sketch:
    """Return a dog's head in profile, about 40 units long, the middle of the skull at the origin."""
    head, ear_colour = Sketch(), shade(coat.main, 0.8) if coat.mark == coat.main else coat.mark
    if ear is POINTED_EAR:
        head.blob(ear + np.array([10, 1]), shade(ear_colour, FAR))
    skull = _at("-16,2 -12,-11 0,-16 11,-12 16,-5 27,-3 34,0 35,8 27,14 12,16 0,18 -12,14")
    outline = _hide(head, skull, coat, (6, -8, 36, 22, 0))
    _paint_within(head, outline, (31, 9, 17, 11, 0), coat.pale)
    head.line(_at("33,9 25,10 17,7"), 1.4, shade(coat.pale, 0.4), curved=True)
    head.ellipse(34, 0, 4.4, 3.8, INK)
    _eye(head, 10, -4, 3, coat.main)
    head.blob(ear, ear_colour)
    return head


def _standing_dog(page: Sketch, coat: Coat, collar: Colour | None, rng: np.random.Generator) -> None:
    far = shade(coat.main, FAR)
    _pawed_leg(page, _at("30,58,16 33,70,9 28,80,7 31,96,7"), far)
    _pawed_leg(page, _at("68,58,12 71,76,8 72,96,7"), far)
    wag = rng.uniform(-6, 6)
    _limb(page, [(17, 46, 9), (6, 38, 7), (wag / 2, 24, 6), (4 + wag, 12, 3)], coat.main)
    body = _at("13,50 20,41 36,40 54,41 64,34 71,22 82,20 88,30 86,44 82,58 72,67 56,65 38,59 26,64 15,62")
    marks = _marks(coat, (14, 40, 76, 62), rng)
    outline = _hide(page, body, coat, (46, 34, 52, 27, 0), marks)
    _paint_within(page, outline, (84, 58, 11, 14, 20), coat.pale)
    hind = _pawed_leg(page, _at("23,56,15 22,69,12 15,80,8 17,96,7.5"), coat.main)
    front = _pawed_leg(page, _at("73,58,13 75,74,9 75,96,8"), coat.main)
    for leg in (hind, front):
        _pattern(page, leg, marks, coat.mark)
    if collar is not None:
        page.line(_at("67,29 77,36 87,37"), 5, collar, curved=True)
    _attach(page, _dog_head(coat, FLOPPY_EAR), 82, 18, 0.92, rng.uniform(-12, 10))


def _sitting_dog(page: Sketch, coat: Coat, collar: Colour | None, rng: np.random.Generator) -> None:
    _limb(page, _at("20,90,9 6,93,9 -6,87,8 -13,76,3"), shade(coat.main, 0.9))
    _pawed_leg(page, _at("62,58,12 66,76,8 67,97,7"), shade(coat.main, FAR))
    body = _at("44,20 38,36 28,50 17,68 12,86 20,97 40,97 54,86 66,68 71,52 69,36 68,22")
    marks = _marks(coat, (16, 36, 60, 90), rng)
    outline = _hide(page, body, coat, (46, 36, 30, 46, 22), marks)
    _paint_within(page, outline, (72, 50, 12, 21, 8), coat.pale)
    haunch = smooth(_at("17,84 26,70 40,69 48,80 45,95 26,98"), closed=True)
    page.polygon(haunch, coat.main)
    page.ellipse(46, 96, 11, 4.6, coat.main)
    front = _pawed_leg(page, _at("59,58,13 60,76,9 58,96,8"), coat.main)
    for part in (haunch, front):
        _pattern(page, part, marks, coat.mark)
    page.line(_at("26,71 38,68 47,77 46,88"), 1.6, shade(coat.main, 0.66), curved=True)
    if collar is not None:
        page.line(_at("42,32 54,38 69,35"), 5.5, collar, curved=True)
    _attach(page, _dog_head(coat, POINTED_EAR), 58, 16, 1.0, rng.uniform(-14, 6))


def _running_dog(page: Sketch, coat: Coat, collar: Colour | None, rng: np.random.Generator) -> None:
    far = shade(coat.main, FAR)
    _pawed_leg(page, _at("30,38,14 18,48,9 4,48,6.5 -12,56,6"), far)
    _pawed_leg(page, _at("88,38,15 103,47,9 118,46,7 130,43,6.5"), far)
    _limb(page, [(20, 26, 8), (4, 20, 6), (-8, 10 + rng.uniform(-6, 8), 5), (-18, 10, 3)], coat.main)
    body = _at("13,32 22,20 42,17 62,20 80,17 93,6 106,2 112,14 106,30 99,46 84,56 66,50 48,43 34,46 19,44")
    marks = _marks(coat, (14, 18, 92, 46), rng)
    outline = _hide(page, body, coat, (60, 10, 58, 31, 0), marks)
    _paint_within(page, outline, (107, 38, 15, 9, -58), coat.pale)
    hind = _pawed_leg(page, _at("29,34,20 20,48,13 4,57,7.5 -9,67,6.5"), coat.main)
    front = _pawed_leg(page, _at("88,38,17 100,52,11 115,56,7.5 129,54,6.5"), coat.main)
    for leg in (hind, front):
        _pattern(page, leg, marks, coat.mark)
    if collar is not None:
        page.line(_at("93,9 101,17 110,18"), 5, collar, curved=True)
    _attach(page, _dog_head(coat, FLYING_EAR), 108, 2, 0.9, rng.uniform(-4, 14))


def _dog_portrait(page: Sketch, coat: Coat, collar: Colour | None, rng: np.random.Generator) -> None:
    _bust(page, coat, collar, rng)
    face = Sketch()
    half = _at("0,-38 20,-35 31,-20 32,-2 27,14 20,30 10,38 0,40")
    outline = _hide(face, _symmetric(half), coat, (0, -14, 40, 46, 0))
    if coat.pattern != "plain":
        _paint_within(face, outline, (16, -10, 14, 18, 10), coat.mark)
    face.blob(_symmetric(_at("0,-38 6,-26 5,-8 16,6 20,18 14,30 0,33")), coat.pale)
    if rng.random() < 0.6:
        face.blob(_at("-7,26 7,26 8,40 0,47 -8,40"), (226, 104, 112))
        face.line([(0, 30), (0, 40)], 1.4, (186, 74, 86))
    for side in (-1, 1):
        face.line([(0, 16), (side * 3, 26), (side * 14, 25)], 2.2, INK, curved=True)
        _eye(face, side * 16, -8, 5, coat.main)
        ear = _at("14,-36 28,-38 42,-22 48,4 42,22 34,20 30,0 24,-18") * (side, 1)
        face.blob(ear, shade(coat.mark, 0.86))
    face.blob(_symmetric(_at("0,4 8,5 9,11 0,18")), INK)
    face.ellipse(-3, 7.5, 2.6, 1.4, (150, 140, 146))
    _attach(page, face, 50, 44, 1.0, rng.uniform(-12, 12))


# ---------------------------------------------------------------------------------------------------------------------
# Hoofed animals
# ---------------------------------------------------------------------------------------------------------------------

HOOVES: list[Colour] = [(66, 56, 52), (96, 78, 62), (48, 44, 46)]
HORSES = [
    Coat((158, 92, 52), (44, 36, 38), (236, 222, 204)),  # bay: black mane
    Coat((190, 112, 60), (150, 80, 42), (246, 234, 218)),  # chestnut
    Coat((70, 60, 62), (40, 34, 38), (98, 86, 86)),  # black
    Coat((232, 226, 216), (196, 190, 186), (210, 176, 166)),  # white
    Coat((216, 172, 108), (244, 232, 208), (246, 236, 220)),  # palomino
    Coat((150, 150, 158), (190, 190, 196), (104, 100, 106), "spots"),  # dapple grey
    Coat((240, 232, 220), (150, 88, 52), (240, 220, 206), "patches"),  # pinto
    Coat((110, 74, 56), (226, 206, 176), (236, 222, 204)),  # liver, flaxen mane
]


def horse(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a horse: standing, galloping, rearing, head and neck."""
    page, coat = Sketch(), _pick_coat(HORSES, rng)
    hair = coat.mark if coat.pattern == "plain" else shade(coat.mark, 0.5)
    if variant == 3:
        _horse_portrait(page, coat, hair, rng)
    else:
        _whole_horse(page, coat, hair, HORSE_POSES[variant], rng)
    _settle(sketch, page, rng, (40, 68), (34, 62))


@dataclass(frozen=True)
class HorsePose:
    """What moves on a horse: legs, tail, and how far (degrees, clockwise) the neck is bowed and the whole tilted."""

    far_legs: tuple[np.ndarray, np.ndarray]
    near_legs: tuple[np.ndarray, np.ndarray]
    tail: np.ndarray
    neck: float
    tilt: float


HORSE_POSES = (
    HorsePose(  # standing
        far_legs=(_at("30,56,13 32,70,9 27,82,5.5 29,98,5"), _at("70,56,11 73,76,6.5 75,98,4.6")),
        near_legs=(_at("23,54,15 23,68,11 16,82,6 18,98,5.4"), _at("69,56,12 68,76,7.2 68,98,5.2")),
        tail=_at("17,40 8,44 3,60 0,84 7,87 13,68 16,50"),
        neck=0,
        tilt=0,
    ),
    HorsePose(  # galloping
        far_legs=(_at("29,56,13 22,70,9 8,78,6 0,92,5"), _at("74,54,12 88,60,8 98,70,5 92,80,5")),
        near_legs=(_at("22,52,16 13,66,11 -1,70,6.5 -13,80,5.4"), _at("69,54,14 82,66,9 97,64,5.8 111,70,5.2")),
        tail=_at("17,40 4,33 -12,32 -28,40 -32,48 -14,46 2,46 16,46"),
        neck=12,
        tilt=-5,
    ),
    HorsePose(  # rearing
        far_legs=(_at("28,58,14 33,72,9 20,82,6 15,98,5"), _at("72,52,11 88,50,7.5 96,62,5 90,71,4.8")),
        near_legs=(_at("23,54,17 22,70,12 5,76,6.8 -3,91,5.6"), _at("69,56,14 84,64,9 93,78,5.6 85,86,5.2")),
        tail=_at("17,41 6,42 -8,52 -22,66 -21,72 -6,66 8,58 14,52"),
        neck=22,
        tilt=-44,
    ),
)


def _whole_horse(page: Sketch, coat: Coat, hair: Colour, pose: HorsePose, rng: np.random.Generator) -> None:
    hoof, far = _pick(HOOVES, rng), shade(coat.main, FAR)
    sock = coat.pale if rng.random() < 0.4 else None
    top = Sketch()  # head, neck and trunk
    top.blob(_at("80,10 82,-3 88,7"), shade(coat.main, FAR))
    points = _at(
        "14,47 20,39 32,38 46,41 56,38 64,28 71,16 78,7 86,5 93,12 99,21 104,28 103,34 96,35"  # rump to mouth
        " 88,28 84,30 81,40 78,52 70,62 56,66 40,65 28,62 17,60"  # chin, chest, belly
    )
    marks = _marks(coat, (15, 38, 76, 64), rng)
    outline = _hide(top, points, coat, (52, 26, 64, 35, -12), marks)
    _paint_within(top, outline, (104, 32, 10, 8, 0), coat.pale)
    if rng.random() < 0.4:
        _paint_within(top, outline, (98, 14, 2.6, 10, -38), WHITE)
    top.line([(103, 32.5), (98, 31.5)], 1.2, shade(coat.pale, 0.5))
    top.ellipse(101, 27, 1.4, 1, INK, 40)
    _eye(top, 89.5, 14.5, 2.5, coat.main)
    top.blob(_at("77,9 78,-4 85,6 83,12"), coat.main)
    top.blob(_at("81,4 72,5 64,16 55,31 52,42 60,40 66,42 68,32 74,30 74,20 80,18 80,9"), hair)
    top.blob(_at("79,4 86,3 91,9 84,9"), hair)
    _bend(top, 66, 46, pose.neck + rng.uniform(-8, 8), (0.55, -0.83), 34)
    body = Sketch()
    for spine in pose.far_legs:
        _hoofed_leg(body, spine, far, hoof)
    body.extend(top)
    for spine in pose.near_legs:
        _pattern(body, _hoofed_leg(body, spine, coat.main, hoof, sock), marks, coat.mark)
    body.blob(pose.tail, hair)
    _attach(page, body, 0, 0, 1.0, pose.tilt)


def _horse_portrait(page: Sketch, coat: Coat, hair: Colour, rng: np.random.Generator) -> None:
    page.blob(_at("50,16 54,-6 62,14"), shade(coat.main, FAR))
    points = _at(
        "4,100 12,70 24,42 38,20 52,9 64,16 76,34 88,54 95,66 92,78 82,80 72,70 60,56 52,60 52,76 58,100 30,101"
    )
    outline = _hide(page, points, coat, (42, 44, 62, 44, 40), _marks(coat, (10, 20, 70, 96), rng))
    _paint_within(page, outline, (92, 73, 14, 14, 0), coat.pale)
    if rng.random() < 0.5:
        _paint_within(page, outline, (76, 36, 5, 24, -32), WHITE)
    page.line(_at("92,78 84,74 80,70"), 1.8, shade(coat.pale, 0.5), curved=True)
    page.ellipse(88, 63, 2.4, 3.2, INK, 20)
    _eye(page, 63, 33, 4.6, coat.main)
    page.blob(_at("42,20 44,-4 56,12 52,22"), coat.main)
    page.blob(
        _at("50,10 36,8 20,26 6,54 -4,84 2,98 16,88 22,70 30,62 32,48 42,40 44,26"),
        hair,
    )
    page.blob(_at("48,8 60,8 70,26 62,22 56,26"), hair)
    if rng.random() < 0.5:  # halter
        strap = _pick(COLLARS, rng)
        page.line(_at("82,45 74,56 70,67"), 3.4, strap, curved=True)
        page.line(_at("72,60 58,44 47,24"), 3.4, strap, curved=True)


COWS = [
    Coat((244, 238, 230), (58, 52, 56), (238, 178, 170), "patches"),  # Friesian
    Coat((240, 230, 216), (160, 88, 52), (236, 176, 164), "patches"),
    Coat((62, 56, 60), (240, 234, 226), (150, 128, 126), "patches"),
    Coat((152, 90, 56), (152, 90, 56), (232, 196, 170)),
    Coat((204, 160, 112), (204, 160, 112), (240, 214, 188)),  # Jersey
    Coat((66, 58, 60), (66, 58, 60), (128, 112, 112)),  # Angus
    Coat((238, 228, 212), (238, 228, 212), (238, 180, 170)),  # Charolais
    Coat((150, 140, 134), (150, 140, 134), (224, 206, 194)),
]
HORNS: list[Colour] = [(236, 222, 188), (206, 188, 152)]


def cow(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a cow: standing, grazing, from the front, lying."""
    page, coat = Sketch(), _pick_coat(COWS, rng)
    pose = (_standing_cow, _grazing_cow, _front_cow, _lying_cow)[variant]
    pose(page, coat, rng)
    _settle(sketch, page, rng, (40, 76), (30, 62))


def _cow_head(coat: Coat, rng: np.random.Generator) -> Sketch:
    """Return a cow's head in profile, about 40 units long, its poll at the origin."""
    head, horn, tall = Sketch(), _pick(HORNS, rng), rng.uniform(0.6, 1.3)
    _limb(head, [(6, 0, 5), (11, -6 * tall, 4), (11, -14 * tall, 2)], shade(horn, FAR))
    points = _at("-8,8 -2,-1 8,-2 18,6 28,14 37,20 41,29 38,38 28,41 14,37 0,31 -9,20")
    outline = _hide(head, points, coat, (13, 6, 34, 29, 30))
    if coat.pattern == "patches":
        _paint_within(head, outline, (2, 12, 12, 16, 20), coat.mark)
    _paint_within(head, outline, (38, 32, 12, 14, 0), coat.pale)
    head.ellipse(35.5, 25, 2, 1.5, shade(coat.pale, 0.5), 40)
    head.line(_at("37,36 31,36 28,34"), 1.4, shade(coat.pale, 0.6), curved=True)
    _eye(head, 12, 10, 3, coat.main)
    _limb(head, [(1, 1, 6), (4, -6 * tall, 5), (2, -15 * tall, 2)], horn)
    head.blob(_at("-3,4 -12,2 -21,6 -18,12 -8,13"), shade(coat.mark, 0.9))
    head.blob(_at("-7,6 -13,5 -18,7 -14,10"), PINK)
    return head


def _cow_trunk(page: Sketch, coat: Coat, rng: np.random.Generator) -> list[Oval]:
    """Add a cow's heavy body on four legs with udder and tail, without the head. Return the marks of its coat."""
    hoof, far = _pick(HOOVES, rng), shade(coat.main, FAR)
    _hoofed_leg(page, _at("24,56,15 27,70,9 25,80,7 27,91,6"), far, hoof)
    _hoofed_leg(page, _at("72,56,12 75,74,8 76,91,6"), far, hoof)
    page.blob(_at("26,58 28,71 36,74 44,69 44,58"), PINK)
    for x in (31, 38):
        page.line([(x, 70), (x, 76)], 3, shade(PINK, 0.9))
    body = _at("8,36 10,24 20,20 38,22 58,21 72,18 84,20 92,30 93,44 88,58 78,66 56,68 34,64 20,64 10,56")
    marks = _marks(coat, (9, 20, 90, 64), rng)
    _hide(page, body, coat, (48, 26, 58, 36, 0), marks)
    for spine in (_at("18,54,15 17,67,12 13,78,8 15,91,7"), _at("78,54,14 79,72,9.5 79,91,7")):
        _pattern(page, _hoofed_leg(page, spine, coat.main, hoof), marks, coat.mark)
    _limb(page, _at("10,24,5 3,32,4 1,48,3 2,62,3"), shade(coat.main, 0.9))
    page.blob(_at("2,58 6,66 3,76 -2,68"), shade(coat.mark, 0.75))
    return marks


def _standing_cow(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    _cow_trunk(page, coat, rng)
    _attach(page, _cow_head(coat, rng), 90, 14, 1.0, rng.uniform(-10, 10))


def _grazing_cow(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    marks = _cow_trunk(page, coat, rng)
    _hide(page, _at("72,20 86,22 100,36 108,54 100,66 90,60 80,54"), coat, (90, 36, 26, 30, 40), marks)
    _attach(page, _cow_head(coat, rng), 103, 50, 1.0, rng.uniform(24, 40))


def _front_cow(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    hoof = _pick(HOOVES, rng)
    for x in (26, 74):
        _hoofed_leg(page, [(x, 60, 14), (x, 76, 10), (x, 92, 8)], shade(coat.main, FAR), hoof)
    behind = Coat(shade(coat.main, 0.88), shade(coat.mark, 0.88), coat.pale)  # so that the face stands out
    body = _symmetric(_at("0,26 20,28 31,44 32,62 22,78 0,82"), 50)
    _hide(page, body, behind, (46, 42, 32, 36, 0), _marks(coat, (18, 30, 82, 80), rng))
    for x in (37, 63):
        _hoofed_leg(page, [(x, 68, 13), (x, 82, 11), (x, 98, 9)], behind.main, hoof)
    face, horn, tall = Sketch(), _pick(HORNS, rng), rng.uniform(0.6, 1.3)
    half = _at("0,-30 12,-29 20,-18 19,-2 16,14 19,26 12,36 0,38")
    face.blob(_symmetric(half) + np.array([1, 4]), shade(behind.main, 0.8))  # the head's shadow on the chest
    for side in (-1, 1):
        _limb(
            face,
            (_at("10,-24,8 21,-27,7 27,-27,5 23,-27,2") - np.outer([0, 0, 9, 18], (0, tall, 0))) * (side, 1, 1),
            horn,
        )
        face.blob(_at("14,-20 26,-22 39,-16 34,-8 20,-8") * (side, 1), shade(coat.mark, 0.88))
        face.blob(_at("20,-17 28,-18 35,-15 29,-11") * (side, 1), PINK)
    outline = _hide(face, _symmetric(half), coat, (-5, -6, 23, 46, 0))
    if coat.pattern == "patches":
        for side in (-1, 1):
            _paint_within(face, outline, (side * 19, -12, 13, 24, 0), coat.mark)
    face.ellipse(0, 27, 21, 14, coat.pale)
    for side in (-1, 1):
        face.ellipse(side * 8, 23, 2.6, 3.6, shade(coat.pale, 0.5), side * 25)
        _eye(face, side * 12, -7, 4, coat.mark)
    face.line(_at("-9,33 0,35 9,33"), 1.8, shade(coat.pale, 0.6), curved=True)
    _attach(page, face, 50, 34, 1.0, rng.uniform(-5, 5))


def _lying_cow(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    hoof = _pick(HOOVES, rng)
    body = _at("2,64 6,44 18,34 38,35 58,34 72,28 84,20 96,24 98,40 96,60 86,76 60,82 30,82 8,80")
    _hoofed_leg(page, _at("84,70,14 98,80,9 109,84,6"), shade(coat.main, FAR), hoof)
    marks = _marks(coat, (6, 34, 90, 74), rng)
    _hide(page, body, coat, (48, 40, 60, 34, 0), marks)
    haunch = smooth(_at("7,68 17,55 32,56 41,68 38,80 26,85 12,84"), closed=True)
    page.polygon(haunch, coat.main)
    _hoofed_leg(page, _at("26,81,8 38,83,7 50,84,5"), coat.main, hoof)
    folded = _hoofed_leg(page, _at("76,66,15 86,75,13 79,84,8 67,85,5"), coat.main, hoof)
    for part in (haunch, folded):
        _pattern(page, part, marks, coat.mark)
    page.line(_at("15,57 30,54 41,66 39,77"), 1.8, shade(coat.main, 0.68), curved=True)
    _limb(page, _at("5,52,5 -4,62,4 -4,74,3 4,82,3"), shade(coat.main, 0.9))
    page.blob(_at("2,78 10,80 16,86 6,87"), shade(coat.mark, 0.75))
    _attach(page, _cow_head(coat, rng), 90, 14, 1.0, rng.uniform(-8, 12))


# main: fleece; mark: face and legs; pale: fleece on the forehead
SHEEP = [
    Coat((244, 238, 224), (66, 58, 60), (250, 246, 236)),
    Coat((240, 234, 222), (232, 204, 176), (250, 246, 238)),
    Coat((232, 220, 196), (132, 100, 80), (242, 234, 214)),
    Coat((236, 232, 228), (108, 104, 112), (246, 244, 240)),
    Coat((90, 80, 78), (56, 48, 50), (112, 100, 98)),
    Coat((178, 152, 126), (92, 70, 62), (202, 178, 152)),
    Coat((198, 194, 192), (58, 54, 60), (222, 218, 216)),
]


def sheep(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a sheep: standing, from the front, grazing, lying."""
    page, coat = Sketch(), _pick_coat(SHEEP, rng)
    pose = (_standing_sheep, _front_sheep, _grazing_sheep, _lying_sheep)[variant]
    pose(page, coat, rng)
    _settle(sketch, page, rng, (42, 74), (40, 66))


def _fleece(page: Sketch, cx: float, cy: float, rx: float, ry: float, fill: Colour, rng: np.random.Generator) -> None:
    """Add a woolly cloud: an ellipse with a scalloped edge, in shadow below, with a few curls."""
    bumps = max(6, round((rx + ry) / 4.4))
    turn = np.linspace(0, 2 * np.pi, bumps * 10, endpoint=False)
    edge = 1 + 2.2 / bumps * np.abs(np.sin(turn * bumps / 2 + rng.uniform(0, np.pi)))
    cloud = np.stack([np.cos(turn), np.sin(turn)], axis=1) * (edge / edge.max())[:, None]
    page.polygon(cloud * (rx, ry) + (cx, cy), shade(fill, 0.82))
    page.polygon(cloud * (rx * 0.95, ry * 0.84) + (cx - rx * 0.02, cy - ry * 0.13), fill)
    if rx < 20:
        return
    for x, y in ((-0.5, -0.3), (0.05, -0.5), (0.45, -0.15), (-0.2, 0.05), (-0.6, 0.2), (0.2, 0.3)):
        x, y = cx + rx * (x + rng.uniform(-0.06, 0.06)), cy + ry * (y + rng.uniform(-0.06, 0.06))
        page.line([(x - 4, y), (x - 2, y + 3.4), (x + 2, y + 3.4), (x + 4, y)], 1.5, shade(fill, 0.8), curved=True)


def _ram_horn(page: Sketch, x: float, y: float, size: float, side: int = 1) -> None:
    """Add a horn that curls back and round beside the head."""
    turn = np.linspace(-0.5 * np.pi, 1.2 * np.pi, 9)
    radius = np.linspace(1, 0.4, 9) * size
    curl = [x - side * radius * np.cos(turn), y + radius * np.sin(turn), np.linspace(0.85, 0.3, 9) * size]
    _limb(page, np.stack(curl, axis=1), HORNS[1])


def _face_coat(coat: Coat) -> Coat:
    """Return the bare skin of a sheep's face as a coat of its own."""
    return Coat(coat.mark, coat.mark, coat.mark)


def _sheep_head(coat: Coat, rng: np.random.Generator) -> Sketch:
    """Return a sheep's head in profile, about 30 units long, its poll at the origin."""
    head, horned = Sketch(), rng.random() < 0.35
    points = _at("-8,8 -4,-2 6,-5 15,2 24,12 27,20 22,25 12,23 0,21")
    _hide(head, points, _face_coat(coat), (8, 4, 24, 18, 36))
    head.line([(25, 20), (20, 20)], 1.2, shade(coat.mark, 0.6))
    head.ellipse(24, 15, 1.2, 0.9, shade(coat.mark, 0.5))
    _eye(head, 9, 5, 2.7, coat.mark)
    head.blob(_at("-4,4 -12,7 -19,14 -12,16 -3,11"), shade(coat.mark, 0.82))
    _fleece(head, -1, -3, 9, 7, coat.pale, rng)
    if horned:
        _ram_horn(head, -4, 5, 8)
    return head


def _sheep_legs(page: Sketch, coat: Coat, places: str) -> None:
    """Add thin legs, the far ones first; `places` lists the hooves as points and a brightness."""
    for x, y, brightness in _at(places):
        spine = [(x, y - 31, 8), (x - 1, y - 13, 5.6), (x, y, 5.2)]
        _hoofed_leg(page, spine, shade(coat.mark, brightness), shade(coat.mark, 0.55))


def _standing_sheep(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    _sheep_legs(page, coat, "32,91,0.7 68,91,0.7 23,91,1 60,91,1")
    _fleece(page, 8, 44, 9, 10, shade(coat.main, 0.9), rng)
    _fleece(page, 45, 44, 38, 29, coat.main, rng)
    _fleece(page, 78, 30, 14, 16, coat.main, rng)
    _attach(page, _sheep_head(coat, rng), 82, 16, 1.0, rng.uniform(-6, 12))


def _grazing_sheep(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    _sheep_legs(page, coat, "32,91,0.7 68,91,0.7 23,91,1 60,91,1")
    _fleece(page, 8, 46, 8, 10, shade(coat.main, 0.9), rng)
    _fleece(page, 82, 56, 13, 18, shade(coat.main, 0.93), rng)
    _fleece(page, 45, 44, 38, 29, coat.main, rng)
    _attach(page, _sheep_head(coat, rng), 86, 66, 1.0, rng.uniform(20, 36))


def _sheep_face(coat: Coat, rng: np.random.Generator) -> Sketch:
    """Return a sheep's face from the front, about 40 units high, between the eyes at the origin."""
    face = Sketch()
    for side in (-1, 1):
        face.blob(_at("9,-6 20,-8 29,-1 24,5 12,3") * (side, 1), shade(coat.mark, 0.85))
    half = _at("0,-16 9,-14 14,-4 12,10 8,22 0,26")
    _hide(face, _symmetric(half), _face_coat(coat), (-3, -2, 15, 26, 0))
    for side in (-1, 1):
        _eye(face, side * 8, 0, 3.1, coat.mark)
        face.line([(0, 17), (side * 3.6, 14)], 1.4, shade(coat.mark, 0.5))
    face.line([(0, 17), (0, 20)], 1.4, shade(coat.mark, 0.5))
    _fleece(face, 0, -14, 14, 9, coat.pale, rng)
    if rng.random() < 0.35:
        for side in (-1, 1):
            _ram_horn(face, side * 18, -8, 9, side)
    return face


def _front_sheep(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    _sheep_legs(page, coat, "29,92,0.7 72,92,0.7 40,96,1 61,96,1")
    _fleece(page, 50, 48, 35, 36, coat.main, rng)
    _attach(page, _sheep_face(coat, rng), 50, 38, 1.1, rng.uniform(-8, 8))


def _lying_sheep(page: Sketch, coat: Coat, rng: np.random.Generator) -> None:
    for x0, x1 in ((24, 42), (66, 84)):
        _hoofed_leg(page, [(x0, 78, 8), ((x0 + x1) / 2, 83, 6.5), (x1, 84, 5.6)], coat.mark, shade(coat.mark, 0.55))
    _fleece(page, 46, 58, 46, 27, coat.main, rng)
    _fleece(page, 78, 44, 17, 19, coat.main, rng)
    _attach(page, _sheep_face(coat, rng), 84, 36, 0.9, rng.uniform(-8, 8))
