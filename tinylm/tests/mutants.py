"""Break the code on purpose and see who notices: `python -m tinylm.tests.mutants [NAME ...]`, in a clone with the corpora at hand.

Each mutant changes one place in a temporary copy of the package and runs what should fail there: a test, or the retraining check of the
first runs of its sample. The first run is without any mutant: nothing may fail then. Exit codes: 0 all killed, 1 one survived, 2 a mistake.
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tinylm import data, files
from tinylm.config import TinylmError

LIVE = "retraining check"
N_LIVE = 5  # the cheapest runs of the retraining check, which are part of every sample that has as many
DISAGREES = 3  # exit code of a retraining check that finds a run outside its band; an error has another one
COPIED = ("tinylm", "docs/ledger", "datasets/manifest.json", "pyproject.toml")


class MutantError(TinylmError):
    """A mutant that cannot be applied, or a check that fails without it or ends otherwise than in failure."""


@dataclass(frozen=True)
class Mutant:
    """A change of one place in a file of tinylm, and what must fail after it: tests below tinylm/tests, or LIVE."""

    name: str
    file: str
    old: str
    new: str
    killer: str


FLOPS, LOOP, OPTIMIZERS, SUMMARIES = "flops.py", "training/loop.py", "training/optimizers.py", "analysis/summaries.py"
RATE = "return peak * (share"
N_STARTS = "self.n_starts = min(n_train, "
NETWORKS = "models/networks"
MUTANTS = [
    Mutant("rate x 1.1", "training/schedules.py", RATE, "return 1.1 * peak * (share", LIVE),
    Mutant("rate x 1.3", "training/schedules.py", RATE, "return 1.3 * peak * (share", LIVE),
    Mutant("momentum x 0.9", OPTIMIZERS, "(train.beta1, train.beta2)", "(0.9 * train.beta1, train.beta2)", LIVE),
    Mutant("half of the text", "training/batches.py", N_STARTS, "self.n_starts = min(n_train // 2, ", LIVE),
    Mutant("initial weights without seed", LOOP, "torch.manual_seed(spec.seed)", "torch.manual_seed(0)", LIVE),
    Mutant("batches without seed", "training/batches.py", "self.seed, self.batch_size = spec.seed", "self.seed, self.batch_size = 0", LIVE),
    Mutant(
        "counts chosen by test",
        SUMMARIES,
        "min(counts, key=lambda record: record.valid.nll",
        "min(counts, key=lambda record: record.test.nll",
        "analysis/test_summaries.py::test_rivals_are_chosen_on_valid_among_counts_of_the_same_tokens",
    ),
    Mutant(
        "other tokens are the same",
        SUMMARIES,
        "and ranges[0] == ranges[1]",
        "",
        "analysis/test_summaries.py::test_a_pair_that_scored_other_tokens_is_refused",
    ),
    Mutant(
        "Holm as Benjamini-Hochberg",
        "analysis/significance.py",
        'method="holm"',
        'method="fdr_bh"',
        "analysis/test_significance.py::test_holm_by_hand",
    ),
    Mutant(
        "the text's noise left out",
        "analysis/significance.py",
        "parts = [*seeds, *text]",
        "parts = [*seeds]",
        "analysis/test_significance.py::test_text_noise_widens_the_interval_and_lends_no_degrees_of_freedom",
    ),
    Mutant(
        "backward as cheap as forward",
        FLOPS,
        "BACKWARD_PER_FORWARD = 2",
        "BACKWARD_PER_FORWARD = 1",
        "test_flops.py::test_backward_costs_twice_the_forward",
    ),
    Mutant(
        "mixing of values not counted",
        FLOPS,
        '"attention_scores": 4 *',
        '"attention_scores": 2 *',
        "test_flops.py::test_a_transformer_costs_what_pytorch_counts",
    ),
    Mutant(
        "Muon for free",
        FLOPS,
        '!= "muon":\n        return 0',
        '!= "sgd":\n        return 0',
        "test_flops.py::test_an_optimizers_products_are_part_of_every_step",
    ),
    Mutant(
        "a score as a mean of blocks",
        "ledger/scores.py",
        "nll=float(sums.sum() / sizes.sum())",
        "nll=float((sums / sizes).mean())",
        "ledger/test_scores.py::test_a_score_is_the_mean_over_tokens",
    ),
    Mutant(
        "scoring with dropout",
        "evaluation/nlls.py",
        "model.eval()",
        "model.train()",
        "evaluation/test_nlls.py::test_scoring_turns_dropout_off_and_leaves_mode_and_random_state",
    ),
    Mutant(
        "valid within train",
        "data/own_texts.py",
        '{"train": text[:start]',
        '{"train": text[:stop]',
        "data/test_own_texts.py::test_the_splits_are_the_text_cut_in_order",
    ),
    Mutant(
        "the held-out play within train",
        "data/plays.py",
        "_split(text[:low] + text[high:], ",
        "_split(text, ",
        "data/test_plays.py::test_a_play_with_speakers_of_its_own_is_held_out_and_cut_between_speeches",
    ),
    Mutant(
        "attention to the next token",
        f"{NETWORKS}/attention.py",
        ".triu(n_keys - n_queries + 1)",
        ".triu(n_keys - n_queries + 2)",
        f"{NETWORKS}/test_transformer.py::test_no_prediction_sees_a_later_token",
    ),
    Mutant(
        "Muon's momentum",
        OPTIMIZERS,
        "MOMENTUM = 0.95",
        "MOMENTUM = 0.9",
        "training/test_optimizers.py::test_muon_is_pytorchs_muon_beside_pytorchs_adamw",
    ),
    Mutant(
        "decay of biases and norms",
        OPTIMIZERS,
        "if p.ndim < 2], lr, 0.0)",
        "if p.ndim < 2], lr, train.weight_decay)",
        "training/test_optimizers.py::test_adamw_decays_matrices_and_embeddings_only",
    ),
    Mutant(
        "the worst weights kept",
        LOOP,
        "nll < history.best_nll",
        "nll > history.best_nll or not self.best",
        "training/test_loop.py::test_the_best_or_the_last_weights_are_tested",
    ),
    Mutant("a retraining check that always agrees", "report/retraining.py", "self.apart <= self.band", "True", "report/test_retraining.py"),
]


def apply(mutant: Mutant, package: Path) -> str:
    """Change the mutant's place in a copy of the package; the file's text before. MutantError where the old text is not there once."""
    path = package / mutant.file
    text = path.read_text(encoding="utf-8")
    if (n := text.count(mutant.old)) != 1:
        raise MutantError(
            f"mutant {mutant.name!r}: {mutant.file} has its old text {n} times, not once; write the mutant anew: {mutant.old!r}"
        )
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    return text


@contextmanager
def copy() -> Iterator[Path]:
    """A temporary copy of what the checks need of the clone."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for name in COPIED:
            source, target = files.ROOT / name, Path(folder) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        yield Path(folder)


