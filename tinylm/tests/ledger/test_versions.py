import typing

from specs import spec

from tinylm.config import NgramConfig, TrainConfig
from tinylm.ledger import versions


def test_versions_name_what_the_spec_uses():
    assert versions.current(spec(loss_at="all", optimizer="adamw")) == "all-1 adamw-1"
    assert versions.current(spec(NgramConfig(), epochs=1)) == "ngram-1"


def test_each_protocol_and_optimizer_of_a_spec_has_a_version():
    allowed = typing.get_type_hints(TrainConfig)
    assert set(typing.get_args(allowed["loss_at"])) == set(versions.PROTOCOLS)
    assert set(typing.get_args(allowed["optimizer"])) == set(versions.OPTIMIZERS)


def test_a_new_version_is_of_the_runs_that_use_what_changed(monkeypatch):
    specs = [spec(), spec(optimizer="muon"), spec(optimizer="muon", loss_at="all"), spec(NgramConfig(), epochs=1)]
    before = [versions.current(one) for one in specs]
    monkeypatch.setitem(versions.OPTIMIZERS, "muon", 7)
    assert [versions.current(one) != old for one, old in zip(specs, before, strict=True)] == [False, True, True, False]
