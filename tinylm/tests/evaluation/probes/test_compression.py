import pytest

from tinylm import data, files
from tinylm.evaluation.probes import COMPRESSION, compression


def test_a_split_costs_what_it_lengthens_the_text_before_it():
    corpus = data.load("grammar-char")
    seen = []
    nll = compression.nats_per_token(corpus, "test", lambda text: seen.append(text) or len(text))
    whole, lead = seen
    assert whole.decode() == corpus.decode(corpus.train) + corpus.decode(corpus.test)
    assert whole.startswith(lead) and len(lead) == len(corpus.train) + 256
    assert nll == pytest.approx(8 * 0.6931472), "without compression each character is a byte"


def test_a_compressor_that_predicts_is_between_the_floor_and_one_that_repeats(home):
    COMPRESSION.record("grammar-char", files.LOCAL_LEDGER)
    found = {one.name: one for one in COMPRESSION.all("grammar-char")}
    facts = COMPRESSION.read("grammar-char", files.ledgers())
    assert list(found) == ["xz", "PPMd"] and facts["order"] in compression.ORDERS
    floor, best = data.grammar.floor("grammar-char", "test", 256, 0), COMPRESSION.best("grammar-char")
    assert floor < best.test < found["xz"].test < 8 * 0.6931472 and best == found["PPMd"]
    assert COMPRESSION.best("grammar-word") is None and COMPRESSION.all("grammar-word") == []
