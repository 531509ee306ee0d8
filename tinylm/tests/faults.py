"""Provoke every fault on purpose and say what was lost: `python -m tinylm.tests.faults [--fuzz N] [--kills N]`, in a clone.

Runs the tests of each fault and writes docs/faults.md. Exit codes: 0 nothing was lost, 1 a test failed and the page stays as it was.
"""

import argparse
import math
import os
import platform
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tinylm import files, ledger
from tinylm.analysis import layout

PAGE = files.DOCS / "faults.md"
FUZZ, KILLS = "TINYLM_FUZZ", "TINYLM_KILLS"
HEADER = ["fault", "how it is provoked", "cases"]


@dataclass(frozen=True)
class Fault:
    """What may go wrong, how it is made to, and the tests that try it: files below tinylm/tests, or one test of a file.

    `repeated` names the environment variable that says how many cases a test tries; without it each test is as many as it has parameters.
    """

    name: str
    provoked: str
    tests: tuple[str, ...]
    repeated: str | None = None


TRAINING, REPORT = "training/test_faults.py::test_", "report/"
FAULTS = [
    Fault(
        "a sweep is killed",
        "kill -9 of the driver, of a worker or of all, at random moments; then the same command again",
        ("training/test_kills.py::test_killed_sweeps_go_on_to_the_ledger_of_an_undisturbed_one",),
        KILLS,
    ),
    Fault(
        "a rebuild is killed",
        "kill -9 at random moments, a quarter as often; then the same command again",
        ("report/test_kills.py::test_a_killed_rebuild_made_again_gives_the_records_and_figures_of_an_undisturbed_one",),
        KILLS,
    ),
    Fault(
        "a worker of a cluster is killed",
        "kill -9 of one of two workers in the middle of its run; of the driver",
        (
            "training/test_cluster.py::test_every_record_arrives_once_though_a_worker_is_killed",
            "training/test_cluster.py::test_a_run_whose_driver_is_killed_saves_its_state_and_ends",
        ),
    ),
    Fault(
        "the same work is started twice",
        "two sweeps in one folder, two trainings of one run, two rebuilds, several writers of one ledger, one text, one download",
        (
            "training/test_kills.py::test_two_sweeps_at_once_give_one_correct_ledger",
            "training/test_pool.py::test_a_run_that_another_training_is_at_is_named_and_left",
            "training/test_states.py::test_a_run_that_another_process_trains_is_not_begun",
            "report/test_pipeline.py::test_a_second_rebuild_is_told_which_process_is_at_it",
            "ledger/test_storage.py::test_writers_at_once_lose_no_line",
            "data/test_own_texts.py::test_two_writers_leave_one_text",
            "data/test_download.py::test_several_processes_may_download_into_one_folder",
        ),
    ),
    Fault(
        "somebody ends it",
        "Ctrl-C, SIGTERM and SIGHUP in training, in a notebook, while packages load",
        (
            "training/test_pool.py::test_an_interrupted_training_says_where_it_stands_and_goes_on_from_there",
            "report/test_execution.py::test_an_interrupt_ends_the_kernel_and_leaves_what_was_there",
            "report/test_pipeline.py::test_a_rebuild_hears_the_wish_to_end_as_an_interrupt",
            "report/test_pipeline.py::test_ctrl_c_while_packages_are_loaded_is_one_line",
            "cli/test_terminal.py::test_ctrl_c_while_packages_are_loaded_is_one_line",
            "config/test_interrupts.py",
        ),
    ),
    Fault(
        "the disk is full or may not be written",
        "a file system of 64 kB, a limit on file sizes, /dev/full, read-only folders; then room is made and it goes on",
        (
            TRAINING + "a_file_that_cannot_grow_is_one_error_and_the_run_is_trained_again",
            TRAINING + "a_full_disk_is_one_error_and_what_was_finished_stays",
            TRAINING + "a_record_that_cannot_be_written_keeps_the_checkpoint_of_its_run",
            TRAINING + "a_checkpoint_that_cannot_be_written_leaves_the_one_before",
            "models/test_checkpoint.py::test_a_failed_write_leaves_the_old_file_and_no_other",
            "ledger/test_storage.py::test_a_file_that_cannot_be_written_leaves_the_sums_as_they_were",
            "ledger/test_bundle.py::test_a_file_that_cannot_be_finished_leaves_the_old_one",
            "report/test_execution.py::test_what_was_there_stays_where_the_disk_is_full",
            "report/test_pipeline.py::test_a_full_disk_is_one_line_in_letters_that_the_terminal_has",
            "typesetting/test_publish.py::test_a_report_that_cannot_be_written_is_named",
            "typesetting/test_publish.py::test_figures_that_cannot_be_written_are_named_and_none_is_removed",
            "cli/test_terminal.py::test_an_output_that_takes_nothing_is_one_line",
        ),
    ),
    Fault(
        "too little memory, too few files",
        "the limits of the system set to what the process holds",
        (TRAINING + "too_few_files_or_too_little_memory_is_one_error",),
    ),
    Fault("the clock is set back", "an hour at every look", (TRAINING + "a_clock_that_is_set_back_changes_nothing",)),
    Fault(
        "a checkpoint or weights are damaged",
        "a flipped bit, a cut file, another run's file, a header that promises more than the file has",
        (
            "training/test_states.py::test_a_flipped_bit_of_a_tensor_is_noticed",
            "training/test_states.py::test_a_state_of_another_run_is_refused",
            "training/test_pool.py::test_a_broken_checkpoint_costs_its_own_run_a_new_start_and_the_others_nothing",
            "models/test_checkpoint.py::test_a_damaged_file_is_named_with_the_mend",
            "evaluation/test_weights.py",
            "evaluation/test_fuzz.py::test_a_header_that_promises_more_than_the_file_has_is_refused",
        ),
    ),
    Fault(
        "a record is edited",
        "every number of a record changed, a sum written anew, lines of the sums removed",
        (
            "ledger/test_verify.py",
            "ledger/test_storage.py::test_a_file_that_is_not_what_was_written_is_named",
            "ledger/test_storage.py::test_sums_that_are_gone_or_damaged_are_named",
            "report/test_pipeline.py::test_an_edited_ledger_is_named_and_nothing_is_rebuilt",
        ),
    ),
    Fault(
        "a notebook fails or is stopped",
        "an error in a cell, a killed kernel, a damaged file, an unknown parameter",
        (
            "report/test_execution.py::test_what_was_there_stays_until_a_notebook_has_run_to_its_end",
            "report/test_execution.py::test_a_killed_step_leaves_what_was_there_and_its_own_leftovers_go_at_the_next",
            "report/test_execution.py::test_a_damaged_notebook_is_named_with_the_mend",
            "report/test_execution.py::test_papermill_by_hand_refuses_what_a_notebook_does_not_have",
        ),
    ),
    Fault(
        "a download goes wrong",
        "connections broken, dripping, without ranges, false files, no server",
        ("data/test_download.py",),
    ),
    Fault(
        "a bundle of records is hostile",
        "paths that lead out, links, devices, false sizes, cut and damaged tars",
        ("ledger/test_bundle.py",),
    ),
    Fault(
        "any text, record, bundle, facts or sums are read",
        "valid ones, mutated at random",
        ("data/test_fuzz.py", "ledger/test_fuzz.py"),
        FUZZ,
    ),
    Fault(
        "any weights are read or named",
        "valid files, mutated at random",
        (
            "evaluation/test_fuzz.py::test_fuzz_the_reader_of_weights",
            "evaluation/test_fuzz.py::test_fuzz_what_is_printed_of_weights",
        ),
        FUZZ,
    ),
    Fault("any command line is given", "flags and values, mutated at random", ("cli/test_fuzz.py",), FUZZ),
    Fault("any Markdown or formula is typeset", "pieces put together at random", ("typesetting/test_fuzz.py",), FUZZ),
]


