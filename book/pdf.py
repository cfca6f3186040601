"""Print the built book as one PDF: `python book/pdf.py build/site/single-shot.pdf`; `make pdf` builds the book, too.

Sphinx has numbered everything, so the pages of the site are put behind each other as they are, their links turned into
links inside one document, and a browser prints that: twice, for the first print tells the contents their page numbers.
"""

import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import yaml
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "book" / "_build" / "html"
STYLE = Path(__file__).with_name("pdf.css")

# What says nothing on paper: buttons, code that draws, and what needs a reader's hand throughout.
LEFT_OUT = (
    "script, .headerlink, .toctree-wrapper, .ssd-panel, p.ssd-still, .ssd-slider label, .printed, .on-screen, "
    "summary, details.above-input, .tag_hide-cell, section:has(> .ssd-live)"
)
# Words in code that get no colour here: each would cost two entries in the PDF, a hundred thousand together.
SAYS_NOTHING = re.compile(r'<span class="(?:mf|mi|n|nn|nx|o|p|pm|pre|w)">([^<]*)</span>')
LONG_VALUE = 400  # letters of a constant in the reference of the package
WHOLE = 16  # lines of code; what is longer may be split between two sheets
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]

# Waits for typefaces, mathematics and pictures, and returns what is wrong as a list of sentences.
SETTLE = """
async () => {
  await document.fonts.ready;
  await window.MathJax?.startup?.promise;
  for (const picture of document.images) await picture.decode().catch(() => {});
  const broken = [...document.images].filter(picture => !picture.naturalWidth);
  const unset = [...document.querySelectorAll(".math")].filter(formula => !formula.querySelector("mjx-container"));
  const failed = [...document.querySelectorAll("mjx-merror, [data-mjx-error]")];
  return [
    ...broken.map(picture => `picture does not load: ${picture.src.slice(0, 200)}`),
    ...unset.map(formula => `mathematics not set: ${formula.textContent}`),
    ...failed.map(formula => `mathematics with an error: ${formula.textContent}`),
  ];
}
"""
FILL_IN = """
pages => document.querySelectorAll("[data-page]").forEach(cell => { cell.textContent = pages[cell.dataset.page] })
"""


class PrintError(Exception):
    """What stands in the way of a print, for the one who asked for it."""


# --- One document of many pages -------------------------------------------------------------------------------------


def read_parts(toc: dict) -> list[tuple[str, list[str]]]:
    """Return the parts of the book: caption and names of pages; the first page is a part without a caption."""
    parts = [(part["caption"], [chapter["file"] for chapter in part["chapters"]]) for part in toc["parts"]]
    return [("", [toc["root"]]), *parts]


def anchor(page: str, fragment: str = "") -> str:
    """Return the name in the document of a place in a page, or of the page."""
    return f"{Path(page).name}.{fragment}" if fragment else Path(page).name


def inside(address: str, page: str, pages: list[str]) -> str | None:
    """Return the place in the document that a link of a page leads to, or None if it leads elsewhere."""
    path, fragment = urldefrag(address)
    aim = os.path.normpath(Path(page).parent / unquote(path)).removesuffix(".html") if path else page
    return anchor(aim, unquote(fragment)) if aim in pages else None


def lay_open(article: Tag) -> None:
    """Take away what is left out, and unfold what is folded; a value as long as a sheet is broken off."""
    for element in article.select(LEFT_OUT):
        element.decompose()
    for element in article.select("dt > em.property"):
        if len(element.get_text()) > LONG_VALUE:
            element.string = f"{element.get_text()[:LONG_VALUE]} …"
    for element in article.select("details"):
        element.unwrap()


def let_code_break(article: Tag) -> None:
    """Mark code that may be split between two sheets, and the places in a table's names where a line may end."""
    for element in article.select("pre"):
        if element.get_text().count("\n") > WHOLE:
            element["class"] = "long"
    for element in article.select("td code"):
        first, *others = re.split("(?<=[_/.=])(?=.)", element.get_text())
        element.string = first
        for piece in others:
            element.extend([Tag(name="wbr", can_be_empty_element=True), piece])


