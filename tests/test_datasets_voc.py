"""VOC folders: what is read, and for each thing that can be wrong an error with file, field, value and expectation."""

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from conftest import TinyVOC
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from strategies import fuzzing, outcome, spoilt

from ssd.datasets.voc import VOC_CLASSES, VOCDetection, find_voc, read_annotation, read_split
from ssd.errors import DataError


def one_picture(
    tiny_voc, *objects: str, size: tuple[int, int] | None = (64, 48), real: tuple[int, int] = (64, 48)
) -> Path:
    """Write a dataset of the picture 000001 and return its XML."""
    tiny_voc.picture("000001", real)
    tiny_voc.split("trainval", "000001")
    return tiny_voc.annotate("000001", *objects, size=size)


def error_of(function, *arguments: object) -> DataError:
    with pytest.raises(DataError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value), "one line"
    assert "expected" in str(caught.value)
    return caught.value


# --------------------------------------------------------------------------------------------------- what is read


def test_classes_are_vocs_twenty_in_order():
    assert len(VOC_CLASSES) == len(set(VOC_CLASSES)) == 20
    assert list(VOC_CLASSES) == sorted(VOC_CLASSES)
    assert VOC_CLASSES[0] == "aeroplane"
    assert VOC_CLASSES[14] == "person"


@pytest.mark.parametrize(
    ("database", "size", "name"),
    [
        ("The VOC2007 Database", (500, 375), "VOC2007 trainval"),
        ("The VOC2007 Database", (333, 500), "VOC2007 trainval"),
        ("The VOC2012 Database", (360, 270), "VOC2012 trainval (reduced)"),
        ("ToyVOC", (64, 48), "ToyVOC trainval"),
        ("", (64, 48), "VOC2007 trainval"),
    ],
)
def test_name_says_which_database_and_whether_its_pictures_were_made_smaller(tiny_voc, database, size, name):
    path = one_picture(tiny_voc, tiny_voc.object_xml(), size=size, real=size)
    source = f"<source><database>{database}</database></source>"
    path.write_text(path.read_text(encoding="utf-8").replace("<size>", f"{source}<size>"), encoding="utf-8")
    assert VOCDetection(tiny_voc.root).name == name


def test_boxes_become_0_based_with_right_and_bottom_exclusive(tiny_voc):
    found = read_annotation(
        one_picture(tiny_voc, tiny_voc.object_xml("dog", (1, 1, 64, 48)), tiny_voc.object_xml("cat", (5, 7, 5, 9)))
    )
    assert found.boxes.tolist() == [[0, 0, 64, 48], [4, 6, 5, 9]]
    assert found.boxes.dtype == torch.float32


def test_labels_count_from_1_in_the_order_of_the_classes(tiny_voc):
    path = one_picture(tiny_voc, *(tiny_voc.object_xml(name) for name in ("tvmonitor", "aeroplane", "dog")))
    found = read_annotation(path)
    assert found.labels.tolist() == [20, 1, 12]
    assert found.labels.dtype == torch.int64


def test_own_class_names_decide_the_labels(tiny_voc):
    path = one_picture(tiny_voc, tiny_voc.object_xml("traffic light"), tiny_voc.object_xml("bus"))
    assert read_annotation(path, ("bus", "traffic light")).labels.tolist() == [2, 1]


def test_coordinates_need_not_be_whole_numbers(tiny_voc):
    found = read_annotation(one_picture(tiny_voc, tiny_voc.object_xml("dog", (10.5, " 3.25 ", "2.0e1", 40.75))))
    assert torch.allclose(found.boxes, torch.tensor([[9.5, 2.25, 20, 40.75]]))


def test_flags_are_read_and_default_to_no(tiny_voc):
    path = one_picture(
        tiny_voc,
        tiny_voc.object_xml(difficult=1, truncated=0, occluded=0),
        tiny_voc.object_xml(difficult=0, truncated=1, occluded=0),
        tiny_voc.object_xml(difficult=0, truncated=0, occluded=1),
        tiny_voc.object_xml(difficult=0),
    )
    found = read_annotation(path)
    assert found.difficult.tolist() == [True, False, False, False]
    assert found.truncated.tolist() == [False, True, False, False]
    assert found.occluded.tolist() == [False, False, True, False]
    assert found.difficult.dtype == torch.bool


