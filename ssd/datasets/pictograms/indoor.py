"""Things found indoors: bottle, chair, dining table, potted plant, sofa and television.

Two helpers carry most drawings. `_turned` draws what a potter's wheel or a lathe could make (bottles, pots, table
legs) from half its profile, lit from the left. `_slab` draws a flat thing seen slightly from above (a table top, a
seat) with its front edge.
"""

import numpy as np

from .canvas import Colour, Points, Sketch, shade, smooth

WOODS = [(206, 152, 96), (164, 104, 62), (112, 70, 46), (226, 190, 138), (74, 52, 46), (190, 118, 70)]
PAINTS = [
    (222, 74, 64), (240, 140, 66), (246, 198, 84), (116, 168, 98), (52, 128, 112), (76, 164, 186), (58, 102, 168),
    (50, 60, 96), (132, 92, 156), (228, 136, 156), (240, 234, 218), (152, 158, 164), (70, 70, 78), (172, 116, 80),
    (146, 52, 68), (186, 196, 160), (204, 176, 206), (164, 204, 208),
]  # fmt: skip
GLASSES = [(38, 84, 58), (72, 112, 54), (96, 56, 34), (120, 176, 178), (46, 62, 84), (150, 86, 40)]
DRINKS = [(196, 62, 44), (236, 150, 48), (98, 54, 36), (242, 206, 96), (170, 206, 92), (208, 92, 124)]
PAPERS = [(246, 238, 216), (232, 214, 172), (238, 88, 70), (52, 98, 148), (250, 204, 88), (44, 110, 88), (40, 40, 48)]
LEAVES = [(62, 132, 76), (96, 160, 74), (40, 100, 76), (128, 168, 92), (74, 144, 112), (52, 116, 54)]
PETALS = [(232, 78, 92), (248, 160, 70), (250, 208, 84), (236, 140, 176), (150, 104, 186), (250, 246, 236)]
POTS = [(204, 108, 70), (180, 90, 62), (236, 228, 212), (70, 110, 150), (226, 178, 92), (94, 94, 102), (120, 164, 156)]
METALS = [(170, 176, 184), (96, 102, 112), (52, 54, 62), (206, 176, 112)]
CASINGS = [(44, 46, 52), (70, 74, 82), (196, 200, 204), (236, 234, 228), (30, 32, 38)]


