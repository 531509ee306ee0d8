import math

from tinylm.analysis import numbers


def test_amounts_spreads_and_signs_are_written_one_way():
    assert numbers.amount(5.554e13) == r"$5.55 \times 10^{13}$" and numbers.amount(1e12) == r"$1.00 \times 10^{12}$"
    assert numbers.plus_minus(-0.0204, -0.0304, -0.0104) == "−0.020 ± 0.010"
    assert numbers.plus_minus(0.5, math.nan, math.nan) == "+0.500" and numbers.plus_minus(math.nan, math.nan, math.nan) == "–"
    assert numbers.plus_minus(0.5, 0.2, float("inf")) == "≥ +0.500 (+0.200)"
    assert numbers.amount(0) == numbers.spread(float("nan")) == "–"
    assert numbers.signed(-0.12345) == "−0.1235"
    assert (numbers.perplexity(2.0), numbers.perplexity(10.4126)) == ("7.389", "33,276")
    assert numbers.signed(0.1) == "+0.1000"
    assert [numbers.percent(value) for value in (2.79, -0.36, math.nan)] == ["+2.8 %", "−0.4 %", "–"]


def test_a_perplexity_has_four_digits_or_from_a_thousand_up_no_decimals():
    assert [numbers.perplexity(math.log(value)) for value in (1.0, 99.999, 999.94, 999.96)] == ["1.000", "100.0", "999.9", "1,000"]


def test_an_interval_says_what_is_known_of_it():
    assert numbers.interval(-0.5, -0.6, 0.4) == "−0.500 [−0.600, +0.400]"
    assert numbers.interval(0.5, math.nan, math.nan) == "+0.500"
    assert numbers.interval(-0.5, -0.6, math.inf) == "at least −0.500 (from −0.600)"
    assert numbers.interval(math.nan, math.nan, math.nan) == "–"


def test_a_distance_has_no_sign_and_its_interval_turns_with_it():
    assert numbers.distance(-0.5, -0.6, 0.1) == "0.500 [−0.100, 0.600]"
    assert numbers.distance(0.5, 0.4, 0.6) == "0.500 [0.400, 0.600]"
    assert numbers.distance(-0.5, math.nan, math.nan) == "0.500"


def test_a_p_value_is_not_shown_below_a_thousandth():
    assert [numbers.p_value(p) for p in (0.0, 0.00099, 0.001, 0.04567, 1.0)] == ["< 0.001", "< 0.001", "0.001", "0.046", "1"]
    assert numbers.p_value(math.nan) == "–"


def test_generated_text_is_one_line_of_code_in_which_nothing_is_markup():
    assert numbers.verbatim("`a` | *b*\nc") == "`` 'a' | *b* / c ``"


def test_powers_of_ten_are_short_in_sentences():
    assert [numbers.power(value) for value in (1e13, 7.55e13, 5e12, 2.2e13)] == [
        "$10^{13}$",
        r"$7.55 \times 10^{13}$",
        r"$5 \times 10^{12}$",
        r"$2.2 \times 10^{13}$",
    ]
