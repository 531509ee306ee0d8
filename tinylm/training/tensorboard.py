"""Progress of live runs -> TensorBoard event files, one folder a run. Local files: no account, no network.

Needs the package tensorboard, which nothing else here does.
"""

import contextlib
import re
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from tinylm.study import Planned
from tinylm.training.loop import Progress

FLUSH_EVERY = 5  # seconds until what happened can be seen


class Events:
    """Writes what `pool.train_all` tells a watcher; a context manager, because the last lines reach the disk when it ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writers: dict[str, SummaryWriter] = {}
        self.last: dict[str, tuple[int, int, float]] = {}

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for writer in self.writers.values():
            with contextlib.suppress(OSError):  # curves that do not fit on the disk must not cost the records their table
                writer.close()

    def __call__(self, run: Planned, now: Progress) -> None:
        """Add the losses against step and against FLOPs, and the speed since the run's last report, validation included."""
        key = run.spec.key
        if key not in self.writers:
            self.writers[key] = SummaryWriter(self.folder / folder_name(run), flush_secs=FLUSH_EVERY)
        for name, value in _scalars(now).items():
            self.writers[key].add_scalar(f"by_step/{name}", value, now.step)
            self.writers[key].add_scalar(f"by_flops/{name}", value, now.flops)  # its axis takes any whole number
        flops, tokens, seconds = self.last.get(key, (0, 0, 0.0))
        self.writers[key].add_scalar("throughput/flop_per_second", (now.flops - flops) / (now.seconds - seconds), now.step)
        self.writers[key].add_scalar("throughput/tokens_per_second", (now.tokens_seen - tokens) / (now.seconds - seconds), now.step)
        self.last[key] = (now.flops, now.tokens_seen, now.seconds)


def _scalars(now: Progress) -> dict[str, float]:
    return {"train_nll": now.train_nll} | ({} if now.valid_nll is None else {"valid_nll": now.valid_nll})


def folder_name(run: Planned) -> str:
    """What a run is called in TensorBoard: its name, seed and key, so that no two share a folder."""
    return f"{re.sub(r'[^A-Za-z0-9.=-]+', '_', run.name)}-s{run.spec.seed}-{run.spec.key}"
