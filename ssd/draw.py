"""Drawings of the book and of the command line: boxes on pictures, and curves, in one palette.

The colours are Okabe and Ito's (Color Universal Design, 2008), which people with any colour vision tell apart; no
drawing relies on colour alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .images import to_picture
from .sample import Detections

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442")
"""Blue, orange, green, vermilion, purple, sky, yellow."""


def colour_of(label: int) -> str:
    """Return the colour of a class; labels seven apart share one, so the name is always written beside it."""
    return PALETTE[label % len(PALETTE)]


def annotate(
    image: Image.Image | Tensor,
    boxes: Tensor,
    captions: Sequence[str] | None = None,
    colours: Sequence[str] | None = None,
    width: int | None = None,
) -> Image.Image:
    """Draw boxes with captions on a copy of a picture.

    Args:
        image: Pillow picture or (3, H, W) uint8 tensor.
        boxes: (N, 4) xyxy pixels; drawn in order, so the last lies on top.
        captions: N texts, or None for boxes alone.
        colours: N colours, or None for the palette in turn.
        width: line width in pixels; by default it follows the picture's size.

    """
    picture = (to_picture(image) if isinstance(image, Tensor) else image).convert("RGB").copy()
    draw = ImageDraw.Draw(picture)
    width = width or max(2, round(max(picture.size) / 200))
    font = ImageFont.load_default(max(11, round(max(picture.size) / 32)))
    pad = max(2, width)
    for row, box in enumerate(boxes.tolist()):
        colour = colours[row] if colours else PALETTE[row % len(PALETTE)]
        draw.rectangle(box, outline=colour, width=width)
        if captions and captions[row]:
            left, top, right, bottom = draw.textbbox((0, 0), captions[row], font=font)
            text_width, text_height = right - left + 2 * pad, bottom - top + 2 * pad
            # Above the box where there is room, inside it where there is not; never past the picture's sides.
            x = min(max(0, box[0]), max(0, picture.width - text_width))
            y = box[1] - text_height if box[1] >= text_height else box[1]
            draw.rectangle((x, y, x + text_width, y + text_height), fill=colour)
            draw.text((x + pad - left, y + pad - top), captions[row], fill=_ink(colour), font=font)
    return picture


def draw_detections(
    image: Image.Image | Tensor, detections: Detections, class_names: Sequence[str], score_threshold: float = 0.0
) -> Image.Image:
    """Draw detections with class and score, the best on top."""
    shown = detections.above(score_threshold)
    boxes, scores, labels = (values.flip(0) for values in (shown.boxes, shown.scores, shown.labels))
    captions = [f"{class_names[n - 1]} {s:.2f}" for n, s in zip(labels.tolist(), scores.tolist(), strict=True)]
    return annotate(image, boxes, captions, [colour_of(n) for n in labels.tolist()])


def contact_sheet(pictures: Sequence[Image.Image], columns: int, cell: tuple[int, int], gap: int = 6) -> Image.Image:
    """Lay pictures out in a grid, each fitted into a cell (width, height) without changing its shape."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (cell[0] + gap) - gap, rows * (cell[1] + gap) - gap), "white")
    for number, picture in enumerate(pictures):
        scale = min(cell[0] / picture.width, cell[1] / picture.height)
        small = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
        x, y = (number % columns) * (cell[0] + gap), (number // columns) * (cell[1] + gap)
        sheet.paste(small, (x + (cell[0] - small.width) // 2, y + (cell[1] - small.height) // 2))
    return sheet


def training_curve(axes: "Axes", lines: Sequence[dict]) -> None:
    """Plot both terms of the loss over the iterations of a run, from the lines of its metrics.jsonl."""
    iterations = [line["iteration"] for line in lines]
    axes.plot(iterations, [line["confidence"] for line in lines], color=PALETTE[0], label="confidence")
    axes.plot(iterations, [line["localization"] for line in lines], color=PALETTE[3], ls="--", label="localisation")
    axes.set(xlabel="iteration", ylabel="loss per matched prior", ylim=(0, None))
    axes.legend(frameon=False)


def _ink(colour: str) -> str:
    """Return black or white, whichever reads better on a colour."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
