import shutil

import pytest
from explorer import DENSE, trained
from synthetic import planned

from tinylm import explore, files, study
from tinylm.config import LinearConfig, TinylmError, TransformerConfig
from tinylm.evaluation import pretrained
from tinylm.explore.checkpoints import Checkpoints


def test_without_models_or_a_choice_the_next_step_is_said(home):
    for panel in (explore.Continuations("a"), explore.Attention("a")):
        assert "python -m tinylm train" in panel.notice.value
        panel.go.click()
        assert "python -m tinylm train" in panel.notice.value
    trained(DENSE, "all")
    panel = explore.Continuations("a")
    panel.models.index = ()
    panel.go.click()
    assert "Choose one or more models." in panel.notice.value


def test_models_that_came_later_are_found_by_looking_again(home):
    panels = explore.Continuations("a"), explore.Attention("a")
    trained(DENSE, "all")
    (files.WEIGHTS / "0123456789abcdef.safetensors").write_bytes(b"text")
    for panel in panels:
        panel.again.click()
        assert panel.notice.value == ""
    panels[0].models.index = (0, 1)
    panels[0].go.click()
    assert panels[0].cards.value.count("tinylm-card") == 3 and "not a readable checkpoint" in panels[0].cards.value


LINEAR = LinearConfig(context_length=8, d_model=4)


def test_models_of_the_package_come_first_then_those_of_the_study_and_last_those_without_a_record(home, monkeypatch):
    own, studied, packed = (trained(DENSE, "all", seed=seed) for seed in range(3))
    monkeypatch.setattr(pretrained, "MODELS", {"tiny": packed.key})
    monkeypatch.setattr(study, "by_key", lambda: {studied.key: planned("a run", studied)})
    (files.WEIGHTS / "0123456789abcdef.safetensors").touch()
    found = Checkpoints(accepts=lambda model: True).scan()
    assert [path.stem for path in found.values()] == [packed.key, studied.key, own.key, "0123456789abcdef"]
    *labels, last = found
    assert all(f"seed {seed} · test NLL 3.250" in label for seed, label in zip((2, 1, 0), labels, strict=True))
    assert last == "0123456789abcdef · no record"


def test_only_models_that_are_asked_for_are_offered(home):
    attending, _ = trained(DENSE, "all"), trained(LINEAR, "last")
    found = Checkpoints(accepts=lambda model: isinstance(model, TransformerConfig)).scan()
    assert [path.stem for path in found.values()] == [attending.key]


def test_a_model_is_opened_once_and_a_file_that_is_none_says_so_each_time(home):
    spec = trained(LINEAR, "last")
    path, other = files.WEIGHTS / f"{spec.key}.safetensors", files.WEIGHTS / "other.safetensors"
    checkpoints = Checkpoints(accepts=lambda model: True)
    opened = checkpoints.open(path)
    other.write_bytes(b"text")
    for _ in range(2):
        with pytest.raises(TinylmError, match="not a readable checkpoint"):
            checkpoints.open(other)
    shutil.copy(path, other)
    path.unlink()
    assert checkpoints.open(path) is opened and opened.spec == spec
    assert checkpoints.open(other).spec == spec
