from dataclasses import replace

from synthetic import planned, record

from tinylm.report import live
from tinylm.training.loop import Progress

POINT = Progress(step=1, num_steps=2, tokens_seen=8, flops=100, seconds=0.1, train_nll=3.0, valid_nll=None)


class Place:
    """What a notebook's display gives, which keeps what is shown."""

    def __init__(self):
        self.shown = []

    def update(self, page):
        self.shown.append(page.data)


def test_the_curve_is_drawn_in_one_place_and_at_the_end(monkeypatch):
    place = Place()
    monkeypatch.setattr(live, "display", lambda page, display_id: place)
    run, curve = planned("a", record().spec), live.LiveCurve()
    curve(run, POINT)
    curve(run, POINT)  # too soon to be drawn
    curve(run, replace(POINT, step=2, flops=200, valid_nll=2.5))
    assert len(place.shown) == 2 and all(page.startswith("<img src=") for page in place.shown) and place.shown[0] != place.shown[1]


def test_without_a_notebook_nothing_is_drawn(monkeypatch):
    monkeypatch.setattr(live, "display", lambda page, display_id: None)
    live.LiveCurve()(planned("a", record().spec), POINT)