class Outcome:
    """What pytest reports: how many cases of each test passed, and which failed or were skipped."""

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self.failed: list[str] = []
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.skipped:
            self.skipped.append(report.nodeid)
        elif report.when == "call":
            self.passed[report.nodeid] += 1


def cases(fault: Fault, outcome: Outcome) -> int:
    """How many cases of a fault were tried."""
    n = sum(count for node, count in outcome.passed.items() if _belongs(node, fault))
    if fault.repeated is None:
        return n
    return n * (int(os.environ[KILLS]) // 4 if fault.tests[0].startswith(REPORT) else int(os.environ[fault.repeated]))


def _belongs(node: str, fault: Fault) -> bool:
    place = node.partition("tinylm/tests/")[2].partition("[")[0]
    return any(place == test or place.startswith(f"{test}::") for test in fault.tests)


def page(outcome: Outcome) -> str:
    """The page of a run in which nothing failed."""
    rows = [[fault.name, fault.provoked, f"{cases(fault, outcome):,}"] for fault in FAULTS]
    where = f"{platform.system()}, Python {platform.python_version()}"
    return f"""# What can go wrong

Written by `python -m tinylm.tests.faults` ({where}), which provokes each fault and fails if a finished run, an old file or a right
number is lost, if a process stays behind, or if the message is a traceback. None of the cases below failed. `pytest` repeats it in a short
form.

{layout.markdown(HEADER, rows, ["left", "left", "right"])}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tests of all faults; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tinylm.tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--fuzz", type=int, default=2_000, metavar="N", help="cases of each fuzzer (default: %(default)s)")
    parser.add_argument(
        "--kills", type=int, default=40, metavar="N", help="kills of sweeps, four times those of rebuilds (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    os.environ |= {FUZZ: str(args.fuzz), KILLS: str(args.kills)}
    outcome = Outcome()
    tests = dict.fromkeys(str(files.PACKAGE / "tests" / test) for fault in FAULTS for test in fault.tests)
    longest = math.ceil(max(3_600, 10 * args.fuzz))  # seconds of a test
    pytest.main(["-p", "no:cacheprovider", f"--rootdir={files.ROOT}", f"--timeout={longest}", *tests], plugins=[outcome])
    empty = [fault.name for fault in FAULTS if not cases(fault, outcome)]
    for line in [*outcome.failed, *(f"no case: {name}" for name in empty)]:
        print(line)
    if outcome.failed or empty:
        return 1
    ledger.write_text(PAGE, page(outcome))
    print(f"{PAGE.relative_to(files.ROOT)}: {len(FAULTS)} faults, {sum(cases(fault, outcome) for fault in FAULTS):,} cases, nothing lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
