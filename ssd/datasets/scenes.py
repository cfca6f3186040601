"""One ToyVOC scene: planned from the statistics of VOC2007, cast with drawings, and laid out until all can be seen.

How many objects there are, how large and how wide follows VOC2007; what is finally visible of them is painted and
annotated by `ssd.datasets.layers`.
"""

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from PIL import Image

from .clutter import SCREENS, scatter
from .layers import Labelled, Layer, Style, View, compose, develop, label, look, recognisable
from .pictograms import VARIANTS, Sketch, draw, render
from .pictograms.canvas import rotation
from .scenery import BACKDROPS, Backdrop, Rng, Size, paint

# VOC2007 trainval, measured: quantiles of sqrt(box area / picture area) and of box width / height, ends added.
QUANTILES = (0.0, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 1.0)
SIZE_CURVE = (0.035, 0.056, 0.075, 0.129, 0.258, 0.483, 0.714, 0.826, 0.99)
ASPECT_CURVE = (0.15, 0.31, 0.37, 0.54, 0.85, 1.34, 1.98, 2.46, 4.0)
# Share of pictures with at most this many objects (mean 3.1).
COUNT_CURVE = {1: 0.42, 2: 0.60, 3: 0.71, 4: 0.79, 5: 0.845, 6: 0.885, 7: 0.915, 8: 0.938, 9: 0.957, 10: 0.968}
COUNT_CURVE |= {12: 0.98, 14: 0.987, 16: 0.992, 20: 0.996, 26: 0.998, 34: 0.9993, 42: 1.0}

FORMATS = {(400, 300): 0.54, (300, 400): 0.16, (400, 267): 0.12, (267, 400): 0.04, (360, 360): 0.05, (400, 320): 0.05}
FORMATS |= {(400, 225): 0.04}
UPRIGHT = 2.5  # how much likelier upright formats become where the largest object is large and tall

# How often each class is met in each setting. Classes are equally frequent, person twice as frequent as the others.
PERSON_WEIGHT = 2.0
HABITATS = {
    "aeroplane": {"sky": 0.50, "airfield": 0.38},
    "bicycle": {"street": 0.66, "meadow": 0.22},
    "bird": {"sky": 0.33, "sea": 0.20, "meadow": 0.35},
    "boat": {"sea": 0.88},
    "bottle": {"room": 0.88},
    "bus": {"street": 0.73, "airfield": 0.15},
    "car": {"street": 0.65, "airfield": 0.10, "meadow": 0.13},
    "cat": {"room": 0.68, "meadow": 0.20},
    "chair": {"room": 0.78, "meadow": 0.10},
    "cow": {"meadow": 0.88},
    "diningtable": {"room": 0.88},
    "dog": {"room": 0.30, "street": 0.20, "meadow": 0.38},
    "horse": {"meadow": 0.78, "street": 0.10},
    "motorbike": {"street": 0.76, "airfield": 0.12},
    "person": {"street": 0.30, "room": 0.22, "meadow": 0.18, "rails": 0.18},
    "pottedplant": {"room": 0.78, "street": 0.10},
    "sheep": {"meadow": 0.88},
    "sofa": {"room": 0.88},
    "train": {"rails": 0.88},
    "tvmonitor": {"room": 0.88},
}
COLLAGE = 0.12
FLAT = ("sky", "collage")  # settings without a ground
COMPANY = 0.55  # how often a further object is of the same class as the first one

METRES = {"aeroplane": 5, "bicycle": 1.1, "bird": 0.35, "boat": 2.5, "bottle": 0.35, "bus": 3, "car": 1.5, "cat": 0.45}
METRES |= {"chair": 1.0, "cow": 1.5, "diningtable": 0.9, "dog": 0.65, "horse": 1.9, "motorbike": 1.2, "person": 1.75}
METRES |= {"pottedplant": 0.8, "sheep": 1.0, "sofa": 1.0, "train": 3.6, "tvmonitor": 0.8}

