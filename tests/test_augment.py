"""Augmentation against a literal, slow transcription of what the authors' code does, one step after another."""

import colorsys
import math
import random

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from ssd import augment
from ssd.augment import (
    INTERPOLATIONS,
    NO_DISTORTION,
    PIXEL_MEAN,
    EvalTransform,
    TrainTransform,
    distort,
    keep_objects,
    normalize,
    read_window,
    resize,
    sample_canvas,
    sample_colour,
    sample_crop,
    shift_saturation_and_hue,
    snap,
)
from ssd.images import to_picture, to_tensor
from ssd.sample import Batch, Example, Sample

MEAN = torch.tensor(PIXEL_MEAN)
COLOURS = {1: (255, 0, 0), 2: (0, 255, 0), 3: (0, 0, 255), 4: (255, 0, 255), 5: (0, 255, 255)}
RECTANGLES = {
    1: (10, 12, 70, 60),
    2: (90, 20, 100, 140),
    3: (120, 8, 230, 40),
    4: (130, 60, 200, 150),
    5: (0, 100, 60, 160),
}


def sample_of(image: torch.Tensor, boxes: list, labels: list | None = None) -> Sample:
    return Sample(
        image,
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(labels or [1] * len(boxes), dtype=torch.int64),
        torch.zeros(len(boxes), dtype=torch.bool),
        "picture",
    )


def plain(width: int, height: int, colour: tuple[int, int, int] = (10, 200, 30)) -> torch.Tensor:
    return torch.tensor(colour, dtype=torch.uint8)[:, None, None].repeat(1, height, width)


def noise(width: int, height: int) -> torch.Tensor:
    return to_tensor(Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)))


def coloured_rectangles() -> Sample:
    """Draw rectangles that do not overlap, each of its label's colour, on a grey picture of 240 x 160."""
    image = plain(240, 160, (60, 60, 60))
    for label, (x0, y0, x1, y1) in RECTANGLES.items():
        image[:, y0:y1, x0:x1] = torch.tensor(COLOURS[label], dtype=torch.uint8)[:, None, None]
    return sample_of(image, list(RECTANGLES.values()), list(RECTANGLES))


def is_colour(image: torch.Tensor, colour: tuple[int, int, int]) -> torch.Tensor:
    return (image == torch.tensor(colour, dtype=torch.uint8)[:, None, None]).all(dim=0)


def assert_boxes_hold_their_colours(example: Example) -> None:
    """Check that a box holds its colour and nothing else, and that it is nowhere beyond; borders may be a pixel off."""
    size = example.image.shape[-1]
    for box, label in zip(example.boxes, example.labels.tolist(), strict=True):
        x0, y0, x1, y1 = (box.double() * size).tolist()
        mask = is_colour(example.image, COLOURS[label])
        inside = mask[math.ceil(y0) + 1 : math.floor(y1) - 1, math.ceil(x0) + 1 : math.floor(x1) - 1]
        assert inside.all(), f"object {label}: other pixels inside its box"
        mask = mask.clone()
        mask[max(math.floor(y0) - 1, 0) : math.ceil(y1) + 1, max(math.floor(x0) - 1, 0) : math.ceil(x1) + 1] = False
        assert not mask.any(), f"object {label}: its pixels outside its box"


