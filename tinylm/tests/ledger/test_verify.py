"""What is said of records that were edited, and that nothing is said of those that were not."""

import copy
import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import EDITS, made
from specs import run_specs

from tinylm import data, files, flops, ledger
from tinylm.config import ConfigError, LSTMConfig, NgramConfig, RunSpec, TrainConfig, TransformerConfig
from tinylm.ledger import LedgerError, verify

MODEL = TransformerConfig(context_length=8, n_layer=2, n_head=2, d_model=8, d_ff=8)
TRAIN = TrainConfig(steps=9, n_evals=3, loss_at="all", batch_size=4, eval_stride=4, eval_tokens=600)
SPEC = RunSpec(corpus="grammar-char", model=MODEL, train=TRAIN)
SPECS = [
    SPEC,
    replace(SPEC, train=replace(TRAIN, keep="last", optimizer="muon", adam_lr=1e-3)),
    replace(SPEC, model=LSTMConfig(context_length=8, d_model=8), train=replace(TRAIN, steps=0, flops=10**8)),
    replace(SPEC, model=NgramConfig(order=3), train=TrainConfig(epochs=1, eval_tokens=500)),
]


def test_nothing_is_said_of_the_published_ledger():
    """No false alarm, and the ledger in this clone is as it was written."""
    assert verify.survey(files.LEDGER) == {}
    assert verify.n_records(files.LEDGER) > 1000


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.model.kind)
def test_nothing_is_said_of_a_record_as_training_makes_it(spec):
    assert verify.problem(made(spec=spec)) == ""


def diverged(step, n_points):
    """A run that was no number at a step, after so many validations."""
    whole = made(spec=SPEC)
    cost = vars(flops.cost_after(SPEC, data.info(SPEC.corpus), step))
    curve = whole.curve[:n_points]
    return replace(
        whole, status="diverged", valid=None, test=None, curve=curve, best_step=curve[0]["step"] if curve else 0, seconds=1.0, **cost
    )


@pytest.mark.parametrize(
    ("step", "n_points", "right"), [(1, 0, True), (3, 0, True), (3, 1, True), (7, 2, True), (7, 1, False), (2, 1, False)]
)
def test_a_diverged_run_has_the_validations_before_its_end(step, n_points, right):
    assert (verify.problem(diverged(step, n_points)) == "") is right


def test_a_diverged_run_has_no_score():
    assert verify.problem(replace(diverged(3, 1), test=made(spec=SPEC).test)) == "edited: a run that diverged has a score of test"


@pytest.mark.parametrize("changes", [{}, {"keep": "last", "average": "ema"}, {"lr": 1e30, "optimizer": "adamw", "n_evals": 9}])
def test_nothing_is_said_of_what_training_has_just_recorded(changes):
    from tinylm.training.loop import train

    record = train(replace(SPEC, train=replace(TRAIN, **changes)), data.load(SPEC.corpus))
    assert record.status == ("diverged" if "lr" in changes else "done")
    assert verify.problem(ledger.from_json(ledger.to_json(record))) == ""


def test_nothing_is_said_of_what_counting_has_just_recorded():
    from tinylm.evaluation.counts import count_record

    for n_tokens in (0, 500, 10**6):
        spec = replace(SPECS[-1], model=NgramConfig(order=2), train=TrainConfig(epochs=1, eval_tokens=500, train_tokens=n_tokens))
        assert verify.problem(ledger.from_json(ledger.to_json(count_record(spec, data.load(spec.corpus))))) == ""


def leaves(value, path=()):
    """The places of the numbers and texts of a record's fields."""
    if isinstance(value, dict | list):
        for place in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[place], (*path, place))
    else:
        yield path


# What only the sum of the file tells: what was measured and enters no other number, and the name of the machine.
MEASURED = ("seconds", "environment", "curve_seconds", "train_nll")


def changed(fields, path):
    fields = copy.deepcopy(fields)
    holder = fields
    for place in path[:-1]:
        holder = holder[place]
    old = holder[path[-1]]
    holder[path[-1]] = old + "x" if isinstance(old, str) else old + 1 if isinstance(old, int) else old * 1.01 + 0.01
    return fields


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.model.kind)
def test_a_change_of_any_number_is_noticed_but_of_what_was_only_measured(spec):
    fields = json.loads(ledger.to_json(made(spec=spec, curve_seconds=[0.1] * (3 if not spec.is_counts else 0))))
    silent = []
    for path in leaves({name: value for name, value in fields.items() if name != "spec"}):
        try:
            said = verify.problem(ledger.from_json(json.dumps(changed(fields, path))))
        except LedgerError as error:
            said = str(error)
        if not said:
            silent.append(path)
    measured = [path for path in silent if path[0] in MEASURED or path[-1] in MEASURED]
    # A loss of the curve that was not the best may rise, and the n-grams that a text has are not counted again.
    other = [path for path in silent if path not in measured and not (path[0] == "curve" and path[-1] == "valid_nll")]
    assert other == ([("n_params",)] if spec.is_counts else [])
    assert {path[0] for path in measured} >= {"seconds", "environment"}


