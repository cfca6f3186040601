"""Drawing: boxes land where they belong, nothing is changed in place, and a slider is whole without a network."""

import json
import re
from html.parser import HTMLParser
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

import ssd.draw
from ssd.draw import (
    PALETTE,
    SCRIPT,
    Frame,
    annotate,
    colour_of,
    contact_sheet,
    draw_detections,
    interactive,
    slider,
    training_curve,
)
from ssd.sample import Detections


def grey(width: int = 120, height: int = 80) -> torch.Tensor:
    return torch.full((3, height, width), 128, dtype=torch.uint8)


def places_of(picture: Image.Image, colour: str) -> tuple[int, int, int, int]:
    """Return the smallest box around all pixels of a colour."""
    rows, columns = np.nonzero((np.asarray(picture) == ImageColor.getrgb(colour)).all(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_boxes_are_drawn_where_they_are_each_in_its_colour():
    boxes = torch.tensor([[10.0, 20, 50, 60], [60.0, 5, 110, 75]])
    drawn = annotate(grey(), boxes, colours=["#ff0000", "#0000ff"])
    assert places_of(drawn, "#ff0000") == (10, 20, 50, 60)
    assert places_of(drawn, "#0000ff") == (60, 5, 110, 75)
    assert drawn.getpixel((30, 40)) == (128, 128, 128)


def test_the_picture_itself_is_not_touched():
    tensor, picture = grey(), Image.new("RGB", (50, 50), "white")
    annotate(tensor, torch.tensor([[1.0, 1, 40, 40]]))
    annotate(picture, torch.tensor([[1.0, 1, 40, 40]]))
    assert torch.equal(tensor, grey())
    assert picture.getcolors() == [(2500, (255, 255, 255))]


@pytest.mark.parametrize("box", [(0, 0, 40, 40), (90, 60, 119, 79), (-30, -30, 200, 200), (118, 0, 120, 80)])
def test_captions_stay_inside_the_picture(box):
    with_caption = annotate(grey(), torch.tensor([box]).float(), ["dog 0.9"], ["#ff0000"], width=1)
    without = annotate(grey(), torch.tensor([box]).float(), None, ["#ff0000"], width=1)
    more = (np.asarray(with_caption) != np.asarray(without)).any(axis=2)
    whole = annotate(grey(1000, 1000), torch.tensor([[400.0, 400, 500, 500]]), ["dog 0.9"], ["#ff0000"], width=1)
    assert 100 < more.sum() < (np.asarray(whole) != 128).any(axis=2).sum()


def test_the_best_detection_lies_on_top():
    box = torch.tensor([[10.0, 10, 60, 60]]).repeat(2, 1)
    found = Detections(box, torch.tensor([0.9, 0.5]), torch.tensor([1, 2]))
    drawn = draw_detections(grey(), found, ("cat", "dog"))
    assert places_of(drawn, colour_of(1))[2:] == (60, 60)
    with pytest.raises(ValueError, match="zero-size"):
        places_of(draw_detections(grey(), found, ("cat", "dog"), score_threshold=0.95), colour_of(1))


def test_neighbouring_labels_have_different_colours():
    assert all(colour_of(n) != colour_of(n + 1) for n in range(1, 100))
    assert len(set(PALETTE)) == len(PALETTE) == 7


def test_colours_of_the_palette_differ_in_lightness_or_hue_for_the_colour_blind():
    # Deuteranopia after Vienot, Brettel and Mollon (1999): red and green collapse onto one axis.
    simulate = np.array([[0.29275, 0.70725, -0.02978], [0.29275, 0.70725, -0.02978], [-0.02233, 0.02233, 1.0]])
    seen = [simulate @ np.array(ImageColor.getrgb(colour)) for colour in PALETTE]
    assert min(np.abs(a - b).max() for a, b in combinations(seen, 2)) > 25


def test_contact_sheet_keeps_shapes_and_order():
    pictures = [
        Image.new("RGB", size, colour) for size, colour in (((40, 20), "red"), ((20, 40), "lime"), ((9, 9), "blue"))
    ]
    sheet = contact_sheet(pictures, columns=2, cell=(60, 60), gap=10)
    assert sheet.size == (130, 130)
    assert places_of(sheet, "red") == (0, 15, 59, 44)
    assert places_of(sheet, "lime") == (85, 0, 114, 59)
    assert places_of(sheet, "blue") == (0, 70, 59, 129)


def test_curve_draws_both_terms_with_their_names():
    figure, axes = plt.subplots()
    training_curve(axes, [{"iteration": i, "localization": 2 / i, "confidence": 9 / i} for i in (1, 2, 3)])
    drawn = {line.get_label(): line.get_ydata().tolist() for line in axes.get_lines()}
    assert drawn == {"confidence": [9, 4.5, 3], "localisation": [2, 1, 2 / 3]}
    plt.close(figure)


class Elements(HTMLParser):
    """Collects the elements of a page with their attributes, and checks that each that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        """Note an element that opens."""
        self.found.append((tag, dict(attributes)))
        if tag != "input":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        """Note an element that opens and closes."""
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        """See that what closes is what opened last."""
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict]:
        """Return the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.found if name == tag]


def frames() -> list[Frame]:
    box = torch.tensor([[10.0, 20, 50, 60]])
    return [
        Frame("no boxes", torch.zeros(0, 4), [], []),
        Frame('one "box" & <more>', box, ["<b>&"], ["#0072B2"]),
        Frame("two boxes", box.repeat(2, 1), ["", "dog"], ["#0072B2", "#E69F00"]),
    ]


def test_slider_holds_every_frame_and_shows_the_one_it_starts_with():
    page = Elements(slider(grey(), frames(), "step", "a grey picture", start=1))
    groups = page.all("g")
    assert [group["data-caption"] for group in groups] == [frame.caption for frame in frames()]
    assert ["hidden" in group for group in groups] == [True, False, True]
    assert len(page.all("rect")) == 3
    assert page.all("rect")[0] == pytest.approx(
        page.all("rect")[0] | {"x": "10.0", "y": "20.0", "width": "40.0", "height": "40.0"}
    )
    (control,) = page.all("input")
    assert (control["min"], control["max"], control["value"]) == ("0", "2", "1")
    assert page.all("svg")[0]["aria-label"] == "a grey picture"


def test_slider_asks_nobody_for_anything():
    text = slider(grey(), frames(), "step", "a grey picture")
    assert not re.search(r"https?://|//cdn|src=", text)
    assert page_addresses(text) == ["data:image/jpeg;base64"]


def page_addresses(text: str) -> list[str]:
    return [address.split(",")[0] for address in re.findall(r'href="([^"]*)"', text)]


def test_a_caption_at_the_upper_edge_is_drawn_whole():
    canvas = Image.new("RGB", (451, 300), "grey")
    tops = [step / 5 for step in range(12)]
    drawn = [annotate(canvas, torch.tensor([[5.0, top, 60, 50]]), ["cat 0.89"], ["#ffffff"]) for top in tops]
    assert len({int((np.asarray(picture)[..., 0] < 60).sum()) for picture in drawn}) == 1


def test_two_sliders_on_a_page_do_not_share_a_name_and_one_keeps_it():
    one = slider(grey(), frames(), "step", "a grey picture")
    other = slider(grey(), frames()[:2], "step", "a grey picture")
    names = [Elements(text).all("figure")[0]["id"] for text in (one, other)]
    assert len(set(names)) == 2
    assert one == slider(grey(), frames(), "step", "a grey picture")


def numbers_of(text: str) -> object:
    """Return what a figure that moves carries for its script."""
    (held,) = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    return json.loads(held)


def test_figure_that_moves_holds_its_still_state_and_its_numbers():
    data = {"names": ["</script><!--", "ü & \u2028"], "boxes": torch.tensor([[1.0, 2], [3, 4]]), "all": np.arange(3)}
    text = interactive("priors", data, grey(), frames()[1], 'a "grey" picture')
    page = Elements(text)
    assert page.all("figure")[0]["data-kind"] == "priors"
    assert page.all("svg")[0]["viewbox"] == "0 0 120 80"
    assert page.all("svg")[0]["aria-label"] == 'a "grey" picture'
    assert len(page.all("rect")) == 1
    assert "one &quot;box&quot; &amp; &lt;more&gt;</figcaption>" in text
    assert numbers_of(text) == {"names": data["names"], "boxes": [[1.0, 2.0], [3.0, 4.0]], "all": [0, 1, 2]}


def test_tensors_are_written_with_six_digits_and_numbers_of_python_in_full():
    data = {"score": torch.tensor([1 / 3, 12345.678, -1e-9]), "label": torch.tensor([7]), "side": 2**0.5}
    held = numbers_of(interactive("priors", data, grey(), frames()[0], "grey"))
    assert held == {"score": [0.333333, 12345.7, -1e-9], "label": [7], "side": 2**0.5}
    assert isinstance(held["label"][0], int)


def test_squared_paper_has_a_line_on_both_sides_of_every_square():
    text = interactive("iou", {}, (12, 8), Frame("paper", torch.tensor([[1.0, 2, 3, 4]]), ["a"], ["#0072B2"]), "paper")
    page = Elements(text)
    assert page.all("image") == []
    assert page.all("svg")[0]["viewbox"] == "0 0 12 8"
    (lines,) = (path["d"] for path in page.all("path"))
    assert (lines.count("V8"), lines.count("H12")) == (13, 9)
    assert page.all("rect")[0] | {"x": "1.0", "y": "2.0", "width": "2.0", "height": "2.0"} == page.all("rect")[0]


def test_figure_that_moves_asks_nobody_and_brings_a_copy_of_the_script_if_there_is_one(monkeypatch, tmp_path):
    text = interactive("priors", {}, grey(), frames()[1], "grey")
    assert SCRIPT.read_text(encoding="utf-8") in text
    assert page_addresses(text) == ["data:image/jpeg;base64"]
    monkeypatch.setattr(ssd.draw, "SCRIPT", tmp_path / "single-shot.js")
    without = interactive("priors", {}, grey(), frames()[1], "grey")
    assert "data-copy" not in without
    assert len(Elements(without).all("script")) == 1
