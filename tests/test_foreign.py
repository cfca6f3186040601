"""Other projects' weights: files of their true layouts, made here, give the numbers their own networks would give."""

import struct
from math import prod
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models import VGG, VGG16_Weights, vgg16
from torchvision.models.detection import ssd300_vgg16 as torchvision_ssd300
from torchvision.models.detection.image_list import ImageList

from ssd.augment import normalize
from ssd.boxes import cxcywh_to_xyxy
from ssd.errors import CheckpointError
from ssd.network import SSD, import_detector, model_from_weights, save_weights, ssd300_vgg16, ssd300_vgg16_bn
from ssd.network.foreign import read_state
from ssd.priors import COCO300, COCO512, VOC300, VOC512, VOC512_CAFFE

BODY = [
    (3, 64),
    (64, 64),
    (64, 128),
    (128, 128),
    (128, 256),
    (256, 256),
    (256, 256),
    (256, 512),
    (512, 512),
    (512, 512),
]
BODY = [(f"conv{n}", a, b, 3) for n, (a, b) in enumerate([*BODY, (512, 512), (512, 512), (512, 512)])]
BODY += [("fc6", 512, 1024, 3), ("fc7", 1024, 1024, 1)]
EXTRAS_300 = [(1024, 256, 1), (256, 512, 3), (512, 128, 1), (128, 256, 3), (256, 128, 1), (128, 256, 3), (256, 128, 1)]
EXTRAS_300 += [(128, 256, 3)]
EXTRAS_512 = [*EXTRAS_300, (256, 128, 1), (128, 256, 4)]
SHAPES_300, SHAPES_512 = (4, 6, 6, 6, 4, 4), (4, 6, 6, 6, 6, 4, 4)
VGG_INDICES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28, 31, 33)
"""Places of the convolutions in the list that amdegroot's and lufficc's `vgg` functions make."""


def layers(size: int = 300, classes: int = 21, seed: int = 0) -> dict[str, list]:
    """Draw the weights of an SSD: lists of (weight, bias), and the scales, by part."""
    generator = torch.Generator().manual_seed(seed)

    def convolution(before: int, after: int, kernel: int) -> tuple[Tensor, Tensor]:
        spread = (2 / (before * kernel**2)) ** 0.5
        weight = torch.randn(after, before, kernel, kernel, generator=generator) * spread
        return weight, torch.randn(after, generator=generator) * 0.1

    extras, shapes = (EXTRAS_300, SHAPES_300) if size == 300 else (EXTRAS_512, SHAPES_512)
    channels = (512, 1024, *(after for _, after, _ in extras[1::2]))
    return {
        "body": [convolution(*rest) for _, *rest in BODY],
        "extras": [convolution(*one) for one in extras],
        "scale": 20 + torch.randn(512, generator=generator),
        "offsets": [convolution(c, 4 * k, 3) for c, k in zip(channels, shapes, strict=True)],
        "logits": [convolution(c, classes * k, 3) for c, k in zip(channels, shapes, strict=True)],
    }


def slow_forward(parts: dict[str, list], images: Tensor, size: int, classes: int) -> tuple[Tensor, Tensor]:
    """Run an SSD as the projects do, written as one line of functions; images are RGB, 0..255 minus the mean."""
    x = images
    for number, (weight, bias) in enumerate(parts["body"][:13]):
        if number in (2, 4, 7, 10):
            x = F.max_pool2d(x, 2, 2, ceil_mode=True)
        x = F.relu(F.conv2d(x, weight, bias, padding=1))
        if number == 9:
            scaled = x / (x.pow(2).sum(dim=1, keepdim=True).sqrt() + 1e-10) * parts["scale"].view(1, -1, 1, 1)
    x = F.max_pool2d(x, 3, 1, 1)
    x = F.relu(F.conv2d(x, *parts["body"][13], padding=6, dilation=6))
    x = F.relu(F.conv2d(x, *parts["body"][14]))
    maps = [scaled, x]
    for number, (weight, bias) in enumerate(parts["extras"]):
        if number % 2 == 0:
            how = {}
        elif weight.shape[-1] == 4:
            how = {"padding": 1}
        else:
            halved = number < 4 or size == 512
            how = {"stride": 2, "padding": 1} if halved else {}
        x = F.relu(F.conv2d(x, weight, bias, **how))
        if number % 2:
            maps.append(x)
    offsets, logits = [], []
    for values, heads, width in ((offsets, parts["offsets"], 4), (logits, parts["logits"], classes)):
        for m, (weight, bias) in zip(maps, heads, strict=True):
            values.append(F.conv2d(m, weight, bias, padding=1).permute(0, 2, 3, 1).reshape(len(m), -1, width))
    return torch.cat(offsets, dim=1), torch.cat(logits, dim=1)


