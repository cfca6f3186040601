"""Detectors that others trained: SSD on VGG16 from four code bases (`ssd.network.foreign` reads their files)."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import CheckpointError
from ..priors import PRIORS
from .foreign import convolutions, copy_checked, fill, read_state, select_layers
from .ssd import SSD
from .vgg import ssd300_vgg16, ssd512_vgg16

DETECTORS = {
    "torchvision": {
        "body": [r"backbone\.features\.\d+", r"backbone\.extra\.0\.(\d|7\.\d)"],
        "scale": [r"backbone\.scale_weight"],
        "extras": [r"backbone\.extra\.[1-9]\.\d"],
        "offsets": [r"head\.regression_head\.module_list\.\d"],
        "logits": [r"head\.classification_head\.module_list\.\d"],
    },
    "amdegroot/ssd.pytorch": {
        "body": [r"vgg\.\d+"],
        "scale": [r"L2Norm"],
        "extras": [r"extras\.\d+"],
        "offsets": [r"loc\.\d"],
        "logits": [r"conf\.\d"],
    },
    "lufficc/SSD": {
        "body": [r"backbone\.vgg\.\d+"],
        "scale": [r"backbone\.l2_norm"],
        "extras": [r"backbone\.extras\.\d+"],
        "offsets": [r"box_head\.predictor\.reg_headers\.\d"],
        "logits": [r"box_head\.predictor\.cls_headers\.\d"],
    },
    "Caffe": {
        "body": [r"conv[1-5]_\d", r"fc[67]"],
        "scale": [r"conv4_3_norm"],
        "extras": [r"conv([6-9]|10)_\d"],
        "offsets": [r"conv4_3_norm_mbox_loc", r"fc7_mbox_loc", r"conv\d+_2_mbox_loc"],
        "logits": [r"conv4_3_norm_mbox_conf", r"fc7_mbox_conf", r"conv\d+_2_mbox_conf"],
    },
}
"""Names of the layers of an SSD on VGG16 in each project, in the order of the network."""


def import_detector(path: str | Path, priors: str | None = None, class_names: Sequence[str] | None = None) -> SSD:
    """Read a detector that another project has trained.

    Offsets and logits are the source's for the same picture. Where its priors differ from this package's (clamped sizes
    or centres), boxes decoded from these offsets differ; `ssd.priors` never clamps.

    Args:
        path: a state dict or checkpoint of torchvision's `ssd300_vgg16`, amdegroot/ssd.pytorch or lufficc/SSD; or a
            .caffemodel of the authors' code, whose colour channels are put from blue-green-red into order.
        priors: name in `ssd.priors.PRIORS`; by default what the project trains with for this many classes and maps.
        class_names: the C names; by default VOC's for 20 classes, COCO's for 80, and torchvision's for 90.

    Raises:
        CheckpointError: the file cannot be read, is of no known layout, or does not fit a network of this package.

    """
    path = Path(path)
    state = read_state(path)
    fitting = (name for name, layout in DETECTORS.items() if all(select_layers(p, state) for p in layout.values()))
    source = next(fitting, None)
    if source is None:
        raise CheckpointError(
            "is of no known layout",
            file=path,
            field="first entry",
            value=next(iter(state), "nothing"),
            expected="an SSD on VGG16 of " + ", ".join(DETECTORS),
        )
    names = {part: select_layers(patterns, state) for part, patterns in DETECTORS[source].items()}
    maps = len(names["offsets"])
    if maps not in (6, 7) or len(names["logits"]) != maps:
        raise CheckpointError(
            "cannot be a network of the paper",
            file=path,
            field="heads",
            value=maps,
            expected="6 (SSD300) or 7 (SSD512)",
        )
    first = state[f"{names['logits'][0]}.weight"]
    num_classes = len(first) // 4 - 1
    priors = priors or _usual_priors(source, maps, num_classes)
    if priors not in PRIORS:
        raise CheckpointError(
            "unknown", file=path, field="priors", value=priors, expected="one of " + ", ".join(PRIORS)
        )
    spec = PRIORS[priors]
    build = ssd300_vgg16 if maps == 6 else ssd512_vgg16
    if len(spec.levels) != maps:
        raise CheckpointError(
            "do not fit the network", file=path, field="priors", value=priors, expected=f"a set of {maps} maps"
        )
    network = build(num_classes, class_names=class_names or _usual_names(num_classes), spec=spec)
    targets = {
        "body": convolutions(network.backbone),
        "extras": convolutions(network.extras),
        "offsets": list(network.offset_heads),
        "logits": list(network.logit_heads),
    }
    for part, modules in targets.items():
        fill(modules, names[part], state, path)
    (scale,) = names["scale"]
    scale = scale if scale in state else f"{scale}.weight"
    copy_checked(network.backbone.conv4_3_norm.weight, state[scale].flatten(), scale, path)
    return network.eval()


def _usual_priors(source: str, maps: int, num_classes: int) -> str:
    """Name the priors that a project's published weights were trained with."""
    dataset = "voc" if num_classes == 20 and source != "torchvision" else "coco"  # torchvision has one set for all
    if maps == 6:
        return f"{dataset}300"
    return f"{dataset}512_caffe" if source == "Caffe" else f"{dataset}512"


def _usual_names(num_classes: int) -> list[str] | None:
    """Return COCO's names for 80 classes, or with the ten that it skips for 90; None leaves the network's default."""
    from torchvision.models.detection import SSD300_VGG16_Weights

    names = SSD300_VGG16_Weights.COCO_V1.meta["categories"][1:]
    return {90: names, 80: [name for name in names if name != "N/A"]}.get(num_classes)
