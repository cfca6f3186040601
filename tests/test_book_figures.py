"""The figures that a reader moves: by keyboard and by pointer, on any screen, they say what the package says.

The pages are made from what the notebooks hold, so the site need not be built. Needs Chromium or Chrome.
"""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from ssd.augment import MIN_IOU, EvalTransform, keep_objects, normalize
from ssd.boxes import cxcywh_to_xyxy, encode, iou, xyxy_to_cxcywh
from ssd.datasets import VOCDetection
from ssd.draw import SCRIPT, Frame, interactive
from ssd.loss import MultiBoxLoss
from ssd.matching import match
from ssd.metrics import average_precision
from ssd.network import model_from_weights
from ssd.nms import nms
from ssd.priors import VOC300, prior_boxes
from ssd.sample import Batch

ROOT = Path(__file__).resolve().parents[1]
FIGURE = re.compile(r'<figure class="ssd-move" data-kind="(\w+)">.*?</figure>', re.DOTALL)
NUMBERS = re.compile(r'(<script type="application/json">)(.*?)(</script>)', re.DOTALL)
WIDTHS = (1280, 375)


def figures() -> dict[str, list[str]]:
    """Return the figures in the notebooks by kind, as they are stored."""
    found = {}
    for path in sorted((ROOT / "book" / "chapters").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        texts = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
        for figure in map(FIGURE.search, texts):
            if figure:
                found.setdefault(figure[1], []).append(figure[0])
    return found


STORED = figures()


def alone(html: str) -> str:
    """Return a stored figure as a notebook has it that is run by itself."""
    copy = interactive("iou", {}, (1, 1), Frame("", torch.zeros(0, 4), [], []), "")
    return html.replace("</figure>", copy[copy.index("<script data-copy>") :])


class Page:
    """A page with one figure of the book, and a reader's hands."""

    def __init__(self, browser, folder: Path, html: str, width: int, scripts: bool = True, source: bool = True) -> None:
        self.touch = width < 500
        style = f'<link rel="stylesheet" href="{SCRIPT.with_name("figures.css").as_uri()}">'
        source = f'{style}<script defer src="{SCRIPT.as_uri()}"></script>' if source else ""
        head = '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        file = folder / "page.html"
        file.write_text(f"{head}<title>A figure</title>{source}<body>{html}", encoding="utf-8")
        screen = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=screen, has_touch=self.touch, java_script_enabled=scripts)
        self.page, self.wrong = self.context.new_page(), []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on(
            "request", lambda request: request.url.startswith(("file:", "data:")) or self.wrong.append(request.url)
        )
        self.page.goto(file.as_uri())
        self.figure = self.page.locator("figure.ssd-move")
        self.data = json.loads(NUMBERS.search(html)[2])

    def caption(self) -> str:
        """Return what the figure says."""
        return self.figure.locator("figcaption").inner_text()

    def numbers(self, pattern: str) -> list[float]:
        """Return the numbers in a part of the caption, of which every group is one."""
        found = re.search(pattern, self.caption())
        assert found, f"{pattern} is not in: {self.caption()}"
        return [float(number.replace(",", "")) for number in found.groups()]

    def press(self, where, *keys: str) -> None:
        """Press keys on a handle, a slider or a button."""
        where.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def tap(self, where, x: float, y: float) -> None:
        """Tap or click at a place, in shares of an element."""
        box = where.bounding_box()
        at = box["x"] + x * box["width"], box["y"] + y * box["height"]
        if self.touch:
            self.page.touchscreen.tap(*at)
        else:
            self.page.mouse.click(*at)

    def drag(self, where, by: tuple[float, float], grip: tuple[float, float] = (0.5, 0.5)) -> None:
        """Drag an element by so many units of the picture, with a mouse or a finger; taken at a share of its sides."""
        where.scroll_into_view_if_needed()
        box, scale = where.bounding_box(), self.figure.locator("> svg").evaluate("svg => svg.getScreenCTM().a")
        start = np.array([box["x"] + grip[0] * box["width"], box["y"] + grip[1] * box["height"]])
        stops = [(start + scale * share * np.array(by)).tolist() for share in (0, 0.3, 0.7, 1)]
        if not self.touch:
            self.page.mouse.move(*stops[0])
            self.page.mouse.down()
            for stop in stops[1:]:
                self.page.mouse.move(*stop)
            self.page.mouse.up()
            return
        session = self.context.new_cdp_session(self.page)
        for kind, stop in zip(("touchStart", "touchMove", "touchMove", "touchMove"), stops, strict=True):
            point = [{"x": stop[0], "y": stop[1]}]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": point})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def handle(self, name: str):
        """Return a handle by what it is called."""
        return self.figure.locator(f'[role=slider][aria-label="{name}, moved by arrow keys"]')

    def place(self, name: str) -> list[float]:
        """Return where the box of a handle is, as it tells those who cannot see it."""
        return [float(number) for number in re.findall(r"[\d.]+", self.handle(name).get_attribute("aria-valuetext"))]


