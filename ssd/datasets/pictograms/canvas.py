"""A pictogram is a list of filled polygons and strokes; this module holds the list and turns it into pixels.

Drawing is done in free coordinates (x to the right, y down, any unit). Only on rendering is the pictogram
scaled, tilted, mirrored, lit and given its outline, so one drawing serves every size and pose.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageChops, ImageDraw

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]] | np.ndarray


@dataclass(frozen=True)
class Shape:
    """One filled polygon (`width` 0) or one stroke along a polyline (`width` > 0, in drawing units)."""

    points: np.ndarray
    fill: Colour
    width: float = 0.0


@dataclass
class Sketch:
    """A drawing under construction; later shapes cover earlier ones."""

    shapes: list[Shape] = field(default_factory=list)

    def polygon(self, points: Points, fill: Colour) -> None:
        """Add a filled polygon with straight edges; `points` is (N, 2)."""
        self.shapes.append(Shape(np.asarray(points, dtype=float), fill))

    def blob(self, points: Points, fill: Colour, steps: int = 8) -> None:
        """Add a filled, smooth, closed curve through `points` (N, 2): a Catmull-Rom spline."""
        self.polygon(smooth(points, closed=True, steps=steps), fill)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, fill: Colour, angle: float = 0.0) -> None:
        """Add a filled ellipse with centre and radii in drawing units; `angle` in degrees, clockwise."""
        turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        around = np.stack([rx * np.cos(turn), ry * np.sin(turn)], axis=1) @ rotation(angle).T
        self.polygon(np.add(around, (cx, cy)), fill)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, radius: float = 0.0) -> None:
        """Add a filled rectangle; corners rounded by `radius` (clipped to half the shorter side)."""
        radius = min(radius, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
        if radius <= 0:
            self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], fill)
            return
        corners = [(x1 - radius, y0 + radius, -90), (x1 - radius, y1 - radius, 0)]
        corners += [(x0 + radius, y1 - radius, 90), (x0 + radius, y0 + radius, 180)]
        points = []
        for cx, cy, start in corners:
            turn = np.deg2rad(np.linspace(start, start + 90, 7))
            points += list(zip(cx + radius * np.cos(turn), cy + radius * np.sin(turn), strict=True))
        self.polygon(points, fill)

    def line(self, points: Points, width: float, fill: Colour, curved: bool = False) -> None:
        """Add a stroke of `width` with round joints and ends; `curved` runs a smooth spline through the points."""
        path = smooth(points, closed=False) if curved else np.asarray(points, dtype=float)
        self.shapes.append(Shape(path, fill, width))

    def ring(self, cx: float, cy: float, rx: float, ry: float, width: float, fill: Colour) -> None:
        """Add the stroke of an ellipse, open in the middle: a wheel's tyre, a handle."""
        turn = np.linspace(0, 2 * np.pi, 49)
        self.line(np.stack([cx + rx * np.cos(turn), cy + ry * np.sin(turn)], axis=1), width, fill)

    def extend(self, other: "Sketch", scale: float = 1.0, dx: float = 0.0, dy: float = 0.0) -> None:
        """Add all shapes of another sketch, scaled about its origin and then moved by (dx, dy)."""
        for shape in other.shapes:
            self.shapes.append(Shape(shape.points * scale + (dx, dy), shape.fill, shape.width * scale))

    def bounds(self) -> tuple[float, float, float, float]:
        """Return (x0, y0, x1, y1) of everything drawn so far, stroke widths included, in drawing units."""
        low = np.min([shape.points.min(axis=0) - shape.width / 2 for shape in self.shapes], axis=0)
        high = np.max([shape.points.max(axis=0) + shape.width / 2 for shape in self.shapes], axis=0)
        return (*low.tolist(), *high.tolist())


def rotation(angle: float) -> np.ndarray:
    """Return the (2, 2) matrix that turns column vectors by `angle` degrees, clockwise on the screen (y is down)."""
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return np.array([[c, -s], [s, c]])


def smooth(points: Points, closed: bool, steps: int = 8) -> np.ndarray:
    """Return a Catmull-Rom spline through `points` (N, 2), sampled `steps` times a segment."""
    p = np.asarray(points, dtype=float)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    a, b, c, d = p[:-3, None], p[1:-2, None], p[2:-1, None], p[3:, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-2:-1]])


