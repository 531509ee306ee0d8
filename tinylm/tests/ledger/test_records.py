import dataclasses
import json
import os

import pytest
from records import made
from specs import LINEAR, TRANSFORMER, spec

from tinylm import files, ledger
from tinylm.config import TransformerConfig
from tinylm.ledger import Ledger, LedgerError, LedgerWarning, RunRecord, Score, records, versions

SCORE = Score(split="test", nll=2.0, se=0.04, n_tokens=300, start=8, stride=1, min_context=8, block_size=250, blocks=[1.9, 2.2])


def record(planned=None, **changes) -> RunRecord:
    planned = planned or spec()
    fields = {
        "spec": planned,
        "version": versions.current(planned),
        "status": "done",
        "vocab_size": 11,
        "n_params": 1234,
        "steps": 3,
        "windows": 12,
        "tokens_seen": 12,
        "flops": 10**15 + 1,
        "flops_textbook": 2 * 10**15,
        "flops_2nd": 3,
        "flops_6nd": 9,
        "curve": [{"step": 3, "tokens_seen": 12, "flops": 10**15 + 1, "train_nll": 2.125, "valid_nll": 2.25}],
        "best_step": 3,
        "valid": dataclasses.replace(SCORE, split="valid"),
        "test": SCORE,
        "seconds": 1.5,
        "corpus_sha256": "0" * 64,
        "environment": {"device": "cpu"},
    }
    return RunRecord(**(fields | changes))


@pytest.mark.parametrize("made", [record(), record(spec(LINEAR)), record(status="diverged", valid=None, test=None, curve=[])])
def test_round_trip(tmp_path, made):
    path = ledger.write(made, tmp_path / "new" / "section")
    assert ledger.read(path) == made
    assert path.name == f"markov-{made.spec.model.kind}-s0-{made.spec.key}.json"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_writing_twice_gives_the_same_bytes(tmp_path):
    first = ledger.write(record(), tmp_path).read_bytes()
    assert ledger.write(ledger.read(ledger.write(record(), tmp_path)), tmp_path).read_bytes() == first


@pytest.mark.parametrize("dropout", [1 - 0.9**2, 1 / 3, 0.123456789012345])
def test_a_setting_of_many_digits_keeps_its_key(tmp_path, dropout):
    planned = spec(TransformerConfig(context_length=8, ffn_dropout=dropout), lr=dropout / 1000)
    assert ledger.read(ledger.write(record(planned), tmp_path)).spec == planned


def test_results_are_kept_at_seven_digits(tmp_path):
    made = record(test=dataclasses.replace(SCORE, nll=2.00000012345))
    assert ledger.read(ledger.write(made, tmp_path)).test.nll == 2.0


def test_a_result_that_is_not_a_number_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        ledger.write(record(test=dataclasses.replace(SCORE, nll=float("nan"))), tmp_path / "ledger")
    assert not (tmp_path / "ledger").exists()


