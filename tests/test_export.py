"""ssd.export: a file finds what the network finds, says what it is, and is not written when it would not."""

import copy
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ssd.export
from ssd.augment import normalize
from ssd.boxes import cxcywh_to_xyxy, decode, iou
from ssd.errors import CheckpointError, DataError, ExportError
from ssd.export import SAMPLE, AllBoxes, BestBoxes, Limits, compare_detections, export_onnx, suppress
from ssd.network import SSD, model_from_weights
from ssd.network.weights import find_weights, read_metadata
from ssd.nms import detect, greedy_keep
from ssd.priors import PriorLevel, PriorSpec, with_maps
from ssd.sample import Detections

PICTURES = sorted(SAMPLE.glob("*.jpg"))[-5:]
PAPER = Limits(score_threshold=0.01, iou_threshold=0.45, per_class=400, per_image=200)
SPEC = PriorSpec(
    image_size=40,
    levels=(PriorLevel(5, 8, 10, 20, (2.0,)), PriorLevel(3, 40 / 3, 20, 30, (2.0, 3.0)), PriorLevel(1, 40, 30, 39, ())),
)


class Backbone(nn.Module):
    """Maps of 5 x 5 and 3 x 3 cells."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 8, stride=8), nn.Conv2d(4, 6, 3)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return both maps."""
        x = self.first(images / 64)
        return [x, self.second(x)]


def small_network(spec: PriorSpec = SPEC, seed: int = 0) -> SSD:
    """Return a network by chance whose scores reach from near 0 to near 1; 3 classes."""
    torch.manual_seed(seed)
    network = SSD(Backbone(), [nn.Conv2d(6, 5, 3)], (4, 6, 5), spec, num_classes=3)
    for head in network.logit_heads:
        nn.init.normal_(head.weight, std=0.7)
    return network.eval()


def small_images(count: int) -> Tensor:
    return torch.randint(256, (count, 3, 40, 40), generator=torch.Generator().manual_seed(1)).byte()


def run_file(path: Path, images: Tensor) -> dict[str, Tensor]:
    """Return a file's outputs by their names."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {
        name: torch.from_numpy(output)
        for name, output in zip(names, session.run(names, {"images": images.numpy()}), strict=True)
    }


def detections(outputs: dict[str, Tensor]) -> list[Detections]:
    """Cut a file's outputs to what is found in each picture; see that the rest is empty and the order right."""
    found = []
    for boxes, scores, labels in zip(outputs["boxes"], outputs["scores"], outputs["labels"], strict=True):
        count = int((scores > 0).sum())
        assert not scores[count:].any()
        assert not labels[count:].any()
        assert not boxes[count:].any()
        assert bool((scores[:-1] >= scores[1:]).all())
        found.append(Detections(boxes[:count], scores[:count], labels[:count]))
    return found


def assert_same(found: Detections, expected: Detections) -> None:
    """Assert that each detection has one of its own on the other side, whatever the order of nearly equal scores."""
    assert len(found) == len(expected)
    same = found.labels[:, None] == expected.labels
    same &= (found.scores[:, None] - expected.scores).abs() <= 1e-4
    same &= (found.boxes[:, None] - expected.boxes).abs().amax(dim=2) <= 1e-3
    assert bool(same.any(dim=0).all())
    assert bool(same.any(dim=1).all())


@pytest.fixture(scope="module")
def toyvoc() -> SSD:
    return model_from_weights("ssd_tiny_toyvoc")


@pytest.fixture(scope="module")
def whole(toyvoc, tmp_path_factory) -> Path:
    """Return the shipped network as a file with suppression."""
    path = tmp_path_factory.mktemp("whole") / "model.onnx"
    metadata = read_metadata(find_weights("ssd_tiny_toyvoc"))
    done = export_onnx(toyvoc, path, pictures=PICTURES[:1], metadata=metadata)
    assert (done.path, done.size) == (path, path.stat().st_size)
    assert 0 < done.boxes < 1e-5
    assert 0 < done.scores < 1e-5
    return path


