"""The book as a PDF: a small one is printed here, the pages of the built site are assembled, the real one is read."""

import importlib.util
import json
import re
from datetime import date
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PDF = ROOT / "build" / "site" / "single-shot.pdf"

spec = importlib.util.spec_from_file_location("pdf", ROOT / "book" / "pdf.py")
pdf = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pdf)

needs_print = pytest.mark.skipif(not PDF.is_file(), reason="the book has not been printed: make pdf")

TOC = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
ABOUT = {"title": "Small: a book", "authors": [{"name": "Some & Body"}], "version": "1.2"}
PARTS = [("", ["index"]), ("A part", ["chapters/one", "chapters/two"])]
PAGES = {
    "index": '<h1>Small</h1><p><a href="chapters/two.html">two</a> <a href="chapters/one.html#end">end</a></p>',
    "chapters/one": """
        <section id="one"><h1>1. One<a class="headerlink" href="#one">#</a></h1>
        <details class="admonition hide above-input"><summary>Show</summary><pre>plot()</pre></details>
        <details class="admonition hide below-input"><summary>Show</summary><pre>an output</pre></details>
        <section id="live"><h2>Live</h2><div class="ssd-live">buttons</div></section>
        <section id="end"><h2>The &lt;end&gt;</h2><a href="../index.html">back</a></section>
        <img alt="" src="../dot.svg"></section>""",
    "chapters/two": """
        <section id="two"><h1>2. "Two"</h1><section id="end"><h2>Another end</h2>
        <a href="#end">here</a> <a href="one.html#end">there</a> <a href="https://example.org/">away</a></section>
        </section>""",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder with a site of three pages."""
    for page, text in PAGES.items():
        path = tmp_path / f"{page}.html"
        path.parent.mkdir(exist_ok=True)
        head = '<link rel="stylesheet" href="style.css?v=1">'
        path.write_text(f"<html><head>{head}</head><body><article>{text}</article></body></html>", encoding="utf-8")
    dot = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle cx="4" cy="4" r="4"/></svg>'
    (tmp_path / "_static").mkdir()
    for name in ("dot.svg", "_static/logo.svg"):
        (tmp_path / name).write_text(dot, encoding="utf-8")
    (tmp_path / "style.css").write_text("body { color: black }", encoding="utf-8")
    return tmp_path


def assemble(site: Path) -> str:
    return pdf.assemble(site, PARTS, ABOUT, date(2026, 5, 4))


def printed(site: Path, browser, document: str) -> bytes:
    path = site / "book.html"
    path.write_text(document, encoding="utf-8")
    return pdf.print_document(browser, path)


def bookmarks(content: bytes) -> list[str]:
    """Return the bookmarks' texts; in the file a chapter's stands behind those of its sections."""
    titles = re.findall(rb"/Title (?:\(((?:[^()\\]|\\.)*)\)|<FEFF([0-9A-F]*)>)", content)
    texts = [
        bytes.fromhex(code.decode()).decode("utf-16-be") if code else re.sub(r"\\(.)", r"\1", text.decode())
        for text, code in titles
    ]
    return texts[1:]  # the first title is the document's own


def title(page: str) -> str:
    """Return the title of a page of the book, from its source."""
    path = ROOT / "book" / page
    if path.with_suffix(".md").is_file():
        text = path.with_suffix(".md").read_text(encoding="utf-8")
    else:
        cells = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
        text = "".join(next(cell for cell in cells if cell["cell_type"] == "markdown")["source"])
    return re.search("^# (.*)$", text, re.MULTILINE)[1]


def test_parts_are_those_of_the_contents_of_the_site():
    parts = pdf.read_parts(TOC)
    assert parts[0] == ("", ["index"])
    assert parts[1][0] == "The whole machine"
    sources = [path for path in (ROOT / "book").glob("*/*") if path.suffix in (".ipynb", ".md")]
    assert sum(len(pages) for _, pages in parts) == len(sources) + 1


def test_links_lead_to_the_places_they_led_to(site):
    document = assemble(site)
    pdf.check_links(document)
    for link in ("#two", "#one.end", "#index", "#two.end", "https://example.org/"):
        assert f'href="{link}"' in document
    assert document.count('id="one.end"') == document.count('id="two.end"') == 1


def test_what_is_folded_is_unfolded_and_what_needs_a_hand_is_left_out(site):
    document = assemble(site)
    assert "an output" in document
    for text in ("plot()", "buttons", "<summary", "<details", "headerlink"):
        assert text not in document.split("<body>")[1]
    assert "Live" not in document


def test_title_and_contents_say_what_the_book_says(site):
    document = assemble(site)
    for text in ("Some &amp; Body", "A book", "Version 1.2, printed on 4 May 2026", "A part", "About this book"):
        assert text in document
    contents = document[document.index("<nav") : document.index("</nav>")]
    found = re.findall("class='depth-(.)'><a href='#(.*?)'><span>(.*?)</span>", contents)
    assert found[1:] == [
        ("1", "one", "1. One"),
        ("2", "one.end", "The &lt;end&gt;"),
        ("1", "two", '2. "Two"'),
        ("2", "two.end", "Another end"),
    ]


def test_a_link_to_nowhere_is_refused(site):
    with pytest.raises(pdf.PrintError, match=r"0 places are called one\.gone"):
        pdf.check_links(assemble(site).replace("#one.end", "#one.gone"))


def test_a_link_out_of_the_book_is_refused(site):
    page = site / "index.html"
    page.write_text(page.read_text(encoding="utf-8").replace("chapters/two.html", "data.zip"), encoding="utf-8")
    with pytest.raises(pdf.PrintError, match=r"index: a link leads out of the book: data\.zip"):
        assemble(site)


def test_without_a_browser_one_line_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SSD_CHROMIUM", raising=False)
    with pytest.raises(pdf.PrintError, match=r"^printing needs Chromium or Chrome, .*; SSD_CHROMIUM names one$"):
        pdf.find_browser()
    monkeypatch.setenv("SSD_CHROMIUM", "/no/such/browser")
    with pytest.raises(pdf.PrintError, match="found no /no/such/browser;"):
        pdf.find_browser()


def test_a_small_book_is_printed_with_bookmarks_and_page_numbers(site, browser):
    document = assemble(site)
    content = printed(site, browser, document)
    assert content.startswith(b"%PDF-")
    assert bookmarks(content) == ["Contents", "About this book", "The <end>", "1. One", "Another end", '2. "Two"']
    numbers = {"index": 3, "one": 4, "one.end": 4, "two": 5, "two.end": 5}
    assert pdf.page_numbers(content) == numbers
    page = browser.new_page()
    page.goto((site / "book.html").as_uri())
    page.evaluate(pdf.FILL_IN, numbers)
    assert page.locator("[data-page]").all_inner_texts() == ["3", "4", "4", "5", "5"]
    page.close()


@pytest.mark.parametrize(
    ("element", "complaint"),
    [
        ('<img alt="" src="gone.png">', "picture does not load: .*gone.png"),
        ('<img alt="" src="https://example.org/picture.png">', "not loaded: https://example.org/picture.png"),
        ('<span class="math">x^2</span>', "mathematics not set: x\\^2"),
        ("<script>throw 'a fit'</script>", "script error: a fit"),
    ],
)
def test_what_is_missing_stops_the_print(site, browser, element, complaint):
    with pytest.raises(pdf.PrintError, match=complaint):
        printed(site, browser, assemble(site).replace("</main>", f"{element}</main>"))


def test_every_link_of_the_assembled_book_leads_to_one_place():
    if not (pdf.SITE / "index.html").is_file():
        pytest.skip("the site has not been built: make book")
    pdf.check_links(pdf.assemble(pdf.SITE, pdf.read_parts(TOC), ABOUT, date(2026, 5, 4)))


@needs_print
def test_every_page_of_the_book_is_in_the_pdf_in_order_and_on_a_sheet_of_its_own():
    content = PDF.read_bytes()
    numbers, marks = pdf.page_numbers(content), bookmarks(content)
    pages = [page for _, names in pdf.read_parts(TOC) for page in names]
    starts = [numbers.get(pdf.anchor(page), 0) for page in pages]
    assert starts == sorted(set(starts)), "older than the book? make pdf"
    assert starts[-1] <= len(re.findall(rb"/Type /Page$", content, re.MULTILINE)) < 700
    chapters = [f"{number}. {title(page)}" for number, page in enumerate(pages[1:], 1) if page.startswith("chapters/")]
    titles = ["About this book", *chapters, *(title(page) for page in pages if page.startswith("reference/"))]
    assert [mark for mark in marks if mark in titles] == titles, "older than the book? make pdf"


@needs_print
def test_the_pdf_is_small_enough_to_be_sent():
    assert PDF.stat().st_size < 30e6


@needs_print
def test_the_first_page_leads_to_the_pdf_if_it_was_there_before():
    first = pdf.SITE / "index.html"
    if not first.is_file() or first.stat().st_mtime < PDF.stat().st_mtime:
        pytest.skip("the site is older than the PDF: make book")
    assert 'href="single-shot.pdf"' in first.read_text(encoding="utf-8")
    assert (pdf.SITE / PDF.name).read_bytes() == PDF.read_bytes()
