import math

import pytest
from synthetic import record, result

from tinylm.config import TransformerConfig
from tinylm.report.tables import literature
from tinylm.typesetting.bibliography import read_works
from tinylm.typesetting.publish import REFERENCES


def test_every_row_is_cited_and_an_estimate_needs_all_its_parts():
    known = [work.citation for work in read_works(REFERENCES)]
    for row in literature.ROWS:
        assert row.source in known
        assert bool(row.flops) == bool(row.applied and row.epochs)
    assert literature.ROWS[1].flops == pytest.approx(6 * 2.65e6 * 929_589 * 13)


def test_the_table_has_a_dash_for_what_is_not_stated():
    table = literature.published().set_index("model")
    assert list(table.loc[f"Kneser-Ney 5-gram {literature.MIKOLOV_2011}", ["parameters", "FLOPs", "recent words"]]) == ["–", "–", "–"]


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
