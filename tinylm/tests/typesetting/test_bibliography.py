import pytest

from tinylm.typesetting import ReportError
from tinylm.typesetting.bibliography import read_works
from tinylm.typesetting.publish import REFERENCES

ENTRY = "@article{%s, title = {T}, author = {%s}, year = {2020}, url = {https://example.org/%s}}\n"


@pytest.mark.parametrize(
    ("authors", "name"),
    [
        ("Ney, Hermann", "Ney 2020"),
        ("Kneser, Reinhard and De Mori, Renato", "Kneser and De Mori 2020"),
        ("{\\v C}ern{\\'y}, Jan and B, C and D, E", "Černý et al. 2020"),
        ("Jordan, Keller and others", "Jordan et al. 2020"),
    ],
)
def test_a_work_is_named_by_its_authors_and_its_year(tmp_path, authors, name):
    path = tmp_path / "works.bib"
    path.write_text("% A remark\n" + ENTRY % ("a", authors, "a"), encoding="utf-8")
    assert [(work.key, work.name) for work in read_works(path)] == [("a", name)]
    assert read_works(path)[0].citation == f"[({name})](https://example.org/a)"


def test_a_work_without_an_address_of_its_own_is_refused(tmp_path):
    path = tmp_path / "works.bib"
    path.write_text(ENTRY % ("a", "A, B", "same") + ENTRY % ("b", "A, B", "same"))
    with pytest.raises(ReportError, match="a and b have one address, https://example.org/same"):
        read_works(path)
    path.write_text("@misc{a, title = {T}, author = {A, B}, year = {2020}}")
    with pytest.raises(ReportError, match="a has no address"):
        read_works(path)
    with pytest.raises(ReportError, match="not found"):
        read_works(tmp_path / "absent.bib")


def test_every_work_that_may_be_cited_is_on_the_web():
    assert all(work.address.startswith("https://") for work in read_works(REFERENCES))
