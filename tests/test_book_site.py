"""The built site, opened from the disk in a browser: it reads well, on any screen, and asks nobody for anything.

Needs `make book`, and Chromium or Chrome. `SSD_CHROMIUM` names another browser of that family.
"""

import gzip
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "book" / "_build" / "html"
AXE_SCRIPT = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PAGES = sorted(path for path in SITE.rglob("*.html") if "_static" not in path.parts)

pytestmark = pytest.mark.skipif(not PAGES, reason="the site has not been built: make book")

# Waits for fonts, mathematics and pictures, then reports what is wrong with a page as a list of sentences.
INSPECT = r"""
async ([width, theme]) => {
  const wrong = [];
  await document.fonts.ready;
  if (window.MathJax) await MathJax.startup.promise;
  for (const picture of document.images) {
    picture.loading = "eager";
    if (!picture.complete) await new Promise(done => { picture.onload = picture.onerror = done; });
    if (!picture.naturalWidth) wrong.push(`picture does not load: ${picture.src}`);
    const alt = picture.getAttribute("alt");
    if (alt === null) wrong.push(`picture without alt: ${picture.src}`);
    else if (picture.closest("article") && (!alt.trim() || /\.(png|jpe?g|svg|gif)$/.test(alt)))
      wrong.push(`picture without a description: ${picture.src}`);
  }
  for (const formula of document.querySelectorAll(".math")) {
    if (!formula.querySelector("mjx-container")) wrong.push(`mathematics not set: ${formula.textContent}`);
  }
  for (const error of document.querySelectorAll("mjx-merror, [data-mjx-error]"))
    wrong.push(`mathematics with an error: ${error.textContent}`);
  const walker = document.createTreeWalker(document.querySelector("article") ?? document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const {parentElement, data} = walker.currentNode;
    if (parentElement.closest("code, pre, script, style, mjx-container")) continue;
    if (/\\[(\[]|\$\$|\$[^$ ]+\$/.test(data)) wrong.push(`mathematics left in the text: ${data}`);
  }
  const root = document.documentElement;
  if (root.scrollWidth > width) {
    const inside = element => {
      for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
        if (/auto|scroll|hidden|clip/.test(getComputedStyle(box).overflowX)) return true;
      return false;
    };
    const wide = [...document.querySelectorAll("article *")]
      .filter(element => element.getBoundingClientRect().right > width + 1 && !inside(element));
    const names = wide.slice(0, 3).map(element => element.outerHTML.slice(0, 120));
    wrong.push(`page is ${root.scrollWidth} wide on a screen of ${width}: ${names.join(" | ")}`);
  }
  if (root.dataset.theme !== theme) wrong.push(`theme is ${root.dataset.theme}, not ${theme}`);
  return wrong;
}
"""


