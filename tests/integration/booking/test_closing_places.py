"""Closures: what was there goes, with its money; what is in use stays; nobody books into one."""

import pytest
import sqlalchemy as sa

from booking.places import closures
from booking.places.models import Closure
from booking.reservations import door
from booking.reservations.models import Claim, State
from booking.reservations.refusals import SlotClosed
from core.errors import BadInput, NotThere
from core.window import Window, granule_of
from tests.integration.booking.test_life_of_a_reservation import mails, open_door, refunds
from tests.integration.booking.town import NOW, Town, at, window


def close(town: Town, wanted: Window, *, space_id: int | None = None, facility: int | None = None) -> int:
    """Staff close the gym's facility."""
    actor = town.staff
    with town.database.transaction() as session:
        made = closures.close(
            session,
            actor=actor,
            facility_id=facility or town.gym,
            space_id=space_id,
            window=wanted,
            reason="運動会",
            now=NOW,
        )
        return made.id


def test_a_closure_revokes_with_refund_and_mail_and_takes_the_granules(town: Town) -> None:
    paid = town.confirmed(wanted=window(10, 12))
    held = town.held(wanted=window(13, 15))
    beside = town.confirmed(wanted=window(18, 20))
    closure_id = close(town, window(11, 14))
    assert [town.reservation(r).state for r in (paid, held, beside)] == [
        State.REVOKED,
        State.REVOKED,
        State.CONFIRMED,
    ]
    assert refunds(town) == [(paid, 600, "revoked")]
    assert mails(town).count("revoked") == 2
    with town.database.reading() as session:
        owned = session.execute(
            sa.select(Claim.court_id, Claim.granule).where(Claim.closure_id == closure_id)
        )
        assert {tuple(row) for row in owned} == {(c, g) for c in town.courts for g in window(11, 14).granules}
    assert town.reservation(paid).reason == "運動会"


def test_nobody_books_into_a_closure(town: Town) -> None:
    close(town, window(0, 24))
    with pytest.raises(SlotClosed):
        town.held(offering=town.half_a)


def test_what_is_in_use_stays(town: Town) -> None:
    used = town.confirmed(wanted=window(10, 12))
    open_door(town, used, at(10))
    close(town, window(8, 15))
    assert town.reservation(used).state == State.USED
    assert len(town.claims(owner=used)) == 8


def test_late_money_for_a_revoked_reservation_goes_back(town: Town) -> None:
    held = town.held()
    payment_id = town.start_payment(held)
    close(town, window(10, 12))
    town.settle(payment_id, held)
    assert town.reservation(held).state == State.REVOKED
    assert refunds(town) == [(held, 600, f"late:{payment_id}")]


def test_lifting_gives_the_courts_back_but_not_to_whoever_was_revoked(town: Town) -> None:
    paid = town.confirmed()
    closure_id = close(town, window(8, 12))
    actor = town.staff
    for _ in range(2):
        with town.database.transaction() as session:
            closures.lift(session, actor=actor, closure_id=closure_id, now=NOW)
    assert town.claims() == set()
    assert town.reservation(paid).state == State.REVOKED
    assert town.held() != paid
    with town.database.reading() as session:
        assert closures.of_municipality(session, municipality_id=town.municipality_id, since=NOW) == []


def test_lifting_one_of_two_overlapping_closures_leaves_the_other_closed(town: Town) -> None:
    first = close(town, window(8, 12))
    second = close(town, window(10, 15))
    actor = town.staff
    with town.database.transaction() as session:
        closures.lift(session, actor=actor, closure_id=first, now=NOW)
    with town.database.reading() as session:
        rows = session.execute(sa.select(Claim.granule).where(Claim.closure_id == second))
        assert {granule for (granule,) in rows} == set(window(10, 15).granules)
    with pytest.raises(SlotClosed):
        town.held()


def test_closures_need_a_manager_a_reason_the_grid_and_a_place_of_ones_own(town: Town) -> None:
    with pytest.raises(BadInput):
        close(town, Window(at(10), at(10.2)))
    with pytest.raises(NotThere):
        close(town, window(10, 12), facility=10**6)
    with pytest.raises(NotThere):
        close(town, window(10, 12), space_id=10**6)
    with pytest.raises(NotThere), town.database.transaction() as session:
        closures.close(
            session,
            actor=town.actor(session=session),
            facility_id=town.gym,
            space_id=None,
            window=window(10, 12),
            reason="x",
            now=NOW,
        )
    with town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Closure)) == 0


def test_a_lock_is_told_what_may_be_sold_and_nothing_closed(town: Town) -> None:
    first = granule_of(at(0))
    close(town, window(10, 12))
    with town.database.reading() as session:
        found = door.sellable_windows(
            session, access_point_id=town.access_point_id, first=first, last=first + 48, now=NOW
        )
    starts = {((granule - first) / 2, length / 2) for granule, length, _ in found}
    assert starts == {(8, 2), (13, 2), (18, 2), (18, 4), (20, 2)}
    assert {courts for *_, courts in found} == {
        frozenset(town.courts),
        frozenset(town.courts[:1]),
        frozenset(town.courts[1:]),
    }
    assert found == sorted(found, key=lambda entry: (entry[0], entry[1], sorted(entry[2])))


def test_a_taken_window_stays_sellable_for_the_lock_and_an_unknown_door_has_none(town: Town) -> None:
    town.confirmed()
    first = granule_of(at(0))
    with town.database.reading() as session:
        mine = door.sellable_windows(
            session, access_point_id=town.access_point_id, first=first, last=first + 48, now=NOW
        )
        assert (granule_of(at(10)), 4, frozenset(town.courts)) in mine
        assert (
            door.sellable_windows(session, access_point_id=10**6, first=first, last=first + 48, now=NOW) == []
        )
