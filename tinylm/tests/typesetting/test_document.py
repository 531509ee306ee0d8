import html
import random
import re
import string
import sys
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tinylm.report import display
from tinylm.typesetting import ReportError, build, publish_figures
from tinylm.typesetting.document import citation_keys
from tinylm.typesetting.publish import REFERENCES

pytest.importorskip("typst", reason="pip install typst")

FRONT = 'title = "Which model?"\nauthors = ["A. Author", "B. Author"]\ndate = 2026-01-05\nkeywords = ["scaling"]\n'


@pytest.fixture
def shown(monkeypatch):
    """Call `tinylm.report.display` and get its outputs as a notebook would store them."""

    def outputs(function, *args, **kwargs):
        found = []
        monkeypatch.setattr(display, "display", lambda data, raw, metadata: found.append((data, metadata)))
        function(*args, **kwargs)
        return [new_output("display_data", data, metadata=metadata) for data, metadata in found]

    return outputs


@pytest.fixture
def figure(shown):
    """The outputs of a small figure under a name."""

    def outputs(name, caption="A line.", alt="A rising line.", data=({"t": 1, "loss": 0.5},), wide=False):
        fig = plt.figure(figsize=(2, 1))
        fig.add_subplot().plot([1, 2])
        return shown(display.figure, fig, name, caption, alt, data, wide)

    return outputs


@pytest.fixture
def report(tmp_path):
    """Write notebooks given as lists of cells, build the report, return its HTML."""

    def page(*notebooks, folder="report"):
        (tmp_path / "front.toml").write_text(FRONT)
        build(
            [write(tmp_path / f"0{i}_part{i}.ipynb", cells) for i, cells in enumerate(notebooks, 1)],
            tmp_path / folder,
            tmp_path / "front.toml",
            "make {}".format,
        )
        assert (tmp_path / folder / "report.pdf").read_bytes().startswith(b"%PDF-")
        return (tmp_path / folder / "report.html").read_text(encoding="utf-8")

    return page


def write(path, cells):
    nbformat.write(new_notebook(cells=[text(cell) if isinstance(cell, str) else cell for cell in cells]), path)
    return path


def text(source, *tags):
    return new_markdown_cell(source, metadata={"tags": list(tags)})


def code(outputs, *tags, source="tl.show"):
    return new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)})


def printed(text):
    return [new_output("stream", text=text)]


class Words(HTMLParser):
    """The text of a page, each element of `tag` on its own."""

    def __init__(self, tag):
        super().__init__()
        self.tag, self.found, self.inside = tag, [], False

    def handle_starttag(self, tag, attrs):
        if tag == self.tag:
            self.inside = True
            self.found.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != self.tag

    def handle_data(self, data):
        if self.inside:
            self.found[-1] += data


def words(page, tag):
    parser = Words(tag)
    parser.feed(page)
    return parser.found


def words_of(page):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", page)))


PROSE = r"""# What the models read

**Bold**, *italic*, ~~struck~~, `d_model`, [a page](https://example.org/a?b=c&d=e#f), [the next](02_part2.ipynb), [a file](../docs/LOG.md),
a price of $5 to $10, \$6 and $x_i$; "quoted" -- it's --- fine ... at -0.5 nats, KN-5, 2014-2015 &amp; C:\\path. @eq:nll scores $\ln V$.

$$
\mathcal{L} = -\frac{1}{N}\sum_i \log p(x_i \mid x_{<i}) \label{eq:nll}
$$

- one
  - nested $x^2$

3. third

> Quoted.

```python
specs = [1]  # not @fig:code
```

RoPE [@su2024; @vaswani2017] loses $-0.1$.

---

<!-- a remark -->

## Method

### A "formula" $y$
"""


