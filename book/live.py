"""Lay out what the live detector of the pages loads, besides the networks: `python book/live.py build/site`.

In a browser a page that was opened from a disk may run scripts that lie beside it, and read no other file. So pictures
and toys come as a script, and what else is needed lies there twice: as it is, for pages from a server, and packed into
a script, for those from a disk.
"""

import base64
import gzip
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import skimage
from PIL import Image

from ssd.datasets.pictograms import draw, render
from ssd.datasets.scenery import BACKDROPS
from ssd.datasets.scenes import natural_aspect
from ssd.datasets.voc import VOC_CLASSES
from ssd.draw import colour_of, ink_on

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "data" / "toyvoc_sample" / "VOCdevkit" / "VOC2007" / "JPEGImages"
PHOTOGRAPHS = Path(skimage.__file__).parent / "data"

NETWORKS = {"ssd_tiny_toyvoc": "for drawings", "ssd_small_voc07": "for photographs"}
DRAWN, TAKEN = NETWORKS

# The networks have seen none of these. What each shows; the network it is meant for; the file.
PICTURES = (
    ("A ship in a bay", DRAWN, SAMPLE / "000055.jpg"),
    ("Two people and a bicycle", DRAWN, SAMPLE / "000056.jpg"),
    ("Chairs in a room", DRAWN, SAMPLE / "000064.jpg"),
    ("An astronaut", TAKEN, PHOTOGRAPHS / "astronaut.png"),
    ("A cat", TAKEN, PHOTOGRAPHS / "chelsea.png"),
)

CANVAS = 400, 300  # ToyVOC's commonest format
GROUNDS = {"meadow": (1, 0.42), "street": (1, 0.45), "room": (2, 0.6), "sea": (2, 0.4)}  # seed, height of the horizon
# Variant and seed of the drawing, and the square root of its area in pixels of the canvas.
TOYS = {
    "person": (1, 1, 120),
    "bicycle": (2, 1, 130),
    "car": (2, 1, 120),
    "bus": (1, 2, 130),
    "boat": (3, 1, 130),
    "sheep": (0, 1, 105),
    "cow": (0, 1, 130),
    "cat": (0, 1, 110),
    "tvmonitor": (2, 1, 115),
    "sofa": (3, 1, 130),
    "pottedplant": (2, 2, 120),
    "bottle": (3, 2, 95),
}
FIRST = {"person": (54, 235), "bicycle": (180, 283), "sheep": (322, 249)}  # there from the start: where their feet are
LIGHT = (0.7, -0.6, 0.12)


def as_address(picture: Image.Image | Path, quality: int = 88) -> str:
    """Return a picture as an address that holds it: a JPEG's own bytes, or a PNG if something of it is transparent."""
    if isinstance(picture, Path) and picture.suffix == ".jpg":
        kind, content = "jpeg", picture.read_bytes()
    else:
        picture = Image.open(picture).convert("RGB") if isinstance(picture, Path) else picture
        kind, buffer = ("png" if picture.mode == "RGBA" else "jpeg"), io.BytesIO()
        if kind == "png":
            picture.quantize(192, Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)  # a third of the bytes
        else:
            picture.save(buffer, "JPEG", quality=quality)
        content = buffer.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def ground(name: str) -> Image.Image:
    """Return an empty scene of ToyVOC."""
    seed, level = GROUNDS[name]
    backdrop = BACKDROPS[name](np.random.default_rng(seed), CANVAS, level)
    return Image.fromarray(np.clip(backdrop.pixels, 0, 255).astype(np.uint8))


def toy(name: str) -> tuple[Image.Image, int, int]:
    """Return a toy at twice its size, and its width and height on the canvas."""
    variant, seed, side = TOYS[name]
    sketch = draw(name, variant, np.random.default_rng(seed))
    stretch = natural_aspect(sketch) ** 0.5
    picture = render(sketch, 2 * side * stretch, 2 * side / stretch, outline=1.5, light=LIGHT)
    return picture, round(picture.width / 2), round(picture.height / 2)


def things() -> dict:
    """Return all that the script of the live detector has to be told."""
    toys = []
    for name in TOYS:
        picture, width, height = toy(name)
        known = {"name": name, "width": width, "height": height, "image": as_address(picture)}
        toys.append(known | ({"at": FIRST[name]} if name in FIRST else {}))
    return {
        "classes": [
            {"name": name, "colour": colour_of(label), "ink": ink_on(colour_of(label))}
            for label, name in enumerate(VOC_CLASSES, 1)
        ],
        "networks": [{"name": name, "title": title} for name, title in NETWORKS.items()],
        "pictures": [
            {"title": title, "network": network, "image": as_address(path)} for title, network, path in PICTURES
        ],
        "canvas": CANVAS,
        "grounds": [{"name": name, "image": as_address(ground(name))} for name in GROUNDS],
        "toys": toys,
    }


def write_script(path: Path, name: str, value: str) -> None:
    """Write a script that hands a value, given as JavaScript, to the page under a name."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"(window.ssdFiles ??= {{}})[{json.dumps(name)}] = {value};\n", encoding="utf-8")


def pack(site: Path, path: Path) -> None:
    """Write a file once more beside itself, compressed, as a script."""
    text = base64.b64encode(gzip.compress(path.read_bytes(), 9, mtime=0)).decode()
    write_script(path.with_name(path.name + ".js"), path.relative_to(site).as_posix(), f'"{text}"')


def main(site: Path) -> None:
    """Write the scripts, and the licences of what the runtime is made of, which npm's package lacks."""
    networks = (site / "networks" / f"{name}.onnx" for name in NETWORKS)
    for path in (*site.glob("ort/*.mjs"), *site.glob("ort/*.wasm"), *networks):
        pack(site, path)
    for name in ("LICENSE", "ThirdPartyNotices.txt"):
        shutil.copy(Path(onnxruntime.__file__).parent / name, site / "ort" / name)
    write_script(site / "live" / "things.js", "live/things", json.dumps(things()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