@pytest.fixture(params=WIDTHS)
def moving(browser, tmp_path, request):
    """Return a function that opens a figure by its kind, on a wide screen with a mouse and on a narrow one to touch."""
    pages = []

    def show(kind: str, number: int = 0, data: dict | None = None) -> Page:
        html = STORED[kind][number]
        if data:  # other numbers in the same figure
            html = NUMBERS.sub(lambda held: held[1] + json.dumps(json.loads(held[2]) | data) + held[3], html)
        pages.append(Page(browser, tmp_path, html, request.param))
        return pages[-1]

    yield show
    for page in pages:
        wide = page.page.evaluate("document.documentElement.scrollWidth")
        page.context.close()
        assert page.wrong == []
        assert wide <= request.param


def test_script_is_small_and_asks_nobody_for_anything():
    text = SCRIPT.read_text(encoding="utf-8")
    assert SCRIPT.stat().st_size < 20_000
    assert set(re.findall(r"https?://[^`\"']*", text)) == {"http://www.w3.org/2000/svg"}
    assert "</script" not in text
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|eval)\b", text)


def test_every_kind_that_the_script_knows_is_in_the_book():
    kinds = set(re.findall(r"^KINDS\.(\w+) =", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE))
    assert kinds == set(STORED)


@pytest.mark.parametrize("kind", sorted(STORED))
def test_figure_stands_still_without_scripts_and_says_something(browser, tmp_path, kind):
    page = Page(browser, tmp_path, STORED[kind][0], 375, scripts=False)
    assert page.figure.locator("svg .ssd-still rect").count() >= 2
    assert re.search(r"\d", page.caption())
    assert page.figure.locator("p.ssd-still").is_visible()
    assert page.figure.locator("svg[role=img][aria-label]").count() == 1
    assert page.figure.locator("button, input").count() == 0
    page.context.close()


@pytest.mark.parametrize("kind", sorted(STORED))
def test_notebook_run_by_itself_brings_what_moves_it(browser, tmp_path, kind):
    page = Page(browser, tmp_path, alone(STORED[kind][0]), 1280, source=False)
    assert page.figure.get_attribute("data-moves") is not None
    assert page.figure.locator(".ssd-still").count() == 0
    assert page.wrong == []
    controls = page.figure.locator("input, button, [tabindex]").count()
    page.context.close()
    both = Page(browser, tmp_path, alone(STORED[kind][0]), 1280)  # on a page that has the script itself
    assert both.figure.locator("input, button, [tabindex]").count() == controls > 0
    both.context.close()


@pytest.mark.parametrize("kind", sorted(STORED))
def test_everything_to_touch_is_as_large_as_a_finger_and_can_be_reached_by_keyboard(moving, kind):
    page = moving(kind)
    controls = page.figure.locator("button, input, g[role=slider]").all()
    reached = page.figure.locator("button, input, [tabindex='0']").count()
    for control in controls:
        box = control.bounding_box()
        assert min(box["width"], box["height"]) > 43.5
    page.page.locator("body").press("Tab")
    for _ in range(reached):
        assert page.page.evaluate("document.activeElement.closest('figure') !== null")
        page.page.keyboard.press("Tab")
    for slider in page.figure.locator("[role=slider], input").all():
        assert re.search(r"\d", slider.get_attribute("aria-valuetext"))


