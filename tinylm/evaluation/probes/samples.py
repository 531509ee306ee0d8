"""Continuations of baselines, so that the report shows samples without weights or torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinylm import data
from tinylm.evaluation.probes.probe import RunProbe, weights_file
from tinylm.study import Planned, select

STARTS = (0, 50_000)
TEMPERATURES = (0.3, 0.8, 1.0)
N_TOKENS = 100


class Samples(RunProbe):
    """How a run's weights continue the same windows of valid at each temperature."""

    folder = "samples"
    title = "samples"

    def subjects(self, plan: Sequence[Planned], corpora: Sequence[str] = ()) -> list[Planned]:
        """Seed 0 of every baseline on characters."""
        return [run for run in select(plan, role="baseline", seed=0) if data.info(run.spec.corpus).level == "character"]

    def measure(self, subject: Planned, data_dir: Path | None) -> dict[str, Any]:
        from tinylm.evaluation import generate  # torch is loaded only where something is sampled

        spec, corpus = subject.spec, data.load(subject.spec.corpus, data_dir)
        model = generate.load_model(spec, corpus, weights_file(subject))
        length, last = spec.model.context_length, len(corpus.valid) - spec.model.context_length
        prompts = [generate.Prompt(min(s, last), N_TOKENS, t) for s in STARTS for t in TEMPERATURES]
        texts = [
            {
                "start": prompt.start,
                "temperature": prompt.temperature,
                "seed": prompt.seed,
                "prompt": corpus.decode(corpus.valid[prompt.start : prompt.start + length]),
                "text": generate.continuation(model, corpus, length, prompt),
            }
            for prompt in prompts
        ]
        return {"key": spec.key, "samples": texts}


SAMPLES = Samples()
