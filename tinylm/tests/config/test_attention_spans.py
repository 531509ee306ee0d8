from hypothesis import given
from hypothesis import strategies as st

from tinylm.config.attention_spans import n_pairs, spans


def met(query, window):
    """The keys that a query may see, by definition: those not later, of its block or the one before."""
    return [key for key in range(query + 1) if not window or query // window - key // window <= 1]


@given(n_positions=st.integers(1, 20), window=st.integers(0, 25), data=st.data())
def test_spans_hold_the_keys_that_each_query_may_see(n_positions, window, data):
    n_out = data.draw(st.integers(1, n_positions))
    query = n_positions - n_out
    for span in spans(n_positions, n_out, window):
        first = span.first_block * (window or n_positions)
        for place in range(span.n_queries):
            hidden = span.n_queries - 1 - place  # keys of the span that are later than this query
            assert met(query, window) == list(range(first, first + span.n_keys - hidden))
            query += 1
    assert query == n_positions


def test_without_a_window_every_query_meets_every_key():
    assert n_pairs(7, 3, 0) == n_pairs(7, 3, 7) == 21
    assert n_pairs(8, 8, 4) == 4 * 4 + 4 * 8


@given(n_positions=st.integers(1, 40), window=st.integers(0, 45), data=st.data())
def test_pairs_are_those_of_the_spans(n_positions, window, data):
    n_out = data.draw(st.integers(1, n_positions))
    assert n_pairs(n_positions, n_out, window) == sum(span.n_queries * span.n_keys for span in spans(n_positions, n_out, window))
