"""The networks: shapes, the order of their rows, how they start, how they are saved, and how they are used."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor, nn

from ssd.datasets.voc import VOC_CLASSES
from ssd.errors import CheckpointError, DataError, RecipeError
from ssd.images import as_image
from ssd.network import NETWORKS, SSD, load_weights, model_from_weights, save_weights, ssd_small, ssd_tiny
from ssd.network.ssd import lecun_uniform_
from ssd.priors import TINY, PriorLevel, PriorSpec, inside, prior_boxes, with_maps, with_ratios

TINY_PRIORS = json.dumps(asdict(TINY))

OWN_SPEC = PriorSpec(
    image_size=40,
    levels=(PriorLevel(5, 8, 10, 20, (2.0,)), PriorLevel(3, 40 / 3, 20, 30, (2.0, 3.0)), PriorLevel(1, 40, 30, 39, ())),
)


class OwnBackbone(nn.Module):
    """Yields its maps one by one, as a generator may: 5 x 5 with 4 channels, 3 x 3 with 6."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 8, stride=8), nn.Conv2d(4, 6, 3)

    def forward(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the two maps, largest first."""
        x = self.first(images / 64)
        yield x
        yield self.second(x)


def own_network(num_classes: int = 2, spec: PriorSpec = OWN_SPEC) -> SSD:
    return SSD(OwnBackbone(), [nn.Conv2d(6, 5, 3)], (4, 6, 5), spec, num_classes)


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def tiny() -> SSD:
    """One network for the tests that only look at it."""
    torch.manual_seed(0)
    return ssd_tiny().eval()


# ------------------------------------------------------------------------------------------------ shapes and rows


@pytest.mark.parametrize("build", [ssd_tiny, ssd_small])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("classes", [1, 20])
def test_every_prior_gets_four_offsets_and_a_score_for_each_class_and_background(build, batch, classes):
    network = build(classes)
    offsets, logits = network(torch.zeros(batch, 3, 192, 192))
    priors = network.spec.num_priors
    assert network.spec.image_size == 192
    assert offsets.shape == (batch, priors, 4)
    assert logits.shape == (batch, priors, classes + 1)
    assert network.priors_cxcywh.shape == (priors, 4)


def test_feature_maps_have_the_grids_of_the_spec(tiny):
    maps = tiny.feature_maps(torch.zeros(1, 3, 192, 192))
    assert [tuple(m.shape[2:]) for m in maps] == [(level.grid, level.grid) for level in tiny.spec.levels]


@pytest.mark.parametrize(("build", "most"), [(ssd_tiny, 2_000_000), (ssd_small, 4_000_000)])
def test_small_networks_stay_small(build, most):
    assert 0.9 * most < sum(p.numel() for p in build().parameters()) < most


@pytest.mark.parametrize("build", [ssd_tiny, ssd_small])
def test_batch_of_one_picture_can_be_trained_on(build):
    network = build().train()
    offsets, logits = network(torch.randn(1, 3, 192, 192) * 50)
    (offsets.square().mean() + logits.square().mean()).backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("build", [own_network, ssd_tiny, ssd_small])
def test_rows_are_ordered_as_the_priors_by_source_row_column_shape(build, monkeypatch):
    """Light one cell of one map; a head that looks at it for one shape alone must speak up in that prior's row."""
    network = build()
    priors, classes = prior_boxes(network.spec), network.num_classes
    maps = [
        torch.zeros(1, head.in_channels, level.grid, level.grid)
        for head, level in zip(network.logit_heads, network.spec.levels, strict=True)
    ]
    monkeypatch.setattr(network, "feature_maps", lambda images: maps)
    for source, level in enumerate(network.spec.levels):
        row, column = min(1, level.grid - 1), level.grid - 1
        maps[source][0, 0, row, column] = 1
        for shape, (width, height) in enumerate(level.shapes()):
            for heads, values, value in ((network.logit_heads, classes + 1, classes), (network.offset_heads, 4, 2)):
                with torch.no_grad():
                    for parameter in network.parameters():
                        parameter.zero_()
                    heads[source].weight[shape * values + value, 0, 1, 1] = 1
                offsets, logits = network(torch.zeros(1, 3, network.spec.image_size, network.spec.image_size))
                output = logits if heads is network.logit_heads else offsets
                (where,) = output[0].nonzero().tolist()
                assert where[1] == value
                pixel_prior = [(column + 0.5) * level.step, (row + 0.5) * level.step, width, height]
                assert (priors[where[0]] * network.spec.image_size).tolist() == pytest.approx(pixel_prior, rel=1e-5)
        maps[source].zero_()


def test_backbone_of_ones_own_that_yields_its_maps_works():
    network = own_network()
    offsets, logits = network(torch.randn(2, 3, 40, 40))
    assert offsets.shape == (2, OWN_SPEC.num_priors, 4)
    assert logits.shape == (2, OWN_SPEC.num_priors, 3)
    (found,) = network.predict(pixels(30, 50))
    assert len(found) > 0


@pytest.mark.parametrize("maps", [1, 2, 4])
def test_of_fewer_levels_than_maps_the_first_maps_are_used(tiny, maps):
    network = ssd_tiny(spec=with_maps(TINY, maps)).eval()
    assert len(network.offset_heads) == len(network.logit_heads) == maps
    assert len(network.extras) == max(0, maps - 3)
    whole = tiny.state_dict()
    body = {name: whole[name] for name in network.state_dict() if not name.startswith(("offset_heads", "logit_heads"))}
    network.load_state_dict(body, strict=False)
    images = torch.randn(1, 3, 192, 192, generator=torch.Generator().manual_seed(0)) * 50
    with torch.no_grad():
        for found, wanted in zip(network.feature_maps(images), tiny.feature_maps(images)[:maps], strict=True):
            assert torch.equal(found, wanted)
        offsets, logits = network(images)
    assert offsets.shape == (1, network.spec.num_priors, 4)
    assert logits.shape == (1, network.spec.num_priors, 21)


def first_levels(count: int) -> PriorSpec:
    return replace(OWN_SPEC, levels=OWN_SPEC.levels[:count])


@pytest.mark.parametrize(
    ("build", "beyond"),
    [
        (own_network, []),
        (ssd_tiny, []),
        (ssd_small, []),
        (lambda: own_network(spec=first_levels(1)), ["backbone.second."]),
        (lambda: own_network(spec=first_levels(2)), []),
        (lambda: ssd_tiny(2, spec=with_maps(TINY, 1)), ["backbone.stages.1.", "backbone.stages.2."]),
        (lambda: ssd_tiny(2, spec=with_maps(TINY, 2)), ["backbone.stages.2."]),
        (lambda: ssd_tiny(2, spec=with_maps(TINY, 4)), []),
    ],
    ids=["own", "tiny", "small", "own, 1 map", "own, 2 maps", "tiny, 1 map", "tiny, 2 maps", "tiny, 4 maps"],
)
def test_only_the_parts_of_a_backbone_beyond_the_last_map_get_no_gradient(build, beyond):
    torch.manual_seed(0)
    network = build().train()
    side = network.spec.image_size
    offsets, logits = network(torch.randn(2, 3, side, side) * 50)
    (offsets.square().sum() + logits.square().sum()).backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is None) == name.startswith(tuple(beyond)), name
        assert parameter.grad is None or parameter.grad.abs().sum() > 0, name