@pytest.fixture(scope="module")
def plain(toyvoc, tmp_path_factory) -> Path:
    """Return the shipped network as a file without suppression."""
    path = tmp_path_factory.mktemp("plain") / "model.onnx"
    export_onnx(toyvoc, path, suppression=False)
    return path


def pixels(picture: Path, size: int = 192) -> Tensor:
    """Read a picture as a user without this package does."""
    with Image.open(picture) as file:
        square = file.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(square).transpose(2, 0, 1).copy())[None]


@pytest.mark.parametrize("batch", [1, 3, 5])
def test_a_file_finds_in_pictures_what_the_network_finds_in_batches_of_any_size(toyvoc, whole, batch):
    images = torch.cat([pixels(picture) for picture in PICTURES[:batch]])
    found = detections(run_file(whole, images))
    with torch.no_grad():
        expected = toyvoc.detect(*toyvoc(normalize(images)))
    assert len(found) == batch
    assert sum(len(one) for one in expected) > 10 * batch
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)


def test_a_file_and_predict_find_the_same_objects_in_a_picture_of_another_shape(toyvoc, whole):
    (found,) = detections(run_file(whole, pixels(PICTURES[0])))
    (expected,) = toyvoc.predict(PICTURES[0], score_threshold=0.3)
    with Image.open(PICTURES[0]) as file:
        width, height = file.size
    assert width != height
    found = found.above(0.3)
    assert len(found) == len(expected) > 0
    # Pillow and torch may round a resized pixel to different sides, so this is near, and not the same.
    assert torch.equal(found.labels, expected.labels)
    sized = found.boxes * torch.tensor([width, height, width, height])
    assert bool((sized - expected.boxes).abs().max() < 1)


def test_without_suppression_a_file_gives_every_prior(toyvoc, plain):
    images = torch.cat([pixels(picture) for picture in PICTURES[:3]])
    outputs = run_file(plain, images)
    with torch.no_grad():
        offsets, logits = toyvoc(normalize(images))
    boxes = decode(offsets, toyvoc.priors_cxcywh)
    assert list(outputs) == ["boxes", "scores"]
    assert outputs["boxes"].shape == (3, 3442, 4)
    assert outputs["scores"].shape == (3, 3442, 20)
    assert bool((outputs["boxes"] - boxes).abs().max() < 1e-3)
    assert bool((outputs["scores"] - logits.softmax(dim=2)[..., 1:]).abs().max() < 1e-4)
    assert float(boxes.min()) < 0  # not clipped: overlaps are those of whole boxes


def test_a_file_is_valid_whole_and_says_what_it_is(whole, plain):
    for path in (whole, plain):
        assert [one.name for one in path.parent.iterdir()] == ["model.onnx"]
        onnx.checker.check_model(path, full_check=True)
        model = onnx.load(path)
        assert [(one.domain, one.version) for one in model.opset_import] == [("", 18)]
        assert {node.domain for node in model.graph.node} == {""}
        (images,) = model.graph.input
        assert images.name == "images"
        assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        assert [one.dim_param or one.dim_value for one in images.type.tensor_type.shape.dim] == ["N", 3, 192, 192]
    shapes = {
        output.name: [one.dim_param or one.dim_value for one in output.type.tensor_type.shape.dim]
        for output in onnx.load(whole).graph.output
    }
    assert shapes == {"boxes": ["N", 200, 4], "scores": ["N", 200], "labels": ["N", 200]}


def test_metadata_name_classes_size_mean_limits_and_where_the_weights_come_from(toyvoc, whole, plain):
    said = {one.key: one.value for one in onnx.load(whole).metadata_props}
    assert tuple(json.loads(said["class_names"])) == toyvoc.class_names
    assert said["image_size"] == "192"
    assert json.loads(said["mean"]) == [123, 117, 104]
    assert json.loads(said["suppression"]) == asdict(PAPER)
    assert said["network"] == "ssd_tiny"
    assert json.loads(said["recipe"])["data"] == "data/toyvoc"
    said = {one.key: one.value for one in onnx.load(plain).metadata_props}
    assert json.loads(said["suppression"]) is None


