"""What the commands share: one line for a mistake, numbers in arguments, requests, texts for readers."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import pytest
from records import made

from tinylm import files
from tinylm.cli import common, rebuild

MISTAKES = {
    "flops --corpus grammar-char --model mlp --budget -1e12": "argument --budget: '-1e12' is not a whole number from 1 up",
    "flops --corpus grammar-char --model mlp --budget -inf": "argument --budget: '-inf' is not a whole number from 1 up",
    "flops --corpus grammar-char --model mlp --lr -.5": "--lr: must not be negative, got -0.5",
    "train --budget": "argument --budget: expected at least one argument; see python -m tinylm train --help",
    "train extra": "unrecognized arguments: extra; see python -m tinylm train --help",
    "ledger verify --extra": "unrecognized arguments: --extra; see python -m tinylm ledger verify --help",
    "train --layer 2": "unrecognized arguments: --layer 2 (did you mean --layers?); see python -m tinylm train --help",
    "train --n-layers=2": "unrecognized arguments: --n-layers=2 (did you mean --layers?); see",
    "generate --promt x": "(did you mean --prompt?)",
    "--extra status": "unrecognized arguments: --extra; see python -m tinylm --help",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_that_names_the_help(refused, line):
    err = refused(line)
    assert MISTAKES[line] in err and err.startswith("error: ") and err.count("\n") == 1


@dataclass(frozen=True, kw_only=True)
class Fruit(common.Request):
    name: str
    sizes: tuple[int, ...]
    total: int = 0


def test_a_request_has_the_arguments_of_its_fields_and_what_is_made_of_others():
    args = argparse.Namespace(name="pear", sizes=[1, 2], total=7, other=None)
    assert Fruit.of(args) == Fruit(name="pear", sizes=(1, 2), total=7)
    assert Fruit.of(args, total=3).total == 3


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "", "1e3", "²"])
def test_whole_numbers_are_written_in_digits(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number from 0 up"):
        common.whole(0)(text)
    assert common.whole(0)("12") == 12


def test_a_minute_is_above_zero():
    assert common.minutes()("0.5") == 0.5
    for text in ("0", "-1", "inf", "nan", "soon"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a number of minutes above 0"):
            common.minutes()(text)


def test_planned_runs_are_chosen_by_profile_section_and_seed():
    runs = common.StudyRuns(section="rope", seeds=(1, 3)).planned()
    assert {(run.section, run.spec.seed) for run in runs} == {("rope", 1), ("rope", 3)}
    assert common.StudyRuns().is_published and not common.StudyRuns(profile="smoke").is_published
    with pytest.raises(common.UsageError, match="no planned run has seed 9"):
        common.StudyRuns(seeds=(1, 9)).planned()


def test_flops_are_written_as_in_python():
    assert common.outcome("a", made(flops=5 * 10**10))[4] == "5e10"


def test_a_table_has_its_first_column_to_the_left():
    assert common.table(["run", "n"], [["a", "10"], ["long", "2"]]) == "run    n\na     10\nlong   2"


def test_a_path_is_written_so_that_it_can_be_typed_here(home, monkeypatch):
    assert common.relative(files.OUT / "ledger") == "out/ledger"
    assert common.relative(home.parent) == str(home.parent)
    monkeypatch.chdir("/")
    assert Path("/", common.relative(files.OUT)) == files.OUT


def test_what_writes_into_the_repository_says_outside_one_that_it_needs_a_clone(call, monkeypatch):
    monkeypatch.setattr(files, "IS_CLONE", False)
    monkeypatch.setattr("sys.argv", ["run_me.py"])
    said = f"needs a clone of the repository, and this is the package installed in {files.PACKAGE}"
    assert call("export transformer --card") == (2, "", f"error: export {said}\n")
    with pytest.raises(common.UsageError) as error:
        rebuild.request("about")
    assert str(error.value) == f"run_me.py {said}"