def test_parts_of_an_object_are_not_objects(tiny_voc):
    part = "<part><name>head</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>4</xmax><ymax>4</ymax></bndbox></part>"
    person = tiny_voc.object_xml("person", (1, 1, 20, 40)).replace("</object>", f"{part}</object>")
    part_first = tiny_voc.object_xml("person", (1, 1, 20, 40)).replace("<object>", f"<object>{part}")
    for xml in (person, part_first):
        found = read_annotation(one_picture(tiny_voc, xml))
        assert found.boxes.tolist() == [[0, 0, 20, 40]]
        assert found.labels.tolist() == [15]


def test_annotation_without_objects_has_empty_boxes(tiny_voc):
    found = read_annotation(one_picture(tiny_voc))
    assert found.boxes.shape == (0, 4)
    for name in ("labels", "difficult", "truncated", "occluded"):
        assert getattr(found, name).shape == (0,)
    sample = VOCDetection(tiny_voc.root)[0]
    assert sample.boxes.shape == (0, 4)
    assert sample.labels.dtype == torch.int64


def test_size_is_width_and_height_or_none(tiny_voc):
    assert read_annotation(one_picture(tiny_voc)).size == (64, 48)
    assert read_annotation(one_picture(tiny_voc, size=None)).size is None


def test_sample_holds_picture_boxes_and_names(tiny_voc):
    one_picture(tiny_voc, tiny_voc.object_xml("dog", (2, 3, 20, 30), difficult=1))
    dataset = VOCDetection(tiny_voc.root)
    sample = dataset[0]
    assert len(dataset) == 1
    assert sample.image.shape == (3, 48, 64)
    assert sample.image.dtype == torch.uint8
    assert sample.boxes.tolist() == [[1, 2, 20, 30]]
    assert sample.labels.tolist() == [12]
    assert sample.difficult.tolist() == [True]
    assert sample.image_id == "000001"
    assert sample.class_names == VOC_CLASSES


def test_pictures_come_in_the_order_of_the_list(tiny_voc):
    for number, image_id in enumerate(("b", "a", "c")):
        tiny_voc.picture(image_id, colour=(number * 80,) * 3)
        tiny_voc.annotate(image_id)
    tiny_voc.split("trainval", "b", "a", "c")
    dataset = VOCDetection(tiny_voc.root)
    assert [dataset[n].image_id for n in range(3)] == ["b", "a", "c"]
    assert [round(dataset[n].image.float().mean().item() / 80) for n in range(3)] == [0, 1, 2]


def test_pictures_outside_the_list_are_not_read(tiny_voc):
    one_picture(tiny_voc)
    tiny_voc.write_xml("000002", "broken <")
    assert VOCDetection(tiny_voc.root).image_ids == ["000001"]


def test_ground_truth_is_by_picture(tiny_voc):
    one_picture(tiny_voc, tiny_voc.object_xml("dog", (2, 3, 20, 30), difficult=1))
    truth = VOCDetection(tiny_voc.root).ground_truth()
    assert set(truth) == {"000001"}
    assert truth["000001"].boxes.tolist() == [[1, 2, 20, 30]]
    assert truth["000001"].difficult.tolist() == [True]


def test_root_may_include_any_part_of_the_official_layout(tiny_voc):
    folder = tiny_voc.folder
    for root in (folder.parent.parent, folder.parent, folder):
        assert find_voc(root, "2007") == folder
        one_picture(tiny_voc)
        assert len(VOCDetection(str(root))) == 1


def test_year_and_split_choose_the_folder_and_the_list(tiny_voc, tmp_path):
    later = type(tiny_voc)(tmp_path / "later", "2012")
    later.fill(3, split="val")
    dataset = VOCDetection(later.root, "2012", "val")
    assert len(dataset) == 3
    assert dataset.name == "VOC2012 val"