# Drawings (class, variant) that fly, that end at the bottom like a portrait and so must be cut there, and which
# variants alone suit a setting.
AIRBORNE = {("bird", 1), ("aeroplane", 0), ("aeroplane", 2), ("aeroplane", 3)}
BUSTS = {("person", 3), ("dog", 3), ("cat", 3), ("horse", 3)}
SUITABLE = {("bird", "sky"): (1,), ("bird", "sea"): (1, 2)}

SLIMMING = 1.7  # how strongly narrow variants are preferred
CUT, CUT_LARGE, CUT_MISFIT = 0.05, 0.3, 0.45  # chance of being cut: of any object, more of the largest, of misfits
STRETCH = 1.25  # how far a drawing's width / height may be changed


@dataclass(frozen=True)
class Wish:
    """An object as planned: `share` is sqrt(box area / picture area), `rank` its place among all sizes, 0..1."""

    name: str
    share: float
    rank: float


@dataclass(frozen=True)
class Actor:
    """An object drawn and waiting for its place.

    Attributes:
        name: its class.
        picture: RGBA.
        metres: how high it is in life.
        floats: whether it hangs in the air, or there is no ground.
        cut: the side that the picture's border or a screen takes away: "left", "right", "top", "bottom" or "".
        lost: the share of the width or height that is taken.
        screen: (picture, x, y) of a thing in front of the lost side, relative to `picture`; None: the border cuts.

    """

    name: str
    picture: Image.Image
    metres: float
    floats: bool
    cut: str
    lost: float
    screen: tuple[Image.Image, int, int] | None


# Planning: which objects, how many, how large


@cache
def setting_shares() -> dict[str, dict[str, float]]:
    """Return {setting: {class: probability of both}}.

    Drawing all objects of a scene from its setting's row gives every class exactly its share.
    """
    total = len(HABITATS) - 1 + PERSON_WEIGHT
    shares = {setting: {} for setting in BACKDROPS}
    for name, habitat in HABITATS.items():
        weight = (PERSON_WEIGHT if name == "person" else 1) / total
        for setting, share in {**habitat, "collage": COLLAGE}.items():
            shares[setting][name] = weight * share
    return shares


def choose_setting(rng: Rng) -> tuple[str, dict[str, float]]:
    """Return a setting and how likely each class is in it."""
    shares = setting_shares()
    weights = np.array([sum(row.values()) for row in shares.values()])
    setting = list(shares)[rng.choice(len(shares), p=weights / weights.sum())]
    total = sum(shares[setting].values())
    return setting, {name: share / total for name, share in shares[setting].items()}


def choose_count(rng: Rng) -> tuple[int, float]:
    """Return a number of objects, and its rank in 0..1 among the objects of all pictures (crowded ones hold more)."""
    numbers, heights = np.arange(1, 43), np.interp(np.arange(43), [0, *COUNT_CURVE], [0, *COUNT_CURVE.values()])
    chances = np.diff(heights)
    count = int(rng.choice(numbers, p=chances))
    load = np.cumsum(chances * numbers) / (chances * numbers).sum()
    below = load[count - 2] if count > 1 else 0.0
    return count, float(rng.uniform(below, load[count - 1]))


