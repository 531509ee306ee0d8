"""Formulas are Pandoc's work: it must refuse what it does not know, and what it sets must look as it did when last looked at."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinylm import files, study
from tinylm.typesetting import ReportError, markdown, pandoc
from tinylm.typesetting.bibliography import read_works
from tinylm.typesetting.document import Document
from tinylm.typesetting.frontmatter import read_front_matter
from tinylm.typesetting.labels import Labels
from tinylm.typesetting.notebooks import read
from tinylm.typesetting.publish import REFERENCES

typst = pytest.importorskip("typst", reason="pip install typst")

LOOKED_AT = Path(__file__).with_name("formulas.png")
FORMULA = re.compile(r'alt: "((?:[^"\\]|\\.)*)".*?, (\$[^$]*\$)\)')
POWER_OF_TEN = re.compile(r"\$([\d.]+ times )?10\^(\d+|\(- ?\d+\))\$")


def typeset(tex):
    """The Typst mathematics for an inline formula."""
    tree = markdown.resolved(pandoc.parse([f"${tex}$"])[0], Labels().within("a"))
    return FORMULA.search(pandoc.write(tree))[2].strip("$")


def test_the_formulas_of_the_notebooks_look_as_they_did(tmp_path):
    chapters = [read(files.NOTEBOOKS / f"{section.notebook}.ipynb") for section in study.SECTIONS.values()]
    source = Document(chapters, read_front_matter(files.NOTEBOOKS / "report.toml"), read_works(REFERENCES), str).source
    found = {tex: formula for tex, formula in FORMULA.findall(source) if not POWER_OF_TEN.fullmatch(formula)}
    assert any(formula.startswith("$ ") for formula in found.values()) and len(found) > 20
    found["9.58 \\\\times 10^{11}"] = "$9.58 times 10^11$"  # for the results, which every training changes
    rows = "".join(f'raw("{tex}"), {formula},\n' for tex, formula in sorted(found.items()))
    page = "#set page(width: auto, height: auto, margin: 4pt)\n#show raw: set text(7pt)\n#grid(columns: 2, gutter: 6pt,\n" + rows + ")"
    picture = typst.compile(page.encode(), format="png", ppi=110.0, ignore_system_fonts=True)
    now = Image.open(io.BytesIO(picture)).convert("L")
    now.quantize(16).save(tmp_path / "formulas.png", optimize=True)
    then = Image.open(LOOKED_AT).convert("L")
    same = now.size == then.size and np.abs(np.asarray(now, int) - np.asarray(then, int)).max() < 64
    assert same, f"look at {tmp_path / 'formulas.png'}; if each formula is what its TeX says, copy the picture to {LOOKED_AT}"


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"\frac12", "1 / 2"),
        (r"a\!b\;c", "a #h(-0.1667em) b thick c"),
        (r"10{,}000", '10 class("normal", comma) 000'),
        (r"\begin{cases} a & b \\! \\ c & d \end{cases}", 'cases(delim: "{", a & b, !, c & d)'),
        (r"n_\text{d_model}", 'n_(upright("d_model"))'),
    ],
)
def test_what_pandoc_garbles_is_set_right(tex, expected):
    assert " ".join(typeset(tex).split()) == expected


@pytest.mark.parametrize(
    "tex", [r"\foo{x}", r"\frac{x", r"x}", r"a & b", r"x^", r"\left x \right)", r"\begin{foo}x\end{foo}", r"\begin{cases}x\end{aligned}"]
)
def test_what_pandoc_does_not_know_is_refused_and_quoted(tex):
    with pytest.raises(ReportError, match="^unexpected") as error:
        typeset(tex)
    assert f"in the formula ${tex}$" in str(error.value)


def test_a_piece_cannot_reach_into_the_next():
    pieces = ["- an item", "- another", "```\nan open fence", "text\n\n[a]: https://example.org", "[a]"]
    found = pandoc.parse(pieces)
    assert [[block["t"] for block in blocks] for blocks in found] == [["BulletList"], ["BulletList"], ["Para"], ["Para"], ["Para"]]
    assert "Link" not in str(found[4]), "a definition holds in its own cell only"


def test_brackets_that_pandoc_would_not_come_to_the_end_of_are_refused(monkeypatch):
    half_open = "values in $[0, 1)$\n\n" * 30 + "[a](b) " * 30 + "\\[" * 30
    assert len(pandoc.parse([half_open, "[" * pandoc.MOST_OPEN])) == 2
    with pytest.raises(ReportError, match=r"more than 10 square brackets are open in 'See \[\[\[\[.*; close them, or write \\\["):
        pandoc.parse(["A.", "See " + "[" * (pandoc.MOST_OPEN + 1)])
    monkeypatch.setattr(pandoc, "PATIENCE", 1e-3)
    with pytest.raises(ReportError, match=r"Pandoc has not come to an end in 0.001 s; divide the longest cells"):
        pandoc.parse(["A."])
