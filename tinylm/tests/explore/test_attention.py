import dataclasses

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


def test_another_text_and_another_model_are_read_with_the_layer_and_head_chosen_before(home):
    small, large = trained(dataclasses.replace(DENSE, n_layer=1), "all"), trained(DENSE, "all")
    panel = explore.Attention(TEXT)
    files_of = {path.stem: path for path in dict(panel.model.options).values()}
    panel.model.value = files_of[large.key]
    panel.go.click()
    panel.layer.value, panel.head.value = 2, 2
    first = panel.picture.value
    panel.text.value = TEXT[::-1]
    panel.go.click()
    assert (panel.layer.value, panel.head.value) == (2, 2) and "Layer 2 of 2, head 2 of 2" in panel.caption.value
    assert panel.picture.value != first
    panel.model.value = files_of[small.key]
    panel.go.click()
    assert (panel.layer.value, panel.head.value) == (1, 2) and "Layer 1 of 1, head 2 of 2" in panel.caption.value


def test_the_map_and_its_weights_are_handed_out(home):
    trained(DENSE, "last")
    panel = explore.Attention(TEXT[:4])
    assert panel.figure is None and panel.data.empty
    panel.go.click()
    assert panel.data.dtypes[["reader", "source", "weight"]].map(str).tolist() == ["int64", "int64", "float64"]
    np.testing.assert_allclose(panel.data.groupby("reader")["weight"].sum(), np.ones(4), rtol=1e-5)
    assert panel.data["reader_token"].drop_duplicates().tolist() == ["D", "o", "m", "i"]
    assert panel.data["source_token"].tolist()[:5] == ["…", "D", "o", "m", "i"]
    np.testing.assert_array_equal(panel.figure.axes[0].images[0].get_array().ravel(), panel.data["weight"])
    panel.text.value = ""
    panel.go.click()
    assert panel.figure is None and panel.data.empty


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
