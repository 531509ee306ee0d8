from tinylm.analysis import layout

HEADER, ROWS = ["run", "NLL"], [["a", "2.5"], ["long & <b>", "10"]]
ALIGN = layout.beside(HEADER)


def test_plain_columns_are_padded_to_their_side():
    assert layout.plain([HEADER, *ROWS], ALIGN).splitlines() == ["run         NLL", "a           2.5", "long & <b>   10"]


def test_markdown_says_the_side_in_its_rule():
    assert layout.markdown(HEADER, ROWS, ALIGN).splitlines() == ["| run | NLL |", "| --- | ---: |", "| a | 2.5 |", "| long & <b> | 10 |"]


def test_html_escapes_what_it_shows():
    shown = layout.html("c < d", HEADER, ROWS, ALIGN, "a note")
    assert "<caption>c &lt; d</caption>" in shown and "long &amp; &lt;b&gt;" in shown and "<small>a note</small>" in shown
    assert shown.count('style="text-align:right"') == 3


def test_the_first_columns_are_words():
    assert layout.beside(["a", "b", "c"], 2) == ["left", "left", "right"]