@pytest.mark.parametrize("number", range(len(STORED["iou"])))
def test_two_boxes_overlap_and_are_encoded_as_in_the_package(moving, number):
    page = moving("iou", number)
    variances = page.data["variances"]

    def check() -> list[list[float]]:
        a, b = (torch.tensor([page.place(f"box {name}")]) for name in "ab")
        overlap = float(iou(a, b))
        assert page.numbers(r"IoU ([\d.]+)\.") == [pytest.approx(overlap, abs=0.00501)]
        shared, covered = page.numbers(r"Shared: ([\d.]+) squares; covered: ([\d.]+)\.")
        assert shared / covered == pytest.approx(overlap, abs=0.01)
        if variances:
            said = page.numbers(r"t_x (\S+), t_y (\S+), t_w (\S+), t_h (\S+)\.$")
            assert said == pytest.approx(encode(b, xyxy_to_cxcywh(a), variances)[0].tolist(), abs=0.00501)
        return [a[0].tolist(), b[0].tolist()]

    step, (a, b) = page.data["step"], check()
    assert [a, b] == page.data["boxes"]
    page.press(page.handle("box a"), "ArrowRight", "ArrowRight", "ArrowDown")
    a = [a[0] + 2 * step, a[1] + step, a[2] + 2 * step, a[3] + step]
    assert check() == [a, b]
    page.press(page.handle("corner of box b"), "ArrowUp", "ArrowLeft")
    b = [b[0], b[1], b[2] - step, b[3] - step]
    assert check() == [a, b]
    page.drag(page.handle("box b"), (2, 0), grip=(0.9, 0.2))
    b = [b[0] + 2, b[1], b[2] + 2, b[3]]
    assert check() == [a, b]
    page.drag(page.handle("corner of box a"), (1, -1))
    assert check() == [[a[0], a[1], a[2] + 1, a[3] - 1], b]
    page.drag(page.handle("box b"), (50, 50), grip=(0.9, 0.2))  # no farther than the paper
    assert check()[1][2:] == [12, 8]
    page.press(page.handle("box a"), *["ArrowLeft"] * 30)  # far enough to have nothing in common
    page.press(page.handle("corner of box b"), *["ArrowRight"] * 3)
    assert check()[0][0] == 0