def test_more_levels_than_maps_are_refused():
    spec = replace(OWN_SPEC, levels=(*OWN_SPEC.levels, OWN_SPEC.levels[-1]))
    with pytest.raises(RecipeError, match="spec: has more levels than maps, got 4; expected 3 at most"):
        own_network(spec=spec)


def test_priors_that_are_left_out_have_no_rows_in_the_answer():
    torch.manual_seed(0)
    whole, network = own_network().eval(), own_network(spec=replace(OWN_SPEC, boundary=False)).eval()
    network.load_state_dict(whole.state_dict())
    stay = inside(whole.priors_cxcywh)
    assert 0 < int(stay.sum()) < len(stay)
    assert torch.equal(network.priors_cxcywh, whole.priors_cxcywh[stay])
    side = OWN_SPEC.image_size
    images = torch.randn(2, 3, side, side) * 50
    with torch.no_grad():
        for found, wanted in zip(network(images), whole(images), strict=True):
            assert torch.equal(found, wanted[:, stay])


def test_priors_are_those_of_the_spec_and_no_part_of_the_weights(tiny):
    assert torch.equal(tiny.priors_cxcywh, prior_boxes(tiny.spec))
    assert not any("prior" in name for name in tiny.state_dict())
    assert not any(p.requires_grad for p in tiny.buffers())