# What axe (https://github.com/dequelabs/axe-core) finds serious or critical on a page, a line for each place.
AXE = """
async () => {
  const {violations} = await axe.run({resultTypes: ["violations"], preload: false});
  return violations.filter(({impact}) => ["serious", "critical"].includes(impact)).flatMap(({id, nodes}) =>
    nodes.slice(0, 3).map(({html, failureSummary}) => `${id}: ${html.slice(0, 160)}: ${failureSummary}`));
}
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_every_page_reads_well_and_asks_nobody_for_anything(browser, width, theme):
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
    page = context.new_page()
    wrong, current = [], ""

    def note(text: str) -> None:
        if current:
            wrong.append(f"{current}: {text}")

    def note_message(message) -> None:
        if message.type in ("error", "warning"):
            note(f"console {message.type}: {message.text}")

    def note_request(request) -> None:
        inside = request.url.startswith((SITE.as_uri() + "/", "data:", "blob:"))
        if not inside:
            note(f"request outside the site: {request.url}")

    page.on("console", note_message)
    page.on("pageerror", lambda error: note(f"script error: {error}"))
    page.on("request", note_request)
    page.on("requestfailed", lambda request: note(f"request failed: {request.url}"))
    for path in PAGES:
        current = path.relative_to(SITE).as_posix()
        page.goto(path.as_uri())
        for text in page.evaluate(INSPECT, [width, theme]):
            note(text)
        page.add_script_tag(path=AXE_SCRIPT)
        for text in page.evaluate(AXE):
            note(text)
        current = ""  # leaving a page breaks off what it still loads, such as its icon; that is no fault of the page
        page.goto("about:blank")
    context.close()
    assert not wrong, "\n".join(wrong)


def weight(path: Path) -> int:
    """Bytes of a file as a web server sends it: text is compressed on the way, pictures and typefaces are already."""
    content = path.read_bytes()
    return len(gzip.compress(content)) if path.suffix in (".html", ".css", ".js", ".svg") else len(content)


def test_no_chapter_is_heavy(browser):
    weights = {}
    for path in sorted((SITE / "chapters").glob("*.html")):
        context = browser.new_context()
        page, files = context.new_page(), set()
        page.on("request", lambda request, files=files: files.add(unquote(urlsplit(request.url).path)))
        page.goto(path.as_uri())
        page.evaluate(INSPECT, [1280, "light"])  # waits for all that the page loads
        context.close()
        weights[path.stem] = sum(weight(Path(file)) for file in files if Path(file).is_file())
    assert len(weights) == 17
    assert min(weights.values()) > 500_000  # typefaces and scripts were seen
    assert max(weights.values()) < 1_500_000, weights


def test_every_icon_is_drawn(browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(PAGES[0].as_uri())
    drawn = (
        """[...document.querySelectorAll("[class*='fa-']")].map(icon => getComputedStyle(icon, "::before").content)"""
    )
    icons = page.evaluate(drawn)
    context.close()
    assert len(icons) > 5
    assert not {"none", "normal"} & set(icons)


def test_search_finds_a_chapter_without_a_server(browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto((SITE / "search.html").as_uri() + "?q=matching")
    page.wait_for_selector("#search-results a[href*='07_matching']")
    context.close()


def test_reader_can_choose_the_theme_and_it_stays(browser):
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    page.goto((SITE / "index.html").as_uri())
    seen = set()
    for _ in range(3):
        page.locator(".theme-switch-button").first.click()
        seen.add(page.evaluate("document.documentElement.dataset.mode"))
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            page.reload()
            assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert seen == {"light", "dark", "auto"}
    context.close()


def test_sliders_move_with_the_keyboard_and_say_what_they_show(browser):
    context = browser.new_context()
    page = context.new_page()
    moved = 0
    for path in PAGES:
        if "ssd-slider" not in path.read_text(encoding="utf-8"):
            continue
        page.goto(path.as_uri())
        for figure in page.locator(".ssd-slider").all():
            control, caption = figure.locator("input"), figure.locator("figcaption")
            last = int(control.get_attribute("max"))
            control.focus()
            page.keyboard.press("Home")
            seen = [caption.inner_text()]
            for _ in range(last):
                page.keyboard.press("ArrowRight")
                seen.append(caption.inner_text())
            assert len(set(seen)) == last + 1
            shown = figure.locator("g[data-caption]:not([hidden])")
            assert shown.count() == 1
            assert shown.get_attribute("data-caption") == seen[-1]
            moved += 1
    context.close()
    assert moved >= 3


def test_figures_move_on_their_pages_and_stand_still_without_scripts(browser):
    context, still = browser.new_context(), browser.new_context(java_script_enabled=False)
    page, without = context.new_page(), still.new_page()
    kinds = set()
    for path in PAGES:
        if "ssd-move" not in path.read_text(encoding="utf-8"):
            continue
        page.goto(path.as_uri())
        without.goto(path.as_uri())
        assert page.locator("script[src*='single-shot.js']").count() == 1
        assert page.locator(".ssd-move .ssd-still").count() == 0
        moving, standing = page.locator("figure.ssd-move").all(), without.locator("figure.ssd-move").all()
        for one, other in zip(moving, standing, strict=True):
            kinds.add(one.get_attribute("data-kind"))
            assert one.get_attribute("data-moves") is not None
            assert one.locator("input, button, [tabindex]").count()
            assert other.locator("svg > .ssd-still rect").count()
            assert other.locator("p.ssd-still").inner_text()
    context.close()
    still.close()
    assert kinds == {"iou", "priors", "matching", "mining", "samplers", "suppression", "precision"}


class Links(HTMLParser):
    """What a page refers to, and the places in it that can be referred to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down where an element leads and what it is called."""
        attributes = dict(attrs)
        self.anchors |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        self.targets += [attributes[key] for key in ("href", "src") if attributes.get(key)]


def test_every_link_and_anchor_inside_the_site_leads_somewhere():
    pages = {path: Links(path) for path in PAGES}
    dead = []
    for path, links in pages.items():
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            aim = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = aim.is_file() and aim.is_relative_to(SITE)
            if there and parts.fragment and aim in pages:
                there = unquote(parts.fragment) in pages[aim].anchors
            if not there:
                dead.append(f"{path.relative_to(SITE)}: {target}")
    assert not dead, "\n".join(dead)


def test_no_address_is_shown_while_none_is_set():
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    if config["sphinx"]["config"]["book_repository"]:
        pytest.skip("an address is set")
    signs = ("colab.research", "og:url", "source-repository-button", 'rel="canonical"', "executablebooks")
    found = [(path.name, sign) for path in PAGES for sign in signs if sign in path.read_text(encoding="utf-8")]
    assert not found
