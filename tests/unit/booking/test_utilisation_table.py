"""The heatmap as a file."""

from datetime import date

import pytest

from booking.places.models import DayKind
from booking.utilisation.month import Cell, Heatmap, Row, Slots
from booking.utilisation.table import HEADER, as_csv, harmless

DAY = date(2026, 11, 1)


def heatmap(name: str) -> Heatmap:
    slots = Slots(openable=4.5, closed=0.5, booked=2, used=1)
    row = Row(1, name, (Cell(DAY, slots, is_over=True),), slots)
    return Heatmap(DAY, ((DAY, DayKind.HOLIDAY, None),), (row,), slots)


def test_the_file_has_a_mark_crlf_and_a_line_of_sums() -> None:
    content = as_csv(heatmap("見本小学校"))
    assert content.startswith(b"\xef\xbb\xbf")
    lines = content.decode("utf-8-sig").split("\r\n")
    assert lines == [
        ",".join(HEADER),
        "見本小学校,2026-11-01,4.5,0.5,2,1,44.4,22.2",
        "見本小学校,月計,4.5,0.5,2,1,44.4,22.2",
        "全施設,月計,4.5,0.5,2,1,44.4,22.2",
        "",
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1"])
def test_no_cell_is_taken_for_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert f"'{text}".encode() in as_csv(heatmap(text))


def test_a_name_stays_as_it_is() -> None:
    assert harmless("見本小学校") == "見本小学校"


def test_a_day_without_openable_slots_has_no_rate() -> None:
    assert Slots().used_rate is None
    assert Slots().booked_rate is None
    assert Slots(openable=4, used=1).used_rate == 0.25
