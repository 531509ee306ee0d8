import dataclasses
import subprocess

import pytest

from tinylm import files
from tinylm.tests import mutants

HOLM = next(mutant for mutant in mutants.MUTANTS if mutant.name == "Holm as Benjamini-Hochberg")


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_can_be_applied_and_its_tests_exist(mutant, tmp_path):
    source, target = files.PACKAGE / mutant.file, tmp_path / mutant.file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    before = mutants.apply(mutant, tmp_path)
    assert before == source.read_text(encoding="utf-8") != target.read_text(encoding="utf-8")
    if mutant.killer != mutants.LIVE:
        path, _, name = mutant.killer.partition("::")
        assert f"def {name}" in (files.PACKAGE / "tests" / path).read_text(encoding="utf-8")


def test_names_are_distinct():
    assert len({mutant.name for mutant in mutants.MUTANTS}) == len(mutants.MUTANTS)


@pytest.mark.parametrize(("old", "n"), [("no such text", 0), ("import", 2)])
def test_a_place_that_is_not_there_once_is_an_error(tmp_path, old, n):
    (tmp_path / "code.py").write_text("import a\nimport b\n")
    with pytest.raises(mutants.MutantError, match=f"'lost': code.py has its old text {n} times, not once"):
        mutants.apply(mutants.Mutant("lost", "code.py", old, "", mutants.LIVE), tmp_path)


def test_a_mutant_is_killed_by_its_test_and_the_clone_stays_as_it_is(capsys, monkeypatch):
    monkeypatch.setattr(mutants, "_baseline", lambda chosen: [])  # which is as long again, and has a test below
    source = (files.PACKAGE / HOLM.file).read_text(encoding="utf-8")
    assert mutants.main([HOLM.name]) == 0
    said = capsys.readouterr().out
    assert "1/1 killed " in said and "1 of 1 mutants killed" in said
    assert (files.PACKAGE / HOLM.file).read_text(encoding="utf-8") == source


def ends_with(monkeypatch, *codes):
    """Every process that is started ends at once, with these exit codes in turn."""
    left = list(codes)
    monkeypatch.setattr(mutants.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, left.pop(0), "out", "err"))


def test_a_mutant_that_nobody_notices_is_named_and_the_exit_code_says_so(monkeypatch, capsys):
    ends_with(monkeypatch, 0, 1, 0)
    monkeypatch.setattr(mutants, "MUTANTS", [HOLM, dataclasses.replace(HOLM, name="other")])
    assert mutants.main([]) == 1
    said = capsys.readouterr().out
    assert "1/2 killed " in said and "2/2 SURVIVED" in said and "1 of 2 mutants killed" in said


@pytest.mark.parametrize("killer, failure", [(HOLM.killer, 1), (mutants.LIVE, mutants.DISAGREES)])
def test_only_a_failure_kills_and_an_error_does_not(monkeypatch, tmp_path, killer, failure):
    ends_with(monkeypatch, 0, failure, 2)
    assert not mutants.fails([killer], tmp_path) and mutants.fails([killer], tmp_path)
    with pytest.raises(mutants.MutantError, match="exit code 2, not in agreement or failure:\nouterr"):
        mutants.fails([killer], tmp_path)


def test_a_check_that_fails_without_a_mutant_is_an_error(monkeypatch):
    monkeypatch.setattr(mutants, "fails", lambda killers, root: True)
    with pytest.raises(mutants.MutantError, match="without any mutant this fails already"):
        mutants.survivors([HOLM])


def test_an_unknown_name_lists_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        mutants.main(["nothing"])
    assert "no mutant 'nothing'; there are: rate x 1.1" in capsys.readouterr().err
