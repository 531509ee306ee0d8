"""One bar in FLOPs over all runs: a widget in a notebook, a line of text on stderr elsewhere."""

import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from tinylm.study import Planned
from tinylm.training.loop import Progress

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a notebook without ipywidgets gets the line of text
    from tqdm.auto import tqdm

FORMAT = "{l_bar}{bar}| {n_fmt}/{total_fmt} FLOPs [{elapsed}<{remaining}, {rate_fmt}{postfix}]"  # tqdm's own names no unit of the total
Watch = Callable[[Planned, Progress], None]


def unwatched(run: Planned, progress: Progress) -> None:
    """The watcher of runs that nobody watches."""


def called(run: Planned) -> str:
    """What a run is called in a message about it."""
    return f"{run.name} (seed {run.spec.seed})"


def say(bar: tqdm, text: str) -> None:
    """A line beside the bar, where it can be written: a closed terminal or a full disk behind it stops no run."""
    with suppress(OSError):
        bar.write(text)


def in_notebook() -> bool:
    """Whether what is printed lands below a notebook's cell."""
    return type(sys.stdout).__module__.startswith("ipykernel")


@contextmanager
def progress_bar(planned: Sequence[Planned], reports: Any, watch: Watch) -> Iterator[tqdm]:
    """A bar over the runs, fed by the (index, Progress) that come out of the queue `reports`; throughput and time left come with it.

    A text in the place of a Progress is a warning about the run, which is shown. A run alone shows its losses too. No bar is drawn for
    counts, which spend no FLOPs.
    """
    total = sum(run.cost.flops for run in planned)
    bar = tqdm(
        total=total,
        unit="FLOP",
        unit_scale=True,
        desc=planned[0].name if len(planned) == 1 else f"{len(planned)} runs",
        smoothing=0.05,
        dynamic_ncols=True,
        bar_format=FORMAT,
        disable=not total,
        file=sys.stdout if in_notebook() else sys.stderr,  # a notebook shows stderr in red
    )
    listener = threading.Thread(target=_listen, args=(reports, bar, planned, watch), daemon=True)
    listener.start()
    try:
        yield bar
    finally:
        reports.put(None)
        listener.join()
        bar.close()


def _listen(reports: Any, bar: tqdm, planned: Sequence[Planned], watch: Watch) -> None:
    """Hear every report: a run waits once nobody takes them out of the queue. What cannot be shown is not."""
    spent: dict[int, int] = {}
    losses: dict[str, float] = {}
    while (message := reports.get()) is not None:
        run, progress = message
        if isinstance(progress, str):
            say(bar, f"{called(planned[run])}: {progress}")
            continue
        losses |= {"train": progress.train_nll} | ({} if progress.valid_nll is None else {"valid": progress.valid_nll})
        with suppress(OSError):
            if len(planned) == 1:
                bar.set_postfix_str(", ".join(f"{name} NLL {nll:.4f}" for name, nll in losses.items()), refresh=False)
            if run in spent:
                bar.update(progress.flops - spent[run])
            else:
                _begin(bar, progress.flops)
        spent[run] = progress.flops
        try:
            watch(planned[run], progress)
        except Exception as error:  # a full disk, say: an observer must not stop the runs
            say(bar, f"the progress of the runs is no longer written: {type(error).__name__}: {error}")
            watch = unwatched


def _begin(bar: tqdm, flops: int) -> None:
    """Add what a run has spent at its first report: FLOPs from a checkpoint say nothing of its speed."""
    if bar.disable:
        return
    for count in ("n", "initial", "last_print_n"):
        setattr(bar, count, getattr(bar, count) + flops)
    bar.unpause()
    bar.refresh()
