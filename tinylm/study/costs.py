"""What a run costs, part by part and under four conventions, before it is run. Needs no torch."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tinylm import data, flops
from tinylm.config import shown
from tinylm.config.errors import Spelt
from tinylm.study import titles
from tinylm.study.planned import Planned

if TYPE_CHECKING:
    import pandas as pd

CONVENTIONS = {"executed": "flops", "textbook": "flops_textbook", "2ND": "flops_2nd", "6ND": "flops_6nd"}


@dataclass(frozen=True, repr=False)
class Cost(Spelt):
    """The FLOPs of a run under four conventions, its steps, and its parts; `facts` are all of them as JSON values."""

    facts: dict[str, Any]

    @property
    def n_params(self) -> int:
        """Number of trained parameters."""
        return self.facts["n_params"]

    @property
    def steps(self) -> int:
        """Number of updates."""
        return self.facts["steps"]

    @property
    def flops(self) -> int:
        """Executed training FLOPs, which a budget counts."""
        return self.facts["flops"]

    @property
    def totals(self) -> "pd.Series":
        """The run's FLOPs by convention: executed, textbook, 2ND and 6ND."""
        import pandas as pd  # a plan is made without it

        return pd.Series({name: self.facts[field] for name, field in CONVENTIONS.items()}, name="FLOPs")

    @property
    def parts(self) -> "pd.DataFrame":
        """FLOPs by part: forward and backward of one window, the whole run and its share; executed, and with every position computed."""
        import pandas as pd

        frame = pd.DataFrame.from_dict(
            {(convention, part): row for convention, parts in self.facts["parts"].items() for part, row in parts.items()}, orient="index"
        )
        frame.index.names = ["convention", "part"]
        return frame.assign(share=frame["run"] / frame.groupby("convention")["run"].transform("sum"))

    def __repr__(self) -> str:
        called = f"{self.facts['model']} on {self.facts['corpus']}"
        if not self.steps:
            return f"Cost({called}: counts are not trained, 0 FLOPs)"
        totals = ", ".join(f"{name} {shown.short(value)}" for name, value in self.totals.items())
        return f"Cost({called}: {self.n_params:,} parameters, {shown.amount(self.steps, 'step')}; FLOPs: {totals})"

    def _repr_html_(self) -> str:
        title = f"Cost of {self.facts['model']} on {self.facts['corpus']}"
        if not self.steps:
            return shown.card(title, {"FLOPs": "0; counts are not trained"})
        facts = {"parameters": f"{self.n_params:,}", "steps": f"{self.steps:,}", "target tokens": f"{self.facts['tokens_seen']:,}"}
        facts |= {f"FLOPs, {name}": shown.short(value) for name, value in self.totals.items()}
        executed = self.parts.loc["executed"]
        rows = [
            [part.replace("_", " "), f"{row.forward:,.0f}", f"{row.backward:,.0f}", shown.short(row.run), shown.share(row.share, 1)]
            for part, row in executed[executed["run"] > 0].iterrows()
        ]
        header = ["executed FLOPs", "forward, a window", "backward, a window", "whole run", "share"]
        return shown.card(title, facts, shown.table(header, rows))


def cost(run: Planned) -> Cost:
    """The cost of a planned run: its FLOPs by part, forward and backward of a window and of the whole run, executed and textbook."""
    info, length = data.info(run.spec.corpus), run.spec.model.context_length
    total, n_scored = run.cost, run.spec.n_targets
    parts: dict[str, Any] = {}
    for convention, n_out in (("executed", n_scored), ("textbook", length)):
        forward = flops.forward_parts(run.spec.model, info.vocab_size, n_out, n_scored)
        parts[convention] = {
            name: {
                "forward": value,
                "backward": flops.BACKWARD_PER_FORWARD * value,
                "run": (1 + flops.BACKWARD_PER_FORWARD) * value * total.windows,
            }
            for name, value in forward.items()
        } | {"optimizer": {"forward": 0, "backward": 0, "run": total.steps * flops.optimizer_flops(run.spec)}}
        if run.spec.teachers:
            taught = flops.teaching_flops(run.spec, info.vocab_size, n_out)
            before = sum(getattr(flops.run_cost(teacher, info), CONVENTIONS[convention]) for teacher in run.spec.teachers)
            parts[convention]["teachers"] = {"forward": taught, "backward": 0, "run": taught * total.windows + before}
    params = flops.n_params(run.spec.model, info.vocab_size)
    about = {
        "name": run.name,
        "model": titles.model(run.spec.model),
        "corpus": run.spec.corpus,
        "seed": run.spec.seed,
        "key": run.spec.key,
        "n_params": params,
    }
    return Cost(about | asdict(total) | {"parts": parts})
