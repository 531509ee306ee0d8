"""Names are for people: with every run called otherwise, each notebook shows the same, but for the names."""

import ast
import csv
import functools
from dataclasses import replace

import nbformat
import pytest

import tinylm
from tinylm import files, study
from tinylm.report import display


def called_otherwise(name):
    """A name in which nothing of the old one can be read as it stood: it begins, ends and is divided otherwise."""
    return f"⟦{name.replace(', ', '⋯').replace(' ', '·')}⟧"


def called_as_before(text):
    return text.replace("⟦", "").replace("⟧", "").replace("⋯", ", ").replace("·", " ")


def renamed(plan):
    """A section's plan with every run called otherwise."""

    @functools.wraps(plan)
    def otherwise(**parameters):
        return [replace(run, name=called_otherwise(run.name)) for run in plan(**parameters)]

    return otherwise


def lines_of(fig):
    """Colour, style and data of every line of a figure."""
    lines = [line for ax in fig.axes for line in ax.lines]
    return [(line.get_color(), line.get_linestyle(), line.get_marker(), line.get_xydata().tolist()) for line in lines]


def shown(notebook, monkeypatch):
    """What the code cells of a notebook show: text, captions, numbers, and the lines of figures in place of drawings."""
    found = []
    monkeypatch.setattr(display, "_save", lambda fig, form, **options: repr(lines_of(fig)).encode())
    monkeypatch.setattr(display, "_display", lambda bundle, **report: found.append((bundle, report)))
    names = {"tl": tinylm}
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(ast.parse(cell.source), notebook.name, "exec"), names)
    return [
        {
            "cells": [list(map(called_as_before, row)) for row in csv.reader(bundle.get("text/csv", "").splitlines())],
            "text": called_as_before(bundle.get("text/markdown", "")),
            "lines": bundle.get("image/svg+xml", ""),
            "caption": called_as_before(report.get("caption", "") + (report.get("note") or "")),
        }
        for bundle, report in found
    ]


@pytest.mark.parametrize("section", study.SECTIONS)
def test_a_notebook_shows_the_same_of_runs_that_are_called_otherwise(section, monkeypatch):
    notebook = files.NOTEBOOKS / f"{study.SECTIONS[section].notebook}.ipynb"
    before = shown(notebook, monkeypatch)
    for name, known in study.SECTIONS.items():
        monkeypatch.setitem(study.SECTIONS, name, replace(known, plan=renamed(known.plan)))
    after = shown(notebook, monkeypatch)
    assert before
    assert after == before
