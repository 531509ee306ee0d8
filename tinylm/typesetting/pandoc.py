"""Markdown -> Pandoc's syntax tree -> Typst, by the program in the `pypandoc-binary` wheel: one call each way for the whole report."""

import json
import re
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinylm.typesetting.errors import ReportError

PYPANDOC_VERSION = "1.17"
TREE_VERSION = [1, 23, 1]  # of the syntax tree as JSON
# A notebook's Markdown as Jupyter shows it. TeX outside of formulas and citations as Pandoc has them are parsed to be refused.
MARKDOWN = "ipynb-superscript+citations+escaped_line_breaks+raw_tex+smart"
REFUSED_TEX = re.compile(r"Could not convert TeX math\s+(.*?)\s*, rendering as TeX:.*?\n *\^\n *([^\n]*)", re.DOTALL)
# TeX that Pandoc garbles in silence (it rounds spaces to a whole em), and what Typst calls it.
GARBLED = {"\\!": "#h(-0.1667em)", "\\;": "thick", "{,}": 'class("normal", comma)'}
STAND_INS = {tex: chr(0xE000 + number) for number, tex in enumerate(GARBLED)}  # characters that Pandoc passes through

PATIENCE = 300  # seconds for a call, which takes one or two
MOST_OPEN = 10  # square brackets: with each one more, Pandoc takes twice as long

Node = dict[str, Any]


class TexError(ReportError):
    """A formula that Pandoc does not understand."""

    def __init__(self, tex: str, why: str) -> None:
        super().__init__(f"{why} in the formula ${_replaced(' '.join(tex.split()), {sign: tex for tex, sign in STAND_INS.items()})}$")
        self.tex = tex


def parse(pieces: Sequence[str]) -> list[list[Node]]:
    """The blocks of each piece of Markdown; the pieces are cells to Pandoc, so none can reach into the next.

    Raises ReportError for a paragraph that Pandoc would not come to the end of.
    """
    for piece in pieces:
        _require_closed(piece)
    cells = [{"cell_type": "markdown", "metadata": {}, "source": piece} for piece in pieces]
    notebook = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}
    tree = json.loads(_run(json.dumps(notebook), "--from", MARKDOWN, "--to", "json"))
    return [cell["c"][1] for cell in tree["blocks"]]


def _require_closed(piece: str) -> None:
    for paragraph in re.split(r"\n\s*\n", piece):
        n_open = 0
        for bracket in re.findall(r"\\.|[\[\]]", paragraph):
            n_open = max(0, n_open + {"[": 1, "]": -1}.get(bracket, 0))
            if n_open > MOST_OPEN:
                raise ReportError(f"more than {MOST_OPEN} square brackets are open in {paragraph.strip()[:60]!r}; close them, or write \\[")


def write(blocks: list[Node]) -> str:
    """The blocks as Typst; raises TexError for a formula that Pandoc does not understand."""
    tree = {"pandoc-api-version": TREE_VERSION, "meta": {}, "blocks": blocks}
    source = _run(json.dumps(tree), "--from", "json", "--to", "typst", "--wrap", "none", "--fail-if-warnings")
    return _replaced(source, {STAND_INS[tex]: f" {typst} " for tex, typst in GARBLED.items()})


def corrected(tex: str) -> str:
    """The formula as `write` takes it, with stand-ins for what Pandoc would garble."""
    return re.sub(r"\\.|\{,\}", lambda m: STAND_INS.get(m[0], m[0]), tex)


def _replaced(text: str, by: dict[str, str]) -> str:
    for old, new in by.items():
        text = text.replace(old, new)
    return text


def convert(text: str, source: str, target: str) -> str:
    """A text of one of Pandoc's formats as another one."""
    return _run(text, "--from", source, "--to", target)


def _run(source: str, *options: str) -> str:
    wheel = find_spec("pypandoc")
    try:
        program = Path(wheel.origin).parent / "files" / "pandoc"
        done = subprocess.run([program, *options], input=source, capture_output=True, encoding="utf-8", timeout=PATIENCE)
    except (AttributeError, FileNotFoundError):
        raise ReportError(f"the report needs Pandoc: pip install pypandoc-binary=={PYPANDOC_VERSION}") from None
    except subprocess.TimeoutExpired:
        raise ReportError(f"Pandoc has not come to an end in {PATIENCE} s; divide the longest cells") from None
    if found := REFUSED_TEX.search(done.stderr):
        raise TexError(found[1], found[2])
    if done.returncode:
        raise ReportError(f"Pandoc: {done.stderr.strip()}")
    return done.stdout
