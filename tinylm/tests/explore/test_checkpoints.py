from explorer import DENSE, trained

from tinylm import explore, files


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