def rename(article: Tag, page: str, pages: list[str]) -> None:
    """Give places names that no other page has, and links those names."""
    for element in article.select("[id]"):
        element["id"] = anchor(page, element["id"])
    for element in article.select("a[href]"):
        del element["title"]
        place = inside(element["href"], page, pages)
        if place:
            element["href"] = f"#{place}"
        elif not re.match("(https?|mailto):", element["href"]):
            raise PrintError(f"{page}: a link leads out of the book: {element['href']}")


def read_page(site: Path, page: str, pages: list[str]) -> Tag:
    """Return a page's article as it is to be printed."""
    text = SAYS_NOTHING.sub(r"\1", (site / f"{page}.html").read_text(encoding="utf-8"))
    article = BeautifulSoup(text, "html.parser").article
    lay_open(article)
    let_code_break(article)
    rename(article, page, pages)
    for element in article.select("img:not([src^='data:'])"):
        element["src"] = (site / page).parent.joinpath(unquote(element["src"])).resolve().as_uri()
        element.attrs.pop("loading", None)
    return article


def head(site: Path, page: str) -> str:
    """Return what a page of the site loads that a print needs: its styles, and MathJax with its settings."""
    soup = BeautifulSoup((site / f"{page}.html").read_text(encoding="utf-8"), "html.parser").head
    wanted = soup.select("link[rel=stylesheet], script")
    for element in wanted:
        for key in {"href", "src"} & set(element.attrs):
            path = urldefrag(element[key])[0].partition("?")[0]
            element[key] = (site / page).parent.joinpath(path).resolve().as_uri()
    return "\n".join(str(element) for element in wanted if element.name == "link" or "mathjax" in str(element).lower())


def places(article: Tag, page: str) -> Iterator[tuple[int, str, str]]:
    """Yield the headings for the contents: depth, place and text."""
    for heading in article.select("h1, h2"):
        depth = int(heading.name[1])
        yield depth, anchor(page) if depth == 1 else heading.parent["id"], heading.decode_contents()


def contents(parts: list[tuple[str, list[str]]], articles: dict[str, Tag]) -> str:
    """Return the contents; the page numbers are filled in when they are known."""
    lines = []
    for caption, pages in parts:
        lines += [f"<li class='part'>{escape(caption)}</li>"] if caption else []
        for page in pages:
            lines += [
                f"<li class='depth-{depth}'><a href='#{escape(place)}'><span>{text}</span>"
                f"<span data-page='{escape(place)}'>000</span></a></li>"
                for depth, place, text in places(articles[page], page)
            ]
    return "<nav id='contents'><h1>Contents</h1><ul>" + "\n".join(lines) + "</ul></nav>"


def cover(site: Path, about: dict[str, Any], today: date) -> str:
    """Return the title page."""
    title, subtitle = about["title"].split(": ", 1)
    authors = ", ".join(author["name"] for author in about["authors"])
    return f"""<section id="cover">
<img alt="" src="{(site / "_static" / "logo.svg").as_uri()}">
<p class="title">{escape(title)}</p>
<p class="subtitle">{escape(subtitle[:1].upper() + subtitle[1:])}</p>
<p class="authors">{escape(authors)}</p>
<p class="edition">Version {escape(str(about["version"]))}, printed on {today.day} {today:%B %Y}<br>
Text and pictures: CC BY 4.0. Code: MIT.</p>
<p class="edition">Left out here: code that the book’s pages fold away, and the detector that runs in them. Figures that
move there stand still.</p>
</section>"""


def running_heads(articles: dict[str, Tag]) -> str:
    """Return the style that puts a chapter's title at the head of its pages."""
    titles = (article.h1.get_text().replace("\\", "\\\\").replace('"', '\\"') for article in articles.values())
    return "\n".join(f'@page sheet-{n} {{ @top-left {{ content: "{title}" }} }}' for n, title in enumerate(titles))


def assemble(site: Path, parts: list[tuple[str, list[str]]], about: dict[str, Any], today: date) -> str:
    """Return the book as one HTML document."""
    pages = [page for _, names in parts for page in names]
    articles = {page: read_page(site, page, pages) for page in pages}
    articles[pages[0]].h1.string = "About this book"
    chapters = "\n".join(
        f'<section class="chapter" id="{anchor(page)}" style="page: sheet-{number}">{article}</section>'
        for number, (page, article) in enumerate(articles.items())
    )
    return f"""<!doctype html>
<html lang="en-GB" data-theme="light" data-mode="light">
<head><meta charset="utf-8"><title>{escape(about["title"])}</title>
{head(site, pages[0])}
<style>{STYLE.read_text(encoding="utf-8")}{running_heads(articles)}</style></head>
<body><main class="bd-content"><div class="bd-article-container">
{cover(site, about, today)}
{contents(parts, articles)}
{chapters}
</div></main></body></html>
"""


