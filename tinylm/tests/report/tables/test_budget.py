from synthetic import record, result

from tinylm.config import NgramConfig
from tinylm.report import tables


def test_purchases_stand_beside_the_counts_of_their_own_text():
    kn = result("KN-4", record(1.5, model=NgramConfig(order=4)))
    other = result("ptb", record(1.2, corpus="grammar-word"))
    networks = [*(result("a", record(nll, seed=s)) for s, nll in enumerate([1.4, 1.45, 1.5])), other]
    window = networks[0].record.spec.model.context_length
    near, far = (result(f"cache {size}", record(1.4, model=NgramConfig(order=4, cache=size))) for size in (window, window + 1))
    for counts, gap in (([kn], "−0.050"), ([kn, near], "+0.050"), ([kn, far], "−0.050")):
        frame = tables.bought([*counts, *networks]).set_index("run")
        assert frame.loc["a", "test − counts, 95 %"].startswith("−0.050")
        assert frame.loc["a", "test − with cache, 95 %"].startswith(gap), "the cache may be as long as the window, not longer"
    assert frame.loc["ptb", "test − counts, 95 %"] == "–" and frame.loc["ptb", "perplexity"] == "3.320"
    assert frame.loc["KN-4", "test"] == "1.5000" and frame.loc["KN-4", "test − counts, 95 %"] == "–"