def choose_sizes(rng: Rng, count: int, count_rank: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) size shares and their ranks: even over all objects, smaller in crowds, alike within a scene.

    A Gaussian copula ties size to crowding: each size's normal score is a sum of the crowd's, the scene's and its own.
    """
    crowd = -NormalDist().inv_cdf(np.clip(count_rank, 1e-3, 1 - 1e-3))
    scene, own = rng.normal(), rng.normal(size=count)
    scores = 0.68 * crowd + 0.3 * scene + np.sqrt(1 - 0.68**2 - 0.3**2) * own
    ranks = np.array([NormalDist().cdf(score) for score in scores])
    return np.exp(np.interp(ranks, QUANTILES, np.log(SIZE_CURVE))), ranks


def choose_frame(rng: Rng, wishes: list[Wish]) -> Size:
    """Return width and height of the picture; a photographer turns the camera for something tall."""
    sizes = list(FORMATS)
    main = max(wishes, key=lambda wish: wish.share)
    tall = main.share > 0.3 and np.median(natural_aspects()[main.name]) < 0.9
    chances = np.array([FORMATS[size] * (UPRIGHT if tall and size[0] < size[1] else 1) for size in sizes])
    return sizes[rng.choice(len(sizes), p=chances / chances.sum())]


def plan(rng: Rng) -> tuple[str, list[Wish]]:
    """Return a setting and the objects wanted in it; what is larger in life mostly gets the larger sizes."""
    setting, classes = choose_setting(rng)
    count, count_rank = choose_count(rng)
    names, chances = list(classes), list(classes.values())
    drawn = [names[i] for i in rng.choice(len(names), count, p=chances)]
    drawn = [drawn[0] if rng.random() < COMPANY else name for name in drawn]
    sizes, ranks = choose_sizes(rng, count, count_rank)
    stature = [np.log(METRES[name]) + rng.normal(0, 0.7) for name in drawn]
    by_stature, by_size = np.argsort(stature), np.argsort(sizes)
    return setting, [Wish(drawn[i], float(sizes[j]), float(ranks[j])) for i, j in zip(by_stature, by_size, strict=True)]


# Casting: a drawing of the wanted shape and size


@cache
def natural_aspects() -> dict[str, np.ndarray]:
    """Return {class: (VARIANTS, 3) widths / heights of drawings of it}."""
    return {
        name: np.array(
            [[natural_aspect(draw(name, v, np.random.default_rng(i))) for i in range(3)] for v in range(VARIANTS)]
        )
        for name in HABITATS
    }


def natural_aspect(sketch: Sketch) -> float:
    """Return the width / height of a drawing as it was drawn."""
    x0, y0, x1, y1 = sketch.bounds()
    return (x1 - x0) / (y1 - y0)


def variant_chances(name: str, setting: str) -> np.ndarray:
    """Return (VARIANTS,) probabilities: narrow ones more often, as VOC's boxes are narrower than our drawings."""
    chances = natural_aspects()[name].mean(axis=1) ** -SLIMMING
    chances = chances * np.isin(np.arange(VARIANTS), SUITABLE.get((name, setting), range(VARIANTS)))
    return chances / chances.sum()


@cache
def aspect_ranks() -> tuple[np.ndarray, np.ndarray]:
    """Return sorted widths / heights of all drawings, and the share of drawn objects below each."""
    aspects, weights = [], []
    for setting, row in setting_shares().items():
        for name, share in row.items():
            aspects.append(natural_aspects()[name])
            weights.append(np.broadcast_to(share / 3 * variant_chances(name, setting)[:, None], aspects[-1].shape))
    aspects, weights = np.concatenate(aspects).ravel(), np.concatenate(weights).ravel()
    order = np.argsort(aspects)
    return aspects[order], np.cumsum(weights[order]) - weights[order] / 2


def choose_aspect(rng: Rng, natural: float) -> float:
    """Return the width / height wanted for a drawing: the same rank in VOC as the drawing has among drawings, roughly.

    Matching ranks gives VOC's distribution with the least stretching.
    """
    rank = np.interp(natural, *aspect_ranks()) + rng.normal(0, 0.08)
    rank = 1 - abs(1 - abs(rank))
    return float(np.exp(np.interp(rank, QUANTILES, np.log(ASPECT_CURVE))))