def test_priors_move_with_the_network():
    assert own_network().to("meta").priors_cxcywh.device.type == "meta"


# ------------------------------------------------------------------------------------------------------- the start


def assert_lecun_uniform(convolution: nn.Conv2d) -> None:
    bound = sqrt(3 / (convolution.in_channels * convolution.kernel_size[0] * convolution.kernel_size[1]))
    weight = convolution.weight.detach()
    assert weight.abs().max() <= bound * (1 + 1e-6)
    assert weight.abs().max() > 0.95 * bound
    assert weight.std().item() == pytest.approx(bound / sqrt(3), rel=0.05)
    assert abs(weight.mean().item()) < 0.1 * bound
    assert (convolution.bias == 0).all()


def test_heads_start_lecun_uniform_with_zero_biases():
    torch.manual_seed(1)
    network = ssd_tiny()
    for head in (*network.offset_heads, *network.logit_heads):
        assert head.kernel_size == (3, 3)
        assert_lecun_uniform(head)


def test_lecun_uniform_depends_on_the_inputs_alone():
    torch.manual_seed(2)
    for convolution in (nn.Conv2d(64, 8, 3), nn.Conv2d(8, 256, 3), nn.Conv2d(256, 32, 1)):
        lecun_uniform_(convolution)
        assert_lecun_uniform(convolution)
    lecun_uniform_(nn.Conv2d(3, 4, 1, bias=False))


