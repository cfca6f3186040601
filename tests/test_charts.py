"""ssd.charts: what is drawn is what the record says, read off the lines and areas and not off the pixels."""

import copy
import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ssd.charts import error_kinds, false_kinds, missed, precision_recall, sensitivity
from ssd.errors import DataError
from ssd.images import png, read_image, to_picture
from ssd.metrics import average_precision
from ssd.metrics.diagnosis import CHARACTERISTICS, KINDS, REASONS
from ssd.metrics.voc import Curve


def levels(**values):
    """Return a table of every characteristic; of those that are named, with these values, of others without any."""
    return {
        name: dict(zip(names, [[value, 3] for value in values.get(name, [None] * len(names))], strict=True))
        for name, names in CHARACTERISTICS.items()
    }


CAT = {
    "objects": 10,
    "shares": [[1, 0, 0, 0, 0], [0.6, 0.2, 0.1, 0.1, 0], [0.3, 0.2, 0.1, 0.1, 0.3]],
    "recall": [[0.5, 0.5], [0.6, 0.7], [0.6, 0.9]],
    "false_positives": [[0.4, 0.2, 0.2, 0.2], [0.3, 0.1, 0.1, 0.5]],
    "sensitivity": levels(truncated=[0.8, 0.4], occluded=[0.6, None]),
    "missed": {"late": 1, "loose": 2, "confused": 0, "unseen": 3},
}
DOG = {
    "objects": 20,
    "shares": [[0.5, 0.5, 0, 0, 0], [0.4, 0.4, 0.1, 0, 0.1], [0.1, 0.4, 0.1, 0, 0.4]],
    "recall": [[0.1, 0.3], [0.2, 0.3], [0.2, 0.5]],
    "false_positives": [[1, 0, 0, 0], [0.5, 0.1, 0.2, 0.2]],
    "sensitivity": levels(truncated=[0.4, 0.2], occluded=[0.5, None]),
    "missed": {"late": 4, "loose": 0, "confused": 0, "unseen": 0},
}
COW = {  # nobody has detected one
    "objects": 5,
    "shares": [[None] * 5] * 3,
    "recall": [[0.0, 0.0]] * 3,
    "false_positives": [[None] * 4] * 2,
    "sensitivity": levels(truncated=[0.0, None], occluded=[0.0, None]),
    "missed": {"late": 0, "loose": 0, "confused": 0, "unseen": 5},
}
RECORD = {
    "kinds": KINDS,
    "multiples": (0.5, 1, 2),
    "counts": (25, 50),
    "classes": {"cat": CAT, "dog": DOG, "cow": COW},
}


@pytest.fixture
def axes():
    """Return axes in a figure of their own."""
    return Figure().subplots()


def edges(area):
    """Return by x the lowest and the highest y of a filled area."""
    found = {}
    for x, y in np.concatenate([path.vertices for path in area.get_paths()]).tolist():
        low, high = found.get(x, (y, y))
        found[x] = (min(low, y), max(high, y))
    return found


def texts(labels):
    return [label.get_text() for label in labels]


# ------------------------------------------------------------------------------------------------- figure 3


def assert_stacked(axes, shares):
    """See that kinds are drawn one upon the other, as high as their shares, (multiples, kinds)."""
    tops = np.cumsum(shares, axis=1)
    assert [area.get_label() for area in axes.collections] == list(KINDS)
    for number, area in enumerate(axes.collections):
        found = edges(area)
        assert sorted(found) == list(range(len(shares)))
        for x, (low, high) in found.items():
            assert high == pytest.approx(tops[int(x), number])
            assert low == pytest.approx(tops[int(x), number] - shares[int(x)][number])


def recalls(axes):
    return {line.get_label(): (line.get_linestyle(), list(line.get_ydata())) for line in axes.get_lines()}


