import dataclasses

import numpy as np
import pytest

from tinylm.evaluation.arguments import ModelError
from tinylm.evaluation.attention import AttentionMaps, last_tokens


def test_rows_of_the_last_tokens_still_sum_to_one():
    full = np.tril(np.ones((1, 5, 5))) / np.arange(1, 6)[:, None]
    cut = last_tokens(full, 2)
    np.testing.assert_allclose(cut[0], [[0.75, 0.25, 0.0], [0.6, 0.2, 0.2]])
    np.testing.assert_array_equal(last_tokens(full, 5), full)


def reading(**fields):
    """Two layers of one head that read `a b`; the last token takes most from the first in layer 1, from itself in layer 2."""
    maps = [np.array([[[1.0, 0.0], [0.7, 0.3]]]), np.array([[[1.0, 0.0], [0.4, 0.6]]])]
    return AttentionMaps(
        **{"n_given": 2, "n_lead": 0, "tokens": ["a", "b"], "sources": ["a", "b"], "maps": maps, "is_last_only": False} | fields
    )


def test_words_say_where_the_last_token_looks():
    assert "The last token, b, takes most from a (0.70)." in reading().in_words(1, 1)
    assert "The last token, b, takes most from b (0.60)." in reading().in_words(2, 1)


def test_words_say_that_a_short_text_stands_after_text_of_the_corpus():
    maps = [np.array([[[0.5, 0.5, 0.0], [0.2, 0.5, 0.3]]])]
    words = reading(sources=["…", "a", "b"], maps=maps, n_lead=6).in_words()
    assert words.endswith("before these, with 6 tokens of its corpus that stand before a text too short for it.")


def test_of_a_model_trained_on_its_last_position_only_the_last_layer_is_distinguished():
    one = reading(is_last_only=True)
    assert "last position only" not in one.in_words(1, 1) and "last position only" in one.in_words(2, 1)


@pytest.mark.parametrize("value", [0, 9, "a", -1])
def test_a_layer_or_head_that_there_is_not_is_refused_with_the_range(value):
    maps = AttentionMaps(n_given=1, n_lead=0, tokens=["a"], sources=["a"], maps=[np.ones((3, 1, 1))] * 2, is_last_only=False)
    for show in (maps.weights, maps.in_words):
        with pytest.raises(ModelError, match="layer must be a whole number from 1 to 2"):
            show(layer=value)
        with pytest.raises(ModelError, match="head must be a whole number from 1 to 3"):
            show(head=value)


def test_weights_are_a_frame_and_the_card_names_every_head():
    one = reading()
    assert one.weights(2, 1).loc["b", "a"] == 0.4 and one.weights(1).columns.tolist() == ["a", "b"]
    assert "1.1" in one._repr_html_() and "2.1" in one._repr_html_() and 'title="0.700"' in one._repr_html_()
    assert repr(one) == "AttentionMaps(2 layers of 1 head, 2 tokens)"
    assert repr(dataclasses.replace(one, n_given=9)) == "AttentionMaps(2 layers of 1 head, the last 2 of 9 tokens)"
