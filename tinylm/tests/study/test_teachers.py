import pytest

from tinylm.config import TeacherConfig, TransformerConfig
from tinylm.study import StudyError, recipes, teachers


def lessons(*rows):
    return teachers.taught("budget", "tiny_shakespeare", "Transformer", rows)


def test_counts_teach_less_the_larger_the_budget():
    runs = lessons(*((teachers.COUNTS, flops) for flops in (10**11, 10**12, 10**13)))
    weights = [run.spec.teacher.weight for run in runs]
    assert weights == sorted(weights, reverse=True) and len({*weights}) == 3
    assert {run.spec.teacher.model for run in runs} == {recipes.tuned_counts("tiny_shakespeare")}
    assert lessons((teachers.COUNTS, 2 * 10**12))[0].spec.teacher.weight == weights[1]


def test_every_teacher_is_called_as_it_is_asked_for():
    names = (teachers.COUNTS, teachers.CHAIN, teachers.PAIR)
    runs = lessons(*((name, 10**12) for name in names))
    assert [teachers.title(run.spec.teacher) for run in runs] == list(names)
    assert [run.name for run in runs] == [f"taught by {name}, 1e12" for name in names]
    assert teachers.title(TeacherConfig(model=TransformerConfig(), number=3)) == "3 networks"
    assert all(run.cost.flops <= 10**12 and run.role == teachers.ROLE for run in runs)


def test_a_teacher_that_there_is_not_is_named():
    with pytest.raises(StudyError, match="taught: unknown teacher 'count'; did you mean 'counts'"):
        lessons(("count", 10**12))
