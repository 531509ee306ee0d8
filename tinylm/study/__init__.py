"""The study itself: section x profile -> parameters -> planned runs. Needs no torch.

Each section function takes exactly the parameters of its notebook's parameter cell.
"""

from collections.abc import Callable

from tinylm.study.parameters import StudyError
from tinylm.study.planned import Planned
from tinylm.study.profiles import PROFILES
from tinylm.study.sections.architectures import architectures
from tinylm.study.sections.budget import budget
from tinylm.study.sections.claims import claims
from tinylm.study.sections.control import control
from tinylm.study.sections.rope import rope
from tinylm.study.sections.speed import speed
from tinylm.study.sections.sweeps import sweeps
from tinylm.study.sections.words import words

__all__ = [
    "NOTEBOOKS",
    "SECTIONS",
    "Planned",
    "StudyError",
    "architectures",
    "budget",
    "claims",
    "control",
    "names",
    "plan",
    "rope",
    "section_of",
    "section_plan",
    "speed",
    "sweeps",
    "words",
]


SECTIONS: dict[str, Callable[..., list[Planned]]] = {
    "control": control,
    "architectures": architectures,
    "sweeps": sweeps,
    "rope": rope,
    "words": words,
    "budget": budget,
    "claims": claims,
    "speed": speed,
}
NOTEBOOKS = {
    "control": "01_data",
    "architectures": "02_architectures",
    "sweeps": "03_sweeps",
    "rope": "04_rope_ablation",
    "words": "05_word_level",
    "budget": "06_budget",
    "claims": "07_claims",
    "speed": "09_speed",
}


def section_of(name: str) -> str:
    """The section of a notebook's or a section's name, with or without its number; StudyError lists the known ones."""
    for section, notebook in NOTEBOOKS.items():
        if name.removesuffix(".ipynb") in (section, notebook, notebook[:2]):
            return section
    known = ", ".join(f"{notebook} ({section})" for section, notebook in NOTEBOOKS.items())
    raise StudyError(f"unknown section or notebook {name!r}; choose one of {known}")


def section_plan(section: str, profile: str) -> list[Planned]:
    """The planned runs of a section under a profile; StudyError for an unknown one."""
    if profile not in PROFILES:
        raise StudyError(f"unknown profile {profile!r}; choose one of {', '.join(PROFILES)}")
    if section not in SECTIONS:
        raise StudyError(f"unknown section {section!r}; choose one of {', '.join(SECTIONS)}")
    return SECTIONS[section](**PROFILES[profile][section])


def plan(profile: str) -> list[Planned]:
    """Every planned run of a profile, most wanted first: all of seed 0 in the order of the sections, then seed 1, and so on."""
    runs = [run for section in SECTIONS for run in section_plan(section, profile)]
    return sorted(runs, key=lambda run: run.spec.seed)


def names() -> dict[str, str]:
    """SECTION/NAME@SEED of every run of the published study by its key; a run that sections share bears the name of the first."""
    return {run.spec.key: f"{run.section}/{run.name}@{run.spec.seed}" for run in reversed(plan("full"))}
