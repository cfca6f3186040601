"""A scene as a stack of pictures: painted from back to front, and annotated from exactly what stayed visible."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from .pictograms import Colour
from .scenery import Backdrop, Rng, Size, paint

SOLID = 0.3  # alpha from which a pixel counts as the object's
LEAST_SHARE, LEAST_SIDE = 0.2, 6  # below this visible share or these pixels an object cannot be recognised
MISSING = 0.05  # truncated: this share of width or height is not visible; occluded: this share of pixels is hidden
# Difficult: sqrt(box area) in pixels, visible share or contrast in grey levels lies below.
SMALL, HIDDEN, FAINT = 20.0, 0.40, 16.0


@dataclass(frozen=True)
class Layer:
    """A picture somewhere in the scene.

    Attributes:
        picture: RGBA.
        x, y: where its upper left pixel lies; may be outside the scene.
        depth: layers with more of it are nearer.
        name: class, or None for clutter.
        grounded: whether it stands on the ground and casts its shadow there.

    """

    picture: Image.Image
    x: int
    y: int
    depth: float
    name: str | None = None
    grounded: bool = True

    @cached_property
    def alpha(self) -> np.ndarray:
        """Opacity (h, w) float32 in 0..1."""
        return np.asarray(self.picture.getchannel("A"), dtype=np.float32) / 255

    @cached_property
    def extent(self) -> tuple[int, int]:
        """Width and height of the solid part, had nothing been cut off or hidden."""
        left, top, right, bottom = bounds(self.alpha > SOLID)
        return right - left, bottom - top


@dataclass(frozen=True)
class View:
    """What can be seen of a layer.

    Attributes:
        box: left, top, right, bottom of the visible pixels, right and bottom exclusive.
        mask: (bottom - top, right - left) bool, the visible pixels.
        visible: share of the whole drawing's area that is visible.
        hidden: share of what lies inside the picture that something in front hides.

    """

    box: tuple[int, int, int, int]
    mask: np.ndarray
    visible: float
    hidden: float


@dataclass(frozen=True)
class Labelled:
    """An object as VOC describes it; `box` is left, top, right, bottom in pixels, right and bottom exclusive."""

    name: str
    box: tuple[int, int, int, int]
    truncated: bool
    occluded: bool
    difficult: bool


@dataclass(frozen=True)
class Style:
    """What all drawings of a scene have in common: light (dx, dy, strength), outline in pixels and its colour."""

    light: tuple[float, float, float]
    outline: float
    outline_colour: Colour


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the true pixels of (H, W), the latter two exclusive; zeros when none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def look(layers: list[Layer], frame: Size) -> dict[int, View]:
    """Return {index: view} of every object among `layers`, which run from back to front."""
    covered, views = np.zeros((frame[1], frame[0]), dtype=np.float32), {}
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        left, top = max(layer.x, 0), max(layer.y, 0)
        right, bottom = min(layer.x + layer.picture.width, frame[0]), min(layer.y + layer.picture.height, frame[1])
        if left >= right or top >= bottom:
            inside = np.zeros((0, 0), dtype=np.float32)
            seen = inside
        else:
            inside = layer.alpha[top - layer.y : bottom - layer.y, left - layer.x : right - layer.x]
            region = covered[top:bottom, left:right]
            seen = inside * (1 - region)
            region += seen
        if layer.name is not None:
            views[index] = view(layer, inside, seen, left, top)
    return views


def view(layer: Layer, inside: np.ndarray, seen: np.ndarray, left: int, top: int) -> View:
    """Return what is seen of a layer: `inside` and `seen` are its alpha in the picture before and after hiding."""
    mask = seen > SOLID
    x0, y0, x1, y1 = bounds(mask)
    hidden = 1 - float(seen.sum()) / max(float(inside.sum()), 1e-6)
    visible = float(seen.sum()) / max(float(layer.alpha.sum()), 1e-6)
    return View((left + x0, top + y0, left + x1, top + y1), mask[y0:y1, x0:x1], visible, hidden)


def recognisable(view: View) -> bool:
    """Tell whether enough is visible to say what it is."""
    left, top, right, bottom = view.box
    return view.visible >= LEAST_SHARE and min(right - left, bottom - top) >= LEAST_SIDE


def contrast(pixels: np.ndarray, view: View) -> float:
    """Return how much an object stands out, in grey levels: the colour step across its rim, a mean over four quadrants.

    Args:
        pixels: (H, W, 3) the finished picture.
        view: what is seen of the object.

    """
    high, wide = pixels.shape[:2]
    left, top, right, bottom = view.box
    reach = 3
    mask = np.pad(view.mask, 2 * reach)
    blurred = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.BoxBlur(reach)))
    y = np.clip(np.arange(top - 2 * reach, bottom + 2 * reach), 0, high - 1)
    x = np.clip(np.arange(left - 2 * reach, right + 2 * reach), 0, wide - 1)
    around = pixels[y[:, None], x[None]]
    steps = []
    for rows in (np.s_[: len(y) // 2], np.s_[len(y) // 2 :]):
        for columns in (np.s_[: len(x) // 2], np.s_[len(x) // 2 :]):
            m = mask[rows, columns]
            inner, outer = m & (blurred[rows, columns] < 255), ~m & (blurred[rows, columns] > 0)
            if inner.any() and outer.any():
                part = around[rows, columns]
                steps.append(np.abs(part[inner].mean(axis=0) - part[outer].mean(axis=0)).mean())
    return float(np.mean(steps)) if steps else 0.0


def label(layer: Layer, view: View, pixels: np.ndarray) -> Labelled:
    """Return what an annotator would write down about an object in the finished picture `pixels` (H, W, 3)."""
    left, top, right, bottom = view.box
    wide, high = layer.extent
    truncated = right - left < (1 - MISSING) * wide or bottom - top < (1 - MISSING) * high
    small = np.sqrt((right - left) * (bottom - top)) < SMALL
    difficult = small or view.visible < HIDDEN or contrast(pixels, view) < FAINT
    return Labelled(layer.name, view.box, truncated, view.hidden > MISSING, bool(difficult))


# Painting


@cache
def soft_disc() -> Image.Image:
    """Return a round spot (L) that fades out smoothly; stretched, it is a shadow."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    return Image.fromarray((255 * np.clip(1 - np.hypot(x, y), 0, 1) ** 0.8).astype(np.uint8))