def test_a_failed_write_leaves_the_old_record_and_no_other_file(tmp_path, monkeypatch):
    path = ledger.write(record(), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(type(path), "replace", lambda self, target: os.remove(tmp_path / "absent"))
        with pytest.raises(LedgerError, match="cannot write .*No such file.*; make the folder writable or free some space"):
            ledger.write(record(seconds=99.0), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert ledger.read(path) == record()


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "ledger").write_text("a file where the folder should be")
    with pytest.raises(LedgerError, match=r"cannot write .*ledger.*make the folder writable"):
        ledger.write(record(), tmp_path / "ledger")


def edited(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data["spec"].update(seed=7), "is not its spec's, .* the file was edited; train the run again"),
        (lambda data: data.update(key="0" * 16), "the file was edited"),
        (lambda data: data.pop("key"), "KeyError"),
        (lambda data: data.pop("flops"), "flops"),
        (lambda data: data.update(colour="red"), "colour"),
        (lambda data: data["test"].pop("nll"), "nll"),
        (lambda data: data["test"].update(nll=float("nan")), "NaN where a number must stand"),
        (lambda data: data["valid"].update(se="small"), "valid.se must be a number, got 'small'"),
        (lambda data: data.update(n_params="many"), "n_params must be a whole number, got 'many'"),
        (lambda data: data.update(flops=True), "flops must be a whole number, got True"),
        (lambda data: data.update(curve=["a", "b"]), r"curve\[0\] must be an object, got 'a'"),
        (lambda data: data.update(curve="rising"), "curve must be a list"),
        (lambda data: data["curve"][0].update(valid_nll="low"), r"curve\[0\].valid_nll must be a number, got 'low'"),
        (lambda data: data["curve"][0].update(step=2.5), r"curve\[0\].step must be a whole number, got 2.5"),
        (lambda data: data["curve"][0].pop("flops"), r"curve\[0\] must be an object of step, tokens_seen, flops, train_nll, valid_nll"),
        (lambda data: data.update(curve=data["curve"] * 2), "curve must be in rising steps"),
        (lambda data: data["test"].update(nll=1e308), r"test.nll must be from zero to 3.5e\+38, got 1e\+308"),
        (lambda data: data["test"].update(se=-1), "test.se must be from zero"),
        (lambda data: data.update(steps=10**400), r"steps must be from zero to 1e\+30, got 10000"),
        (lambda data: data.update(tokens_seen=-5), "tokens_seen must be from zero"),
        (lambda data: data["test"].update(n_tokens=0), "test.n_tokens must be above zero"),
        (lambda data: data["test"].update(blocks=["a", 2.0]), r"test.blocks\[0\] must be a number, got 'a'"),
        (lambda data: data["test"].update(blocks=[2.0]), "test.blocks must be 2 numbers, got 1"),
        (lambda data: data["test"].update(blocks=[2.0] * 1_000_001), "test.blocks must be at most 1,000,000 long"),
        (lambda data: data["test"].update(parts={"new": [300]}), r"test.parts\['new'\] must be a number of tokens and a mean"),
        (lambda data: data.update(environment={"device": 3}), "environment.device must be a text, got 3"),
        (lambda data: data.update(environment={"device": "\x1b[2J"}), "environment.device must be 500 printable characters at most"),
        (lambda data: data.update(status="lost"), "status must be done or diverged, got 'lost'"),
        (lambda data: data["spec"]["model"].update(n_layer=10**18), r"n_layer must be at least 1 and at most 1,000"),
        (lambda data: data["spec"]["train"].update(steps=10**40), r"TrainConfig.steps: must be below 2\*\*63"),
        (lambda data: data["spec"]["train"].update(lr="high"), r"TrainConfig\.lr"),
        (lambda data: data["spec"]["model"].update(kind="mamba"), "unknown model kind"),
    ],
)
def test_an_edited_record_is_refused(tmp_path, change, reason):
    path = ledger.write(record(), tmp_path)
    edited(path, change)
    with pytest.raises(LedgerError, match=rf"(?s){path.name}.*{reason}"):
        ledger.read(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"key": 1, "spec": []}'])
def test_a_broken_file_is_named_skipped_and_kept(tmp_path, content):
    kept = ledger.write(record(), tmp_path)
    broken = tmp_path / "markov-linear-s0-0123456789abcdef.json"
    broken.write_bytes(content)
    found = Ledger([tmp_path])
    with pytest.warns(LedgerWarning, match=f"{broken.name}.*; restore it with git checkout, or delete it"):
        assert list(found.records) == [record().spec.key]
    assert broken.read_bytes() == content
    assert kept.exists()


def test_other_json_files_are_no_records(tmp_path):
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "ptb-eos.json").write_text("{}")
    assert Ledger([tmp_path, tmp_path / "absent"]).records == {}


def test_a_second_look_reads_only_what_has_changed_or_is_new(tmp_path, monkeypatch):
    read, paths = [], [ledger.write(record(spec(seed=seed)), tmp_path) for seed in (0, 1)]
    text = records.from_json
    monkeypatch.setattr(records, "from_json", lambda written: read.append(written) or text(written))
    assert len(Ledger([tmp_path]).records) == 2 and len(read) == 2
    assert len(Ledger([tmp_path]).records) == 2 and len(read) == 2
    ledger.write(record(spec(seed=2)), tmp_path), ledger.write(record(spec(seed=1), seconds=9.0), tmp_path)
    assert Ledger([tmp_path]).find(spec(seed=1)).seconds == 9.0 and len(read) == 3, "no other record is read for one"
    assert len(Ledger([tmp_path]).records) == 3 and len(read) == 4
    edited(paths[0], lambda data: data.update(flops=True))
    for _ in range(2):  # a broken file is named each time
        with pytest.warns(LedgerWarning, match="flops must be a whole number"):
            assert len(Ledger([tmp_path]).records) == 2


def test_a_file_under_the_name_of_another_run_is_named_and_skipped(tmp_path):
    written = ledger.write(record(), tmp_path)
    written.rename(written.with_name(written.name.replace(spec().key, spec(seed=1).key)))
    with pytest.warns(LedgerWarning, match=f"settings of another run than its name says: {spec().key}; restore it"):
        assert Ledger([tmp_path]).find(spec(seed=1)) is None


