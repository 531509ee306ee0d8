import pytest

from tinylm.config import links

TEXT = "LSTM [(Zaremba 2014)](https://arxiv.org/abs/1409.2329), [Table a](../figures/a.csv) [x] (y) a < b"


def test_plain_text_has_the_words_of_links():
    assert links.unlinked(TEXT) == "LSTM (Zaremba 2014), Table a [x] (y) a < b"


def test_html_has_anchors_and_escapes_the_rest():
    assert links.anchored(TEXT) == (
        'LSTM <a href="https://arxiv.org/abs/1409.2329">(Zaremba 2014)</a>, <a href="../figures/a.csv">Table a</a> [x] (y) a &lt; b'
    )
    assert links.anchored("`` 'a' <b> `` and `c`") == "<code>&#x27;a&#x27; &lt;b&gt;</code> and <code>c</code>"
    assert links.anchored('[a](https://example.org/"onclick=x)') == '<a href="https://example.org/&quot;onclick=x">a</a>'


@pytest.mark.parametrize("address", ["javascript:alert", "JAVASCRIPT:alert", "data:text/html,x", "vbscript:x", "file:///etc/passwd"])
def test_an_address_that_could_run_something_is_no_anchor(address):
    assert not links.is_safe(address) and not links.is_safe("\x01" + address) and links.anchored(f"[a]({address})") == "a"
    assert not links.is_safe("java\tscript:alert(1)")


@pytest.mark.parametrize("address", ["https://example.org", "HTTP://example.org", "mailto:a@b.org", "../docs/a.md", "a.ipynb#Limits", "#x"])
def test_pages_mail_and_files_may_be_linked(address):
    assert links.is_safe(address)
