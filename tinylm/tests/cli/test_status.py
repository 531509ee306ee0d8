"""`status`: what is recorded and what is left."""

import json
import re

import pytest
from records import made

from tinylm import files, ledger, study

MISTAKES = {
    "status --profile fast": "unknown profile 'fast'",
    "status --section ropes": "unknown section 'ropes'",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_clear_message(refused, line):
    assert MISTAKES[line] in refused(line)


def planned(name, seed=0, section="architectures"):
    return next(run for run in study.section_plan(section, "full") if run.name == name and run.spec.seed == seed)


def test_status_counts_what_is_left(call, home):
    code, out, _ = call("status --json")
    empty = json.loads(out)
    assert code == 1 and not empty["complete"] and not empty["broken"]
    section, plan = empty["sections"]["rope"], study.section_plan("rope", "full")
    assert section["planned"] == len(plan) and section["recorded"] == 0
    assert section["missing"] == {str(seed): [run.name for run in study.select(plan, seed=seed)] for seed in range(5)}
    ledger.write(made(spec=planned("Linear").spec), files.LEDGER / "architectures")
    ledger.write(made(spec=planned("MLP").spec, version="last-0 adam-0"), files.LOCAL_LEDGER)
    ledger.write(made(spec=planned("Self-Attention").spec), files.LEDGER / "architectures").write_text("{")
    code, out, err = call("status --json --section architectures")
    section = json.loads(out)["sections"]["architectures"]
    assert code == 1 and err.count("warning: skipped a broken ledger file") == 1
    assert (section["recorded"], section["stale"], section["broken"]) == (1, {"0": ["MLP"]}, 1)
    assert section["flops_left"] == empty["sections"]["architectures"]["flops_left"] - made(spec=planned("Linear").spec).flops
    out = call("status")[1]
    assert "architectures 29 1 27 1 1" in re.sub(" +", " ", out)
    assert out.splitlines()[-1] == "Train what is left with: python -m tinylm train --missing"


def test_status_of_a_complete_section(call):
    runs = study.section_plan("rope", "smoke")
    for run in runs:
        ledger.write(made(spec=run.spec), files.LOCAL_LEDGER / "rope")
    code, out, err = call("status --profile smoke --section rope")
    assert code == 0 and out.endswith("Nothing is left.\n") and not err
    assert call("train --missing --profile smoke --section rope")[:2] == (
        0,
        f"{len(runs)} runs, {len(runs)} recorded, 0 to train: 0 FLOPs\n",
    )
