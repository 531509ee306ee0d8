import re

import pytest
from chapters import PROSE, code, printed, text, words, words_of
from nbformat.v4 import new_output

from tinylm.report import display
from tinylm.typesetting import ReportError, document
from tinylm.typesetting.bibliography import read_works
from tinylm.typesetting.publish import REFERENCES

KAPLAN = "[(Kaplan et al. 2020)](https://arxiv.org/abs/2001.08361)"
LOSS = "[Figure loss](../figures/loss.svg)"
PART = "[02_part2](02_part2.ipynb)"
SIZES = "[Table sizes](../figures/sizes.csv)"
APPENDED = ["[a](02_part2.ipynb)", "[b](02_part2.ipynb#Roofline)", "[c](03_part3.ipynb#appendix)"]


def test_every_construct_reaches_the_page(report, shown, figure):
    page = report(
        [
            PROSE,
            code([*printed("secret"), *figure("loss", f"Loss, see {KAPLAN}.", wide=True)]),
            code(
                shown(
                    display.table,
                    [{"a": "x", "flops": 6.6e13}],
                    "sizes",
                    "Sizes of $x$.",
                    f"One seed; {PART}.",
                    bold=[0],
                )
            ),
            code(
                shown(
                    display.text,
                    f"The loss is **1.817** nats in {LOSS} and {SIZES}.",
                )
            ),
            code(printed("KN-6: within 2 % of 1.817"), "show-output"),
            text("never shown", "remove-cell"),
        ],
        [
            "# Positions\n\nSee [the method](01_part1.ipynb#Method), [Limits](#Limits).",
            code(shown(display.text, "The abstract says 1.817."), "abstract"),
            "## Limits",
        ],
    )
    seen = words_of(page)
    assert "Bold, italic, struck, d_model, a page, Section 2, a file, a price of $5 to $10, $6 and 𝑥𝑖; “quoted” – it’s" in seen
    assert "— fine … at −0.5 nats, KN-5" in seen
    assert "nats, KN-5, 2014-2015 & C:\\path. It scores" in seen
    assert "Figure 1. Loss, see [4]." in seen and "Table 1. Sizes of 𝑥." in seen and "One seed; Section 2." in seen
    assert "The loss is 1.817 nats in Figure 1 and Table 1." in seen and "6.60×1013" in seen
    assert "KN-6: within 2 % of 1.817" in seen and "specs = [1] # not [a](b)" in seen
    assert "See Section 1.1, Section 2.1." in seen and "Abstract The abstract says 1.817." in seen.replace("Abstract", "Abstract ")
    assert "secret" not in seen and "never shown" not in seen and "remark" not in seen
    assert "2.1 Limits" in words(page, "h3") and "1.1.1 A “formula” 𝑦" in words(page, "h4")
    assert 'href="https://example.org/a?b=c&amp;d=e#f"' in page and 'href="#sec-part2"' in page and 'id="fig-loss"' in page
    assert len(re.findall("<li id=", page.partition("doc-bibliography")[2])) == 4, "the cited works and no other"
    assert "RoPE [1], [2] loses −0.1 as Merity et al. 2018 [3] say." in seen


def test_a_figure_says_how_to_rebuild_it_and_opens_at_full_size(report, figure, shown):
    page = report(
        ["# A", code(figure("loss"))], ["# B", code([*figure("wide", wide=True), *shown(display.table, [{"n": 1}], "sizes", "S.")])]
    )
    captions = words(page, "figcaption")
    assert [caption.partition("Rebuild it: ")[2] for caption in captions] == ["make 01_part1", "make 02_part2", ""]
    frames = re.findall(r'<div class="picture" style="width: ([\d.]+)pt; aspect-ratio: ([\d.]+)"><label><input type="checkbox"', page)
    assert frames == [("201.6", "2")] * 2, "1.4 times the 2 inches, and as high as half of it"


def test_what_is_tagged_stands_in_an_appendix_under_the_title_of_its_section(report, shown):
    table = code(shown(display.table, [{"n": 1}], "sizes", "Sizes."), "appendix")
    page = report(["# First", table, text("### Detail", "appendix"), f"See {SIZES}."], ["# Second", "The end."])
    sections = [title for title in words(page, "h2") if title != "Contents"]
    assert sections == ["1 First", "2 Second", "A Full tables and evidence"]
    assert words(page, "h3")[-1] == "A.1 First" and words(page, "h4")[-1] == "A.1.1 Detail"
    seen = words_of(page)
    assert seen.index("The end.") < seen.index("Table 1. Sizes.") and "See Table 1." in seen
    assert "Full tables" not in words_of(report(["# First", "Text."], folder="other"))