def named(prefix_and_indices: dict[str, tuple[str, list]], parts: dict[str, list]) -> dict[str, Tensor]:
    """Write parts under a project's names."""
    state = {}
    for part, (pattern, indices) in prefix_and_indices.items():
        for index, (weight, bias) in zip(indices, parts[part], strict=True):
            state[f"{pattern.format(index)}.weight"], state[f"{pattern.format(index)}.bias"] = weight, bias
    return state


def amdegroot_state(parts: dict[str, list]) -> dict[str, Tensor]:
    count = range(len(parts["logits"]))
    names = {"body": ("vgg.{}", VGG_INDICES), "extras": ("extras.{}", range(len(parts["extras"])))}
    names |= {"offsets": ("loc.{}", count), "logits": ("conf.{}", count)}
    return named(names, parts) | {"L2Norm.weight": parts["scale"]}


def lufficc_checkpoint(parts: dict[str, list]) -> dict:
    count, head = range(len(parts["logits"])), "box_head.predictor."
    names = {"body": ("backbone.vgg.{}", VGG_INDICES), "extras": ("backbone.extras.{}", range(len(parts["extras"])))}
    names |= {"offsets": (head + "reg_headers.{}", count), "logits": (head + "cls_headers.{}", count)}
    state = named(names, parts) | {"backbone.l2_norm.weight": parts["scale"]}
    return {"model": state, "optimizer": {"state": {}, "param_groups": []}, "iteration": 120000}


