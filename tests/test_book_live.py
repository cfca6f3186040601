"""The live detector of the book: in a browser it finds what PyTorch finds, from a server and from the disk.

Needs `make book`, and Chromium or Chrome, as tests/test_book_site.py does.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import cache, partial
from gzip import decompress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import skimage
import torch
from PIL import Image
from test_book_site import AXE, AXE_SCRIPT, ROOT, SITE

from ssd.augment import normalize, resize
from ssd.images import as_image
from ssd.network import SSD, model_from_weights
from ssd.nms import detect
from ssd.sample import Detections

DRAWINGS, PHOTOGRAPHS = "ssd_tiny_toyvoc", "ssd_small_voc07"
SAMPLE = ROOT / "data" / "toyvoc_sample" / "VOCdevkit" / "VOC2007" / "JPEGImages"
HEAVY = ("/ort/", "/networks/", "/live/")

# Answers as they come, and when; it has settled when none has come for a while.
LISTEN = """
window.answers = [];
addEventListener("ssd-live", event => answers.push({...event.detail, at: performance.now()}), true);
"""
SETTLED = "answers.length && performance.now() - answers.at(-1).at > 300"

pytestmark = pytest.mark.skipif(
    not (SITE / "live" / "things.js").exists(), reason="the site has not been built: make book"
)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SITE)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(params=["from a server", "from the disk"])
def site(request: pytest.FixtureRequest, server: str) -> str:
    return server if request.param == "from a server" else SITE.as_uri() + "/"


@pytest.fixture
def visit(browser):
    """Open a page; at the end see that it asked nobody else and complained of nothing."""
    contexts, wrong = [], []

    def note_request(request, site: str) -> None:
        if not request.url.startswith((site, "data:", "blob:")):
            wrong.append(f"request outside the site: {request.url}")

    def note_message(message) -> None:
        if message.type in ("error", "warning"):
            wrong.append(f"console {message.type}: {message.text}")

    def visit(site: str, path: str = "index.html", width: int = 1280, theme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(LISTEN)
        page.on("request", lambda request: note_request(request, site))
        page.on("requestfailed", lambda request: wrong.append(f"request failed: {request.url}"))
        page.on("console", note_message)
        page.on("pageerror", lambda error: wrong.append(f"script error: {error}"))
        page.goto(site + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not wrong, "\n".join(wrong)


def part(page, name: str):
    return page.locator(f".ssd-live [data-is={name}]")


def start(page) -> None:
    """Press the button and wait for the first answer."""
    page.get_by_role("button", name="Start the detector").click()
    page.wait_for_function(SETTLED, timeout=60_000)


def answer_to(page, act) -> dict:
    """Do something that asks for another answer, and return the last one."""
    page.evaluate("answers.length = 0")
    act()
    page.wait_for_function(SETTLED, timeout=60_000)
    return page.evaluate("answers.at(-1)")


def show(page, picture: Path, network: str) -> dict:
    """Open a picture, look at it with a network, and return the answer."""
    answer_to(page, lambda: part(page, "file").set_input_files(picture))
    return answer_to(page, lambda: part(page, "network").select_option(network))


def move(page, slider: str, value: float) -> dict:
    return answer_to(page, lambda: part(page, slider).fill(str(value)))


@cache
def network(name: str) -> SSD:
    return model_from_weights(name)


def distances(found: list[dict], expected: Detections, size: tuple[int, int]) -> tuple[float, float]:
    """Pair each detection with one of PyTorch's of its class; return the largest distances of corners and of scores."""
    assert len(found) == len(expected)
    left, corners, scores = list(range(len(expected))), 0.0, 0.0
    for one in found:
        box = torch.tensor(one["box"]) * torch.tensor(size).repeat(2)
        apart = {i: (expected.boxes[i] - box).abs().max().item() for i in left if expected.labels[i] == one["label"]}
        nearest = min(apart, key=apart.get)
        left.remove(nearest)
        corners = max(corners, apart[nearest])
        scores = max(scores, abs(expected.scores[nearest].item() - one["score"]))
    return corners, scores


def noise(path: Path) -> Path:
    """Write a picture that has to be enlarged, and a part of which can be seen through."""
    pixels = np.random.default_rng(0).integers(256, size=(37, 50, 4), dtype=np.uint8)
    pixels[:, 10:, 3] = 255
    pixels[:, :10, 3] = 0
    Image.fromarray(pixels).save(path)
    return path


def test_nothing_of_it_is_loaded_before_the_button_is_pressed(visit, server):
    page = visit(server)
    loaded = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in loaded if name.startswith(server + "_static/live.js")]
    assert not [name for name in loaded if any(folder in name for folder in HEAVY)]