def cast_shadow(canvas: Image.Image, layer: Layer, light: tuple[float, float, float], strength: float) -> None:
    """Darken the ground under a standing thing, or the surface behind a hanging one."""
    wide, high = layer.picture.size
    if layer.grounded:
        flat = max(int(0.09 * wide + 0.05 * high), 3)
        spot = soft_disc().resize((max(int(1.2 * wide), 2), flat))
        at = (round(layer.x - 0.1 * wide - light[0] * 0.08 * wide), layer.y + high - round(0.6 * flat))
    else:
        spot = layer.picture.getchannel("A").filter(ImageFilter.BoxBlur(2))
        at = (layer.x - round(light[0] * 4), layer.y + round(abs(light[1]) * 4) + 1)
    canvas.paste((15, 15, 25), at, spot.point(lambda v: int(v * strength)))


def compose(
    layers: list[Layer], backdrop: Backdrop, style: Style, mist: float, shadow: float, floating: bool
) -> Image.Image:
    """Return the picture: the backdrop and all layers on it, with shadows, the far ones hazy.

    Args:
        layers: from back to front.
        backdrop: behind them all.
        style: the light.
        mist: opacity of the haze at the horizon.
        shadow: opacity of shadows.
        floating: whether things that do not stand on the ground cast a shadow on the backdrop too.

    """
    canvas = Image.fromarray(np.clip(backdrop.pixels, 0, 255).astype(np.uint8))
    high, horizon = canvas.height, backdrop.horizon
    for layer in layers:
        if layer.grounded or floating:
            cast_shadow(canvas, layer, style.light, shadow)
        picture = layer.picture
        if layer.grounded:
            near = np.clip((layer.y + picture.height - horizon) / (high - horizon), 0, 1)
            veil = Image.new("RGB", picture.size, paint(backdrop.haze))
            picture = Image.blend(picture.convert("RGB"), veil, float(mist * (1 - near) ** 1.5))
        canvas.paste(picture.convert("RGB"), (layer.x, layer.y), layer.picture.getchannel("A"))
    return canvas


def develop(rng: Rng, picture: Image.Image) -> Image.Image:
    """Return the picture as a camera might have taken it: exposed, with a cast, vignetting, blur or noise."""
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 0.9)))
    picture = ImageEnhance.Color(picture).enhance(rng.uniform(0.95, 1.35))
    pixels = np.asarray(picture, dtype=np.float32)
    high, wide = pixels.shape[:2]
    x, y = np.linspace(-1, 1, wide, dtype=np.float32), np.linspace(-1, 1, high, dtype=np.float32)[:, None]
    falloff = 1 - rng.uniform(0, 0.16) * (x * x + y * y)
    exposure = np.clip(rng.uniform(122, 165) / max(pixels.mean(), 1), 0.85, 1.6)
    gain = (exposure * (1 + rng.normal(0, 0.025, 3))).astype(np.float32)
    pixels = pixels * gain * falloff[..., None]
    if rng.random() < 0.25:
        pixels += rng.normal(0, rng.uniform(1.5, 4), (high, wide, 1)).astype(np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