def choose_cut(rng: Rng, rank: float, misfit: float, floats: bool, bust: bool) -> tuple[str, float, bool]:
    """Return the side to cut ("" for none), the share lost there, and whether to a screen rather than the border.

    `rank` is that of the size; `misfit` is log(wanted / natural width per height): above 0 the drawing is too tall.
    """
    screened = bool(rank < 0.85 and rng.random() < 0.4)
    if bust:
        return "bottom", float(np.clip(1 - np.exp(-misfit), rng.uniform(0.08, 0.25), 0.5)), screened
    if rng.random() > CUT + CUT_LARGE * rank + CUT_MISFIT * (abs(misfit) > 0.25):
        return "", 0.0, False
    upright = misfit > 0 if abs(misfit) > 0.15 else rng.random() < 0.5
    lost = float(np.clip(1 - np.exp(-abs(misfit)) if abs(misfit) > 0.15 else 0, rng.uniform(0.1, 0.4), 0.6))
    if not upright:
        return str(rng.choice(["left", "right"])), lost, screened and rng.random() < 0.5
    if not floats:
        return "bottom", lost, screened or (rank < 0.5 and rng.random() < 0.5)
    return str(rng.choice(["top", "bottom"])), lost, False


def fit(sketch: Sketch, tilt: float, size: tuple[float, float]) -> tuple[float, float]:
    """Return the width and height to render with, so that the tilted drawing has about this size.

    Where that takes more than the allowed stretch the area is kept and the shape gives way.
    """
    points = np.concatenate([shape.points for shape in sketch.shapes])
    x0, y0, x1, y1 = sketch.bounds()
    points, turn = points / (x1 - x0, y1 - y0), rotation(tilt).T
    natural, stretch = natural_aspect(sketch), 1.0
    for _ in range(3):
        wide, high = np.ptp(points * (natural * stretch, 1) @ turn, axis=0)
        stretch = np.clip(stretch * size[0] / size[1] * high / wide, 1 / STRETCH, STRETCH)
    wide, high = np.ptp(points * (natural * stretch, 1) @ turn, axis=0)
    scale = np.sqrt(size[0] * size[1] / (wide * high))
    return scale * natural * stretch, scale


def wanted_size(wish: Wish, aspect: float, frame: Size) -> tuple[float, float]:
    """Return the visible width and height in pixels: of the wanted area and, as far as the frame allows, shape."""
    area = wish.share**2 * frame[0] * frame[1]
    wide = min(np.sqrt(area * aspect), 0.995 * frame[0])
    high = min(area / wide, 0.995 * frame[1])
    return min(area / high, 0.995 * frame[0]), high


def cast(rng: Rng, wish: Wish, frame: Size, setting: str, style: Style) -> Actor:
    """Draw an object such that what will be visible of it has the wanted size and a shape as in VOC."""
    name, variant = wish.name, int(rng.choice(VARIANTS, p=variant_chances(wish.name, setting)))
    sketch = draw(name, variant, rng)
    natural = natural_aspect(sketch)
    wide, high = wanted_size(wish, choose_aspect(rng, natural), frame)
    floats = setting in FLAT or (name, variant) in AIRBORNE
    bust = (name, variant) in BUSTS
    cut, lost, screened = choose_cut(rng, wish.rank, np.log(wide / high / natural), floats, bust)
    wide, high = wide / (1 - lost * (cut in ("left", "right"))), high / (1 - lost * (cut in ("top", "bottom")))
    tilt = float(np.clip(rng.normal(0, 7 if floats else 2.5), -15, 15))
    wide, high = fit(sketch, tilt, (wide, high))
    outline = style.outline * (rng.random() < 0.85) * float(np.clip(np.sqrt(wide * high) / 120, 0.4, 1.3))
    mirror = bool(rng.random() < 0.5)
    picture = shrink(render(sketch, wide, high, tilt, mirror, outline, style.outline_colour, style.light), frame, cut)
    front = screen(rng, picture.size, cut, lost, setting, style) if screened else None
    return Actor(name, picture, METRES[name] * (0.4 if bust else 1), floats, cut, lost, front)


