import io
import subprocess
import sys

import ipywidgets as widgets
import matplotlib.pyplot as plt
import pytest

from tinylm import explore, files
from tinylm.config import TinylmError
from tinylm.explore.panel import ExplorerError, Panel, PicturePanel, unobserved


def test_panels_load_no_torch_before_a_model_computes():
    code = "import sys, tinylm as tl; [getattr(tl.explore, name)() for name in tl.explore.__all__]; print({'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=files.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_users_mistake_is_one_message_which_the_next_attempt_takes_away():
    panel = Panel([], [])
    with panel.mistakes_told():
        raise TinylmError("no <such> corpus")
    assert panel.notice.value == '<p class="tinylm-notice">no &lt;such&gt; corpus</p>'
    with panel.mistakes_told():
        assert panel.notice.value == ""
    with pytest.raises(ZeroDivisionError), panel.mistakes_told():
        _ = 1 / 0
    assert panel.notice.value == ""


@pytest.mark.parametrize("panel", [explore.Attention, explore.Continuations])
def test_a_panel_begins_with_a_text(panel):
    for wrong in (None, 5, ["HAMLET"]):
        with pytest.raises(ExplorerError, match="give a text in quotes, got"):
            panel(wrong)


def test_a_panel_is_named_where_it_cannot_be_shown():
    assert repr(explore.Attention()) == "tl.explore.Attention: a panel, which a notebook shows; `data` has its numbers"


def test_a_widget_changes_unheard_and_is_heard_again_even_after_an_error():
    slider, heard = widgets.IntSlider(), []

    def follow(change):
        heard.append(change.new)

    slider.observe(follow, "value")
    with pytest.raises(ValueError, match="half way"), unobserved(slider, follow):
        slider.value = 1
        raise ValueError("half way")
    slider.value = 2
    assert heard == [2]


def saved(fig):
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png")
    return buffer.getvalue()


def test_a_panel_hands_out_the_figure_it_shows_which_can_be_saved_and_changed_but_is_shown_by_no_one_else():
    plt.close("all")
    panel = PicturePanel([], [], [])
    assert panel.figure is None and panel.data.empty
    for height in (1, 2):
        fig = plt.figure(figsize=(2, height))
        panel.draw((fig, [{"x": 1, "y": 0.5}, {"x": 2}]), "a figure")
    assert panel.figure is fig and plt.get_fignums() == [] and 'alt="a figure"' in panel.picture.value
    assert panel.data["x"].tolist() == [1, 2] and panel.data.dtypes.map(str).tolist() == ["int64", "float64"]
    before = saved(panel.figure)
    panel.figure.suptitle("a title")
    assert saved(panel.figure) != before
    panel.draw_nothing()
    assert panel.figure is None and panel.data.empty and panel.picture.value == ""