def test_the_seed_decides_the_start():
    def start(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return nn.utils.parameters_to_vector(ssd_tiny().parameters())

    assert torch.equal(start(3), start(3))
    assert not torch.equal(start(3), start(4))


# ---------------------------------------------------------------------------------------------------------- classes


def test_class_names_are_vocs_for_20_classes_and_numbered_for_others():
    assert ssd_tiny().class_names == VOC_CLASSES
    names = ssd_tiny(3).class_names
    assert len(set(names)) == 3
    assert ssd_tiny(2, class_names=("cat", "dog")).class_names == ("cat", "dog")


def test_another_number_of_names_than_classes_is_refused():
    with pytest.raises(RecipeError, match="class_names") as caught:
        ssd_tiny(3, class_names=("cat", "dog"))
    assert "2" in str(caught.value)
    assert "3" in str(caught.value)


# ---------------------------------------------------------------------------------------------------------- weights


@pytest.fixture
def saved(tmp_path) -> tuple[SSD, Path]:
    """Return a network with two classes of its own, and the file it was saved to."""
    torch.manual_seed(5)
    network = ssd_tiny(2, class_names=("cat", "dög"))
    with torch.no_grad():
        for buffer in network.buffers():
            if buffer.is_floating_point() and buffer.shape != network.priors_cxcywh.shape:
                buffer.add_(torch.rand_like(buffer))
    path = tmp_path / "weights.safetensors"
    save_weights(network, path, {"network": "ssd_tiny", "note": "by hand"})
    return network, path


def assert_same_weights(one: SSD, other: SSD) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert set(first) == set(second)
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


def test_saved_weights_load_into_a_network_of_the_same_shape(saved):
    network, path = saved
    other = ssd_tiny(2)
    load_weights(other, path)
    assert_same_weights(other, network)
    assert_same_weights(ssd_tiny(2, weights=path), network)
    assert_same_weights(ssd_tiny(2, weights=str(path)), network)


def test_saved_weights_rebuild_their_network_ready_to_predict(saved):
    network, path = saved
    model = model_from_weights(path)
    assert not model.training
    assert model.num_classes == 2
    assert model.class_names == ("cat", "dög")
    assert_same_weights(model, network)


def test_metadata_say_what_the_weights_are(saved):
    _, path = saved
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        names = set(file.keys())
    assert metadata["network"] == "ssd_tiny"
    assert metadata["note"] == "by hand"
    assert json.loads(metadata["class_names"]) == ["cat", "dög"]
    assert names == set(ssd_tiny(2).state_dict())


def test_kernels_in_half_the_room_are_within_a_float16s_rounding(saved, tmp_path):
    network, path = saved
    half = tmp_path / "half.safetensors"
    save_weights(network, half, {"network": "ssd_tiny"}, half=True)
    assert half.stat().st_size < 0.51 * path.stat().st_size
    found = model_from_weights(half).state_dict()
    for name, wanted in network.state_dict().items():
        assert found[name].dtype == wanted.dtype
        if wanted.dim() == 4:
            assert torch.equal(found[name], wanted.half().float())
            assert not torch.equal(found[name], wanted)
        else:
            assert torch.equal(found[name], wanted)


def test_a_kernel_that_float16_does_not_reach_is_refused_and_nothing_written(tmp_path):
    network = ssd_tiny(2)
    with torch.no_grad():
        network.logit_heads[2].weight[0, 0, 0, 0] = -70_000.0
    with pytest.raises(CheckpointError, match=r"logit_heads\.2\.weight.*is too large for 16 bits, got '?70000"):
        save_weights(network, tmp_path / "half.safetensors", {"network": "ssd_tiny"}, half=True)
    assert not (tmp_path / "half.safetensors").exists()


def test_weights_in_channels_last_memory_are_saved_alike(saved, tmp_path):
    network, path = saved
    save_weights(
        network.to(memory_format=torch.channels_last), tmp_path / "b", {"network": "ssd_tiny", "note": "by hand"}
    )
    first, second = (safetensors.torch.load_file(file) for file in (path, tmp_path / "b"))
    assert set(first) == set(second)
    assert all(torch.equal(first[name], second[name]) for name in first)


def error_of(function, *arguments: object, **options: object) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        function(*arguments, **options)
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def test_weights_for_another_number_of_classes_are_refused(saved):
    _, path = saved
    network = ssd_tiny(20)
    before = nn.utils.parameters_to_vector(network.parameters()).clone()
    error = error_of(load_weights, network, path)
    assert str(path) in str(error)
    assert "20 classes" in str(error)
    assert torch.equal(nn.utils.parameters_to_vector(network.parameters()), before), "nothing was loaded"


def test_weights_for_another_network_are_refused(saved):
    _, path = saved
    assert str(path) in str(error_of(load_weights, own_network(), path))


def test_weights_with_a_tensor_missing_or_too_many_are_refused(saved, tmp_path):
    network, _ = saved
    metadata = {"network": "ssd_tiny", "class_names": json.dumps(["cat", "dog"]), "priors": TINY_PRIORS}
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    name = next(iter(state))
    safetensors.torch.save_file({n: t for n, t in state.items() if n != name}, tmp_path / "less", metadata)
    safetensors.torch.save_file({**state, "unheard_of": torch.zeros(2)}, tmp_path / "more", metadata)
    assert name in str(error_of(load_weights, ssd_tiny(2), tmp_path / "less"))
    assert "unheard_of" in str(error_of(load_weights, ssd_tiny(2), tmp_path / "more"))


@pytest.mark.parametrize(
    "use", [model_from_weights, lambda path: ssd_tiny(weights=path), lambda path: load_weights(ssd_tiny(), path)]
)
def test_missing_weights_are_named(tmp_path, use):
    path = tmp_path / "none.safetensors"
    assert str(path) in str(error_of(use, path))


@pytest.mark.parametrize("content", [b"", b"not safetensors", bytes(1000), b"\xff" * 100, b"\x02" + bytes(7) + b"{}"])
def test_file_that_is_not_safetensors_is_named(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    for use in (model_from_weights, lambda p: load_weights(ssd_tiny(), p)):
        assert str(path) in str(error_of(use, path))


def test_weights_cut_short_are_named(saved):
    _, path = saved
    path.write_bytes(path.read_bytes()[:-1000])
    assert str(path) in str(error_of(model_from_weights, path))


@pytest.mark.parametrize("missing", ["network", "class_names"])
def test_weights_that_do_not_say_what_they_are_are_refused(tmp_path, missing):
    metadata = {"network": "ssd_tiny", "class_names": '["a"]', "priors": TINY_PRIORS}
    del metadata[missing]
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "a", metadata)
    error = error_of(model_from_weights, tmp_path / "a")
    assert str(tmp_path / "a") in str(error)
    assert missing in str(error)


def test_weights_bring_their_own_priors(tmp_path):
    first, *others = TINY.levels
    spec = replace(TINY, levels=(replace(first, min_size=12), *others))
    save_weights(ssd_tiny(2, spec=spec), tmp_path / "a", {"network": "ssd_tiny"})
    network = model_from_weights(tmp_path / "a")
    assert network.spec == spec
    assert torch.equal(network.priors_cxcywh, prior_boxes(spec))
    error = str(error_of(load_weights, ssd_tiny(2), tmp_path / "a"))
    assert "priors of sizes: are not the network's, got [12, 28, 56, 96, 140]" in error


@pytest.mark.parametrize(
    "spec",
    [
        with_maps(TINY, 2),
        with_ratios(TINY, 1.0),
        replace(TINY, boundary=False),
        replace(with_ratios(with_maps(TINY, 4), 2.0), boundary=False),
    ],
    ids=["fewer maps", "fewer ratios", "no boundary", "all of it"],
)
def test_weights_remember_which_maps_ratios_and_boundary_they_have(tmp_path, spec):
    network = ssd_tiny(2, spec=spec)
    save_weights(network, tmp_path / "a", {"network": "ssd_tiny"})
    model = model_from_weights(tmp_path / "a")
    assert model.spec == spec
    assert hash(model.spec) == hash(spec)
    assert torch.equal(model.priors_cxcywh, prior_boxes(spec))
    assert_same_weights(model, network)
    error_of(load_weights, ssd_tiny(2), tmp_path / "a")


def test_weights_from_before_there_were_more_sizes_and_the_boundary_still_load(saved, tmp_path):
    network, path = saved
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    priors = json.loads(metadata["priors"])
    assert priors.pop("boundary") is True
    assert [level.pop("more") for level in priors["levels"]] == [[]] * 5
    older = {**metadata, "priors": json.dumps(priors)}
    safetensors.torch.save_file(safetensors.torch.load_file(path), tmp_path / "older", older)
    model = model_from_weights(tmp_path / "older")
    assert model.spec == TINY
    assert_same_weights(model, network)
    other = ssd_tiny(2)
    load_weights(other, tmp_path / "older")
    assert_same_weights(other, network)


@pytest.mark.parametrize(
    "priors",
    [
        "no JSON",
        "[]",
        "{}",
        '{"image_size": 192, "levels": [{}], "variances": [1]}',
        TINY_PRIORS.replace('"more": []', '"more": 3'),
        TINY_PRIORS.replace('"boundary"', '"border"'),
    ],
    ids=["no JSON", "a list", "nothing", "empty levels", "a number for more", "an unknown field"],
)
def test_priors_that_are_none_are_refused(tmp_path, priors):
    metadata = {"network": "ssd_tiny", "class_names": '["a"]', "priors": priors}
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "a", metadata)
    for use in (model_from_weights, lambda path: load_weights(ssd_tiny(1), path)):
        assert "metadata priors: cannot be read" in str(error_of(use, tmp_path / "a"))


