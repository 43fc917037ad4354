"""Hold: what it writes, what it costs, what it refuses."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from booking.fees.models import FeeRate
from booking.places.models import Facility, Municipality
from booking.reservations import claims
from booking.reservations.hold import hold
from booking.reservations.models import Claim, Reservation, State
from booking.reservations.refusals import (
    Ended,
    GroupNotApproved,
    Misaligned,
    NotOffered,
    NotSellableNow,
    SlotTaken,
    TooFarAhead,
    TooLateForApproval,
    TooLong,
    TooManyHolds,
    ZeroFeeLimit,
)
from core.errors import KaihoError, NotThere
from core.ids import new_id
from core.owed import Owed
from core.window import Window
from locks.models import Grant, Lock, LockOffer
from tests.integration.booking.town import NOW, Town, at, window


@contextmanager
def counted(town: Town) -> Iterator[list[str]]:
    """The statements that the block sends."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(town.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(town.database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("yen_per_hour", "before_start", "lasts"),
    [
        (25, timedelta(days=4), timedelta(minutes=10)),
        (24, timedelta(days=4), timedelta(days=3)),
        (24, timedelta(days=2), timedelta(days=2)),
        (24, timedelta(minutes=5), timedelta(minutes=10)),
    ],
)
def test_what_no_card_pays_is_held_until_somebody_can_come_to_the_counter(
    town: Town, yen_per_hour: int, before_start: timedelta, lasts: timedelta
) -> None:
    with town.database.transaction() as session:
        session.execute(sa.update(FeeRate).values(yen_per_hour=yen_per_hour))
    now = window(10, 12).starts_at - before_start
    found = town.reservation(town.held(now=now))
    assert found.amount_yen == 2 * yen_per_hour
    assert found.pay_until == found.next_due_at == now + lasts


def test_a_hold_has_its_claims_price_policy_deadline_and_mail(town: Town) -> None:
    reservation_id = town.held(wanted=window(18, 20))
    found = town.reservation(reservation_id)
    assert found.state == State.HELD
    assert found.next_due_at == found.pay_until == NOW + timedelta(minutes=10)
    assert found.amount_yen == 1200
    assert [line["amount_yen"] for line in found.fee_lines] == [600, 600]
    assert found.policy["free_cancel_until"] == (at(18) - timedelta(days=1)).isoformat()
    granules = window(18, 20).granules
    assert town.claims(owner=reservation_id) == {(c, g) for c in town.courts for g in granules}
    with town.database.reading() as session:
        assert [row.payload["template"] for row in session.scalars(sa.select(Owed))] == ["made"]


def test_a_hold_costs_at_most_five_statements_after_the_sign_in(town: Town) -> None:
    town.held(wanted=window(8, 10))
    actor = town.actor()
    with town.database.transaction() as session, counted(town) as statements:
        hold(
            session,
            actor=actor,
            group_id=town.general,
            offering_id=town.full,
            window=window(10, 12),
            request_key="k",
            now=NOW,
        )
        session.flush()
    writes_and_reads = [text for text in statements if not text.startswith("BEGIN")]
    assert len(writes_and_reads) <= 5, "\n".join(writes_and_reads)


def test_a_loser_costs_one_statement_after_the_sign_in(town: Town) -> None:
    town.held()
    actor = town.actor()
    with counted(town) as statements, pytest.raises(SlotTaken), town.database.transaction() as session:
        hold(
            session,
            actor=actor,
            group_id=town.youth,
            offering_id=town.half_b,
            window=window(10, 12),
            request_key="k",
            now=NOW,
        )
    assert len([text for text in statements if not text.startswith("BEGIN")]) == 1


def test_the_same_request_twice_is_one_reservation(town: Town) -> None:
    first = town.held(key="tap")
    second = town.held(key="tap")
    other_window = town.held(key="tap", wanted=window(13, 15))
    assert first == second == other_window
    assert len(town.claims()) == 8


def test_the_same_key_of_another_group_is_another_request(town: Town) -> None:
    first = town.held(key="tap")
    second = town.held(key="tap", group=town.youth, wanted=window(18, 20))
    assert first != second


@pytest.mark.parametrize(
    "offering, other",
    [("full", "half_a"), ("full", "half_b"), ("half_a", "full"), ("half_b", "full"), ("half_a", "half_a")],
)
def test_full_and_half_courts_exclude_each_other(town: Town, offering: str, other: str) -> None:
    town.held(offering=getattr(town, offering))
    before = town.claims()
    with pytest.raises(SlotTaken):
        town.held(offering=getattr(town, other))
    assert town.claims() == before


def test_two_halves_go_together(town: Town) -> None:
    town.held(offering=town.half_a)
    town.held(offering=town.half_b)
    assert len(town.claims()) == 8


@pytest.mark.parametrize(
    "wanted, refusal",
    [
        (Window(at(10) + timedelta(minutes=10), at(12)), Misaligned),
        (window(11, 12), NotOffered),
        (window(10, 15), NotOffered),
        (window(12, 13), NotOffered),
        (window(20, 24), NotOffered),
        (window(10, 12, date(2026, 12, 31)), NotOffered),
        (window(8, 10, date(2026, 11, 20)), Ended),
        (window(10, 12, date(2027, 1, 21)), TooFarAhead),
    ],
)
def test_a_window_that_is_not_on_sale_is_refused_and_nothing_is_written(
    town: Town, wanted: Window, refusal: type[KaihoError]
) -> None:
    with pytest.raises(refusal) as refused:
        town.held(wanted=wanted)
    assert refused.value.code != "refused"
    assert refused.value.sentence
    with town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Reservation)) == 0
        assert session.scalar(sa.select(sa.func.count()).select_from(Claim)) == 0