def field(number: int, payload: bytes) -> bytes:
    """Write one field of protobuf's wire format: a key, a length, and the bytes."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def caffe_names(maps: int) -> dict[str, list[str]]:
    """Name the layers as `ssd_pascal.py` does."""
    widths = (2, 2, 3, 3, 3)
    body = [f"conv{block}_{n}" for block, depth in enumerate(widths, start=1) for n in range(1, depth + 1)]
    extras = [f"conv{number}_{n}" for number in range(6, maps + 4) for n in (1, 2)]
    sources = ["conv4_3_norm", "fc7", *extras[1::2]]
    heads = {"offsets": [f"{s}_mbox_loc" for s in sources], "logits": [f"{s}_mbox_conf" for s in sources]}
    return {"body": [*body, "fc6", "fc7"], "extras": extras, **heads}


def caffemodel(parts: dict[str, list], old: bool = False) -> bytes:
    """Write parts as Caffe writes a network, by hand, with the field numbers of its caffe.proto; colours are BGR."""
    file = field(1, b"VGG_VOC0712_SSD") if not old else b""

    def blob(tensor: Tensor) -> bytes:
        data = field(5, struct.pack(f"<{tensor.numel()}f", *tensor.flatten().tolist()))
        if not old:
            return field(7, field(1, b"".join(varint(n) for n in tensor.shape))) + data
        shape = (1,) * (4 - tensor.dim()) + tuple(tensor.shape)
        return b"".join(varint(n << 3) + varint(size) for n, size in enumerate(shape, start=1)) + data

    def one(name: str, *tensors: Tensor) -> bytes:
        blobs = b"".join(field(6 if old else 7, blob(tensor)) for tensor in tensors)
        return field(2 if old else 100, field(4 if old else 1, name.encode()) + blobs)

    for part, names in caffe_names(len(parts["logits"]) if "logits" in parts else 6).items():
        for name, (weight, bias) in zip(names, parts.get(part, ()), strict=part in parts):
            file += one(name, weight.flip(1) if name == "conv1_1" else weight, bias)
    return file + (one("conv4_3_norm", parts["scale"]) if "scale" in parts else b"") + one("data")


def assert_gives(network, parts: dict[str, list], size: int, classes: int) -> None:
    """Compare a network's numbers with those of the slow forward pass, for the same input."""
    images = normalize(torch.randint(0, 256, (1, 3, size, size), generator=torch.Generator().manual_seed(1)).byte())
    with torch.no_grad():
        wanted, got = slow_forward(parts, images, size, classes), network(images)
    for one, other in zip(got, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


# ---------------------------------------------------------------------------------------------------- detectors


@pytest.mark.parametrize("classes", [21, 91])
def test_torchvisions_ssd300_gives_its_own_numbers(tmp_path, classes):
    torch.manual_seed(0)
    theirs = torchvision_ssd300(weights=None, weights_backbone=None, num_classes=classes).eval()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    network = import_detector(tmp_path / "theirs.pth")
    pixels = torch.randint(0, 256, (2, 3, 300, 300), dtype=torch.uint8)
    with torch.no_grad():
        images, _ = theirs.transform(list(pixels / 255))
        features = list(theirs.backbone(images.tensors).values())
        wanted = theirs.head(features)
        offsets, logits = network(images.tensors)
        ours, _ = network(normalize(pixels))
    assert torch.allclose(offsets, wanted["bbox_regression"], atol=1e-4)
    assert torch.allclose(logits, wanted["cls_logits"], atol=1e-4)
    assert torch.allclose(ours, offsets, atol=1e-2)  # its mean is rounded to five digits of a fraction
    # The rows belong to the same priors; torchvision clamps the width and height of two of them.
    boxes = theirs.anchor_generator(ImageList(images.tensors, [(300, 300)] * 2), features)[0]
    differ = ((boxes - 300 * cxcywh_to_xyxy(network.priors_cxcywh)).abs() > 1e-2).any(dim=1)
    assert int(differ.sum()) == 2
    assert network.spec == COCO300
    assert len(network.class_names) == classes - 1


def test_torchvisions_91_classes_have_their_names(tmp_path):
    theirs = torchvision_ssd300(weights=None, weights_backbone=None)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    names = import_detector(tmp_path / "theirs.pth").class_names
    assert (names[0], names[17], names[89]) == ("person", "dog", "toothbrush")


@pytest.mark.parametrize(("size", "spec"), [(300, VOC300), (512, VOC512)])
def test_amdegroots_layout(tmp_path, size, spec):
    parts = layers(size)
    torch.save(amdegroot_state(parts), tmp_path / "ssd.pth")
    network = import_detector(tmp_path / "ssd.pth")
    assert network.spec == spec
    assert network.class_names[14] == "person"
    assert_gives(network, parts, size, 21)


def test_amdegroots_layout_saved_from_data_parallel(tmp_path):
    parts = layers(classes=81)
    state = {f"module.{name}": tensor for name, tensor in amdegroot_state(parts).items()}
    torch.save(state, tmp_path / "ssd.pth")
    network = import_detector(tmp_path / "ssd.pth")
    assert network.spec == COCO300
    assert (network.class_names[0], network.class_names[79]) == ("person", "toothbrush")
    assert_gives(network, parts, 300, 81)


@pytest.mark.parametrize("size", [300, 512])
def test_lufficcs_layout(tmp_path, size):
    parts = layers(size, classes=81)
    torch.save(lufficc_checkpoint(parts), tmp_path / "model_final.pth")
    network = import_detector(tmp_path / "model_final.pth")
    assert network.spec == (COCO300 if size == 300 else COCO512)
    assert_gives(network, parts, size, 81)


@pytest.mark.parametrize(("size", "spec"), [(300, VOC300), (512, VOC512_CAFFE)])
def test_caffes_layout(tmp_path, size, spec):
    parts = layers(size)
    (tmp_path / "VGG_VOC0712.caffemodel").write_bytes(caffemodel(parts))
    network = import_detector(tmp_path / "VGG_VOC0712.caffemodel")
    assert network.spec == spec
    assert_gives(network, parts, size, 21)


def test_caffes_file_may_hold_its_layers_in_any_order(tmp_path):
    parts = layers()
    (tmp_path / "a.caffemodel").write_bytes(caffemodel(dict(reversed(parts.items()))))
    assert_gives(import_detector(tmp_path / "a.caffemodel"), parts, 300, 21)


def test_imported_weights_are_saved_with_their_priors_and_names(tmp_path):
    torch.save(amdegroot_state(layers(classes=3)), tmp_path / "ssd.pth")
    network = import_detector(tmp_path / "ssd.pth", "voc300", ["cup", "spoon"])
    save_weights(network, tmp_path / "out.safetensors", {"network": "ssd300_vgg16"})
    again = model_from_weights(tmp_path / "out.safetensors")
    assert again.spec == VOC300
    assert again.class_names == ("cup", "spoon")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


# ------------------------------------------------------------------------------------------------------- bodies


@pytest.fixture(scope="module")
def imagenet() -> VGG:
    """Make VGG16 with its classifier of 124 million weights, once."""
    torch.manual_seed(0)
    return vgg16(weights=None)


@pytest.fixture(scope="module")
def started(imagenet, tmp_path_factory) -> SSD:
    """Start an SSD300 from it."""
    path = tmp_path_factory.mktemp("imagenet") / "vgg16.pth"
    torch.save(imagenet.state_dict(), path)
    network = ssd300_vgg16(weights=path)
    path.unlink()  # half a gigabyte
    return network


def test_torchvisions_vgg_sees_what_it_was_trained_to_see(imagenet, started):
    pixels = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    preset = VGG16_Weights.IMAGENET1K_V1.transforms()
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (preset.mean, preset.std))
    with torch.no_grad():
        wanted = imagenet.features[:4]((pixels / 255 - mean) / deviation)
        got = started.backbone.lower[:4](normalize(pixels))
    # Beyond the border lies the mean: torchvision's there, ours here, half a grey level apart.
    assert torch.allclose(got[..., 2:-2, 2:-2], wanted[..., 2:-2, 2:-2], atol=1e-4)
    assert torch.allclose(got, wanted, atol=0.1)


