import re

import pytest

from tinylm.analysis.expected import Expected
from tinylm.tests import unseen
from tinylm.tests.unseen import Checked, Compared


def checked(nll, low, high, outcome):
    return Checked(text="a text", what="gated counts", seen=Expected(nll, low, high, 1, (), is_outside=False, percent=80), nll=outcome)


def test_a_forecast_is_compared_with_its_outcome():
    one = checked(2.0, 1.9, 2.1, 2.05)
    assert one.is_inside and one.half_width == pytest.approx(0.05) and one.miss == pytest.approx(2.0 / 2.05 - 1)
    assert not checked(2.0, 1.9, 2.1, 2.2).is_inside
    assert Compared(text="a text", title="a model", nll=1.5, rivals=[1.6, 1.4]).above == pytest.approx(0.1)


def test_the_page_counts_what_is_inside():
    forecasts = [checked(2.0, 1.9, 2.1, 2.0), checked(2.0, 1.9, 2.1, 2.2), checked(1.0, 0.98, 1.02, 1.0)]
    page = unseen.page(forecasts, [Compared(text="a text", title="Counts", nll=1.5, rivals=[1.6, 1.49, 1.7, 1.5])], 10**11)
    assert "- Gated counts: inside the 80 % interval 2 of 3, median half width 5.0 %" in page and "At most +0.010 nats above" in page
    assert len(re.findall(r"^\| a text", page, re.M)) == 4


def test_the_texts_that_python_brings_are_long_enough_and_always_the_same():
    for name in ("documentation of Python", "a CSV of Unicode's characters"):
        text = unseen.TEXTS[name]()
        assert len(text) > unseen.LEAST and text == unseen.TEXTS[name]()


def test_files_are_joined_in_one_order_and_those_that_are_no_text_left_out(tmp_path):
    for name, content in {"a": b"aa\n", "b": b"bb\n", "c": b"\xff", "d": b"\0"}.items():
        (tmp_path / name).write_bytes(content)
    assert sorted(unseen.joined(tmp_path.iterdir()).split()) == ["aa", "bb"]
    assert unseen.joined(tmp_path.iterdir()) == unseen.joined(tmp_path.iterdir())
