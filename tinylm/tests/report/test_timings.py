import math
from dataclasses import replace

import pytest
from synthetic import TIMINGS, planned, record

from tinylm import files
from tinylm.ledger import write_facts
from tinylm.report import timings


def test_timings_are_read_from_the_published_ledger_by_device(home):
    write_facts(files.LEDGER / "bench" / "gpu.json", TIMINGS)
    write_facts(files.LOCAL_LEDGER / "bench" / "cpu.json", TIMINGS)
    write_facts(files.LEDGER / "bench" / "runs.json", {"runs": {}})
    assert timings.recorded("gpu") == TIMINGS
    with pytest.raises(timings.TimingsError) as error:
        timings.recorded("gpuu")
    command = "python -m tinylm bench --json docs/ledger/bench/gpuu.json"
    assert str(error.value) == f"unknown device 'gpuu'; did you mean 'gpu'? There are: gpu; to time one, run `{command}` there"


def test_a_file_without_rows_is_no_timing(home):
    write_facts(files.LEDGER / "bench" / "cpu.json", TIMINGS | {"rows": []})
    assert timings.recorded() == {}


def test_times_of_runs_are_known_by_their_row(home):
    run = planned("MLP", record(2.0).spec)
    assert math.isnan(timings.seconds(run)) and timings.shown(run) == "–" and timings.of_runs() == ""
    write_facts(files.LEDGER / "bench" / "runs.json", {"machine": TIMINGS["machine"], "runs": {run.spec.key: 90.0}})
    third = planned("MLP", replace(run.spec, seed=3))
    assert timings.seconds(third) == 90.0 and timings.shown(third) == "1.5 min"
    assert timings.of_runs().startswith("Time: of training or counting alone, on an otherwise idle machine (some processor, 2 threads")


def test_the_readmes_table_names_the_machine_or_the_command_that_makes_it():
    lines = timings.markdown([TIMINGS]).splitlines()
    assert lines[0] == "| work | against | unit | ours | theirs | gain | aim |"
    assert lines[1] == "| --- | --- | --- | ---: | ---: | ---: | ---: |"
    assert lines[2] == "| a step | textbook | ms | 1.5 | 3 | 2.00 | 1.5 |" and len(lines) == 7
    assert lines[-1] == "Measured on some processor, 2 threads, Python 3.11.7, torch 2.13.0, 2026-01-02."
    assert timings.markdown([]) == "No timings are recorded: python -m tinylm bench --json docs/ledger/bench/cpu.json"


def test_several_machines_of_a_device_show_the_range_of_each_gain(home):
    slower = TIMINGS | {
        "machine": TIMINGS["machine"] | {"date": "2026-03-04", "kind": "family 1, model 2"},
        "rows": [row | {"ratio": row["ratio"] / 2} for row in TIMINGS["rows"][:2]],
    }
    write_facts(files.LEDGER / "bench" / "cpu.json", TIMINGS)
    write_facts(files.LEDGER / "bench" / "cpu-slow.json", slower)
    assert timings.recorded() == slower and timings.machines() == [slower, TIMINGS]
    lines = timings.markdown([slower, TIMINGS]).splitlines()
    assert lines[0].endswith("| gain | aim | on 2 machines |") and lines[2].endswith("| 1.00 | 1.5 | 1.00 to 2.00 |")
    assert "(family 1, model 2), 2 threads" in lines[-3] and lines[-1].startswith("Timed before on some processor, 2 threads")
    more = slower | {"rows": TIMINGS["rows"]}
    assert timings.markdown([more, slower]).splitlines()[4].endswith("| – |"), "one machine has it"


@pytest.mark.parametrize(
    "said",
    [
        "On some processor, 2 threads, Python 3.11.7, torch 2.13.0, 2026-01-02, 1 of 2 gains are reached; "
        "short of their aim are dense against a product (0.50, aim 0.65).",
        "In fp32 one large product runs at 400 GFLOP/s; the fastest step, with width 64, reaches 300, 75 per cent of it.",
        "In bf16 one large product runs at 800 GFLOP/s; the fastest step, with width 64, reaches 200, 25 per cent of it.",
        "as one size grows: width from 32 to 64: 3.0; depth from 1 to 2: 0.5.",
        "A step in fp32 with dropout spends 60 per cent of its time on matrix products; the rest goes to masks 30, sums 10.",
    ],
)
def test_the_reading_says_what_the_timings_show(said):
    assert said in timings.reading(TIMINGS)


def test_where_every_gain_is_reached_none_is_short():
    assert "1 of 1 gains are reached." in timings.reading(TIMINGS | {"rows": TIMINGS["rows"][:1]})