def check_links(document: str) -> None:
    """Raise PrintError where a link leads to no place, or to one of several."""
    soup = BeautifulSoup(document, "html.parser")
    named = Counter(element["id"] for element in soup.select("[id]"))
    links = sorted({element["href"][1:] for element in soup.select("a[href^='#']")})
    wrong = [f"{named[link]} places are called {link}" for link in links if named[link] != 1]
    if wrong:
        raise PrintError("\n".join(wrong))


# --- A print of it --------------------------------------------------------------------------------------------------


def find_browser() -> str:
    """Return the path of a Chromium or Chrome; `SSD_CHROMIUM` names another of that family."""
    named = os.environ.get("SSD_CHROMIUM")
    known = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    path = next(filter(None, map(shutil.which, known)), None)
    if path is None:
        raise PrintError(f"printing needs Chromium or Chrome, found no {' or '.join(known)}; SSD_CHROMIUM names one")
    return path


def page_numbers(pdf: bytes) -> dict[str, int]:
    """Return on which page of a PDF by Chromium each place is that links lead to."""
    table = pdf[int(pdf[pdf.rindex(b"startxref") :].split()[1]) :]
    starts = [int(start) for start in re.findall(rb"^(\d{10}) \d{5} [nf]", table, re.MULTILINE)]

    def find(pattern: bytes, number: bytes) -> list:
        start = starts[int(number)]
        return re.findall(pattern, pdf[start : pdf.index(b"endobj", start)])

    def leaves(number: bytes) -> list[bytes]:
        kids = find(rb"/Kids \[([^]]*)\]", number)
        return [leaf for kid in kids[0].split(b" 0 R")[:-1] for leaf in leaves(kid)] if kids else [number.strip()]

    root = re.findall(rb"/Root (\d+) 0 R", table)[0]
    order = {leaf: number for number, leaf in enumerate(leaves(find(rb"/Pages (\d+)", root)[0]), 1)}
    named = find(rb"/(\S+) \[(\d+) 0 R /XYZ", find(rb"/Dests (\d+)", root)[0])
    return {unquote(name.decode().replace("#", "%")): order[leaf] for name, leaf in named}


def to_pdf(page: Page) -> bytes:
    """Return a print of what a page shows."""
    return page.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=True)


def print_document(browser: Browser, path: Path) -> bytes:
    """Return a print of an HTML file with the page numbers in its contents; PrintError where something is amiss."""
    context = browser.new_context(color_scheme="light", offline=True)
    page, wrong = context.new_page(), []
    page.set_default_timeout(600_000)
    page.on("requestfailed", lambda request: wrong.append(f"not loaded: {request.url[:200]}"))
    page.on("pageerror", lambda error: wrong.append(f"script error: {error}"))
    page.emulate_media(media="print")
    page.goto(path.as_uri())
    wrong += page.evaluate(SETTLE)
    if wrong:
        raise PrintError("\n".join(wrong))
    numbers = page_numbers(to_pdf(page))
    page.evaluate(FILL_IN, numbers)
    pdf = to_pdf(page)
    context.close()
    if page_numbers(pdf) != numbers:
        raise PrintError("the page numbers in the contents have moved what they count")
    return pdf


def main(out: Path) -> None:
    """Assemble the site, and print it."""
    if not (SITE / "index.html").is_file():
        raise PrintError("the site has not been built: make book")
    executable = find_browser()
    parts = read_parts(yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8")))
    about = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    document = assemble(SITE, parts, about, date.today())
    check_links(document)
    path = SITE.parent / "pdf" / "book.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(document, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        pdf = print_document(browser, path)
        browser.close()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(pdf)
    print(f"{out}: {len(re.findall(rb'/Type /Page$', pdf, re.MULTILINE))} pages, {len(pdf) / 1e6:.1f} MB")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except PrintError as error:
        sys.exit(f"pdf: {error}")
