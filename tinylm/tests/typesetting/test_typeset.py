import importlib.util
import re

import lab
import pytest
from chapters import code, text

from tinylm.report import display
from tinylm.typesetting import ReportError

MISSING = [name for name, found in (("playwright", importlib.util.find_spec("playwright")), ("chromium", lab.CHROMIUM)) if not found]
SCROLLING = """() => [document.scrollingElement, ...document.querySelectorAll("body *")].filter(
    e => !e.closest("math") && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display != "inline").map(
    e => `${e.outerHTML.slice(0, 100)}: ${e.scrollWidth} > ${e.clientWidth}`)"""
SENTENCE = "A cell of many words, which cannot stand in one line of a phone and goes on for a while. "


def test_page_needs_neither_script_nor_network_and_fits_phones_and_dark_rooms(report, figure):
    page = report(["# A", code(figure("loss"))])
    assert "<script" not in page and not re.search(r'(?:src|href)="(?!#|data:|report\.pdf)|@import|url\(', page)
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert all(s in page for s in ("prefers-color-scheme: dark", "max-width: 40rem", 'alt="A rising line."', 'role="doc-toc"'))


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"])
def test_links_of_captions_cells_and_computed_text_obey_too(report, figure, shown, address):
    link = f"[a]({address})"
    displays = (shown(display.text, link), shown(display.table, [{"n": link}], "t", "T."), figure("loss", caption=link))
    for outputs in displays:
        with pytest.raises(ReportError, match="an address begins with https://, http:// or mailto:"):
            report(["# A", code(outputs)])


def test_the_page_links_pages_mail_and_places_of_its_own_only(report, shown):
    page = report(["# A\n\n[a](https://a.org), [b](http://b.org), [c](mailto:c@c.org), [d](../x.md), [e](#B), [f](01_part1.ipynb)\n\n## B"])
    schemes = {address.partition(":")[0] for address in re.findall(r'href="([^"]*)"', page) if not address.startswith("#")}
    assert schemes == {"https", "http", "mailto", "report.pdf"}


def test_tables_move_to_where_the_page_has_room_and_break_in_the_appendix(report, shown, tmp_path):
    words = "\n\n".join([SENTENCE * 6] * 5)  # more than half a page
    table = shown(display.table, [{"row": row} for row in range(24)], "rows", "Rows.")

    def pages(*cells):
        report(["# A", *cells])
        return len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "report" / "report.pdf").read_bytes()))

    assert pages(text(words)) == 1 and pages(text(words), text(words)) == 2
    assert pages(text(words), code(table), text(words)) == 2, "the second text begins below the first, the table stands above or below it"
    assert pages(text(words), code(table, "appendix")) == 2, "the table begins on the page of the text"


@pytest.fixture
def opened(report, shown, figure, tmp_path):
    """A report's page with all that may be too wide, in Chromium."""
    if MISSING:
        pytest.skip(f"needs {' and '.join(MISSING)} (pip install playwright; a Chromium of the system)")
    row = {"model": "a Transformer", **{f"a long header {i}": "−0.123 [−0.456, −0.789]" for i in range(5)}, "remark": SENTENCE * 2}
    many = shown(display.table, [row, row], "many", "Many columns.", wide=True)
    cells = [code(figure("loss")), code(figure("wide", wide=True)), code(many)]
    narrow = shown(display.table, [{"model": "LSTM", "n": 3, "loss": 1.5}, {"model": "counts", "n": 1, "loss": None}], "few", "Few.")
    report(["# A", *cells, code(narrow), "`" + "a_long_name" * 9 + "`\n\n```\n" + "x" * 200 + "\n```"])
    with lab.opened((tmp_path / "report" / "report.html").as_uri()) as page:
        yield page


def test_nothing_scrolls_sideways_on_a_phone_where_each_cell_has_its_label(opened):
    opened.set_viewport_size({"width": 390, "height": 800})
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        assert opened.evaluate(SCROLLING) == []
    few = opened.locator("table").nth(1)
    assert not few.locator("thead").is_visible()
    cell = few.locator("td[data-label=n]").first
    assert cell.evaluate("e => getComputedStyle(e, '::before').content") == '"n"'
    tops = [row.bounding_box()["y"] for row in few.locator("tbody tr").all()]
    assert tops[0] < cell.bounding_box()["y"] < tops[1], "below its row's name"
    assert not few.locator("td[data-label=loss]").nth(1).is_visible(), "a dash says nothing here"


def test_a_wide_table_uses_the_right_margin_of_a_wide_window(opened):
    opened.set_viewport_size({"width": 1280, "height": 800})
    wide, narrow = (opened.locator(".scroll").nth(i).bounding_box() for i in range(2))
    text_box = opened.locator("main > p").first.bounding_box()
    assert wide["x"] == text_box["x"] and wide["width"] > text_box["width"] + 100
    assert narrow["x"] > text_box["x"] and opened.evaluate("document.scrollingElement.scrollWidth") == 1280


def test_a_tap_shows_a_figure_at_full_size_and_another_brings_the_page_back(opened):
    picture = opened.locator(".picture img").first
    for width, fills in ((390, 960), (1280, 1200)):
        opened.set_viewport_size({"width": width, "height": 800})
        small, height = picture.bounding_box(), opened.evaluate("document.scrollingElement.scrollHeight")
        picture.click()
        assert picture.bounding_box()["width"] >= fills > small["width"]
        assert opened.evaluate("document.scrollingElement.scrollHeight") == height, "the page keeps its place"
        picture.click()
        assert picture.bounding_box() == small