def test_a_file_tells_nothing_of_the_machine_and_is_the_same_each_time(tmp_path):
    network = small_network()
    files = []
    for name in ("one", "two"):
        export_onnx(network, tmp_path / name / "small.onnx")
        files.append((tmp_path / name / "small.onnx").read_bytes())
    assert files[0] == files[1]
    assert b".py" not in files[0]
    assert str(Path(ssd.export.__file__).parent).encode() not in files[0]


NETWORKS = {
    "all priors": SPEC,
    "priors inside": replace(SPEC, boundary=False, variances=(0.2, 0.1, 0.3, 0.2)),
    "two maps": with_maps(SPEC, 2),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_priors_survives(tmp_path, name):
    network = small_network(NETWORKS[name], seed=3)
    export_onnx(network, tmp_path / "small.onnx", iou_threshold=0.3, per_class=10, per_image=12, score_threshold=0.2)
    images = small_images(4)
    found = detections(run_file(tmp_path / "small.onnx", images))
    with torch.no_grad():
        outputs = network(normalize(images))
    limits = {"score_threshold": 0.2, "iou_threshold": 0.3, "per_class": 10, "per_image": 12}
    expected = network.detect(*outputs, **limits)
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)
    # Each limit takes something away here, so that a file without it could not agree.
    assert max(len(one) for one in expected) == 12
    for field, free in (("score_threshold", 0.0), ("iou_threshold", 1.0), ("per_class", 400), ("per_image", 400)):
        others = network.detect(*outputs, **{**limits, "per_image": 400, field: free})
        assert any(len(one) != len(other) for one, other in zip(others, expected, strict=True)), field


def test_where_nothing_scores_enough_all_places_are_zero_of_which_there_are_no_more_than_pairs(tmp_path):
    network = small_network()
    pairs = 3 * len(network.priors_cxcywh)
    for head in network.logit_heads:
        nn.init.zeros_(head.weight)
    export_onnx(network, tmp_path / "small.onnx", score_threshold=0.99, per_image=pairs + 50)
    outputs = run_file(tmp_path / "small.onnx", small_images(2))
    assert outputs["boxes"].shape == (2, pairs, 4)
    assert not any(output.any() for output in outputs.values())
    assert outputs["labels"].dtype == torch.int64


def test_equal_scores_go_to_the_lower_class_and_then_to_the_lower_prior(tmp_path):
    network = small_network()
    for head in (*network.logit_heads, *network.offset_heads):
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    export_onnx(network, tmp_path / "small.onnx", per_class=60, per_image=20)
    (found,) = detections(run_file(tmp_path / "small.onnx", small_images(1)))
    first = cxcywh_to_xyxy(network.priors_cxcywh)[:60]
    kept = first[greedy_keep(first, 0.45)].clamp(0, 1)
    assert 10 < len(kept) < 20
    assert found.scores.tolist() == pytest.approx([0.25] * 20)
    assert found.labels.tolist() == [1] * len(kept) + [2] * (20 - len(kept))
    assert torch.allclose(found.boxes, torch.cat([kept, kept])[:20], atol=1e-6)


def test_the_network_stays_as_it_is_and_a_missing_folder_is_made(tmp_path):
    network = small_network().train().to(memory_format=torch.channels_last)
    network.backbone.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    export_onnx(network, tmp_path / "a" / "b" / "small.onnx", suppression=False)
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["small.onnx"]
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert network.backbone.first.weight.is_contiguous(memory_format=torch.channels_last)


