"""Augmentation: what the network sees of a picture, different each time (paper, section 2.2, "Data augmentation").

Expanding, cropping, resizing and mirroring together choose one window on the picture, which may reach outside it. So
the windows are sampled as numbers first, and pixels are read once, straight onto the network's square. Colours are
distorted afterwards, for a whole batch at a time, on whatever device trains.

Two things differ from doing the steps one by one. Where picture meets fill, the window is moved by up to half a pixel
of the square, so that the border falls between pixels (elsewhere it is cut between pixels of the picture, as the
authors' code does); and colours are distorted after resizing rather than before.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from .images import to_picture, to_tensor
from .sample import Example, Sample

PIXEL_MEAN = (123.0, 117.0, 104.0)
"""Mean of ImageNet's pixels, RGB, 0..255: subtracted from the input, and the fill outside the picture."""

MIN_IOU = (0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
"""What five samplers and the free one ask of some object; the seventh takes the whole canvas."""

TRIALS = 50
"""Windows each sampler may try."""

INTERPOLATIONS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BILINEAR,
    Image.Resampling.BOX,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
"""Nearest, linear, area, cubic, Lanczos: one is drawn for each training picture."""

NO_DISTORTION = (0.0, 1.0, 1.0, 0.0, 0.0)
"""Colour parameters that change nothing; see `sample_colour`."""


@dataclass(frozen=True)
class EvalTransform:
    """The whole picture on the network's square, always the same (linear interpolation).

    Args:
        image_size: side of the square in pixels.

    """

    image_size: int

    def __call__(self, sample: Sample) -> Example:
        """Return the sample as the network sees it; no randomness."""
        height, width = sample.image.shape[1:]
        window = np.array([0.0, 0.0, width, height])
        image, covered = read_window(sample.image, window, self.image_size, Image.Resampling.BILINEAR)
        return _example(sample, slice(None), window, image, covered, NO_DISTORTION)


@dataclass(frozen=True)
class TrainTransform:
    """The paper's augmentation, with the numbers of the authors' code.

    Args:
        image_size: side of the network's square in pixels.
        expand_probability: how often the picture is put on a larger canvas.
        expand_max: largest canvas, in sides of the picture.
        crop: sample crops with the seven samplers; otherwise take the whole canvas.
        distort: sample photometric distortion.

    """

    image_size: int
    expand_probability: float = 0.5
    expand_max: float = 4.0
    crop: bool = True
    distort: bool = True

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Example:
        """Return a random view of the sample; the same generator state gives the same view."""
        colour = sample_colour(rng) if self.distort else NO_DISTORTION
        height, width = sample.image.shape[1:]
        boxes = sample.boxes.numpy().astype(np.float64)
        window = sample_canvas(width, height, self.expand_probability, self.expand_max, rng)
        if self.crop:
            window = sample_crop(window, boxes, rng)
        resample = INTERPOLATIONS[rng.integers(len(INTERPOLATIONS))]
        mirror = bool(rng.random() < 0.5)

        window = snap(window, width, height, self.image_size)
        kept = np.flatnonzero(keep_objects(boxes, window))
        image, covered = read_window(sample.image, window, self.image_size, resample)
        return _example(sample, kept, window, image, covered, colour, mirror)


def cut_objects(sample: Sample, image_size: int, context: float) -> list[Example]:
    """Cut every object out, each onto a square of its own; outside the picture is the mean colour, no randomness.

    Args:
        sample: a picture with G objects.
        image_size: side of the squares in pixels.
        context: side of what is cut out, in longest sides of the object.

    Returns:
        G examples with one object each.

    """
    height, width = sample.image.shape[1:]
    examples = []
    for row, box in enumerate(sample.boxes.numpy().astype(np.float64)):
        centre, reach = (box[:2] + box[2:]) / 2, context * (box[2:] - box[:2]).max() / 2
        window = snap(np.concatenate([centre - reach, centre + reach]), width, height, image_size)
        image, covered = read_window(sample.image, window, image_size, Image.Resampling.BILINEAR)
        examples.append(_example(sample, slice(row, row + 1), window, image, covered, NO_DISTORTION))
    return examples


def sample_canvas(width: int, height: int, probability: float, largest: float, rng: np.random.Generator) -> np.ndarray:
    """Choose the canvas: the picture itself, or one up to `largest` times its sides with the picture somewhere on it.

    Returns:
        (4,) xyxy in pixels of the picture; the picture itself is (0, 0, width, height).

    """
    if rng.random() >= probability:
        return np.array([0.0, 0.0, width, height])
    size = rng.uniform(1, largest) * np.array([width, height])
    corner = -rng.random(2) * (size - (width, height))
    return np.concatenate([corner, corner + size])


def sample_crop(canvas: np.ndarray, boxes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose a window on the canvas with the paper's seven samplers.

    Each of six samplers tries up to 50 windows and keeps the first in which some object has the IoU it asks for; one
    of all that succeeded, or the whole canvas, is taken with equal chance. All trials are drawn at once.

    Args:
        canvas: (4,) xyxy in pixels.
        boxes: (G, 4) xyxy in pixels.
        rng: source of randomness.

    Returns:
        (4,) xyxy in pixels. Without objects the whole canvas: every sampler asks for one.

    """
    if len(boxes) == 0:
        return canvas
    shape = (len(MIN_IOU), TRIALS)
    scale = rng.uniform(0.3, 1.0, shape)
    square = scale * scale
    root = np.sqrt(np.minimum(np.maximum(rng.uniform(0.5, 2.0, shape), square), 1 / square))
    size = np.stack([scale * root, scale / root], axis=-1)
    low = rng.random((*shape, 2)) * (1 - size)
    windows = (np.stack([low, low + size], axis=-2) * (canvas[2:] - canvas[:2]) + canvas[:2]).reshape(*shape, 4)
    success = _largest_iou(windows, boxes) >= np.array(MIN_IOU)[:, None]
    first = success.argmax(axis=1)
    found = [canvas] + [windows[row, first[row]] for row in np.flatnonzero(success.any(axis=1))]
    return found[rng.integers(len(found))]


def _largest_iou(windows: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the largest IoU of each window (..., 4) with any of the boxes (G, 4).

    `ssd.boxes.iou` could do it, but on so few numbers its many small steps would take as long as reading the pixels.
    """
    x0, y0, x1, y1 = np.moveaxis(windows, -1, 0)[..., None]
    left, top, right, bottom = boxes.T
    width, height = np.minimum(x1, right) - np.maximum(x0, left), np.minimum(y1, bottom) - np.maximum(y0, top)
    both = np.maximum(width, 0) * np.maximum(height, 0)
    return (both / ((x1 - x0) * (y1 - y0) + (right - left) * (bottom - top) - both)).max(axis=-1)


def sample_colour(rng: np.random.Generator) -> tuple[float, float, float, float, float]:
    """Draw a photometric distortion: each part happens with probability one half.

    Returns:
        Added brightness (grey levels), contrast factor, saturation factor, hue shift (degrees), and 1.0 where contrast
        comes after saturation and hue instead of before.

    """
    happens, drawn = rng.random(5).tolist(), rng.uniform(-1, 1, 4).tolist()
    full = (0 + 32 * drawn[0], 1 + 0.5 * drawn[1], 1 + 0.5 * drawn[2], 0 + 36 * drawn[3], 1.0)
    return tuple(
        part if chance < 0.5 else none for part, chance, none in zip(full, happens, NO_DISTORTION, strict=True)
    )


def keep_objects(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Say which objects (G, 4) stay in a window (4,): those whose centre is inside and of whom some area remains."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centre >= window[:2]) & (centre < window[2:])).all(axis=1)
    return inside & (np.minimum(boxes[:, 2:], window[2:]) > np.maximum(boxes[:, :2], window[:2])).all(axis=1)


def snap(window: np.ndarray, width: int, height: int, image_size: int) -> np.ndarray:
    """Move a window's sides between pixels: of the picture, or of the output where the window shows fill.

    Args:
        window: (4,) xyxy in pixels of the picture.
        width: of the picture in pixels.
        height: of the picture in pixels.
        image_size: side of the output in pixels.

    Returns:
        (4,) the window. A side inside the picture lies on a whole pixel, at most half a one from where it was, so that
        at least one pixel is left. Where a border of the picture is inside the window, it falls between pixels of the
        output: it is at most half an output pixel from where it was. A side in the fill may move further: the less of
        the window is picture, the more half a pixel of picture stretches the rest. A window that shows less than half
        an output pixel of picture is returned as it is; it holds only fill.

    """
    snapped = window.tolist()
    for axis, length in enumerate((width, height)):
        low, high = snapped[axis], snapped[axis + 2]
        pixels = image_size / (high - low)  # output pixels per picture pixel
        left, right = (min(max(round(edge * pixels), 0), image_size) for edge in (-low, length - low))
        if right <= left:
            return window
        if low >= 0:
            low = min(round(low), length - 1)
        if high <= length:
            high = max(round(high), max(low, 0) + 1)
        if low < 0 and high > length:
            pixels = (right - left) / length
            low, high = -left / pixels, (image_size - left) / pixels
        elif low < 0:
            low = -high * left / (image_size - left)
        elif high > length:
            high = low + (length - low) * image_size / right
        snapped[axis], snapped[axis + 2] = low, high
    return np.array(snapped, dtype=np.float64)


def read_window(
    image: Tensor, window: np.ndarray, image_size: int, resample: Image.Resampling
) -> tuple[Tensor, tuple[int, int, int, int]]:
    """Read a snapped window of a picture onto the square, in one resampling; outside the picture is the mean colour.

    Args:
        image: (3, H, W) uint8.
        window: (4,) xyxy in pixels of the picture, as `snap` returns it.
        image_size: side of the square in pixels.
        resample: Pillow's interpolation.

    Returns:
        (3, S, S) uint8 pixels, and the part of the square that holds picture: left, top, right, bottom.

    """
    source, covered = [], []
    for low, high, length in zip(window[:2].tolist(), window[2:].tolist(), image.shape[:0:-1], strict=True):
        edges = min(max(low, 0), length), min(max(high, 0), length)
        source.append(slice(*map(round, edges)))
        covered.append([min(max(round((edge - low) / (high - low) * image_size), 0), image_size) for edge in edges])
    (left, right), (top, bottom) = covered
    part = image[:, source[1], source[0]]
    if (left, top, right, bottom) == (0, 0, image_size, image_size):
        square = resize(part, image_size, image_size, resample)
    else:
        square = _fill(image_size).clone()
        if right > left and bottom > top:
            square[:, top:bottom, left:right] = resize(part, right - left, bottom - top, resample)
    return square, (left, top, right, bottom)


@cache
def _fill(image_size: int) -> Tensor:
    """Return a square of the mean colour."""
    return to_tensor(Image.new("RGB", (image_size, image_size), tuple(int(value) for value in PIXEL_MEAN)))


def resize(image: Tensor, width: int, height: int, resample: Image.Resampling) -> Tensor:
    """Resize (3, H, W) uint8; a picture that shrinks is smoothed as much as it needs."""
    if resample in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
        # These two torch does to bytes in rows of RGB triples several times as fast as Pillow, and to the same end.
        triples = image.permute(1, 2, 0)[None].permute(0, 3, 1, 2)
        return interpolate(triples, size=(height, width), mode=resample.name.lower(), antialias=True)[0]
    return to_tensor(to_picture(image).resize((width, height), resample))


def normalize(images: Tensor) -> Tensor:
    """Turn (B, 3, S, S) uint8 into what `SSD.forward` takes: float RGB, 0..255 minus the mean."""
    return images.float() - images.new_tensor(PIXEL_MEAN, dtype=torch.float32)[:, None, None]


def distort(images: Tensor, covered: Tensor, colour: Tensor) -> Tensor:
    """Distort the colours of a batch and normalise it, in place of `normalize`; runs wherever the tensors are.

    Args:
        images: (B, 3, S, S) uint8.
        covered: (B, 4) the part of each square that holds picture; the rest becomes exactly 0, the mean.
        colour: (B, 5) as `sample_colour` draws it.

    Returns:
        (B, 3, S, S) float32, minus the mean.

    """
    on_cpu = images.device.type == "cpu"
    return _distort_in_turn(images, covered, colour) if on_cpu else _distort_together(images, covered, colour)


def _distort_together(images: Tensor, covered: Tensor, colour: Tensor) -> Tensor:
    """Distort all pictures at once, without asking the device for a single number."""
    x = _distort(images, colour, recolour=True)
    place = torch.arange(images.shape[-1], device=images.device)
    x0, y0, x1, y1 = (c[:, None] for c in covered.unbind(dim=1))
    columns, rows = (place >= x0) & (place < x1), (place >= y0) & (place < y1)
    return x * (rows[:, None, :, None] & columns[:, None, None, :])


def _distort_in_turn(images: Tensor, covered: Tensor, colour: Tensor) -> Tensor:
    """Distort one picture after another, so that it stays in the processor's cache; leave out what changes nothing."""
    distorted = torch.zeros(images.shape)
    for picture, (x0, y0, x1, y1), parameters, target in zip(
        images.split(1), covered.tolist(), colour.split(1), distorted.split(1), strict=True
    ):
        recolour = parameters[0, 2:4].tolist() != [*NO_DISTORTION[2:4]]
        target[..., y0:y1, x0:x1] = _distort(picture[..., y0:y1, x0:x1], parameters, recolour)
    return distorted


def _distort(images: Tensor, colour: Tensor, recolour: bool) -> Tensor:
    """Distort (B, 3, H, W) bytes and take the mean off; saturation and hue only if `recolour`."""
    brightness, contrast, saturation, hue, contrast_last = (c[:, None, None, None] for c in colour.unbind(dim=1))
    x = torch.empty(images.shape, device=images.device).copy_(images)  # from RGB triples to three planes
    x.add_(brightness).clamp_(0, 255)
    x.mul_(torch.where(contrast_last == 0, contrast, 1)).clamp_(max=255)
    if recolour:
        x = shift_saturation_and_hue(x, saturation, hue)
    x.mul_(torch.where(contrast_last == 0, 1, contrast)).clamp_(max=255)
    return x.sub_(x.new_tensor(PIXEL_MEAN)[:, None, None])


def shift_saturation_and_hue(images: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Scale the saturation and turn the hue of (B, 3, H, W) RGB, 0..255, in HSV space.

    The authors' code does this on OpenCV's 8-bit HSV, where a hue pushed below 0 stops at 0 (red), while one pushed
    over the top comes round again; both are kept.

    Args:
        images: (B, 3, H, W) float.
        saturation: (B, 1, 1, 1) factor.
        hue: (B, 1, 1, 1) degrees, at most 60 either way.

    Returns:
        (B, 3, H, W) float, 0..255.

    """
    red, green, blue = images.unbind(dim=1)
    value = torch.maximum(torch.maximum(red, green), blue)
    low = torch.minimum(torch.minimum(red, green), blue)
    spread = value - low
    # The hue in sixths of a turn: from red over green to cyan these sums rise steadily; by way of blue it is the mirror
    # image. Grey has hue 0, as in OpenCV.
    angle = (value + green).add_(blue).sub_(red).sub_(low, alpha=2).div_(spread.clamp(min=1e-6))
    angle = torch.where(blue > green, 6 - angle, angle).add_(hue[:, 0] / 60).clamp_(min=0)
    spread = torch.minimum(spread.mul_(saturation[:, 0]), value)
    low = value - spread
    # Where each channel stands between the lowest and the highest: the hexagon's sides, 6 to 7 being 0 to 1 once more.
    rises = (angle - 3).abs_().sub_(1), torch.maximum(2 - (angle - 2).abs_(), angle - 6), 2 - (angle - 4).abs_()
    return torch.stack([torch.addcmul(low, rise.clamp_(0, 1), spread) for rise in rises], dim=1)


def _example(
    sample: Sample,
    objects: slice | np.ndarray,
    window: np.ndarray,
    image: Tensor,
    covered: tuple[int, int, int, int],
    colour: tuple[float, ...],
    mirror: bool = False,
) -> Example:
    """Put pixels and objects of a window together, mirrored or not; boxes become fractions, clipped to the window."""
    corners = sample.boxes.numpy()[objects].reshape(-1, 2, 2)
    fractions = ((corners - window[:2]) / (window[2:] - window[:2])).clip(0, 1).astype(np.float32).reshape(-1, 4)
    if mirror:
        size, (left, top, right, bottom) = image.shape[-1], covered
        image, covered = image.flip(-1), (size - right, top, size - left, bottom)
        fractions[:, 0], fractions[:, 2] = 1 - fractions[:, 2], 1 - fractions[:, 0]
    return Example(
        image,
        torch.from_numpy(fractions),
        torch.from_numpy(sample.labels.numpy()[objects]),
        torch.tensor(covered),
        torch.tensor(colour),
        torch.tensor(sample.image.shape[:0:-1]),
        sample.image_id,
    )
