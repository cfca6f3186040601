"""How good detections are."""

from .voc import VOCResult, average_precision, voc_ap

__all__ = ["VOCResult", "average_precision", "voc_ap"]
