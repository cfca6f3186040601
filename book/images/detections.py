"""Draw detections.png, the first picture of the book and of the README: what the shipped weights find in new scenes."""

from pathlib import Path

from PIL import Image

from ssd.datasets import VOCDetection
from ssd.draw import draw_detections
from ssd.network import model_from_weights

HERE = Path(__file__).resolve().parent
SCENES = (("trainval", 25), ("trainval", 22), ("test", 6), ("test", 7))
HEIGHT, GAP = 320, 8

if __name__ == "__main__":
    model = model_from_weights("ssd_tiny_toyvoc")
    sample = HERE.parents[1] / "data" / "toyvoc_sample"  # the network has seen neither part of it
    drawn = []
    for split, index in SCENES:
        image = VOCDetection(sample, split=split)[index].image
        (found,) = model.predict(image)
        picture = draw_detections(image, found, model.class_names, score_threshold=0.4)
        drawn.append(picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), Image.Resampling.LANCZOS))
    row = Image.new("RGBA", (sum(one.width + GAP for one in drawn) - GAP, HEIGHT))  # transparent between the pictures
    left = 0
    for one in drawn:
        row.paste(one, (left, 0))
        left += one.width + GAP
    row.quantize(256).save(HERE / "detections.png", optimize=True)  # a fifth of the bytes