def test_a_notebook_whose_title_is_tagged_is_a_section_of_the_appendix(report, shown):
    table = code(shown(display.table, [{"n": 1}], "sizes", f"Sizes by {KAPLAN}."))
    page = report(
        [f"# First\n\nSee {', '.join(APPENDED)} and {SIZES}.", text("## Late", "appendix")],
        [text("# Speed", "appendix"), "## Roofline", table, "### Peak"],
        ["# Third", "## Appendix", text("More of [it](#appendix), in [that](#Appendix-2).", "appendix")],
    )
    titles = [title for title in words(page, "h2") if title != "Contents"]
    assert titles == ["1 First", "2 Third", "References", "A Full tables and evidence"]
    assert words(page, "h3") == ["2.1 Appendix", "A.1 First", "A.2 Third", "A.3 Speed"]
    assert words(page, "h4") == ["A.1.1 Late", "A.3.1 Roofline"] and words(page, "h5") == ["Peak"]
    seen = words_of(page)
    assert "See Appendix A.3, Appendix A.3.1, Appendix A.2 and Table 1." in seen
    assert "More of Appendix A.2, in Section 2.1." in seen


def test_every_work_of_the_bibliography_can_be_cited(report):
    works = read_works(REFERENCES)
    page = report(["# A\n\n" + " ".join(work.citation for work in works)])
    assert len(re.findall("<li id=", page.partition("doc-bibliography")[2])) == len(works) > 30


def test_a_table_longer_than_a_page_can_be_referred_to(report, shown):
    long = [{"row": i, "value": i / 3} for i in range(120)]
    page = report(["# A\n\nSee [Table long](../figures/long.csv).", code(shown(display.table, long, "long", "Caption.", wide=True))])
    assert "See Table\N{NO-BREAK SPACE}1." in words(page, "p")


FAILURE = new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=[])
PICTURE = new_output("display_data", {"image/png": "", "text/plain": "<Figure>"})


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([code([FAILURE], source="1/0")], r"01_part1, cell 2 \('1/0'\): the cell failed with ZeroDivisionError: division by zero"),
        ([code([PICTURE], source="plt.show()")], r"cell 2 \('plt.show\(\)'\): a picture without name, caption and alt text"),
        (["See [Figure lose](../figures/lose.svg)."], r"cell 2 .*: nothing is at ../figures/lose.svg"),
        (["## Method\n\nSee [it](#Metod)."], r"nothing is at #Metod; near it: .*sec:part1/method"),
        (
            ["See [(Nope 2020)](https://arxiv.org/abs/1)."],
            r"no work .* has the address https://arxiv.org/abs/1 of \(Nope 2020\)",
        ),
        (["[(Su 2018)](https://arxiv.org/abs/1708.02182)"], r"write \[\(Merity et al. 2018\)\]\(https://arxiv.org/abs/1708.02182\)"),
        (["See [@merity2018]."], r"'\[@merity2018\]' shows as it is in Jupyter; write a link"),
        (["As @fig:a [left] shows."], r"'@fig:a \[left\]' shows as it is in Jupyter; write a link"),
        (["Bad $\\foo{x}$."], r"cell 2 .*: unexpected control sequence \\foo in the formula \$\\foo\{x\}\$"),
        (["$$x \\label{eq:a}$$"], r"cell 2 .*: a label in the formula 'x \\\\label\{eq:a\}'"),
        (["$$\n\\frac{1}{\\!x}\n+ \\foo\n$$"], r"cell 2 .*: unexpected .*\\foo in the formula \$\\frac\{1\}\{\\!x\} \+ \\foo\$"),
        (["\\begin{align}x\\end{align}"], r"\\begin\{align\}.* is TeX outside of"),
        (["![a](b.png)"], "display it with tl.display.figure"),
        (["|a|b|\n|--|--|\n|1|2|"], "display it with tl.display.table"),
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
    with pytest.raises(ReportError, match=r"table many \(01_part1, cell 2 .*\) is too wide; pass wide=True, drop columns"):
        report(["# A", code(shown(display.table, [{f"column {i}": "1.2345" for i in range(20)}], "many", "Caption."))])
    bare = figure("loss")
    bare[0].metadata["report"]["alt"] = " "
    with pytest.raises(ReportError, match="figure loss needs a caption and an alt text"):
        report(["# A", code(bare)])
    with pytest.raises(ReportError, match=r"abstracts in 01_part1, cell 2 .* and 02_part2, cell 2"):
        report(["# A", text("One.", "abstract")], ["# B", text("Two.", "abstract")])


@pytest.mark.parametrize("first", ["no title", "## Too deep", "text\n\n# Title"])
def test_a_notebook_begins_with_its_title(report, first):
    with pytest.raises(ReportError, match="begins with its title"):
        report([first])


@pytest.mark.parametrize(
    ("cell", "set_as"),
    [
        ("1e13", "$10^{13}$"),
        ("7.55e13", r"$7.55 \times 10^{13}$"),
        ("−1e-05", r"$-1 \times 10^{-5}$"),
        ("words, 1e11", "words, $10^{11}$"),
        ("1e12 (5)", "$10^{12}$ (5)"),
        ("3 of 1e12; 3e12", r"3 of $10^{12}$; $3 \times 10^{12}$"),
        ("budget/x, 1e13@0", "budget/x, 1e13@0"),
        ("`train --flops 1e12`", "`train --flops 1e12`"),
    ],
)
def test_a_number_with_an_exponent_is_a_power_of_ten(cell, set_as):
    assert document._powers_of_ten(cell) == set_as
