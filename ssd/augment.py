"""Augmentation: what the network sees of a picture, different each time (paper, section 2.2, "Data augmentation").

Expanding, cropping, resizing and mirroring together choose one window on the picture, which may reach outside it. So
the windows are sampled as numbers first, and pixels are read once, straight onto the network's square. Colours are
distorted afterwards, for a whole batch at a time, on whatever device trains.

Two things differ from doing the steps one by one as the authors' code does: where picture meets fill, the window is
moved by up to half a pixel of the square, so that the border falls between pixels; and colours are distorted after
resizing rather than before.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .boxes import iou
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
        return _example(sample, sample.boxes, sample.labels, window, image, covered, NO_DISTORTION)


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

        kept = keep_objects(boxes, window)
        window = snap(window, width, height, self.image_size)
        image, covered = read_window(sample.image, window, self.image_size, resample)
        example = _example(sample, sample.boxes[kept], sample.labels[kept], window, image, covered, colour)
        return _mirrored(example) if mirror else example


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
        one = slice(row, row + 1)
        examples.append(_example(sample, sample.boxes[one], sample.labels[one], window, image, covered, NO_DISTORTION))
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
    shape = (len(MIN_IOU), TRIALS)
    scale = rng.uniform(0.3, 1.0, shape)
    ratio = np.clip(rng.uniform(0.5, 2.0, shape), scale**2, scale**-2)
    size = np.stack([scale * np.sqrt(ratio), scale / np.sqrt(ratio)], axis=-1)
    corner = rng.random((*shape, 2)) * (1 - size)
    extent = canvas[2:] - canvas[:2]
    windows = np.concatenate([corner, corner + size], axis=-1) * np.tile(extent, 2) + np.tile(canvas[:2], 2)
    if len(boxes) == 0:
        return canvas
    overlap = iou(torch.from_numpy(windows.reshape(-1, 4)), torch.from_numpy(boxes)).amax(dim=1)
    success = overlap.numpy().reshape(shape) >= np.array(MIN_IOU)[:, None]
    first = success.argmax(axis=1)
    found = [canvas] + [windows[row, first[row]] for row in np.flatnonzero(success.any(axis=1))]
    return found[rng.integers(len(found))]


def sample_colour(rng: np.random.Generator) -> tuple[float, float, float, float, float]:
    """Draw a photometric distortion: each part happens with probability one half.

    Returns:
        Added brightness (grey levels), contrast factor, saturation factor, hue shift (degrees), and 1.0 where contrast
        comes after saturation and hue instead of before.

    """
    happens = rng.random(5) < 0.5
    low, high = np.array([-32, 0.5, 0.5, -36]), np.array([32, 1.5, 1.5, 36])
    drawn = np.where(happens[:4], rng.uniform(low, high), NO_DISTORTION[:4])
    return (*drawn.tolist(), float(happens[4]))


def keep_objects(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Say which objects (G, 4) stay in a window (4,): those whose centre is inside and of whom some area remains."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centre >= window[:2]) & (centre < window[2:])).all(axis=1)
    return inside & (np.minimum(boxes[:, 2:], window[2:]) > np.maximum(boxes[:, :2], window[:2])).all(axis=1)


def snap(window: np.ndarray, width: int, height: int, image_size: int) -> np.ndarray:
    """Move a window's sides so that the picture's borders, where the window shows them, fall between output pixels.

    Args:
        window: (4,) xyxy in pixels of the picture.
        width: of the picture in pixels.
        height: of the picture in pixels.
        image_size: side of the output in pixels.

    Returns:
        (4,) the window, stretched a little so that no border of the picture that it shows is more than half an output
        pixel from where it was. A side in the fill may move further: the less of the window is picture, the more half
        a pixel of picture stretches the rest. A window that shows less than half an output pixel of picture is
        returned as it is; it holds only fill.

    """
    snapped = window.copy()
    for axis, length in enumerate((width, height)):
        low, high = window[axis], window[axis + 2]
        pixels = image_size / (high - low)  # output pixels per picture pixel
        left, right = (int(np.clip(round(edge * pixels), 0, image_size)) for edge in (-low, length - low))
        if right <= left:
            return window
        if low < 0 and high > length:
            pixels = (right - left) / length
            low, high = -left / pixels, (image_size - left) / pixels
        elif low < 0:
            low = -high * left / (image_size - left)
        elif high > length:
            high = low + (length - low) * image_size / right
        snapped[axis], snapped[axis + 2] = low, high
    return snapped


def read_window(
    image: Tensor, window: np.ndarray, image_size: int, resample: Image.Resampling
) -> tuple[Tensor, Tensor]:
    """Read a snapped window of a picture onto the square, in one resampling; outside the picture is the mean colour.

    Args:
        image: (3, H, W) uint8.
        window: (4,) xyxy in pixels of the picture, as `snap` returns it.
        image_size: side of the square in pixels.
        resample: Pillow's interpolation.

    Returns:
        (3, S, S) uint8 pixels, and (4,) int64 the part of the square that holds picture.

    """
    height, width = image.shape[1:]
    low, size = np.tile(window[:2], 2), np.tile(window[2:] - window[:2], 2)
    source = np.clip(window, 0, (width, height, width, height))
    covered = ((source - low) / size * image_size).round().astype(np.int64).clip(0, image_size)
    x0, y0, x1, y1 = covered.tolist()
    square = Image.new("RGB", (image_size, image_size), tuple(int(value) for value in PIXEL_MEAN))
    if x1 > x0 and y1 > y0:
        square.paste(to_picture(image).resize((x1 - x0, y1 - y0), resample, box=tuple(source.tolist())), (x0, y0))
    return to_tensor(square), torch.from_numpy(covered)


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
    brightness, contrast, saturation, hue, contrast_last = (c[:, None, None, None] for c in colour.unbind(dim=1))
    x = (images.float() + brightness).clamp_(0, 255)
    x = (x * torch.where(contrast_last == 0, contrast, 1)).clamp_(0, 255)
    x = shift_saturation_and_hue(x, saturation, hue)
    x = (x * torch.where(contrast_last == 0, 1, contrast)).clamp_(0, 255)
    x = x - x.new_tensor(PIXEL_MEAN)[:, None, None]
    place = torch.arange(images.shape[-1], device=images.device)
    x0, y0, x1, y1 = (c[:, None] for c in covered.unbind(dim=1))
    columns, rows = (place >= x0) & (place < x1), (place >= y0) & (place < y1)
    return x * (rows[:, None, :, None] & columns[:, None, None, :])


def shift_saturation_and_hue(images: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Scale the saturation and turn the hue of (B, 3, H, W) RGB, 0..255, in HSV space.

    The authors' code does this on OpenCV's 8-bit HSV, where a hue pushed below 0 stops at 0 (red), while one pushed
    over the top comes round again; both are kept.

    Args:
        images: (B, 3, H, W) float.
        saturation: (B, 1, 1, 1) factor.
        hue: (B, 1, 1, 1) degrees.

    Returns:
        (B, 3, H, W) float, 0..255.

    """
    red, green, blue = images.unbind(dim=1)
    value, low = images.amax(dim=1), images.amin(dim=1)
    spread = value - low
    safe = spread.clamp(min=1e-6)
    angle = torch.where(value == red, (green - blue) / safe, 2 + (blue - red) / safe)
    angle = torch.where((value == blue) & (value != red) & (value != green), 4 + (red - green) / safe, angle)
    angle = torch.where(spread > 0, angle, 0).remainder(6)  # sixths of a turn; grey has hue 0, as in OpenCV
    angle = (angle + hue[:, 0] / 60).clamp(min=0)
    spread = torch.minimum(spread * saturation[:, 0], value)
    channels = []
    for start in (5.0, 3.0, 1.0):  # where red, green and blue stand on the hexagon
        distance = (angle + start).remainder(6)
        channels.append(value - spread * torch.minimum(distance, 4 - distance).clamp(0, 1))
    return torch.stack(channels, dim=1)


def _example(
    sample: Sample,
    boxes: Tensor,
    labels: Tensor,
    window: np.ndarray,
    image: Tensor,
    covered: Tensor,
    colour: tuple[float, ...],
) -> Example:
    """Put pixels and objects of a window together; boxes become fractions of the window, clipped to it."""
    low = torch.from_numpy(np.tile(window[:2], 2))
    size = torch.from_numpy(np.tile(window[2:] - window[:2], 2))
    fractions = ((boxes.double() - low) / size).clamp(0, 1).float()
    height, width = sample.image.shape[1:]
    return Example(
        image, fractions, labels, covered, torch.tensor(colour), torch.tensor([width, height]), sample.image_id
    )


def _mirrored(example: Example) -> Example:
    """Swap left and right of pixels, boxes and covered part."""
    size = example.image.shape[-1]
    x0, y0, x1, y1 = example.boxes.unbind(dim=1)
    example.image = example.image.flip(-1)
    example.boxes = torch.stack([1 - x1, y0, 1 - x0, y1], dim=1)
    example.covered = torch.stack(
        [size - example.covered[2], example.covered[1], size - example.covered[0], example.covered[3]]
    )
    return example
