from tinylm.analysis import numbers


def test_amounts_spreads_and_signs_are_written_one_way():
    assert numbers.amount(5.554e13) == r"$5.55 \times 10^{13}$"
    assert numbers.amount(0) == numbers.spread(float("nan")) == "–"
    assert numbers.signed(-0.12345) == "−0.1235"
    assert (numbers.perplexity(2.0), numbers.perplexity(10.4126)) == ("7.389", "33,276")
    assert numbers.signed(0.1) == "+0.1000"