def test_fc6_and_fc7_keep_every_fourth_filter_and_every_third_tap(imagenet, started):
    upper, full = started.backbone.upper, imagenet.state_dict()
    fc6 = full["classifier.0.weight"].reshape(4096, 512, 7, 7)
    for out, channel, row, column in ((0, 0, 0, 0), (5, 511, 2, 1), (1023, 100, 1, 2)):
        assert upper.fc6.weight[out, channel, row, column] == fc6[4 * out, channel, 3 * row, 3 * column]
    for out, before in ((0, 0), (7, 9), (1023, 1023)):
        assert upper.fc7.weight[out, before, 0, 0] == full["classifier.3.weight"][4 * out, 4 * before]
    assert torch.equal(upper.fc6.bias, full["classifier.0.bias"][::4])
    assert torch.equal(upper.fc7.bias, full["classifier.3.bias"][::4])


@pytest.mark.parametrize(
    ("name", "member"), [("imagenet", "IMAGENET1K_V1"), ("imagenet_features", "IMAGENET1K_FEATURES")]
)
def test_pretrained_weights_are_torchvisions(monkeypatch, name, member):
    asked = []

    def get_state_dict(self, **how):
        asked.append((self, how))
        return {f"features.{i}.{kind}": pair[kind == "bias"] for i, pair in body_by_index() for kind in KINDS}

    monkeypatch.setattr(VGG16_Weights, "get_state_dict", get_state_dict)
    network = ssd300_vgg16(weights=name)
    assert asked == [(VGG16_Weights[member], {"progress": True, "check_hash": True})]
    assert torch.equal(network.backbone.lower.conv1_2.weight, layers()["body"][1][0])


@pytest.mark.parametrize("error", [URLError("no network"), RuntimeError("invalid hash value")])
def test_a_failed_download_is_said_in_one_line(monkeypatch, error):
    def get_state_dict(self, **how):
        raise error

    monkeypatch.setattr(VGG16_Weights, "get_state_dict", get_state_dict)
    with pytest.raises(CheckpointError, match=r"weights: cannot be downloaded .*got 'imagenet'"):
        ssd300_vgg16(weights="imagenet")


def test_features_without_a_classifier_leave_fc6_as_it_starts(tmp_path):
    state = {f"features.{index}.{kind}": values[kind == "bias"] for index, values in body_by_index() for kind in KINDS}
    missing = {name: torch.full((2, 2), torch.nan) for name in ("classifier.0.weight", "classifier.3.weight")}
    torch.save({**state, **missing}, tmp_path / "features.pth")
    torch.manual_seed(3)
    fresh = ssd300_vgg16()
    torch.manual_seed(3)
    network = ssd300_vgg16(weights=tmp_path / "features.pth")
    assert torch.equal(network.backbone.lower.conv1_1.weight, state["features.0.weight"])  # Caffe's scale: no division
    assert torch.equal(network.backbone.upper.conv5_3.bias, state["features.28.bias"])
    assert torch.equal(network.backbone.upper.fc6.weight, fresh.backbone.upper.fc6.weight)