def test_weights_of_an_unknown_network_list_those_there_are(tmp_path):
    metadata = {"network": "resnet", "class_names": '["a"]', "priors": TINY_PRIORS}
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "a", metadata)
    error = error_of(model_from_weights, tmp_path / "a")
    for part in (str(tmp_path / "a"), "'resnet'", *NETWORKS):
        assert part in str(error)


# ---------------------------------------------------------------------------------------------------------- predict


def assert_same_detections(one, other) -> None:
    for name in ("boxes", "scores", "labels"):
        assert torch.allclose(getattr(one, name), getattr(other, name), atol=1e-4), name


def test_prediction_is_the_same_for_every_way_to_hand_in_a_picture(tiny, tmp_path):
    array = pixels(60, 90)
    Image.fromarray(array).save(tmp_path / "a.png")
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    (wanted,) = tiny.predict(array)
    assert len(wanted) > 0
    for picture in (Image.fromarray(array), tensor, tensor.contiguous(), tmp_path / "a.png", str(tmp_path / "a.png")):
        for images in (picture, [picture], (picture,)):
            (found,) = tiny.predict(images)
            assert_same_detections(found, wanted)


def test_array_may_be_a_view_that_runs_backwards_or_is_read_only(tiny):
    array = pixels(40, 40)
    (wanted,) = tiny.predict(np.ascontiguousarray(array[:, ::-1]))
    assert_same_detections(tiny.predict(array[:, ::-1])[0], wanted)


