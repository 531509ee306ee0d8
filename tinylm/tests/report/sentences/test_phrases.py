import pandas as pd
import pytest
from synthetic import results

from tinylm.report.sentences import phrases


def test_numbers_of_seeds_are_told_once_where_they_are_the_same():
    assert phrases.seeds(pd.Series([3, 3])) == "3 seeds" and phrases.seeds(pd.Series([5, 2])) == "2 to 5 seeds"


def test_the_mean_is_over_the_records_of_a_row():
    records = phrases.records_of(results(MLP=[2.0, 2.2]))
    assert phrases.mean(records, "test") == pytest.approx(2.1)
