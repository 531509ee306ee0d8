"""`ledger import`, `check` and `show`."""

import json

import pytest
from records import made

from tinylm import files, ledger
from tinylm.ledger import bundle

MISTAKES = {
    "ledger": "arguments are required: ACTION",
    "ledger import absent.tar": "cannot read absent.tar: No such file",
    "ledger check absent": "absent is not a folder",
    "ledger show 0123": "no record has a key that begins with '0123'",
    "ledger show absent.json": "absent.json cannot be read: No such file",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, line):
    assert MISTAKES[line] in refused(line)


def test_import_merges(call, home):
    bundle.pack([("rope", made(0)), ("words", made(1))], home / "a.tar")
    code, out, _ = call(f"ledger import {home / 'a.tar'}")
    assert code == 0 and out.splitlines()[-1] == "docs/ledger: 2 added"
    code, out, _ = call(f"ledger import {home / 'a.tar'}")
    assert (code, out) == (0, "docs/ledger: 2 kept\n")
    bundle.pack([("rope", made(0, seconds=5.0)), ("words", made(1, version="last-0 adam-0"))], home / "b.tar")
    code, out, _ = call(f"ledger import {home / 'b.tar'}")
    assert code == 1 and out.splitlines()[-1] == "docs/ledger: 1 differs, 1 refused" and "differs: rope/" in out
    assert call(f"ledger import {home / 'b.tar'} --into {home / 'other'}")[0] == 1
    assert len(list((home / "other" / "rope").iterdir())) == 1


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
    (home / "docs").touch()
    code, _, err = call(f"ledger import {home / 'a.tar'}")
    assert code == 2 and "cannot write" in err


def test_check_names_broken_and_stale(call, home):
    assert call("ledger check")[:2] == (0, "0 records, 0 broken, 0 stale\n")
    good = ledger.write(made(0), files.LEDGER / "rope")
    assert call("ledger check")[0] == 0
    ledger.write(made(1, version="last-0 adam-0"), files.LEDGER)
    ledger.write(made(2, corpus_sha256="0" * 64), files.LOCAL_LEDGER)
    good.with_name("renamed-s0-x.json").write_bytes(good.read_bytes())
    good.with_name("deep-s0-x.json").write_text("[" * 100_000)
    good.with_name("cut-s0-x.json").write_bytes(good.read_bytes()[:100])
    code, out, err = call("ledger check")
    assert code == 1 and not err and out.splitlines()[-1] == "6 records, 4 broken, 1 stale"
    assert "docs/ledger/rope/renamed-s0-x.json: broken: its name should be" in out
    assert "stale: made by last-0 adam-0" in out and "another text" in out
    assert call(f"ledger check {files.LOCAL_LEDGER}")[1].splitlines()[-1] == "1 records, 1 broken, 0 stale"
    code, out, _ = call("ledger check --json")
    found = json.loads(out)
    problems = found.pop("problems")
    assert code == 1 and found == {"records": 6, "broken": 4, "stale": 1} and len(problems) == 5
    assert problems["docs/ledger/rope/renamed-s0-x.json"].startswith("broken: its name should be")


def test_show(call):
    path = ledger.write(made(3), files.LOCAL_LEDGER)
    out = call(f"ledger show {made(3).spec.key[:6]}")[1]
    assert out == call(f"ledger show {path}")[1]
    assert "3.2500 +- 0.0500" in out and "model.d_hidden = 8" in out and made(3).spec.key in out
    ledger.write(made(4), files.LOCAL_LEDGER)
    assert "2 records have a key that begins with ''; write more of it" in call(["ledger", "show", ""])[2]
    assert call(f"ledger show {made(3).spec.key} --json")[1] == path.read_text()