def bottle(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a bottle: 0 wine, 1 beer or soda with a crown cap, 2 water in plastic, 3 squat (milk or a decanter)."""
    (_wine, _soda, _water, _squat)[variant % 4](sketch, rng)


def _wine(sketch: Sketch, rng: np.random.Generator) -> None:
    glass, foil, paper = _tint(rng, GLASSES[:5]), _tint(rng, PAINTS), _tint(rng, PAPERS)
    w, neck = _near(rng, 1.0), rng.uniform(2.0, 2.7)
    sloping = rng.random() < 0.4
    body = [(0.36, 0.0), (0.36, neck - 0.5), (0.42, neck), (0.7 if sloping else 0.92, neck + 0.55)]
    body += [(1.0, neck + (1.3 if sloping else 0.9)), (1.0, neck + 1.6), (1.0, 6.6), (0.96, 6.95), (0.82, 7.05)]
    _turned(sketch, _widen(body, w), glass)
    _turned(sketch, _widen([(0.4, -0.25), (0.4, 0.1), (0.38, 0.4 * neck), (0.38, 0.66 * neck)], w), foil)
    _turned(sketch, _widen([(0.47, -0.05), (0.47, 0.22)], w), shade(foil, 0.8))
    top, bottom = neck + rng.uniform(1.5, 1.9), rng.uniform(5.6, 6.3)
    _label(sketch, rng, w, top, bottom, paper)
    _glint(sketch, [(-0.72 * w, neck + 1.0), (-0.78 * w, top - 0.2)], 0.16, glass)


def _soda(sketch: Sketch, rng: np.random.Generator) -> None:
    glass, cap, paper = _tint(rng, GLASSES), _tint(rng, PAINTS[:8]), _tint(rng, PAPERS)
    w, neck = _near(rng, 1.0), rng.uniform(1.2, 1.9)
    waist = rng.uniform(0.8, 0.9) if rng.random() < 0.4 else 1.0
    body = [(0.34, 0.1), (0.36, 0.5 * neck), (0.46, neck), (0.8, neck + 0.75), (1.0, neck + 1.4)]
    body += [(waist, neck + 2.3), (waist, neck + 2.8), (1.0, neck + 3.7), (0.98, neck + 4.25), (0.84, neck + 4.4)]
    _turned(sketch, _widen(body, w), glass)
    if sum(glass) > 300:  # pale glass shows what is in it
        inner = [(0.52, neck + 0.5), (0.72, neck + 0.9), (0.88, neck + 1.5), (waist - 0.12, neck + 2.4)]
        _turned(sketch, _widen([*inner, (0.88, neck + 3.7), (0.8, neck + 4.2)], w), _tint(rng, DRINKS))
    if waist == 1.0:
        _label(sketch, rng, w, neck + 1.5, neck + 3.4, paper)
    else:
        _label(sketch, rng, waist * w * 1.02, neck + 2.15, neck + 2.95, paper)
    _turned(sketch, _widen([(0.4, -0.22), (0.46, 0.12), (0.44, 0.2)], w), cap)
    for x in (-0.3, 0.0, 0.3):
        sketch.line([(x * w, -0.02), (x * w * 1.1, 0.16)], 0.07, shade(cap, 0.7))
    _glint(sketch, [(-0.4 * w, neck + 0.5), (-0.72 * w, neck + 1.3)], 0.13, glass)


def _water(sketch: Sketch, rng: np.random.Generator) -> None:
    plastic = _tint(rng, [(170, 212, 232), (186, 226, 222), (150, 196, 226), (196, 220, 236)])
    cap, paper, w = _tint(rng, PAINTS[:9]), _tint(rng, PAINTS), _near(rng, 1.0)
    height, level = rng.uniform(4.6, 6.2), rng.uniform(0.2, 1.4)
    body = [(0.36, 0.0), (0.36, 0.3), (0.6, 0.75), (0.94, 1.3), (1.0, 1.8)]
    ribs = np.arange(2.1, height - 0.4, 0.55)
    for y in ribs:  # the ribs press the outline in and out
        body += [(0.93, float(y)), (1.0, float(y) + 0.27)]
    body += [(1.0, height - 0.15), (0.9, height), (0.78, height + 0.08)]
    _turned(sketch, _widen(body, w), shade(plastic, 1.35))
    water = [(half * 0.95, y) for half, y in body if y > 0.7 + level]
    _turned(sketch, _widen(water, w), plastic)
    for y in ribs:
        sketch.line([(-0.75 * w, y), (0, y + 0.1), (0.75 * w, y)], 0.07, shade(plastic, 0.82), curved=True)
    _label(sketch, rng, w * 1.0, 1.9 + 0.1 * height, 2.1 + 0.38 * height, paper)
    _turned(sketch, _widen([(0.5, -0.1), (0.5, 0.02), (0.5, 0.12)], w), shade(plastic, 0.9))
    _turned(sketch, _widen([(0.42, -0.62), (0.44, -0.3), (0.44, -0.08)], w), cap)
    for x in (-0.22, 0.0, 0.22):
        sketch.line([(x * w, -0.5), (x * w, -0.16)], 0.06, shade(cap, 0.72))
    _glint(sketch, [(-0.62 * w, 1.0), (-0.76 * w, 1.75)], 0.15, plastic)


def _squat(sketch: Sketch, rng: np.random.Generator) -> None:
    w = _near(rng, 1.0)
    if rng.random() < 0.5:
        glass, milk = (206, 226, 230), _tint(rng, [(252, 248, 238), (252, 248, 238), (222, 178, 138), (244, 190, 196)])
        body = [(0.56, 0.0), (0.52, 0.6), (0.6, 1.0), (0.98, 1.9), (1.05, 2.5), (1.05, 4.3), (1.0, 4.6), (0.86, 4.7)]
        level = rng.uniform(0.7, 1.9)
        _turned(sketch, _widen(body, w), glass)
        _turned(sketch, _widen([(0.9 * half, min(y, 4.5)) for half, y in body if y > level], w), milk)
        _turned(sketch, _widen([(0.66, -0.28), (0.68, 0.0), (0.62, 0.22)], w), _tint(rng, PAINTS))
        _glint(sketch, [(-0.7 * w, 2.1), (-0.74 * w, 3.4)], 0.16, glass)
    else:
        glass, drink = _tint(rng, [(196, 222, 226), (178, 208, 196), (214, 214, 226)]), _tint(rng, DRINKS)
        wide = rng.uniform(1.25, 1.6)
        body = [(0.5, 0.0), (0.34, 0.25), (0.32, 1.0), (0.42, 1.5), (0.9 * wide, 2.5), (wide, 3.3)]
        body += [(0.92 * wide, 4.0), (0.7 * wide, 4.25)]
        _turned(sketch, _widen(body, w), glass)
        inner = [(0.7 * wide, 2.4), (0.92 * wide, 3.2), (0.84 * wide, 3.85), (0.64 * wide, 4.1)]
        _turned(sketch, _widen(inner, w), drink)
        sketch.ellipse(0, 2.4, 0.7 * wide * w, 0.13, shade(drink, 1.3))
        sketch.rectangle(-0.26 * w, -0.25, 0.26 * w, 0.2, shade(glass, 0.86), radius=0.06)
        sketch.ellipse(0, -0.6, 0.5 * w, 0.5, glass)
        sketch.ellipse(-0.14 * w, -0.74, 0.16 * w, 0.14, shade(glass, 1.7))
        _glint(sketch, [(-0.5 * wide * w, 2.15), (-0.78 * wide * w, 2.9), (-0.78 * wide * w, 3.3)], 0.15, glass)


def _label(sketch: Sketch, rng: np.random.Generator, w: float, top: float, bottom: float, paper: Colour) -> None:
    """Stick a label round a bottle of half width `w`: a band with an emblem and lines of print."""
    ink = _tint(rng, [colour for colour in PAINTS if abs(sum(colour) - sum(paper)) > 160])
    height = bottom - top
    _turned(sketch, [(w, top), (w, bottom)], paper)
    emblem = rng.integers(3)
    if emblem == 0:
        sketch.ellipse(0, top + 0.42 * height, 0.42 * w, 0.26 * height, ink)
    elif emblem == 1:
        _turned(sketch, [(w, top + 0.28 * height), (w, top + 0.58 * height)], ink)
    else:
        diamond = np.array([(0, 0.14), (0.36, 0.4), (0, 0.66), (-0.36, 0.4)]) * (w, height)
        sketch.polygon(np.add(diamond, (0, top)), ink)
    sketch.line([(-0.5 * w, top + 0.82 * height), (0.5 * w, top + 0.82 * height)], 0.05 * height, shade(ink, 0.9))


def chair(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a chair: 0 wooden in three-quarter view, 1 office swivel, 2 bar stool or armchair, 3 from the front."""
    (_wooden_chair, _office_chair, _stool_or_armchair, _front_chair)[variant % 4](sketch, rng)


def _wooden_chair(sketch: Sketch, rng: np.random.Generator) -> None:
    """Corners of the seat: front left, front right, back right, back left; the chair faces left and us."""
    wood = _tint(rng, WOODS if rng.random() < 0.7 else PAINTS)
    dark, pad = shade(wood, 0.74), _tint(rng, PAINTS)
    w, legs, back = _near(rng, 1.0, 0.1), _near(rng, 1.55, 0.12), _near(rng, 1.9, 0.12)
    fl, fr, br, bl = np.array([(-1.0 * w, 0.16), (0.46 * w, 0.42), (0.92 * w, -0.12), (-0.4 * w, -0.34)])
    down, lean = np.array((0, legs)), np.array((0.2, -back))
    for corner, foot in ((bl, (0.04, -0.1)), (br, (0.16, 0))):
        _stick(sketch, corner, corner + down + foot, 0.13, 0.09, dark)
    rung = 0.62
    sketch.line([bl + rung * down, fl + rung * down], 0.09, dark)
    sketch.line([br + rung * down, fr + rung * down], 0.09, dark)
    for corner in (bl, br):
        _stick(sketch, corner + lean, np.add(corner, (0, 0.1)), 0.1, 0.15, wood if corner is br else shade(wood, 0.88))
    style = rng.integers(3)
    if style == 0:  # ladder back
        for t in (0.42, 0.68):
            sketch.line(
                [bl + t * lean, (bl + br) / 2 + t * lean + (0, 0.08), br + t * lean], 0.2, shade(wood, 0.9), curved=True
            )
    elif style == 1:  # spindles
        for s in (0.25, 0.5, 0.75):
            foot = bl + s * (br - bl)
            _stick(sketch, foot + lean, foot, 0.06, 0.06, shade(wood, 0.86))
    else:  # a splat as broad as a hand
        sides = [bl + s * (br - bl) + t * lean for s, t in ((0.34, 0.0), (0.28, 0.95), (0.72, 0.95), (0.66, 0.0))]
        sketch.polygon(sides, shade(wood, 0.88))
    sketch.line([bl + lean, (bl + br) / 2 + lean + (0, -0.1), br + lean], 0.3, wood, curved=True)
    for corner, foot in ((fl, (-0.06, 0)), (fr, (0.0, 0.05))):
        _stick(sketch, corner, corner + down + foot, 0.15, 0.1, wood)
    _slab(sketch, [fl, fr, br, bl], 0.2, wood)
    if rng.random() < 0.6:
        middle = (fl + fr + br + bl) / 4
        cushion = [middle + 0.92 * (corner - middle) + (0, -0.06) for corner in (fl, fr, br, bl)]
        _slab(sketch, _rounded(cushion), 0.12, pad)


def _office_chair(sketch: Sketch, rng: np.random.Generator) -> None:
    cloth, metal = _tint(rng, PAINTS), _tint(rng, METALS)
    w, back, turn = _near(rng, 1.0, 0.1), _near(rng, 1.75), rng.uniform(-0.15, 0.25)
    arms = rng.random() < 0.7
    for x, y in ((-0.95, 1.72), (-0.55, 1.98), (0.2, 2.04), (0.85, 1.84), (0.4, 1.66)):
        sketch.line([(0, 1.45), (x * w, y - 0.16)], 0.15, shade(metal, 0.9))
        sketch.ellipse(x * w, y, 0.15, 0.16, (42, 42, 48))
        sketch.ellipse(x * w, y, 0.06, 0.06, (150, 152, 158))
    sketch.rectangle(-0.11, 0.4, 0.11, 1.5, metal)
    sketch.rectangle(0.02, 0.4, 0.11, 1.5, shade(metal, 0.75))
    sketch.rectangle(-0.17, 1.1, 0.17, 1.55, shade(metal, 0.7), radius=0.06)
    stem = [(0.1, 0.4), (0.62 * turn + 0.1, 0.1), (turn, -0.8)]
    sketch.line(stem, 0.2, shade(metal, 0.8), curved=True)
    half = [(0.62, -back), (0.8, -0.55 * back - 0.2), (0.74, -0.4), (0.5, -0.28)]
    outline = np.array([*half, *((-x, y) for x, y in reversed(half))]) * (w, 1) + (turn, 0)
    sketch.blob(outline, cloth)
    middle = np.array([turn, -0.55 * back])
    sketch.blob(middle + 0.8 * (outline - middle), shade(cloth, 1.14))
    for y in rng.uniform(0.3, 0.75, size=rng.integers(0, 2)):
        sketch.line(
            [(turn - 0.5 * w, -y * back), (turn, -y * back + 0.06), (turn + 0.5 * w, -y * back)],
            0.06,
            shade(cloth, 0.85),
            curved=True,
        )
    if arms:
        sketch.line([(0.75 * w, 0.22), (1.12 * w, 0.1), (1.1 * w, -0.5)], 0.12, shade(metal, 0.8))
        sketch.line([(0.82 * w, -0.52), (1.25 * w, -0.48)], 0.2, (50, 50, 56))
    seat = [(-1.0 * w, 0.1), (-0.62 * w, -0.14), (0.6 * w, -0.14), (0.95 * w, 0.06), (0.8 * w, 0.34), (-0.8 * w, 0.38)]
    sketch.blob(np.add(seat, (0, 0.14)), shade(cloth, 0.72))
    sketch.blob(seat, cloth)
    if arms:
        sketch.line([(-0.8 * w, 0.3), (-1.16 * w, 0.16), (-1.12 * w, -0.44)], 0.12, metal)
        sketch.line([(-1.3 * w, -0.42), (-0.84 * w, -0.46)], 0.2, (62, 62, 68))


def _stool_or_armchair(sketch: Sketch, rng: np.random.Generator) -> None:
    wood, cloth = _tint(rng, WOODS), _tint(rng, PAINTS)
    w = _near(rng, 1.0, 0.12)
    if rng.random() < 0.5:  # bar stool: long splayed legs with rungs, a low back
        legs, back = _near(rng, 3.0), rng.uniform(0.9, 1.4)
        frame = wood if rng.random() < 0.6 else _tint(rng, METALS)
        for x in (-0.5, 0.5):
            _stick(sketch, (x * w, 0.1), (x * 1.25 * w, legs * 0.93), 0.12, 0.09, shade(frame, 0.68))
        for t in (0.55, 0.72):
            sketch.line([(-(0.7 + 0.3 * t) * w, t * legs), ((0.7 + 0.3 * t) * w, t * legs)], 0.1, shade(frame, 0.86))
        for flip in (-1, 1):
            _stick(sketch, (0.75 * flip * w, 0.1), (1.05 * flip * w, legs), 0.14, 0.11, frame)
            _stick(sketch, (0.8 * flip * w, -back), (0.68 * flip * w, 0.1), 0.1, 0.12, shade(frame, 0.86))
        rest = _mirrored([(0, -back - 0.22), (0.98 * w, -back - 0.1), (0.9 * w, -0.55 * back)])
        sketch.blob(rest, cloth)
        sketch.ellipse(0, 0.14, 0.98 * w, 0.32, shade(cloth, 0.68))
        sketch.ellipse(0, 0.0, 0.98 * w, 0.32, cloth)
        sketch.ellipse(-0.12 * w, -0.05, 0.68 * w, 0.17, shade(cloth, 1.15))
        return
    # Armchair with an open wooden frame and two cushions, seen from the side.
    sketch.line([(1.0 * w, -1.3), (0.55 * w, 0.5), (0.98 * w, 1.75)], 0.14, shade(wood, 0.72))
    _stick(sketch, (-0.8 * w, 0.3), (-0.98 * w, 1.62), 0.13, 0.09, shade(wood, 0.72))
    back = [(0.62 * w, -1.55), (1.02 * w, -1.5), (0.92 * w, -0.4), (0.62 * w, 0.55), (0.14 * w, 0.5), (0.34 * w, -0.5)]
    sketch.blob(np.add(back, (0.1, 0.04)), shade(cloth, 0.72))
    sketch.blob(back, shade(cloth, 0.92))
    sketch.line([(0.64 * w, -1.3), (0.44 * w, -0.5), (0.28 * w, 0.3)], 0.09, shade(cloth, 1.15), curved=True)
    sketch.blob([(-1.02 * w, 0.2), (-0.5 * w, 0.06), (0.5 * w, 0.24), (0.56 * w, 0.56), (-0.9 * w, 0.58)], cloth)
    sketch.line([(-0.86 * w, 0.5), (-0.2 * w, 0.5), (0.46 * w, 0.54)], 0.1, shade(cloth, 0.76))
    sketch.line([(-0.95 * w, 0.66), (0.5 * w, 0.74)], 0.14, shade(wood, 0.86))
    sketch.line([(-0.98 * w, -0.42), (0.2 * w, -0.44), (0.98 * w, -0.26)], 0.18, wood, curved=True)
    _stick(sketch, (-0.86 * w, -0.42), (-1.08 * w, 1.8), 0.14, 0.1, wood)
    _stick(sketch, (0.82 * w, -0.3), (1.12 * w, 1.85), 0.15, 0.1, wood)


def _front_chair(sketch: Sketch, rng: np.random.Generator) -> None:
    wood = _tint(rng, WOODS if rng.random() < 0.6 else PAINTS)
    seat_colour = wood if rng.random() < 0.5 else _tint(rng, PAINTS)
    w, legs, back = _near(rng, 1.0, 0.12), _near(rng, 1.7, 0.12), _near(rng, 2.2)
    for flip in (-1, 1):
        _stick(sketch, (0.66 * flip * w, 0.2), (0.7 * flip * w, legs * 0.9), 0.12, 0.09, shade(wood, 0.62))
    sketch.line([(-0.7 * w, 0.5 * legs), (0.7 * w, 0.5 * legs)], 0.09, shade(wood, 0.66))
    count = int(rng.integers(3, 6))
    style = rng.integers(3)
    if style == 0:  # upright slats under a broad top rail
        for x in np.linspace(-0.62, 0.62, count + 2)[1:-1] * w:
            _stick(sketch, (x * 1.08, -back), (x, 0), 0.06, 0.06, shade(wood, 0.86))
        for flip in (-1, 1):
            _stick(sketch, (0.86 * flip * w, -back), (0.74 * flip * w, 0.1), 0.1, 0.13, wood)
        rail = [(0, -back - 0.28), (w, -back - 0.1), (0.92 * w, -back + 0.3), (0.1, -back + 0.2)]
        sketch.blob(_mirrored(rail), wood)
    elif style == 1:  # a bow filled with spindles
        bow = np.roll(_mirrored([(0.5 * w, -back), (0.86 * w, -0.6 * back), (0.7 * w, 0)]), 3, axis=0)
        for x in np.linspace(-0.5, 0.5, count) * w:
            _stick(sketch, (x * 1.1, -back * (1.06 - 0.3 * (x / w) ** 2)), (x, 0), 0.045, 0.06, shade(wood, 0.86))
        sketch.line(bow, 0.18, wood, curved=True)
    else:  # ladder back
        for t in np.linspace(0.36, 1.0, min(count, 4)):
            curve = [(-0.76 * w, -t * back), (0, -t * back - 0.12), (0.76 * w, -t * back)]
            sketch.line(curve, 0.22, shade(wood, 0.9), curved=True)
        for flip in (-1, 1):
            _stick(sketch, (0.84 * flip * w, -back - 0.25), (0.76 * flip * w, 0.1), 0.11, 0.13, wood)
    for flip in (-1, 1):
        _stick(sketch, (0.86 * flip * w, 0.4), (0.94 * flip * w, legs + 0.3), 0.15, 0.11, wood)
    sketch.line([(-0.9 * w, 0.62 * legs), (0.9 * w, 0.62 * legs)], 0.11, shade(wood, 0.9))
    _slab(sketch, [(-1.04 * w, 0.4), (1.04 * w, 0.4), (0.78 * w, -0.12), (-0.78 * w, -0.12)], 0.22, seat_colour)


def diningtable(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a table: 0 with a tablecloth, 1 round on one leg, 2 laid and seen from above, 3 a long trestle."""
    (_cloth_table, _round_table, _laid_table, _trestle_table)[variant % 4](sketch, rng)


def _cloth_table(sketch: Sketch, rng: np.random.Generator) -> None:
    wood, cloth, trim = _tint(rng, WOODS), _tint(rng, PAINTS), _tint(rng, PAINTS)
    w, deep, legs, hang = _near(rng, 2.3), rng.uniform(0.55, 0.8), _near(rng, 1.9), rng.uniform(0.5, 0.85)
    for flip in (-1, 1):
        _stick(sketch, (0.8 * flip * w, 0), (0.82 * flip * w, legs * 0.86), 0.16, 0.13, shade(wood, 0.62))
        _stick(sketch, (0.92 * flip * w, 0), (0.94 * flip * w, legs + 0.2), 0.2, 0.15, wood)
    # The hem swings in folds; each fold is lit on one side.
    folds = int(rng.integers(5, 9))
    xs = np.linspace(-w, w, 2 * folds + 1)
    drops = hang + np.where(np.arange(len(xs)) % 2 == 1, 0.14, 0.0)
    hem = smooth(np.stack([xs * 1.03, drops], axis=1), closed=False)
    sketch.polygon([(-w, 0), (w, 0), *hem[::-1]], shade(cloth, 0.86))
    sketch.line(hem - (0, 0.07), 0.13, shade(trim, 0.9))
    for x in xs[2:-1:2]:
        sketch.polygon([(x, 0.05), (x * 1.03 - 0.06, hang - 0.12), (x * 1.03 + 0.06, hang - 0.12)], shade(cloth, 0.7))
    top = [(-w, 0), (w, 0), (0.84 * w, -deep), (-0.84 * w, -deep)]
    sketch.polygon(top, cloth)
    if rng.random() < 0.5:  # a runner along the middle
        sketch.polygon([(-0.22 * w, 0), (0.22 * w, 0), (0.19 * w, -deep), (-0.19 * w, -deep)], trim)
    _centrepiece(sketch, rng, 0, -0.45 * deep)
    for x in (-0.56, 0.56):
        _plate(sketch, rng, x * w, -0.45 * deep, 0.34)


def _round_table(sketch: Sketch, rng: np.random.Generator) -> None:
    wood = _tint(rng, WOODS + PAINTS[10:13])
    w, legs = _near(rng, 1.8), _near(rng, 2.0)
    for x, y in ((-0.62, 0.0), (0.62, 0.0), (-0.12, 0.26)):
        foot = [(0, legs - 0.55), (x * 0.7 * w, legs - 0.28), (x * w, legs + y)]
        sketch.line(foot, 0.2, shade(wood, 0.66 if y == 0 else 0.82), curved=True)
    column = [(0.3, 0.2), (0.17, 0.5 * legs), (0.15, 0.6 * legs), (0.26, legs - 0.5), (0.26, legs - 0.2)]
    _turned(sketch, column, shade(wood, 0.86))
    ry = 0.3 * w * _near(rng, 1.0)
    if rng.random() < 0.45:  # a round cloth that hangs in waves
        cloth = _tint(rng, PAINTS)
        turn = np.linspace(0, np.pi, 17)
        drop = 0.5 + 0.12 * (np.arange(17) % 2)
        hem = np.stack([1.02 * w * np.cos(turn), ry * np.sin(turn) + drop], axis=1)
        sketch.polygon([(-w, 0), *smooth(hem, closed=False)[::-1], (w, 0)], shade(cloth, 0.78))
        sketch.ellipse(0, 0, w, ry, cloth)
    else:
        cloth = wood
        sketch.ellipse(0, 0.2, w, ry, shade(wood, 0.62))
        sketch.polygon([(-w, 0), (w, 0), (w, 0.2), (-w, 0.2)], shade(wood, 0.62))
        sketch.ellipse(0, 0, w, ry, wood)
        sketch.ellipse(-0.05 * w, -0.04, 0.84 * w, 0.8 * ry, shade(wood, 1.1))
    _plate(sketch, rng, -0.5 * w, 0.1 * ry, 0.32)
    _plate(sketch, rng, 0.52 * w, 0.1 * ry, 0.32)
    _centrepiece(sketch, rng, 0.02 * w, -0.1 * ry)


def _laid_table(sketch: Sketch, rng: np.random.Generator) -> None:
    wood, mat = _tint(rng, WOODS), _tint(rng, PAINTS)
    w, deep, legs = _near(rng, 2.2), _near(rng, 1.9, 0.2), _near(rng, 1.0, 0.25)
    far = rng.uniform(0.68, 0.8)
    for flip in (-1, 1):
        _stick(sketch, (0.88 * flip * w, 0.1), (0.9 * flip * w, legs + 0.2), 0.2, 0.16, shade(wood, 0.8))
    _slab(sketch, [(-w, 0), (w, 0), (far * w, -deep), (-far * w, -deep)], 0.22, wood)
    for t in (0.25, 0.5, 0.75):  # joints between the boards
        x = (1 - t * (1 - far)) * w
        sketch.line([(-x, -t * deep), (x, -t * deep)], 0.025, shade(wood, 0.84))
    seats = int(rng.integers(2, 4))
    for t, size in ((0.78, 0.85), (0.2, 1.0)):
        half = (1 - t * (1 - far)) * w
        for x in np.linspace(-1, 1, 2 * seats + 1)[1::2] * half * 0.96:
            r = 0.36 * size * min(1.0, 2.4 / seats)
            y = -t * deep
            sketch.rectangle(x - 1.5 * r, y - 0.72 * r, x + 1.5 * r, y + 0.72 * r, mat, radius=0.08)
            _plate(sketch, rng, x, y, r)
            sketch.line([(x - 1.25 * r, y - 0.4 * r), (x - 1.25 * r, y + 0.4 * r)], 0.05, (226, 228, 232))
            sketch.line([(x + 1.25 * r, y - 0.4 * r), (x + 1.25 * r, y + 0.4 * r)], 0.05, (226, 228, 232))
    _centrepiece(sketch, rng, 0, -0.48 * deep)
    for x in (-0.5, 0.48):
        _turned(sketch, [(0.15, -0.4), (0.12, 0.0)], (206, 228, 236), at=(x * w, -0.42 * deep))


def _trestle_table(sketch: Sketch, rng: np.random.Generator) -> None:
    wood, frame = _tint(rng, WOODS), _tint(rng, WOODS + METALS)
    w, deep, legs = _near(rng, 2.8), rng.uniform(0.45, 0.7), _near(rng, 2.1)
    style = rng.integers(3)
    for flip in (-1, 1):
        x = 0.7 * flip * w
        if style == 0:  # A: two splayed legs and a rung
            _stick(sketch, (x - 0.12, 0), (x - 0.55, legs), 0.2, 0.16, frame)
            _stick(sketch, (x + 0.12, 0), (x + 0.55, legs), 0.2, 0.16, shade(frame, 0.84))
            sketch.line([(x - 0.36, 0.58 * legs), (x + 0.36, 0.58 * legs)], 0.13, shade(frame, 0.72))
        elif style == 1:  # X
            _stick(sketch, (x + 0.5, 0), (x - 0.5, legs), 0.18, 0.18, shade(frame, 0.78))
            _stick(sketch, (x - 0.5, 0), (x + 0.5, legs), 0.18, 0.18, frame)
        else:  # a sturdy post on a foot
            sketch.rectangle(x - 0.24, 0, x + 0.24, legs, frame)
            sketch.rectangle(x + 0.06, 0, x + 0.24, legs, shade(frame, 0.8))
            sketch.rectangle(x - 0.5, legs - 0.2, x + 0.5, legs, shade(frame, 0.86), radius=0.1)
    if style != 0:
        sketch.line([(-0.7 * w, 0.52 * legs), (0.7 * w, 0.52 * legs)], 0.16, shade(frame, 0.7))
    _slab(sketch, [(-w, 0), (w, 0), (0.93 * w, -deep), (-0.93 * w, -deep)], 0.24, wood)
    for x in np.linspace(-0.72, 0.72, 3 + int(rng.integers(3))) * w:
        kind = rng.random()
        if kind < 0.4:
            _plate(sketch, rng, x, -0.5 * deep, 0.3)
        elif kind < 0.75:
            _centrepiece(sketch, rng, x, -0.45 * deep)


def pottedplant(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a plant in a pot: 0 cactus, 1 leafy tree, 2 flowers, 3 arching palm or a hanging basket."""
    (_cactus, _ficus, _flowers, _palm_or_basket)[variant % 4](sketch, rng)


def _pot(sketch: Sketch, rng: np.random.Generator, half: float, height: float) -> None:
    """Stand a pot under the origin; its rim is a little wider than `half`."""
    fill = _tint(rng, POTS)
    style = rng.integers(3)
    if style == 0:  # flower pot with a collar
        _turned(sketch, [(half, 0), (0.7 * half, height)], fill)
        _turned(sketch, [(1.12 * half, -0.02), (1.1 * half, 0.28 * height)], shade(fill, 1.08))
    elif style == 1:  # bellied
        _turned(
            sketch,
            [(0.86 * half, 0), (1.1 * half, 0.4 * height), (0.98 * half, 0.8 * height), (0.7 * half, height)],
            fill,
        )
        band = [(1.06 * half, 0.3 * height), (1.1 * half, 0.42 * height), (1.06 * half, 0.56 * height)]
        _turned(sketch, band, _tint(rng, PAINTS))
        _turned(sketch, [(0.98 * half, -0.06), (0.94 * half, 0.14 * height)], shade(fill, 1.12))
    else:  # a plain tub on a saucer
        _turned(sketch, [(1.05 * half, 0), (0.92 * half, 0.94 * height)], fill)
        _turned(sketch, [(1.08 * half, 0.9 * height), (0.96 * half, height)], shade(fill, 0.8))
        for y in (0.3, 0.5):
            wave = [(x * half, y * height + 0.05 * (-1) ** i) for i, x in enumerate(np.linspace(-0.88, 0.88, 9))]
            sketch.line(wave, 0.07, shade(fill, 0.76) if sum(fill) > 330 else shade(fill, 1.4))


def _cactus(sketch: Sketch, rng: np.random.Generator) -> None:
    green, bloom = _tint(rng, LEAVES), _tint(rng, PETALS)
    half, height = _near(rng, 0.55), _near(rng, 3.0, 0.25)
    for flip in (-1, 1):
        if rng.random() < 0.85:
            y, out, up = -height * rng.uniform(0.3, 0.5), half + rng.uniform(0.5, 0.75), rng.uniform(0.7, 1.2)
            arm = [(0, y), (flip * out * 0.8, y), (flip * out, y - 0.25), (flip * out, y - up)]
            sketch.line(arm, 0.62 * half * 2, shade(green, 0.9), curved=True)
            sketch.line([(flip * out, y - 0.2), (flip * out, y - up)], 0.06, shade(green, 0.72))
            if rng.random() < 0.5:
                _blossom(sketch, rng, flip * out, y - up - 0.42, 0.24, bloom)
    _turned(
        sketch,
        [
            (0.12, -height - 0.42),
            (0.7 * half, -height - 0.28),
            (half, -height + 0.3),
            (1.04 * half, -0.5 * height),
            (0.9 * half, 0.2),
        ],
        green,
    )
    for x in (-0.5, 0.0, 0.5):
        sketch.line(
            [(x * half, -height + 0.1), (x * half * 1.15, -0.5 * height), (x * half, -0.05)],
            0.06,
            shade(green, 0.72),
            curved=True,
        )
    for y in np.linspace(-height + 0.2, -0.3, 6):
        for x in (-0.75, -0.25, 0.25, 0.75):
            sketch.line([(x * half - 0.06, y - 0.05), (x * half + 0.06, y + 0.05)], 0.035, shade(green, 1.7))
    if rng.random() < 0.6:
        _blossom(sketch, rng, 0.0, -height - 0.5, 0.3, bloom)
    _pot(sketch, rng, _near(rng, 0.95), _near(rng, 1.35))


def _ficus(sketch: Sketch, rng: np.random.Generator) -> None:
    green, bark = _tint(rng, LEAVES), _tint(rng, WOODS[:3])
    height, spread = _near(rng, 3.0, 0.2), _near(rng, 1.35)
    count, size = int(rng.integers(15, 22)), rng.uniform(0.85, 1.15)
    sketch.line([(0, 0.1), (0.1, -0.5 * height), (-0.05, -height)], 0.2, bark, curved=True)
    tips = []
    for i in range(count):
        # Leaves follow a golden-angle spiral, which spreads them evenly without a pattern showing.
        r, angle = np.sqrt((i + 0.5) / count), 2.4 * i + rng.uniform(-0.2, 0.2)
        tips.append((spread * r * np.cos(angle), -height + 1.15 * spread * r * np.sin(angle)))
    for x, y in tips[::4]:
        sketch.line([(0.05, -0.5 * height), (0.6 * x, 0.5 * (y - 0.5 * height)), (x, y)], 0.08, bark, curved=True)
    for x, y in sorted(tips, key=lambda tip: -np.hypot(tip[0], tip[1] + height)):
        away = np.array([x, y + 0.75 * height])
        away = away / (np.linalg.norm(away) + 1e-9) + (0, 0.12)
        tip = np.array([x, y])
        _leaf(
            sketch,
            tip - 0.45 * size * away,
            tip + 0.55 * size * away,
            0.27 * size,
            shade(green, rng.uniform(0.74, 1.16)),
        )
    _pot(sketch, rng, _near(rng, 0.85), _near(rng, 1.25))


def _flowers(sketch: Sketch, rng: np.random.Generator) -> None:
    green, petal = _tint(rng, LEAVES), _tint(rng, PETALS)
    second = _tint(rng, PETALS) if rng.random() < 0.5 else petal
    count, tulips = int(rng.integers(3, 7)), rng.random() < 0.4
    heads = []
    for i in range(count):
        x = (i - (count - 1) / 2) * 2.2 / count
        heads.append((x * _near(rng, 1.0), -rng.uniform(1.5, 2.0) - 0.75 * (1 - abs(x) / 1.3) - 0.35 * (i % 2)))
    for x, y in heads:
        sketch.line([(0.25 * x, 0.1), (0.6 * x, 0.55 * y), (x, y)], 0.09, shade(green, 0.86), curved=True)
    for flip in (-1, 1):
        for reach, rise in ((1.25, 0.55), (0.95, 1.1), (0.5, 1.35)):
            _leaf(
                sketch,
                (0.2 * flip, 0.1),
                (flip * reach * _near(rng, 1.0), -rise * _near(rng, 1.0)),
                0.22,
                shade(green, rng.uniform(0.82, 1.1)),
            )
    for i, (x, y) in enumerate(heads):
        fill = petal if i % 2 else second
        if tulips:
            cup = _mirrored([(0, -0.5), (0.16, -0.2), (0.34, -0.42), (0.32, 0.16), (0.05, 0.36)])
            sketch.polygon(np.add(cup, (x, y)), shade(fill, 0.84))
            sketch.blob(np.add(_mirrored([(0, -0.5), (0.2, -0.1), (0.12, 0.3)]), (x, y)), fill)
        else:
            _blossom(sketch, rng, x, y, 0.5, fill)
    _pot(sketch, rng, _near(rng, 0.85), _near(rng, 1.2))


def _palm_or_basket(sketch: Sketch, rng: np.random.Generator) -> None:
    green = _tint(rng, LEAVES)
    if rng.random() < 0.6:
        count, reach = int(rng.integers(8, 13)), _near(rng, 2.0)
        order = np.argsort(-np.abs(np.linspace(-1, 1, count)))
        for i, k in enumerate(order):  # outer fronds first, so that the upright ones stand in front
            s = 2 * k / (count - 1) - 1 + rng.uniform(-0.06, 0.06)
            rise = 2.9 * (1 - 0.75 * s * s) * _near(rng, 1.0, 0.1)
            tip = (reach * s * 1.1, -rise + 0.9 * abs(s))
            _frond(
                sketch,
                (0.1 * s, 0.1),
                (0.5 * reach * s, -rise * 0.95),
                tip,
                0.19,
                shade(green, 0.76 + 0.36 * i / count),
            )
        _pot(sketch, rng, _near(rng, 0.85), _near(rng, 1.2))
        return
    cord = _tint(rng, [(150, 112, 78), (236, 226, 204), (90, 78, 72)])
    half = _near(rng, 0.95)
    for x in (-1.0, 0.0, 1.0):
        sketch.line([(0, -3.1), (x * half, 0)], 0.07, shade(cord, 0.8 if x == 0 else 1.0))
    sketch.ring(0, -3.25, 0.16, 0.16, 0.08, cord)
    _pot(sketch, rng, half, _near(rng, 1.1))
    for s in rng.permutation(np.linspace(-1, 1, 9)):  # tufts over the rim and trailing vines
        _leaf(
            sketch,
            (0.7 * s * half, 0.15),
            (1.5 * s * half, -0.75 + 0.6 * abs(s)),
            0.2,
            shade(green, rng.uniform(0.76, 1.1)),
        )
    for s in np.linspace(-1, 1, int(rng.integers(4, 7))):
        end = rng.uniform(1.5, 2.9) * (0.65 + 0.35 * abs(s))
        vine = smooth(
            [(0.8 * s * half, 0.0), (1.25 * s * half, 0.25), (1.3 * s * half, 0.6 * end), (1.2 * s * half, end)],
            closed=False,
        )
        sketch.line(vine, 0.06, shade(green, 0.7))
        for i in range(3, len(vine), 4):
            flip = 1 if (i // 4) % 2 else -1
            _leaf(sketch, vine[i], vine[i] + (0.36 * flip, 0.26), 0.15, shade(green, rng.uniform(0.85, 1.15)))


def sofa(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a sofa: 0 two-seater, 1 three-seater with loose cushions, 2 with a chaise longue, 3 high chesterfield."""
    if variant % 4 == 3:
        _chesterfield(sketch, rng)
        return
    seats, chaise = 2 + (variant % 4 == 1), variant % 4 == 2
    cloth, wood = _tint(rng, PAINTS), _tint(rng, WOODS + METALS)
    seat, back = _near(rng, 1.75 if seats == 2 else 1.5, 0.1), _near(rng, 1.15)
    arm, rise, soft = rng.uniform(0.28, 0.5), rng.uniform(0.35, 0.8), rng.uniform(0.1, 0.32)
    seats += chaise
    half, floor = seats * seat / 2, rng.uniform(0.85, 1.1)
    feet = rng.uniform(0.12, 0.38)
    for x in (-half - 0.4 * arm, half + 0.4 * arm):
        _stick(sketch, (0.95 * x, floor - 0.1), (x, floor + feet), 0.18, 0.12, wood)
    sketch.rectangle(-half - 0.12, -back, half + 0.12, floor - 0.1, shade(cloth, 0.74), radius=soft)
    for i in range(seats):  # back cushions
        x = -half + i * seat
        _cushion(sketch, x + 0.03, -back + 0.12, x + seat - 0.03, 0.22, shade(cloth, 0.92), soft)
    sketch.rectangle(-half, 0.45, half, floor, shade(cloth, 0.66), radius=0.1)
    flip = 1 if rng.random() < 0.5 else -1
    for i in range(seats):
        x = -half + i * seat
        _cushion(sketch, x + 0.02, 0.08, x + seat - 0.02, 0.55, cloth, 0.16)
    if rng.random() < (0.5, 1.0, 0.6)[variant % 4]:
        for x in rng.permutation([-half + 0.5, half - 0.5, 0.2])[: 1 + int(rng.integers(2)) + (variant % 4 == 1)]:
            _throw(sketch, x, -0.22, 0.42 * _near(rng, 1.0), rng.uniform(-22, 22), _tint(rng, PAINTS))
    for side in (-1, 1):
        if chaise and side == flip:
            continue
        x0, x1 = sorted((side * half, side * (half + arm)))
        sketch.rectangle(x0, -rise, x1, floor, shade(cloth, 0.86), radius=soft)
        sketch.rectangle(x0 + 0.05, -rise + 0.04, x1 - 0.05, -rise + 0.3, shade(cloth, 1.1), radius=soft)
    if chaise:  # the last seat comes forward to us, so it reaches further down
        x0, x1 = sorted((flip * (half - seat), flip * (half + 0.5 * arm)))
        deep = floor + rng.uniform(0.35, 0.65)
        for x in (x0 + 0.2, x1 - 0.2):
            _stick(sketch, (x, deep - 0.1), (x, deep + feet), 0.18, 0.12, wood)
        sketch.rectangle(x0, 0.5, x1, deep, shade(cloth, 0.74), radius=0.12)
        near = deep - 0.36
        slant = 0.1 * flip
        _slab(
            sketch, _rounded([(x0 + slant, near), (x1 + slant, near), (x1, 0.06), (x0, 0.06)]), 0.2, shade(cloth, 1.08)
        )


def _chesterfield(sketch: Sketch, rng: np.random.Generator) -> None:
    """Draw rolled arms and a buttoned back that rises to a crest."""
    leather, wood = _tint(rng, PAINTS), _tint(rng, WOODS)
    half, crest = rng.uniform(1.7, 2.3), rng.uniform(0.1, 0.7)
    back, floor = _near(rng, 1.4), 1.1
    for x in (-half, half):
        _turned(sketch, [(0.16, 0), (0.2, 0.14), (0.1, 0.34), (0.12, 0.42)], wood, at=(x, floor - 0.05))
    right = [(0, -back - crest), (0.5 * half, -back - 0.5 * crest), (half, -back), (half, 0.6)]
    outline = smooth(np.roll(_mirrored(right), 3, axis=0), closed=False)
    sketch.polygon(outline, shade(leather, 0.86))
    sketch.line(outline[8:-8], 0.2, shade(leather, 1.1))
    rows = 3
    for row in range(rows):  # buttons in staggered rows, joined by creases
        y = -back + 0.3 + row * (back - 0.1) / rows
        for x in np.arange(-half + 0.45 + 0.25 * (row % 2), half - 0.3, 0.5):
            if row + 1 < rows:
                for dx in (-0.25, 0.25):
                    sketch.line([(x, y), (x + dx, y + (back - 0.1) / rows)], 0.04, shade(leather, 0.72))
            sketch.ellipse(x, y, 0.07, 0.07, shade(leather, 0.6))
    sketch.rectangle(-half, 0.5, half, floor, shade(leather, 0.72), radius=0.08)
    count = int(rng.integers(2, 4))
    for i in range(count):
        step = 2 * (half - 0.15) / count
        x = -half + 0.15 + i * step
        _cushion(sketch, x + 0.02, 0.1, x + step - 0.02, 0.62, leather, 0.14)
    roll = rng.uniform(0.3, 0.4)
    arm_top = -rng.uniform(0.45, 0.85)
    for side in (-1, 1):
        x = side * (half + 0.08)
        sketch.rectangle(x - 0.75 * roll, arm_top, x + 0.75 * roll, floor, shade(leather, 0.84), radius=0.1)
        sketch.ellipse(x + side * 0.06, arm_top, 1.25 * roll, roll, leather)
        sketch.ring(x + side * 0.06, arm_top, 0.8 * roll, 0.62 * roll, 0.05, shade(leather, 0.7))
        for y in np.linspace(arm_top + roll + 0.1, floor - 0.15, 5):
            sketch.ellipse(x - side * 0.55 * roll, y, 0.04, 0.04, (214, 180, 110))


def _cushion(sketch: Sketch, x0: float, y0: float, x1: float, y1: float, fill: Colour, radius: float) -> None:
    """Draw an upholstered block: dark underside, body, light upper edge."""
    h = y1 - y0
    sketch.rectangle(x0, y0, x1, y1, shade(fill, 0.78), radius)
    sketch.rectangle(x0, y0, x1, y1 - 0.16 * h, fill, radius)
    sketch.line(
        [(x0 + radius + 0.08, y0 + 0.14 * min(h, 0.8)), (x1 - radius - 0.08, y0 + 0.14 * min(h, 0.8))],
        0.07,
        shade(fill, 1.18),
    )


def _throw(sketch: Sketch, cx: float, cy: float, r: float, angle: float, fill: Colour) -> None:
    """Draw a loose cushion: a square with slightly hollow sides and two stripes."""
    half = np.array([(-1, -1), (0, -0.93), (1, -1), (0.93, 0), (1, 1), (0, 0.93), (-1, 1), (-0.93, 0)]) * r
    turn = np.deg2rad(angle)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    sketch.blob(half @ matrix + (cx, cy), fill)
    for x in (-0.4, 0.1):
        sketch.line(np.array([(x * r, -0.7 * r), (x * r, 0.7 * r)]) @ matrix + (cx, cy), 0.16 * r, shade(fill, 0.76))


def tvmonitor(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a screen: 0 flat television on a stand, 1 old tube, 2 desktop monitor, 3 wall screen or laptop."""
    (_flat_screen, _tube, _monitor, _wall_or_laptop)[variant % 4](sketch, rng)


def _flat_screen(sketch: Sketch, rng: np.random.Generator) -> None:
    case = _tint(rng, CASINGS)
    w, h = 1.78 * _near(rng, 1.0, 0.1), 1.05
    if rng.random() < 0.5:  # two feet
        for flip in (-1, 1):
            sketch.line([(0.6 * flip * w, h), (0.72 * flip * w, h + 0.22)], 0.09, shade(case, 0.76))
            sketch.line([(0.6 * flip * w, h), (0.5 * flip * w, h + 0.22)], 0.09, shade(case, 0.62))
    else:
        sketch.polygon([(-0.16, h), (0.16, h), (0.22, h + 0.24), (-0.22, h + 0.24)], shade(case, 0.62))
        sketch.ellipse(0, h + 0.27, rng.uniform(0.6, 0.95), 0.1, shade(case, 0.76))
    _screen(sketch, rng, (-w, -h, w, h), rng.uniform(0.06, 0.13), case)
    sketch.ellipse(0.92 * w, h - 0.02, 0.03, 0.03, (232, 70, 60))


def _tube(sketch: Sketch, rng: np.random.Generator) -> None:
    case, panel = _tint(rng, WOODS + PAINTS), _tint(rng, [(226, 214, 190), (90, 84, 80), (200, 190, 176)])
    w, h = 1.35 * _near(rng, 1.0, 0.1), 1.0
    for flip, tip in ((-1, -rng.uniform(0.7, 1.1)), (1, rng.uniform(0.7, 1.1))):
        sketch.line([(0.08 * flip, -h), (tip, -h - rng.uniform(0.65, 0.95))], 0.06, (130, 134, 142))
        x, y = sketch.shapes[-1].points[-1]
        sketch.ellipse(x, y, 0.08, 0.08, (196, 198, 204))
        legs = [(0.62 * flip * w, h - 0.05), (0.78 * flip * w, h + 0.42)]
        _stick(sketch, *legs, 0.16, 0.1, shade(case, 0.66))
    sketch.ellipse(0, -h, 0.32, 0.16, shade(case, 0.66))
    sketch.rectangle(-w, -h, w, h, shade(case, 0.78), radius=0.22)
    sketch.rectangle(-w, -h, w, h - 0.12, case, radius=0.22)
    below = rng.random() < 0.35  # knobs under the screen or beside it
    x1, y1 = (w - 0.2, h - 0.55) if below else (0.42 * w, h - 0.3)
    sketch.rectangle(-w + 0.14, -h + 0.14, x1 + 0.04, y1 + 0.04, shade(case, 0.6), radius=0.3)
    _screen(sketch, rng, (-w + 0.16, -h + 0.16, x1, y1), 0.12, panel, radius=0.32)
    if below:
        knobs, grille = (
            [(0.55 * w, h - 0.3), (0.8 * w, h - 0.3)],
            [((-0.8 + 0.1 * i) * w, h - 0.42, 0.2) for i in range(9)],
        )
    else:
        knobs, grille = [(0.72 * w, -0.62), (0.72 * w, -0.18)], [((0.56 + 0.08 * i) * w, 0.2, 0.44) for i in range(5)]
    for x, y, length in grille:
        sketch.line([(x, y), (x, y + length)], 0.05, shade(case, 0.6))
    for x, y in knobs:
        sketch.ellipse(x, y + 0.03, 0.16, 0.16, shade(case, 0.5))
        sketch.ellipse(x, y, 0.15, 0.15, panel)
        sketch.line([(x, y), (x + 0.06, y - 0.08)], 0.05, shade(panel, 0.5))


def _monitor(sketch: Sketch, rng: np.random.Generator) -> None:
    case = _tint(rng, CASINGS)
    w, h = 1.35 * _near(rng, 1.0, 0.12), 0.9
    sketch.polygon([(-0.2, h), (0.2, h), (0.26, h + 0.42), (-0.26, h + 0.42)], shade(case, 0.68))
    sketch.ellipse(0, h + 0.46, 0.66, 0.12, shade(case, 0.8))
    chin = rng.uniform(0.08, 0.3)
    sketch.rectangle(-w, -h, w, h + chin, shade(case, 0.84), radius=0.1)
    _screen(sketch, rng, (-w, -h, w, h), rng.uniform(0.08, 0.14), case, desktop=rng.random() < 0.7)
    sketch.ellipse(0, h + chin / 2, 0.05, 0.05, shade(case, 0.5))
    if rng.random() < 0.75:
        top, keys = h + 0.6, _tint(rng, CASINGS)
        _slab(sketch, [(-0.98 * w, top + 0.46), (0.7 * w, top + 0.46), (0.62 * w, top), (-0.9 * w, top)], 0.07, keys)
        ink = shade(keys, 0.72) if sum(keys) > 330 else shade(keys, 1.35)
        for row in range(3):
            y = top + 0.1 + 0.13 * row
            for x in np.linspace(-0.84 - 0.02 * row, 0.56 + 0.02 * row, 9) * w:
                sketch.rectangle(x - 0.06, y - 0.04, x + 0.06, y + 0.04, ink, radius=0.02)
        sketch.ellipse(0.9 * w, top + 0.28, 0.14, 0.2, shade(keys, 0.8))
        sketch.ellipse(0.89 * w, top + 0.25, 0.13, 0.18, keys)


def _wall_or_laptop(sketch: Sketch, rng: np.random.Generator) -> None:
    case = _tint(rng, CASINGS)
    if rng.random() < 0.5:  # a wide screen on the wall, sometimes with a sound bar under it
        w, h = rng.uniform(1.8, 2.2), 1.0
        _screen(sketch, rng, (-w, -h, w, h), rng.uniform(0.04, 0.08), case)
        if rng.random() < 0.6:
            sketch.rectangle(-0.6 * w, h + 0.02, 0.6 * w, h + 0.22, shade(case, 0.8), radius=0.08)
        return
    w, h, deep = 1.5 * _near(rng, 1.0, 0.1), 0.95, rng.uniform(0.5, 0.8)
    _screen(sketch, rng, (-w, -h, w, h), 0.1, case, desktop=rng.random() < 0.6)
    _slab(sketch, [(-1.22 * w, h + deep), (1.22 * w, h + deep), (w, h), (-w, h)], 0.09, shade(case, 1.15))
    ink = shade(case, 0.66) if sum(case) > 330 else shade(case, 1.4)
    for row in range(3):
        y = h + deep * (0.14 + 0.16 * row)
        for x in np.linspace(-0.86, 0.86, 11) * w * (1 + 0.05 * row):
            sketch.rectangle(x - 0.09, y - 0.05 * deep, x + 0.09, y + 0.05 * deep, ink, radius=0.02)
    sketch.rectangle(-0.26 * w, h + 0.68 * deep, 0.26 * w, h + 0.92 * deep, ink, radius=0.04)


def _screen(
    sketch: Sketch,
    rng: np.random.Generator,
    box: tuple[float, float, float, float],
    rim: float,
    case: Colour,
    radius: float = 0.06,
    desktop: bool = False,
) -> None:
    """Draw a picture within `box`, the reflection of a window across it and the frame around it."""
    x0, y0, x1, y1 = box
    # The picture is inset just as far as its corners need to stay under the round corners of the frame.
    inset = 0.3 * (rim / 2 + radius)
    w, h = x1 - x0 - 2 * inset, y1 - y0 - 2 * inset
    paint = _windows if desktop else (_landscape, _programme, _blank)[rng.choice(3, p=[0.4, 0.35, 0.25])]
    paint(sketch, rng, x0 + inset, y0 + inset, w, h)
    frame = Sketch()
    frame.rectangle(x0 + rim / 2, y0 + rim / 2, x1 - rim / 2, y1 - rim / 2, case, radius=radius)
    path = frame.shapes[0].points
    sketch.line([*path, path[0]], rim, case)
    y = y1 - rim / 2
    sketch.line([(x0 + rim / 2 + radius, y), (x1 - rim / 2 - radius, y)], rim, shade(case, 0.74))


def _landscape(sketch: Sketch, rng: np.random.Generator, x: float, y: float, w: float, h: float) -> None:
    sky = _tint(rng, [(130, 198, 228), (250, 196, 128), (246, 160, 140), (88, 96, 160)])
    sketch.rectangle(x, y, x + w, y + h, sky)
    sun = (x + w * rng.uniform(0.25, 0.75), y + h * rng.uniform(0.28, 0.4))
    sketch.ellipse(*sun, 0.13 * h, 0.13 * h, (255, 240, 190))
    for level, fill in ((0.52, _tint(rng, LEAVES)), (0.7, _tint(rng, LEAVES + PAINTS[4:8]))):
        ridge = [(x + w * t, y + h * (level + rng.uniform(-0.1, 0.1))) for t in np.linspace(0, 1, 5)]
        sketch.polygon([*smooth(ridge, closed=False), (x + w, y + h), (x, y + h)], fill)


def _programme(sketch: Sketch, rng: np.random.Generator, x: float, y: float, w: float, h: float) -> None:
    """Draw a speaker beside a picture, or bold shapes as of a title."""
    ground, first, second = (_tint(rng, PAINTS) for _ in range(3))
    sketch.rectangle(x, y, x + w, y + h, ground)
    where = rng.uniform(0.28, 0.72)
    if rng.random() < 0.5:
        skin = _tint(rng, [(250, 214, 182), (214, 160, 116), (120, 78, 52)])
        sketch.rectangle(x + 0.08 * w, y + 0.18 * h, x + 0.92 * w, y + 0.6 * h, shade(ground, 1.25))
        shoulders = _mirrored([(0.06, 0.5), (0.2, 0.6), (0.24, 1.0)]) * h
        sketch.polygon(np.add(shoulders, (x + where * w, y)), first)
        sketch.ellipse(x + where * w, y + 0.36 * h, 0.13 * h, 0.17 * h, skin)
        sketch.ellipse(x + where * w, y + 0.25 * h, 0.15 * h, 0.1 * h, (58, 42, 38))
    else:
        side = x if where > 0.5 else x + w
        sketch.polygon([(side, y + h), (side, y + 0.4 * h), (x + where * w, y + h)], first)
        sketch.ellipse(x + where * w, y + 0.42 * h, 0.26 * h, 0.26 * h, second)
    sketch.rectangle(x + 0.1 * w, y + 0.78 * h, x + 0.66 * w, y + 0.88 * h, (250, 246, 236), radius=0.04)


def _blank(sketch: Sketch, rng: np.random.Generator, x: float, y: float, w: float, h: float) -> None:
    """Draw a dark screen that mirrors a window."""
    dark = _tint(rng, [(52, 66, 82), (40, 44, 56), (74, 96, 98), (92, 108, 124)])
    sketch.rectangle(x, y, x + w, y + h, dark)
    for a, b in ((0.1, 0.3), (0.38, 0.46)):
        shine = np.array([(a + 0.2, 0), (b + 0.2, 0), (b - 0.06, 1), (a - 0.06, 1)]) * (w, h)
        sketch.polygon(np.add(shine, (x, y)), shade(dark, 1.18))


def _windows(sketch: Sketch, rng: np.random.Generator, x: float, y: float, w: float, h: float) -> None:
    """Draw a desktop: overlapping windows with lines of text and a chart."""
    sketch.rectangle(x, y, x + w, y + h, _tint(rng, PAINTS))
    for left, top, wide, high in ((0.12, 0.16, 0.48, 0.56), (0.42, 0.34, 0.46, 0.5)):
        x0, y0 = x + left * w, y + top * h
        sketch.rectangle(x0, y0, x0 + wide * w, y0 + high * h, (248, 248, 244), radius=0.04)
        sketch.rectangle(x0, y0, x0 + wide * w, y0 + 0.1 * h, _tint(rng, PAINTS))
        for i in range(3):
            line = y0 + (0.2 + 0.1 * i) * h
            sketch.line(
                [(x0 + 0.06 * w, line), (x0 + wide * w * rng.uniform(0.5, 0.85), line)], 0.03 * h, (170, 176, 184)
            )


def _tint(rng: np.random.Generator, palette: list[Colour]) -> Colour:
    """Pick a colour and shift it a little, so that no two are quite the same."""
    picked = np.array(palette[rng.integers(len(palette))]) + rng.integers(-12, 13, size=3)
    return tuple(int(v) for v in np.clip(picked, 0, 255))


def _near(rng: np.random.Generator, value: float, spread: float = 0.15) -> float:
    """Return `value`, up to a fraction `spread` more or less."""
    return float(value * rng.uniform(1 - spread, 1 + spread))


def _widen(profile: Points, factor: float) -> np.ndarray:
    return np.asarray(profile, dtype=float) * (factor, 1)


def _mirrored(right: Points) -> np.ndarray:
    """Close a shape whose right half is given from top to bottom; a point on the axis (x = 0) is not doubled."""
    right = np.asarray(right, dtype=float)
    left = right[right[:, 0] != 0][::-1] * (-1, 1)
    return np.concatenate([right, left])


def _turned(sketch: Sketch, profile: Points, fill: Colour, at: tuple[float, float] = (0, 0)) -> None:
    """Fill the body of revolution with this profile of (half width, y), dark on its right and bright on its left."""
    half = np.asarray(profile, dtype=float)
    half = smooth(half, closed=False) if len(half) > 2 else half
    for low, high, light in ((-1.0, 1.0, 1.0), (0.45, 1.0, 0.8), (-0.72, -0.5, 1.22)):
        left, right = half * (low, 1) + at, half * (high, 1) + at
        sketch.polygon(np.concatenate([left, right[::-1]]), shade(fill, light))


def _glint(sketch: Sketch, points: Points, width: float, glass: Colour) -> None:
    """Draw the reflection of a window on glass."""
    sketch.line(points, width, shade(glass, 1.65), curved=len(points) > 2)


def _stick(sketch: Sketch, top: Points, foot: Points, start: float, end: float, fill: Colour) -> None:
    """Draw a leg that tapers from `start` to `end` across, whichever way it leans."""
    (x0, y0), (x1, y1) = top, foot
    sketch.polygon([(x0 - start / 2, y0), (x0 + start / 2, y0), (x1 + end / 2, y1), (x1 - end / 2, y1)], fill)


def _slab(sketch: Sketch, outline: Points, thickness: float, fill: Colour) -> None:
    """Draw a flat convex plate seen from above, and below its near side the edge."""
    top = np.asarray(outline, dtype=float)
    top = np.roll(top, -int(top[:, 0].argmin()), axis=0)
    last = int(top[:, 0].argmax())
    # From the leftmost corner to the rightmost one run a near edge, which is moved down, and a far one.
    chains = [top[: last + 1], np.concatenate([top[last:], top[:1]])[::-1]]
    far, near = sorted(chains, key=lambda chain: float(np.interp(top[:, 0].mean(), chain[:, 0], chain[:, 1])))
    sketch.polygon(np.concatenate([far, np.add(near[::-1], (0, thickness))]), shade(fill, 0.68))
    sketch.polygon(top, fill)


def _rounded(corners: Points) -> np.ndarray:
    """Cut the corners of a polygon twice, which leaves it soft."""
    points = np.asarray(corners, dtype=float)
    for share in (0.16, 0.3):
        following = np.roll(points, -1, axis=0)
        points = np.stack([points + share * (following - points), following + share * (points - following)], axis=1)
        points = points.reshape(-1, 2)
    return points


def _plate(sketch: Sketch, rng: np.random.Generator, x: float, y: float, r: float) -> None:
    rim = _tint(rng, PAINTS)
    sketch.ellipse(x, y + 0.05, r, 0.42 * r, (176, 172, 170))
    sketch.ellipse(x, y, r, 0.42 * r, (250, 248, 242))
    sketch.ellipse(x, y, 0.62 * r, 0.26 * r, rim)


def _centrepiece(sketch: Sketch, rng: np.random.Generator, x: float, y: float) -> None:
    """Put a vase, a bowl of fruit or a jug on a table, standing on (x, y)."""
    fill, kind = _tint(rng, PAINTS), rng.integers(3)
    if kind == 0:
        for dx, dy in ((-0.24, -0.86), (0.02, -1.0), (0.26, -0.84)):
            sketch.line([(x, y - 0.4), (x + dx, y + dy)], 0.05, (70, 128, 80))
            _blossom(sketch, rng, x + dx, y + dy, 0.17, _tint(rng, PETALS))
        _turned(sketch, [(0.12, -0.56), (0.1, -0.42), (0.22, -0.2), (0.14, 0.04)], fill, at=(x, y))
    elif kind == 1:
        for dx, dy in ((-0.2, -0.34), (0.2, -0.34), (0, -0.42)):
            sketch.ellipse(x + dx, y + dy, 0.17, 0.17, _tint(rng, [(226, 70, 60), (246, 160, 60), (150, 186, 76)]))
        _turned(sketch, [(0.46, -0.32), (0.4, -0.14), (0.2, 0.02), (0.22, 0.06)], fill, at=(x, y))
    else:
        sketch.ring(x + 0.22, y - 0.36, 0.15, 0.17, 0.08, shade(fill, 0.8))
        _turned(sketch, [(0.2, -0.66), (0.16, -0.54), (0.24, -0.26), (0.26, -0.1), (0.2, 0.04)], fill, at=(x, y))


def _blossom(sketch: Sketch, rng: np.random.Generator, x: float, y: float, r: float, fill: Colour) -> None:
    start = rng.uniform(0, 60)
    for angle in np.deg2rad(start + np.arange(0, 360, 60)):
        sketch.ellipse(
            x + 0.6 * r * np.cos(angle),
            y + 0.6 * r * np.sin(angle),
            0.42 * r,
            0.3 * r,
            fill,
            angle=float(np.rad2deg(angle)),
        )
    sketch.ellipse(x, y, 0.34 * r, 0.34 * r, (250, 206, 90) if fill[2] < 220 or fill[0] > 240 else (230, 150, 60))


def _leaf(sketch: Sketch, base: Points, tip: Points, half: float, fill: Colour) -> None:
    """Draw a pointed leaf from `base` to `tip`, `half` wide on each side of its rib, one side in shadow."""
    base, tip = np.asarray(base, dtype=float), np.asarray(tip, dtype=float)
    along = tip - base
    across = along[::-1] * (-1, 1) / (np.linalg.norm(along) + 1e-9) * half
    edges = [
        smooth([base, base + 0.3 * along + s * 0.9 * across, base + 0.6 * along + s * 0.85 * across, tip], closed=False)
        for s in (-1, 1)
    ]
    sketch.polygon(np.concatenate([edges[0], edges[1][::-1]]), fill)
    lower = edges[1] if across[1] > 0 else edges[0]
    sketch.polygon(np.concatenate([lower, [base]]), shade(fill, 0.8))


def _frond(sketch: Sketch, base: Points, knee: Points, tip: Points, half: float, fill: Colour) -> None:
    """Draw a long blade that rises from `base` past `knee` and droops to `tip`."""
    t = np.linspace(0, 1, 17)[:, None]
    path = (1 - t) ** 2 * np.asarray(base) + 2 * t * (1 - t) * np.asarray(knee) + t**2 * np.asarray(tip)
    along = np.gradient(path, axis=0)
    across = along[:, ::-1] * (-1, 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    across = across * half * np.sin(np.pi * (0.12 + 0.88 * t)) ** 0.8
    sketch.polygon(np.concatenate([path + across, (path - across)[::-1]]), fill)
    sketch.polygon(np.concatenate([path + across, path[::-1]]), shade(fill, 0.82))