def test_every_construct_reaches_the_page(report, shown, figure):
    page = report(
        [
            PROSE,
            code([*printed("secret"), *figure("loss", "Loss of @eq:nll, see [@kaplan2020].", wide=True)]),
            code(shown(display.table, [{"a": "x", "flops": 6.6e13}], "sizes", "Sizes of $x$.", "One seed; @sec:part2.", bold=[0])),
            code(shown(display.text, "The loss is **1.817** nats in @fig:loss and @tbl:sizes.")),
            code(printed("KN-6: within 2 % of 1.817"), "show-output"),
            text("never shown", "remove-cell"),
        ],
        [
            "# Positions\n\nSee @sec:part1/method, @sec:limits.",
            code(shown(display.text, "The abstract says 1.817."), "abstract"),
            "## Limits",
        ],
    )
    seen = words_of(page)
    assert "Bold, italic, struck, d_model, a page, the next, a file, a price of $5 to $10, $6 and 𝑥𝑖; “quoted” – it’s" in seen
    assert "— fine … at −0.5 nats, KN-5" in seen
    assert "nats, KN-5, 2014-2015 & C:\\path. Eq. (1) scores" in seen
    assert "Figure 1. Loss of Eq. (1), see [3]." in seen and "Table 1. Sizes of 𝑥." in seen and "One seed; Section 2." in seen
    assert "The loss is 1.817 nats in Figure 1 and Table 1." in seen and "6.60×1013" in seen
    assert "KN-6: within 2 % of 1.817" in seen and "specs = [1] # not @fig:code" in seen
    assert "See Section 1.1, Section 2.1." in seen and "Abstract The abstract says 1.817." in seen.replace("Abstract", "Abstract ")
    assert "secret" not in seen and "never shown" not in seen and "remark" not in seen
    assert "2.1 Limits" in words(page, "h3") and "1.1.1 A “formula” 𝑦" in words(page, "h4")
    assert 'href="https://example.org/a?b=c&amp;d=e#f"' in page and 'href="#sec-part2"' in page and 'id="fig-loss"' in page
    assert len(re.findall("<li id=", page.partition("doc-bibliography")[2])) == 3, "the cited works and no other"


def test_page_needs_neither_script_nor_network_and_fits_phones_and_dark_rooms(report, figure):
    page = report(["# A", code(figure("loss"))])
    assert "<script" not in page and not re.search(r'(?:src|href)="(?!#|data:|report\.pdf)|@import|url\(', page)
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert all(s in page for s in ("prefers-color-scheme: dark", "max-width: 30rem", 'alt="A rising line."', 'role="doc-toc"'))


def test_a_figure_says_how_to_rebuild_it_and_a_wide_one_scrolls_in_its_own_box(report, figure, shown):
    page = report(
        ["# A", code(figure("loss"))], ["# B", code([*figure("wide", wide=True), *shown(display.table, [{"n": 1}], "sizes", "S.")])]
    )
    captions = words(page, "figcaption")
    assert [caption.partition("Rebuild it: ")[2] for caption in captions] == ["make 01_part1", "make 02_part2", ""]
    assert re.findall('<div class="(picture[^"]*)"', page) == ["picture", "picture scroll"]


def test_same_notebooks_give_the_same_bytes(report, shown, figure, tmp_path):
    for folder in ("one", "another/deeper"):
        report([PROSE.replace("[the next](02_part2.ipynb)", ""), code(figure("loss"))], folder=folder)
    for name in ("report.pdf", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "another/deeper" / name).read_bytes()


def test_every_work_of_the_bibliography_can_be_cited(report):
    keys = citation_keys(REFERENCES)
    page = report(["# A\n\n" + " ".join(f"[@{key}]" for key in keys)])
    assert len(re.findall("<li id=", page.partition("doc-bibliography")[2])) == len(keys) == len(set(keys)) > 30


