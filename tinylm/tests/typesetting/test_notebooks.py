import re

import nbformat
import pytest
from chapters import code, printed, text, write
from nbformat.v4 import new_output

from tinylm import files
from tinylm.config.links import LINK, SCHEME
from tinylm.report import display
from tinylm.typesetting import ReportError
from tinylm.typesetting.notebooks import Figure, Printed, Prose, Table, read


@pytest.fixture
def chapter(tmp_path):
    """The chapter of a notebook of these cells."""
    return lambda *cells, name="01_part.ipynb": read(write(tmp_path / name, cells))


def test_what_is_shown_stands_in_the_order_of_the_cells(chapter, figure, shown):
    found = chapter("# A", code([*printed("unseen"), *figure("loss"), *shown(display.table, [{"n": 1}], "sizes", "S.")]), "The end.")
    assert [(type(block), block.place.cell) for block in found.blocks] == [(Prose, 1), (Figure, 2), (Table, 2), (Prose, 3)]
    loss, sizes = found.blocks[1:3]
    assert (loss.name, loss.caption, loss.alt, loss.wide, loss.csv) == ("loss", "A line.", "A rising line.", False, "t,loss\n1,0.5\n")
    assert loss.png.startswith(b"\x89PNG") and "<svg" in loss.svg
    assert (sizes.header, sizes.rows, sizes.csv) == (["n"], [["1"]], "n\n1\n")


def test_tags_say_what_else_is_shown_and_what_is_not(chapter):
    warning = new_output("stream", name="stderr", text="a warning")
    value = new_output("execute_result", {"text/plain": "4"})
    found = chapter(
        text("Short.", "abstract"),
        code([*printed("\x1b[31mred\x1b[0m"), warning, value], "show-output"),
        code([*printed("x"), value], "remove-cell"),
        text("Never.", "remove-cell"),
        text("Evidence.", "appendix"),
        text("Long."),
    )
    assert [block.source for block in found.appendix] == ["Evidence."] and found.shown == [*found.blocks, *found.appendix]
    assert [block.source for block in found.abstract] == ["Short."]
    assert [block.text for block in found.blocks[:-1]] == ["red", "4"] and all(isinstance(block, Printed) for block in found.blocks[:-1])
    assert found.blocks[-1].source == "Long."


def test_a_tagged_title_takes_the_whole_notebook_to_the_appendix(chapter):
    whole = chapter(code(printed("first"), "show-output"), text("# Speed", "appendix"), "Text.", text("Short.", "abstract"))
    assert not whole.blocks and len(whole.appendix) == 3 and len(whole.abstract) == 1
    assert chapter("# Speed", text("Text.", "appendix")).blocks


@pytest.mark.parametrize(
    ("file", "name"), [("01_data.ipynb", "data"), ("12-the-end.ipynb", "the-end"), ("2.ipynb", "2"), ("a1.ipynb", "a1")]
)
def test_a_chapter_is_called_as_its_file_without_the_number(chapter, file, name):
    found = chapter("# A", name=file)
    assert (found.name, found.file) == (name, file)


def test_a_long_cell_is_named_by_its_beginning(chapter):
    (block,) = chapter("\n  " + "x" * 60 + "\nsecond line").blocks
    assert block.place.beginning == "x" * 37 + "..."


def test_a_failed_cell_is_named_though_its_output_is_not_shown(chapter):
    failure = new_output("error", ename="ValueError", evalue="too few", traceback=[])
    with pytest.raises(ReportError, match=r"01_part, cell 2 \('f\(\)'\): the cell failed with ValueError: too few"):
        chapter("# A", code([failure], "remove-cell", source="f()"))


def test_a_display_of_an_older_version_is_to_be_run_again(chapter, figure):
    old = figure("loss")
    del old[0].metadata["report"]["inches"]
    with pytest.raises(ReportError, match=r"a figure without inches: display it with tl.display.figure and run"):
        chapter("# A", code(old))
    bare = figure("loss")
    del bare[0].data["image/svg+xml"]
    with pytest.raises(ReportError, match=r"figure loss has no image/svg\+xml: run the notebook again"):
        chapter("# A", code(bare))


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(ReportError, match=r"01_none.ipynb not found; execute"):
        read(tmp_path / "01_none.ipynb")


RAW = re.compile(r"\[-?@[a-z]|(?<![\w`])@(fig|tbl|eq|sec):|\\label\b")
NOTEBOOKS = sorted(files.NOTEBOOKS.glob("**/*.ipynb"))


def pieces(path):
    """The source of each cell, and what its outputs show as text, Markdown or HTML."""
    for cell in nbformat.read(path, as_version=4).cells:
        yield cell.cell_type, cell.source
        for output in cell.get("outputs", []):
            yield from (("output", str(text)) for kind, text in output.get("data", {}).items() if kind.startswith("text/"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_no_markup_that_only_the_report_understands(path):
    assert not [found[0] for _, text in pieces(path) if (found := RAW.search(text))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_link_of_a_notebook_leads_to_a_file_that_is_there_and_names_it(path):
    links = [link for kind, text in pieces(path) if kind in ("markdown", "code") for link in LINK.findall(text)]
    for words, address in links:
        if SCHEME.match(address) or address.startswith("#"):
            continue
        target = path.parent / address.partition("#")[0]
        assert target.is_file(), address
        if target.parent.name == "figures":
            assert words == f"{'Table' if target.suffix == '.csv' else 'Figure'} {target.stem}"
        elif target.suffix == ".ipynb":
            assert words == target.stem


def test_markup_that_jupyter_does_not_show_would_be_found():
    for raw in ("see [@su2024; @so2021]", "(@fig:loss)", "of @eq:nll", r"x \label{eq:a}"):
        assert RAW.search(raw), raw
    assert not RAW.search("mail a@b.org, `@fig:a`, NAME[@SEED]")


BROKEN = ["", "{", "[]", "{}", "null", '{"nbformat": 99}', '{"nbformat": 4, "nbformat_minor": 5}', "\0" * 100, "\udcff", "cut"]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_or_half_written_notebook_is_named(tmp_path, content):
    path = write(tmp_path / "01_part.ipynb", ["# A"])
    path.write_text(path.read_text()[:-20] if content == "cut" else content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ReportError, match=r"01_part\.ipynb is not a readable notebook \(.*execute it again"):
        read(path)


@pytest.mark.parametrize("name", ["../../x", "a/b", "..", "", "/etc/x", "a.svg", None])
def test_a_name_that_leads_to_another_folder_is_refused(chapter, figure, shown, name):
    for outputs in (figure("loss"), shown(display.table, [{"n": 1}], "sizes", "S.")):
        outputs[0].metadata["report"]["name"] = name
        with pytest.raises(ReportError, match="a name is a file name of letters, digits, - and _"):
            chapter("# A", code(outputs))
