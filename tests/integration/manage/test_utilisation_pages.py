"""How much of what was open was used: picture, table and file say the same."""

import csv
import io
import re
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient

from booking.reservations.models import State
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import counted, post
from tests.integration.manage.town import TODAY, Town, at, window

PAGE = "/manage/utilisation"
OCTOBER = "2026-10"


def last_month(town: Town, manage: Manage) -> None:
    """1 October: near's gym fully booked at 09:00 and used; half of it booked at 13:00 and not used."""
    day = date(2026, 10, 1)
    who, group = manage.resident, manage.group
    nine, one = window(day, 9, 12), window(day, 13, 17)
    town.reservation(
        manage.near.full, nine, account=who, group=group, state=State.USED, first_opened_at=at(day, 9)
    )
    town.reservation(manage.near.halves[0], one, account=who, group=group, state=State.NO_SHOW)


def lines_of(client: FlaskClient, month: str) -> list[dict[str, str]]:
    answer = client.get(f"{PAGE}.csv?month={month}")
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def test_a_day_counts_full_and_half_courts_used_and_only_booked(manage: Manage, desk: FlaskClient) -> None:
    manage.town(lambda town: last_month(town, manage))
    first = lines_of(desk, OCTOBER)[0]
    assert first["施設"] == "近くの小学校"
    assert first["日"] == "2026-10-01"
    assert (first["開放コマ数"], first["予約コマ数"], first["利用コマ数"]) == ("3", "1", "1")


def test_no_show_halves_are_booked_and_not_used(manage: Manage, desk: FlaskClient) -> None:
    def build(town: Town) -> None:
        last_month(town, manage)
        town.reservation(
            manage.near.full,
            window(date(2026, 10, 2), 9, 12),
            account=manage.resident,
            group=manage.group,
            state=State.CONFIRMED,
        )

    manage.town(build)
    second = lines_of(desk, OCTOBER)[1]
    assert (second["予約コマ数"], second["利用コマ数"], second["予約率(%)"]) == ("1", "0", "33.3")
    page = desk.get(f"{PAGE}?month={OCTOBER}").get_data(as_text=True)
    assert "差(予約して使われなかった分)" in page


def test_picture_and_table_have_the_numbers_of_the_file(manage: Manage, desk: FlaskClient) -> None:
    manage.town(lambda town: last_month(town, manage))
    total = lines_of(desk, OCTOBER)[-1]
    page = desk.get(f"{PAGE}?month={OCTOBER}").get_data(as_text=True)
    assert total["施設"] == "全施設"
    assert f"全体で{total['利用率(%)']}%" in page, "the picture's own words"
    foot = page[page.index("<tfoot>") : page.index("</tfoot>")]
    assert f">{total['開放コマ数']}<" in foot
    assert f">{total['利用率(%)']}%<" in foot
    cells = re.findall(r'<text class="heat-figure t-(\w+)"[^>]*>([^<]*)<', page)
    assert ("2", "33") in cells
    assert ("0", "0") in cells


def test_closures_leave_the_denominator_and_are_counted_beside_it(manage: Manage, desk: FlaskClient) -> None:
    tomorrow = TODAY + timedelta(days=1)
    fields = {
        "place": str(manage.near.facility_id),
        "first_day": tomorrow.isoformat(),
        "first_time": "0",
        "last_day": tomorrow.isoformat(),
        "last_time": "1440",
        "reason": "床の工事のため",
    }
    before = lines_of(desk, "2026-11")[21]
    post(desk, "/manage/closures", "/manage/closures", fields)
    after = lines_of(desk, "2026-11")[21]
    assert before["日"] == after["日"] == tomorrow.isoformat()
    assert (before["開放コマ数"], before["利用不可コマ数"]) == ("3", "0")
    assert (after["開放コマ数"], after["利用不可コマ数"], after["利用率(%)"]) == ("0", "3", "")
    page = desk.get(f"{PAGE}?month=2026-11&view=booked").get_data(as_text=True)
    assert '<text class="heat-figure t-shut"' in page