def test_the_operator_is_one_to_torch_and_the_module_detects_by_itself():
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(2, 50, 2, generator=generator)
    boxes = torch.cat([corners, corners + 0.3], dim=2)
    scores = torch.rand(2, 50, generator=generator).sort(dim=1, descending=True).values
    torch.library.opcheck(suppress, (boxes, scores, 0.45, 0.3))
    network, images = small_network(seed=5), small_images(3)
    limits = Limits(0.05, 0.4, 30, 25)
    with torch.no_grad():
        outputs = dict(zip(("boxes", "scores", "labels"), BestBoxes(AllBoxes(network), limits)(images), strict=True))
        expected = network.detect(*network(normalize(images)), **asdict(limits))
    for one, other in zip(detections(outputs), expected, strict=True):
        assert_same(one, other)


# --- the check ---


def random_detections(seed: int, limits: Limits) -> tuple[Detections, Tensor, Tensor]:
    """Return what suppression leaves of boxes by chance, the boxes (P, 4) and their scores (P, C)."""
    generator = torch.Generator().manual_seed(seed)
    offsets, logits = torch.randn(1, 300, 4, generator=generator), 2 * torch.randn(1, 300, 4, generator=generator)
    priors = torch.rand(300, 4, generator=generator) * torch.tensor([1, 1, 0.4, 0.4]) + 0.1
    (found,) = detect(offsets, logits, priors, **asdict(limits))
    return found, decode(offsets[0], priors), logits[0].softmax(dim=1)[:, 1:]


FEW = Limits(score_threshold=0.05, iou_threshold=0.45, per_class=40, per_image=30)
MANY = replace(FEW, per_image=400)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limits", [PAPER, FEW, MANY, replace(MANY, score_threshold=0.99)])
def test_detections_of_the_package_pass_the_check(seed, limits):
    found, boxes, scores = random_detections(seed, limits)
    apart, wrong = compare_detections(found, boxes, scores, limits)
    assert float(apart.max()) < 1e-6
    assert wrong.tolist() == [0, 0]


def test_rounding_that_turns_scores_over_passes_the_check():
    boxes = torch.tensor([[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.55], [0.6, 0.6, 0.9, 0.9]])
    scores = torch.tensor([[1.0], [1.0], [0.010001]])
    for kept in (0, 1):
        found = Detections(boxes[[kept, 2]], scores[[kept, 2], 0], torch.tensor([1, 1]))
        assert compare_detections(found, boxes, scores, PAPER)[1].tolist() == [0, 0]
        found = Detections(boxes[[kept]], scores[[kept], 0], torch.tensor([1]))
        assert compare_detections(found, boxes, scores, PAPER)[1].tolist() == [0, 0]


def test_a_better_box_is_not_dropped_by_a_worse_one():
    boxes = torch.tensor([[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.55]])
    scores = torch.tensor([[0.9], [0.5]])
    for kept, missing in ((0, 0), (1, 1)):
        found = Detections(boxes[[kept]], scores[[kept], 0], torch.tensor([1]))
        assert compare_detections(found, boxes, scores, PAPER)[1].tolist() == [0, missing]


def test_empty_boxes_and_boxes_that_differ_outside_the_picture_pass_the_check():
    empty, left, whole, wide = [0.5, 0.5, 0.5, 0.5], [-2.0, 0.2, -1.0, 0.8], [0.0, 0.0, 1.0, 1.0], [-9.0, 0.0, 1.0, 1.0]
    boxes, scores = torch.tensor([whole, wide, empty, left]), torch.tensor([[0.9], [0.9], [0.8], [0.7]])
    found = Detections(boxes.clamp(0, 1), scores[:, 0], torch.ones(4, dtype=torch.int64))
    apart, wrong = compare_detections(found, boxes, scores, PAPER)
    assert (apart.tolist(), wrong.tolist()) == ([0, 0], [0, 0])


