"""`ledger import`, `verify` and `show`."""

import json
from types import SimpleNamespace

import pytest
from records import EDITS, made

from tinylm import files, ledger, study
from tinylm.ledger import bundle

MISTAKES = {
    "ledger": "arguments are required: ACTION",
    "ledger import absent.tar": "cannot read absent.tar: No such file",
    "ledger verify absent": "absent is not a folder",
    "ledger show 0123": "no record has a key that begins with '0123'",
    "ledger show absent.json": "absent.json cannot be read: No such file",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, line):
    assert MISTAKES[line] in refused(line)


def test_import_merges(call, home):
    bundle.pack([("rope", made(0)), ("words", made(1))], home / "a.tar")
    code, out, _ = call(f"ledger import {home / 'a.tar'}")
    assert code == 0 and out.splitlines()[-1] == "docs/ledger, out/ledger: 2 added"
    code, out, _ = call(f"ledger import {home / 'a.tar'}")
    assert (code, out) == (0, "docs/ledger, out/ledger: 2 kept\n")
    bundle.pack([("rope", made(0, seconds=5.0)), ("words", made(1, version="last-0 adam-0"))], home / "b.tar")
    code, out, _ = call(f"ledger import {home / 'b.tar'}")
    assert code == 1 and out.splitlines()[-1] == "docs/ledger, out/ledger: 1 differs, 1 refused" and "differs: rope/" in out
    assert call(f"ledger import {home / 'b.tar'} --into {home / 'other'}")[0] == 1
    assert len(list((home / "other" / "rope").iterdir())) == 1


def test_in_a_clone_only_runs_of_the_study_are_added_to_its_ledger(call, home, monkeypatch):
    bundle.pack([("rope", made(0)), ("local", made(1))], home / "a.tar")
    monkeypatch.setattr(study, "plan", lambda profile: [SimpleNamespace(spec=made(0).spec)])
    assert call(f"ledger import {home / 'a.tar'}")[0] == 0
    assert [path.parent.name for path in files.LEDGER.glob("*/*.json")] == ["rope"]
    assert [path.parent.name for path in files.LOCAL_LEDGER.glob("*/*.json")] == ["local"]
    monkeypatch.setattr(study, "plan", lambda profile: [])
    assert call(f"ledger import {home / 'a.tar'}")[1] == "docs/ledger, out/ledger: 2 kept\n", "wherever they are"


def test_outside_a_clone_records_are_added_to_the_users(call, home, monkeypatch):
    monkeypatch.setattr(files, "IS_CLONE", False)
    bundle.pack([("rope", made(0))], home / "a.tar")
    assert call(f"ledger import {home / 'a.tar'}")[1].splitlines()[-1] == "out/ledger: 1 added"
    assert [path.parent for path in files.LOCAL_LEDGER.glob("*/*.json")] == [files.LOCAL_LEDGER / "rope"]
    (home / "a.tar").write_bytes((home / "a.tar").read_bytes()[:3000])
    code, out, _ = call(f"ledger import {home / 'a.tar'}")
    assert code == 1 and "cut or damaged" in out


def test_import_into_a_place_that_cannot_be_written(call, home):
    bundle.pack([("rope", made())], home / "a.tar")
    (home / "out").touch()
    code, _, err = call(f"ledger import {home / 'a.tar'}")
    assert code == 2 and "cannot write" in err


NOTHING = "0 edited, 0 broken, 0 stale, 0 changed, 0 missing, 0 unlisted"


