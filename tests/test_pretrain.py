"""Pretraining: what the backbone is shown, that it learns from it, and that a run with it can be resumed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import ssd.train
from ssd.augment import PIXEL_MEAN, cut_objects
from ssd.checkpoint import load_checkpoint
from ssd.datasets.voc import VOCDetection
from ssd.network import ssd_tiny
from ssd.pretrain import pretrain_backbone, shifted_views, start_head
from ssd.priors import TINY, with_maps
from ssd.recipes import get_recipe
from ssd.sample import Sample
from ssd.train import train

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.fixture(scope="module")
def recipe(eight_pictures):
    """Two passes over the objects of eight pictures, then four steps."""
    return get_recipe(
        "toy",
        data=str(eight_pictures),
        pretrain_epochs=2,
        iterations=4,
        batch_size=2,
        warmup=1,
        workers=0,
        device="cpu",
        checkpoint_every=2,
        log_every=2,
    )


def picture_with(*boxes: tuple[float, float, float, float], width: int = 80, height: int = 60) -> Sample:
    """Return a picture whose red tells the column and green the row, with these objects."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = torch.stack([x * 3, y * 4, torch.zeros_like(x)]).to(torch.uint8)
    count = len(boxes)
    return Sample(
        image, torch.tensor(boxes).reshape(-1, 4), torch.arange(1, count + 1), torch.zeros(count, dtype=bool), "p"
    )


def test_every_object_is_cut_out_in_the_middle_of_its_own_square():
    sample = picture_with((10, 10, 30, 50), (40, 20, 70, 30))
    first, second = cut_objects(sample, image_size=48, context=1.2)
    # The first object is 20 x 40, so 48 pixels of the picture fill the square; the second 30 x 10, so 36 do.
    np.testing.assert_allclose(first.boxes[0].tolist(), [14 / 48, 4 / 48, 34 / 48, 44 / 48], atol=0.5 / 48)
    np.testing.assert_allclose(second.boxes[0].tolist(), [3 / 36, 13 / 36, 33 / 36, 23 / 36], atol=0.5 / 48)
    assert first.labels.tolist() == [1]
    assert second.labels.tolist() == [2]
    assert first.image[:, 24, 24].tolist() == pytest.approx([20 * 3, 30 * 4, 0], abs=3)
    assert second.image[:, 24, 24].tolist() == pytest.approx([55 * 3, 25 * 4, 0], abs=3)


def test_what_lies_outside_the_picture_is_the_mean_colour():
    (corner,) = cut_objects(picture_with((0, 0, 20, 20)), image_size=48, context=2.0)
    assert corner.covered.tolist() == [12, 12, 48, 48]
    assert corner.image[:, 5, 5].tolist() == list(PIXEL_MEAN)
    assert corner.image[:, 13, 13].tolist() != list(PIXEL_MEAN)


def test_picture_without_objects_has_nothing_to_cut():
    assert cut_objects(picture_with(), image_size=48, context=1.2) == []


def test_views_are_parts_of_the_crops_mirrored_or_not_and_their_covered_part_goes_along():
    rng = np.random.default_rng(0)
    crops = torch.from_numpy(rng.integers(0, 256, (64, 3, 10, 10), dtype=np.uint8))
    covered = torch.tensor([[2, 3, 9, 10]]).repeat(64, 1)
    seen = set()
    for _ in range(40):
        views, parts = shifted_views(crops, covered, 8, rng)
        windows = {(x, y): crops[:, :, y : y + 8, x : x + 8] for x in range(3) for y in range(3)}
        (place,) = [
            p
            for p, w in windows.items()
            if all(torch.equal(v, o) or torch.equal(v, o.flip(-1)) for v, o in zip(views, w, strict=True))
        ]
        x, y = place
        straight = [max(2 - x, 0), max(3 - y, 0), min(9 - x, 8), min(10 - y, 8)]
        mirrored = [8 - straight[2], straight[1], 8 - straight[0], straight[3]]
        for view, original, part in zip(views, windows[place], parts.tolist(), strict=True):
            assert part == (straight if torch.equal(view, original) else mirrored)
        share = np.mean([torch.equal(v, o) for v, o in zip(views, windows[place], strict=True)])
        assert 0.2 < share < 0.8
        seen.add(place)
    assert len(seen) == 9


