import json

import pandas as pd
import pytest

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


@pytest.mark.parametrize(("flops", "text"), [(75_500_000_000_000, "7.55e13"), (1e9, "1e9"), (1234, "1.23e3"), (500, "500"), (0, "0")])
def test_flops_are_short(flops, text):
    assert shown.short(flops) == text


def test_durations_are_in_the_readers_unit_and_shares_in_per_cent():
    found = [shown.duration(seconds) for seconds in (0.03, 0.44, 59, 90, 7200, 4 * 86400)]
    assert found == ["< 0.1 s", "0.4 s", "59 s", "1.5 min", "2.0 h", "4.0 days"]
    assert shown.share(1, 3) == "33.3 %"


def test_blanks_and_line_ends_become_signs():
    assert [shown.signs(token) for token in (" ", "\n", "a b", "<eos>")] == ["␣", "↵", "a␣b", "<eos>"]


def test_a_value_in_an_error_is_short_and_has_its_type():
    assert shown.brief("a") == "'a' (str)" and shown.brief(["a line"] * 99) == f"{repr(['a line'] * 99)[:60]}... (list)"
    assert "\n" not in shown.brief(pd.Series([1, 2]))


def test_an_amount_is_one_or_several():
    assert [shown.amount(n, "step") for n in (0, 1, 2000)] == ["0 steps", "1 step", "2,000 steps"]


def test_a_perplexity_is_never_too_large_to_be_shown():
    assert shown.perplexity(0.0) == 1.0 and shown.perplexity(709.0) < float("inf") == shown.perplexity(710.0) == shown.perplexity(1e38)


@pytest.mark.parametrize("odd", ["\x1b[31m", "\x9b2J", "\x07", "\r", "\x7f", "\x00", "\u202e", "\x08"])
def test_control_characters_are_written_out_and_other_text_is_as_it_is(odd):
    assert shown.printable(f"a{odd}b") == f"a{odd[0].encode('unicode_escape').decode()}{odd[1:]}b"
    assert shown.printable("déjà\tvu\n雨 \\x1b") == "déjà\tvu\n雨 \\x1b"
    assert shown.one_line("déjà\tvu\n雨\x1b") == "déjà\\tvu\\n雨\\x1b"
    text = shown.json_text({f"é{odd}": [odd]})
    assert odd not in text and "é" in text and json.loads(text) == {f"é{odd}": [odd]}