def test_kinds_lie_one_upon_the_other_as_high_as_their_mean_shares(axes):
    error_kinds(axes, RECORD, ("cat", "dog"))
    assert_stacked(axes, np.mean([CAT["shares"], DOG["shares"]], axis=0))
    assert recalls(axes) == {
        "recall": ("-", pytest.approx([0.3, 0.4, 0.4])),
        "recall at 0.1": ("--", pytest.approx([0.4, 0.5, 0.7])),
    }
    assert texts(axes.get_xticklabels()) == ["0.5", "1", "2"]
    assert axes.get_ylim() == (0, 1)
    assert set(texts(axes.get_legend().get_texts())) == {*KINDS, "recall", "recall at 0.1"}


def test_classes_that_the_record_has_not_are_left_out(axes):
    error_kinds(axes, RECORD, ("unicorn", "dog"), legend=False)
    assert_stacked(axes, np.array(DOG["shares"]))
    assert axes.get_legend() is None


def test_a_class_that_nobody_detected_has_recall_and_no_shares(axes):
    error_kinds(axes, RECORD, ("cat", "cow"))
    assert_stacked(axes, np.array(CAT["shares"]))
    assert recalls(axes)["recall"][1] == pytest.approx([0.25, 0.3, 0.3])
    assert recalls(axes)["recall at 0.1"][1] == pytest.approx([0.25, 0.35, 0.45])


def test_nothing_but_classes_that_nobody_detected_can_be_drawn():
    figure = Figure()
    upper, lower = figure.subplots(2)
    error_kinds(upper, RECORD, ("cow",))
    false_kinds(lower, RECORD, ("cow",))
    assert not any(area.get_paths() for area in upper.collections)
    assert recalls(upper)["recall"][1] == [0, 0, 0]
    assert all(np.isnan(line.get_ydata()).all() for line in lower.get_lines())
    assert png(figure).startswith(b"\x89PNG")


def test_a_place_where_no_class_has_detections_stays_empty(axes):
    record = copy.deepcopy(RECORD)
    record["classes"]["dog"]["shares"][2] = [None] * 5
    error_kinds(axes, record, ("dog", "cow"))
    assert_stacked(axes, np.array(DOG["shares"][:2]))


@pytest.mark.parametrize("draw", [error_kinds, false_kinds])
def test_a_group_without_any_object_is_refused(axes, draw):
    with pytest.raises(DataError, match="classes: have no objects, got 'unicorn, hen'; expected cat, dog, cow"):
        draw(axes, RECORD, ("unicorn", "hen"))
    with pytest.raises(DataError, match="classes: have no objects"):
        draw(axes, {**RECORD, "classes": {}}, ("cat",))


def test_kinds_of_false_detections_are_lines_at_their_mean_shares(axes):
    false_kinds(axes, RECORD, ("cat", "dog", "cow", "unicorn"))
    wanted = np.mean([CAT["false_positives"], DOG["false_positives"]], axis=0)
    assert [line.get_label() for line in axes.get_lines()] == list(KINDS[1:])
    for number, line in enumerate(axes.get_lines()):
        assert line.get_ydata() == pytest.approx(wanted[:, number])
    assert len({line.get_linestyle() for line in axes.get_lines()}) == 4
    assert texts(axes.get_xticklabels()) == ["25", "50"]
    assert texts(axes.get_legend().get_texts()) == list(KINDS[1:])


# ------------------------------------------------------------------------------------------------- figure 4, missed


def test_sensitivity_draws_every_class_and_their_mean(axes):
    sensitivity(axes, RECORD, "truncated")
    *classes, mean = (list(line.get_ydata()) for line in axes.get_lines())
    assert classes == [[0.8, 0.4], [0.4, 0.2], pytest.approx([0, math.nan], nan_ok=True)]
    assert mean == pytest.approx([0.4, 0.3])  # of two classes only, where the third has no object
    assert axes.get_title() == "truncated"
    assert texts(axes.get_xticklabels()) == ["no", "yes"]


def test_levels_without_objects_in_any_class_have_no_mean(axes):
    sensitivity(axes, RECORD, "occluded")
    assert list(axes.get_lines()[-1].get_ydata()) == pytest.approx([1.1 / 3, math.nan], nan_ok=True)