@pytest.mark.parametrize(("name", "section"), [(name, section) for name in EDITS for section in ("control", "budget", "sweeps")])
def test_what_was_done_to_a_published_record_is_named(home, name, section):
    published = files.PACKAGE.parent / "docs" / "ledger" / section
    record = next(record for path in sorted(published.glob("*-s*-*.json")) if (record := ledger.read(path)).curve and record.test)
    path = ledger.write(record, files.LEDGER / section)
    assert verify.survey(files.LEDGER) == {}
    do, says = EDITS[name]
    do(path)
    found = verify.survey(files.LEDGER)
    assert any(line.startswith(says) for line in [line for said in found.values() for line in said]), found


def test_an_edited_record_whose_sum_was_written_anew_is_still_named(home):
    path = ledger.write(made(spec=SPEC), files.LEDGER / "rope")
    EDITS["a test NLL lowered"][0](path)
    assert verify.accept(files.LEDGER) == []
    assert [line.partition(":")[0] for line in verify.survey(files.LEDGER)[path]] == ["edited", "changed"]


def test_a_spec_that_its_corpus_cannot_run_is_no_record_of_it():
    record = replace(made(spec=SPEC), spec=replace(SPEC, model=replace(MODEL, context_length=10**6)))
    assert verify.problem(record).startswith("edited: its spec cannot be run: context_length=1000000 is too long")


@given(spec=run_specs(), step=st.integers(0, 10**40))
def test_whatever_the_spec_it_ends_and_raises_nothing(spec, step):
    record = replace(made(spec=SPEC), spec=replace(spec, corpus="grammar-char"), best_step=step)
    assert isinstance(verify.problem(record), str)


@pytest.mark.parametrize("size", [{"n_layer": 1_000, "attention_window": 1}, {"induction": (10**9,)}, {"context_length": 199_999}])
def test_the_size_of_a_model_takes_no_time(size):
    spec = replace(SPEC, model=replace(MODEL, **size))
    assert verify.problem(replace(made(spec=SPEC), spec=spec))


def test_more_blocks_than_a_text_has_take_no_memory():
    score = replace(made(spec=SPEC).test, n_tokens=10**6, block_size=1, blocks=[3.25] * 10**6)
    assert "test.blocks are 1,000,000, more than any text has" in verify.problem(made(spec=SPEC, test=score))


def test_check_lets_a_stale_record_pass_and_names_what_is_wrong_with_another():
    verify.check(made(version="last-0 adam-0"))
    with pytest.raises(LedgerError, match="flops is 1, but must be"):
        verify.check(made(flops=1))
    with pytest.raises(LedgerError, match="another text"):
        verify.check(made(corpus_sha256="0" * 64))


def test_facts_must_be_an_object_of_numbers(home):
    for text, said in (("[]", "not a JSON object"), ('{"a": NaN}', "NaN where a number must stand"), ("{", "JSONDecodeError")):
        path = files.LEDGER / "corpora" / "text.json"
        ledger.write_text(path, text)
        assert said in verify.survey(files.LEDGER)[path][0]


def test_a_score_among_facts_must_be_the_mean_of_its_blocks(home):
    path, score = files.LEDGER / "mixing" / "text.json", asdict(made(spec=SPEC).test)
    ledger.write_facts(path, {"key": "text", "test": score})
    assert verify.survey(files.LEDGER) == {}
    ledger.write_facts(path, {"key": "text", "test": score | {"nll": score["nll"] - 0.3}})
    assert "edited: test.nll is " in verify.survey(files.LEDGER)[path][0]
    ledger.write_text(path, json.dumps({"test": score | {"nll": score["nll"] - 0.3}}))
    assert verify.accept(files.LEDGER) == [] and "edited: test.nll" in verify.survey(files.LEDGER)[path][0]
    ledger.write_facts(path, {"test": {"blocks": 3}})
    assert "broken: test is no score" in verify.survey(files.LEDGER)[path][0]


def test_more_induction_than_any_vocabulary_allows_is_an_error():
    with pytest.raises(ConfigError, match="too high"):
        replace(MODEL, induction=(10**18,)).check_vocab_size(35)


def test_characters_belong_to_subwords_and_to_nothing_else():
    (record,) = [r for r in ledger.Ledger([files.LEDGER / "budget"]).records.values() if "bpe512" in r.spec.corpus and r.spec.is_counts]
    assert verify.problem(record) == ""
    few = replace(record, test=replace(record.test, characters=record.test.n_tokens - 1))
    assert "test.characters are" in verify.problem(few)
