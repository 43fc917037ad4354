"""The sample data themselves: schools, days."""

from datetime import date

from booking.places.models import DayKind
from booking.seed.days import calendar_days
from booking.seed.people import GROUPS, PEOPLE
from booking.seed.schools import ELEMENTARY, JUNIOR_HIGH, NAME_UNSURE
from booking.seed.town import SAMPLE_CONTACT


def test_all_schools_are_there_once() -> None:
    assert (len(ELEMENTARY), len(JUNIOR_HIGH)) == (23, 11)
    names = {school.name for school in (*ELEMENTARY, *JUNIOR_HIGH)}
    assert len(names) == 34
    assert {"住吉小学校", "義方小学校", "就将小学校", "後藤ヶ丘中学校"} <= names
    assert len({school.slug for school in (*ELEMENTARY, *JUNIOR_HIGH)}) == 34


def test_positions_and_codes_go_together_and_lie_in_yonago() -> None:
    known = [school for school in (*ELEMENTARY, *JUNIOR_HIGH) if school.code]
    assert len(known) == 4
    for school in known:
        assert school.latitude is not None
        assert school.longitude is not None
        assert 35.3 < school.latitude < 35.6
        assert 133.2 < school.longitude < 133.5


def test_names_that_are_not_certain_say_so() -> None:
    unsure = {school.name for school in JUNIOR_HIGH if school.note == NAME_UNSURE}
    assert unsure == {"東山中学校", "加茂中学校", "後藤ヶ丘中学校", "弓ヶ浜中学校"}
    assert not any(school.note for school in ELEMENTARY)


def test_people_groups_and_the_office_are_named_as_samples() -> None:
    assert all("見本" in person.name for person in PEOPLE)
    assert all(person.mail_address.endswith("@example.jp") for person in PEOPLE)
    assert all("見本" in group.name for group in GROUPS)
    assert "見本" in SAMPLE_CONTACT
    in_groups = {mail for group in GROUPS for mail in group.members}
    assert [p.mail_address for p in PEOPLE if p.mail_address not in in_groups] == [
        "mihon-kanri@example.jp",
        "mihon-kanri2@example.jp",
        "mihon-hitori@example.jp",
    ]


def test_days_are_holidays_vacations_or_closed_in_that_order_of_force() -> None:
    days = calendar_days((2026, 2027))
    assert days[date(2026, 11, 23)] == (DayKind.HOLIDAY, "勤労感謝の日")
    assert days[date(2027, 1, 1)][0] is DayKind.CLOSED
    assert days[date(2026, 12, 29)][0] is DayKind.CLOSED
    assert days[date(2026, 12, 28)] == (DayKind.VACATION, "冬休み")
    assert days[date(2026, 8, 11)][0] is DayKind.HOLIDAY
    assert days[date(2026, 8, 10)] == (DayKind.VACATION, "夏休み")
    assert date(2026, 8, 8) not in days
    assert date(2026, 11, 21) not in days
    assert list(days) == sorted(days)
