"""Datasets in torchvision's way: what they hand over arrives, and what cannot be is refused by index and field."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.datasets import VOCDetection as TorchvisionVOC
from torchvision.datasets import wrap_dataset_for_transforms_v2

from ssd.datasets import VOC_CLASSES, FromTorchvision, VOCDetection
from ssd.errors import DataError
from ssd.evaluate import evaluate
from ssd.network import model_from_weights
from ssd.recipes import get_recipe
from ssd.train import train

PIXELS = torch.arange(3 * 20 * 30).remainder(251).to(torch.uint8).reshape(3, 20, 30)


def one(image: object = PIXELS, boxes: object = ((2.0, 3, 12, 15),), labels: object = (1,), **more: object) -> list:
    boxes = torch.tensor(boxes) if isinstance(boxes, tuple) else boxes
    labels = torch.tensor(labels) if isinstance(labels, tuple) else labels
    return [(image, {"boxes": boxes, "labels": labels, **more})]


def wrapped(pairs: list) -> FromTorchvision:
    return FromTorchvision(pairs, ("cup", "spoon"), "kitchen")


@pytest.mark.parametrize(
    "image",
    [
        PIXELS,
        PIXELS.float() / 255,
        tv_tensors.Image(PIXELS),
        PIXELS.permute(1, 2, 0).numpy(),
        Image.fromarray(PIXELS.permute(1, 2, 0).numpy()),
    ],
    ids=["bytes", "floats", "tv_tensor", "array", "Pillow"],
)
def test_image_of_every_kind_arrives_as_bytes(image):
    sample = wrapped(one(image))[0]
    assert type(sample.image) is torch.Tensor
    assert torch.equal(sample.image, PIXELS)
    assert sample.boxes.tolist() == [[2, 3, 12, 15]]
    assert sample.labels.tolist() == [1]
    assert (sample.image_id, sample.class_names) == ("0", ("cup", "spoon"))


def test_exif_does_not_turn_what_the_boxes_were_given_for():
    picture = Image.fromarray(PIXELS.permute(1, 2, 0).numpy())
    picture.getexif()[0x0112] = 6
    picture.info["exif"] = picture.getexif().tobytes()
    assert torch.equal(wrapped(one(picture))[0].image, PIXELS)


@pytest.mark.parametrize(("format_", "box"), [("XYWH", (2.0, 3, 10, 12)), ("CXCYWH", (7.0, 9, 10, 12))])
def test_boxes_of_another_format_are_converted(format_, box):
    boxes = tv_tensors.BoundingBoxes([box], format=format_, canvas_size=(20, 30))
    sample = wrapped(one(boxes=boxes))[0]
    assert type(sample.boxes) is torch.Tensor
    assert sample.boxes.tolist() == [[2, 3, 12, 15]]


@pytest.mark.parametrize("nothing", [torch.zeros(0, 4), torch.zeros(0), []])
def test_picture_without_objects(nothing):
    sample = wrapped(one(boxes=nothing, labels=[]))[0]
    assert sample.boxes.shape == (0, 4)
    assert sample.labels.shape == (0,)


def test_crowds_do_not_train_and_neither_they_nor_difficult_objects_count():
    boxes, labels = ((0.0, 0, 5, 5), (5.0, 5, 10, 10), (10.0, 10, 15, 15)), (1, 2, 1)
    data = wrapped(one(boxes=boxes, labels=labels, iscrowd=torch.tensor([0, 1, 0]), difficult=[False, False, True]))
    assert data[0].labels.tolist() == [1, 1]
    assert data[0].difficult.tolist() == [False, True]
    truth = data.ground_truth()["0"]
    assert truth.labels.tolist() == [1, 2, 1]
    assert truth.difficult.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([PIXELS], "is not a pair"),
        ([(PIXELS, None)], "is not a pair"),
        ([(PIXELS, {"boxes": torch.zeros(0, 4)})], "labels"),
        ([(PIXELS, {"labels": torch.tensor([1])})], "boxes"),
        (one(boxes="here"), "boxes"),
        (one(labels=(1, 2)), "boxes: has another shape"),
        (one(labels=(0,)), "0 is background"),
        (one(labels=(3,)), "object 1 label"),
        (one(labels=(1.0,)), "whole numbers"),
        (one(boxes=((2.0, 3, 2, 15),)), "object 1 box"),
        (one(boxes=((2.0, 3, float("nan"), 15),)), "object 1 box"),
        (one(boxes=((2.0, 3, 33, 15),)), "box leaves the picture"),
        (one(iscrowd=[0, 0]), "iscrowd: has another length"),
        (one(PIXELS.float()), "floats from 0 to 1"),
        (one(PIXELS[0]), "image"),
        (one(PIXELS.int()), "image"),
        (one(np.zeros((20, 30), np.uint8)), "image"),
    ],
)
def test_what_cannot_be_is_refused_with_index_and_field(pairs, said):
    with pytest.raises(DataError) as refused:
        wrapped([*one(), *pairs])[1]
    assert str(refused.value).startswith("kitchen[1]: ")
    assert said in str(refused.value)


def test_torchvisions_voc_gives_our_samples(eight_pictures):
    theirs = TorchvisionVOC(eight_pictures, year="2007", image_set="trainval")
    theirs = wrap_dataset_for_transforms_v2(theirs, target_keys=("boxes", "labels"))
    ours = VOCDetection(eight_pictures)
    pairs = FromTorchvision(theirs, VOC_CLASSES, "VOC2007")
    assert len(pairs) == len(ours)
    for index in range(len(ours)):
        assert torch.equal(pairs[index].image, ours[index].image)
        assert torch.equal(pairs[index].labels, ours[index].labels)
        # Torchvision keeps VOC's numbers, which count pixels from 1.
        assert torch.equal(pairs[index].boxes - torch.tensor([1, 1, 0, 0]), ours[index].boxes)


class Rectangles(Dataset):
    """One bright rectangle in each of some dark pictures."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[torch.Tensor, dict]:
        image = torch.full((3, 40, 40), 30, dtype=torch.uint8)
        image[:, 5 : 15 + index, 8:30] = 200
        return image, {"boxes": torch.tensor([[8.0, 5, 30, 15 + index]]), "labels": torch.tensor([1])}


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_training_and_evaluation_take_it(tmp_path):
    data = FromTorchvision(Rectangles(), ("bar",), "bars")
    recipe = replace(
        get_recipe("toy"), iterations=3, batch_size=2, pretrain_epochs=0, workers=0, device="cpu", precision="fp32"
    )
    model = model_from_weights(train(recipe, tmp_path / "run", progress=False, samples=data))
    assert model.class_names == ("bar",)
    done = evaluate(model, data, workers=0, progress=False)
    assert set(done.result.ap) == {"bar"}
    assert done.result.curves["bar"].objects == 6
