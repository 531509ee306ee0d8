"""Recipes that learn from networks or from counts beside their text, for the FLOPs of the recipe alone. Needs no torch.

Weights and shares were chosen on the play that recipes are chosen on, at 1e11 and 1e12 FLOPs; the weight of counts at 1e13 goes on as it
fell from the one to the other.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from tinylm.config import NgramConfig, RunSpec, TeacherConfig
from tinylm.config.errors import unknown
from tinylm.config.shown import short
from tinylm.study import recipes, titles
from tinylm.study.planned import Planned, StudyError

ROLE = "taught"
COUNTS, CHAIN, PAIR = "counts", "a chain of networks", "2 networks"
COUNTS_WEIGHTS = {1e11: 0.8, 1e12: 0.5, 1e13: 0.2}  # by FLOPs
Lesson = tuple[str, int]  # who teaches, and the FLOPs of teachers and network together


def taught(section: str, corpus: str, architecture: str, lessons: Sequence[Lesson]) -> list[Planned]:
    """The recipe of an architecture at each budget, with its teacher."""
    rows = []
    for who, flops in lessons:
        spec = recipes.recipe(titles.recipe_name(architecture), corpus, flops)
        spec = replace(spec, teacher=_teacher(who, spec))
        rows.append(Planned(section=section, role=ROLE, architecture=architecture, name=f"taught by {who}, {short(flops)}", spec=spec))
    return rows


def title(teacher: TeacherConfig) -> str:
    """Who teaches: counts, a chain of networks, or so many networks."""
    if isinstance(teacher.model, NgramConfig):
        return COUNTS
    return CHAIN if teacher.generations > 1 else f"{teacher.number} networks"


def _teacher(who: str, spec: RunSpec) -> TeacherConfig:
    """The teacher of a name for a recipe; StudyError for another name."""
    known = {
        COUNTS: TeacherConfig(model=recipes.tuned_counts(spec.corpus), weight=_nearest(COUNTS_WEIGHTS, spec.train.flops)),
        CHAIN: TeacherConfig(model=spec.model, generations=2, share=0.3, weight=0.2),
        PAIR: TeacherConfig(model=spec.model, number=2, share=0.2, weight=0.2),
    }
    if who not in known:
        raise StudyError(f"taught: {unknown('teacher', who, known)}")
    return known[who]


def _nearest(by_flops: dict[float, float], flops: float) -> float:
    return by_flops[min(by_flops, key=lambda known: abs(math.log(known / flops)))]
