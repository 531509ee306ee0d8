import pytest

from tinylm.typesetting.errors import Place, ReportError

PLACE = Place("01_data", 3, "plt.show()")


def test_a_place_is_a_cell_and_how_it_begins():
    assert str(PLACE) == "01_data, cell 3 ('plt.show()')" and str(Place("01_data", 3)) == "01_data, cell 3"


def test_an_error_of_the_report_learns_its_place():
    with pytest.raises(ReportError, match=r"^01_data, cell 3 \('plt.show\(\)'\): no caption$") as raised, PLACE.blamed():
        raise ReportError("no caption")
    assert raised.value.__suppress_context__, "the message is all there is to read"


def test_another_error_is_no_fault_of_the_cell():
    with pytest.raises(KeyError, match=r"^'no caption'$"), PLACE.blamed():
        raise KeyError("no caption")