OTHERS = [
    (MANY, {"iou_threshold": 0.6}, "too many"),
    (MANY, {"per_class": 300}, "too many"),
    (replace(MANY, per_class=300), {"score_threshold": 0.02}, "too many"),
    (MANY, {"iou_threshold": 0.3}, "missing"),
    (MANY, {"per_class": 20}, "missing"),
    (MANY, {"per_image": 30}, "missing"),
    (replace(MANY, per_class=300), {"score_threshold": 0.2}, "missing"),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("limits", "change", "what"), OTHERS)
def test_the_check_sees_what_other_limits_leave(seed, limits, change, what):
    found, boxes, scores = random_detections(seed, replace(limits, **change))
    apart, (many, missing) = compare_detections(found, boxes, scores, limits)
    assert float(apart.max()) < 1e-6  # each is some prior's: only which ones they are is wrong
    assert int(many if what == "too many" else missing) > 0


@pytest.mark.parametrize("place", [0, 7, -1])
def test_the_check_misses_a_single_detection_and_sees_one_that_is_there_twice(place):
    found, boxes, scores = random_detections(0, MANY)
    rows = torch.arange(len(found))
    for changed, many, missing in ((rows[rows != rows[place]], 0, 1), (torch.cat([rows, rows[[place]]]), 1, 0)):
        one = Detections(found.boxes[changed], found.scores[changed], found.labels[changed])
        counted = compare_detections(one, boxes, scores, MANY)[1].tolist()
        assert counted[0] == many
        assert (counted[1] > 0) == (missing > 0)  # with it goes the reason why those that it dropped are not there


@pytest.mark.parametrize("change", ["box", "score", "label"])
def test_the_check_sees_a_number_that_is_wrong(change):
    found, boxes, scores = random_detections(0, MANY)
    with torch.no_grad():
        if change == "box":
            found.boxes[3, 2] += 0.02
        elif change == "score":
            found.scores[3] += 0.02
        else:
            found.labels[3] = found.labels[3] % 3 + 1
    assert float(compare_detections(found, boxes, scores, MANY)[0].max()) > 0.01


def overlapping(images: Tensor, network: SSD) -> int:
    """Count pairs of overlapping boxes of one class that both score more than 0.01."""
    with torch.no_grad():
        boxes, scores = AllBoxes(network)(images)
    return sum(
        int((iou(box, box) > 0.45).triu(1)[score[:, c] > 0.01][:, score[:, c] > 0.01].sum())
        for box, score in zip(boxes, scores, strict=True)
        for c in range(3)
    )


def test_a_file_that_suppresses_otherwise_is_an_error_and_is_not_written(tmp_path, monkeypatch):
    network = small_network()
    assert overlapping(small_images(3), network) > 100
    translate = ssd.export._suppress_in_onnx
    for iou_threshold, what in ((0.8, r"has [1-9]\d* detections"), (0.1, r"lacks [1-9]\d* that it keeps")):
        monkeypatch.setattr(
            ssd.export, "_suppress_in_onnx", lambda boxes, scores, _, s, t=iou_threshold: translate(boxes, scores, t, s)
        )
        with pytest.raises(ExportError, match=what):
            export_onnx(network, tmp_path / "small.onnx")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("suppression", "heads", "what"), [(True, "offset", "boxes"), (False, "logit", "scores")])
def test_a_file_with_other_numbers_is_an_error_and_what_was_there_stays(
    tmp_path, monkeypatch, suppression, heads, what
):
    translate = ssd.export._translate

    def alter(detector: nn.Module, *rest: object) -> bytes:
        altered = copy.deepcopy(detector)
        network = altered.every_box.network if suppression else altered.network
        for head in network.get_submodule(f"{heads}_heads"):
            head.bias.data += torch.linspace(0, 0.3, len(head.bias))
        return translate(altered, *rest)

    monkeypatch.setattr(ssd.export, "_translate", alter)
    path = tmp_path / "small.onnx"
    path.write_text("what was there")
    with pytest.raises(ExportError, match=rf"small.onnx: {what}: differ from PyTorch's, got 0\.\d+; expected .*0.001"):
        export_onnx(small_network(), path, suppression)
    assert path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_a_network_that_gives_no_numbers_is_refused(tmp_path):
    network = small_network()
    network.logit_heads[0].bias.data[0] = float("nan")
    with pytest.raises(ExportError, match="gives no numbers"):
        export_onnx(network, tmp_path / "small.onnx")
    assert list(tmp_path.iterdir()) == []


