"""The networks: one detector class, several sizes."""

from .detectors import import_detector
from .small import ssd_tiny
from .ssd import SSD
from .vgg import ssd300_vgg16, ssd300_vgg16_bn, ssd512_vgg16
from .weights import load_weights, model_from_weights, save_weights

NETWORKS = {network.__name__: network for network in (ssd_tiny, ssd300_vgg16, ssd300_vgg16_bn, ssd512_vgg16)}
"""Networks by the name that recipes and weights files use."""

__all__ = [
    "NETWORKS",
    "SSD",
    "import_detector",
    "load_weights",
    "model_from_weights",
    "save_weights",
    "ssd300_vgg16",
    "ssd300_vgg16_bn",
    "ssd512_vgg16",
    "ssd_tiny",
]
