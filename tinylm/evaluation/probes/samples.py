"""Continuations of baselines and of purchases, so that the report shows samples without weights or torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinylm import data
from tinylm.config.interrupts import uninterrupted
from tinylm.evaluation import pretrained
from tinylm.evaluation.probes.probe import RunProbe
from tinylm.study import Planned, select

STARTS = (0, 50_000)  # of a baseline's window; a longer window ends where that one does
BASELINE = 128  # tokens in it
TEMPERATURES = (0.3, 0.8, 1.0)
N_TOKENS = 100
SHOWN = 100  # characters of the prompt


class Samples(RunProbe):
    """How a run's weights continue the same windows of valid at each temperature."""

    folder = "samples"
    title = "samples"

    def subjects(self, plan: Sequence[Planned], corpora: Sequence[str] = ()) -> list[Planned]:
        """Seed 0 of every baseline on characters and of every purchase."""
        found = select(plan, role=["baseline", "purchase"], seed=0)
        return [run for run in found if run.role == "purchase" or data.info(run.spec.corpus).level == "character"]

    def is_possible(self, subject: Planned, data_dir: Path | None) -> bool:
        return subject.spec.key in pretrained.at_hand() and data.available(subject.spec.corpus, data_dir)

    def measure(self, subject: Planned, data_dir: Path | None) -> dict[str, Any]:
        with uninterrupted():
            from tinylm.evaluation import generate  # torch is loaded only where something is sampled

        spec, corpus = subject.spec, data.load(subject.spec.corpus, data_dir)
        model = generate.load_model(spec, corpus, pretrained.at_hand()[spec.key])
        length, last = spec.model.context_length, len(corpus.valid) - spec.model.context_length
        begins = {s: min(max(0, s + BASELINE - length) if length > BASELINE else s, last) for s in STARTS}
        prompts = {(s, t): generate.Prompt(begin, N_TOKENS, t) for s, begin in begins.items() for t in TEMPERATURES}
        texts = [
            {
                "start": min(start, last),
                "temperature": prompt.temperature,
                "seed": prompt.seed,
                "prompt": corpus.decode(corpus.valid[prompt.start : prompt.start + length]),
                "text": generate.continuation(model, corpus, length, prompt),
            }
            for (start, _), prompt in prompts.items()
        ]
        return {"key": spec.key, "samples": texts}


SAMPLES = Samples()
