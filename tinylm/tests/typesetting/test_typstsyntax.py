import json

import pytest
from chapters import code
from pandocfilters import Str

from tinylm.report import display
from tinylm.typesetting import ReportError
from tinylm.typesetting.typstsyntax import booktabs, lines_of, literal


def test_tables_break_headers_and_sentences_before_they_are_refused(report, shown):
    sentence = "A sentence that is far too long to stand in one line of the table, and goes on. " * 2
    wide = [{"model": "x", **{f"a long header {i}": 1.234 for i in range(9)}, "remark": sentence}]
    report(["# A", code(shown(display.table, wide, "fits", "Caption."))])


def test_only_a_wide_table_may_reach_into_the_margins(report, shown):
    intervals = [{"model": "a Transformer", **{f"gain {i}": "−0.123 [−0.456, −0.789]" for i in range(7)}}]
    with pytest.raises(ReportError, match=r"table many .* is too wide; pass wide=True, drop columns or shorten their headers"):
        report(["# A", code(shown(display.table, intervals, "many", "Caption."))])
    report(["# A", code(shown(display.table, intervals, "many", "Caption.", wide=True))])


def test_values_are_written_as_typst_reads_them():
    typst = pytest.importorskip("typst", reason="pip install typst")
    values = {"text": 'a "b" \\ c\n#d é', "yes": True, "number": -1.5, "small": 1e-7, "one": ["a"], "empty": [], "nested": [[1, 2], ["x"]]}
    source = "".join(f"#let {name} = {literal(value)}\n" for name, value in values.items())
    source += "#metadata((" + ", ".join(values) + ")) <all>"
    found = json.loads(typst.query(source.encode(), "<all>", field="value", one=True))
    assert found == list(values.values())


def test_only_columns_with_a_long_cell_break_and_headers_break_between_words():
    plain = [["name", "a long header", ""], ["x" * 30, "y" * 31, "1"], ["x", "y", "2"]]
    parts = booktabs("sizes", ["left", "left", "right"], plain, [[[Str(cell)] for cell in line] for line in plain])
    assert 'wraps: (false, true, false, ), short: (false, false, true, ), labels: ("name", "a long header", "", )' in parts[0]
    assert 'words: ("name", "header", "", )' in parts[0]
    assert [part[0]["c"] for part in parts if isinstance(part, list)] == [cell for line in plain for cell in line]


def test_an_interval_may_stand_below_its_number_and_a_sentence_breaks_anywhere():
    interval = "−12.3456 [−0.3631, +0.2802, 95 %]"
    plain = [["gain", "share", "remark"], [interval, "3e13", "A sentence of words (and a remark)"], ["+0.1", "–", ""]]
    (first, *_) = booktabs("gains", ["right"] * 3, plain, [[[Str(cell)] for cell in line] for line in plain])
    assert len(interval) > 30 and "wraps: (false, false, true, )" in first
    assert 'parts: ("[−0.3631, +0.2802, 95 %]", "", "", )' in first, "a column without intervals keeps its width"


def test_the_lines_of_a_table_are_counted_with_those_of_its_long_cells():
    assert lines_of([["a", "b"], ["x" * 30, ""], ["x" * 31, "y" * 91], ["", ""]]) == 1 + 1 + 4 + 1
