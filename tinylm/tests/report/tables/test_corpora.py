from tinylm import data
from tinylm.data import statistics
from tinylm.report import tables


def test_tables_of_a_generated_corpus_need_no_file():
    found = [statistics.corpus_statistics(data.load("grammar-char"))]
    assert tables.corpora(found).loc[0, "vocabulary"] == data.vocab_size("grammar-char")
    assert tables.entropies(found).loc[0, "floor"] != "–"
    assert tables.headings(found).loc[0, "test, seen"] == "–"


def facts(corpus, **more):
    rates = {"uniform_entropy": 4.1744, "unigram_entropy": 3.3, "bigram_entropy": 2.4567, "oov_rate": {"valid": 0.5, "test": 0.0123}}
    sizes = {"level": "word", "vocab_size": 65, "n_tokens": {"train": 100, "valid": 10, "test": 20}}
    return {"corpus": corpus} | sizes | rates | more


def test_entropies_and_rates_are_those_of_the_test():
    frame = tables.entropies([facts("a"), facts("b", unk_rate={"test": 0.05}, floor={"valid": 9.0, "test": 1.5})]).set_index("corpus")
    assert list(frame.loc["a"]) == ["4.174", "3.300", "2.457", "1.23 %", "–", "–"]
    assert list(frame.loc["b"])[3:] == ["1.23 %", "5.00 %", "1.500"]


def test_corpora_show_the_tokens_of_each_split():
    (row,) = tables.corpora([facts("a")]).to_dict("records")
    assert row == {"corpus": "a", "level": "word", "vocabulary": 65, "train": 100, "valid": 10, "test": 20}


def test_corpora_without_headings_are_left_out_where_another_has_some():
    found = {"valid": {"seen": 1_000, "unseen": 2}, "test": {"seen": 3, "unseen": 4_000}}
    frame = tables.headings([facts("a"), facts("plays", headings=found)])
    assert frame.values.tolist() == [["plays", "1,000", "2", "3", "4,000"]]
    assert list(frame.columns) == ["corpus", "valid, seen", "valid, unseen", "test, seen", "test, unseen"]
