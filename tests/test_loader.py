"""Batches: every picture once an epoch, the same whatever the workers and wherever a run starts."""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from ssd.augment import EvalTransform, TrainTransform
from ssd.bench import memory_mb
from ssd.datasets import Annotation, LabelledPictures
from ssd.datasets.loader import AddressedBatches, evaluation_batches, training_batches
from ssd.datasets.voc import VOCDetection
from ssd.errors import DataError
from ssd.sample import Batch, Example, Sample

# On a machine with one processor torch advises against two workers; the tests need them to see that they do no harm.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

SIZE = 32


@pytest.fixture(scope="module")
def samples(eight_pictures) -> VOCDetection:
    return VOCDetection(eight_pictures)


def batches_of(samples, start: int, stop: int, workers: int = 0, batch_size: int = 3, seed: int = 7) -> list[Batch]:
    return list(training_batches(samples, TrainTransform(SIZE), batch_size, seed, start, stop, workers))


def assert_same(first: list[Batch], second: list[Batch]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.image_ids == other.image_ids
        for name in ("images", "boxes", "labels", "covered", "colour", "sizes"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize(("length", "batch_size"), [(8, 2), (8, 3), (5, 4), (3, 8), (1, 1)])
def test_each_epoch_visits_every_picture_once(length, batch_size):
    epochs = 4
    stream = [
        a for batch in AddressedBatches(length, batch_size, 0, 0, -(-length * epochs // batch_size)) for a in batch
    ]
    for epoch in range(epochs):
        part = stream[epoch * length : (epoch + 1) * length]
        assert [e for e, _ in part] == [epoch] * length
        assert sorted(index for _, index in part) == list(range(length))


def test_every_batch_is_full():
    batches = AddressedBatches(5, 4, 0, 2, 20)
    assert len(batches) == 18
    assert [len(batch) for batch in batches] == [4] * 18


def test_epochs_and_seeds_have_orders_of_their_own():
    def order(seed: int, epoch: int) -> list[int]:
        return [index for [(_, index)] in AddressedBatches(50, 1, seed, epoch * 50, (epoch + 1) * 50)]

    orders = [order(seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(o) for o in orders}) == 4
    assert list(range(50)) not in orders


def test_addresses_from_any_iteration_on_are_those_of_an_unbroken_run():
    unbroken = list(AddressedBatches(8, 3, 5, 0, 20))
    for start in (1, 7, 8, 19):
        assert list(AddressedBatches(8, 3, 5, start, 20)) == unbroken[start:]


def test_training_visits_every_picture_of_the_dataset(samples):
    seen = Counter(name for batch in batches_of(samples, 0, 8, batch_size=4) for name in batch.image_ids)
    assert seen == {image_id: 4 for image_id in samples.image_ids}


@pytest.mark.parametrize("start", [1, 4, 6])
def test_starting_at_an_iteration_gives_the_batches_of_an_unbroken_run(samples, start):
    assert_same(batches_of(samples, start, 7), batches_of(samples, 0, 7)[start:])


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_do_not_depend_on_the_number_of_workers(samples, workers):
    assert_same(batches_of(samples, 2, 7, workers), batches_of(samples, 2, 7, 0))


def test_no_iterations_left_means_no_batches(samples):
    assert batches_of(samples, 7, 7) == []


def test_a_picture_looks_different_in_every_epoch_and_with_every_seed(samples):
    def views(seed: int) -> dict[tuple, torch.Tensor]:
        batches = batches_of(samples, 0, 6, batch_size=8, seed=seed)
        return {(e, i): image for e, b in enumerate(batches) for i, image in zip(b.image_ids, b.images, strict=True)}

    first, second = views(0), views(1)
    for image_id in samples.image_ids:
        looks = [view[epoch, image_id] for view in (first, second) for epoch in range(6)]
        assert len({look.numpy().tobytes() for look in looks}) >= 11  # two views of a small picture can agree by chance


def test_the_global_generators_play_no_part(samples):
    first = batches_of(samples, 0, 3)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 - the point is that this old, global generator is not used
    assert_same(batches_of(samples, 0, 3), first)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_an_error_in_a_worker_arrives_as_itself(tiny_voc, workers):
    tiny_voc.fill(4)
    broken = tiny_voc.folder / "JPEGImages" / "000003.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    samples = VOCDetection(tiny_voc.root)
    for batches in (
        training_batches(samples, TrainTransform(SIZE), 2, 0, 0, 4, workers),
        evaluation_batches(samples, EvalTransform(SIZE), 2, workers),
    ):
        with pytest.raises(DataError) as caught:
            list(batches)
        assert type(caught.value) is DataError
        assert caught.value.file == broken
        assert str(caught.value).startswith(str(broken))
        assert "Traceback" not in str(caught.value)


def test_batches_before_the_broken_picture_still_arrive(tiny_voc):
    tiny_voc.fill(4)
    (tiny_voc.folder / "JPEGImages" / "000003.jpg").unlink()
    batches = evaluation_batches(VOCDetection(tiny_voc.root), EvalTransform(SIZE), 2, 1)
    assert next(batches).image_ids == ["000001", "000002"]
    with pytest.raises(DataError, match=r"000003\.jpg"):
        next(batches)


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_yields_every_picture_once_and_in_order(samples, workers):
    batches = list(evaluation_batches(samples, EvalTransform(SIZE), 3, workers))
    assert [len(batch.image_ids) for batch in batches] == [3, 3, 2]
    assert [name for batch in batches for name in batch.image_ids] == samples.image_ids
    images = torch.cat([batch.images for batch in batches])
    for index in range(len(samples)):
        assert torch.equal(images[index], EvalTransform(SIZE)(samples[index]).image)


def test_batches_may_be_left_before_their_end(samples):
    batches = training_batches(samples, TrainTransform(SIZE), 2, 0, 0, 1000, 2)
    assert len(list(islice(batches, 2))) == 2
    batches.close()


@pytest.mark.skipif(memory_mb() is None, reason="the system does not tell how much memory processes share")
def test_readers_memory_stays_flat(monkeypatch):
    """Twenty thousand pictures' annotations must not be copied into each reader as it looks at them."""
    pictures, image, square = 20_000, torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(3, 2, 2, dtype=torch.uint8)
    monkeypatch.setattr("ssd.datasets.pictures.read_image", lambda *_: image)
    names = [f"{number:012d}" for number in range(pictures)]
    found = {name: Annotation.of([(1, 2, 3, 4)] * 7, [1] * 7, size=(8, 8), file=f"a.json: {name}") for name in names}
    samples = LabelledPictures("many", ("thing",), {name: Path(name) for name in names}, found)
    del found

    def small(sample: Sample, _: np.random.Generator) -> Example:
        nothing = torch.zeros(4, dtype=torch.int64)
        return Example(square, sample.boxes, sample.labels, nothing, torch.zeros(5), nothing[:2], sample.image_id)

    epoch = pictures // 100
    batches = training_batches(samples, small, 100, 0, 0, 1 << 30, 2)
    memory = []
    for number in range(2 * epoch):
        next(batches)
        if number in (epoch // 4, 2 * epoch - 1):
            memory.append(memory_mb())
    batches.close()
    # As one object a tensor they would take 100 MB in each of the two.
    assert memory[1] - memory[0] < 80, memory


def test_order_and_views_are_drawn_from_different_streams():
    drawn = []

    def look(sample: Sample, rng: np.random.Generator) -> None:
        drawn.append(rng.random())
        raise DataError("seen enough")

    samples = [None]
    with pytest.raises(DataError, match="seen enough"):
        next(training_batches(samples, look, 1, 5, 0, 1, 0))
    assert drawn[0] not in (np.random.default_rng([5, 0]).random(), np.random.default_rng([5, 0, 0]).random())
