"""What several test files need: datasets in VOC's layout, small enough to write down in a test; and a browser."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import ssd.__main__

SHAPES = {"bus": (200, 40, 40), "dog": (40, 180, 60), "person": (50, 70, 210)}
"""Classes in the synthetic pictures, each with the colour of its rectangles."""


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Compute in one thread, so that tests side by side do not fight for processors."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class TinyVOC:
    """Writes a dataset in VOC's layout, file by file."""

    def __init__(self, root: Path, year: str = "2007") -> None:
        self.root = root
        self.folder = root / "VOCdevkit" / f"VOC{year}"
        for name in ("Annotations", "ImageSets/Main", "JPEGImages"):
            (self.folder / name).mkdir(parents=True)

    @staticmethod
    def object_xml(name: str = "dog", box: tuple = (1, 1, 2, 2), **fields: object) -> str:
        """Return one <object>; the box is VOC's: counted from 1, last pixel included."""
        corners = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        more = "".join(f"<{k}>{v}</{k}>" for k, v in fields.items())
        return f"<object><name>{escape(name)}</name>{more}<bndbox>{corners}</bndbox></object>"

    def annotate(self, image_id: str, *objects: str, size: tuple[int, int] | None = (64, 64)) -> Path:
        """Write an XML that holds these objects; `size` None leaves the picture's size out."""
        width_height = (
            f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
        )
        return self.write_xml(image_id, f"<annotation>{width_height}{''.join(objects)}</annotation>")

    def write_xml(self, image_id: str, text: str) -> Path:
        """Write an XML of any text."""
        path = self.folder / "Annotations" / f"{image_id}.xml"
        path.write_text(text, encoding="utf-8")
        return path

    def picture(self, image_id: str, size: tuple[int, int] = (64, 64), colour: tuple = (90, 90, 90)) -> Path:
        """Write a picture of one colour."""
        path = self.folder / "JPEGImages" / f"{image_id}.jpg"
        Image.new("RGB", size, colour).save(path)
        return path

    def split(self, name: str, *image_ids: str) -> Path:
        """Write the list of a split."""
        path = self.folder / "ImageSets" / "Main" / f"{name}.txt"
        path.write_text("".join(f"{image_id}\n" for image_id in image_ids), encoding="utf-8")
        return path

    def fill(self, count: int, seed: int = 0, size: tuple[int, int] = (64, 64), split: str = "trainval") -> list[str]:
        """Write `count` pictures of coloured rectangles, one or two in each, and the list that names them."""
        rng = np.random.default_rng(seed)
        width, height = size
        image_ids = [f"{number:06d}" for number in range(1, count + 1)]
        for image_id in image_ids:
            image = Image.fromarray(rng.integers(100, 140, (height, width, 3), dtype=np.uint8))
            objects = []
            for name in rng.choice(list(SHAPES), rng.integers(1, 3), replace=False).tolist():
                w, h = rng.integers(width // 3, width // 2), rng.integers(height // 3, height // 2)
                x, y = rng.integers(width - w), rng.integers(height - h)
                ImageDraw.Draw(image).rectangle((x, y, x + w - 1, y + h - 1), fill=SHAPES[name])
                objects.append(self.object_xml(name, (x + 1, y + 1, x + w, y + h), difficult=int(rng.random() < 0.1)))
            image.save(self.folder / "JPEGImages" / f"{image_id}.jpg", quality=95)
            self.annotate(image_id, *objects, size=size)
        self.split(split, *image_ids)
        return image_ids


@pytest.fixture
def tiny_voc(tmp_path: Path) -> TinyVOC:
    """Return a writer for an empty dataset of the test's own."""
    return TinyVOC(tmp_path / "data")


@pytest.fixture(scope="session")
def eight_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root that holds VOC2007 trainval: 8 pictures of 64 x 64. Not to be written to."""
    voc = TinyVOC(tmp_path_factory.mktemp("eight"))
    voc.fill(8)
    return voc.root


BROWSER_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that needs no permission
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="module")
def browser():
    """Return the first Chromium or Chrome there is; `SSD_CHROMIUM` names another of that family."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    known = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    path = os.environ.get("SSD_CHROMIUM") or next(filter(None, known), None)
    if path is None:
        pytest.skip("no Chromium or Chrome on this machine; SSD_CHROMIUM can name one")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that calls the command line and returns its exit status, output and error output."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ssd", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            ssd.__main__.main()
        written = capsys.readouterr()
        return int(stopped.value.code or 0), written.out, written.err

    return call
