"""Records -> figures, in one style. Each function returns the figure and the rows it was drawn from."""

from tinylm.plots.attention import attention_map
from tinylm.plots.budget import copying, frontier, waterfall
from tinylm.plots.curves import loss_curves, run_curves, sweep_panels, test_against_flops, trajectories, zipf
from tinylm.plots.speed import roofline, time_shares
from tinylm.plots.style import COLOURS, FAMILY_COLOURS, colours
from tinylm.plots.verdicts import VERDICTS, claims

__all__ = [
    "COLOURS",
    "FAMILY_COLOURS",
    "VERDICTS",
    "attention_map",
    "claims",
    "colours",
    "copying",
    "frontier",
    "loss_curves",
    "roofline",
    "run_curves",
    "sweep_panels",
    "test_against_flops",
    "time_shares",
    "trajectories",
    "waterfall",
    "zipf",
]
