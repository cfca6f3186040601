"""Drawings of the book and of the command line: boxes on pictures, and curves, in one palette.

The colours are Okabe and Ito's (Color Universal Design, 2008), which people with any colour vision tell apart; no
drawing relies on colour alone.
"""

import base64
import hashlib
import html
import inspect
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .images import to_picture
from .sample import Detections

if TYPE_CHECKING:
    from IPython.display import Markdown
    from matplotlib.axes import Axes

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442")
"""Blue, orange, green, vermilion, purple, sky, yellow."""

SCRIPT = Path(__file__).resolve().parents[1] / "book" / "_static" / "single-shot.js"
"""What moves the figures of `interactive`, and figures.css is beside it; there where the package lies in the book."""


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
            x = round(min(max(0, box[0]), max(0, picture.width - text_width)))
            y = round(box[1] - text_height if box[1] >= text_height else max(0, box[1]))
            draw.rectangle((x, y, x + text_width, y + text_height), fill=colour)
            draw.text((x + pad - left, y + pad - top), captions[row], fill=ink_on(colour), font=font)
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


@dataclass(frozen=True)
class Frame:
    """One position of a slider, or a figure at rest: what is drawn over the picture there.

    Attributes:
        caption: what the reader is told below the picture.
        boxes: (N, 4) xyxy pixels of the picture.
        texts: N texts at the boxes' upper left corners; may be empty strings.
        colours: N colours.

    """

    caption: str
    boxes: Tensor
    texts: Sequence[str]
    colours: Sequence[str]


def slider(image: Image.Image | Tensor, frames: Sequence[Frame], label: str, alt: str, start: int = 0) -> str:
    """Lay frames of boxes over a picture, with a slider to move between them.

    The result needs no server, no network and no library: an SVG for each frame and a few lines of script. Where
    scripts are off, the frame `start` is shown.

    Args:
        image: Pillow picture or (3, H, W) uint8 tensor.
        frames: what the slider's positions show.
        label: the slider's name, beside it.
        alt: what the picture shows, for those who cannot see it.
        start: the position to begin with.

    Returns:
        HTML, for `IPython.display.HTML`.

    """
    picture, encoded = _jpeg(image)
    unit = max(picture.size) / 400  # lines and letters keep their size on the page, however many pixels it has
    layers = "".join(
        f'<g data-caption="{html.escape(frame.caption)}"{hidden}>{_svg_boxes(frame, unit)}</g>'
        for hidden, frame in ((" hidden" * (number != start), frame) for number, frame in enumerate(frames))
    )
    # The name is a digest of the content: the same page twice gives the same bytes, two sliders never share a name.
    name = "slider-" + hashlib.sha256((encoded + layers).encode()).hexdigest()[:10]
    return f"""<figure class="ssd-slider" id="{name}">
<style>
.ssd-slider {{ margin: 1em 0; max-width: 40rem }} .ssd-slider figcaption {{ color: inherit; opacity: 1 }}
.ssd-slider svg {{ width: 100%; height: auto; max-height: 26rem; display: block }}
.ssd-slider g[hidden] {{ display: none }} .ssd-slider label {{ display: flex; gap: .8em; align-items: center }}
.ssd-slider input {{ flex: 1; min-width: 8em; min-height: 2em }}
</style>
<svg viewBox="0 0 {picture.width} {picture.height}" role="img" aria-label="{html.escape(alt)}">
<image href="data:image/jpeg;base64,{encoded}" width="{picture.width}" height="{picture.height}"/>{layers}</svg>
<label>{html.escape(label)} <input type="range" min="0" max="{len(frames) - 1}" value="{start}"></label>
<figcaption aria-live="polite">{html.escape(frames[start].caption)}</figcaption>
<script>
(() => {{
  const root = document.getElementById("{name}"), input = root.querySelector("input");
  const layers = root.querySelectorAll("g[data-caption]"), caption = root.querySelector("figcaption");
  input.addEventListener("input", () => {{
    layers.forEach((layer, i) => layer.toggleAttribute("hidden", i !== Number(input.value)));
    caption.textContent = layers[input.value].dataset.caption;
    input.setAttribute("aria-valuetext", caption.textContent);
  }});
}})();
</script>
</figure>"""


