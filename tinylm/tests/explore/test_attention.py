import numpy as np
from explorer import DENSE, TEXT, trained

from tinylm import explore
from tinylm.config import LinearConfig


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
    for text, message in (("", "the text is empty"), ("Ü", "grammar-char has no")):
        panel = explore.Attention(text)
        panel.go.click()
        assert message in panel.notice.value and panel.layer.disabled and panel.picture.value == ""