def test_picture_rotated_by_exif_is_left_as_it_was_annotated(tiny_voc):
    exif = Image.Exif()
    exif[274] = 6
    one_picture(tiny_voc, tiny_voc.object_xml("dog", (1, 1, 60, 40)))
    Image.new("RGB", (64, 48)).save(tiny_voc.folder / "JPEGImages" / "000001.jpg", exif=exif)
    assert VOCDetection(tiny_voc.root)[0].image.shape == (3, 48, 64)


# ------------------------------------------------------------------------------------------ what is wrong with an XML


def test_missing_xml_is_named(tiny_voc):
    tiny_voc.picture("000001")
    tiny_voc.split("trainval", "000001")
    error = error_of(VOCDetection, tiny_voc.root)
    assert error.file == tiny_voc.folder / "Annotations" / "000001.xml"
    assert str(error.file) in str(error)
    assert "missing" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<annotation>",
        "<annotation><object></annotation>",
        "<a/><b/>",
        "\x00",
        '<?xml version="1.0" encoding="no-such"?><a/>',
    ],
)
def test_broken_xml_is_named(tiny_voc, text):
    path = tiny_voc.write_xml("000001", text)
    error = error_of(read_annotation, path)
    assert str(path) in str(error)
    assert "XML" in str(error)


def test_xml_that_is_not_utf8_is_named(tiny_voc):
    path = tiny_voc.write_xml("000001", "")
    path.write_bytes(b"<annotation>\xff\xfe\xfa</annotation>")
    assert str(path) in str(error_of(read_annotation, path))


BILLION_LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {this} "{f"&{before};" * 10}">' for before, this in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        BILLION_LAUGHS + "]><annotation>&i;</annotation>",
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>',
        '<!DOCTYPE a [<!ENTITY x "dog">]><annotation><object><name>&x;</name></object></annotation>',
    ],
)
def test_xml_with_entities_is_refused(tiny_voc, text):
    path = tiny_voc.write_xml("000001", text)
    error = error_of(read_annotation, path)
    assert str(path) in str(error)
    assert "entities" in str(error)


def test_unknown_class_says_which_object_what_it_is_and_what_may_be(tiny_voc):
    path = one_picture(tiny_voc, tiny_voc.object_xml("dog"), tiny_voc.object_xml("unicorn"))
    error = error_of(VOCDetection, tiny_voc.root)
    assert error.file == path
    assert error.value == "unicorn"
    for part in (str(path), "object 2", "name", "'unicorn'", "aeroplane", "tvmonitor"):
        assert part in str(error)


def test_object_without_a_name_is_refused(tiny_voc):
    path = one_picture(tiny_voc, tiny_voc.object_xml().replace("<name>dog</name>", ""))
    error = error_of(read_annotation, path)
    assert error.file == path
    assert "object 1 name" in str(error)


@pytest.mark.parametrize("box", [(20, 5, 10, 9), (5, 20, 9, 10), (11, 5, 10, 9), (5, 10, 5, 9), (0.5, 1, -0.5, 4)])
def test_box_without_area_is_refused(tiny_voc, box):
    path = one_picture(tiny_voc, tiny_voc.object_xml(), tiny_voc.object_xml("cat", box))
    error = error_of(VOCDetection, tiny_voc.root)
    assert error.file == path
    assert error.value == box
    for part in (str(path), "object 2", "bndbox", "cat", "xmin <= xmax"):
        assert part in str(error)


@pytest.mark.parametrize(
    "box", [(-20, 1, 10, 10), (1, -20, 10, 10), (1, 1, 70, 10), (1, 1, 10, 60), (100, 100, 120, 120)]
)
@pytest.mark.parametrize("size", [(64, 48), None])
def test_box_that_leaves_the_picture_is_refused(tiny_voc, box, size):
    path = one_picture(tiny_voc, tiny_voc.object_xml("dog", box), size=size)
    error = error_of(lambda: VOCDetection(tiny_voc.root)[0])
    assert Path(error.file) == path
    assert tuple(error.value) == box
    for part in (str(path), "object 1", "bndbox", "64", "48"):
        assert part in str(error)


