"""The report's Markdown and formulas, of any kind: an error that names the cell, or a page; never a traceback, a hang or an unsafe link."""

import re
from functools import partial

from fuzz import fuzzed
from hypothesis import given
from hypothesis import strategies as st

from tinylm.config.links import is_safe
from tinylm.typesetting import ReportError, markdown, pandoc
from tinylm.typesetting.labels import Labels

AT_ONCE = 20  # pieces of text for a call of Pandoc, which takes a tenth of a second to start
SIGNS = list("#*_`~<>[]()!|\\$^&{}-+=:;.,'\"0aé雨\u202e\u00ad\x07 \n\t")
PIECES = [
    "# T", "\n\n", "\n- ", "\n1. ", "\n> ", "\n    ", "```", "$$", "$x$", "**", "~~", "---", "[a](", "](", "![a](b)", "<b>", "<!--", "-->",
    "https://x.org", "javascript:a", "data:text/html,a", "vbscript:a", "file:///a", "java&#10;script:a", "mailto:a@b.c", "../figures/a.svg",
    "02_a.ipynb#B", "[a]: b", "[^1]", "&#0;", "&lt;", "@key", "|a|b|\n|-|-|\n|c|d|", r"\begin{x}", r"\label{a}", r"\(", "-?", "0.5",
    "\\#eval(1)", "#let a = 1", "#read(\"/etc/passwd\")", "\x00", "[" * 4, "*" * 60, "> " * 40,
]  # fmt: skip
TEX = [
    r"\frac", r"\sum", r"\left(", r"\right)", r"\begin{aligned}", r"\end{aligned}", r"\text{a}", r"\mathcal", r"\;", r"\!", "{,}", "{", "}",
    "^", "_", "&", r"\\", "x", "12", r"\def\a{\a}", r"\a", r"\newcommand", r"\label{a}", r"\input{/etc/passwd}", "%", "#", "é", "雨", " ",
    r"\sqrt[3]", r"\overline", r"\hat", r"\operatorname{a}", r"\verb|a|", "'", "=", "<", "\n", r"\color{red}", "~", '"', "{" * 40,
]  # fmt: skip
PROSE = st.lists(st.sampled_from(PIECES) | st.sampled_from(SIGNS) | st.text(max_size=4), max_size=12).map("".join)
FORMULA = st.lists(st.sampled_from(TEX), max_size=10).map("".join)
CASE = (
    PROSE | FORMULA.map("${}$".format) | FORMULA.map("$$\n{}\n$$".format) | st.tuples(PROSE, FORMULA).map("{0[0]} ${0[1]}$ {0[0]}".format)
)
NOWHERE = Labels().within("a")


def is_closed(piece):
    try:
        pandoc._require_closed(piece)
    except ReportError:
        return False
    return True


def allowed(pieces):
    """The trees of the pieces that the report may show, resolved."""
    found = []
    pieces = list(filter(is_closed, pieces))
    trees = pandoc.parse(pieces)
    assert len(trees) == len(pieces), "none reaches into the next"
    markdown.tie(trees)
    for tree in trees:
        try:
            found.append(markdown.resolved(tree, NOWHERE))
        except ReportError as error:
            assert str(error)
    return found


def written(pieces):
    """The Typst of the pieces that the report may show; those whose formula Pandoc does not understand are left out, as they are named."""
    found = allowed(pieces)
    while True:
        try:
            return pandoc.write([block for tree in found for block in tree])
        except pandoc.TexError as error:
            kept = [tree for tree in found if not any(tex.split() == error.tex.split() for tex in markdown.formulas(tree))]
            assert len(kept) < len(found), f"no cell has the formula that {error}"
            found = kept


@partial(fuzzed, at_once=AT_ONCE)
@given(st.lists(CASE, min_size=AT_ONCE, max_size=AT_ONCE))
def test_any_markdown_is_named_or_written(pieces):
    source = written(pieces)
    assert all(is_safe(address) for address in re.findall(r'#link\("((?:[^"\\]|\\.)*)"\)', source))
