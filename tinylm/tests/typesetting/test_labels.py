import pytest
from chapters import words, words_of

from tinylm.typesetting import ReportError
from tinylm.typesetting.errors import Place
from tinylm.typesetting.labels import Labels

PLACE = Place("01_data", 2)


def test_headings_of_the_same_words_are_distinguished(report):
    part = "\n\n## Method\n\n## Limits\n\n## Limits\n\n#### Deep\n\nSee @sec:method"
    page = report([f"# A{part} and @sec:limits-2."], [f"# B{part} and @sec:part1/method."], ["# C\n\n# Main\n\n## Sub"])
    assert "See Section 1.1 and Section 1.3." in words_of(page) and "See Section 2.1 and Section 1.1." in words_of(page)
    assert words(page, "h3")[-1] == "3.1 Main" and words(page, "h4") == ["1.3.1 Deep", "2.3.1 Deep", "3.1.1 Sub"]


@pytest.fixture
def labels():
    """Two chapters, `data` with two headings of the same words, and `models`; a figure; a work."""
    found = Labels(["vaswani2017"])
    for name in ("data", "models"):
        found.define_chapter(name, f"0_{name}.ipynb", PLACE)
        found.define_heading(name, "The Method!", PLACE)
    assert found.define_heading("data", "The method", PLACE) == "sec:data/the-method-2"
    found.define_heading("models", "Limits", PLACE)
    found.define("fig:loss", PLACE)
    return found


def test_a_heading_of_the_same_chapter_comes_first(labels):
    assert labels.within("data").reference("sec:the-method") == "sec-data--the-method"
    assert labels.within("models").reference("sec:the-method") == "sec-models--the-method"
    assert labels.within("models").reference("sec:data/the-method-2") == "sec-data--the-method-2"


def test_a_heading_that_one_other_chapter_has_needs_no_chapter(labels):
    assert labels.within("data").reference("sec:limits") == "sec-models--limits"
    with pytest.raises(ReportError, match="@sec:the-method could mean @sec:data/the-method or @sec:models/the-method; write one"):
        labels.within("elsewhere").reference("sec:the-method")


def test_what_is_not_there_names_what_is_near_it(labels):
    with pytest.raises(ReportError, match="nothing is labelled @fig:lose; near it: fig:loss"):
        labels.within("data").reference("fig:lose")
    with pytest.raises(ReportError, match=r"no work \[@vaswani2018\] in the bibliography; near it: vaswani2017"):
        labels.within("data").citation("vaswani2018")


def test_a_link_to_a_notebook_leads_to_its_section_and_no_other_link_does(labels):
    scope = labels.within("data")
    assert scope.link("0_models.ipynb") == scope.link("../notebooks/0_models.ipynb#Limits") == "sec-models"
    assert scope.link("https://example.org/0_models.ipynb") is None and scope.link("0_other.ipynb") is None


def test_a_label_is_of_one_thing_and_of_plain_signs(labels):
    with pytest.raises(ReportError, match="label fig:loss is used twice, first in 01_data, cell 2"):
        labels.define("fig:loss", Place("02_models", 1))
    for key in ("fig:two words", "loss", "fig:", "fig:a/b/c"):
        with pytest.raises(ReportError, match="write kind:name"):
            labels.define(key, PLACE)


def test_a_heading_without_latin_letters_has_a_label_too(labels):
    assert labels.define_heading("data", "雨", PLACE) == "sec:data/section"
