import re
from types import SimpleNamespace

import pytest

from tinylm import data
from tinylm.analysis.expected import Expected
from tinylm.config import GatedCountsConfig, LSTMConfig, TinylmError, TransformerConfig
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


def plan(known=(10**10,)):
    """What `plans.made` gives: a Transformer, and it mixed with gated counts, which is advised."""
    seen = Expected(1.5, 1.4, 1.6, 1, known, is_outside=False, percent=80)
    network = SimpleNamespace(recipe="transformer", budget=2.5e11, seen=seen, beside="", title="Transformer")
    both = SimpleNamespace(**vars(network) | {"beside": "gated-counts", "title": "Transformer with gated counts"})
    return SimpleNamespace(flops=3e11, spent=5 * 10**10, choices=[SimpleNamespace(offer=both), SimpleNamespace(offer=network)])


def test_what_was_foreseen_is_kept_and_not_planned_again(home, monkeypatch):
    monkeypatch.setattr(unseen.plans, "made", lambda *args: plan())
    first = unseen.foreseen("a text", "grammar-char", 3 * 10**11, None)
    assert (first.budget, first.left, first.best, first.beside) == (250 * 10**9, 250 * 10**9, "transformer", "gated-counts")
    monkeypatch.setattr(unseen.plans, "made", lambda *args: pytest.fail("planned again"))
    assert unseen.foreseen("a text", "grammar-char", 3 * 10**11, None) == first


def test_a_run_that_is_recorded_cannot_be_foreseen(home, monkeypatch):
    monkeypatch.setattr(unseen.plans, "made", lambda *args: plan(known=(250 * 10**9,)))
    with pytest.raises(TinylmError, match="a text: 2.5e11 FLOPs are trained already"):
        unseen.foreseen("a text", "grammar-char", 3 * 10**11, None)


def test_a_mixture_is_compared_with_mixtures_of_half_and_double_its_size(home, monkeypatch):
    """By NLLs that say their model: the width of a network over 1,000, ten less mixed."""
    known = data.load("grammar-char")
    monkeypatch.setattr(unseen.plans, "made", lambda *args: plan())
    nll = {"transformer": lambda model: model.d_model / 1_000, "gated-counts": lambda model: 2.0, "lstm": lambda model: 3.0}
    monkeypatch.setattr(unseen, "trained", lambda specs, settings: [nll[spec.model.kind.replace("_", "-")](spec.model) for spec in specs])
    monkeypatch.setattr(unseen, "mixed_nll", lambda gated, network: nll["transformer"](network.model) - 10)
    forecasts, compared = unseen.checked("a text", known.decode(known.train[:40_000]), 3 * 10**11, None)
    width = round(1_000 * forecasts[1].nll)
    assert [one.what.split(",")[0] for one in forecasts] == ["gated counts", "Transformer", "both"]
    assert compared.nll == pytest.approx(width / 1_000 - 10)
    assert compared.rivals[:3] == pytest.approx([width / 2_000 - 10, width / 500 - 10, 3.0])


def test_sizes_are_those_that_a_model_has():
    assert unseen.resized(TransformerConfig(d_model=32, d_ff=64), 0.5) == TransformerConfig(d_model=16, d_ff=32)
    assert unseen.resized(LSTMConfig(d_model=32), 2) == LSTMConfig(d_model=64)
    assert unseen.resized(GatedCountsConfig(d_hidden=32), 2).d_hidden == 64