@pytest.mark.parametrize("box", [(65, 1, 65, 10), (1, 49, 10, 49), (0, 1, 0, 10), (1, 0, 10, 0)])
@pytest.mark.parametrize("size", [(64, 48), None])
def test_box_just_beyond_the_border_is_refused_since_none_of_it_is_in_the_picture(tiny_voc, box, size):
    one_picture(tiny_voc, tiny_voc.object_xml("dog", box), size=size)
    error_of(lambda: VOCDetection(tiny_voc.root)[0])


@pytest.mark.parametrize("box", [(0, 0, 10, 10), (1, 1, 65, 49)])
@pytest.mark.parametrize("size", [(64, 48), None])
def test_box_a_rounding_error_outside_ends_at_the_border(tiny_voc, box, size):
    one_picture(tiny_voc, tiny_voc.object_xml("dog", box), size=size)
    x0, y0, x1, y1 = VOCDetection(tiny_voc.root)[0].boxes[0].tolist()
    assert 0 <= x0 < x1 <= 64
    assert 0 <= y0 < y1 <= 48


@pytest.mark.parametrize("key", ["xmin", "ymin", "xmax", "ymax"])
def test_missing_coordinate_is_named(tiny_voc, key):
    xml = tiny_voc.object_xml("dog", (3, 4, 5, 6))
    path = one_picture(
        tiny_voc, tiny_voc.object_xml(), xml.replace(f"<{key}>", "<other>").replace(f"</{key}>", "</other>")
    )
    error = error_of(read_annotation, path)
    assert error.file == path
    for part in (str(path), "object 2", "bndbox", key, "number"):
        assert part in str(error)


def test_object_without_a_box_is_refused(tiny_voc):
    path = one_picture(tiny_voc, "<object><name>dog</name></object>")
    error = error_of(read_annotation, path)
    assert error.file == path
    for part in ("object 1", "bndbox", "number"):
        assert part in str(error)


@pytest.mark.parametrize("text", ["ten", "", "nan", "inf", "-inf", "1,5", "0x10"])
def test_coordinate_that_is_no_number_is_shown(tiny_voc, text):
    path = one_picture(tiny_voc, tiny_voc.object_xml("dog", (1, 1, text, 10)))
    error = error_of(read_annotation, path)
    assert error.file == path
    for part in (str(path), "object 1", "xmax", f"'{text}'" if text else "nothing", "a number"):
        assert part in str(error)


@pytest.mark.parametrize(
    "size", ["<size/>", "<size><width>64</width></size>", "<size><width>64</width><height>x</height></size>"]
)
def test_size_that_is_no_number_is_named(tiny_voc, size):
    path = tiny_voc.write_xml("000001", f"<annotation>{size}</annotation>")
    error = error_of(read_annotation, path)
    assert error.file == path
    for part in (str(path), "size", "number"):
        assert part in str(error)


# ------------------------------------------------------------------------------ what is wrong with pictures and lists


def test_missing_picture_is_named(tiny_voc):
    tiny_voc.annotate("000001")
    tiny_voc.split("trainval", "000001")
    error = error_of(lambda: VOCDetection(tiny_voc.root)[0])
    assert error.file == tiny_voc.folder / "JPEGImages" / "000001.jpg"
    assert str(error.file) in str(error)


def test_picture_cut_short_is_named(tiny_voc):
    one_picture(tiny_voc)
    path = tiny_voc.folder / "JPEGImages" / "000001.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    assert str(path) in str(error_of(lambda: VOCDetection(tiny_voc.root)[0]))


def test_picture_of_another_size_than_its_xml_says_is_named(tiny_voc):
    one_picture(tiny_voc, size=(64, 48), real=(48, 64))
    error = error_of(lambda: VOCDetection(tiny_voc.root)[0])
    for part in ("000001.jpg", "size", "(64, 48)", "(48, 64)"):
        assert part in str(error)


