"""The study itself: section x profile -> parameters -> planned runs. Needs no torch.

Each section is a file of `sections/` that defines SECTION; `study.NAME(...)` plans the section of that name from its notebook's
parameters, each of which defaults to that of the published study.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence

from tinylm.config.errors import MissingName, unknown
from tinylm.data import grammar
from tinylm.study import sections
from tinylm.study.parameters import PROFILES, Section, StudyError
from tinylm.study.planned import COUNTS, Planned, distinct, select

__all__ = [
    "COUNTS",
    "PROFILES",
    "SECTIONS",
    "Planned",
    "Section",
    "StudyError",
    "by_key",
    "distinct",
    "named",
    "plan",
    "section_of",
    "section_plan",
    "select",
]


def _found() -> list[Section]:
    modules = [importlib.import_module(f"{sections.__name__}.{module.name}") for module in pkgutil.iter_modules(sections.__path__)]
    return sorted((module.SECTION for module in modules), key=lambda section: section.notebook)


SECTIONS: dict[str, Section] = {section.name: section for section in _found()}  # in the order of the report


def __getattr__(name: str) -> Callable[..., list[Planned]]:
    if name in SECTIONS:
        return SECTIONS[name].plan
    raise MissingName(unknown("section", name, SECTIONS))


def section_of(name: str) -> str:
    """The section of its own name, its notebook's name or its notebook's number; StudyError for another one."""
    for section in SECTIONS.values():
        if name.removesuffix(".ipynb") in (section.name, section.notebook, section.notebook[:2]):
            return section.name
    raise StudyError(unknown("section or notebook", name, [section.notebook for section in SECTIONS.values()]))


def section_plan(section: str, profile: str) -> list[Planned]:
    """The planned runs of a section under a profile; StudyError for an unknown one."""
    if section not in SECTIONS:
        raise StudyError(unknown("section", section, SECTIONS))
    return SECTIONS[section].planned(profile)


def plan(profile: str) -> list[Planned]:
    """Every planned run of a profile, seed by seed: all of seed 0 in the order of the sections, then seed 1, and so on."""
    runs = [run for section in SECTIONS for run in section_plan(section, profile)]
    return sorted(runs, key=lambda run: run.spec.seed)


def by_key() -> dict[str, Planned]:
    """Every run of the published study by its key, the last planned first; a run that sections share is that of the first."""
    return {run.spec.key: run for run in reversed(plan("full"))}


def named(text: str, planned: Sequence[Planned]) -> list[Planned]:
    """The runs that [SECTION/]NAME[@SEED] may mean, in any case: of real texts before generated ones, of low seeds before high ones."""
    name, _, seed = text.partition("@")
    found = [run for run in planned if name.lower() in (run.name.lower(), f"{run.section}/{run.name}".lower())]
    found = [run for run in found if seed in ("", str(run.spec.seed))]
    return sorted(found, key=lambda run: (run.spec.corpus in grammar.SOURCES, run.spec.seed))
