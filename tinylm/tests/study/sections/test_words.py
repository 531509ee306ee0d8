import pytest

from tinylm import study
from tinylm.study import StudyError


def test_parameters_that_contradict_each_other_are_named():
    with pytest.raises(StudyError, match="names: needs one for each of the 2 corpora"):
        study.words(**(study.SECTIONS["words"].parameters("full") | {"names": ["PTB"]}))
    with pytest.raises(StudyError, match="train_tokens: needs at least 66"):
        study.words(**(study.SECTIONS["words"].parameters("full") | {"train_tokens": 65}))
    for name in ("context_lengths", "sister_context_lengths"):
        with pytest.raises(StudyError, match="none may exceed context_length=128, where scoring begins"):
            study.claims(**(study.SECTIONS["claims"].parameters("full") | {name: [16, 256]}))