def test_unknown_split_lists_those_there_are(tiny_voc):
    for name in ("train", "val", "dog_train"):
        tiny_voc.split(name, "000001")
    error = error_of(VOCDetection, tiny_voc.root, "2007", "test")
    for part in (str(tiny_voc.folder), "split", "'test'", "train, val"):
        assert part in str(error)
    assert "dog" not in str(error), "lists of single classes are no splits"


def test_empty_list_is_refused(tiny_voc):
    path = tiny_voc.split("trainval")
    assert str(path) in str(error_of(VOCDetection, tiny_voc.root))


def test_name_listed_twice_is_refused(tiny_voc):
    path = tiny_voc.split("trainval", "a", "b", "c", "b")
    error = error_of(read_split, tiny_voc.folder, "trainval")
    assert str(path) in str(error)
    assert "'b'" in str(error)
    assert error.value == "b"


def test_blank_lines_and_windows_line_ends_are_no_names(tiny_voc):
    tiny_voc.split("trainval").write_bytes(b"000001\r\n000002  \r\n\r\n")
    assert read_split(tiny_voc.folder, "trainval") == ["000001", "000002"]


def test_missing_folder_is_named(tmp_path):
    error = error_of(VOCDetection, tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(error)
    assert "VOCdevkit" in str(error)


def test_folder_without_that_year_says_what_is_wanted(tiny_voc):
    error = error_of(VOCDetection, tiny_voc.root, "2012")
    for part in (str(tiny_voc.root), "VOC2012", "JPEGImages", "Annotations", "ImageSets/Main"):
        assert part in str(error)


# --------------------------------------------------------------------------------------------------- the real thing

VOC_ROOT = os.environ.get("SSD_VOC_ROOT")


@pytest.mark.skipif(not VOC_ROOT, reason="set SSD_VOC_ROOT to a folder that holds VOCdevkit/VOC2007")
@pytest.mark.parametrize(
    ("split", "pictures", "objects", "difficult"), [("trainval", 5011, 15662, 3054), ("test", 4952, 14976, 2944)]
)
def test_voc2007_has_as_many_pictures_and_objects_as_its_authors_say(split, pictures, objects, difficult):
    dataset = VOCDetection(VOC_ROOT, "2007", split)
    truth = dataset.ground_truth().values()
    assert len(dataset) == pictures
    assert sum(len(t.labels) for t in truth) == objects
    assert sum(int(t.difficult.sum()) for t in truth) == difficult
    for t in truth:
        assert (t.boxes[:, :2] >= 0).all()
        assert (t.boxes <= torch.tensor([*t.size, *t.size])).all()
        assert (t.boxes[:, 2:] > t.boxes[:, :2]).all()
    for index in range(0, pictures, 500):
        sample = dataset[index]
        assert tuple(sample.image.shape[:0:-1]) == dataset.annotations[sample.image_id].size


@pytest.mark.parametrize("flag", ["difficult", "truncated", "occluded"])
@pytest.mark.parametrize("text", ["yes", "2", "True", "-1"])
def test_flag_that_is_neither_0_nor_1_is_refused(tiny_voc, flag, text):
    path = tiny_voc.annotate("000001", tiny_voc.object_xml("dog", (1, 1, 9, 9), **{flag: text}))
    with pytest.raises(DataError) as caught:
        read_annotation(path)
    for part in (str(path), f"object 1 {flag}", repr(text), "0 or 1"):
        assert part in str(caught.value)


def test_empty_or_missing_flag_is_0(tiny_voc):
    path = tiny_voc.annotate("000001", tiny_voc.object_xml("dog", (1, 1, 9, 9), difficult=""))
    assert read_annotation(path).difficult.tolist() == [False]


def test_xml_that_is_no_annotation_is_refused(tiny_voc):
    path = tiny_voc.write_xml("000001", "<html><body><object/></body></html>")
    with pytest.raises(DataError, match=r"root element.*'html'.*annotation"):
        read_annotation(path)


@pytest.mark.parametrize("box", [(10.4, 1, 10, 9), (1, 9, 9, 8.5)])
def test_box_reversed_by_less_than_a_pixel_is_refused(tiny_voc, box):
    path = tiny_voc.annotate("000001", tiny_voc.object_xml("dog", box))
    with pytest.raises(DataError, match="box has no area"):
        read_annotation(path)


def test_the_folder_of_another_year_is_not_taken_for_the_one_asked_for(tiny_voc):
    tiny_voc.fill(1)
    assert find_voc(tiny_voc.folder, "2007") == tiny_voc.folder
    with pytest.raises(DataError, match="no VOC2012"):
        find_voc(tiny_voc.folder, "2012")
    renamed = tiny_voc.folder.rename(tiny_voc.folder.with_name("my pictures"))
    assert find_voc(renamed, "2012") == renamed


def test_unions_of_years_are_what_the_paper_trains_on(tmp_path):
    for year, splits in (("2007", ("trainval", "test")), ("2012", ("trainval",))):
        voc = TinyVOC(tmp_path / "all", year)
        for split in splits:
            image_ids = [f"{year}_{split}_{number}" for number in range(2)]
            for image_id in image_ids:
                voc.picture(image_id)
                voc.annotate(image_id, voc.object_xml("dog", (1, 1, 20, 20), difficult=1), voc.object_xml())
            voc.split(split, *image_ids)
    joined = VOCDetection(tmp_path / "all", "07+12")
    assert joined.name == "VOC07+12 trainval"
    assert joined.image_ids == ["2007_trainval_0", "2007_trainval_1", "2012_trainval_0", "2012_trainval_1"]
    assert joined[3].image_id == "2012_trainval_1"
    assert len(VOCDetection(tmp_path / "all", "07++12")) == 6
    assert joined[0].difficult.tolist() == [True, False]
    assert VOCDetection(tmp_path / "all", keep_difficult=False)[0].difficult.tolist() == [False]
    error = error_of(lambda: VOCDetection(tmp_path / "all", "07+12", "test"))
    assert "split: 07+12 is there to train on, got 'test'" in str(error)


# ----------------------------------------------------------------------------------------------------------- anything

GOOD = (
    "<annotation><folder>VOC2007</folder><source><database>The VOC2007 Database</database></source>"
    "<size><width>64</width><height>48</height><depth>3</depth></size>"
    + TinyVOC.object_xml("dog", (5, 5, 40, 40), difficult=0, truncated=1)
    + TinyVOC.object_xml("person", (1.5, 1, 64, 48), pose="Left")
    + "</annotation>"
)
VALUES = st.sampled_from(["", "0", "-1", "1e999", "nan", "12,5", "0x10", " 7 ", "yes", "dog", "65"]) | st.text(
    max_size=5
)


@st.composite
def nearly_right(draw) -> bytes:
    """Draw a VOC XML with any text in place of some fields' text, and some elements renamed, doubled or gone."""
    root = ElementTree.fromstring(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        parent = draw(st.sampled_from([node for node in root.iter() if len(node)]))
        node = parent[draw(st.integers(0, len(parent) - 1))]
        match draw(st.sampled_from(["text", "name", "double", "gone"])):
            case "text":
                node.text = "".join(c for c in draw(VALUES) if c.isprintable())
            case "name":
                node.tag = draw(
                    st.sampled_from(["object", "bndbox", "xmin", "size", "width", "name", "difficult", "x"])
                )
            case "double":
                parent.append(node)
            case "gone":
                parent.remove(node)
    return ElementTree.tostring(root, encoding="utf-8")


@fuzzing
@given(content=nearly_right() | spoilt(GOOD.encode()) | st.binary(max_size=80))
def test_whatever_stands_in_an_xml_gives_an_annotation_or_an_error_that_names_it(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.xml"
    path.write_bytes(content)
    found = outcome(read_annotation, path)
    if isinstance(found, DataError):
        assert str(path) in str(found)
        assert "\n" not in str(found)
        return
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    assert (sides > 0).all()
    assert sides.isfinite().all()
    assert ((found.labels >= 1) & (found.labels <= len(VOC_CLASSES))).all()
    collected = []
    again = read_annotation(path, on_error=collected.append)
    assert collected == []
    assert torch.equal(again.boxes, found.boxes)