def test_pillow_pictures_of_any_mode_can_be_handed_in(tiny):
    for mode in ("L", "RGBA", "CMYK", "P", "1", "LA", "I;16"):
        assert len(tiny.predict(Image.new(mode, (30, 20)))) == 1


def test_list_gives_one_result_a_picture_in_order_whatever_their_sizes(tiny):
    pictures = [pixels(60, 90, 1), pixels(192, 192, 2), pixels(31, 17, 3)]
    found = tiny.predict(pictures)
    assert len(found) == 3
    for one, picture in zip(found, pictures, strict=True):
        alone = tiny.predict(picture)[0]
        assert len(one) == len(alone)
        assert torch.allclose(one.scores, alone.scores, atol=1e-4)


def test_empty_list_gives_an_empty_list(tiny):
    assert tiny.predict([]) == []


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 97), (333, 2), (191, 193), (801, 7)])
def test_boxes_lie_within_the_picture_however_odd_its_size(tiny, width, height):
    (found,) = tiny.predict(pixels(height, width))
    assert 0 < len(found) <= 200
    limit = torch.tensor([width, height, width, height], dtype=torch.float32)
    assert ((found.boxes >= 0) & (found.boxes <= limit)).all()
    assert (found.boxes[:, 2:] >= found.boxes[:, :2]).all()
    assert found.boxes.dtype == torch.float32
    assert ((found.labels >= 1) & (found.labels <= 20)).all()
    assert (found.scores.diff() <= 0).all(), "best first"


