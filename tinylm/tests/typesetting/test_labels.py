import pytest
from chapters import words, words_of

from tinylm.typesetting import ReportError
from tinylm.typesetting.bibliography import Work
from tinylm.typesetting.errors import Place
from tinylm.typesetting.labels import Labels

PLACE = Place("01_data", 2)


def test_headings_of_the_same_words_are_distinguished(report):
    part = "\n\n## Method\n\n## Limits\n\n## Limits\n\n#### Deep\n\nSee [this](#Method)"
    other = "[that](01_part1.ipynb#Method)"
    page = report([f"# A{part} and [it](#Limits-2)."], [f"# B{part} and {other}."], ["# C\n\n# Main\n\n## Sub"])
    assert "See Section 1.1 and Section 1.3." in words_of(page) and "See Section 2.1 and Section 1.1." in words_of(page)
    assert words(page, "h3")[-1] == "3.1 Main" and words(page, "h4") == ["1.3.1 Deep", "2.3.1 Deep", "3.1.1 Sub"]


@pytest.fixture
def labels():
    """Two chapters, `data` with two headings of the same words, and `models`; a figure; a work."""
    found = Labels([Work(key="vaswani2017", name="Vaswani et al. 2017", address="https://arxiv.org/abs/1706.03762")])
    for name in ("data", "models"):
        found.define_chapter(name, f"0_{name}.ipynb", PLACE)
        found.define_heading(name, "The Method!", PLACE)
    assert found.define_heading("data", "The method", PLACE) == "sec:data/the-method-2"
    found.define_heading("models", "Limits", PLACE)
    found.define("fig:loss", PLACE)
    found.define("tbl:sizes", PLACE)
    return found


def test_a_link_leads_to_a_notebook_a_heading_a_figure_and_a_table_of_the_report(labels):
    scope = labels.within("data")
    assert scope.label("0_models.ipynb") == scope.label("../notebooks/0_models.ipynb") == "sec-models"
    assert scope.label("#The-Method!") == scope.label("0_data.ipynb#The-Method%21") == "sec-data--the-method"
    assert scope.label("#The-method-2") == "sec-data--the-method-2"
    assert scope.label("0_models.ipynb#Limits") == "sec-models--limits"
    for suffix in ("svg", "png", "csv"):
        assert scope.label(f"../figures/loss.{suffix}") == "fig-loss" and scope.label(f"../figures/sizes.{suffix}") == "tbl-sizes"


def test_what_is_elsewhere_has_no_label(labels):
    scope = labels.within("data")
    for address in ("https://example.org/0_models.ipynb", "0_other.ipynb", "../docs/LOG.md", "https://example.org/figures/loss.svg"):
        assert scope.label(address) is None


def test_a_work_is_found_by_its_address(labels):
    assert labels.within("data").work("https://arxiv.org/abs/1706.03762").key == "vaswani2017"
    assert labels.within("data").work("https://arxiv.org/abs/1706.0376") is None


def test_what_is_not_there_names_what_is_near_it(labels):
    with pytest.raises(ReportError, match="nothing is at ../figures/lose.svg; near it: fig:loss"):
        labels.within("data").label("../figures/lose.svg")
    with pytest.raises(ReportError, match="nothing is at #Limits; near it: sec:models/limits"):
        labels.within("data").label("#Limits")


def test_a_label_is_of_one_thing_and_of_plain_signs(labels):
    with pytest.raises(ReportError, match="label fig:loss is used twice, first in 01_data, cell 2"):
        labels.define("fig:loss", Place("02_models", 1))
    for key in ("fig:two words", "loss", "fig:", "fig:a/b/c"):
        with pytest.raises(ReportError, match="write kind:name"):
            labels.define(key, PLACE)


def test_a_heading_without_latin_letters_has_a_label_too(labels):
    assert labels.define_heading("data", "雨", PLACE) == "sec:data/section"
