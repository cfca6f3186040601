"""Draw detections.png, the first picture of the book and of the README: what the shipped weights find in new scenes."""

from pathlib import Path

from ssd.datasets import VOCDetection
from ssd.draw import contact_sheet, draw_detections
from ssd.network import model_from_weights

HERE = Path(__file__).resolve().parent
SCENES = (2, 9, 7, 12)

if __name__ == "__main__":
    model = model_from_weights("ssd_tiny_toyvoc")
    scenes = VOCDetection(HERE.parents[1] / "data" / "toyvoc_sample", split="test")
    drawn = []
    for image in (scenes[index].image for index in SCENES):
        (found,) = model.predict(image)
        drawn.append(draw_detections(image, found, model.class_names, score_threshold=0.4))
    contact_sheet(drawn, columns=4, cell=(400, 400)).save(HERE / "detections.png", optimize=True)
