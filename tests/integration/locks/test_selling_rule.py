"""The selling rule over a lock's whole life: whatever its state, nothing is sold that it would refuse."""

from datetime import timedelta

import sqlalchemy as sa

from core.window import Window, granule_start
from locks import grants
from locks.errors import NotSellable, WhyNot
from locks.models import Lock, LockOffer, LockState, Transport
from locks.modes.models import ModeOrder
from locks.reliance import reliance
from tests.integration.locks.conftest import LEFT, NOW, TOWN, School, Statements
from tests.integration.locks.door import Door
from tests.integration.locks.test_sellable import derives


def why_not(school: School, window: Window, courts: tuple[int, ...] = (LEFT,)) -> WhyNot | None:
    """What a hold is told; a page that asked beforehand must have been told the same."""
    with school.database.reading() as session:
        page = reliance(
            session,
            access_point_ids=[school.gym],
            first=window.granules.start - 48,
            last=window.granules.stop + 48,
            now=school.now,
        )
        hint = page.why_not([school.gym], courts, window.granules.start, len(window.granules))
        try:
            grants.require_sellable(
                session, access_point_ids=[school.gym], courts=courts, window=window, now=school.now
            )
        except NotSellable as error:
            assert hint is error.why
            assert NotSellable.sentences[error.why] == error.sentence
            return error.why
    assert hint is None
    return None


def put(school: School, door: Door, **values: object) -> None:
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).where(Lock.id == door.id).values(**values))


def vacation(school: School, first: float, last: float | None) -> None:
    """An order from and until so many hours from now."""
    with school.database.transaction() as session:
        session.add(
            ModeOrder(
                municipality_id=TOWN,
                access_point_id=school.gym,
                mode="vacation",
                why="vacation",
                from_at=school.now + timedelta(hours=first),
                until_at=None if last is None else school.now + timedelta(hours=last),
            )
        )


def test_a_lock_that_nobody_has_commissioned_yet_is_asked_as_soon_as_it_has_confirmed_a_version(
    school: School,
) -> None:
    door = school.fit()
    odd = school.slot(2, 12)
    assert why_not(school, odd) is None
    school.contact(door)
    put(school, door, state=LockState.PROVISIONED)
    assert why_not(school, school.slot()) is None
    assert why_not(school, odd) is WhyNot.NOT_LISTED
    # The control: were it sold all the same, the lock would not open for it.
    assert not derives(school, door, school.issue(odd))


def test_a_lock_on_its_way_off_the_door_is_sold_nothing_for_a_fortnight(school: School) -> None:
    door = school.fit()
    school.contact(door)
    assert why_not(school, school.slot()) is None
    put(school, door, state=LockState.RETIRING)
    assert why_not(school, school.slot()) is WhyNot.RETIRING
    assert why_not(school, school.slot(24 * 13)) is WhyNot.RETIRING
    assert why_not(school, school.slot(24 * 20)) is None


def test_a_lock_new_on_a_door_that_people_open_with_codes_has_to_speak_first(school: School) -> None:
    first = school.fit()
    school.contact(first)
    put(school, first, state=LockState.DEAD)
    assert why_not(school, school.slot()) is None, "no lock at all: the key is had from staff"
    second = school.fit()
    assert why_not(school, school.slot()) is WhyNot.NOT_LISTED
    assert why_not(school, school.slot(24 * 20)) is None
    assert second.desired == {}, "it would open for nobody"
    school.contact(second)
    assert why_not(school, school.slot()) is None


def test_nothing_is_sold_in_a_vacation_and_what_lies_after_it_is(school: School) -> None:
    school.contact(school.fit())
    vacation(school, 24, 48)
    assert why_not(school, school.slot(20)) is None
    assert why_not(school, school.slot(25)) is WhyNot.VACATION
    assert why_not(school, school.slot(22, 8)) is WhyNot.VACATION
    assert why_not(school, school.slot(48)) is None


def test_a_vacation_without_an_end_holds_back_even_what_is_beyond_the_horizon(school: School) -> None:
    school.contact(school.fit())
    vacation(school, 24, None)
    vacation(school, 24, 48)
    assert why_not(school, school.slot(24 * 20)) is WhyNot.VACATION
    with school.database.transaction() as session:
        session.execute(sa.update(ModeOrder).values(ended_at=school.now))
    assert why_not(school, school.slot(24 * 20)) is None


def test_lost_is_told_from_waiting(school: School) -> None:
    door = school.fit()
    school.contact(door)
    odd = school.slot(200, 12)
    assert why_not(school, odd) is WhyNot.NOT_LISTED
    school.clock.at = NOW + timedelta(hours=27)
    assert why_not(school, odd) is WhyNot.NO_CONTACT
    assert why_not(school, school.slot(100)) is None, "listed: it opens without a network"


def test_a_start_whose_codes_were_all_taken_back_says_so(school: School) -> None:
    door = school.fit()
    school.contact(door)
    window = school.slot()
    for _ in range(3):
        assert why_not(school, window) is None
        school.withdraw(school.issue(window))
    assert why_not(school, window) is WhyNot.USED_UP
    school.contact(door)
    assert why_not(school, window) is None


def test_courts_that_the_code_group_does_not_list_have_no_lane(school: School) -> None:
    school.contact(school.fit())
    assert why_not(school, school.slot(), (99,)) is WhyNot.NO_LANE


def test_a_vendors_lock_is_sold_while_its_cloud_answers(school: School) -> None:
    door = school.fit()
    next_heartbeat = NOW + timedelta(minutes=15)
    put(school, door, transport=Transport.VENDOR, last_contact_at=NOW, next_sync_at=next_heartbeat)
    assert why_not(school, school.slot(2, 12)) is None
    school.clock.at = NOW + timedelta(hours=27)
    assert why_not(school, school.slot(2, 12)) is WhyNot.NO_CONTACT


def test_the_last_day_of_the_horizon_agrees_on_page_and_hold(school: School) -> None:
    door = school.fit()
    school.contact(door)
    horizon = granule_start(door.desired["horizon"])
    hours = (horizon - school.now) / timedelta(hours=1)
    assert why_not(school, school.slot(hours - 4)) is None
    with school.database.transaction() as session:
        session.execute(sa.update(LockOffer).values(starts={}))
    assert why_not(school, school.slot(hours - 4)) is WhyNot.NOT_LISTED
    assert why_not(school, school.slot(hours)) is None


def test_a_hold_asks_one_statement_and_a_page_two_however_many_doors(school: School) -> None:
    school.contact(school.fit())
    window = school.slot()
    with school.database.reading() as session, Statements(school.database) as seen:
        grants.require_sellable(
            session, access_point_ids=[school.gym], courts=[LEFT], window=window, now=school.now
        )
        assert len([text for text in seen if not text.startswith("BEGIN")]) == 1
    first = window.granules.start
    with school.database.reading() as session, Statements(school.database) as seen:
        reliance(session, access_point_ids=[school.gym], first=first, last=first + 48, now=school.now)
        assert len([text for text in seen if not text.startswith("BEGIN")]) == 2
