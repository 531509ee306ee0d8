import datetime
import re

import pytest

from tinylm.typesetting import ReportError
from tinylm.typesetting.frontmatter import read_front_matter

FRONT = 'title = "Which model?"\nauthors = ["A. Author"]\ndate = 2026-01-05\n'


def test_the_date_is_written_out_and_is_the_time_stamp(tmp_path):
    path = tmp_path / "front.toml"
    path.write_text(FRONT)
    front = read_front_matter(path)
    assert (front.title, front.authors, front.keywords) == ("Which model?", ("A. Author",), ())
    assert front.written_date == "5 January 2026"
    assert datetime.datetime.fromtimestamp(front.timestamp, datetime.UTC) == datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('title = " "', "write title"),
        ('date = "soon"', "write date = "),
        ("authors = []", "write authors"),
        ("keywords = [1]", "write keywords"),
        ("colour = 1", "unknown entry 'colour'; there are: title, authors"),
        ("date = ", "front.toml"),
    ],
)
def test_an_unfit_line_is_named(tmp_path, line, message):
    path = tmp_path / "front.toml"
    path.write_text(re.sub(rf"(?m)^{line.split()[0]} .*\n", "", FRONT) + line)
    with pytest.raises(ReportError, match=message):
        read_front_matter(path)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ReportError, match="title, authors, date"):
        read_front_matter(tmp_path / "front.toml")