def test_other_pages_do_not_have_its_script_and_every_page_that_has_the_element_does():
    for path in (SITE / "index.html", *sorted((SITE / "chapters").glob("*.html"))):
        text = path.read_text(encoding="utf-8")
        assert ("_static/live.js" in text) == ("_static/live.css" in text) == ('class="ssd-live"' in text), path.name
    assert 'class="ssd-live"' in (SITE / "index.html").read_text(encoding="utf-8")
    assert 'class="ssd-live"' in (SITE / "chapters" / "01_a_detector_in_ten_lines.html").read_text(encoding="utf-8")


def test_what_it_is_made_of_comes_with_its_licence():
    assert "Microsoft" in (SITE / "ort" / "LICENSE").read_text(encoding="utf-8")
    assert (SITE / "ort" / "ThirdPartyNotices.txt").stat().st_size > 100_000


def test_it_finds_what_pytorch_finds(visit, site, tmp_path):
    page = visit(site)
    start(page)
    move(page, "score", 0.01)
    photograph = Path(skimage.__file__).parent / "data" / "astronaut.png"
    for picture in (SAMPLE / "000056.jpg", photograph, noise(tmp_path / "noise.png")):
        with Image.open(picture) as opened:
            size = opened.size
        for name in (DRAWINGS, PHOTOGRAPHS):
            found = show(page, picture, name)["found"]
            (expected,) = network(name).predict(picture)
            corners, scores = distances(found, expected, size)
            print(f"{picture.name}, {name}: {len(found)} detections, {corners:.1e} pixels, {scores:.1e} in scores")
            assert len(found) > 5
            assert corners < 1
            assert scores < 1e-3


def test_sliders_change_what_the_package_says_they_change(visit, server):
    page = visit(server)
    start(page)
    picture = SAMPLE / "000056.jpg"
    show(page, picture, DRAWINGS)
    model = network(DRAWINGS)
    size = model.spec.image_size
    square = resize(as_image(picture), size, size, Image.Resampling.BILINEAR)
    with torch.no_grad():
        offsets, logits = model(normalize(square[None]))
    scores = logits.softmax(dim=2)[0, :, 1:]
    seen = set()
    for least, most in ((0.4, 0.45), (0.1, 0.45), (0.01, 0.45), (0.01, 0), (0.01, 0.8), (0.01, 1), (0.9, 1)):
        move(page, "iou", most)
        answer = move(page, "score", least)
        candidates = int((scores > least).sum(dim=0).clamp(max=400).sum())
        (expected,) = detect(offsets, logits, model.priors_cxcywh, model.spec.variances, least, most)
        assert (len(answer["candidates"]), len(answer["found"])) == (candidates, len(expected))
        assert (
            part(page, "says")
            .inner_text()
            .startswith(f"Above the score: {candidates}. After suppression: {len(expected)}.")
        )
        part(page, "raw").check()
        assert f"drawn on it: {candidates}" in part(page, "screen").get_attribute("aria-label")
        part(page, "raw").uncheck()
        assert f"drawn on it: {len(expected)}" in part(page, "screen").get_attribute("aria-label")
        seen.add((candidates, len(expected)))
    assert len(seen) >= 5
    assert max(count for _, count in seen) == 200


def centres(answer: dict, label: int) -> list[tuple[float, float]]:
    boxes = [one["box"] for one in answer["found"] if one["label"] == label]
    return [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in boxes]


def test_toys_are_moved_with_the_mouse_and_the_keyboard_and_the_detector_follows(visit, server):
    page = visit(server)
    start(page)
    sheep = network(DRAWINGS).class_names.index("sheep") + 1
    before = centres(answer_to(page, lambda: part(page, "raw").click()), sheep)
    assert len(before) == 1
    toy = page.get_by_role("button", name="sheep: arrows")
    box = toy.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()

    def drag() -> None:
        page.mouse.move(box["x"] - 40, box["y"] + 20, steps=4)

    after = centres(answer_to(page, drag), sheep)
    page.mouse.up()
    stage = part(page, "stage").bounding_box()
    assert len(after) == 1
    assert before[0][0] - after[0][0] == pytest.approx(60 / stage["width"], abs=0.05)
    toy.focus()
    back = centres(answer_to(page, lambda: page.keyboard.press("Shift+ArrowRight")), sheep)
    assert back[0][0] > after[0][0]
    gone = answer_to(page, lambda: page.keyboard.press("Delete"))
    assert not centres(gone, sheep)
    page.keyboard.press("Delete")
    page.keyboard.press("Delete")
    assert page.locator(".ssd-live .toy").count() == 0
    assert page.evaluate("document.activeElement.firstElementChild.alt") == "person"  # the keyboard is not lost