def screen(rng: Rng, size: Size, cut: str, lost: float, setting: str, style: Style) -> tuple[Image.Image, int, int]:
    """Return a thing that hides the lost side of a picture of that size, and its place relative to the picture."""
    left, top, right, bottom = 0, 0, size[0], size[1]
    slack = rng.uniform(0.03, 0.3, 3) * (size[0], size[1], size[0])
    if cut == "bottom":
        left, right, top = -slack[0], right + slack[2], bottom - lost * size[1]
    elif cut == "left":
        left, right, top = -slack[0], lost * size[0], -slack[1]
    else:
        left, right, top = right - lost * size[0], right + slack[2], -slack[1]
    bottom += 0.04 * size[1] + 1
    kinds, sketch = SCREENS[setting], Sketch()
    kinds[rng.integers(len(kinds))](sketch, rng)
    picture = render(sketch, right - left, bottom - top, 0, False, style.outline, style.outline_colour, style.light)
    return picture, round(left), round(top)


def shrink(picture: Image.Image, frame: Size, cut: str) -> Image.Image:
    """Return the picture, made smaller where a side that is not to be cut would not fit into the frame."""
    wide, high = (9 if cut in ("left", "right") else 1), (9 if cut in ("top", "bottom") else 1)
    scale = min(wide * frame[0] / picture.width, high * frame[1] / picture.height)
    if scale >= 1:
        return picture
    return picture.resize((max(int(picture.width * scale), 1), max(int(picture.height * scale), 1)))


# Layout: where everything stands


def ground_line(rng: Rng, drop: float, backdrop: Backdrop) -> float:
    """Return the row on which something stands, `drop` pixels below the eye in a world that goes on below the picture.

    Over flat ground a thing of h pixels and m metres stands h x camera height / m below the eye. Here that is bent so
    as never to leave the picture.
    """
    deepest = backdrop.size[1] - backdrop.eye
    row = backdrop.eye + deepest * float(1 - np.exp(-drop / deepest * rng.uniform(0.7, 1.4)))
    return max(row, backdrop.horizon + 0.02 * deepest)


def place(rng: Rng, actor: Actor, backdrop: Backdrop, camera: float, taken: list, tries: int) -> Layer:
    """Return the actor at the freest of `tries` random places; the more of them, the less it overlaps others."""
    (wide, high), frame = actor.picture.size, backdrop.size
    places = [spot(rng, actor, backdrop, camera) for _ in range(tries)]
    x, y = min(places, key=lambda at: crowding((at[0], at[1], at[0] + wide, at[1] + high), frame, taken))
    depth = wide * high / (frame[0] * frame[1]) if actor.floats else y + high
    return Layer(actor.picture, x, y, depth, actor.name, not actor.floats)


def spot(rng: Rng, actor: Actor, backdrop: Backdrop, camera: float) -> tuple[int, int]:
    """Return a random place (x, y) for the actor's upper left corner."""
    (wide, high), frame = actor.picture.size, backdrop.size
    x = rng.uniform(0, max(frame[0] - wide, 0))
    if actor.floats:
        y = rng.uniform(0, max((backdrop.horizon or frame[1]) - high, 0))
    else:
        base = ground_line(rng, high * camera / actor.metres, backdrop)
        y = min(max(base, high), frame[1] * rng.uniform(0.965, 1)) - high
    if actor.screen is None and actor.cut:
        ends = {"left": -actor.lost * wide, "right": frame[0] - (1 - actor.lost) * wide}
        ends |= {"top": -actor.lost * high, "bottom": frame[1] - (1 - actor.lost) * high}
        x, y = (ends[actor.cut], y) if actor.cut in ("left", "right") else (x, ends[actor.cut])
    return round(x), round(y)