def shade(colour: Colour, factor: float) -> Colour:
    """Return `colour` darker (`factor` < 1) or lighter, mixed towards white (`factor` > 1)."""
    c = np.asarray(colour, dtype=float)
    c = c * factor if factor <= 1 else c + (255 - c) * min(factor - 1, 1)
    return tuple(int(v) for v in np.clip(np.round(c), 0, 255))


def render(
    sketch: Sketch,
    width: float,
    height: float,
    tilt: float = 0.0,
    mirror: bool = False,
    outline: float = 0.0,
    outline_colour: Colour = (30, 30, 30),
    light: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Image.Image:
    """Draw a sketch into an RGBA picture cut tightly around it.

    Args:
        sketch: what to draw.
        width: in pixels, that the untilted drawing is stretched to (the picture grows with the tilt).
        height: likewise.
        tilt: degrees, clockwise.
        mirror: swap left and right before tilting.
        outline: width in pixels of a line around the silhouette; 0 for none.
        outline_colour: its colour.
        light: (dx, dy, strength): brightness rises by the fraction `strength` along (dx, dy), and falls against it.

    Returns:
        RGBA picture whose alpha is antialiased and whose first and last rows and columns are touched by the drawing.

    """
    over = 4 if max(width, height) < 64 else 3 if max(width, height) < 200 else 2
    x0, y0, x1, y1 = sketch.bounds()
    scale = np.array([over * width / max(x1 - x0, 1e-9), over * height / max(y1 - y0, 1e-9)])
    matrix = rotation(tilt) @ np.diag(scale * (-1 if mirror else 1, 1))
    stroke_scale = float(np.sqrt(scale.prod()))
    placed = [(shape, shape.points @ matrix.T, shape.width * stroke_scale) for shape in sketch.shapes]
    edge = outline * over
    margin = edge + 2
    low = np.min([points.min(axis=0) - w / 2 for _, points, w in placed], axis=0) - margin
    high = np.max([points.max(axis=0) + w / 2 for _, points, w in placed], axis=0) + margin
    size = tuple(int(v) for v in np.ceil((high - low) / over).astype(int) * over)
    colour = Image.new("RGB", size, outline_colour if edge else placed[0][0].fill)
    alpha = Image.new("L", size, 0)
    paint, cover = ImageDraw.Draw(colour), ImageDraw.Draw(alpha)
    paths = [[tuple(p) for p in (points - low).tolist()] for _, points, _ in placed]
    if edge:  # first, under everything: so the line runs around the whole and not through it
        for (shape, _, w), path in zip(placed, paths, strict=True):
            around = path if shape.width else [*path, path[0]]
            _stroke(paint, around, w + 2 * edge, outline_colour)
            _stroke(cover, around, w + 2 * edge, 255)
    for (shape, _, w), path in zip(placed, paths, strict=True):
        if shape.width:
            _stroke(paint, path, w, shape.fill)
            _stroke(cover, path, w, 255)
        else:
            paint.polygon(path, fill=shape.fill)
            cover.polygon(path, fill=255)
    # Grow the colours under the edge before shrinking, so that no background colour bleeds into the rim.
    premultiplied = ImageChops.multiply(colour, Image.merge("RGB", (alpha,) * 3)).reduce(over)
    alpha = alpha.reduce(over)
    a = np.asarray(alpha, dtype=np.float32)[..., None] / 255
    rgb = np.asarray(premultiplied, dtype=np.float32) / np.maximum(a, 1 / 255)
    dx, dy, strength = light
    if strength:
        yy, xx = np.mgrid[-1 : 1 : rgb.shape[0] * 1j, -1 : 1 : rgb.shape[1] * 1j]
        rgb = rgb * (1 + strength * (dx * xx + dy * yy) / max(np.hypot(dx, dy), 1e-9))[..., None]
    pixels = np.concatenate([np.clip(rgb, 0, 255), a * 255], axis=2).round().astype(np.uint8)
    solid = pixels[..., 3] >= 32
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        return Image.fromarray(pixels, "RGBA")
    return Image.fromarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], "RGBA")


def _stroke(draw: ImageDraw.ImageDraw, path: list[tuple[float, float]], width: float, fill: Colour | int) -> None:
    """Draw a polyline with round joints and ends; Pillow's own joints leave ticks and gaps at bends."""
    radius = width / 2
    draw.line(path, fill=fill, width=max(1, round(width)))
    for x, y in path if width > 2 else ():
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
