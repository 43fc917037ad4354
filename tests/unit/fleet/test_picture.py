"""The live picture: whole, readable without script and colour, and thinned as it grows."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import click
import pytest
from click.testing import CliRunner

from booking.app.fleet_cli import fleet
from booking.demo.fleet_count import Counts
from booking.demo.fleet_page import page
from booking.demo.fleet_picture import Line, Span, chart
from booking.demo.fleet_record import MOST, Record
from booking.demo.fleet_town import Sample, Wanted

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


def sample(number: int, **changes: object) -> Sample:
    """The town after so many seconds of the machine, at 600 times its speed."""
    simulator = {
        "contacts": 70 * number,
        "failed": 0,
        "hellos": 80 * number,
        "welcomes": 80 * number,
        "host_s": float(number),
        "octets_a_lock": 7000,
        "welcome_p50_ms": 12.5,
        "welcome_p99_ms": 80.0,
    }
    given: dict[str, object] = {
        "town_s": 600.0 * number,
        "now": NOW + timedelta(seconds=600 * number),
        "simulator": simulator,
        "server": Counts(5000, 0, 40 + number, 3, 1, {"late": 3, "lost": 1}),
        "booked": 10 * number,
        "cancelled": number,
        "gateway_cpu_s": 0.2 * number,
        "is_broker_up": True,
    }
    return Sample(**(given | changes))  # type: ignore[arg-type]


def test_a_chart_is_a_picture_with_a_name_and_numbers_on_its_axes() -> None:
    drawn = chart("1秒あたりの通信", [0, 1, 2], [Line("通信", "#000", [0, 70, 35])], [Span(1, 1.5)])
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own
    assert root.attrib["aria-label"] == "1秒あたりの通信"
    assert [text.text for text in root.iter("text")][:3] == ["0", "50", "100"]
    assert len(root.findall("polyline")[0].attrib["points"].split()) == 3
    assert len(root.findall("rect")) == 1


def test_an_empty_chart_is_still_one() -> None:
    assert ElementTree.fromstring(chart("なし", [], [Line("a", "#000", [])])).tag == "svg"  # noqa: S314


def test_rates_are_of_the_stretch_since_the_sample_before() -> None:
    record = Record()
    record.add(sample(1))
    point = record.add(sample(3))
    assert point.contacts_a_s == 70
    assert point.cpu_ms == pytest.approx(1000 * 0.4 / 160)


def test_a_long_record_is_thinned_and_keeps_its_ends() -> None:
    record = Record()
    for number in range(1, 5 * MOST):
        record.add(sample(number))
    points, _ = record.read()
    assert len(points) <= MOST
    assert points[0].hour == pytest.approx(1 / 6)
    assert points[-1].hour == pytest.approx((5 * MOST - 1) / 6)
    assert [point.hour for point in points] == sorted(point.hour for point in points)


def test_the_page_reloads_itself_and_tells_all_in_numbers_too() -> None:
    record = Record()
    for number in range(1, 4):
        record.add(sample(number))
    shown = page(record, Wanted(locks=5000, speed=600))
    assert '<meta http-equiv="refresh" content="2">' in shown
    assert "<script" not in shown
    assert "5,000 台 ・ 600 倍速" in shown
    assert shown.count("<polyline") == 8
    assert re.search(r"最新の設定でない電子錠<b>43</b>", shown)
    assert "<td>43</td>" in shown
    assert "通信が止まっています" not in shown


def test_the_page_says_that_the_broker_is_away() -> None:
    record = Record()
    record.add(sample(1, is_broker_up=False))
    record.outage(0, 600)
    shown = page(record, Wanted())
    assert "通信が止まっています" in shown
    assert 'class="cut"' in shown


def test_before_the_first_sample_the_page_waits() -> None:
    assert "最初の記録を待っています" in page(Record(), Wanted())


@pytest.mark.parametrize(
    ("text", "length"),
    [("90m", timedelta(minutes=90)), ("2h", timedelta(hours=2)), ("1.5d", timedelta(hours=36))],
)
def test_a_span_of_town_time_is_written_as_people_do(text: str, length: timedelta) -> None:
    (option,) = (given for given in fleet.params if given.name == "outage")
    assert option.type.convert(text, option, click.Context(fleet)) == length


def test_a_span_without_a_unit_is_refused() -> None:
    told = CliRunner().invoke(fleet, ["--outage", "2"])
    assert told.exit_code == 2
    assert "90m" in told.output
