"""Weights that others trained: reading their files, and VGG16 bodies to start from.

Every one of these files holds the same convolutions in the same order under other names. So a layout is a few patterns;
the names that fit one, sorted as a person would sort them, are the layers from the first to the last.
"""

import pickle
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..augment import PIXEL_MEAN
from ..errors import CheckpointError

PRETRAINED = {"imagenet": "IMAGENET1K_V1", "imagenet_features": "IMAGENET1K_FEATURES"}
"""VGG16 weights that torchvision downloads, by the names that networks take."""

BODY_FILES = (".pth", ".pt", ".caffemodel")
"""Endings of files that are read as a VGG16 body."""

BODIES = {
    "torchvision's VGG16": [r"features\.\d+", r"classifier\.[03]"],
    "amdegroot's reduced VGG16": [r"\d+"],
    "Caffe's VGG16": [r"conv[1-5]_\d", r"fc[67]"],
}
"""Names of the layers of a VGG16 body; where fc6 and fc7 are missing they stay as they are."""


def is_body(weights: str | Path) -> bool:
    """Whether weights, as a network takes them, mean a VGG16 body and not a whole detector."""
    return str(weights) in PRETRAINED or Path(weights).suffix in BODY_FILES


def load_body(backbone: nn.Module, weights: str | Path) -> None:
    """Start a `VGG16Body` from VGG16 trained on ImageNet.

    Where the file has fully connected layers of 4096, fc6 and fc7 are carved from them. torchvision trained those that
    come with it on pixels divided by the colours' deviations; the first layer takes that over.

    Args:
        backbone: without batch normalisation.
        weights: "imagenet", "imagenet_features", or a file: torchvision's VGG16, a .caffemodel of VGG16, or the
            reduced VGG16 of amdegroot or of the authors.

    Raises:
        CheckpointError: the weights cannot be downloaded, or the file cannot be read or holds no VGG16.

    """
    state = _download(str(weights)) if str(weights) in PRETRAINED else read_state(Path(weights))
    # Features without a classifier come from torchvision with NaN in its place.
    state = {name: tensor for name, tensor in state.items() if bool(tensor.isfinite().all())}
    source = next((name for name, patterns in BODIES.items() if len(select_layers(patterns, state)) in (13, 15)), None)
    if source is None:
        raise CheckpointError(
            "holds no VGG16",
            file=weights,
            expected="13 convolutions, and fc6 and fc7; of "
            + ", ".join(BODIES)
            + " (a whole detector: python -m ssd weights import)",
        )
    names = select_layers(BODIES[source], state)
    sizes = [state[f"{name}.weight"].numel() for name in names[13:]]
    if sizes == [4096 * 512 * 7 * 7, 4096 * 4096]:
        state = {**state, **subsample(state, *names[13:])}
        if source.startswith("torchvision"):
            state = _divided_by_deviation(state, names[0])
    fill(convolutions(backbone)[: len(names)], names, state, Path(weights))


def _download(name: str) -> dict[str, Tensor]:
    """Fetch one of torchvision's VGG16, or take it from where an earlier download has put it."""
    from torchvision.models import VGG16_Weights

    try:
        return VGG16_Weights[PRETRAINED[name]].get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network; what arrived is damaged
        raise CheckpointError(
            f"cannot be downloaded ({error})", field="weights", value=name, expected="a connection, or a file of VGG16"
        ) from None


def subsample(state: dict[str, Tensor], fc6: str, fc7: str) -> dict[str, Tensor]:
    """Carve convolutions of 1024 channels from VGG16's fully connected layers of 4096 (paper, section 3; DeepLab).

    fc6 is a 7 x 7 convolution written as a matrix: every 4th filter and every 3rd tap stay. fc7 is a 1 x 1 convolution:
    every 4th filter stays, and of its inputs those that fc6 still has.

    Args:
        state: weights of 4096 x 25088 and 4096 x 4096 values, and (4096,) biases.
        fc6: name of the first layer.
        fc7: name of the second.

    Returns:
        The four tensors by the same names: (1024, 512, 3, 3), (1024, 1024, 1, 1), (1024,) and (1024,).

    """
    first, second = state[f"{fc6}.weight"].view(4096, 512, 7, 7), state[f"{fc7}.weight"].view(4096, 4096)
    return {
        f"{fc6}.weight": first[::4, :, ::3, ::3],
        f"{fc6}.bias": state[f"{fc6}.bias"][::4],
        f"{fc7}.weight": second[::4, ::4, None, None],
        f"{fc7}.bias": state[f"{fc7}.bias"][::4],
    }


