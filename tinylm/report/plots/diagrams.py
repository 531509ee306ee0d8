"""Configs -> architecture diagrams: what is drawn is read off the config, so a diagram cannot be out of date."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from tinylm.config import ConfigError, LinearConfig, LSTMConfig, MLPConfig, ModelConfig, TransformerConfig
from tinylm.report.plots.style import COLOURS, STYLE, panels
from tinylm.study import Planned

FILLS = {"lookup": COLOURS[5], "matrix": COLOURS[1], "attention": COLOURS[2], "recurrence": COLOURS[4], "norm": "#d9d9d9"}


@dataclass(frozen=True)
class Stage:
    """One box of a diagram: its text, its kind (a key of FILLS), and how often the block it belongs to is repeated."""

    text: str
    kind: str
    repeats: int = 1


@singledispatch
def stages(config: ModelConfig) -> list[Stage]:
    """The boxes of a model from input to output; ConfigError for a config without a diagram."""
    raise ConfigError(f"{type(config).__name__} has no diagram; register one with tinylm.report.plots.diagrams.stages.register")


@stages.register
def _(config: LinearConfig) -> list[Stage]:
    width = config.context_length * config.d_model
    return [_embedding(config.d_model), Stage(f"concatenate\n{config.context_length} × {config.d_model}", "norm"), _head(width)]


@stages.register
def _(config: MLPConfig) -> list[Stage]:
    widths = [config.context_length * config.d_model, *config.widths]
    activation = {"relu": "ReLU", "gelu": "GELU"}[config.activation]
    hidden = [Stage(f"linear {a:,} → {b}\n{activation}, dropout {config.dropout:g}", "matrix") for a, b in itertools.pairwise(widths)]
    first = [_embedding(config.d_model), Stage(f"concatenate\n{config.context_length} × {config.d_model}", "norm")]
    return [*first, *hidden, _head(widths[-1])]


@stages.register
def _(config: TransformerConfig) -> list[Stage]:
    rotary, biased = "rotary positions in attention", "biases by distance in attention"
    positions = {"learned": "learned positions", "rope": rotary, "alibi": biased, "none": "no positions"}[config.position]
    norm = {"layer": "layer norm", "rms": "RMS norm"}[config.norm]
    attention = Stage(
        f"attention, {config.n_head} head{'s' if config.n_head > 1 else ''}\ncausal, width {config.d_model}", "attention", config.n_layer
    )
    branches = [attention]
    if config.ffn != "none":
        branches.append(Stage(f"FFN ({config.ffn})\n{config.d_model} → {config.d_ff} → {config.d_model}", "matrix", config.n_layer))
    normalise = Stage(f"{norm} ({config.norm_place}-norm)", "norm", config.n_layer)
    pairs = [(normalise, branch) if config.norm_place == "pre" else (branch, normalise) for branch in branches]
    block = [stage for pair in pairs for stage in pair]
    return [_embedding(config.d_model), Stage(f"+ {positions}", "lookup"), *block, Stage(norm, "norm"), _head(config.d_model)]


@stages.register
def _(config: LSTMConfig) -> list[Stage]:
    kind = f"mogrifier, {config.mogrifier_rounds} rounds" if config.mogrifier_rounds else "LSTM, 4 gates"
    layer = Stage(f"{kind}\nwidth {config.d_model}", "recurrence", config.n_layer)
    return [_embedding(config.widths[0]), layer, _head(config.d_model)]


def _embedding(d_model: int) -> Stage:
    return Stage(f"embedding\nV × {d_model}", "lookup")


def _head(width: int) -> Stage:
    return Stage(f"linear {width:,} → V\nlast position", "matrix")


@mpl.rc_context(STYLE)
def architectures(runs: Sequence[Planned]) -> tuple[Figure, list[dict[str, Any]]]:
    """One column per model of a plan, input at the bottom; a frame and a factor mark a repeated block."""
    models = {run.row: run.spec.model for run in runs if type(run.spec.model) in stages.registry}
    fig, axes = panels(len(models), 1.7 * len(models), 4.6)
    rows = []
    for ax, (run, config) in zip(axes, models.items(), strict=True):
        column = stages(config)
        _draw_column(ax, run.name, column)
        rows += [{"model": run.name, "stage": i, "text": s.text.replace("\n", "; "), "repeats": s.repeats} for i, s in enumerate(column)]
    top = max(len(stages(config)) for config in models.values())
    for ax in axes:
        ax.set(xlim=(-0.12, 1.18), ylim=(-0.9, top + 0.2))
    return fig, rows


def _draw_column(ax: Axes, name: str, column: list[Stage]) -> None:
    ax.set_title(name)
    ax.axis("off")
    for i, stage in enumerate(column):
        ax.add_patch(
            FancyBboxPatch((0.04, i + 0.12), 0.92, 0.72, boxstyle="round,pad=0.02", facecolor=FILLS[stage.kind], alpha=0.55, lw=0.6)
        )
        ax.text(0.5, i + 0.48, stage.text, ha="center", va="center", fontsize=6.5)
        ax.annotate("", (0.5, i + 0.12), (0.5, i - 0.18), arrowprops={"arrowstyle": "->", "lw": 0.7})
    ax.text(0.5, -0.45, "T tokens", ha="center", va="center", fontsize=7)
    repeated = [i for i, stage in enumerate(column) if stage.repeats > 1]
    if repeated:
        low, high = repeated[0], repeated[-1] + 1
        ax.add_patch(Rectangle((-0.06, low - 0.02), 1.12, high - low, fill=False, linestyle="--", lw=0.8))
        ax.text(1.08, (low + high) / 2, f"× {column[low].repeats}", rotation=90, va="center", fontsize=8)
