import pytest
from searches import require_best, tried

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
    found = tried(lambda times: regularisers.spec([name], (text, 80_000, n_evals), (64, 4, 96), 10**13, times, 20_000))
    require_best(found, best[text], name)