def test_what_chapter_1_says_of_the_cow_and_of_the_ship_is_so(visit, server):
    page = visit(server)
    start(page)
    cow = network(DRAWINGS).class_names.index("cow") + 1
    for _ in range(3):
        part(page, "away").click()
    page.evaluate("Math.random = () => 0.3")
    answer = answer_to(page, lambda: page.get_by_role("button", name="cow", exact=True).click())
    assert len(centres(answer, cow)) == 1
    answer = answer_to(page, lambda: part(page, "ground").select_option(label="room"))
    assert not centres(answer, cow)
    answer_to(page, lambda: part(page, "picture").select_option(label="A ship in a bay"))
    answer = answer_to(page, lambda: part(page, "network").select_option(PHOTOGRAPHS))
    assert [one["label"] for one in answer["found"]] == [network(PHOTOGRAPHS).class_names.index("bus") + 1]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["index.html", "chapters/01_a_detector_in_ten_lines.html"])
def test_it_fits_on_a_telephone(visit, server, path, theme):
    page = visit(server, path, width=375, theme=theme)
    start(page)
    for picture in ("toys", "0", "3"):
        answer_to(page, lambda picture=picture: part(page, "picture").select_option(picture))
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        stage = part(page, "stage").bounding_box()
        assert stage["x"] >= 0
        assert stage["x"] + stage["width"] <= 375


def test_detections_can_be_read(visit, server):
    page = visit(server)
    start(page)
    answer = answer_to(page, lambda: part(page, "picture").select_option(label="A cat"))
    page.wait_for_timeout(600)
    lines = part(page, "list").locator("li").all_inner_texts()
    assert part(page, "list").get_attribute("aria-live") == "polite"
    assert len(lines) == len(answer["found"])
    assert lines[0].startswith(f"cat {answer['found'][0]['score']:.2f}: from (")


def test_every_control_has_a_name(visit, server):
    page = visit(server)
    start(page)
    unnamed = page.evaluate(
        """[...document.querySelectorAll(".ssd-live :is(button, input, select)")].filter(control =>
             !(control.ariaLabel || control.textContent.trim() || control.labels?.[0]?.textContent.trim() ||
               control.querySelector("img")?.alt)).map(control => control.outerHTML)"""
    )
    assert not unnamed


def test_the_camera_is_looked_through_until_it_is_stopped(visit, site):
    page = visit(site)
    start(page)
    page.evaluate("answers.length = 0")
    part(page, "camera").click()
    page.wait_for_function("answers.length > 5", timeout=60_000)
    assert part(page, "network").input_value() == PHOTOGRAPHS
    part(page, "camera").click()
    page.wait_for_function(SETTLED)
    assert part(page, "camera").inner_text() == "Use the camera"


def test_a_picture_is_dropped_on_it(visit, site):
    page = visit(site)
    start(page)
    picture = Path(skimage.__file__).parent / "data" / "chelsea.png"
    drop = """([root, text]) => {
      const held = new DataTransfer(), bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
      held.items.add(new File([bytes], "cat.png", {type: "image/png"}));
      root.dispatchEvent(new DragEvent("drop", {dataTransfer: held, bubbles: true, cancelable: true}));
    }"""
    root = page.locator(".ssd-live").element_handle()
    answer = answer_to(page, lambda: page.evaluate(drop, [root, b64encode(picture.read_bytes()).decode()]))
    cat = network(PHOTOGRAPHS).class_names.index("cat") + 1
    assert [one["label"] for one in answer["found"]] == [cat]
    assert part(page, "screen").get_attribute("aria-label").startswith("cat.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_it_when_it_runs(visit, server, theme):
    page = visit(server, theme=theme)
    start(page)
    page.add_script_tag(path=AXE_SCRIPT)
    assert page.evaluate(AXE) == []


def test_what_is_no_picture_is_refused_in_words(visit, server, tmp_path):
    page = visit(server)
    start(page)
    wrong = tmp_path / "letter.png"
    wrong.write_text("Dear reader")
    page.wait_for_timeout(600)
    part(page, "file").set_input_files(wrong)
    page.wait_for_function("document.querySelector('.ssd-live ul').textContent.includes('letter.png is not a picture')")


def test_scripts_for_the_disk_hold_the_same_files():
    for path in (*SITE.glob("ort/*.*js.js"), *SITE.glob("ort/*.wasm.js"), *SITE.glob("networks/*.onnx.js")):
        name, text = path.read_text(encoding="utf-8").split("[", 1)[1].split("] = ")
        original = path.with_suffix("")
        assert json.loads(name) == original.relative_to(SITE).as_posix()
        assert decompress(b64decode(text.strip().strip('";'))) == original.read_bytes()
