"""The networks: one detector class, several sizes."""

from inspect import signature

from ..errors import RecipeError
from ..priors import PriorSpec
from .detectors import import_detector
from .small import ssd_small, ssd_tiny
from .ssd import SSD
from .vgg import ssd300_vgg16, ssd300_vgg16_bn, ssd512_vgg16
from .weights import load_weights, model_from_weights, save_weights

NETWORKS = {network.__name__: network for network in (ssd_tiny, ssd_small, ssd300_vgg16, ssd300_vgg16_bn, ssd512_vgg16)}
"""Networks by the name that recipes and weights files use."""


def default_priors(network: str) -> PriorSpec:
    """Return the priors that a network of this name has unless it is given others.

    Raises:
        RecipeError: there is no such network.

    """
    if network not in NETWORKS:
        raise RecipeError("unknown", field="network", value=network, expected="one of " + ", ".join(NETWORKS))
    return signature(NETWORKS[network]).parameters["spec"].default


__all__ = [
    "NETWORKS",
    "SSD",
    "default_priors",
    "import_detector",
    "load_weights",
    "model_from_weights",
    "save_weights",
    "ssd300_vgg16",
    "ssd300_vgg16_bn",
    "ssd512_vgg16",
    "ssd_small",
    "ssd_tiny",
]