def test_boxes_are_in_pixels_of_the_original(monkeypatch):
    """Find one prior and leave it where it is: the detection is that prior, stretched to the picture."""
    network = own_network().eval()
    priors = prior_boxes(OWN_SPEC)
    number = 5 * 5 * 4 + 4 * 6  # second map, centre cell, the small square
    logits = torch.zeros(1, len(priors), 3)
    logits[..., 0] = 20
    logits[0, number] = torch.tensor([0.0, 0.0, 20.0])
    monkeypatch.setattr(network, "forward", lambda images: (torch.zeros(1, len(priors), 4), logits))
    (found,) = network.predict(pixels(200, 80))
    assert found.labels.tolist() == [2]
    assert found.boxes[0].tolist() == pytest.approx([20, 50, 60, 150], rel=1e-5)


def test_score_threshold_is_exclusive_of_what_scores_less(tiny):
    picture = pixels(50, 50)
    (found,) = tiny.predict(picture)
    threshold = found.scores[len(found) // 3].item()
    (fewer,) = tiny.predict(picture, score_threshold=threshold)
    assert 0 < len(fewer) <= len(found)
    assert (fewer.scores > threshold).all()
    assert len(tiny.predict(picture, score_threshold=1.0)[0]) == 0


@pytest.mark.parametrize("training", [True, False])
def test_network_is_put_back_into_the_mode_it_was_in(training):
    network = ssd_tiny().train(training)
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network.predict(pixels(20, 20))
    assert network.training is training
    assert network.backbone.training is training
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, before[name]), f"{name} changed by looking"
    with pytest.raises(DataError):
        network.predict("nowhere.jpg")
    assert network.training is training


def test_prediction_needs_no_gradient(tiny):
    (found,) = tiny.predict(pixels(20, 20))
    assert not found.boxes.requires_grad
    assert not found.scores.requires_grad


WRONG = {
    "nothing": None,
    "a number": 3,
    "bytes": b"\xff\xd8",
    "a dict": {},
    "floats": np.zeros((4, 4, 3), dtype=np.float32),
    "a float tensor": torch.zeros(3, 4, 4),
    "signed": np.zeros((4, 4, 3), dtype=np.int64),
    "grey array": np.zeros((4, 4), dtype=np.uint8),
    "four channels": np.zeros((4, 4, 4), dtype=np.uint8),
    "channels first, but an array": np.zeros((3, 4, 5), dtype=np.uint8),
    "channels last, but a tensor": torch.zeros(4, 5, 3, dtype=torch.uint8),
    "a batch": torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
    "no rows": np.zeros((0, 4, 3), dtype=np.uint8),
    "no columns": torch.zeros(3, 4, 0, dtype=torch.uint8),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_picture_is_refused(tiny, what):
    for images in (WRONG[what], [pixels(4, 4), WRONG[what]]):
        with pytest.raises(DataError, match="expected"):
            tiny.predict(images)


def test_missing_picture_is_named(tiny, tmp_path):
    with pytest.raises(DataError, match=r"none\.jpg"):
        tiny.predict([pixels(4, 4), tmp_path / "none.jpg"])


def test_predicting_leaves_every_part_in_the_mode_it_was_in():
    network = ssd_tiny().train()
    network.backbone.stem.eval()  # frozen by somebody who fine-tunes
    before = [module.training for module in network.modules()]
    network.predict(torch.zeros(3, 20, 20, dtype=torch.uint8))
    assert [module.training for module in network.modules()] == before


def test_an_opened_picture_is_turned_as_its_file_is(tmp_path):
    picture = Image.new("RGB", (40, 20), "white")
    exif = picture.getexif()
    exif[0x0112] = 6  # the camera was held upright
    picture.save(tmp_path / "turned.jpg", exif=exif)
    from_path = as_image(tmp_path / "turned.jpg")
    with Image.open(tmp_path / "turned.jpg") as opened:
        assert torch.equal(as_image(opened), from_path)
    assert from_path.shape == (3, 40, 20)


def test_pictures_of_another_size_are_refused(tiny):
    with pytest.raises(RecipeError, match=r"do not fit the priors, got \[\(32, 32\), .* sizes of \[\(24, 24\)"):
        tiny(torch.zeros(1, 3, 256, 256))