KINDS = ("weight", "bias")


def body_by_index() -> list[tuple[int, tuple[Tensor, Tensor]]]:
    return list(zip(VGG_INDICES[:13], layers()["body"][:13], strict=True))


def test_amdegroots_reduced_vgg(tmp_path):
    body = layers()["body"]
    state = {f"{i}.{kind}": pair[kind == "bias"] for i, pair in zip(VGG_INDICES, body, strict=True) for kind in KINDS}
    torch.save(state, tmp_path / "vgg16_reducedfc.pth")
    backbone = ssd300_vgg16(weights=tmp_path / "vgg16_reducedfc.pth").backbone
    assert torch.equal(backbone.lower.conv4_3.weight, body[9][0])
    assert torch.equal(backbone.upper.fc7.bias, body[14][1])


def test_caffes_reduced_vgg_in_the_old_format(tmp_path):
    body = layers()["body"]
    (tmp_path / "VGG_ILSVRC_16_layers_fc_reduced.caffemodel").write_bytes(caffemodel({"body": body}, old=True))
    backbone = ssd300_vgg16(weights=tmp_path / "VGG_ILSVRC_16_layers_fc_reduced.caffemodel").backbone
    assert torch.equal(backbone.lower.conv1_1.weight, body[0][0])
    assert torch.equal(backbone.upper.fc6.weight, body[13][0])
    assert torch.equal(backbone.upper.fc7.bias, body[14][1])


# ------------------------------------------------------------------------------------------------------- errors


def write(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


def test_errors_say_which_file_and_what_was_expected(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        import_detector(tmp_path / "missing.pth")
    (tmp_path / "text.pth").write_text("not a checkpoint")
    with pytest.raises(CheckpointError, match=r"text\.pth: cannot be read"):
        import_detector(tmp_path / "text.pth")
    with pytest.raises(CheckpointError, match=r"of no known layout, got 'layer4\.weight'"):
        import_detector(write(tmp_path / "resnet.pth", {"layer4.weight": torch.zeros(2)}))
    with pytest.raises(CheckpointError, match="holds no state dict, got 'list'"):
        import_detector(write(tmp_path / "list.pth", [1, 2]))
    with pytest.raises(CheckpointError, match="holds no VGG16"):
        ssd300_vgg16(weights=write(tmp_path / "other.pth", {"layer4.weight": torch.zeros(2)}))
    with pytest.raises(CheckpointError, match="without batch normalisation"):
        ssd300_vgg16_bn(weights="imagenet")


def test_a_layer_of_another_shape_is_named(tmp_path):
    state = amdegroot_state(layers())
    state["extras.3.weight"] = torch.zeros(256, 128, 5, 5)
    with pytest.raises(CheckpointError, match=r"extras\.3\.weight: does not fit .* got \(256, 128, 5, 5\)"):
        import_detector(write(tmp_path / "ssd.pth", state))
    del state["extras.3.weight"]
    with pytest.raises(CheckpointError, match=r"layers: does not fit the network, got 7; expected 8"):
        import_detector(write(tmp_path / "ssd.pth", state))


def test_priors_of_another_size_are_refused(tmp_path):
    path = write(tmp_path / "ssd.pth", amdegroot_state(layers()))
    with pytest.raises(CheckpointError, match="priors: do not fit the network, got 'voc512'"):
        import_detector(path, "voc512")
    with pytest.raises(CheckpointError, match="priors: unknown, got 'voc'"):
        import_detector(path, "voc")


def test_a_caffemodel_cut_short_is_refused(tmp_path):
    whole = caffemodel(layers())
    (tmp_path / "cut.caffemodel").write_bytes(whole[:-1000])
    with pytest.raises(CheckpointError, match=r"cut\.caffemodel: cannot be read"):
        read_state(tmp_path / "cut.caffemodel")
    weight = torch.zeros(2, 3, 3, 3)
    data = field(5, struct.pack("<3f", 1, 2, 3)) + field(7, field(1, b"".join(varint(n) for n in weight.shape)))
    (tmp_path / "few.caffemodel").write_bytes(field(100, field(1, b"conv1_1") + field(7, data)))
    with pytest.raises(CheckpointError, match=f"conv1_1 weight: is cut short, got 3; expected {prod(weight.shape)}"):
        read_state(tmp_path / "few.caffemodel")
