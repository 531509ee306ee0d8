import re

import pytest

from tinylm import files
from tinylm.report.tables import literature


def test_every_row_is_cited_and_an_estimate_needs_all_its_parts():
    known = (files.ROOT / "tinylm" / "typesetting" / "references.bib").read_text(encoding="utf-8")
    for row in literature.ROWS:
        assert re.search(rf"@\w+{{{row.source},", known), row.source
        assert bool(row.flops) == bool(row.applied and row.epochs)
    assert literature.ROWS[1].flops == pytest.approx(6 * 2.65e6 * 929_589 * 13)


def test_the_table_has_a_dash_for_what_is_not_stated():
    table = literature.published().set_index("model")
    assert list(table.loc["Kneser-Ney 5-gram [@mikolov2011]", ["parameters", "estimated FLOPs"]]) == ["–", "–"]
