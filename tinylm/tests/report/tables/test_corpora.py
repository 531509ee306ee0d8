from tinylm import data
from tinylm.data import statistics
from tinylm.report import tables


def test_tables_of_a_generated_corpus_need_no_file():
    found = [statistics.corpus_statistics(data.load("grammar-char"))]
    assert tables.corpora(found).loc[0, "vocabulary"] == data.vocab_size("grammar-char")
    assert tables.entropies(found).loc[0, "floor"] != "–"
    assert tables.headings(found).loc[0, "test, seen"] == "–"