def test_days_that_are_not_over_do_not_lower_the_used_rate(desk: FlaskClient) -> None:
    page = desk.get(f"{PAGE}?month=2026-11").get_data(as_text=True)
    assert "11月1日〜20日" in page
    assert page.count('class="h-later"') == 2 * 10, "today and the nine days after, at two schools"
    whole = desk.get(f"{PAGE}?month=2026-11&view=booked").get_data(as_text=True)
    assert 'class="h-later"' not in whole


def test_a_month_without_anything_is_shown_all_the_same(desk: FlaskClient) -> None:
    page = desk.get(f"{PAGE}?month=2027-10").get_data(as_text=True)
    assert "この月はまだ終わった日がありません。" in page
    assert "まだ数字はありません。" in page


def test_kinds_of_space_are_counted_apart(manage: Manage, desk: FlaskClient) -> None:
    manage.town(lambda town: last_month(town, manage))
    gym = desk.get(f"{PAGE}?month={OCTOBER}&kind=gym").get_data(as_text=True)
    ground = desk.get(f"{PAGE}?month={OCTOBER}&kind=ground").get_data(as_text=True)
    assert 'class="heat-figure' in gym
    assert 'class="heat-figure' not in ground


def test_links_keep_month_kind_and_view_but_for_what_they_change(desk: FlaskClient) -> None:
    page = desk.get(f"{PAGE}?month={OCTOBER}&kind=gym&view=booked").get_data(as_text=True)
    assert f'href="{PAGE}.csv?month=2026-10&amp;kind=gym&amp;view=booked"' in page
    assert 'href="?month=2026-09&amp;kind=gym&amp;view=booked"' in page
    assert 'href="?month=2026-11&amp;kind=gym&amp;view=booked"' in page
    assert 'href="?month=2026-10&amp;kind=gym&amp;view=used"' in page
    assert 'href="?month=2026-10&amp;view=booked"' in page, "all kinds of space"


def test_the_file_is_what_spreadsheets_open(desk: FlaskClient) -> None:
    answer = desk.get(f"{PAGE}.csv?month={OCTOBER}")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert answer.data.count(b"\r\n") == answer.data.count(b"\n") == 1 + 2 * 32 + 1
    assert answer.headers["Content-Disposition"] == 'attachment; filename="utilisation-2026-10.csv"'


@pytest.mark.parametrize("page", [PAGE, f"{PAGE}.csv"])
def test_others_do_not_see_it(manage: Manage, page: str) -> None:
    assert manage.client(manage.resident).get(page).status_code == 404
    assert manage.client(None).get(page).status_code == 303


@pytest.mark.parametrize("asked", ["month=2026-13", "month=x", "kind=pool", "view=imagined", "month=0001-01"])
def test_what_cannot_be_asked_is_refused(desk: FlaskClient, asked: str) -> None:
    assert desk.get(f"{PAGE}?{asked}").status_code == 400


def test_statements_do_not_grow_with_what_was_booked(manage: Manage, desk: FlaskClient) -> None:
    desk.get(f"{PAGE}?month={OCTOBER}")
    with counted(manage.database) as few:
        desk.get(f"{PAGE}?month={OCTOBER}")

    def build(town: Town) -> None:
        for number in range(20):
            town.reservation(
                manage.near.full,
                window(date(2026, 10, 1) + timedelta(days=number), 9, 12),
                account=manage.resident,
                group=manage.group,
            )

    manage.town(build)
    with counted(manage.database) as many:
        desk.get(f"{PAGE}?month={OCTOBER}")
    assert len(many) == len(few) <= 5


def test_nothing_in_the_page_needs_an_inline_style(desk: FlaskClient) -> None:
    for page in (PAGE, "/manage", "/manage/mail", "/manage/closures", "/manage/approvals"):
        words = desk.get(page).get_data(as_text=True)
        assert " style=" not in words
        assert "<style" not in words
