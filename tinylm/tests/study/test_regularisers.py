from dataclasses import replace

import pytest

from tinylm import files, ledger
from tinylm.study import regularisers

# A text, one of its changes, the best multiple, and how often the search validated.
SEARCHES = [
    ("ptb-eos", "baseline", regularisers.TIMES, 28),
    ("wikitext-2-eos", "baseline", regularisers.TIMES, 12),
    ("ptb-eos", "all words", regularisers.TIMES_OF_ALL, 15),
    ("wikitext-2-eos", "all words", regularisers.TIMES_OF_ALL, 12),
]


@pytest.mark.parametrize(("text", "name", "best", "n_evals"), SEARCHES)
def test_a_rate_is_the_best_of_its_search_and_bracketed_on_both_sides(text, name, best, n_evals):
    known = ledger.Ledger([files.LEDGER / ledger.SEARCH])
    nlls = {}
    for times in [2.0**i for i in range(-5, 4)]:
        spec = regularisers.spec([name], (text, 80_000, n_evals), (64, 4, 96), 10**13, times, 20_000)
        if record := known.find(replace(spec, seed=100)):
            nlls[times] = record.valid.nll
    assert min(nlls, key=nlls.__getitem__) == best[text] and min(nlls) < best[text] < max(nlls), nlls