def test_headings_of_the_same_words_are_told_apart(report):
    part = "\n\n## Method\n\n## Limits\n\n## Limits\n\n#### Deep\n\nSee @sec:method"
    page = report([f"# A{part} and @sec:limits-2."], [f"# B{part} and @sec:part1/method."], ["# C\n\n# Main\n\n## Sub"])
    assert "See Section 1.1 and Section 1.3." in words_of(page) and "See Section 2.1 and Section 1.1." in words_of(page)
    assert words(page, "h3")[-1] == "3.1 Main" and words(page, "h4") == ["1.3.1 Deep", "2.3.1 Deep", "3.1.1 Sub"]


def test_text_survives(report):
    rng = random.Random(0)
    alphabet = "ab1 #$*_`<>@[]~=+-/\\\"'(){}.,;:!?%&^|0. éα→"
    lines = ["x" + "".join(rng.choices(alphabet, k=rng.randint(1, 14))).rstrip() for _ in range(400)]
    escape = str.maketrans({sign: f"\\{sign}" for sign in string.punctuation})
    page = report(["# A\n\n" + "\n\n".join(f"**x**{line[1:].translate(escape)}*e*" for line in lines)])
    plain = {"“": '"', "”": '"', "‘": "'", "’": "'", "—": "---", "–": "--", "…": "...", "−": "-", "′": "'", "″": '"'}

    def squeezed(text):
        return "".join(plain.get(sign, sign) for sign in text if not sign.isspace())

    body = page.partition("<main>")[2]
    assert [squeezed(paragraph) for paragraph in words(body, "p")] == [squeezed(f"{line}e") for line in lines]


def test_cells_of_a_table_stay_one_line_of_text(report, shown):
    cells = ["# not a heading", "- not a list", "1. not an item", "> 3", "**bold**", "`<eos>`", "$\\pm 1$", "a_b_c", "-0.1", "–"]
    page = report(["# A", code(shown(display.table, [{"x": cell} for cell in cells], "t", "Caption."))])
    assert words(page, "td") == ["# not a heading", "- not a list", "1. not an item", "> 3", "bold", "<eos>", "±1", "a_b_c", "−0.1", "–"]


def test_tables_break_headers_and_sentences_before_they_are_refused(report, shown):
    sentence = "A sentence that is far too long to stand in one line of the table, and goes on. " * 2
    wide = [{"model": "x", **{f"a long header {i}": 1.234 for i in range(9)}, "remark": sentence}]
    report(["# A", code(shown(display.table, wide, "fits", "Caption.", wide=True))])


def test_a_table_longer_than_a_page_can_be_referred_to(report, shown):
    long = [{"row": i, "value": i / 3} for i in range(120)]
    page = report(["# A\n\nSee @tbl:long.", code(shown(display.table, long, "long", "Caption.", wide=True))])
    assert "See Table\N{NO-BREAK SPACE}1." in words(page, "p")


FAILURE = new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=[])
PICTURE = new_output("display_data", {"image/png": "", "text/plain": "<Figure>"})


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([code([FAILURE], source="1/0")], r"01_part1, cell 2 \('1/0'\): the cell failed with ZeroDivisionError: division by zero"),
        ([code([PICTURE], source="plt.show()")], r"cell 2 \('plt.show\(\)'\): a picture without name, caption and alt text"),
        (["See @fig:lose."], r"cell 2 .*: nothing is labelled @fig:lose"),
        (["## Method\n\nSee @sec:metod."], r"@sec:metod; near it: .*sec:part1/method"),
        (["See [@nope2020]."], r"no work \[@nope2020\] in the bibliography"),
        (["Bad $\\foo{x}$."], r"cell 2 .*: unexpected control sequence \\foo in the formula \$\\foo\{x\}\$"),
        (["$$x \\label{one}$$"], r"formula label 'one': write \\label\{eq:name\}"),
        (["$$x \\label{eq:a}$$", "$$y \\label{eq:a}$$"], r"cell 3 .*: label eq:a is used twice, first in 01_part1, cell 2"),
        (["$$\n\\frac{1}{\\!x}\n+ \\foo\n$$"], r"cell 2 .*: unexpected .*\\foo in the formula \$\\frac\{1\}\{\\!x\} \+ \\foo\$"),
        (["\\begin{align}x\\end{align}"], r"\\begin\{align\}.* is TeX outside of"),
        (["As @fig:a [left] shows."], r"'@fig:a \[left\]': put nothing but keys"),
        (["![a](b.png)"], "display it with tl.show.figure"),
        (["|a|b|\n|--|--|\n|1|2|"], "display it with tl.show.table"),
        (["<div>hi</div>"], "is HTML, which the PDF cannot show"),
        (["Emoji 🎉"], r"01_part1, cell 2 .*🎉"),
        ([text("One.", "abstract"), code(printed("x"), "abstract"), code([FAILURE], "abstract")], "cell 4 .* failed"),
        ([code([])], "01_part1 has no outputs: execute it first"),
    ],
)
def test_errors_name_the_cell_and_the_mend(report, tmp_path, cells, message):
    with pytest.raises(ReportError, match=message):
        report(["# A", *cells])
    assert not (tmp_path / "report").exists()


