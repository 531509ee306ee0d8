from tinylm.config import shown


def test_a_card_holds_title_facts_and_contents_and_no_markup_of_its_texts():
    found = shown.card("<b>", {"a < b": "1 & 2"}, shown.text("<i>\n"), "<hr>")
    assert (
        "<b>&lt;b&gt;</b>" in found
        and "a &lt; b" in found
        and "1 &amp; 2" in found
        and "&lt;i&gt;\n" in found
        and found.endswith("<hr></div>")
    )


def test_a_card_has_no_colour_that_only_one_theme_suits():
    assert "color:" not in shown.card("t", {"a": "b"}, shown.text("x")).replace("border-color:", "") and "background" not in shown.CARD


def test_a_table_has_its_numbers_to_the_right():
    found = shown.table(["part", "n"], [["head", "12"]])
    assert found.count("text-align: right") == 2 and found.count("text-align: left") == 2 and "<th" in found and "<td" in found