def _divided_by_deviation(state: dict[str, Tensor], first: str) -> dict[str, Tensor]:
    """Let the first layer take pixels of 0 to 255 minus this package's mean in place of torchvision's input."""
    from torchvision.models import VGG16_Weights

    preset = VGG16_Weights.IMAGENET1K_V1.transforms()
    mean, deviation = (255 * torch.tensor(values) for values in (preset.mean, preset.std))
    weight = state[f"{first}.weight"] / deviation[:, None, None]
    shift = (torch.tensor(PIXEL_MEAN) - mean)[:, None, None]
    return {
        **state,
        f"{first}.weight": weight,
        f"{first}.bias": state[f"{first}.bias"] + (weight * shift).sum((1, 2, 3)),
    }


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a PyTorch checkpoint or a .caffemodel, by name, in float32.

    Raises:
        CheckpointError: no such file, or not one of these.

    """
    if not path.is_file():
        raise CheckpointError("no such file", file=path, expected="a .pth, .pt or .caffemodel file")
    if path.suffix == ".caffemodel":
        return _read_caffemodel(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"cannot be read ({reason})", file=path, expected="a PyTorch state dict") from None
    for key in ("model", "state_dict", "model_state_dict"):  # what trainers wrap their weights in
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise CheckpointError("holds no state dict", file=path, value=type(state).__name__, expected="names of tensors")
    return {
        str(name).removeprefix("module."): tensor.float()
        for name, tensor in state.items()
        if isinstance(tensor, Tensor) and tensor.is_floating_point()
    }


def _read_caffemodel(path: Path) -> dict[str, Tensor]:
    """Read a .caffemodel's weights and biases by the names of their layers; blue-green-red becomes red-green-blue."""
    from google.protobuf.message import DecodeError

    model = _caffe_messages()()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise CheckpointError(f"cannot be read ({error})", file=path, expected="a .caffemodel") from None
    state = {}
    for one in (*model.layer, *model.layers):
        for kind, blob in zip(("weight", "bias"), one.blobs, strict=False):
            shape = list(blob.shape.dim) or [blob.num, blob.channels, blob.height, blob.width]
            values = np.array(blob.data, dtype=np.float32)
            if values.size != np.prod(shape):
                raise CheckpointError(
                    "is cut short",
                    file=path,
                    field=f"{one.name} {kind}",
                    value=values.size,
                    expected=f"{np.prod(shape)} values",
                )
            tensor = torch.from_numpy(values.reshape(shape))
            # The older format writes everything with four dimensions, vectors as (1, 1, 1, N).
            state[f"{one.name}.{kind}"] = tensor.flatten() if kind == "bias" else tensor
    if "conv1_1.weight" in state:
        state["conv1_1.weight"] = state["conv1_1.weight"].flip(1)
    return state


def _caffe_messages() -> type:
    """Build the few message types of Caffe's `caffe.proto` that hold weights; field numbers are that file's."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    kinds = {
        "string": field.TYPE_STRING,
        "int32": field.TYPE_INT32,
        "int64": field.TYPE_INT64,
        "float": field.TYPE_FLOAT,
    }
    messages = {
        "BlobShape": [("dim", 1, "int64", True)],
        "BlobProto": [
            ("num", 1, "int32", False),
            ("channels", 2, "int32", False),
            ("height", 3, "int32", False),
            ("width", 4, "int32", False),
            ("data", 5, "float", True),
            ("shape", 7, "BlobShape", False),
        ],
        "LayerParameter": [("name", 1, "string", False), ("blobs", 7, "BlobProto", True)],
        "V1LayerParameter": [("name", 4, "string", False), ("blobs", 6, "BlobProto", True)],
        "NetParameter": [("layers", 2, "V1LayerParameter", True), ("layer", 100, "LayerParameter", True)],
    }
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, repeated in fields:
            label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            one = message.field.add(name=field_name, number=number, label=label)
            if kind in kinds:
                one.type = kinds[kind]
                one.options.packed = repeated
            else:
                one.type, one.type_name = field.TYPE_MESSAGE, f".caffe.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter"))


def select_layers(patterns: Iterable[str], state: dict[str, Tensor]) -> list[str]:
    """Name the layers whose whole name fits a pattern, pattern by pattern, numbers in their order."""
    layers = [name.removesuffix(".weight") for name in state if not name.endswith(".bias")]
    chosen = []
    for pattern in patterns:
        fitting = (name for name in layers if re.fullmatch(pattern, name))
        chosen += sorted(fitting, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])
    return chosen


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    """Return a network's convolutions in their order."""
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


def fill(modules: Sequence[nn.Conv2d], names: Sequence[str], state: dict[str, Tensor], path: Path) -> None:
    """Copy weights and biases into convolutions, one name for each."""
    if len(modules) != len(names):
        raise CheckpointError(
            "does not fit the network", file=path, field="layers", value=len(names), expected=f"{len(modules)}"
        )
    for module, name in zip(modules, names, strict=True):
        for kind in ("weight", "bias"):
            copy_checked(getattr(module, kind), state.get(f"{name}.{kind}"), f"{name}.{kind}", path)


@torch.no_grad()
def copy_checked(target: Tensor, tensor: Tensor | None, name: str, path: Path) -> None:
    """Copy one tensor, if it has the right shape."""
    found = "nothing" if tensor is None else tuple(tensor.shape)
    if found != tuple(target.shape):
        raise CheckpointError(
            "does not fit the network", file=path, field=name, value=found, expected=str(tuple(target.shape))
        )
    target.copy_(tensor)
