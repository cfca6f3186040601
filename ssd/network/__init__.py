"""The networks: one detector class, several sizes."""

from .small import ssd_tiny
from .ssd import SSD
from .weights import load_weights, model_from_weights, save_weights

NETWORKS = {"ssd_tiny": ssd_tiny}
"""Networks by the name that recipes and weights files use."""

__all__ = ["NETWORKS", "SSD", "load_weights", "model_from_weights", "save_weights", "ssd_tiny"]