def test_errors_between_outputs(report, shown, figure):
    with pytest.raises(ReportError, match=r"cell 3 .*: label fig:loss is used twice, first in 01_part1, cell 2"):
        report(["# A", code(figure("loss")), code(figure("loss"))])
    with pytest.raises(ReportError, match=r"table many \(01_part1, cell 2 .*\) is [\d.]+ mm too wide; pass wide=True"):
        report(["# A", code(shown(display.table, [{f"column {i}": "1.2345" for i in range(20)}], "many", "Caption."))])
    bare = figure("loss")
    bare[0].metadata["report"]["alt"] = " "
    with pytest.raises(ReportError, match="figure loss needs a caption and an alt text"):
        report(["# A", code(bare)])
    with pytest.raises(ReportError, match="could mean @sec:part1/limits or @sec:part2/limits"):
        report(["# A\n\n## Limits"], ["# B\n\n## Limits"], ["# C\n\n@sec:limits"])
    with pytest.raises(ReportError, match=r"abstracts in 01_part1, cell 2 .* and 02_part2, cell 2"):
        report(["# A", text("One.", "abstract")], ["# B", text("Two.", "abstract")])


@pytest.mark.parametrize("first", ["no title", "## Too deep", "text\n\n# Title"])
def test_a_notebook_begins_with_its_title(report, first):
    with pytest.raises(ReportError, match="begins with its title"):
        report([first])


def test_published_files_are_those_of_the_outputs(figure, shown, tmp_path):
    notebook = write(
        tmp_path / "01_a.ipynb",
        ["# A", code([*figure("loss"), *figure("bare", data=None)]), code(shown(display.table, [{"n": 1}], "sizes", "S."))],
    )
    target = tmp_path / "figures"
    publish_figures([notebook], target)
    assert sorted(path.name for path in target.iterdir()) == ["bare.png", "bare.svg", "loss.csv", "loss.png", "loss.svg", "sizes.csv"]
    assert (target / "loss.csv").read_bytes() == b"t,loss\n1,0.5\n"
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    for name in ("old.png", "old.svg", "README.md"):
        (target / name).write_text("x")
    publish_figures([notebook], target)
    assert {path: path.stat().st_mtime_ns for path in target.iterdir() if path.name != "README.md"} == before
    with pytest.raises(ReportError, match="the name loss is taken by 01_a, cell 2"):
        publish_figures([notebook, write(tmp_path / "02_b.ipynb", ["# B", code(shown(display.table, [{"n": 1}], "loss", "S."))])], target)


@pytest.mark.parametrize(("module", "package"), [("typst", r"typst==0\.15\.0"), ("pypandoc", r"pypandoc-binary==1\.17")])
def test_absent_programs_name_the_command(report, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ReportError, match=f"pip install {package}"):
        report(["# A"])
