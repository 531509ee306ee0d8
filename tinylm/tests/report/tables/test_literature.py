import math
import re

import pytest
from synthetic import record, result

from tinylm import files
from tinylm.config import TransformerConfig
from tinylm.report.tables import literature


def test_every_row_is_cited_and_an_estimate_needs_all_its_parts():
    known = (files.ROOT / "tinylm" / "typesetting" / "references.bib").read_text(encoding="utf-8")
    for row in literature.ROWS:
        assert re.search(rf"@\w+{{{row.source},", known), row.source
        assert bool(row.flops) == bool(row.applied and row.epochs)
    assert literature.ROWS[1].flops == pytest.approx(6 * 2.65e6 * 929_589 * 13)


def test_the_table_has_a_dash_for_what_is_not_stated():
    table = literature.published().set_index("model")
    assert list(table.loc["Kneser-Ney 5-gram [@mikolov2011]", ["parameters", "FLOPs", "recent words"]]) == ["–", "–", "–"]


def test_models_that_take_words_from_recent_text_are_marked_alike_theirs_and_ours():
    model = TransformerConfig(context_length=8, d_model=8, d_ff=8, pointer=4)
    ours = [result("b", record(nll, seed=s, corpus="ptb-eos", model=model)) for s, nll in enumerate((4.0, 4.2))]
    table = literature.published([*ours, result("a", record(5.0, corpus="wikitext-2-eos"))])
    assert set(table.loc[table["corpus"] == "ptb-eos", "recent words"]) == {"–", "cache", "pointer"}
    pointing = table[table["recent words"] == "pointer"].iloc[0]
    assert (pointing["test perplexity"], pointing["remark"]) == (f"{math.exp(4.1):.1f}", "n = 2")
    assert list(table["corpus"]) == sorted(table["corpus"], key=["ptb-eos", "wikitext-2-eos"].index)
    assert table.iloc[-1]["recent words"] == "–" and table.iloc[-1]["model"].startswith("ours: ")
    assert literature.published([result("c", record(5.0))]).equals(literature.published()), "others report nothing on that text"