def test_verify_names_broken_and_stale(call, home):
    assert call("ledger verify")[:2] == (0, f"0 records, {NOTHING}\n")
    good = ledger.write(made(0), files.LEDGER / "rope")
    assert call("ledger verify")[:2] == (0, f"1 records, {NOTHING}\n")
    ledger.write(made(1, version="last-0 adam-0"), files.LEDGER)
    ledger.write(made(2, corpus_sha256="0" * 64), files.LOCAL_LEDGER)
    good.with_name("renamed-s0-x.json").write_bytes(good.read_bytes())
    good.with_name("deep-s0-x.json").write_text("[" * 100_000)
    good.with_name("cut-s0-x.json").write_bytes(good.read_bytes()[:100])
    code, out, err = call("ledger verify")
    assert code == 1 and not err
    assert out.splitlines()[-1] == "6 records, 0 edited, 4 broken, 1 stale, 0 changed, 0 missing, 3 unlisted"
    assert "docs/ledger/rope/renamed-s0-x.json: broken: its name should be" in out
    assert "docs/ledger/rope/renamed-s0-x.json: unlisted: SHA256SUMS does not name it" in out
    assert "stale: made by last-0 adam-0" in out and "another text" in out
    mine = call(f"ledger verify {files.LOCAL_LEDGER}")[1].splitlines()[-1]
    assert mine == "1 records, 0 edited, 1 broken, 0 stale, 0 changed, 0 missing, 0 unlisted"
    code, out, _ = call("ledger verify --json")
    found = json.loads(out)
    problems = found.pop("problems")
    kinds = {"edited": 0, "broken": 4, "stale": 1, "changed": 0, "missing": 0, "unlisted": 3}
    assert code == 1 and found == {"records": 6} | kinds and len(problems) == 5
    assert problems["docs/ledger/rope/renamed-s0-x.json"][0].startswith("broken: its name should be")


@pytest.mark.parametrize("name", EDITS)
def test_verify_names_what_was_done_by_hand(call, name):
    path = ledger.write(made(0), files.LEDGER / "rope")
    do, says = EDITS[name]
    do(path)
    code, out, _ = call("ledger verify")
    assert code == 1 and f": {says}" in out and out.startswith("docs/ledger/rope/")


def test_what_came_by_a_merge_is_accepted_and_what_was_edited_is_not(call):
    gone, edited, came = (ledger.write(made(seed), files.LEDGER / "rope") for seed in range(3))
    gone.unlink()
    EDITS["FLOPs halved"][0](edited)
    EDITS["seconds changed"][0](came)
    code, out, _ = call("ledger verify --accept")
    assert code == 1 and out.startswith(f"accepted: docs/ledger/rope/{gone.name}\naccepted: docs/ledger/rope/{came.name}\n")
    assert out.splitlines()[-1] == "2 records, 1 edited, 0 broken, 0 stale, 1 changed, 0 missing, 0 unlisted"
    edited.unlink()
    assert call("ledger verify --accept")[0] == 0 and call("ledger verify")[0] == 0


def test_a_figure_without_its_numbers_is_named(call):
    files.FIGURES.mkdir()
    for name in ("a.csv", "a.png", "a.svg", "table.csv", "b.png"):
        (files.FIGURES / name).touch()
    code, out, _ = call("ledger verify")
    assert code == 1 and [line.partition(":")[0] for line in out.splitlines()[:-1]] == ["figures/b.csv", "figures/b.svg"]


def test_an_edited_record_is_not_imported(call, home):
    flops = made(1).flops
    bundle.pack([("rope", made(0)), ("rope", made(1, flops=flops - 1))], home / "a.tar")
    code, out, _ = call(f"ledger import {home / 'a.tar'}")
    assert code == 1 and out.splitlines()[-1] == "docs/ledger, out/ledger: 1 added, 1 refused"
    assert f"flops is {flops - 1}, but must be {flops}" in out
    assert call("ledger verify")[0] == 0


def test_show(call):
    path = ledger.write(made(3), files.LOCAL_LEDGER)
    out = call(f"ledger show {made(3).spec.key[:6]}")[1]
    assert out == call(f"ledger show {path}")[1]
    assert "3.2500 +- 0.0348" in out and "model.d_hidden = 8" in out and made(3).spec.key in out
    ledger.write(made(4), files.LOCAL_LEDGER)
    assert "2 records have a key that begins with ''; write more of it" in call(["ledger", "show", ""])[2]
    assert call(f"ledger show {made(3).spec.key} --json")[1] == path.read_text()
