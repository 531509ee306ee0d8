"""What run_me.py is asked for, and what that means: which runs are planned, recorded, left. Loads neither torch nor Jupyter for it."""

from dataclasses import dataclass
from pathlib import Path

from tinylm import files, ledger, study
from tinylm.config.interrupts import uninterrupted
from tinylm.study import Planned


@dataclass(frozen=True)
class Request:
    """What the user asked run_me.py for."""

    profile: str
    sections: tuple[str, ...]
    device: str
    data_dir: Path | None
    fresh: bool
    train: bool = False
    verify_minutes: float = 0.0
    only_status: bool = False
    workers: int | None = None
    cluster: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether this is the published study, whose outputs are tracked."""
        return self.profile == "full"

    @property
    def trains(self) -> bool:
        """Whether runs without a record are trained first; the small profiles always are."""
        return self.train or self.fresh or not self.is_full

    @property
    def verifies(self) -> bool:
        """Whether a sample of the published ledger is retrained and compared."""
        return self.is_full and self.verify_minutes > 0 and not self.fresh

    @property
    def own_device(self) -> str:
        """Where this machine computes; beside a cluster `device` is that of the cluster's workers."""
        return "cpu" if self.cluster else self.device

    @property
    def folder(self) -> Path:
        """Where executed notebooks go, and all results of the small profiles."""
        return files.OUT / self.profile

    @property
    def ledger(self) -> Path:
        """Where new records go."""
        return files.LEDGER if self.is_full else files.LOCAL_LEDGER

    @property
    def plan(self) -> list[Planned]:
        """The planned runs of the requested sections, seed by seed."""
        return [run for run in study.plan(self.profile) if run.section in self.sections]

    def missing(self) -> list[Planned]:
        """Planned runs without a record of today's code; all of them when a fresh study is asked for."""
        if self.fresh:
            return self.plan
        found = ledger.Ledger([files.LEDGER, self.ledger])
        return [run for run in self.plan if found.find(run.spec) is None]


def describe(request: Request) -> str:
    """The plan in one paragraph: runs recorded, runs to train, their FLOPs, the time this machine should take."""
    missing = request.missing()
    total = sum(run.cost.flops for run in missing)
    n = len(request.plan)
    text = f"{request.profile} study: {n} runs planned, {n - len(missing)} recorded, {len(missing)} to train"
    if not missing:
        return text
    return f"{text} ({total:.2e} FLOPs{_forecast(request, missing)})"


def _forecast(request: Request, missing: list[Planned]) -> str:
    """How long this machine's CPU should take where that is asked for; nothing is known of a GPU and of other machines."""
    if request.cluster or not (request.trains or request.only_status):
        return ""
    with uninterrupted():
        from tinylm.training import forecast, machine  # torch is loaded only where something is trained or forecast

    settings = machine.Settings(device=request.device, workers=request.workers or 0)
    seconds = forecast.expected_seconds(missing, settings)
    return (
        ""
        if seconds is None
        else f", about {seconds / 60:.0f} min on {settings.n_workers} process{'' if settings.n_workers == 1 else 'es'} of this machine"
    )
