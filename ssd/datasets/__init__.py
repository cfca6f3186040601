"""Datasets: each yields samples with pixel boxes."""

from .toyvoc import make_toyvoc
from .voc import VOC_CLASSES, Annotation, VOCDetection

__all__ = ["VOC_CLASSES", "Annotation", "VOCDetection", "make_toyvoc"]