def test_the_first_folder_wins_unless_stale(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    ledger.write(record(seconds=1.0), first)
    ledger.write(record(seconds=2.0), second)
    assert Ledger([first, second]).find(spec()).seconds == 1.0
    assert Ledger([second, first]).find(spec()).seconds == 2.0
    ledger.write(record(version="last-0 adam-1"), first)
    assert Ledger([first, second]).find(spec()).seconds == 2.0


def test_a_stale_record_is_no_hit_and_says_why(tmp_path, monkeypatch):
    ledger.write(record(), tmp_path)
    monkeypatch.setitem(versions.PROTOCOLS, "last", 9)
    found = Ledger([tmp_path])
    assert found.find(spec()) is None
    assert found.explain(spec()) == "recorded by older code, last-1 adam-1, which is now last-9 adam-1"


def test_a_look_up_explains_itself(tmp_path):
    for planned in (spec(), spec(seed=1, lr=0.5), spec(dataclasses.replace(TRANSFORMER, n_layer=3))):
        ledger.write(record(planned), tmp_path)
    found = Ledger([tmp_path])
    assert found.explain(spec()) == "recorded"
    assert found.explain(spec(LINEAR)) == "not recorded"
    assert found.explain(spec(seed=1, lr=0.1, beta1=0.5, beta2=0.7)) == "not recorded", "so unlike the others that naming one says nothing"
    assert found.explain(dataclasses.replace(spec(), corpus="grammar-char")) == "not recorded", "of another text"
    assert found.explain(spec(seed=1)) in (
        "not recorded; the nearest recorded run has train.lr=0.5 instead of 0.0003",
        "not recorded; the nearest recorded run has seed=0 instead of 1",
    )
    assert found.explain(spec(seed=1, lr=0.25)) == "not recorded; the nearest recorded run has train.lr=0.5 instead of 0.25"
    assert Ledger([]).explain(spec()).startswith("not recorded")


def test_rows_are_flat():
    done, diverged = ledger.rows([record(), record(valid=None, test=None, status="diverged")])
    assert done["model.kind"] == "transformer"
    assert done["train.lr"] == 3e-4
    assert (done["valid_nll"], done["test_nll"], done["test_se"]) == (2.0, 2.0, 0.04)
    assert (diverged["test_nll"], diverged["status"]) == (None, "diverged")
    assert done.keys() == diverged.keys()
    assert not [name for name, value in done.items() if isinstance(value, dict | list)]


def test_every_published_record_reads_and_is_where_its_name_says():
    published = sorted(files.LEDGER.glob("**/*-s*-*.json"))
    if not published:
        pytest.skip("docs/ledger holds no record")
    records = [ledger.read(path) for path in published]
    assert [path.name for path in published] == [ledger.file_name(r.spec) for r in records]
    stale = [path.name for path, r in zip(published, records, strict=True) if r.is_stale]
    assert not stale, "these records were made by another version of the code; train them again"


def test_records_are_read_from_the_published_ledger_and_that_of_this_machine(home):
    for seed, folder in ((0, files.LEDGER), (1, files.LOCAL_LEDGER)):
        ledger.write(made(seed), folder / "toy")
    assert ledger.known().records.keys() == {made(0).spec.key, made(1).spec.key}
    assert set(ledger.known().sections.values()) == {"toy"}


def test_a_search_keeps_no_test_score_and_everything_else_has_one(tmp_path):
    searched = ledger.read(ledger.write(record(), tmp_path / ledger.SEARCH))
    assert searched.test is None and searched.valid == ledger.read(ledger.write(record(), tmp_path / "budget")).valid
    for section, text, says in (
        (ledger.SEARCH, ledger.to_json(record()), "holds no test score"),
        ("budget", ledger.to_json(dataclasses.replace(record(), test=None)), "lacks a score"),
        (ledger.SEARCH, ledger.to_json(dataclasses.replace(record(), valid=None, test=None)), "lacks a score"),
    ):
        path = tmp_path / section / ledger.file_name(record().spec)
        path.write_text(text, encoding="utf-8")
        with pytest.raises(LedgerError, match=says):
            ledger.read(path)
    diverged = dataclasses.replace(record(), status="diverged", valid=None, test=None)
    assert ledger.read(ledger.write(diverged, tmp_path / "budget")).test is None


def test_no_published_search_has_seen_the_test():
    found = [ledger.read(path) for path in (files.LEDGER / ledger.SEARCH).glob("*.json")]
    assert len(found) > 100 and all(one.test is None and one.valid is not None for one in found if one.status == "done")


def test_a_score_of_one_block_has_no_standard_error_to_show():
    several, one = (Score("test", 1.5, 0.01234, 250 * n, 8, 1, 8, 250, [1.5] * n) for n in (2, 1))
    assert (str(several), str(one)) == ("1.5000 +- 0.0123", "1.5000")