# --- what cannot work ---


def test_a_file_where_the_folder_should_be_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(CheckpointError, match=r"file: cannot be written"):
        export_onnx(small_network(), tmp_path / "file" / "small.onnx")


@pytest.mark.parametrize("name", ["small.pt", "small", "onnx", "small.onnx.gz"])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(ExportError, match=r"ending, got '.*'; expected \.onnx"):
        export_onnx(small_network(), tmp_path / "folder" / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("score_threshold", -0.1), ("score_threshold", 1.1), ("iou_threshold", float("nan")), ("per_class", 0)],
)
def test_limits_that_cannot_be_are_named(tmp_path, field, value):
    with pytest.raises(ExportError, match=f"{field}: cannot be, got {value}"):
        export_onnx(small_network(), tmp_path / "small.onnx", **{field: value})


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        export_onnx(small_network(), tmp_path / "small.onnx", pictures=["nowhere.jpg"])
    assert list(tmp_path.iterdir()) == []


# --- the command ---


def test_the_command_writes_a_file_and_says_how_near_it_is(run, tmp_path):
    path = tmp_path / "model.onnx"
    limits = ("--score-threshold", 0.3, "--per-image", 20)
    status, output, error = run("export", "ssd_tiny_toyvoc", path, *limits, "--pictures", PICTURES[0])
    assert (status, error) == (0, "")
    first, second = output.splitlines()
    assert first == f"{path}: {path.stat().st_size / 1e6:.1f} MB, ONNX operators of version 18"
    assert second.startswith("greatest difference from PyTorch: ")
    said = {one.key: one.value for one in onnx.load(path).metadata_props}
    assert said["dataset"] == "data/toyvoc 2007 trainval"
    assert said["weights"] == "ssd_tiny_toyvoc.safetensors"
    assert json.loads(said["suppression"]) == {**asdict(PAPER), "score_threshold": 0.3, "per_image": 20}
    (found,) = detections(run_file(path, pixels(PICTURES[0])))
    assert 0 < len(found) <= 20
    assert float(found.scores.min()) > 0.3


def test_the_command_leaves_suppression_out(run, tmp_path):
    status, _, _ = run("export", "ssd_tiny_toyvoc", tmp_path / "model.onnx", "--no-suppression")
    assert status == 0
    assert [output.name for output in onnx.load(tmp_path / "model.onnx").graph.output] == ["boxes", "scores"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nothing", "model.onnx"], "nothing: no such weights"),
        (["ssd_tiny_toyvoc", "model.pb"], "model.pb: has another ending, got '.pb'; expected .onnx"),
        (["ssd_tiny_toyvoc", "model.onnx", "--score-threshold", "2"], "score-threshold"),
        (["ssd_tiny_toyvoc", "model.onnx", "--pictures", "."], "holds no picture"),
        (["ssd_tiny_toyvoc"], "out"),
    ],
)
def test_the_command_refuses_in_one_line(run, tmp_path, monkeypatch, arguments, part):
    monkeypatch.chdir(tmp_path)
    status, output, error = run("export", *arguments)
    assert (status, output) == (2, "")
    assert error.startswith("ssd: ")
    assert error.count("\n") == 1
    assert part in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch, run, name):
    monkeypatch.setitem(sys.modules, name, None)
    status, _, error = run("export", "ssd_tiny_toyvoc", tmp_path / "model.onnx")
    assert status == 2
    assert error.startswith("ssd: needs packages that are not installed")
    assert f"got '{name}'" in error
    assert error.endswith("python -m pip install onnx onnxscript onnxruntime\n")
    assert list(tmp_path.iterdir()) == []
