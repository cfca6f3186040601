"""SSD: the Single Shot MultiBox Detector (Liu et al., ECCV 2016), one idea a module."""
