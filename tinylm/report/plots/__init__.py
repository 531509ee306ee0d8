"""Records -> figures, in one style. Each function returns the figure and the rows it was drawn from."""

from tinylm.report.plots.attention import attention_map
from tinylm.report.plots.budget import frontier, waterfall
from tinylm.report.plots.capacity import contexts, depths, isoflops
from tinylm.report.plots.conventions import costs
from tinylm.report.plots.counting import answer
from tinylm.report.plots.curves import loss_curves, progress_curves, run_curves, sweep_panels, test_against_flops, trajectories, zipf
from tinylm.report.plots.diagrams import architectures
from tinylm.report.plots.folds import by_fold
from tinylm.report.plots.headings import copying
from tinylm.report.plots.positions import positions_by_length
from tinylm.report.plots.published import literature
from tinylm.report.plots.speed import roofline, time_shares
from tinylm.report.plots.style import COLOURS, FAMILY_COLOURS, colours, line_styles
from tinylm.report.plots.techniques import techniques_by_budget, techniques_curves
from tinylm.report.plots.verdicts import VERDICTS, claims

__all__ = [
    "COLOURS",
    "FAMILY_COLOURS",
    "VERDICTS",
    "answer",
    "architectures",
    "attention_map",
    "by_fold",
    "claims",
    "colours",
    "contexts",
    "copying",
    "costs",
    "depths",
    "frontier",
    "isoflops",
    "line_styles",
    "literature",
    "loss_curves",
    "positions_by_length",
    "progress_curves",
    "roofline",
    "run_curves",
    "sweep_panels",
    "techniques_by_budget",
    "techniques_curves",
    "test_against_flops",
    "time_shares",
    "trajectories",
    "waterfall",
    "zipf",
]