def fails(killers: Sequence[str], root: Path) -> bool:
    """Whether the retraining check or one of the tests fails in a copy; MutantError where it ends in another way."""
    if killers == [LIVE]:
        command, failure = ["-m", "tinylm.tests.mutants", "--live"], DISAGREES
    else:
        tests = [str(root / "tinylm" / "tests" / killer) for killer in killers]
        command, failure = ["-m", "pytest", "-x", "-p", "no:cacheprovider", *tests], 1
    # No bytecode: it is told from its source by second and size, which a mutant can share with the mutant before.
    corpora = os.environ.get("TINYLM_DATA", str(files.DATASETS))
    own = {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "TINYLM_DATA": corpora, "TINYLM_HOME": str(root / "out")}
    done = subprocess.run([sys.executable, *command], cwd=root, env=os.environ | own, capture_output=True, text=True)
    if done.returncode not in (0, failure):
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise MutantError(f"{' '.join(command)} ended with exit code {done.returncode}, not in agreement or failure:\n{end}")
    return done.returncode == failure


def survivors(mutants: Sequence[Mutant]) -> list[Mutant]:
    """Apply one mutant after the other, print what became of each, and return those that nobody noticed."""
    survived = []
    with copy() as root:
        for killers in _baseline(mutants):
            if fails(killers, root):
                raise MutantError(f"without any mutant this fails already; correct it first: {', '.join(killers)}")
        for number, mutant in enumerate(mutants, start=1):
            started, text = time.perf_counter(), apply(mutant, root / "tinylm")
            killed = fails([mutant.killer], root)
            (root / "tinylm" / mutant.file).write_text(text, encoding="utf-8")
            survived += [] if killed else [mutant]
            outcome, seconds = "killed" if killed else "SURVIVED", time.perf_counter() - started
            print(f"{number:2}/{len(mutants)} {outcome:8} {seconds:4.0f} s  {mutant.name} ({mutant.file}): {mutant.killer}", flush=True)
    return survived


def _baseline(mutants: Sequence[Mutant]) -> list[list[str]]:
    """What is run without a mutant: the tests together, and the retraining check."""
    killers = dict.fromkeys(mutant.killer for mutant in mutants)
    tests = [killer for killer in killers if killer != LIVE]
    return [each for each in (tests, [LIVE] * (LIVE in killers)) if each]


def live() -> int:
    """The retraining check of the first runs of its sample, whatever this machine's speed: 0, or DISAGREES."""
    from tinylm.report import retraining  # with torch, which the mutants themselves need not wait for
    from tinylm.training import pool

    out = files.OUT / "verify"
    settings = pool.Settings(folder=out / "ledger", checkpoints=out / "checkpoints", weights=out / "weights")
    comparisons = retraining.compare(retraining.sample(math.inf, settings)[:N_LIVE], settings)
    print("\n".join(map(str, comparisons)))
    return 0 if all(each.agrees for each in comparisons) else DISAGREES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tinylm.tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these mutants")
    parser.add_argument("--live", action="store_true", help="only the retraining check, of this package as it is")
    args = parser.parse_args(arguments)
    if args.live:
        return live()
    if unknown := set(args.names) - {mutant.name for mutant in MUTANTS}:
        parser.error(f"no mutant {sorted(unknown)[0]!r}; there are: {', '.join(mutant.name for mutant in MUTANTS)}")
    chosen = [mutant for mutant in MUTANTS if not args.names or mutant.name in args.names]
    if any(mutant.killer == LIVE for mutant in chosen) and not data.available("tiny_shakespeare", None):
        parser.error("the retraining check needs tiny_shakespeare; fetch it with python -m tinylm download")
    started, survived = time.perf_counter(), survivors(chosen)
    print(f"{len(chosen) - len(survived)} of {len(chosen)} mutants killed in {time.perf_counter() - started:.0f} s")
    return 1 if survived else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MutantError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