def test_backbone_and_its_heads_learn_to_tell_three_colours_apart_and_nothing_else_changes(recipe):
    torch.manual_seed(0)
    network = ssd_tiny()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    samples = VOCDetection(recipe.data)
    history = pretrain_backbone(network, samples, replace(recipe, pretrain_epochs=30, distort=False), progress=False)
    assert len(history) == 30
    assert history[-1]["right"] > 0.9 > 0.6 > history[0]["right"]
    assert history[-1]["loss"] < 0.5 < history[0]["loss"]
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert any(name.startswith("backbone.") for name in changed)
    assert all(name.startswith(("backbone.", "logit_heads.0", "logit_heads.1", "logit_heads.2")) for name in changed)


@pytest.mark.parametrize("maps", [1, 2, 4])
def test_of_a_network_with_fewer_maps_nothing_beyond_the_last_of_them_learns(recipe, maps):
    torch.manual_seed(0)
    network = ssd_tiny(spec=with_maps(TINY, maps))
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    history = pretrain_backbone(network, VOCDetection(recipe.data), recipe, progress=False)
    assert len(history) == recipe.pretrain_epochs
    assert all(0 < line["loss"] < 10 for line in history)
    learned = {name for name, parameter in network.named_parameters() if not torch.equal(parameter, before[name])}
    stages = min(maps, 3)
    taught = [f"{part}.{stage}." for part in ("backbone.stages", "logit_heads") for stage in range(stages)]
    assert all(name.startswith(("backbone.stem.", *taught)) for name in learned)
    assert {"backbone.stem.0.weight", *(f"logit_heads.{stage}.weight" for stage in range(stages))} <= learned


def test_a_head_starts_as_the_classifier_of_the_mean_of_three_by_three_cells():
    torch.manual_seed(0)
    head, classifier = nn.Conv2d(8, 2 * 4, 3, padding=1), nn.Linear(8, 3)
    background = head.weight[[0, 4]].clone()
    start_head(head, classifier)
    cells = torch.randn(1, 8, 5, 5)
    expected = classifier(cells[0, :, 1:4, 2:5].mean(dim=(1, 2)))
    for shape in range(2):
        logits = head(cells)[0, 4 * shape : 4 * shape + 4, 2, 3]
        torch.testing.assert_close(logits[1:], expected)
    assert torch.equal(head.weight[[0, 4]], background)


def test_data_without_objects_teach_nothing(tiny_voc, recipe):
    tiny_voc.picture("000001")
    tiny_voc.annotate("000001")
    tiny_voc.split("trainval", "000001")
    network = ssd_tiny()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert pretrain_backbone(network, VOCDetection(tiny_voc.root), recipe, progress=False) == []
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_last_view_that_is_alone_in_its_batch_is_left_to_the_next_epoch(tiny_voc, recipe):
    tiny_voc.picture("000001")
    boxes = [tiny_voc.object_xml("dog", (5 + n, 5, 40 + n, 40)) for n in range(9)]
    tiny_voc.annotate("000001", *boxes)
    tiny_voc.split("trainval", "000001")
    torch.manual_seed(0)
    changed = replace(recipe, pretrain_epochs=8)  # two batches of four and one of one, on each of the three maps
    history = pretrain_backbone(ssd_tiny(), VOCDetection(tiny_voc.root), changed, progress=False)
    assert len(history) == 8
    assert all(0 < line["loss"] < 10 for line in history)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "weights.safetensors")


def test_run_stopped_after_pretraining_goes_on_with_what_it_learnt(recipe, tmp_path, monkeypatch):
    train(recipe, tmp_path / "unbroken", progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(ssd.train, "training_step", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(recipe, tmp_path / "broken", progress=False)
    assert load_checkpoint(tmp_path / "broken")["iteration"] == 0
    monkeypatch.setattr(ssd.train, "pretrain_backbone", lambda *_, **__: 1 / 0)
    train(recipe, tmp_path / "broken", progress=False)
    unbroken, resumed = weights_of(tmp_path / "unbroken"), weights_of(tmp_path / "broken")
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in unbroken.items())
    assert load_checkpoint(tmp_path / "broken")["pretraining"] == load_checkpoint(tmp_path / "unbroken")["pretraining"]


@pytest.mark.parametrize("workers", [1, 2])
def test_crops_do_not_depend_on_how_many_processes_read(recipe, workers):
    histories = []
    for processes in (0, workers):
        torch.manual_seed(0)  # of the network's first weights and of the classifiers'
        changed = replace(recipe, workers=processes)
        histories.append(pretrain_backbone(ssd_tiny(), VOCDetection(recipe.data), changed, progress=False))
    assert histories[0] == histories[1]