def outside(example: Example) -> torch.Tensor:
    """(S, S) bool: the part of the square that holds fill."""
    x0, y0, x1, y1 = example.covered.tolist()
    mask = torch.ones(example.image.shape[1:], dtype=torch.bool)
    mask[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = False
    return mask


# ---------------------------------------------------------------------------------------------- the whole picture


def test_eval_view_is_the_whole_picture_resized_linearly():
    image = noise(50, 30)
    example = EvalTransform(24)(sample_of(image, [[5, 3, 25, 30]], [7]))
    wanted = to_picture(image).resize((24, 24), Image.Resampling.BILINEAR)
    assert (example.image.int() - to_tensor(wanted).int()).abs().max() <= 1
    assert torch.allclose(example.boxes, torch.tensor([[0.1, 0.1, 0.5, 1.0]]))
    assert example.labels.tolist() == [7]
    assert example.covered.tolist() == [0, 0, 24, 24]
    assert example.size.tolist() == [50, 30]
    assert example.image_id == "picture"
    assert example.colour.tolist() == list(NO_DISTORTION)


def test_eval_view_is_always_the_same():
    sample = coloured_rectangles()
    first, second = EvalTransform(64)(sample), EvalTransform(64)(sample)
    assert torch.equal(first.image, second.image)
    assert torch.equal(first.boxes, second.boxes)


def test_eval_boxes_stay_with_their_objects():
    example = EvalTransform(96)(coloured_rectangles())
    # Linear interpolation blends borders, so ask only for what lies two pixels inside.
    for box, label in zip((example.boxes * 96).tolist(), example.labels.tolist(), strict=True):
        x0, y0, x1, y1 = box
        inside = is_colour(example.image, COLOURS[label])[
            math.ceil(y0) + 2 : int(y1) - 2, math.ceil(x0) + 2 : int(x1) - 2
        ]
        assert inside.all()


# -------------------------------------------------------------------------------------------------- random views


def test_same_generator_state_gives_the_same_view():
    sample, transform = coloured_rectangles(), TrainTransform(64)
    for seed in range(20):
        first, second = (transform(sample, np.random.default_rng([3, seed])) for _ in range(2))
        for name in ("image", "boxes", "labels", "covered", "colour", "size"):
            assert torch.equal(getattr(first, name), getattr(second, name)), name


def test_another_generator_state_gives_another_view():
    sample, transform = coloured_rectangles(), TrainTransform(64)
    views = [transform(sample, np.random.default_rng(seed)).image for seed in range(10)]
    assert not any(torch.equal(views[0], view) for view in views[1:])


def test_transform_leaves_the_sample_as_it_was():
    sample, untouched = coloured_rectangles(), coloured_rectangles()
    for seed in range(20):
        TrainTransform(64)(sample, np.random.default_rng(seed))
    assert torch.equal(sample.image, untouched.image)
    assert torch.equal(sample.boxes, untouched.boxes)
    assert torch.equal(sample.labels, untouched.labels)


@pytest.mark.parametrize("crop", [True, False])
@pytest.mark.parametrize("expand", [0.0, 1.0])
def test_boxes_stay_with_their_objects(monkeypatch, crop, expand):
    monkeypatch.setattr(augment, "INTERPOLATIONS", (Image.Resampling.NEAREST,))
    sample, transform = coloured_rectangles(), TrainTransform(128, expand, crop=crop, distort=False)
    seen = 0
    for seed in range(150):
        example = transform(sample, np.random.default_rng(seed))
        assert_boxes_hold_their_colours(example)
        seen += len(example.labels)
    assert seen > 150, "the check above must have had objects to look at"


def test_without_crop_every_object_stays():
    transform = TrainTransform(96, crop=False)
    for seed in range(50):
        assert transform(coloured_rectangles(), np.random.default_rng(seed)).labels.tolist() == list(RECTANGLES)


def test_boxes_are_fractions_with_an_area_and_belong_to_their_labels():
    for seed in range(300):
        example = TrainTransform(64)(coloured_rectangles(), np.random.default_rng(seed))
        assert example.boxes.dtype == torch.float32
        assert example.labels.dtype == torch.int64
        assert len(example.boxes) == len(example.labels)
        assert ((example.boxes >= 0) & (example.boxes <= 1)).all()
        assert (example.boxes[:, 2:] > example.boxes[:, :2]).all()


def test_plain_views_are_one_of_five_interpolations_mirrored_half_of_the_time():
    image = noise(37, 23)
    transform = TrainTransform(16, expand_probability=0.0, crop=False, distort=False)
    views = [resize(image, 16, 16, how) for how in INTERPOLATIONS]
    rng, counts = np.random.default_rng(5), np.zeros((5, 2), dtype=int)
    for _ in range(500):
        example = transform(sample_of(image, [[0, 0, 18.5, 23]]), rng)
        which = [
            (how, mirrored)
            for how in range(5)
            for mirrored in (0, 1)
            if torch.equal(example.image, views[how].flip(-1) if mirrored else views[how])
        ]
        assert len(which) == 1
        assert torch.allclose(example.boxes, torch.tensor([[0.5, 0, 1, 1] if which[0][1] else [0, 0, 0.5, 1]]))
        counts[which[0]] += 1
    # Four standard deviations of 500 draws with p = 1/5 and 1/2.
    assert (abs(counts.sum(axis=1) - 100) < 36).all()
    assert abs(counts.sum(axis=0)[0] - 250) < 45


def test_interpolations_are_the_five_of_the_paper():
    modes = Image.Resampling
    assert set(INTERPOLATIONS) == {modes.NEAREST, modes.BILINEAR, modes.BOX, modes.BICUBIC, modes.LANCZOS}
    assert len(INTERPOLATIONS) == 5


def test_fill_is_exactly_the_mean_and_picture_fills_the_covered_part():
    colour = (10, 200, 30)
    with_fill = 0
    for seed in range(150):
        example = TrainTransform(48)(sample_of(plain(80, 50, colour), [[20, 10, 60, 40]]), np.random.default_rng(seed))
        fill = outside(example)
        assert (example.image[:, fill] == MEAN[:, None]).all()
        assert ((example.image[:, ~fill].float() - torch.tensor(colour)[:, None]).abs() <= 1).all()
        with_fill += bool(fill.any())
    assert 30 < with_fill < 150


def test_fill_becomes_exactly_zero_and_picture_does_not():
    examples = [
        TrainTransform(48)(sample_of(plain(80, 50), [[20, 10, 60, 40]]), np.random.default_rng(seed))
        for seed in range(60)
    ]
    batch = Batch.collate(examples)
    images = distort(batch.images, batch.covered, batch.colour)
    fill = torch.stack([outside(example) for example in examples])
    assert fill.any()
    assert (images.movedim(1, -1)[fill] == 0).all()
    assert (images.movedim(1, -1)[~fill] != 0).any(dim=1).all()


def test_expansion_has_one_uniform_ratio_for_both_sides_and_a_random_place():
    rng, ratios, places = np.random.default_rng(11), [], []
    for _ in range(1500):
        x0, y0, x1, y1 = sample_canvas(200, 100, 1.0, 4.0, rng)
        ratio = (x1 - x0) / 200
        assert (y1 - y0) / 100 == pytest.approx(ratio)
        assert x0 <= 0 <= 200 <= x1 + 1e-9
        assert y0 <= 0 <= 100 <= y1 + 1e-9
        ratios.append(ratio)
        places.append((-x0 / (x1 - x0 - 200), -y0 / (y1 - y0 - 100)))
    assert stats.kstest(ratios, stats.uniform(1, 3).cdf).pvalue > 0.01
    for axis in (0, 1):
        assert stats.kstest([place[axis] for place in places], stats.uniform.cdf).pvalue > 0.01
    assert abs(np.corrcoef(places, rowvar=False)[0, 1]) < 0.1
    assert abs(np.corrcoef(ratios, [place[0] for place in places])[0, 1]) < 0.1


def test_expansion_happens_as_often_as_asked():
    rng = np.random.default_rng(12)
    for probability in (0.0, 0.5, 1.0):
        happened = sum(sample_canvas(30, 20, probability, 4.0, rng)[2] != 30 for _ in range(1000))
        assert abs(happened - 1000 * probability) <= (63 if probability == 0.5 else 0)


def test_expanded_view_keeps_the_pictures_proportions():
    transform = TrainTransform(100, expand_probability=1.0, expand_max=4.0, crop=False)
    sides = []
    for seed in range(300):
        x0, y0, x1, y1 = transform(sample_of(plain(90, 60), []), np.random.default_rng(seed)).covered.tolist()
        assert abs((x1 - x0) - (y1 - y0)) <= 1, "one ratio for both sides"
        sides.append(x1 - x0)
    assert min(sides) >= 24
    assert max(sides) <= 100
    assert stats.kstest([100 / side for side in sides], stats.uniform(1, 3).cdf).pvalue > 0.01


def test_expand_max_bounds_the_canvas():
    transform = TrainTransform(100, expand_probability=1.0, expand_max=2.0, crop=False)
    for seed in range(100):
        covered = transform(sample_of(plain(90, 60), []), np.random.default_rng(seed)).covered
        assert covered[2] - covered[0] >= 49


def test_switched_off_everything_shows_the_whole_picture_in_its_colours():
    transform = TrainTransform(32, expand_probability=0.0, crop=False, distort=False)
    for seed in range(20):
        example = transform(coloured_rectangles(), np.random.default_rng(seed))
        assert example.covered.tolist() == [0, 0, 32, 32]
        assert example.colour.tolist() == list(NO_DISTORTION)


def test_picture_without_objects_is_never_cropped():
    rng, canvas = np.random.default_rng(0), np.array([-10.0, -20.0, 90.0, 70.0])
    for _ in range(50):
        assert np.array_equal(sample_crop(canvas, np.zeros((0, 4)), rng), canvas)
    image = noise(37, 23)
    whole = [resize(image, 16, 16, how) for how in INTERPOLATIONS]
    whole += [view.flip(-1) for view in whole]
    transform = TrainTransform(16, expand_probability=0.0)
    for _ in range(50):
        example = transform(sample_of(image, []), rng)
        assert any(torch.equal(example.image, view) for view in whole)
        assert example.boxes.shape == (0, 4)
        assert example.labels.shape == (0,)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_smallest_pictures_give_views_of_nothing_but_their_pixels_and_fill(width, height):
    colour = (10, 200, 30)
    sample = sample_of(plain(width, height, colour), [[0, 0, width, height]])
    for seed in range(200):
        example = TrainTransform(32)(sample, np.random.default_rng(seed))
        assert example.image.shape == (3, 32, 32)
        fill = outside(example)
        assert (example.image[:, fill] == MEAN[:, None]).all()
        assert ((example.image[:, ~fill].float() - torch.tensor(colour)[:, None]).abs() <= 1).all()
        assert (example.boxes[:, 2:] > example.boxes[:, :2]).all()
    assert (EvalTransform(32)(sample).image == torch.tensor(colour)[:, None, None]).all()


# -------------------------------------------------------------------------------- windows: snapping and reading


def random_windows(width: int, height: int, count: int) -> list[np.ndarray]:
    """Windows of all kinds: as they are sampled, and shifted so that many reach far out of the picture."""
    rng, boxes = np.random.default_rng(21), np.array([[2.0, 3.0, width - 4.0, height - 5.0]])
    windows = []
    for number in range(count):
        window = sample_crop(sample_canvas(width, height, 0.7, 4.0, rng), boxes, rng)
        windows.append(window + number % 2 * np.tile(rng.normal(0, 0.5, 2) * (width, height), 2))
    return windows


def places(x: np.ndarray, low: float, high: float, image_size: int) -> np.ndarray:
    """Where picture coordinates fall on the square, in output pixels."""
    return (x - low) / (high - low) * image_size


@pytest.mark.parametrize("image_size", [64, 300])
def test_snapped_borders_fall_between_output_pixels(image_size):
    width, height, borders = 83, 47, 0
    for window in random_windows(width, height, 400):
        snapped = snap(window, width, height, image_size)
        shown = [
            min(window[a + 2], n) / (window[a + 2] - window[a]) * image_size
            - max(window[a], 0) / (window[a + 2] - window[a]) * image_size
            for a, n in ((0, width), (1, height))
        ]
        if min(shown) < 1:
            continue
        for axis, length in ((0, width), (1, height)):
            low, high = snapped[axis], snapped[axis + 2]
            for edge in (0, length):
                if low < edge < high:
                    place = places(edge, low, high, image_size)
                    assert abs(place - round(place)) < 1e-6
                    borders += 1
    assert borders > 300


@pytest.mark.parametrize("image_size", [64, 300])
def test_snapping_moves_sides_and_borders_by_at_most_half_a_pixel(image_size):
    width, height, sides, borders = 83, 47, 0, 0
    for window in random_windows(width, height, 400):
        snapped = snap(window, width, height, image_size)
        for axis, length in ((0, width), (1, height)):
            (low, high), (new_low, new_high) = window[[axis, axis + 2]], snapped[[axis, axis + 2]]
            shown = min(high, length) - max(low, 0)
            if np.array_equal(window, snapped) or shown < 1:
                continue
            for before, after in ((low, new_low), (high, new_high)):
                if 0 <= before <= length:
                    assert after == round(after)
                    assert abs(after - before) <= 0.5
                    sides += 1
            for border in (0, length):
                if low < border < high:
                    moved = places(border, new_low, new_high, image_size) - places(border, low, high, image_size)
                    assert abs(moved) <= 0.5 + 1e-6
                    borders += 1
    assert sides > 300
    assert borders > 300


def test_snapped_window_shows_at_least_one_pixel():
    for window in ([3.1, 4.2, 3.3, 4.4], [82.6, 46.7, 82.9, 46.9], [0.1, 0.1, 0.2, 0.2], [-5, -5, 0.4, 0.4]):
        snapped = snap(np.array(window), 83, 47, 300)
        shown = np.minimum(snapped[2:], (83, 47)) - np.maximum(snapped[:2], 0)
        assert shown.tolist() == [1, 1]


def test_window_of_whole_pixels_inside_the_picture_is_not_moved():
    for window in ([0, 0, 83, 47], [3, 4, 60, 46], [0, 10, 83, 20]):
        assert np.array_equal(snap(np.array(window, dtype=float), 83, 47, 64), window)


@pytest.mark.parametrize("how", INTERPOLATIONS)
@pytest.mark.parametrize("size", [(16, 16), (31, 9), (120, 80)])
def test_resizing_is_pillows_to_a_grey_level(how, size):
    image = noise(61, 43)
    for part in (image, image[:, 5:30, 7:50]):
        wanted = to_tensor(to_picture(part).resize(size, how))
        assert (resize(part, *size, how).int() - wanted.int()).abs().max() <= 1


def test_window_that_holds_only_fill_is_returned_as_it_is():
    for window in ([90, 0, 120, 30], [-50, -50, -10, 20], [-100, 5, 0.1, 40], [10, 46.9, 60, 120]):
        assert np.array_equal(snap(np.array(window, dtype=float), 83, 47, 64), window)


@pytest.mark.parametrize("window", [[90, 0, 120, 30], [-50, -50, -10, 20], [300, 300, 400, 400], [-90, 10, 0, 40]])
@pytest.mark.parametrize("resample", INTERPOLATIONS)
def test_window_wholly_outside_shows_only_the_mean(window, resample):
    window = snap(np.array(window, dtype=float), 83, 47, 32)
    image, covered = read_window(plain(83, 47), window, 32, resample)
    assert image.shape == (3, 32, 32)
    assert image.dtype == torch.uint8
    assert (image == MEAN[:, None, None]).all()
    assert covered[2] <= covered[0] or covered[3] <= covered[1]
    assert (distort(image[None], torch.tensor([covered]), torch.tensor([[32, 1.5, 1.5, 36, 1.0]])) == 0).all()


def test_window_on_whole_pixels_is_read_pixel_for_pixel():
    image = noise(20, 12)
    for resample in INTERPOLATIONS:
        view, covered = read_window(image, np.array([4.0, 2.0, 12.0, 10.0]), 8, resample)
        assert torch.equal(view, image[:, 2:10, 4:12])
        assert covered == (0, 0, 8, 8)
        view, covered = read_window(image, np.array([-4.0, -2.0, 4.0, 6.0]), 8, resample)
        assert covered == (4, 2, 8, 8)
        assert torch.equal(view[:, 2:, 4:], image[:, :6, :4])
        assert (view[:, :2] == MEAN[:, None, None]).all()
        assert (view[:, :, :4] == MEAN[:, None, None]).all()


def test_object_stays_if_its_centre_is_inside():
    window = np.array([10.0, 10.0, 50.0, 50.0])
    boxes = np.array(
        [
            [20, 20, 30, 30],  # inside
            [0, 20, 24, 30],  # centre at 12: inside
            [0, 20, 18, 30],  # centre at 9: outside, though half of it shows
            [20, 44, 30, 60],  # centre at 52: outside
            [0, 0, 200, 200],  # the window is in it, its centre is not in the window
            [0, 0, 60, 60],  # the window is in it, and so is its centre
            [60, 60, 70, 70],
        ],
        dtype=float,
    )
    assert keep_objects(boxes, window).tolist() == [True, True, False, False, False, True, False]
    assert keep_objects(np.zeros((0, 4)), window).shape == (0,)


# --------------------------------------------------------------------- windows: a literal, slow transcription


def slow_iou(a: tuple, b: tuple) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def slow_window(width: int, height: int, boxes: list[tuple], rng: random.Random) -> tuple[tuple, int]:
    """Expand, then crop, in the words of the authors' code; return the window in pixels and how many objects stay."""
    left, top, canvas_width, canvas_height = 0.0, 0.0, float(width), float(height)
    if rng.random() < 0.5:
        ratio = rng.uniform(1, 4)
        canvas_width, canvas_height = width * ratio, height * ratio
        left, top = rng.uniform(0, canvas_width - width), rng.uniform(0, canvas_height - height)
    objects = [
        ((x0 + left) / canvas_width, (y0 + top) / canvas_height, (x1 + left) / canvas_width, (y1 + top) / canvas_height)
        for x0, y0, x1, y1 in boxes
    ]
    successes = [(0.0, 0.0, 1.0, 1.0)]
    for wanted in (0.1, 0.3, 0.5, 0.7, 0.9, None):
        for _ in range(50):
            scale = rng.uniform(0.3, 1)
            aspect = rng.uniform(0.5, 2)
            aspect = max(aspect, scale * scale)
            aspect = min(aspect, 1 / (scale * scale))
            w, h = scale * math.sqrt(aspect), scale / math.sqrt(aspect)
            x, y = rng.uniform(0, 1 - w), rng.uniform(0, 1 - h)
            crop = (x, y, x + w, y + h)
            if any(wanted is None or slow_iou(crop, box) >= wanted for box in objects):
                successes.append(crop)
                break
    x0, y0, x1, y1 = rng.choice(successes)
    kept = 0
    for box in objects:
        centre_x, centre_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        if x0 <= centre_x <= x1 and y0 <= centre_y <= y1:
            clipped = max(box[0], x0), max(box[1], y0), min(box[2], x1), min(box[3], y1)
            kept += clipped[2] > clipped[0] and clipped[3] > clipped[1]
    window = (x0 * canvas_width - left, y0 * canvas_height - top, x1 * canvas_width - left, y1 * canvas_height - top)
    return window, kept


SCENES = {
    "two middling objects": [(100, 80, 300, 250), (320, 200, 460, 330)],
    "one small object in a corner": [(10, 10, 45, 40)],
    "one object as large as the picture": [(0, 0, 500, 375)],
    "a crowd": [(20 + 120 * i, 40 + 150 * j, 90 + 120 * i, 150 + 150 * j) for i in range(4) for j in range(2)],
}


@pytest.mark.parametrize("scene", SCENES)
def test_windows_are_distributed_like_those_of_a_literal_transcription(scene):
    width, height, boxes, samples = 500, 375, SCENES[scene], 3000
    slow_rng, rng = random.Random(1), np.random.default_rng(2)
    slow, fast = [], []
    for _ in range(samples):
        slow.append(slow_window(width, height, boxes, slow_rng))
        window = sample_crop(sample_canvas(width, height, 0.5, 4.0, rng), np.array(boxes, dtype=float), rng)
        fast.append((tuple(window), int(keep_objects(np.array(boxes, dtype=float), window).sum())))
    measures = {
        "area": lambda w, _: math.sqrt((w[2] - w[0]) * (w[3] - w[1])),
        "aspect": lambda w, _: (w[2] - w[0]) / (w[3] - w[1]),
        "left": lambda w, _: w[0],
        "top": lambda w, _: w[1],
        "right": lambda w, _: w[2],
        "bottom": lambda w, _: w[3],
        "kept": lambda _, kept: kept,
        "best overlap": lambda w, _: max(slow_iou(w, box) for box in boxes),
    }
    for name, measure in measures.items():
        result = stats.ks_2samp([measure(*s) for s in slow], [measure(*f) for f in fast])
        # 8 measures x 4 scenes make 32 comparisons; together they raise a false alarm once in 1000 choices of seeds.
        # At 3000 samples this still tells apart distributions that are 0.07 from each other.
        assert result.pvalue > 0.001 / (8 * len(SCENES)), f"{name}: {result}"


def test_number_of_objects_a_view_keeps_is_that_of_a_literal_transcription():
    boxes, slow_rng, rng = SCENES["a crowd"], random.Random(3), np.random.default_rng(4)
    sample, transform = sample_of(plain(500, 375), boxes), TrainTransform(16)
    slow = [slow_window(500, 375, boxes, slow_rng)[1] for _ in range(600)]
    fast = [len(transform(sample, rng).labels) for _ in range(600)]
    assert 0 in fast, "a crop may end with no object"
    assert stats.ks_2samp(slow, fast).pvalue > 0.01


def test_crop_stays_on_the_canvas_and_within_scale_and_aspect():
    rng, canvas, boxes = (
        np.random.default_rng(6),
        np.array([-50.0, -20.0, 350.0, 180.0]),
        np.array([[60.0, 40, 150, 120]]),
    )
    for _ in range(500):
        x0, y0, x1, y1 = sample_crop(canvas, boxes, rng)
        assert x0 >= -50 - 1e-9
        assert y0 >= -20 - 1e-9
        assert x1 <= 350 + 1e-9
        assert y1 <= 180 + 1e-9
        w, h = (x1 - x0) / 400, (y1 - y0) / 200
        assert 0.3 - 1e-9 <= math.sqrt(w * h) <= 1 + 1e-9
        assert 0.5 - 1e-9 <= w / h <= 2 + 1e-9


def test_one_object_with_the_wanted_overlap_is_enough_for_a_crop():
    """A second, tiny object next to one as large as the canvas must not change which windows succeed."""
    canvas, large, tiny = np.array([0.0, 0, 100, 100]), [0, 0, 100, 100], [1, 1, 3, 3]
    overlaps = [
        [slow_iou(tuple(sample_crop(canvas, np.array(b, dtype=float), rng)), tuple(large)) for _ in range(1500)]
        for b, rng in (([large], np.random.default_rng(7)), ([large, tiny], np.random.default_rng(8)))
    ]
    assert stats.ks_2samp(*overlaps).pvalue > 0.01


# --------------------------------------------------------------------------------------------------------- colours


def test_colour_parameters_happen_half_of_the_time_and_are_uniform():
    rng = np.random.default_rng(9)
    drawn = np.array([sample_colour(rng) for _ in range(4000)])
    assert drawn.shape == (4000, 5)
    for column, (low, high) in enumerate([(-32, 32), (0.5, 1.5), (0.5, 1.5), (-36, 36)]):
        happened = drawn[:, column] != NO_DISTORTION[column]
        assert abs(happened.mean() - 0.5) < 0.032, "four standard deviations"
        values = drawn[happened, column]
        assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 0.01
    assert set(drawn[:, 4]) == {0.0, 1.0}
    assert abs(drawn[:, 4].mean() - 0.5) < 0.032


def test_colour_parameters_are_drawn_independently():
    rng = np.random.default_rng(10)
    drawn = np.array([sample_colour(rng) for _ in range(4000)])
    happened = np.concatenate([drawn[:, :4] != NO_DISTORTION[:4], drawn[:, 4:] == 1], axis=1)
    for values in (happened.astype(float), drawn):
        correlation = np.corrcoef(values, rowvar=False) - np.eye(5)
        assert abs(correlation).max() < 0.065


def slow_distort(pixel: tuple, brightness: float, contrast: float, saturation: float, hue: float, last: float) -> list:
    """One pixel, one step after another, in floating point where the authors' code has bytes."""

    def limit(values: list) -> list:
        return [min(max(value, 0.0), 255.0) for value in values]

    rgb = limit([value + brightness for value in pixel])
    if not last:
        rgb = limit([value * contrast for value in rgb])
    h, s, v = colorsys.rgb_to_hsv(*(value / 255 for value in rgb))
    degrees = max(h * 360 + hue, 0) % 360
    rgb = [value * 255 for value in colorsys.hsv_to_rgb(degrees / 360, min(s * saturation, 1), v)]
    if last:
        rgb = limit([value * contrast for value in rgb])
    return [value - mean for value, mean in zip(rgb, PIXEL_MEAN, strict=True)]


def slow_random_distortion(pixel: tuple, rng: random.Random) -> list:
    """Distort one pixel at random, in the words of the authors' code."""
    brightness = rng.uniform(-32, 32) if rng.random() < 0.5 else 0
    contrast_first = rng.random() < 0.5
    contrast = rng.uniform(0.5, 1.5) if rng.random() < 0.5 else 1
    saturation = rng.uniform(0.5, 1.5) if rng.random() < 0.5 else 1
    hue = 2 * rng.uniform(-18, 18) if rng.random() < 0.5 else 0  # OpenCV's 8-bit hue counts in steps of two degrees
    return slow_distort(pixel, brightness, contrast, saturation, hue, float(not contrast_first))


@pytest.mark.parametrize("pixel", [(200, 120, 60), (30, 90, 20), (90, 100, 240), (128, 128, 128), (255, 250, 5)])
def test_colours_are_distributed_like_those_of_a_literal_transcription(pixel):
    slow_rng, rng, samples = random.Random(11), np.random.default_rng(12), 4000
    slow = np.array([slow_random_distortion(pixel, slow_rng) for _ in range(samples)])
    colour = torch.tensor([sample_colour(rng) for _ in range(samples)])
    pixels = torch.tensor(pixel, dtype=torch.uint8)[None, :, None, None].expand(samples, 3, 1, 1)
    fast = augment._distort_together(pixels, torch.tensor([[0, 0, 1, 1]]).expand(samples, 4), colour)[..., 0, 0].numpy()
    deviation = slow.std(axis=0)
    assert (abs(slow.mean(axis=0) - fast.mean(axis=0)) < 4 * deviation * math.sqrt(2 / samples)).all()
    assert (abs(fast.std(axis=0) / deviation - 1) < 0.06).all()
    for channel in range(3):
        # 5 pixels x 3 channels; together they raise a false alarm once in 1000 choices of seeds. A grain of a hundredth
        # of a grey level joins what only rounding parts.
        both = (np.round(values[:, channel], 2) for values in (slow, fast))
        assert stats.ks_2samp(*both).pvalue > 0.001 / 15


def distort_pixels(pixels: list, colour: tuple) -> torch.Tensor:
    """(N, 3) distorted pixels, by way of a square that holds them in its first row."""
    square = torch.zeros(1, 3, len(pixels), len(pixels), dtype=torch.uint8)
    square[0, :, 0] = torch.tensor(pixels, dtype=torch.uint8).T
    covered = torch.tensor([[0, 0, len(pixels), len(pixels)]])
    return distort(square, covered, torch.tensor([colour], dtype=torch.float32))[0, :, 0].T


PRIMARIES = [(r, g, b) for r in (0, 128, 255) for g in (0, 128, 255) for b in (0, 128, 255)]


@pytest.mark.parametrize("last", [0.0, 1.0])
@pytest.mark.parametrize(
    ("brightness", "contrast", "saturation", "hue"),
    [
        (0, 1, 1, 0),
        (25.3, 1, 1, 0),
        (-31, 1, 1, 0),
        (0, 1.5, 1, 0),
        (0, 0.5, 1, 0),
        (0, 1, 1.5, 0),
        (0, 1, 0.5, 0),
        (0, 1, 1, 36),
        (0, 1, 1, -36),
        (20, 1.4, 0.6, 30),
        (-20, 0.7, 1.45, -25),
        (31, 1.45, 1.5, -10),
    ],
)
def test_distortion_equals_one_pixel_at_a_time(last, brightness, contrast, saturation, hue):
    rng = random.Random(0)
    pixels = PRIMARIES + [tuple(rng.randrange(256) for _ in range(3)) for _ in range(80)]
    wanted = torch.tensor([slow_distort(pixel, brightness, contrast, saturation, hue, last) for pixel in pixels])
    found = distort_pixels(pixels, (brightness, contrast, saturation, hue, last))
    assert found.dtype == torch.float32
    assert (found - wanted).abs().max() < 0.01


def test_no_distortion_equals_normalize():
    images = noise(32, 32)[None]
    covered = torch.tensor([[0, 0, 32, 32]])
    assert torch.allclose(distort(images, covered, torch.tensor([NO_DISTORTION])), normalize(images), atol=1e-3)


def test_normalize_takes_the_mean_off():
    images = noise(8, 8)[None]
    wanted = images[0].double() - torch.tensor(PIXEL_MEAN, dtype=torch.float64)[:, None, None]
    assert normalize(images).dtype == torch.float32
    assert torch.equal(normalize(images)[0].double(), wanted)
    assert PIXEL_MEAN == (123, 117, 104)


def shifted(pixel: tuple, saturation: float = 1.0, hue: float = 0.0) -> list[float]:
    image = torch.tensor(pixel, dtype=torch.float32)[None, :, None, None]
    factors = (torch.full((1, 1, 1, 1), value) for value in (saturation, hue))
    return shift_saturation_and_hue(image, *factors).flatten().tolist()


def test_hue_pushed_below_0_stops_at_red():
    assert shifted((255, 51, 0), hue=-36) == pytest.approx([255, 0, 0], abs=1e-3)
    assert shifted((255, 153, 0), hue=-36) == pytest.approx([255, 0, 0], abs=1e-3)
    assert shifted((255, 204, 0), hue=-36) == pytest.approx([255, 51, 0], abs=1e-3)


def test_hue_pushed_over_the_top_comes_round():
    assert shifted((255, 0, 51), hue=36) == pytest.approx([255, 102, 0], abs=1e-3)


def test_hue_below_the_top_goes_down_unhindered():
    assert shifted((255, 0, 51), hue=-36) == pytest.approx([255, 0, 204], abs=1e-3)


def test_saturation_is_capped():
    assert shifted((250, 50, 50), saturation=1.5) == pytest.approx([250, 0, 0], abs=1e-3)
    assert shifted((200, 150, 100), saturation=1.5) == pytest.approx([200, 125, 50], abs=1e-3)


@pytest.mark.parametrize("level", [0, 1, 77, 255])
@pytest.mark.parametrize("hue", [-36.0, 0.0, 36.0])
def test_grey_stays_grey(level, hue):
    assert shifted((level, level, level), 1.5, hue) == pytest.approx([level] * 3, abs=1e-3)


def test_brightness_stops_at_white_before_contrast_darkens():
    assert distort_pixels([(250, 250, 250)], (32, 0.5, 1, 0, 0))[0].tolist() == pytest.approx((127.5 - MEAN).tolist())


def test_each_picture_of_a_batch_has_its_own_distortion_and_fill():
    rng = np.random.default_rng(13)
    images = torch.stack([noise(16, 16), noise(16, 16).flip(-1), noise(16, 16).flip(-2)])
    covered = torch.tensor([[0, 0, 16, 16], [3, 5, 9, 16], [0, 4, 12, 7]])
    colour = torch.tensor([sample_colour(rng) for _ in range(3)])
    together = augment._distort_together(images, covered, colour)  # what a GPU does
    assert torch.allclose(together, distort(images, covered, colour), atol=1e-3)
    for n in range(3):
        alone = distort(images[n : n + 1], covered[n : n + 1], colour[n : n + 1])
        assert torch.allclose(together[n], alone[0], atol=1e-3)
        x0, y0, x1, y1 = covered[n].tolist()
        mask = torch.zeros(16, 16, dtype=torch.bool)
        mask[y0:y1, x0:x1] = True
        assert (together[n][:, ~mask] == 0).all()
        wanted = slow_distort(images[n, :, y0, x0].tolist(), *colour[n].tolist())
        assert together[n][:, y0, x0].tolist() == pytest.approx(wanted, abs=0.01)
