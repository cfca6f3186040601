"""ToyVOC: a genuine tree, VOC2007's statistics, the same bytes again, honest flags, all or nothing."""

from collections import Counter
from pathlib import Path

import defusedxml.ElementTree
import numpy as np
import pytest
from PIL import Image

from ssd.datasets import toyvoc
from ssd.datasets.layers import Layer, label, look
from ssd.datasets.scenes import HABITATS, setting_shares, unbury
from ssd.datasets.toyvoc import make_toyvoc
from ssd.datasets.voc import VOC_CLASSES, VOCDetection
from ssd.errors import DataError

TRAIN, TEST = 400, 20
QUANTILES = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    return make_toyvoc(tmp_path_factory.mktemp("toyvoc"), TRAIN, TEST, seed=0, workers=1, progress=False)


@pytest.fixture(scope="module")
def annotations(tree) -> dict:
    return {path.stem: defusedxml.ElementTree.parse(path).getroot() for path in (tree / "Annotations").iterdir()}


@pytest.fixture(scope="module")
def objects(annotations) -> list[dict[str, float]]:
    """Every object of every picture: width, height, picture area and flags, as an outsider reads them from the XML."""
    found = []
    for root in annotations.values():
        area = int(root.findtext("size/width")) * int(root.findtext("size/height"))
        for node in root.iter("object"):
            x0, y0, x1, y1 = (int(node.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
            flags = {flag: int(node.findtext(flag)) for flag in ("truncated", "occluded", "difficult")}
            found.append({"width": x1 - x0 + 1, "height": y1 - y0 + 1, "picture": area, **flags})
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def square(x: int, y: int, side: int = 100, depth: float = 0, name: str | None = "car", grey: int = 0) -> Layer:
    return Layer(Image.new("RGBA", (side, side), (grey, grey, grey, 255)), x, y, depth, name, False)


def labels(*layers: Layer) -> list:
    """Label layers, given from back to front, in a white scene of 300 x 200 pixels."""
    canvas = Image.new("RGB", (300, 200), "white")
    for layer in layers:
        canvas.paste(layer.picture, (layer.x, layer.y), layer.picture)
    views, pixels = look(list(layers), canvas.size), np.asarray(canvas, dtype=np.float32)
    return [label(layers[i], views[i], pixels) for i in sorted(views)]


# The tree


def test_the_tree_is_laid_out_like_the_devkit(tree):
    assert tree.parts[-2:] == ("VOCdevkit", "VOC2007")
    ids = [f"{i:06d}" for i in range(1, TRAIN + TEST + 1)]
    assert sorted(path.name for path in (tree / "JPEGImages").iterdir()) == [f"{i}.jpg" for i in ids]
    assert sorted(path.name for path in (tree / "Annotations").iterdir()) == [f"{i}.xml" for i in ids]
    lists = {path.name for path in (tree / "ImageSets" / "Main").iterdir()}
    splits = ("trainval", "train", "val", "test")
    assert lists == {f"{prefix}{s}.txt" for s in splits for prefix in ("", *(f"{name}_" for name in VOC_CLASSES))}
    assert [path.name for path in tree.parent.iterdir()] == ["VOC2007"]


def test_splits_are_halves_of_trainval_and_a_separate_test(tree):
    read = {s: (tree / f"ImageSets/Main/{s}.txt").read_text().split() for s in ("trainval", "train", "val", "test")}
    assert len(read["trainval"]) == TRAIN
    assert len(read["test"]) == TEST
    assert sorted(read["train"] + read["val"]) == read["trainval"]
    assert abs(len(read["train"]) - len(read["val"])) <= 1
    assert not set(read["trainval"]) & set(read["test"])


def test_class_lists_say_present_absent_or_only_difficult(tree, annotations):
    seen = Counter()
    for name in VOC_CLASSES:
        for line in (tree / f"ImageSets/Main/{name}_trainval.txt").read_text().splitlines():
            image_id, flag = line[:6], int(line[6:])
            assert line == f"{image_id} {flag:2d}"
            difficult = [
                int(o.findtext("difficult")) for o in annotations[image_id].iter("object") if o.findtext("name") == name
            ]
            assert flag == (-1 if not difficult else 0 if all(difficult) else 1)
            seen[flag] += 1
    assert set(seen) == {-1, 0, 1}


def test_xml_has_vocs_fields_and_every_box_lies_inside_its_picture(tree, annotations):
    for image_id, root in annotations.items():
        assert [node.tag for node in root][:5] == ["folder", "filename", "source", "size", "segmented"]
        with Image.open(tree / "JPEGImages" / root.findtext("filename")) as picture:
            assert picture.mode == "RGB"
            assert picture.size == (int(root.findtext("size/width")), int(root.findtext("size/height")))
        assert root.findtext("filename") == f"{image_id}.jpg"
        assert root.find("object") is not None
        for node in root.iter("object"):
            assert [child.tag for child in node] == ["name", "pose", "truncated", "occluded", "difficult", "bndbox"]
            assert node.findtext("name") in VOC_CLASSES
            x0, y0, x1, y1 = (int(node.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
            assert 1 <= x0 < x1 <= picture.width
            assert 1 <= y0 < y1 <= picture.height


def test_our_own_reader_takes_it(tree, objects):
    datasets = [VOCDetection(tree.parent.parent, split=split) for split in ("trainval", "test")]
    assert sum(len(dataset[i].labels) for dataset in datasets for i in range(len(dataset))) == len(objects)


def test_sixty_four_scenes_take_less_than_two_megabytes(tree):
    sizes = [len(data) for name, data in contents(tree).items() if not name.startswith("ImageSets")]
    assert np.sum(sizes) / (TRAIN + TEST) * 64 < 2e6


# The statistics of VOC2007. Between samples of 420 scenes the logarithms of these quantiles differ with a standard
# deviation of 0.10 (small objects come in crowds) down to 0.02 for sizes and 0.03 for shapes, the shares by 0.017.


def log_ratios(measured: np.ndarray, expected: list[float]) -> np.ndarray:
    return np.abs(np.log(np.quantile(measured, QUANTILES) / expected))


def test_sizes_follow_voc2007(objects):
    sizes = np.array([np.sqrt(o["width"] * o["height"] / o["picture"]) for o in objects])
    off = log_ratios(sizes, [0.056, 0.075, 0.129, 0.258, 0.483, 0.714, 0.826])
    assert (off < [0.24, 0.24, 0.22, 0.17, 0.12, 0.08, 0.06]).all(), off


def test_shapes_follow_voc2007(objects):
    shapes = np.array([o["width"] / o["height"] for o in objects])
    off = log_ratios(shapes, [0.31, 0.37, 0.54, 0.85, 1.34, 1.98, 2.46])
    assert (off < [0.2, 0.18, 0.16, 0.12, 0.12, 0.14, 0.16]).all(), off


def test_numbers_of_objects_follow_voc2007(annotations):
    counts = [len(root.findall("object")) for root in annotations.values()]
    assert np.mean(counts) == pytest.approx(3.1, abs=0.4)
    np.testing.assert_allclose(np.quantile(counts, [0.10, 0.25, 0.50, 0.75, 0.90, 0.95]), [1, 1, 2, 4, 7, 9], atol=1)
    assert 12 <= max(counts) <= 42


def test_as_many_are_truncated_and_difficult_as_in_voc2007(objects):
    assert np.mean([o["truncated"] for o in objects]) == pytest.approx(0.52, abs=0.04)
    assert np.mean([o["difficult"] for o in objects]) == pytest.approx(0.19, abs=0.04)


def test_every_class_is_as_likely_as_every_other_and_person_twice(objects):
    assert tuple(HABITATS) == VOC_CLASSES
    shares = {name: sum(row.get(name, 0) for row in setting_shares().values()) for name in VOC_CLASSES}
    assert shares == pytest.approx({name: (2 if name == "person" else 1) / 21 for name in VOC_CLASSES})


# The same seed, the same bytes


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    first, again, other = (make_toyvoc(tmp_path / n, 4, 2, s, 1, False) for n, s in (("a", 5), ("b", 5), ("c", 6)))
    assert contents(first) == contents(again)
    assert not set(contents(first / "JPEGImages").values()) & set(contents(other / "JPEGImages").values())


def test_neither_workers_nor_the_number_of_scenes_change_a_scene(tree, tmp_path):
    few = contents(make_toyvoc(tmp_path, 36, 4, seed=0, workers=2, progress=False))
    many = contents(tree)
    for i in range(1, 37):
        for name in (f"JPEGImages/{i:06d}.jpg", f"Annotations/{i:06d}.xml"):
            assert few[name] == many[name]
    for i in range(1, 5):
        assert few[f"JPEGImages/{36 + i:06d}.jpg"] == many[f"JPEGImages/{TRAIN + i:06d}.jpg"]


# Honest flags


def test_a_whole_object_in_plain_sight_has_no_flag():
    (found,) = labels(square(50, 40))
    assert found.box == (50, 40, 150, 140)
    assert (found.truncated, found.occluded, found.difficult) == (False, False, False)


def test_the_border_truncates_but_does_not_occlude():
    (found,) = labels(square(-30, 40))
    assert found.box == (0, 40, 70, 140)
    assert (found.truncated, found.occluded, found.difficult) == (True, False, False)


def test_a_box_ends_where_something_in_front_begins():
    (found,) = labels(square(50, 40), square(40, 100, side=120, name=None, grey=200))
    assert found.box == (50, 40, 150, 100)
    assert (found.truncated, found.occluded, found.difficult) == (True, True, False)


def test_a_thing_in_the_middle_occludes_without_truncating():
    (found,) = labels(square(50, 40), square(80, 70, side=40, name=None, grey=200))
    assert found.box == (50, 40, 150, 140)
    assert (found.truncated, found.occluded) == (False, True)


def test_what_stands_behind_does_not_count():
    back, front = labels(square(50, 40, grey=120), square(100, 40))
    assert back.box == (50, 40, 100, 140)
    assert (back.truncated, back.occluded) == (True, True)
    assert (front.box, front.occluded) == ((100, 40, 200, 140), False)


@pytest.mark.parametrize(
    "layers",
    [
        [square(50, 40, side=15)],
        [square(50, 40), square(50, 75, name=None, grey=200)],
        [square(50, 40, grey=250)],
    ],
    ids=["small", "mostly hidden", "hardly another colour than what is behind it"],
)
def test_what_is_hard_to_see_is_difficult(layers):
    (found,) = labels(*layers)
    assert found.difficult


@pytest.mark.parametrize("place", [(300, 0), (-95, 40), (50, 198), (10, 40)])
def test_what_cannot_be_recognised_is_taken_out_of_the_scene(place):
    cover = square(0, 30, side=120, name=None)
    layers, views = unbury([square(*place), square(150, 40, name="bus"), cover], (300, 200))
    assert [layer.name for layer in layers] == ["bus", None]
    assert list(views) == [0]


def test_taking_one_out_uncovers_another():
    # The first is buried under the second, which is itself buried under the third.
    stack = [square(0, 0), square(2, 0, name="bus"), square(10, 0, name=None)]
    layers, _ = unbury(stack, (300, 200))
    assert [layer.name for layer in layers] == [None]


# Nothing half-written


def test_an_existing_tree_is_an_error_and_stays_as_it_is(tmp_path):
    target = tmp_path / "VOCdevkit" / "VOC2007"
    target.mkdir(parents=True)
    (target / "mine.txt").write_text("keep me")
    with pytest.raises(DataError, match=r"VOC2007.*exists already.*remove"):
        make_toyvoc(tmp_path, 2, 1, progress=False)
    assert contents(tmp_path) == {"VOCdevkit/VOC2007/mine.txt": b"keep me"}


@pytest.mark.parametrize("numbers", [{"train": 0}, {"test": -1}, {"seed": -1}])
def test_numbers_that_make_no_sense_are_errors_that_name_the_argument(tmp_path, numbers):
    with pytest.raises(DataError, match=next(iter(numbers))):
        make_toyvoc(tmp_path / "new", **numbers)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("error", [OSError("No space left on device"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_leaves_nothing_behind(tmp_path, monkeypatch, error):
    drawn = []

    def fail_on_the_third(rng):
        drawn.append(rng)
        if len(drawn) == 3:
            raise error
        return Image.new("RGB", (40, 30)), []

    monkeypatch.setattr(toyvoc, "make_scene", fail_on_the_third)
    with pytest.raises(type(error)):
        make_toyvoc(tmp_path / "new" / "deep", 4, 1, workers=1, progress=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "VOCdevkit").mkdir()
    drawn.clear()
    with pytest.raises(type(error)):
        make_toyvoc(tmp_path, 4, 1, workers=1, progress=False)
    assert [path.name for path in tmp_path.rglob("*")] == ["VOCdevkit"]


def test_a_tree_that_appears_meanwhile_is_not_overwritten(tmp_path, monkeypatch):
    target = tmp_path / "VOCdevkit" / "VOC2007"

    def draw_while_another_process_finishes(rng):
        target.mkdir(exist_ok=True)
        (target / "theirs.txt").write_text("keep me")
        return Image.new("RGB", (40, 30)), []

    monkeypatch.setattr(toyvoc, "make_scene", draw_while_another_process_finishes)
    with pytest.raises(DataError, match="exists already"):
        make_toyvoc(tmp_path, 1, 0, workers=1, progress=False)
    assert contents(tmp_path) == {"VOCdevkit/VOC2007/theirs.txt": b"keep me"}
