"""What a gain is due to: each architecture with induction and without, by two optimizers, each with settings of its own. Needs no torch.

Induction searches the last 2,048 characters in every cell, however few the architecture itself reads; a control has that window and no
induction. Shapes and rates were chosen on the play that recipes are chosen on, by twelve trials a cell at 1e12 FLOPs, four at 1e13, and
more where the best stood at an edge; their records lie in docs/ledger/search.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinylm.config import LSTMConfig, MLPConfig, ModelConfig, RunSpec, TrainConfig
from tinylm.config.shown import short
from tinylm.study import recipes
from tinylm.study.planned import Planned

REACH = 2_048
WINDOW: dict[str, Any] = {"context_length": REACH}
INDUCTION = WINDOW | {"induction": (2, 3, 4, 6), "induction_times": 2}
MORE_AT = 5e12  # FLOPs from which a step of an MLP has more predictions, as its recipes do
ROLE, CONTROL_ROLE = "factorial", "factorial-control"


@dataclass(frozen=True, order=True)
class Cell:
    """A combination; `architecture` is a title, and `window` says of a control that it has the window of induction without induction."""

    architecture: str
    induction: bool
    optimizer: str
    window: bool = False

    def __str__(self) -> str:
        return f"{self.architecture}, {self.lookup}, {OPTIMIZERS[self.optimizer]}"

    @property
    def lookup(self) -> str:
        """What the architecture is given."""
        return "induction" if self.induction else "its window alone" if self.window else "no induction"

    @property
    def added(self) -> dict[str, Any]:
        """The fields that give a model what the architecture is given; none without."""
        return INDUCTION if self.induction else WINDOW if self.window else {}


ARCHITECTURES = ("Transformer", "LSTM", "MLP")
OPTIMIZERS = {"muon": "Muon", "adamw": "AdamW"}
CELLS = [Cell(*levels) for levels in itertools.product(ARCHITECTURES, (True, False), OPTIMIZERS)]
CONTROLS = [Cell(name, False, optimizer, window=True) for name, optimizer in itertools.product(ARCHITECTURES, OPTIMIZERS)]
SETTINGS = {"adamw": recipes.ADAMW, "muon": recipes.MUON}
# By FLOPs: the arguments of `mlp`, `lstm` or `transformer`, and the learning rate.
CHOSEN: dict[float, dict[Cell, tuple[tuple[int, ...], float]]] = {
    1e12: {
        Cell("Transformer", True, "muon"): ((48, 32), 5e-3),
        Cell("Transformer", True, "adamw"): ((32, 32), 8e-3),
        Cell("Transformer", False, "muon"): ((48, 64), 1e-2),
        Cell("Transformer", False, "adamw"): ((32, 64), 1.6e-2),
        Cell("LSTM", True, "muon"): ((48,), 2e-2),
        Cell("LSTM", True, "adamw"): ((64,), 2e-2),
        Cell("LSTM", False, "muon"): ((96,), 4e-2),
        Cell("LSTM", False, "adamw"): ((96,), 2e-2),
        Cell("MLP", True, "muon"): ((16, 256), 1e-2),
        Cell("MLP", True, "adamw"): ((16, 128), 2e-3),
        Cell("MLP", False, "muon"): ((16, 256), 1e-2),
        Cell("MLP", False, "adamw"): ((32, 256), 2e-3),
        Cell("Transformer", False, "muon", window=True): ((32, 32), 5e-3),
        Cell("Transformer", False, "adamw", window=True): ((32, 32), 4e-3),
        Cell("LSTM", False, "muon", window=True): ((96,), 2e-2),
        Cell("LSTM", False, "adamw", window=True): ((96,), 2e-2),
        Cell("MLP", False, "muon", window=True): ((16, 128), 5e-3),
        Cell("MLP", False, "adamw", window=True): ((32, 256), 1e-3),
    },
    1e13: {
        Cell("Transformer", True, "muon"): ((80, 64), 5e-3),
        Cell("Transformer", True, "adamw"): ((80, 64), 2e-3),
        Cell("Transformer", False, "muon"): ((80, 128), 5e-3),
        Cell("Transformer", False, "adamw"): ((80, 128), 2e-3),
        Cell("LSTM", True, "muon"): ((128,), 1e-2),
        Cell("LSTM", True, "adamw"): ((192,), 1e-2),
        Cell("LSTM", False, "muon"): ((192,), 2e-2),
        Cell("LSTM", False, "adamw"): ((256,), 1e-2),
        Cell("MLP", True, "muon"): ((16, 512), 5e-3),
        Cell("MLP", True, "adamw"): ((16, 512), 5e-4),
        Cell("MLP", False, "muon"): ((32, 512), 2.5e-3),
        Cell("MLP", False, "adamw"): ((32, 768), 5e-4),
    },
}


def mlp(cell: Cell, d_model: int, d_hidden: int) -> MLPConfig:
    """An MLP of 16 characters; it moves over a longer window."""
    longer = cell.added | {"window": 16} if cell.added else {"context_length": 16}
    return MLPConfig(**longer, d_model=d_model, d_hidden=d_hidden, dropout=0.0, activation="gelu")


def lstm(cell: Cell, d_model: int) -> LSTMConfig:
    """One layer, that starts from zero every 64 characters or every longer window."""
    return LSTMConfig(**(cell.added or {"context_length": 64}), n_layer=1, d_model=d_model)


def transformer(cell: Cell, d_model: int, reach: int) -> ModelConfig:
    """Four layers that see `reach` characters; in a longer window attention reaches one to two blocks of so many back."""
    shape: dict[str, Any] = {"n_layer": 4, "d_model": d_model, "d_ff": 2 * d_model}
    longer = cell.added | {"attention_window": reach} if cell.added else {"context_length": reach}
    return recipes.modern(**longer, **shape)


MAKERS = {"MLP": mlp, "LSTM": lstm, "Transformer": transformer}


def spec(cell: Cell, corpus: str, flops: float, shape: Sequence[int], lr: float) -> RunSpec:
    """A run of a cell with a shape, the arguments of its maker, and a learning rate."""
    model = MAKERS[cell.architecture](cell, *shape)
    settings = SETTINGS[cell.optimizer] | {"precision": "bf16" if cell.architecture == "Transformer" else "fp32", "lr": lr}
    settings |= _batch(cell, model.context_length, flops) | {"n_evals": recipes.N_EVALS}
    return recipes.scored(RunSpec(corpus=corpus, model=model, train=TrainConfig(**settings, flops=int(flops))))


def rows(section: str, corpus: str, budget: float) -> list[Planned]:
    """Every cell at a budget, and the controls that are searched, with the settings of the searched budget that is nearest."""
    searched = min(CHOSEN, key=lambda flops: abs(math.log(flops / budget)))
    return [
        Planned(
            section=section,
            role=CONTROL_ROLE if cell.window else ROLE,
            architecture=cell.architecture,
            name=f"{cell}, {short(budget)}",
            spec=spec(cell, corpus, budget, *CHOSEN[searched][cell]),
        )
        for cell in [*CELLS, *CONTROLS]
        if cell in CHOSEN[searched]
    ]


def cell_of(run: Planned) -> Cell:
    """The cell that a run is of."""
    model = run.spec.model
    induction = bool(getattr(model, "induction", ()))
    return Cell(run.architecture, induction, run.spec.train.optimizer, window=not induction and model.context_length == REACH)


def _batch(cell: Cell, length: int, flops: float) -> dict[str, Any]:
    """The windows of a step and where their loss is taken: 2,048 predictions. An MLP has 128 or 256, with Muon 1,024."""
    if cell.architecture != "MLP":
        return {"loss_at": "all", "batch_size": REACH // length}
    n_predictions = {"adamw": 128 if flops < MORE_AT else 256, "muon": 1_024}[cell.optimizer]
    if not cell.added:
        return {"loss_at": "last", "batch_size": n_predictions}
    n_targets = n_predictions // {"adamw": 4, "muon": 16}[cell.optimizer]
    return {"loss_at": "all", "n_targets": n_targets, "batch_size": n_predictions // n_targets}
