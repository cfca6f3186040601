"""People: a jointed figure that is dressed, given a face and put into one of eight poses.

The unit of length is half a head. A figure's hip is the origin; joints are found by swinging limbs of known
length by angles measured from straight down, so that a pose is nothing but a table of angles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .canvas import Colour, Points, Sketch, shade, smooth

Angles = tuple[float, float]

SKINS = [
    (255, 224, 196),
    (246, 205, 172),
    (232, 184, 144),
    (213, 158, 114),
    (182, 125, 84),
    (143, 92, 60),
    (96, 60, 42),
]
HAIRS = [(38, 30, 32), (66, 42, 30), (112, 68, 38), (164, 96, 44), (222, 176, 96), (196, 82, 40), (188, 186, 186)]
CLOTHES = [
    (222, 66, 62), (240, 126, 62), (248, 196, 76), (108, 168, 92), (46, 124, 104), (70, 166, 190), (52, 98, 168),
    (44, 54, 92), (124, 84, 152), (226, 120, 152), (246, 240, 226), (150, 156, 162), (62, 62, 70), (168, 112, 76),
    (190, 200, 160), (142, 48, 66), (202, 170, 206), (160, 206, 212),
]  # fmt: skip
TROUSERS = [(56, 78, 120), (92, 120, 162), (48, 46, 56), (132, 108, 82), (204, 188, 156), (98, 104, 82), (142, 60, 58)]
SHOES = [(52, 42, 42), (120, 74, 48), (236, 232, 224), (206, 72, 60), (64, 92, 142)]

HAIR_STYLES = ["short", "short", "tousled", "bob", "long", "long", "bun", "ponytail", "afro", "bald"]
HATS = ["cap", "beanie", "sun hat"]


@dataclass(frozen=True)
class Pose:
    """Angles in degrees from straight down, counted towards the right, where a figure seen from the side looks.

    `arms` and `legs` hold (upper, lower) angles of the far and then of the near limb; seen from the front, the
    left and then the right one. `lean` tips the trunk towards the right.
    """

    side: bool
    lean: float
    arms: tuple[Angles, Angles]
    legs: tuple[Angles, Angles]


# Index = pose number; each pose has a few takes, of which the generator picks one.
POSES = [
    [  # 0: walking
        Pose(True, 3, ((30, 52), (-32, -10)), ((-16, -42), (28, 14))),
        Pose(True, 5, ((-26, -6), (34, 70)), ((30, 20), (-18, -48))),
    ],
    [  # 1: standing, seen from the front
        Pose(False, 0, ((-13, -6), (13, 6)), ((-5, -3), (5, 3))),
        Pose(False, 0, ((-48, 42), (14, 6)), ((-9, -4), (6, 3))),
        Pose(False, 0, ((-14, -5), (112, 168)), ((-5, -3), (8, 4))),
        Pose(False, 0, ((-46, 46), (46, -46)), ((-12, -8), (12, 8))),
    ],
    [  # 2: sitting, on a stool or on the ground
        Pose(True, -3, ((26, 72), (18, 62)), ((86, 6), (84, -4))),
        Pose(True, -14, ((-34, -22), (58, 76)), ((122, 24), (128, 18))),
        Pose(True, -20, ((-34, -20), (-42, -30)), ((84, 84), (124, 14))),
    ],
    [],  # 3: the portrait has no limbs to swing
    [  # 4: running
        Pose(True, 14, ((48, 128), (-58, 34)), ((-24, -86), (66, 2))),
        Pose(True, 12, ((-62, 30), (44, 124)), ((64, 10), (-30, -92))),
    ],
    [  # 5: arms raised
        Pose(False, 0, ((-138, -164), (138, 164)), ((-8, -5), (8, 5))),
        Pose(False, 0, ((-112, -130), (112, 130)), ((-24, -20), (24, 20))),
        Pose(False, 0, ((-150, -178), (118, 150)), ((-30, 6), (20, 14))),
    ],
    [  # 6: kneeling or bent down
        Pose(True, 4, ((44, 70), (24, 58)), ((2, -88), (90, 0))),
        Pose(True, 10, ((60, 84), (40, 74)), ((84, 2), (0, -88))),
        Pose(True, 62, ((8, 16), (-8, 6)), ((-12, -8), (8, -4))),
    ],
    [  # 7: long dress or coat
        Pose(False, 0, ((-16, -8), (16, 8)), ((-4, -2), (4, 2))),
        Pose(False, 0, ((-50, 44), (18, 10)), ((-4, -2), (4, 2))),
    ],
]  # fmt: skip


@dataclass(frozen=True)
class Look:
    """All that tells one person from another, whatever the pose."""

    skin: Colour
    hair: Colour
    style: str
    hat: str
    hat_colour: Colour
    beard: bool
    glasses: bool
    backpack: bool
    top: Colour
    accent: Colour
    pattern: str
    bottom: Colour
    shoes: Colour
    sleeve: float  # covered fraction of the arm
    trouser: float  # covered fraction of the leg
    skirt: bool
    build: float  # width of the trunk and limbs
    trunk: float
    leg: float
    arm: float


def person(sketch: Sketch, variant: int, rng: np.random.Generator) -> None:
    """Draw a person: 0 walks or runs, 1 stands or waves, 2 sits or kneels, 3 is a portrait or wears a long robe."""
    pose_index = variant % 8
    if pose_index < 4 and rng.random() < 0.4:
        pose_index += 4
    look = _look(rng)
    if pose_index == 3:
        _portrait(sketch, look, rng)
        return
    takes = POSES[pose_index]
    pose = takes[rng.integers(len(takes))]
    _figure(sketch, pose, look, rng, robe=pose_index == 7, can_wear_skirt=pose_index in (0, 1, 5))


def _look(rng: np.random.Generator) -> Look:
    child = rng.random() < 0.25
    style = HAIR_STYLES[rng.integers(len(HAIR_STYLES))]
    mannish = style in ("short", "tousled", "bald")
    return Look(
        skin=_tint(rng, SKINS, spread=4),
        hair=_tint(rng, HAIRS),
        style=style,
        hat=HATS[rng.integers(len(HATS))] if style not in ("afro", "bun") and rng.random() < 0.3 else "",
        hat_colour=_tint(rng, CLOTHES),
        beard=mannish and not child and rng.random() < 0.35,
        glasses=rng.random() < 0.2,
        backpack=rng.random() < 0.25,
        top=_tint(rng, CLOTHES),
        accent=_tint(rng, CLOTHES),
        pattern=str(rng.choice(["plain", "plain", "stripes", "block", "buttons"])),
        bottom=_tint(rng, TROUSERS if rng.random() < 0.7 else CLOTHES),
        shoes=_tint(rng, SHOES),
        sleeve=float(rng.choice([0.32, 0.62, 0.93])),
        trouser=float(rng.choice([0.45, 0.97, 0.97, 0.97])),
        skirt=not mannish and rng.random() < 0.55,
        build=rng.uniform(0.86, 1.14),
        trunk=rng.uniform(2.2, 2.6) if child else rng.uniform(3.1, 3.6),
        leg=rng.uniform(2.7, 3.3) if child else rng.uniform(4.6, 5.6),
        arm=rng.uniform(2.2, 2.6) if child else rng.uniform(3.4, 3.8),
    )


def _figure(sketch: Sketch, pose: Pose, look: Look, rng: np.random.Generator, robe: bool, can_wear_skirt: bool) -> None:
    """Dress the skeleton of a pose, from the far side to the near one."""
    wobble = rng.uniform(-6, 6, size=8)
    lean = np.deg2rad(pose.lean + wobble[0] / 2)
    up, across = np.array([np.sin(lean), -np.cos(lean)]), np.array([np.cos(lean), np.sin(lean)])
    hip, neck = np.zeros(2), look.trunk * up
    head = neck + 1.14 * up + (0.2 if pose.side else 0, 0)
    gaze = rng.uniform(-0.22, 0.22)
    shoulder_x, hip_x = (0.05, 0.06) if pose.side else (0.98 * look.build, 0.5 * look.build)
    shoulders = [neck - 0.42 * up + side * shoulder_x * across for side in (-1, 1)]
    hips = [hip + side * hip_x * across for side in (-1, 1)]
    arms = [_chain(shoulders[i], look.arm, pose.arms[i], wobble[1 + i]) for i in (0, 1)]
    legs = [_chain(hips[i], look.leg, pose.legs[i], wobble[3 + i] / 2) for i in (0, 1)]
    skirt = robe or (can_wear_skirt and look.skirt)
    trouser = 0.0 if skirt else look.trouser

    if pose.side and abs(pose.legs[0][0]) > 80 and pose.legs[1][0] > 80 and pose.legs[1][0] < 100:
        _stool(sketch, look)
    _hair_behind(sketch, look, head, pose.side)
    _arm(sketch, look, arms[0], 0.84 if pose.side else 1.0)
    for i in (0, 1):
        _leg(sketch, look, legs[i], trouser, pose, i)
    sketch.ellipse(*(hip + 0.02 * up), 0.7 * look.build if pose.side else 1.0 * look.build, 0.72, look.bottom)
    _shirt(sketch, look, neck, hip, across, pose.side, tucked=skirt)
    if skirt:
        length = look.leg * (rng.uniform(0.72, 0.9) if robe else rng.uniform(0.3, 0.5))
        _skirt(sketch, look, length, 0.78 if pose.side else 1.0, robe)
    if pose.side and look.backpack:
        pack = [
            neck + x * across - y * up for x, y in ((-0.4, 0.3), (-1.05, 0.3), (-1.5, 1.0), (-1.4, 2.0), (-0.5, 2.1))
        ]
        sketch.blob(pack, look.hat_colour)
        strap = [neck + x * across - y * up for x, y in ((-0.35, 0.35), (0.2, 0.3), (0.3, 0.9), (-0.3, 1.6))]
        sketch.line(strap, 0.18, shade(look.hat_colour, 0.76), curved=True)
    sketch.line([neck - 0.15 * up, head], 0.74, shade(look.skin, 0.86))
    if not pose.side:
        sketch.ellipse(*(neck + 0.02 * up), 0.42, 0.26, shade(look.skin, 0.93))
    _head(sketch, look, head, pose.side, gaze)
    _arm(sketch, look, arms[1], 1.0)


def _portrait(sketch: Sketch, look: Look, rng: np.random.Generator) -> None:
    """Head and shoulders, cut off straight below the chest as a photograph does."""
    cut, broad = rng.uniform(1.3, 2.4), look.build * rng.uniform(1.8, 2.1)
    head = np.zeros(2)
    side = bool(rng.random() < 0.3)
    _hair_behind(sketch, look, head, side)
    right = smooth(
        [(0.4, 1.2), (0.9, 1.42), (0.86 * broad, 1.75), (broad, 2.5), (1.03 * broad, 1.5 + cut)], closed=False
    )
    left = right * (-1, 1)
    _striped(sketch, look, left, right, np.arange(0.42, 0.98, 0.2) if look.pattern == "stripes" else [], (0.84, 1))
    if look.pattern in ("block", "buttons"):  # an open jacket over a shirt
        sketch.polygon([(-0.62, 1.3), (0.62, 1.3), (0.12, 1.5 + cut), (-0.12, 1.5 + cut)], look.accent)
        for flip in (-1, 1):
            lapel = [(0.42, 1.12), (0.95, 1.5), (0.72, 2.0), (0.88, 2.15), (0.16, 1.45 + cut)]
            sketch.polygon(np.array(lapel) * (flip, 1), shade(look.top, 0.8))
    sketch.polygon(smooth([(-0.44, 0.5), (-0.48, 1.35), (0, 1.82), (0.48, 1.35), (0.44, 0.5)], closed=False), look.skin)
    sketch.polygon(
        smooth([(-0.44, 0.6), (-0.46, 1.0), (0.1, 1.3), (0.46, 1.0), (0.44, 0.6)], closed=False), shade(look.skin, 0.84)
    )
    _head(sketch, look, head, side, rng.uniform(-0.25, 0.25))


def _tint(rng: np.random.Generator, palette: list[Colour], spread: int = 12) -> Colour:
    """Pick a colour and shift it a little, so that no two are quite the same."""
    picked = np.array(palette[rng.integers(len(palette))]) + rng.integers(-spread, spread + 1, size=3)
    return tuple(int(v) for v in np.clip(picked, 0, 255))


def _chain(start: np.ndarray, length: float, angles: Angles, wobble: float) -> list[np.ndarray]:
    """Return the three joints of a limb whose two halves hang at `angles`."""
    joints = [start]
    for angle in np.deg2rad(np.array(angles) + wobble):
        joints.append(joints[-1] + length / 2 * np.array([np.sin(angle), np.cos(angle)]))
    return joints


def _limb(sketch: Sketch, joints: list[np.ndarray], start: float, end: float, fill: Colour, reach: float = 1.0) -> None:
    """Fill a limb that tapers from half width `start` to `end`, up to the fraction `reach` of its length.

    The joint is rounded off by a parabola, wide enough for the inner contour never to cross itself.
    """
    a, joint, b = joints
    t = np.linspace(0, 1, 13)[:, None]
    p, q = joint + 0.5 * (a - joint), joint + 0.5 * (b - joint)
    bend = (1 - t) ** 2 * p + 2 * t * (1 - t) * joint + t**2 * q
    path = np.concatenate([a + (p - a) * t[:-1], bend, q + (b - q) * t[1:]])
    path = path[: max(3, round(reach * len(path)))]
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    half = np.linspace(start, end, len(path))[:, None]
    normal = along[:, ::-1] * (-1, 1) * half
    turn = np.linspace(0, np.pi, 9)[1:-1, None]
    tip = path[-1] + np.cos(turn) * normal[-1] + np.sin(turn) * along[-1] * end * (1 if reach == 1 else 0.25)
    root = path[0] - np.cos(turn) * normal[0] - np.sin(turn) * along[0] * start
    sketch.polygon(np.concatenate([path + normal, tip, (path - normal)[::-1], root]), fill)


def _panel(
    sketch: Sketch,
    left: np.ndarray,
    right: np.ndarray,
    fill: Colour,
    across: tuple[float, float] = (0, 1),
    down: tuple[float, float] = (0, 1),
) -> None:
    """Fill the cloth between two edges of equal length, or only a fraction of it across and down."""
    first, last = round(down[0] * (len(left) - 1)), round(down[1] * (len(left) - 1))
    edges = [(left + f * (right - left))[first : last + 1] for f in across]
    sketch.polygon(np.concatenate([edges[0], edges[1][::-1]]), fill)


def _striped(
    sketch: Sketch, look: Look, left: np.ndarray, right: np.ndarray, bands: Sequence[float], shadow: tuple[float, float]
) -> None:
    """Fill a shirt front, cross it with bands of the accent colour and darken the part `shadow` of its breadth."""
    _panel(sketch, left, right, look.top)
    _panel(sketch, left, right, shade(look.top, 0.84), across=shadow, down=(0.25, 1))
    for start in bands:
        _panel(sketch, left, right, look.accent, down=(start, min(start + 0.09, 1)))
        _panel(sketch, left, right, shade(look.accent, 0.84), across=shadow, down=(start, min(start + 0.09, 1)))


def _arm(sketch: Sketch, look: Look, joints: list[np.ndarray], light: float) -> None:
    w = look.build
    direction = (joints[2] - joints[1]) / np.linalg.norm(joints[2] - joints[1])
    palm = joints[2] + 0.18 * direction
    skin = shade(look.skin, light)
    sketch.ellipse(*palm, 0.34, 0.27, skin, angle=float(np.rad2deg(np.arctan2(direction[1], direction[0]))))
    _limb(sketch, joints, 0.3 * w, 0.21 * w, skin)
    _limb(sketch, joints, 0.4 * w, (0.42 - 0.12 * look.sleeve) * w, shade(look.top, light * 0.95), look.sleeve)


def _leg(sketch: Sketch, look: Look, joints: list[np.ndarray], trouser: float, pose: Pose, which: int) -> None:
    w, light = look.build, 0.8 if pose.side and which == 0 else 1.0
    heel = joints[2]
    if pose.side:
        # The sole turns with the shin, except that a foot on the ground stays flat.
        shin = pose.legs[which][1]
        angle = np.deg2rad(-shin if abs(shin) > 30 else 0)
        sole = np.array(
            [(-0.36, -0.3), (-0.42, 0.3), (0.3, 0.34), (1.0, 0.34), (0.98, 0.1), (0.42, -0.16), (0.3, -0.4)]
        )
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        shoe = sole @ turn
    else:
        flip = -1 if which == 0 else 1
        shoe = np.array([(-0.3, -0.3), (-0.34, 0.3), (0.3, 0.38), (0.72, 0.34), (0.6, 0.02), (0.32, -0.36)]) * (flip, 1)
    _limb(sketch, joints, 0.5 * w, 0.27 * w, shade(look.skin, light))
    sketch.blob(heel + shoe, shade(look.shoes, light))
    if trouser:
        _limb(sketch, joints, 0.62 * w, (0.52 if trouser < 0.6 else 0.4) * w, shade(look.bottom, light), trouser)


def _shirt(
    sketch: Sketch, look: Look, neck: np.ndarray, hip: np.ndarray, across: np.ndarray, side: bool, tucked: bool
) -> None:
    t = np.array([-0.05, 0.05, 0.17, 0.45, 0.7, 0.86 if tucked else 1.08])
    if side:
        back, front = np.array([0.26, 0.5, 0.68, 0.74, 0.64, 0.7]), np.array([0.28, 0.46, 0.64, 0.7, 0.7, 0.66])
    else:
        back = front = np.array([0.42, 0.95, 1.2, 1.04, 0.94 - 0.08 * tucked, 1.06 - 0.2 * tucked])
    middle = neck + t[:, None] * (hip - neck)
    left = smooth(middle - look.build * back[:, None] * across, closed=False)
    right = smooth(middle + look.build * front[:, None] * across, closed=False)
    bands = {"stripes": list(np.arange(0.28, 0.95, 0.18)), "block": [0.46, 0.55, 0.64]}.get(look.pattern, [])
    _striped(sketch, look, left, right, bands, (0, 0.2) if side else (0.84, 1))
    if look.pattern == "buttons" and not side:
        _panel(sketch, left, right, shade(look.top, 1.4), across=(0.46, 0.54), down=(0.1, 1))


def _skirt(sketch: Sketch, look: Look, length: float, width: float, robe: bool) -> None:
    """Draw a skirt from the waist down; as a robe in the colour of the top, either a buttoned coat or a dress."""
    fill = look.top if robe else look.bottom
    waist, hem = 0.86 * look.build * width, (0.62 + 0.3 * length) * look.build * width + 0.3
    right = smooth(
        [(waist, -0.7), (waist * 1.2, 0), (0.6 * hem + 0.4 * waist, length * 0.5), (hem, length)], closed=False
    )
    left = right * (-1, 1)
    _panel(sketch, left, right, fill)
    rounded = smooth(
        [(-hem, length), (-0.5 * hem, length + 0.16), (0.5 * hem, length + 0.16), (hem, length)], closed=False
    )
    sketch.polygon(rounded, fill)
    _panel(sketch, left, right, shade(fill, 0.84), across=(0.82, 1))
    if robe and look.pattern in ("buttons", "plain"):
        _panel(sketch, left, right, shade(fill, 0.72), across=(0.49, 0.52))
        sketch.rectangle(-waist * 1.04, -0.95, waist * 1.04, -0.6, shade(fill, 0.66))
    else:
        _panel(sketch, left, right, shade(fill, 0.9), across=(0.3, 0.36), down=(0.3, 1))
        _panel(sketch, left, right, look.accent, down=(0.86, 1))


def _stool(sketch: Sketch, look: Look) -> None:
    """Draw a drum to sit on, as high as the shins are long."""
    foot = look.leg / 2 + 0.3
    sketch.rectangle(-1.05, 0.45, 0.95, foot, shade(look.accent, 0.78), radius=0.3)
    sketch.rectangle(-1.15, 0.4, 1.05, 0.95, look.accent, radius=0.25)


def _at(centre: np.ndarray, points: Points) -> np.ndarray:
    return centre + np.asarray(points, dtype=float)


def _hair_behind(sketch: Sketch, look: Look, head: np.ndarray, side: bool) -> None:
    """Draw what hangs behind the head and the shoulders."""
    dark = shade(look.hair, 0.8)
    if look.style in ("long", "bob"):
        end = 2.1 if look.style == "long" else 0.85
        if side:
            lock = [(0.2, -1.05), (-0.8, -0.95), (-1.2, -0.1), (-1.3, 0.6 * end), (-1.1, end), (-0.35, end), (-0.1, 0)]
        else:
            half = [(0.75, -0.9), (1.12, -0.2), (1.2, 0.55 * end), (1.0, end), (0.5, 0.97 * end)]
            lock = half + [(-x, y) for x, y in reversed(half)]
        sketch.blob(_at(head, lock), dark)
    elif look.style == "ponytail":
        tail = [(-0.85, -0.5), (-1.5, -0.35), (-1.75, 0.5), (-1.5, 1.5), (-1.2, 0.7), (-0.9, 0.1)]
        sketch.blob(_at(head, tail), dark)
    elif look.style == "bun":
        sketch.ellipse(head[0] - (0.75 if side else 0), head[1] - (0.95 if side else 1.3), 0.5, 0.46, dark)
    elif look.style == "afro":
        sketch.ellipse(head[0] - (0.2 if side else 0), head[1] - 0.3, 1.42, 1.32, shade(look.hair, 0.92))


def _head(sketch: Sketch, look: Look, head: np.ndarray, side: bool, gaze: float) -> None:
    """Draw face, hair and hat; `gaze` shifts the features of a face seen from the front."""
    ink = shade(look.skin, 0.22)
    blush = tuple(int(v) for v in np.clip(np.array(look.skin) * (1.02, 0.82, 0.8), 0, 255))
    if side:
        face = [(0, -1.0), (0.58, -0.84), (0.82, -0.4), (0.84, -0.1), (1.1, 0.2), (0.86, 0.36), (0.84, 0.62)]
        face += [(0.66, 0.9), (0.2, 0.94), (-0.35, 0.7), (-0.85, 0.3), (-0.92, -0.3), (-0.62, -0.8)]
    else:
        half = [(0.6, -0.82), (0.87, -0.2), (0.78, 0.42), (0.42, 0.88)]
        face = [(0, -1.0), *half, (0, 1.0), *((-x, y) for x, y in reversed(half))]
        for flip in (-1, 1):
            sketch.ellipse(*_at(head, (flip * 0.88, 0.1)), 0.17, 0.24, shade(look.skin, 0.9))
    sketch.blob(_at(head, face), look.skin)
    if look.beard:
        if side:
            beard = [
                (-0.2, 0.0),
                (0.1, 0.4),
                (0.6, 0.42),
                (0.9, 0.45),
                (0.86, 0.95),
                (0.4, 1.14),
                (-0.2, 0.86),
                (-0.42, 0.3),
            ]
        else:
            half = [(0.82, 0.1), (0.8, 0.62), (0.42, 1.1)]
            beard = [*half, *((-x, y) for x, y in reversed(half)), (-0.5, 0.42), (0, 0.32), (0.5, 0.42)]
        sketch.blob(_at(head, beard), look.hair)
    for flip in (0.62,) if side else (gaze - 0.36, gaze + 0.36):
        sketch.ellipse(*_at(head, (flip, -0.06)), 0.09, 0.13, ink)
        brow = [(flip - 0.15, -0.27), (flip, -0.33), (flip + 0.15, -0.27)]
        sketch.line(_at(head, brow), 0.07, shade(look.hair, 0.8), curved=True)
        sketch.ellipse(*_at(head, (flip * 1.25 - 0.2 * side, 0.32)), 0.16, 0.11, blush)
        if look.glasses:
            sketch.ring(*_at(head, (flip, -0.04)), 0.27, 0.25, 0.07, (54, 48, 52))
    mouth = (
        [(0.52, 0.5), (0.66, 0.58), (0.82, 0.5)] if side else [(gaze - 0.24, 0.48), (gaze, 0.6), (gaze + 0.24, 0.48)]
    )
    sketch.line(_at(head, mouth), 0.08, (250, 236, 226) if look.beard else shade(blush, 0.62), curved=True)
    if not side:
        nose = [(gaze * 1.3 - 0.02, 0.02), (gaze * 1.3 + 0.1, 0.24), (gaze * 1.3 - 0.06, 0.27)]
        sketch.line(_at(head, nose), 0.07, shade(look.skin, 0.76), curved=True)
    if look.style != "bald":
        _hair_above(sketch, look, head, side, gaze)
    if side:
        sketch.ellipse(*_at(head, (-0.1, 0.1)), 0.16, 0.24, shade(look.skin, 0.9))
    if look.hat:
        _hat(sketch, look, head, side)


def _hair_above(sketch: Sketch, look: Look, head: np.ndarray, side: bool, gaze: float) -> None:
    if side:
        cap = [(0.78, -0.55), (0.68, -0.98), (0, -1.2), (-0.72, -1.0), (-1.08, -0.35), (-0.98, 0.3), (-0.6, 0.66)]
        cap += [(-0.36, 0.45), (-0.3, -0.1), (0.02, -0.15), (0.16, -0.5)]
    else:
        part = 0.45 if gaze > 0 else -0.45
        cap = [(-0.93, 0.05), (-1.02, -0.4), (-0.74, -0.94), (0, -1.2), (0.74, -0.94), (1.02, -0.4), (0.93, 0.05)]
        cap += [(0.8, -0.36), (part + 0.2, -0.56), (part, -0.68), (part - 0.2, -0.56), (-0.8, -0.36)]
    sketch.blob(_at(head, cap), look.hair)
    if look.style == "tousled":
        for x, y in ((-0.6, -0.95), (-0.15, -1.15), (0.35, -1.1), (0.7, -0.8)):
            sketch.ellipse(*_at(head, (x, y)), 0.32, 0.26, look.hair)
    if look.style in ("long", "bob") and not side:
        for flip in (-1, 1):  # locks in front of the ears
            lock = np.array([(0.72, -0.4), (1.06, -0.3), (1.1, 0.4), (0.98, 0.8), (0.82, 0.4)])
            sketch.blob(_at(head, lock * (flip, 1)), look.hair)
    shine = [(-0.55, -0.78), (-0.2, -0.98), (0.15, -1.0)]
    sketch.line(_at(head, shine), 0.09, shade(look.hair, 1.25), curved=True)


def _hat(sketch: Sketch, look: Look, head: np.ndarray, side: bool) -> None:
    fill = look.hat_colour
    if look.hat == "sun hat":  # worn high, or its brim would hide the eyes
        head = head - (0, 0.16)
    dome = [(-1.04, -0.38), (-0.98, -0.85), (-0.5, -1.32), (0.1, -1.42), (0.66, -1.2), (0.98, -0.8), (1.02, -0.38)]
    if look.hat == "sun hat":
        sketch.ellipse(*_at(head, (0, -0.48)), 1.75, 0.36, shade(fill, 0.82))
    sketch.polygon(_at(head, smooth(dome, closed=False)), fill)
    if look.hat == "sun hat":
        ribbon = [(-1.04, -0.68), (0, -0.58), (1.02, -0.68), (1.04, -0.4), (0, -0.28), (-1.06, -0.4)]
        sketch.blob(_at(head, ribbon), look.accent)
    elif look.hat == "cap":
        if side:
            visor = [(0.3, -0.62), (1.0, -0.68), (1.7, -0.42), (1.62, -0.32), (0.9, -0.4), (0.3, -0.34)]
        else:
            visor = [(-0.85, -0.5), (0, -0.74), (0.85, -0.5), (0.6, -0.26), (0, -0.2), (-0.6, -0.26)]
        sketch.blob(_at(head, visor), shade(fill, 0.76))
    else:
        sketch.ellipse(*_at(head, (0, -1.5)), 0.3, 0.3, look.accent)
        x0, y0 = _at(head, (-1.1, -0.62))
        sketch.rectangle(x0, y0, x0 + 2.2, y0 + 0.42, shade(fill, 0.8), radius=0.2)