def test_priors_of_a_cell_are_the_packages(moving):
    page = moving("priors")
    data, priors = page.data, cxcywh_to_xyxy(prior_boxes(VOC300))
    objects = torch.tensor(data["boxes"]) / 300
    starts = np.cumsum([0] + [level.grid**2 * len(level.shapes()) for level in VOC300.levels])
    field = page.handle("cell")

    def check(level: int) -> tuple[int, int]:
        grid, shapes = VOC300.levels[level].grid, len(VOC300.levels[level].shapes())
        said, row, column = (int(n) for n in page.numbers(r"Map of (\d+) × \d+, row (\d+), column (\d+)"))
        assert said == grid
        first = starts[level] + shapes * (grid * (row - 1) + column - 1)
        overlaps = iou(priors[first : first + shapes], objects)
        if overlaps.max() > 0:
            count, best = page.numbers(r"best of (\d+) priors overlaps the \w+ by ([\d.]+)")
            assert (count, best) == (shapes, pytest.approx(float(overlaps.max()), abs=0.00501))
        else:
            assert "no overlap" in page.caption()
        assert page.numbers(r"(\d+) reach one half") == [int((overlaps.amax(dim=1) >= 0.5).sum())]
        drawn = page.figure.locator("svg > g > rect[stroke]").evaluate_all(
            "rects => rects.map(r => ['x', 'y', 'width', 'height'].map(key => +r.getAttribute(key)))"
        )
        drawn = torch.tensor(drawn[len(objects) :])
        drawn[:, 2:] += drawn[:, :2]
        assert torch.allclose(drawn / 300, priors[first : first + shapes], atol=1e-5)
        return row, column

    row, column = check(data["level"])
    page.press(field, "ArrowRight", "ArrowDown", "ArrowDown")
    assert check(data["level"]) == (row + 2, column + 1)
    page.press(field, *["ArrowUp"] * 12, *["ArrowLeft"] * 12)
    assert check(data["level"]) == (1, 1)
    for level, button in enumerate(page.figure.locator("button").all()):
        page.press(button, "Enter")
        assert button.get_attribute("aria-pressed") == "true"
        row, column = check(level)
        if level != data["level"]:
            assert [row - 1, column - 1] == data["cells"][level]
        page.tap(field, 0.3, 0.6)
        step = VOC300.levels[level].step
        assert check(level) == (180 // step + 1, 90 // step + 1)


@pytest.mark.parametrize("quarrel", [False, True])
def test_priors_are_matched_as_in_the_package_wherever_the_object_goes(moving, quarrel):
    data = json.loads(NUMBERS.search(STORED["matching"][0])[2])
    first, second, third = data["boxes"]
    # All three want the same priors, which overlap them equally; the last is too small for any to follow.
    same = [second, second, [second[0], second[1], second[0] + 20, second[1] + 16]]
    page = moving("matching", data={"boxes": same if quarrel else [first, second, third]})
    data, priors = page.data, cxcywh_to_xyxy(prior_boxes(VOC300))
    name, number = data["names"][data["moving"]], data["moving"]
    width, height = page.figure.locator("> svg").evaluate(
        "svg => [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height]"
    )
    boxes = torch.tensor(data["boxes"])
    counts = set()

    def drawn(kind: str) -> set[int]:
        return set(page.figure.locator(f"rect.{kind}").evaluate_all("rects => rects.map(r => +r.dataset.prior)"))

    def check() -> None:
        boxes[number] = torch.tensor(page.place(name))
        objects = boxes / torch.tensor([width, height, width, height])
        matched = match(priors, objects, float(page.figure.locator("output").inner_text()))
        own = match(priors, objects, 2.0) >= 0
        assert drawn("own") == set(own.nonzero().flatten().tolist())
        assert drawn("follows") == set(((matched >= 0) & ~own).nonzero().flatten().tolist())
        assert page.numbers(r"^(\d+) priors") == [int((matched >= 0).sum())]
        counts.add(int((matched >= 0).sum()))

    check()
    before = page.place(name)
    page.press(page.handle(name), *["ArrowLeft"] * 8, *["ArrowUp"] * 3)
    check()
    assert page.place(name)[0] < before[0]
    page.press(page.handle(f"corner of {name}"), "ArrowLeft", "ArrowDown")
    check()
    for by in ((-30, -60), (-60, 20), (20, -90)):
        page.drag(page.handle(name), by, grip=(0.4, 0.3))
        check()
    for keys in (["Home"], ["ArrowRight"] * 7, ["End"]):
        page.press(page.figure.locator("input"), *keys)
        check()
    assert len(counts) >= 5


def test_mined_negatives_bring_the_loss_that_the_package_computes(moving):
    page = moving("mining")
    scenes = VOCDetection(ROOT / "data" / "toyvoc_sample", split="test")
    street, model = Batch.collate([EvalTransform(192)(scenes[7])]), model_from_weights("ssd_tiny_toyvoc").eval()
    with torch.no_grad():
        outputs = model(normalize(street.images))
    slider = page.figure.locator("input")
    page.press(slider, "Home")
    losses = []
    for ratio in range(11):
        terms = MultiBoxLoss(model.priors_cxcywh, neg_pos_ratio=ratio)(*outputs, street.boxes, street.labels)
        assert page.numbers(r"^(\d+) for each of (\d+) matched")[:2] == [ratio, int(terms.matched)]
        assert page.numbers(r" = ([\d.]+)\.$") == [pytest.approx(float(terms.confidence), abs=0.0101)]
        assert page.figure.locator("rect.mined").count() == ratio * int(terms.matched)
        losses += page.numbers(r" = ([\d.]+)\.$")
        page.press(slider, "ArrowRight")
    assert all(low < high for low, high in pairwise(losses))
    box = slider.bounding_box()
    page.tap(slider, 12 / box["width"], 0.5)
    assert page.numbers(r"^(\d+) for each")[0] <= 1


def test_windows_are_those_of_the_samplers_and_objects_go_by_their_centre(moving):
    page = moving("samplers")
    boxes, names, seen = np.array(page.data["boxes"]), page.data["names"], set()
    *samplers, another = page.figure.locator("button").all()
    asked = [0.0, *MIN_IOU]
    assert len(samplers) == len(asked) == 7

    def check(wanted: float) -> None:
        sides = page.figure.locator("rect.window").evaluate(
            "r => ['x', 'y', 'width', 'height'].map(key => +r.getAttribute(key))"
        )
        window = np.array([sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3]])
        overlap = float(iou(torch.tensor(window[None]), torch.tensor(boxes)).max())
        assert overlap > wanted - 0.005
        assert page.numbers(r"largest overlap with an object is ([\d.]+)\.") == [pytest.approx(overlap, abs=0.01)]
        stays = keep_objects(boxes, window)
        for word, yes in (("Stay", True), ("Dropped", False)):
            listed = ", ".join(name for name, kept in zip(names, stays, strict=True) if kept == yes)
            assert f"{word}: {listed or 'none'}." in page.caption()
        view = page.figure.locator("svg.ssd-view").get_attribute("viewBox")
        assert [float(side) for side in view.split(",")] == pytest.approx(sides)
        seen.add((wanted, *window.tolist()))

    for button, wanted in zip(samplers, asked, strict=True):
        page.press(button, "Enter")
        check(wanted)
        page.press(another, "Enter")
        check(wanted)
        for _ in range(4):
            page.tap(another, 0.5, 0.5)
            check(wanted)
    assert len(seen) > 6 * 5


