"""What ToyVOC's objects stand in: backdrops, and clutter that belongs to no class.

Backdrops are float arrays (H, W, 3) in 0..255 until the scene is composed. All randomness comes from the generator
that is handed in. Photographic textures are files that scikit-image installs, CC0 or public domain, none of which
shows a VOC class:

    brick.png (CC0, cc0textures.com)     grass.png (CC0, Linolafett)          gravel.png (CC0, cc0textures.com)
    coffee.png (CC0, Rachel Michetti; only a piece of the wooden board)       text.png (public domain, Wikipedia)
    retina.jpg (CC0, Mikael Häggström)   hubble_deep_field.jpg (public domain, NASA)
    rocket.jpg (public domain, SpaceX)
"""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from .pictograms import Colour

Rng = np.random.Generator
Size = tuple[int, int]  # width, height

WALL_DROP = 0.22  # how far below the eye a room's wall meets the floor, as a share of the picture's height

# Region (left, top, right, bottom) that may be used of each photograph.
PHOTOS = {
    "brick.png": (0, 0, 512, 512),
    "grass.png": (0, 0, 512, 512),
    "gravel.png": (0, 0, 512, 512),
    "coffee.png": (486, 0, 600, 400),
    "text.png": (0, 0, 448, 172),
    "retina.jpg": (300, 300, 1110, 1110),
    "hubble_deep_field.jpg": (0, 0, 1000, 872),
    "rocket.jpg": (0, 0, 640, 427),
}


@dataclass(frozen=True)
class Backdrop:
    """A painted background.

    `pixels` is (H, W, 3) float32 in 0..255. `horizon` is the row where the ground begins, None where there is no
    ground and things lie or float anywhere. `haze` is the colour that far things fade to. The eye is level with row
    `eye`: that is the horizon, but above it where a wall hides it.
    """

    pixels: np.ndarray
    horizon: float | None
    haze: np.ndarray
    wall: bool = False

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def eye(self) -> float | None:
        """Row of the true horizon, None where there is no ground."""
        return self.horizon - WALL_DROP * self.pixels.shape[0] if self.wall else self.horizon


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """Return an RGB colour (3,) float in 0..255; `hue` counts turns, the others are fractions."""
    return np.array(colorsys.hsv_to_rgb(hue % 1, *np.clip((saturation, value), 0, 1)), dtype=np.float32) * 255


def paint(colour: np.ndarray) -> Colour:
    """Return a colour array as the integer triple that pictograms are filled with."""
    return tuple(int(v) for v in np.clip(np.round(colour), 0, 255))


# Patterns: functions (rng, size) -> (H, W) in 0..1, to be coloured with `tint`.


