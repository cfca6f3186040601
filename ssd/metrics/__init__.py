"""How good detections are, and why they are not better."""

from .coco import COCOResult, coco_ap
from .diagnosis import Diagnosis, diagnose
from .files import read_detections, write_detections
from .voc import VOCResult, average_precision, bootstrap, match_detections, voc_ap

__all__ = [
    "COCOResult",
    "Diagnosis",
    "VOCResult",
    "average_precision",
    "bootstrap",
    "coco_ap",
    "diagnose",
    "match_detections",
    "read_detections",
    "voc_ap",
    "write_detections",
]
