import numpy as np
import pytest
from explorer import DENSE, TEXT, trained

from tinylm import explore, files
from tinylm.config import LinearConfig
from tinylm.evaluation import weights
from tinylm.explore.attention import Reading, in_words, last_tokens, read, visible
from tinylm.explore.checkpoints import ExplorerError


def test_a_head_is_shown_for_each_layer_and_head(home):
    trained(DENSE, "all")
    panel = explore.Attention(TEXT)
    panel.go.click()
    assert (panel.layer.options, panel.head.options) == ((1, 2), (1, 2))
    pictures = [panel.picture.value]
    for widget, value in ((panel.head, 2), (panel.layer, 2), (panel.head, 1)):
        widget.value = value
        pictures.append(panel.picture.value)
    assert len(set(pictures)) == 4 and "Layer 2 of 2, head 1 of 2" in panel.caption.value
    assert "…" not in panel.caption.value and "last position only" not in panel.caption.value


def test_what_a_model_reads_before_the_text_is_one_column(home):
    trained(DENSE, "last")
    panel = explore.Attention(TEXT[:4])
    panel.go.click()
    assert "The column …" in panel.caption.value and "last position only" not in panel.caption.value
    panel.layer.value = 2
    assert "last position only" in panel.caption.value
    for maps in panel._reading.maps:
        assert maps.shape == (2, 4, 5)
        np.testing.assert_allclose(maps.sum(-1), 1, rtol=1e-5)


def test_of_a_long_text_the_last_tokens_are_shown(home):
    trained(DENSE, "all")
    panel = explore.Attention(2 * TEXT)
    panel.go.click()
    assert "Of 32 tokens the last 24 are shown." in panel.caption.value and "The column …" not in panel.caption.value


def test_a_model_without_attention_is_not_offered_and_a_text_it_cannot_read_is_said(home):
    trained(LinearConfig(context_length=8, d_model=4), "last")
    assert explore.Attention(TEXT).model.options == ()
    trained(DENSE, "all")
    for text, message in (("", "Write a text"), ("Ü", "grammar-char has no")):
        panel = explore.Attention(text)
        panel.go.click()
        assert message in panel.notice.value and panel.layer.disabled and panel.picture.value == ""


def test_rows_of_the_last_tokens_still_sum_to_one():
    full = np.tril(np.ones((1, 5, 5))) / np.arange(1, 6)[:, None]
    cut = last_tokens(full, 2)
    np.testing.assert_allclose(cut[0], [[0.75, 0.25, 0.0], [0.6, 0.2, 0.2]])
    np.testing.assert_array_equal(last_tokens(full, 5), full)


def reading(**fields):
    """Two layers of one head that read `a b`; the last token takes most from the first in layer 1, from itself in layer 2."""
    maps = [np.array([[[1.0, 0.0], [0.7, 0.3]]]), np.array([[[1.0, 0.0], [0.4, 0.6]]])]
    return Reading(**{"n_given": 2, "tokens": ["a", "b"], "sources": ["a", "b"], "maps": maps, "is_last_only": False} | fields)


def test_words_say_where_the_last_token_looks():
    assert "The last token, b, takes most from a (0.70)." in in_words(reading(), 0, 0)
    assert "The last token, b, takes most from b (0.60)." in in_words(reading(), 1, 0)


def test_of_a_model_trained_on_its_last_position_only_the_last_layer_is_told_apart():
    one = reading(is_last_only=True)
    assert "last position only" not in in_words(one, 0, 0) and "last position only" in in_words(one, 1, 0)


def test_blanks_and_line_ends_are_seen():
    assert [visible(token) for token in (" ", "\n", "a b", "<eos>")] == ["␣", "↵", "a␣b", "<eos>"]


def test_a_model_without_attention_says_what_to_choose(home):
    spec = trained(LinearConfig(context_length=8, d_model=4), "last")
    opened = weights.open_file(files.WEIGHTS / f"{spec.key}.safetensors", {})
    with pytest.raises(ExplorerError, match="This is a linear model, which has no attention; choose a Transformer"):
        read(opened, TEXT)