def test_contiguous_bands_are_one_reservation_up_to_the_limit(town: Town) -> None:
    two = town.held(wanted=window(18, 22))
    assert len(town.claims(owner=two)) == 16
    with town.database.transaction() as session:
        session.get_one(Municipality, town.municipality_id).max_bands = 1
    with pytest.raises(TooLong):
        town.held(wanted=window(8, 12))


def test_a_running_window_is_on_sale_until_half_an_hour_before_its_end(town: Town) -> None:
    today = NOW.date()
    with pytest.raises(Ended):
        town.held(wanted=window(8, 10, today), now=at(9.5, today) + timedelta(seconds=1))
    sold = town.held(wanted=window(8, 10, today), now=at(9.5, today))
    assert town.reservation(sold).state == State.HELD


def test_someone_elses_group_or_an_unknown_offering_is_not_there(town: Town) -> None:
    with pytest.raises(NotThere):
        town.held(group=new_id(NOW))
    with pytest.raises(NotThere):
        town.held(offering=10**6)


def test_a_group_books_only_in_the_years_it_is_approved_for(town: Town) -> None:
    with town.database.transaction() as session:
        session.get_one(Municipality, town.municipality_id).sells_ahead_for_days = 400
    with pytest.raises(GroupNotApproved):
        town.held(wanted=window(10, 12, date(2027, 4, 1)))
    last_day = town.held(wanted=window(10, 12, date(2027, 3, 31)))
    assert town.reservation(last_day).state == State.HELD


def test_a_group_has_only_so_many_holds(town: Town) -> None:
    with town.database.transaction() as session:
        session.get_one(Municipality, town.municipality_id).max_holds_per_group = 2
    town.held(wanted=window(8, 10))
    town.confirmed(wanted=window(10, 12))
    town.held(wanted=window(13, 15))
    with pytest.raises(TooManyHolds):
        town.held(wanted=window(18, 20))


def test_a_free_reservation_is_confirmed_at_once_with_grant_number_and_mail(town: Town) -> None:
    reservation_id = town.held(group=town.youth, wanted=window(10, 12))
    found = town.reservation(reservation_id)
    assert (found.state, found.amount_yen, found.permit_number) == (State.CONFIRMED, 0, 1)
    assert [line["amount_yen"] for line in found.fee_lines] == [600, -600]
    with town.database.reading() as session:
        grant = session.scalars(sa.select(Grant)).one()
        assert (grant.holder, grant.access_point_id) == (reservation_id, town.access_point_id)
        assert [row.payload["template"] for row in session.scalars(sa.select(Owed))] == ["confirmed"]


def test_a_group_has_at_most_two_free_reservations_of_one_start(town: Town) -> None:
    from booking.reservations.cancel import cancel

    for _ in range(2):
        reservation_id = town.held(group=town.youth)
        with town.database.transaction() as session:
            cancel(session, actor=town.actor(session=session), reservation_id=reservation_id, now=NOW)
    with pytest.raises(ZeroFeeLimit):
        town.held(group=town.youth)
    assert town.reservation(town.held(group=town.general)).state == State.HELD


def test_a_hall_that_wants_approval_is_requested_until_a_day_before_the_start(town: Town) -> None:
    found = town.reservation(town.held(offering=town.hall_whole))
    assert (found.state, found.pay_until) == (State.REQUESTED, None)
    assert found.next_due_at == at(10) - timedelta(hours=24)
    assert len(town.claims(owner=found.id)) == 4
    with pytest.raises(TooLateForApproval):
        town.held(
            offering=town.hall_whole,
            wanted=window(10, 12, date(2026, 11, 22)),
            now=at(10, date(2026, 11, 21)),
        )


def test_amount_and_facts_come_from_the_database_not_from_a_cached_catalogue(town: Town) -> None:
    town.held(wanted=window(8, 10))
    with town.database.transaction() as session:
        session.get_one(Facility, town.gym).approval_required = True
    assert town.reservation(town.held(wanted=window(10, 12))).state == State.REQUESTED


def test_an_unknown_group_row_is_not_there(town: Town) -> None:
    with pytest.raises(NotThere), town.database.transaction() as session:
        claims.look(
            session,
            municipality_id=town.municipality_id,
            courts=town.courts,
            window=window(10, 12),
            group_id=new_id(NOW),
            request_key="k",
        )


def mount_lock(town: Town, *, lists: bool) -> None:
    """An active lock on the gym's door whose applied version lists 10 to 12 on both lanes, or nothing."""
    starts = {str(window(10, 12).granules.start): {"0": 1 << 4, "1": 1 << 4}} if lists else {}
    horizon = window(10, 12).granules.stop + 48
    with town.database.transaction() as session:
        session.add(
            Lock(
                id="00000000000000aa",
                municipality_id=town.municipality_id,
                access_point_id=town.access_point_id,
                state="active",
                added_at=NOW,
                wrapped_root=b"",
                broker_password_hash="-",
                applied_version=1,
                applied_horizon=horizon,
                last_contact_at=NOW,
            )
        )
        session.flush()
        session.add(LockOffer(lock_id="00000000000000aa", horizon=horizon, starts=starts, floors={}))


def test_what_the_lock_would_refuse_is_not_sold(town: Town) -> None:
    mount_lock(town, lists=False)
    with pytest.raises(NotSellableNow) as refused:
        town.held()
    assert refused.value.code == "not_sellable"
    assert town.claims() == set()


def test_what_the_lock_can_derive_is_sold(town: Town) -> None:
    mount_lock(town, lists=True)
    assert town.reservation(town.held()).state == State.HELD
