"""Labelled pictures: annotations are packed and come out as they went in."""

from dataclasses import fields

import pytest
import torch

from ssd.datasets import Annotation
from ssd.datasets.pictures import Annotations

FOUND = {
    "two": Annotation.of(
        [(0, 0, 5.5, 6), (1, 2, 3, 4)],
        [2, 1],
        [(True, False, True), (False, True, False)],
        size=(30, 20),
        file="a.json: two",
        first_pixel=1,
        database="The VOC2007 Database",
    ),
    "none": Annotation.of([], [], size=None),
    "one": Annotation.of([(1, 1, 2, 2)], [3], size=(8, 9), file="a.json: one"),
    "outlined": Annotation.of([(0, 0, 4, 4), (1, 1, 2, 2)], [1, 1], size=(8, 9), areas=torch.tensor([7.5, 0.25])),
}


def test_annotations_come_out_of_the_pack_as_they_went_in():
    packed = Annotations(FOUND)
    assert list(packed) == list(FOUND)
    assert len(packed) == 4
    for image_id, wanted in FOUND.items():
        found = packed[image_id]
        for field in fields(Annotation):
            one, other = getattr(found, field.name), getattr(wanted, field.name)
            if isinstance(other, torch.Tensor):
                assert one.dtype == other.dtype
                assert torch.equal(one, other), field.name
            else:
                assert one == other, field.name
    assert "four" not in packed
    with pytest.raises(KeyError):
        packed["four"]


def test_areas_are_those_of_the_boxes_where_no_others_are_given():
    assert {image_id: one.areas.tolist() for image_id, one in FOUND.items()} == {
        "two": [33, 4],
        "none": [],
        "one": [1],
        "outlined": [7.5, 0.25],
    }


def test_no_annotations_can_be_packed():
    assert len(Annotations({})) == 0


def test_packed_annotations_can_be_packed_again():
    twice = Annotations(Annotations(FOUND))
    assert torch.equal(twice["two"].boxes, FOUND["two"].boxes)
    assert twice["one"].size == (8, 9)
    assert twice["outlined"].areas.tolist() == [7.5, 0.25]