def resized(small: np.ndarray, size: Size) -> np.ndarray:
    """Return (H, W) float32: `small` (h, w) blown up smoothly, clipped to 0..1."""
    grown = Image.fromarray(small.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    return np.clip(np.asarray(grown), 0, 1)


def noise(rng: Rng, size: Size, columns: int = 6, rows: int = 5, octaves: int = 3) -> np.ndarray:
    """Return value noise (H, W) in 0..1, `octaves` grids each twice as fine and half as strong as the one before."""
    total = np.zeros(size[::-1], dtype=np.float32)
    for octave in range(octaves):
        total += resized(rng.random((rows << octave, columns << octave)), size) / 2**octave
    return total / (2 - 2.0 ** (1 - octaves))


def bricks(rng: Rng, size: Size) -> np.ndarray:
    """Return a wall of bricks with light joints and each brick its own brightness."""
    wide, high = rng.uniform(0.07, 0.16) * size[0], rng.uniform(0.045, 0.08) * size[0]
    joint = 1.2 + 0.025 * wide
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    row = y // high
    x = x + (row % 2) * wide / 2
    shades = rng.random((64, 64)).astype(np.float32)
    brick = 0.25 + 0.3 * shades[row.astype(int) % 64, (x // wide).astype(int) % 64] + 0.1 * noise(rng, size, 40, 30, 1)
    return np.where((x % wide < joint) | (y % high < joint), 0.85, brick)


def planks(rng: Rng, size: Size) -> np.ndarray:
    """Return upright wooden boards with grain running along them."""
    wide = size[0] / rng.integers(4, 11)
    x = np.arange(size[0])
    board = (x // wide).astype(int)
    tone = rng.uniform(0.35, 0.75, 16)[board % 16]
    grain = resized(rng.random((5, size[0] // 3)), size)
    wood = tone[None] * (0.75 + 0.4 * grain)
    return np.where((x % wide < 1.5)[None], 0.12, wood).astype(np.float32)


def tiles(rng: Rng, size: Size) -> np.ndarray:
    """Return square tiles, plain or chequered."""
    side = size[0] / rng.integers(5, 12)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    column, row = (x // side).astype(int), (y // side).astype(int)
    chequered = ((column + row) % 2) * rng.choice([0.0, 0.0, 0.45])
    face = 0.45 + chequered + 0.12 * rng.random((32, 32))[row % 32, column % 32]
    return np.where((x % side < 1.6) | (y % side < 1.6), 0.3, face).astype(np.float32)


def stripes(rng: Rng, size: Size) -> np.ndarray:
    """Return soft stripes at any angle."""
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.05, 0.2) * size[0]
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period))
    return np.clip(0.5 + wave * rng.uniform(0.6, 4), 0.15, 0.85)


def dots(rng: Rng, size: Size) -> np.ndarray:
    """Return staggered dots."""
    step = rng.uniform(0.05, 0.12) * size[0]
    radius = rng.uniform(0.15, 0.3) * step
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    x = x + (y // step % 2) * step / 2
    away = np.hypot(x % step - step / 2, y % step - step / 2)
    return 0.3 + 0.5 * np.clip(radius - away + 0.5, 0, 1)


def bokeh(rng: Rng, size: Size) -> np.ndarray:
    """Return out-of-focus lights over a soft darkness."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    glow = 0.25 * noise(rng, size, 3, 3, 2)
    for _ in range(rng.integers(10, 24)):
        cx, cy, radius = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(0.02, 0.08) * size[0]
        left, top = max(int(cx - radius - 2), 0), max(int(cy - radius - 2), 0)
        window = np.s_[top : int(cy + radius + 3), left : int(cx + radius + 3)]
        away = np.hypot(x[window] - cx, y[window] - cy)
        glow[window] += rng.uniform(0.15, 0.5) * np.clip((radius - away) / 2 + 0.5, 0, 1)
    return np.clip(glow, 0, 1)


def speckle(rng: Rng, size: Size) -> np.ndarray:
    """Return fine, even grain: asphalt, sand, carpet, snow."""
    fine = resized(rng.random((size[1] // 2, size[0] // 2)), size)
    return 0.35 * fine + 0.3 + 0.35 * noise(rng, size, 5, 5, 2)


def tint(pattern: np.ndarray, dark: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Return (H, W, 3): `pattern` (H, W) in 0..1 coloured from `dark` to `light`."""
    return dark + pattern[..., None] * (light - dark)


# Photographs


@cache
def photo(name: str) -> Image.Image:
    """Return the usable region of a photograph that scikit-image brings along."""
    folder = Path(next(iter(find_spec("skimage").submodule_search_locations)))
    with Image.open(folder / "data" / name) as picture:
        return picture.convert("RGB").crop(PHOTOS[name])


def photo_crop(rng: Rng, size: Size, name: str) -> np.ndarray:
    """Return (H, W, 3) of a random part of a photograph, in the picture's shape, mirrored or not."""
    source = photo(name)
    scale = min(source.width / size[0], source.height / size[1]) * rng.uniform(0.6, 1)
    wide, high = scale * size[0], scale * size[1]
    left, top = rng.uniform(0, source.width - wide), rng.uniform(0, source.height - high)
    part = source.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + wide, top + high))
    pixels = np.asarray(part, dtype=np.float32)
    return pixels[:, ::-1] if rng.random() < 0.5 else pixels


def photo_pattern(name: str) -> Callable[[Rng, Size], np.ndarray]:
    """Return a pattern function (rng, size) -> (H, W) in 0..1 that cuts from a photograph."""
    return lambda rng, size: photo_crop(rng, size, name).mean(axis=2) / 255


# Parts of a landscape


def gradient(size: Size, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) that goes evenly from the colour `top` to the colour `bottom`."""
    t = np.linspace(0, 1, size[1], dtype=np.float32)[:, None, None]
    return np.broadcast_to(top + t * (bottom - top), (size[1], size[0], 3)).copy()


# Hue, saturation and value up high, saturation far down: by day, overcast, in the evening, at dusk.
SKIES = [(0.57, 0.5, 0.95, 0.12), (0.58, 0.25, 0.9, 0.05), (0.09, 0.3, 0.95, 0.25), (0.66, 0.5, 0.5, 0.3)]


def sky(rng: Rng, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Return a sky (H, W, 3) by day, evening, overcast or dusk, with or without clouds, and its colour far down."""
    hue, deep, high, low = SKIES[rng.choice(len(SKIES), p=[0.5, 0.25, 0.15, 0.1])]
    hue += rng.normal(0, 0.015)
    top = hsv(hue if hue > 0.3 else 0.6, deep, high * rng.uniform(0.85, 1))
    far = hsv(hue, low, min(high * 1.15, 0.97))
    pixels = gradient(size, top, far)
    if rng.random() < 0.65:
        cover = np.clip((noise(rng, size, 4, 7, 4) - rng.uniform(0.45, 0.6)) * 5, 0, 1)[..., None]
        pixels += cover * rng.uniform(0.4, 0.9) * (np.minimum(far * 1.12, 252) - pixels)
    return pixels, far


def lay_ground(rng: Rng, pixels: np.ndarray, horizon: float, texture: np.ndarray, haze: np.ndarray) -> None:
    """Paint `texture` (h, w, 3), tiled, as a plane that runs from the lower edge of the picture to the horizon."""
    high, wide = pixels.shape[:2]
    first = int(np.ceil(horizon))
    depth = (np.arange(first, high) - horizon + 0.03 * high) / (1.03 * high - horizon)
    far = 1 / depth[:, None]
    x = (np.arange(wide)[None] - wide * rng.uniform(0.3, 0.7)) * far
    row, column = (far * texture.shape[0] * 0.9).astype(int) % texture.shape[0], x.astype(int) % texture.shape[1]
    plane = texture[row, column]
    flat = texture.mean(axis=(0, 1))
    fade = np.clip(1.6 * depth, 0, 1)[:, None, None]
    plane = flat + fade * (plane - flat)
    mist = 0.35 * np.clip(1 - 3 * depth, 0, 1)[:, None, None]
    pixels[first:] = plane + mist * (haze - plane)


def raise_hills(rng: Rng, pixels: np.ndarray, horizon: float, colour: np.ndarray, haze: np.ndarray) -> None:
    """Paint one to three ranges of hills behind the horizon, the farther ones paler."""
    high, wide = pixels.shape[:2]
    y = np.arange(high, dtype=np.float32)[:, None]
    count = rng.integers(1, 4)
    for i in range(count):
        rugged = rng.random((1, rng.integers(4, 12)))
        curve = resized(rugged, (wide, 1))[0] * 0.25 * high * (count - i) / count
        cover = np.clip(y - (horizon - 0.02 * high - curve) + 0.5, 0, 1)[..., None]
        pale = 0.75 * (count - i) / (count + 0.5)
        pixels += cover * (colour + pale * (haze - colour) - pixels)


def build_skyline(rng: Rng, pixels: np.ndarray, horizon: float, haze: np.ndarray) -> None:
    """Paint a street of house fronts with windows, the farther row paler."""
    high, wide = pixels.shape[:2]
    base = int(horizon)
    for pale, tall in ((0.65, 0.55), (0.25, 0.4)):
        x = -int(rng.integers(0, 40))
        while x < wide:
            broad, up = int(rng.uniform(0.08, 0.24) * wide), int(rng.uniform(0.3, 1) * tall * high)
            hue = rng.choice([0.05, 0.09, 0.12, 0.6, rng.random()])
            front = hsv(hue, rng.uniform(0.05, 0.35), rng.uniform(0.45, 0.85))
            build_house(rng, pixels, (max(x, 0), max(base - up, 0), min(x + broad, wide), base), front, haze, pale)
            x += broad + int(rng.integers(0, 5))


def build_house(
    rng: Rng, pixels: np.ndarray, box: tuple[int, int, int, int], front: np.ndarray, haze: np.ndarray, pale: float
) -> None:
    """Paint one house front with a grid of windows into `box` (left, top, right, bottom)."""
    left, top, right, bottom = box
    if right - left < 3 or bottom <= top:
        return
    pixels[top:bottom, left:right] = front + pale * (haze - front)
    pane = front * rng.uniform(0.45, 0.75) if rng.random() < 0.75 else np.minimum(front * 1.35 + 20, 250)
    pane = pane + pale * (haze - pane)
    step = int(rng.integers(9, 20))
    wide, tall = int(step * rng.uniform(0.35, 0.65)), int(step * rng.uniform(0.4, 0.75))
    for y in range(top + 4, bottom - step, step):
        for x in range(left + 4, right - wide - 2, step):
            pixels[y : y + tall, x : x + wide] = pane


def lay_stripe(pixels: np.ndarray, horizon: float, low: tuple[float, float], vanish: float, colour: np.ndarray) -> None:
    """Paint a strip of ground between two columns of the lower edge, narrowing to `vanish` on the horizon (a road)."""
    high, wide = pixels.shape[:2]
    first = int(np.ceil(horizon))
    t = ((np.arange(first, high) - horizon) / (high - horizon))[:, None]
    x = np.arange(wide)[None]
    left, right = vanish + t * (low[0] - vanish), vanish + t * (low[1] - vanish)
    cover = np.clip(np.minimum(x - left, right - x) + 0.5, 0, 1)[..., None]
    pixels[first:] += cover * (colour - pixels[first:])


# Whole backdrops


def street(rng: Rng, size: Size, level: float) -> Backdrop:
    """Paint house fronts or a brick wall behind a pavement and a road."""
    wide, high = size
    horizon = level * high
    pixels, haze = sky(rng, size)
    if rng.random() < 0.65:
        build_skyline(rng, pixels, horizon, haze)
    else:
        wall = bricks(rng, size) if rng.random() < 0.5 else photo_pattern("brick.png")(rng, size)
        tone = hsv(rng.uniform(0.01, 0.1), rng.uniform(0.15, 0.5), rng.uniform(0.5, 0.8))
        pixels[:] = tint(wall, 0.6 * tone, np.minimum(1.35 * tone + 15, 245))
        haze = tone
    grey = hsv(0.6, 0.05, rng.uniform(0.35, 0.6))
    texture = speckle if rng.random() < 0.6 else photo_pattern("gravel.png")
    lay_ground(rng, pixels, horizon, tint(texture(rng, (200, 200)), 0.8 * grey, 1.15 * grey), haze)
    if rng.random() < 0.6:
        vanish = wide * rng.uniform(0.2, 0.8)
        for left in np.arange(-3, 4) * wide * rng.uniform(0.5, 0.8) + vanish:
            lay_stripe(pixels, horizon, (left, left + 0.03 * wide), vanish, np.minimum(grey * 1.5, 235))
    return Backdrop(pixels, horizon, haze)


LANDS = [(0.27, 0.5, 0.6), (0.13, 0.4, 0.8), (0.6, 0.06, 0.92)]  # hue, saturation, value of grass, sand and snow


def meadow(rng: Rng, size: Size, level: float) -> Backdrop:
    """Paint hills and grass, or sand or snow."""
    horizon = level * size[1]
    pixels, haze = sky(rng, size)
    hue, saturation, value = LANDS[rng.choice(len(LANDS), p=[0.75, 0.17, 0.08])]
    land = hsv(hue + rng.normal(0, 0.025), saturation * rng.uniform(0.8, 1.2), value * rng.uniform(0.8, 1.05))
    raise_hills(rng, pixels, horizon, 0.75 * land, haze)
    texture = photo_pattern("grass.png") if value < 0.7 and rng.random() < 0.65 else speckle
    lay_ground(rng, pixels, horizon, tint(texture(rng, (220, 220)), 0.65 * land, np.minimum(1.25 * land, 250)), haze)
    if rng.random() < 0.25:
        vanish, start = size[0] * rng.uniform(0.2, 0.8), size[0] * rng.uniform(-0.2, 0.7)
        lay_stripe(pixels, horizon, (start, start + 0.5 * size[0]), vanish, hsv(0.09, 0.25, rng.uniform(0.55, 0.75)))
    return Backdrop(pixels, horizon, haze)


def sea(rng: Rng, size: Size, level: float) -> Backdrop:
    """Paint water with waves, hills or not on the far shore."""
    horizon = level * size[1]
    pixels, haze = sky(rng, size)
    if rng.random() < 0.4:
        raise_hills(rng, pixels, horizon, hsv(rng.uniform(0.25, 0.6), 0.3, 0.45), haze)
    water = hsv(rng.uniform(0.48, 0.62), rng.uniform(0.3, 0.65), rng.uniform(0.4, 0.75))
    waves = resized(rng.random((90, 14)), (400, 260)) * 0.6 + 0.4 * noise(rng, (400, 260), 6, 30, 2)
    lay_ground(rng, pixels, horizon, tint(waves, 0.75 * water, np.minimum(water * 1.2 + 18, 245)), haze)
    return Backdrop(pixels, horizon, haze)


def rails(rng: Rng, size: Size, level: float) -> Backdrop:
    """Paint tracks on gravel before hills or houses."""
    wide, high = size
    horizon = level * high
    pixels, haze = sky(rng, size)
    if rng.random() < 0.5:
        raise_hills(rng, pixels, horizon, hsv(rng.uniform(0.2, 0.35), 0.35, 0.45), haze)
    else:
        build_skyline(rng, pixels, horizon, haze)
    stone = hsv(0.08, rng.uniform(0.05, 0.2), rng.uniform(0.45, 0.65))
    ballast = photo_pattern("gravel.png")(rng, (220, 220))
    lay_ground(rng, pixels, horizon, tint(ballast, 0.6 * stone, 1.25 * stone), haze)
    sleeper = 0.45 * stone
    for y in horizon + (high - horizon) * np.linspace(0.2, 1, 9) ** 2:
        rows = pixels[int(y) : int(y + 2 + 0.02 * (y - horizon))]
        rows += 0.6 * (sleeper - rows)
    vanish, gauge = wide * rng.uniform(0.1, 0.9), wide * rng.uniform(0.35, 0.6)
    for left in np.arange(-2, 4) * gauge + wide * rng.uniform(-0.2, 0.2):
        lay_stripe(pixels, horizon, (left, left + 0.025 * wide), vanish, hsv(0.6, 0.06, 0.75))
    return Backdrop(pixels, horizon, haze)


def airfield(rng: Rng, size: Size, level: float) -> Backdrop:
    """Paint a runway in a wide, flat land."""
    wide, high = size
    horizon = level * high
    pixels, haze = sky(rng, size)
    land = hsv(rng.uniform(0.18, 0.3), rng.uniform(0.25, 0.45), rng.uniform(0.5, 0.65))
    if rng.random() < 0.5:
        raise_hills(rng, pixels, horizon, 0.7 * land, haze)
    lay_ground(rng, pixels, horizon, tint(speckle(rng, (200, 200)), 0.8 * land, 1.15 * land), haze)
    vanish, middle = wide * rng.uniform(0.3, 0.7), wide * rng.uniform(0.3, 0.7)
    asphalt = hsv(0.6, 0.05, rng.uniform(0.35, 0.6))
    lay_stripe(pixels, horizon, (middle - wide, middle + wide), vanish, asphalt)
    lay_stripe(pixels, horizon, (middle - 0.02 * wide, middle + 0.02 * wide), vanish, np.full(3, 225.0))
    return Backdrop(pixels, horizon, haze)


def heaven(rng: Rng, size: Size, level: float) -> Backdrop:
    """Paint the sky alone, or with hills deep below."""
    pixels, haze = sky(rng, size)
    if level > 0.5:
        raise_hills(rng, pixels, 1.05 * size[1], hsv(rng.uniform(0.2, 0.6), 0.3, 0.45), haze)
    return Backdrop(pixels, None, haze)


WALLS = [bricks, planks, stripes, dots, tiles, photo_pattern("brick.png"), noise, noise, noise]
FLOORS = [planks, planks, tiles, speckle, photo_pattern("coffee.png")]
TEXTURES = [bricks, planks, tiles, stripes, dots, bokeh, noise, speckle]
TEXTURES += [photo_pattern(name) for name in PHOTOS]
COLOUR_PHOTOS = ["coffee.png", "retina.jpg", "hubble_deep_field.jpg", "rocket.jpg"]


def room(rng: Rng, size: Size, level: float) -> Backdrop:
    """Paint a wall with a pattern and a skirting board, and a floor."""
    wide, high = size
    horizon = level * high
    tone = hsv(rng.random(), rng.uniform(0.08, 0.42), rng.uniform(0.62, 0.97))
    contrast = rng.uniform(0.08, 0.35)
    pattern = WALLS[rng.integers(len(WALLS))](rng, size)
    pixels = tint(pattern, tone * (1 - contrast), np.minimum(tone * (1 + contrast), 250)).astype(np.float32)
    pixels *= np.linspace(1.04, 0.9, wide, dtype=np.float32)[None, :, None]
    wood = hsv(rng.uniform(0.05, 0.11), rng.uniform(0.2, 0.6), rng.uniform(0.5, 0.85))
    floor = FLOORS[rng.integers(len(FLOORS))](rng, (240, 240))
    lay_ground(rng, pixels, horizon, tint(floor, 0.55 * wood, np.minimum(1.35 * wood, 245)), tone)
    board = max(int(0.022 * high), 2)
    skirting = np.minimum(1.15 * tone + 20, 245) if rng.random() < 0.6 else 0.5 * wood
    pixels[int(horizon) - board : int(horizon) + 1] = skirting
    pixels[int(horizon) : int(horizon) + 2] *= 0.6
    return Backdrop(pixels, horizon, tone, wall=True)


def collage(rng: Rng, size: Size, level: float) -> Backdrop:
    """Paint a texture all over, on which things lie like stickers."""
    if rng.random() < 0.2:
        pixels = photo_crop(rng, size, COLOUR_PHOTOS[rng.integers(len(COLOUR_PHOTOS))])
    else:
        first, second = rng.random(), rng.random()
        dark = hsv(first, rng.uniform(0.1, 0.6), rng.uniform(0.15, 0.6))
        light = hsv(first + rng.normal(0, 0.12), rng.uniform(0.05, 0.5), rng.uniform(0.6, 0.95))
        pixels = tint(TEXTURES[rng.integers(len(TEXTURES))](rng, size), dark, light)
        if second < 0.3:
            pixels = 0.5 * pixels + 0.5 * gradient(size, light, dark)
    return Backdrop(pixels.astype(np.float32), None, pixels.mean(axis=(0, 1)))


BACKDROPS: dict[str, Callable[[Rng, Size, float], Backdrop]] = {
    "street": street,
    "meadow": meadow,
    "sea": sea,
    "rails": rails,
    "airfield": airfield,
    "sky": heaven,
    "room": room,
    "collage": collage,
}
