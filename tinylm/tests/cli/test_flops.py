"""`flops`: what runs cost, part by part."""

import json

import pytest

from tinylm import flops, study

MISTAKES = {
    "flops --corpus ptb": "a single run needs --corpus, and --model or --recipe",
    "flops --profile full": "--profile needs --section",
    "flops --section rope --heads 2": "--heads describes a single run",
    "flops --section rope --seeds 1": "--seeds goes with single runs",
    "flops --section ropes": "unknown section 'ropes'",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, line):
    assert MISTAKES[line] in refused(line)


def test_flops_of_the_paper(call):
    code, out, _ = call("flops")
    rows = {line[:24].strip(): line[24:].split() for line in out.splitlines()}
    assert code == 0 and len(rows) == 22
    assert rows["Linear"] == ["1,073,345", "9.58e11", "9.58e11", "4.12e13", "4.12e13", "42.99"]
    assert rows["Self-Attention"] == ["231,617", "5.28e12", "3.52e13", "1.19e13", "1.19e13", "0.34"]
    assert rows["Transformer"][1:3] == ["5.55e13", "7.55e13"]
    assert rows["PTB Transformer"][2:5] == ["1.14e14", "2.44e14", "2.44e14"]
    assert rows["RoPE"][-2] == "2.12e13"
    found = json.loads(call("flops --json")[1])
    assert [row["name"] for row in found][:4] == ["Linear", "MLP", "Self-Attention", "Transformer"]
    assert all(row["n_params_stated"] in (None, row["n_params"]) for row in found)


SPECS = [
    "mlp --steps 7",
    "mlp --hidden-widths 8,16,32 --activation gelu",
    "linear --epochs 2",
    "self-attention --epochs 1 --d-model 32",
    "transformer --budget 1e12 --loss-at all",
]


@pytest.mark.parametrize("flags", SPECS)
def test_parts_add_up_to_the_run(call, flags):
    (found,) = json.loads(call(f"flops --corpus ptb --json --model {flags}")[1])
    for convention, total in (("executed", found["flops"]), ("textbook", found["flops_textbook"])):
        parts = found["parts"][convention].values()
        assert sum(part["run"] for part in parts) == total > 0
        assert all(part["backward"] == flops.BACKWARD_PER_FORWARD * part["forward"] for part in parts)
    assert found["flops_6nd"] == 3 * found["flops_2nd"]
    text = call(f"flops --corpus ptb --model {flags}")[1]
    assert f"{found['n_params']:,} parameters" in text and "executed: head" in text and "textbook: total" in text


@pytest.mark.parametrize("command", ["flops", "train"])
def test_a_context_too_long_to_be_scored_is_said_in_flags(call, command):
    code, _, said = call(f"{command} --corpus grammar-char --model linear --context-length 30000 --steps 9")
    assert code == 2 and "--context-length 30000 leaves nothing to score" in said and "give --context-length 19999 or less" in said


def test_a_section(call):
    rows = {run.row.spec.key for run in study.section_plan("sweeps", "full")}
    assert len(call("flops --section sweeps")[1].splitlines()) == len(rows) + 2  # a title, and what is left out
    assert "PTB KN-5" in call("flops --section words --profile full")[1]
