"""Draw what the shipped weights find in new scenes, and what a link to the book shows.

detections.png is the first picture of the book and of the README. card.png and logo.png stand on the cards that other
sites show for a link to a page.
"""

from pathlib import Path

from PIL import Image, ImageDraw

from ssd.datasets import VOCDetection
from ssd.draw import draw_detections
from ssd.network import model_from_weights

HERE = Path(__file__).resolve().parent
SCENES = (("trainval", 25), ("trainval", 22), ("test", 6), ("test", 7))
HEIGHT, GAP = 320, 8


def logo(side: int) -> Image.Image:
    """Draw _static/favicon.svg in pixels."""
    picture = Image.new("RGBA", (128, 128))
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((8, 8, 120, 120), 24, fill="#12344d")
    pen.rounded_rectangle((24, 46, 104, 82), 5, outline="#a9c4d8", width=6)
    pen.rounded_rectangle((46, 24, 82, 104), 5, outline="#a9c4d8", width=6)
    pen.rounded_rectangle((36, 36, 92, 92), 8, outline="#ff9340", width=12)
    return picture.resize((side, side), Image.Resampling.LANCZOS)


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
    drawn[0].crop((0, 0, HEIGHT, HEIGHT)).save(HERE / "card.png", optimize=True)
    logo(96).save(HERE / "logo.png", optimize=True)
