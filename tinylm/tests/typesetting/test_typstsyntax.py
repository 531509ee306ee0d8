from chapters import code

from tinylm.report import display


def test_tables_break_headers_and_sentences_before_they_are_refused(report, shown):
    sentence = "A sentence that is far too long to stand in one line of the table, and goes on. " * 2
    wide = [{"model": "x", **{f"a long header {i}": 1.234 for i in range(9)}, "remark": sentence}]
    report(["# A", code(shown(display.table, wide, "fits", "Caption.", wide=True))])