@pytest.mark.parametrize("characteristic", CHARACTERISTICS)
def test_every_characteristic_can_be_drawn_though_no_class_knows_it(characteristic):
    figure = Figure()
    record = {**RECORD, "classes": {"cat": {**CAT, "sensitivity": levels()}}}
    sensitivity(figure.subplots(), record, characteristic)
    assert texts(figure.axes[0].get_xticklabels()) == list(CHARACTERISTICS[characteristic])
    assert all(np.isnan(line.get_ydata()).all() for line in figure.axes[0].get_lines())


def test_missed_objects_are_bars_end_to_end_by_reason_the_longest_last(axes):
    missed(axes, RECORD)
    assert texts(axes.get_yticklabels()) == ["dog", "cat", "cow"]  # 4 of 20, 6 of 10, 5 of 5
    assert [bars.get_label() for bars in axes.containers] == list(REASONS)
    widths = np.array([[bar.get_width() for bar in bars] for bars in axes.containers])
    starts = np.array([[bar.get_x() for bar in bars] for bars in axes.containers])
    assert pytest.approx(np.array([[0.2, 0, 0, 0], [0.1, 0.2, 0, 0.3], [0, 0, 0, 1]])) == widths.T
    assert pytest.approx(np.array([[0, 0.2, 0.2, 0.2], [0, 0.1, 0.3, 0.3], [0, 0, 0, 0]])) == starts.T
    assert axes.get_xlim() == (0, 1)


# ------------------------------------------------------------------------------------------------- curves


def shoelace(points):
    """Return the area of a polygon whose last point is its first."""
    x, y = np.array(points).T
    return abs(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())) / 2


def test_precision_and_recall_are_drawn_and_the_area_is_average_precision():
    recall, precision = np.array([0.5, 0.5, 1.0]), np.array([1.0, 0.5, 2 / 3])
    curves = {
        "cat": Curve(recall, precision, np.array([0.9, 0.8, 0.7]), 2),
        "cow": Curve(np.zeros(1), np.zeros(1), np.zeros(1), 0),
        "dog": Curve(np.zeros(0), np.zeros(0), np.zeros(0), 3),
        "hen": Curve(np.array([0.0, 1.0]), np.array([0.0, 0.5]), np.array([0.6, 0.5]), 1),
    }
    figure = Figure()
    precision_recall(figure, curves, {"cat": 0.85, "cow": math.nan, "dog": 0.0, "hen": 0.5}, columns=2)
    cat, dog, hen, nothing = figure.axes
    assert [axes.get_title() for axes in (cat, dog, hen)] == ["cat 0.850", "dog 0.000", "hen 0.500"]
    assert not nothing.axison
    (line,) = cat.get_lines()
    assert line.get_xydata().tolist() == pytest.approx(np.array([[0, 1], [0.5, 1], [0.5, 0.5], [1, 2 / 3]]))
    for axes, name in ((cat, "cat"), (hen, "hen")):
        (area,) = axes.collections
        (path,) = area.get_paths()
        wanted = average_precision(curves[name].recall, curves[name].precision, eleven_point=False)
        assert shoelace(path.vertices) == pytest.approx(wanted)
    assert png(figure).startswith(b"\x89PNG")


def test_where_no_class_has_objects_there_are_no_curves():
    figure = Figure()
    precision_recall(figure, {"cow": Curve(np.zeros(0), np.zeros(0), np.zeros(0), 0)}, {"cow": math.nan})
    assert figure.axes == []
    assert png(figure).startswith(b"\x89PNG")


# ------------------------------------------------------------------------------------------------- files


def test_pictures_and_figures_become_png_files(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(png(Image.fromarray(pixels)))
    assert np.array_equal(np.asarray(to_picture(read_image(tmp_path / "a.png"))), pixels)
    (tmp_path / "b.png").write_bytes(png(Figure(figsize=(2, 1), dpi=50)))
    assert read_image(tmp_path / "b.png").shape == (3, 50, 100)