def crowding(box: tuple[int, int, int, int], frame: Size, taken: list) -> float:
    """Return how much a box overlaps those already taken, as the sum of the shares of the smaller box."""
    total, area = 0.0, (box[2] - box[0]) * (box[3] - box[1])
    for other in taken:
        wide = min(box[2], other[2], frame[0]) - max(box[0], other[0], 0)
        high = min(box[3], other[3], frame[1]) - max(box[1], other[1], 0)
        if wide > 0 and high > 0:
            total += wide * high / min(area, (other[2] - other[0]) * (other[3] - other[1]))
    return total


def arrange(
    rng: Rng, actors: list[Actor], props: list[Layer], backdrop: Backdrop, camera: float
) -> tuple[list[Layer], dict[int, View]]:
    """Return layers from back to front and what is seen of each object, by index; every object is recognisable.

    Tries several layouts; objects that are buried even in the best one are taken out.
    """
    fewest, best = len(actors) + 1, []
    for attempt in range(8):
        layers, taken = list(props), [extent_of(layer) for layer in props]
        for actor in actors:
            layers += stand(rng, actor, backdrop, camera, taken, int(rng.choice([3, 6, 15])) + 4 * attempt)
        layers.sort(key=lambda layer: layer.depth)
        buried = sum(not recognisable(view) for view in look(layers, backdrop.size).values())
        if buried < fewest:
            fewest, best = buried, layers
        if not buried:
            break
    return unbury(best, backdrop.size)


def stand(rng: Rng, actor: Actor, backdrop: Backdrop, camera: float, taken: list, tries: int) -> list[Layer]:
    """Return the actor's layer, and its screen's in front of it; adds what they take up to `taken`."""
    layer = place(rng, actor, backdrop, camera, taken, tries)
    layers = [layer]
    if actor.screen:
        picture, dx, dy = actor.screen
        depth = layer.depth + 0.01
        layers.append(Layer(picture, layer.x + dx, layer.y + dy, depth, None, layer.grounded))
    taken += [extent_of(layer) for layer in layers]
    return layers


def extent_of(layer: Layer) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of a layer's picture, wherever it lies."""
    return layer.x, layer.y, layer.x + layer.picture.width, layer.y + layer.picture.height


def unbury(layers: list[Layer], frame: Size) -> tuple[list[Layer], dict[int, View]]:
    """Return the layers without the objects that cannot be recognised, and the views of the others by index."""
    while True:
        views = look(layers, frame)
        bad = {i for i, view in views.items() if not recognisable(view)}
        if not bad:
            return layers, views
        layers = [layer for i, layer in enumerate(layers) if i not in bad]


def choose_style(rng: Rng) -> Style:
    """Return the light and the outline of a scene."""
    outline = float(rng.uniform(0.8, 2.2)) if rng.random() < 0.45 else 0.0
    ink = (250, 250, 245) if rng.random() < 0.15 else paint(rng.uniform(15, 60, 3))
    return Style((float(rng.choice([-1, 1]) * rng.uniform(0.4, 1)), -0.6, float(rng.uniform(0.05, 0.22))), outline, ink)


def make_scene(rng: Rng) -> tuple[Image.Image, list[Labelled]]:
    """Return a picture (RGB) and its objects, at least one; all that is random comes from `rng`."""
    setting, wishes = plan(rng)
    frame = choose_frame(rng, wishes)
    style, camera = choose_style(rng), float(rng.choice([1.2, 1.7, 2.5, 4.0])) * (1 + len(wishes) / 6)
    backdrop = BACKDROPS[setting](rng, frame, rng.uniform(0.3, 0.62))
    actors = [cast(rng, wish, frame, setting, style) for wish in wishes]
    props = scatter(rng, setting, backdrop, camera, style)
    layers, views = arrange(rng, actors, props, backdrop, camera)
    if not views:
        return make_scene(rng)
    canvas = compose(layers, backdrop, style, rng.uniform(0.2, 0.6), rng.uniform(0.25, 0.5), setting == "collage")
    picture = develop(rng, canvas)
    pixels = np.asarray(picture, dtype=np.float32)
    return picture, [label(layers[i], views[i], pixels) for i in sorted(views, reverse=True)]