def test_boxes_are_suppressed_as_in_the_package(moving):
    page = moving("suppression")
    data = page.data
    boxes, scores, labels, claims = (torch.tensor(data[key]) for key in ("boxes", "scores", "labels", "claims"))
    floor, limit = page.figure.locator("input").all()
    seen = set()

    def check() -> None:
        lowest, most = (float(output.inner_text()) for output in page.figure.locator("output").all())
        entering, kept = (scores > lowest).nonzero().flatten(), []
        for label in labels.unique():
            mine = entering[labels[entering] == label]
            kept += mine[nms(boxes[mine], scores[mine], most)].tolist()
        drawn = page.figure.locator("[data-box]").evaluate_all("rects => rects.map(r => +r.dataset.box)")
        assert sorted(drawn) == sorted(kept)
        found, again, wrong = set(), 0, 0
        for claim in claims[sorted(kept)].tolist():
            again, wrong = again + (claim in found), wrong + (claim < 0)
            found |= {claim} if claim >= 0 else set()
        assert page.numbers(r"^(\d+) boxes score above [\d.]+; (\d+) of them stay") == [len(entering), len(kept)]
        assert page.numbers(r"\(green\): (\d+) of .*\(vermilion\): (\d+)\. Wrong \(purple\): (\d+)\.$") == [
            len(found),
            again,
            wrong,
        ]
        seen.add(len(kept))

    check()
    for keys in (["Home"], ["ArrowRight"] * 5, ["End"]):
        page.press(limit, *keys)
        check()
    for keys in (["Home"], ["ArrowRight"] * 4, ["End"]):
        page.press(floor, *keys)
        check()
    for x in (0.2, 0.4, 0.8):
        page.tap(floor, 0.12, 0.5)
        page.tap(limit, x, 0.5)
        check()
    assert len(seen) >= 5


MADE_UP = {  # a recall of 3/10, which is no reading of the package's; and a detection that does not count
    "verdicts": ["right", "ignored", "right", "wrong", "right", "again", "ignored", "wrong", "wrong", "wrong"],
    "boxes": [[0, 0, 10, 10]] * 10,
    "scores": [0.9 - 0.05 * rank for rank in range(10)],
    "objects": 10,
}


@pytest.mark.parametrize("data", [None, MADE_UP], ids=["stored", "made up"])
def test_average_precision_of_the_list_is_the_packages_also_after_a_verdict_is_changed(moving, data):
    page = moving("precision", data=data)
    objects, verdicts = page.data["objects"], list(page.data["verdicts"])
    slider, flags = page.figure.locator("input"), page.figure.locator("button").all()

    def aps(some: list[str]) -> list[float]:
        right, counted = (
            np.cumsum([verdict in kinds for verdict in some]) for kinds in (("right",), ("right", "wrong", "again"))
        )
        curve = right / objects, right / np.maximum(counted, 1)
        return [pytest.approx(average_precision(*curve, eleven), abs=0.000501) for eleven in (True, False)]

    def check(last: int) -> None:
        some = verdicts[:last]
        assert page.numbers(r"Down to detection (\d+): precision (\d+)/(\d+), recall (\d+)/") == [
            last,
            some.count("right"),
            last - some.count("ignored"),
            some.count("right"),
        ]
        number = r"([\d.]+) by eleven readings, ([\d.]+) by the area"
        assert page.numbers(f"whole list: {number}") == aps(verdicts)
        assert page.numbers(f"down to here: {number}") == aps(some)
        assert page.figure.locator("rect.right").count() == some.count("right")

    last = page.data["taken"]
    check(last)
    page.press(slider, "ArrowRight", "ArrowRight")
    check(last := last + 2)
    page.press(slider, "Home")
    check(1)
    page.press(slider, "End")
    check(last := len(flags))

    wrong = [place for place, verdict in enumerate(verdicts[: len(flags)]) if verdict != "right"]
    before, first = verdicts[wrong[0]], wrong[0]
    page.press(flags[first], "Enter")
    verdicts[first] = "right"
    check(last)
    page.tap(flags[first], 0.5, 0.5)
    verdicts[first] = before
    check(last)
    page.tap(flags[verdicts.index("right")], 0.5, 0.5)
    verdicts[verdicts.index("right")] = "wrong"
    check(last)
    for place in [place for place in range(len(flags)) if verdicts[place] != "right"]:
        page.press(flags[place], "Enter")
        if verdicts.count("right") < objects:  # nobody finds more than there are
            verdicts[place] = "right"
    check(last)
    assert verdicts.count("right") == objects or data