def interactive(
    kind: str, data: Mapping, picture: Image.Image | Tensor | tuple[int, int], still: Frame, alt: str
) -> str:
    """Lay out a figure that the reader moves: boxes to drag, thresholds to shift, cells to light up.

    The figure carries its numbers as JSON, and `book/_static/single-shot.js` does the moving; it says which kinds there
    are and what each finds in its JSON. Every page of the book loads that script and its style. For a notebook that is
    run by itself the figure brings copies along, which do nothing on a page of the book; `make notebooks` does not
    store them. Where scripts are off, or the package lies without the book, the figure stands still, as in `still`.

    Args:
        kind: what the script is to make of it, one of its `KINDS`.
        data: what the script reads. Tensors and arrays are written with six digits, Python's own numbers in full.
        picture: Pillow picture or (3, H, W) uint8 tensor; or columns and rows of squared paper, whose unit is a square.
        still: what is drawn on the picture, and said below it, until the script takes over.
        alt: what the picture shows, for those who cannot see it.

    Returns:
        HTML, for `IPython.display.HTML`.

    """
    if isinstance(picture, tuple):
        (width, height), ground = picture, _squared_paper(*picture)
    else:
        image, encoded = _jpeg(picture)
        width, height = image.size
        ground = f'<image href="data:image/jpeg;base64,{encoded}" width="{width}" height="{height}"/>'
    # In a script element, only "<" could be taken for the end of it.
    numbers = json.dumps(data, default=_plain, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    copy = ""
    if SCRIPT.is_file():  # a page of the book has the script itself, and newer than a notebook's copy may be
        alone = f"""if (!document.querySelector("script[src*='{SCRIPT.name}']"))"""
        copy = f"<script data-copy>\n{alone} {{\n{SCRIPT.read_text(encoding='utf-8')}}}\n</script>\n"
        copy += f"<style data-copy>\n{SCRIPT.with_name('figures.css').read_text(encoding='utf-8')}</style>\n"
    return f"""<figure class="ssd-move" data-kind="{html.escape(kind)}">
<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(alt)}">
{ground}<g class="ssd-still">{_svg_boxes(still, max(width, height) / 400)}</g></svg>
<div class="ssd-panel"></div>
<figcaption aria-live="polite">{html.escape(still.caption)}</figcaption>
<p class="ssd-still">With scripts on, this figure moves: on the book's page, and in a notebook once its cell is run.</p>
<script type="application/json">{numbers}</script>
{copy}</figure>"""


def show_source(thing: Callable) -> "Markdown":
    """Show a function or class of the package in a notebook, as it stands in its file."""
    from IPython.display import Markdown

    return Markdown(f"```python\n{inspect.getsource(thing)}```")


def _jpeg(image: Image.Image | Tensor) -> tuple[Image.Image, str]:
    """Return a picture, and its bytes as a JPEG in base64."""
    picture = (to_picture(image) if isinstance(image, Tensor) else image).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return picture, base64.b64encode(buffer.getvalue()).decode()


def _squared_paper(columns: int, rows: int) -> str:
    """Draw squared paper with numbered lines in SVG, in the colour of the text around it."""
    lines = "".join(f"M{x} 0V{rows}" for x in range(columns + 1)) + "".join(
        f"M0 {y}H{columns}" for y in range(rows + 1)
    )
    style = 'fill="currentColor" font-size=".38" font-family="sans-serif" opacity=".7"'
    across = "".join(f'<text x="{x}" y="{rows}" dx=".07" dy="-.1" {style}>{x}</text>' for x in range(0, columns, 2))
    down = "".join(f'<text x="0" y="{y}" dx=".07" dy="-.1" {style}>{y}</text>' for y in range(2, rows, 2))
    return f'<path d="{lines}" stroke="currentColor" stroke-width=".03" opacity=".3"/>{across}{down}'


def _plain(values: object) -> object:
    """Turn a tensor or array into lists, its floats rounded to six digits."""

    def rounded(value: object) -> object:
        if isinstance(value, list):
            return [rounded(one) for one in value]
        return float(f"{value:.6g}") if isinstance(value, float) else value

    return rounded(values.tolist())


def _svg_boxes(frame: Frame, unit: float) -> str:
    """Draw one frame's boxes and texts as SVG; the texts have a rim, so that they read on any picture."""
    line, letters, rim, inset, baseline = (f"{length * unit:.2f}" for length in (2.5, 13, 3, 3, 13))
    parts = []
    for box, text, colour in zip(frame.boxes.tolist(), frame.texts, frame.colours, strict=True):
        x0, y0, x1, y1 = (round(v, 1) for v in box)
        size = f'width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
        parts.append(f'<rect x="{x0}" y="{y0}" {size} fill="none" stroke="{colour}" stroke-width="{line}"/>')
        if text:
            place = f'x="{max(x0, 0):.1f}" y="{max(y0, 0):.1f}" dx="{inset}" dy="{baseline}"'
            style = f'font-family="sans-serif" font-size="{letters}" font-weight="600"'
            style += f' paint-order="stroke" stroke-width="{rim}"'
            parts.append(f'<text {place} {style} fill="{ink_on(colour)}" stroke="{colour}">{html.escape(text)}</text>')
    return "".join(parts)


def ink_on(colour: str) -> str:
    """Return black or white, whichever reads better on a colour."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
