import numpy as np
import pandas as pd
from IPython.lib.pretty import pretty

from tinylm.evaluation.texts import Surprise, Text


def test_a_text_is_a_string_that_is_shown_with_its_line_ends():
    text = Text("a\nb")
    assert text == "a\nb" and pretty(text) == "a\nb" and pretty("a\nb") != "a\nb"


def test_a_surprise_is_a_series_that_is_shown_as_its_text():
    found = Surprise([np.nan, 0.5, 3.0], pd.Index(["a", "<", "\n"], name="token"), name="nats")
    assert found.mean() == 1.75 and found.iloc[1] == 0.5
    page = found._repr_html_()
    assert "&lt;" in page and "↵" in page and "Mean: 1.750 nats over 2 tokens" in page
    assert type(found[found > 1]) is pd.Series and type(found.head(2)) is pd.Series
