"""From hold to used: paying, giving up, running out, late money, staff's word, the door."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.notices import mail
from booking.people.models import Account
from booking.places.models import Facility
from booking.reservations import deadlines, door, money
from booking.reservations.approve import approve, reject
from booking.reservations.cancel import cancel, quote_cancel
from booking.reservations.models import PermitCounter, Reservation, State
from booking.reservations.pay import require_payable
from booking.reservations.refusals import (
    Ended,
    IllegalMove,
    NotPayable,
    NotSellableNow,
    TooLateToCancel,
    ZeroFeeLimit,
)
from core.errors import BadInput, ContractBroken, NotThere
from core.ids import new_id
from core.owed import Owed
from locks.models import Grant, Lock, LockOffer
from payments import checkout
from payments.models import Refund
from tests.integration.booking.test_holding import mount_lock
from tests.integration.booking.town import NOW, Town, account, at, group, window


def give_up(town: Town, reservation_id: UUID, *, now: datetime = NOW) -> State:
    """The resident cancels."""
    with town.database.transaction() as session:
        found = cancel(session, actor=town.actor(session=session), reservation_id=reservation_id, now=now)
        return State(found.state)


def work(town: Town, now: datetime) -> int:
    """The worker looks once."""
    with town.database.transaction() as session:
        return deadlines.expire_due(session, now=now, limit=100)


def close_attempts(town: Town, reservation_id: UUID, now: datetime) -> None:
    """Stripe says that nothing can be captured any more."""
    with town.database.transaction() as session:
        money.attempts_closed(session, reference=reservation_id, now=now)


def refunds(town: Town) -> list[tuple[UUID, int, str]]:
    """(reference, yen, cause) of everything owed back."""
    with town.database.reading() as session:
        rows = session.execute(sa.select(Refund.reference, Refund.amount_yen, Refund.cause))
        return [(reference, amount, cause) for reference, amount, cause in rows]


def mails(town: Town) -> list[str]:
    """Templates of the mails owed, by the alphabet: those of one instant have no order."""
    with town.database.reading() as session:
        return sorted(row.payload["template"] for row in session.scalars(sa.select(Owed)))


class PowerCut(Exception):
    """Anything that ends a transaction."""


def undo_confirmation(town: Town, reservation_id: UUID, payment_id: UUID) -> None:
    """Confirm, and lose the transaction."""

    def confirm_and_fail() -> None:
        with town.database.transaction() as session:
            money.payment_settled(
                session, reference=reservation_id, payment_id=payment_id, amount_yen=600, now=NOW
            )
            raise PowerCut

    with pytest.raises(PowerCut):
        confirm_and_fail()


def test_money_confirms_with_number_grant_and_mail(town: Town) -> None:
    found = town.reservation(town.confirmed())
    assert (found.state, found.permit_number) == (State.CONFIRMED, 1)
    assert found.next_due_at == at(12) + timedelta(hours=1)
    with town.database.reading() as session:
        assert [grant.holder for grant in session.scalars(sa.select(Grant))] == [found.id]
    assert mails(town) == ["confirmed", "made"]


def test_permit_numbers_have_no_gaps_even_where_a_confirmation_is_undone(town: Town) -> None:
    town.confirmed(wanted=window(8, 10))
    undone = town.held(wanted=window(10, 12))
    payment_id = town.start_payment(undone)
    undo_confirmation(town, undone, payment_id)
    last = town.confirmed(wanted=window(13, 15))
    assert town.reservation(last).permit_number == 2
    with town.database.reading() as session:
        assert session.get_one(PermitCounter, town.municipality_id).last_number == 2


def test_only_a_live_hold_is_payable(town: Town) -> None:
    reservation_id = town.held()
    with town.database.transaction() as session:
        actor = town.actor(session=session)
        reservation, until = require_payable(session, actor=actor, reservation_id=reservation_id, now=NOW)
        assert (reservation.id, until) == (reservation_id, NOW + timedelta(minutes=10))
        with pytest.raises(NotPayable):
            require_payable(session, actor=actor, reservation_id=reservation_id, now=until)
        with pytest.raises(NotThere):
            require_payable(
                session,
                actor=town.actor(town.youth, session=session),
                reservation_id=reservation_id,
                now=NOW,
            )
    town.pay(reservation_id)
    with pytest.raises(NotPayable), town.database.transaction() as session:
        require_payable(session, actor=town.actor(session=session), reservation_id=reservation_id, now=NOW)


def test_money_for_an_unknown_reservation_is_our_own_fault(town: Town) -> None:
    with pytest.raises(ContractBroken), town.database.transaction() as session:
        money.payment_settled(session, reference=new_id(NOW), payment_id=new_id(NOW), amount_yen=1, now=NOW)


def test_a_hold_without_a_payment_is_free_again_at_its_deadline(town: Town) -> None:
    reservation_id = town.held()
    assert work(town, NOW + timedelta(minutes=9)) == 0
    assert work(town, NOW + timedelta(minutes=10)) == 1
    assert town.reservation(reservation_id).state == State.EXPIRED
    assert town.claims() == set()
    assert mails(town) == ["expired", "made"]
    assert town.held() != reservation_id


def test_a_hold_being_paid_is_free_again_only_once_stripe_says_expired(town: Town) -> None:
    reservation_id = town.held()
    town.start_payment(reservation_id)
    late = NOW + timedelta(minutes=10)
    assert work(town, late) == 1
    assert town.reservation(reservation_id).state == State.HELD
    assert town.reservation(reservation_id).next_due_at == late + timedelta(seconds=60)
    close_attempts(town, reservation_id, late + timedelta(seconds=5))
    assert town.reservation(reservation_id).state == State.EXPIRED
    assert town.claims() == set()


def test_a_closed_attempt_leaves_a_hold_with_time_left_alone(town: Town) -> None:
    reservation_id = town.held()
    town.start_payment(reservation_id)
    close_attempts(town, reservation_id, NOW + timedelta(minutes=5))
    assert town.reservation(reservation_id).state == State.HELD


def test_money_between_deadline_and_expiry_wins(town: Town) -> None:
    reservation_id = town.held()
    payment_id = town.start_payment(reservation_id)
    late = NOW + timedelta(minutes=10)
    work(town, late)
    town.settle(payment_id, reservation_id, now=late)
    assert town.reservation(reservation_id).state == State.CONFIRMED
    close_attempts(town, reservation_id, late)
    assert town.reservation(reservation_id).state == State.CONFIRMED


def test_late_money_takes_a_free_slot_again(town: Town) -> None:
    reservation_id = town.held()
    payment_id = town.start_payment(reservation_id)
    late = NOW + timedelta(minutes=10)
    work(town, late)
    close_attempts(town, reservation_id, late)
    town.settle(payment_id, reservation_id, now=late)
    found = town.reservation(reservation_id)
    assert (found.state, found.permit_number) == (State.CONFIRMED, 1)
    assert len(town.claims(owner=reservation_id)) == 8
    assert refunds(town) == []


def test_late_money_for_a_resold_slot_goes_back_in_the_same_transaction(town: Town) -> None:
    reservation_id = town.held()
    payment_id = town.start_payment(reservation_id)
    late = NOW + timedelta(minutes=10)
    work(town, late)
    close_attempts(town, reservation_id, late)
    half = town.held(offering=town.half_b, now=late)
    before = town.claims()
    town.settle(payment_id, reservation_id, now=late)
    assert town.reservation(reservation_id).state == State.EXPIRED
    assert refunds(town) == [(reservation_id, 600, f"late:{payment_id}")]
    assert town.claims() == before == town.claims(owner=half)
    assert mails(town).count("late_refunded") == 1


def test_late_money_for_a_slot_that_the_lock_would_refuse_by_now_goes_back(town: Town) -> None:
    reservation_id = town.held()
    payment_id = town.start_payment(reservation_id)
    late = NOW + timedelta(minutes=10)
    work(town, late)
    close_attempts(town, reservation_id, late)
    mount_lock(town, lists=False)
    town.settle(payment_id, reservation_id, now=late)
    assert town.reservation(reservation_id).state == State.EXPIRED
    assert [amount for _, amount, _ in refunds(town)] == [600]


def test_late_money_for_a_window_that_is_over_goes_back(town: Town) -> None:
    reservation_id = town.held()
    payment_id = town.start_payment(reservation_id)
    work(town, NOW + timedelta(minutes=10))
    close_attempts(town, reservation_id, NOW + timedelta(minutes=10))
    town.settle(payment_id, reservation_id, now=at(11.75))
    assert town.reservation(reservation_id).state == State.EXPIRED
    assert [amount for _, amount, _ in refunds(town)] == [600]


def test_cancelling_a_day_before_gives_all_back_and_frees_everything(town: Town) -> None:
    reservation_id = town.confirmed()
    assert quote_cancel(town.reservation(reservation_id), now=at(10) - timedelta(days=1)).refund_yen == 600
    assert give_up(town, reservation_id, now=at(10) - timedelta(days=1)) == State.CANCELLED
    assert refunds(town) == [(reservation_id, 600, "cancelled")]
    assert town.claims() == set()
    with town.database.reading() as session:
        assert all(grant.withdrawn_at is not None for grant in session.scalars(sa.select(Grant)))
    assert mails(town) == ["cancelled", "confirmed", "made"]
    with pytest.raises(IllegalMove):
        give_up(town, reservation_id)


def test_cancelling_later_gives_nothing_back_and_says_so_before(town: Town) -> None:
    reservation_id = town.confirmed()
    late = at(10) - timedelta(hours=23)
    quoted = quote_cancel(town.reservation(reservation_id), now=late)
    assert (quoted.refund_yen, quoted.is_free) == (0, False)
    give_up(town, reservation_id, now=late)
    assert refunds(town) == []
    assert town.claims() == set()


def test_a_changed_policy_does_not_change_what_was_sold(town: Town) -> None:
    from booking.places.models import Municipality

    reservation_id = town.confirmed()
    with town.database.transaction() as session:
        session.get_one(Municipality, town.municipality_id).free_cancel_until_s = 14 * 86400
    give_up(town, reservation_id, now=NOW)
    assert [amount for _, amount, _ in refunds(town)] == [600]


def test_a_window_that_is_over_is_not_cancelled(town: Town) -> None:
    reservation_id = town.confirmed()
    with pytest.raises(TooLateToCancel):
        give_up(town, reservation_id, now=at(12))


def test_a_hold_with_a_payment_under_way_is_given_up_once_stripe_says_expired(town: Town) -> None:
    reservation_id = town.held()
    town.start_payment(reservation_id)
    assert give_up(town, reservation_id) == State.HELD
    assert town.reservation(reservation_id).cancel_asked_at == NOW
    assert give_up(town, reservation_id, now=NOW + timedelta(seconds=5)) == State.HELD
    assert town.reservation(reservation_id).cancel_asked_at == NOW
    assert len(town.claims()) == 8
    close_attempts(town, reservation_id, NOW + timedelta(seconds=9))
    assert town.reservation(reservation_id).state == State.CANCELLED
    assert town.claims() == set()


def test_a_hold_whose_payment_stripe_never_heard_of_is_given_up_at_once(town: Town) -> None:
    reservation_id = town.held()
    town.start_payment(reservation_id, known=False)
    assert give_up(town, reservation_id) == State.CANCELLED
    with town.database.reading() as session:
        assert checkout.live_of(session, reference=reservation_id) is None


def test_somebody_elses_reservation_is_not_there(town: Town) -> None:
    reservation_id = town.confirmed()
    with town.database.transaction() as session:
        stranger = account(session, town.municipality_id, "other@example.jp")
        others = group(session, town.municipality_id, "他団体", stranger)
    with pytest.raises(NotThere), town.database.transaction() as session:
        cancel(session, actor=town.actor(others, session=session), reservation_id=reservation_id, now=NOW)
    assert town.reservation(reservation_id).state == State.CONFIRMED


def test_staff_cancel_with_a_reason_and_give_all_back_at_any_time(town: Town) -> None:
    reservation_id = town.confirmed()
    actor = town.staff
    with pytest.raises(BadInput), town.database.transaction() as session:
        cancel(session, actor=actor, reservation_id=reservation_id, now=at(10.5))
    with town.database.transaction() as session:
        cancel(session, actor=actor, reservation_id=reservation_id, now=at(10.5), reason="床の補修")
    assert town.reservation(reservation_id).reason == "床の補修"
    assert [amount for _, amount, _ in refunds(town)] == [600]


def test_an_approved_request_is_held_until_its_paying_deadline(town: Town) -> None:
    reservation_id = town.held(offering=town.hall_whole)
    actor = town.staff
    with town.database.transaction() as session:
        approve(session, actor=actor, reservation_id=reservation_id, now=NOW)
    found = town.reservation(reservation_id)
    assert (found.state, found.pay_until) == (State.HELD, NOW + timedelta(days=3))
    with pytest.raises(IllegalMove), town.database.transaction() as session:
        approve(session, actor=actor, reservation_id=reservation_id, now=NOW)
    town.pay(reservation_id, now=NOW + timedelta(days=2))
    assert town.reservation(reservation_id).state == State.CONFIRMED


def test_an_approved_request_is_paid_before_the_start_at_the_latest(town: Town) -> None:
    reservation_id = town.held(offering=town.hall_whole)
    actor = town.staff
    with town.database.transaction() as session:
        approve(session, actor=actor, reservation_id=reservation_id, now=at(10) - timedelta(days=2))
    assert town.reservation(reservation_id).pay_until == at(10)


def test_a_free_request_is_confirmed_by_its_approval(town: Town) -> None:
    reservation_id = town.held(offering=town.hall_whole, group=town.youth)
    assert town.reservation(reservation_id).state == State.REQUESTED
    actor = town.staff
    with town.database.transaction() as session:
        approve(session, actor=actor, reservation_id=reservation_id, now=NOW)
    assert town.reservation(reservation_id).state == State.CONFIRMED


def test_a_third_free_reservation_of_a_start_is_not_approved_either(town: Town) -> None:
    with town.database.transaction() as session:
        session.get_one(Facility, town.gym).approval_required = True
    actor = town.staff

    def approved(reservation_id: UUID) -> UUID:
        with town.database.transaction() as session:
            approve(session, actor=actor, reservation_id=reservation_id, now=NOW)
        return reservation_id

    first = approved(town.held(offering=town.half_a, group=town.youth))
    with town.database.transaction() as session:
        cancel(session, actor=town.actor(session=session), reservation_id=first, now=NOW)
    # Asked for side by side, before any of them counts.
    second, third = (town.held(offering=half, group=town.youth) for half in (town.half_a, town.half_b))
    approved(second)
    with pytest.raises(ZeroFeeLimit):
        approved(third)
    assert town.reservation(third).state == State.REQUESTED


def test_a_request_is_approved_only_while_the_lock_could_open_for_it(town: Town) -> None:
    with town.database.transaction() as session:
        session.get_one(Facility, town.gym).approval_required = True
    asked = town.held()
    mount_lock(town, lists=False)
    actor = town.staff
    with pytest.raises(NotSellableNow) as refused, town.database.transaction() as session:
        approve(session, actor=actor, reservation_id=asked, now=NOW)
    assert "登録を待っています" in refused.value.sentence
    assert town.reservation(asked).state == State.REQUESTED
    with town.database.transaction() as session:
        session.execute(sa.delete(LockOffer))
        session.execute(sa.delete(Lock))
    with town.database.transaction() as session:
        approve(session, actor=actor, reservation_id=asked, now=NOW)
    assert town.reservation(asked).state == State.HELD


def test_a_rejected_request_frees_its_courts_and_says_why(town: Town) -> None:
    reservation_id = town.held(offering=town.hall_whole)
    actor = town.staff
    with pytest.raises(BadInput), town.database.transaction() as session:
        reject(session, actor=actor, reservation_id=reservation_id, reason="  ", now=NOW)
    with town.database.transaction() as session:
        reject(session, actor=actor, reservation_id=reservation_id, reason="大会のため", now=NOW)
    found = town.reservation(reservation_id)
    assert (found.state, found.reason, town.claims()) == (State.REJECTED, "大会のため", set())


def test_residents_approve_nothing(town: Town) -> None:
    reservation_id = town.held(offering=town.hall_whole)
    with pytest.raises(NotThere), town.database.transaction() as session:
        approve(session, actor=town.actor(session=session), reservation_id=reservation_id, now=NOW)


def test_an_undecided_request_lapses_when_due_and_cannot_be_approved_after_the_start(town: Town) -> None:
    reservation_id = town.held(offering=town.hall_whole)
    actor = town.staff
    with pytest.raises(Ended), town.database.transaction() as session:
        approve(session, actor=actor, reservation_id=reservation_id, now=at(10))
    assert work(town, at(10) - timedelta(hours=24)) == 1
    assert town.reservation(reservation_id).state == State.EXPIRED
    assert mails(town) == ["requested", "undecided"]


def test_a_due_row_that_always_fails_holds_up_no_other(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned = town.held()
    sound = town.held(wanted=window(13, 15))
    told = mail.tell

    def broken(session: Session, reservation: Reservation, *words: str, **named: Any) -> None:
        if reservation.id == poisoned:
            raise RuntimeError("poison")
        told(session, reservation, *words, **named)

    monkeypatch.setattr(mail, "tell", broken)
    due = NOW + timedelta(minutes=10)
    assert work(town, due) == 2
    assert town.reservation(sound).state == State.EXPIRED
    left = town.reservation(poisoned)
    assert (left.state, left.next_due_at) == (State.HELD, due + timedelta(minutes=5))
    assert town.claims(owner=poisoned)
    assert work(town, due) == 0
    monkeypatch.undo()
    work(town, due + timedelta(minutes=5))
    assert town.reservation(poisoned).state == State.EXPIRED


def open_door(town: Town, reservation_id: UUID, opened_at: datetime, now: datetime | None = None) -> State:
    """A lock tells of an opening with the reservation's code."""
    with town.database.transaction() as session:
        door.access_opened(session, holder=reservation_id, at=opened_at, offline=False, now=now or opened_at)
    return State(town.reservation(reservation_id).state)


def test_the_first_opening_in_the_window_makes_it_used(town: Town) -> None:
    reservation_id = town.confirmed()
    assert open_door(town, reservation_id, at(10) - timedelta(minutes=11)) == State.CONFIRMED
    assert open_door(town, reservation_id, at(10) - timedelta(minutes=10)) == State.USED
    assert open_door(town, reservation_id, at(11)) == State.USED
    found = town.reservation(reservation_id)
    assert (found.first_opened_at, found.next_due_at) == (at(10) - timedelta(minutes=10), None)
    assert len(town.claims(owner=reservation_id)) == 8


def test_an_opening_with_a_cancelled_reservation_or_none_at_all_changes_nothing(town: Town) -> None:
    reservation_id = town.confirmed()
    give_up(town, reservation_id)
    assert open_door(town, reservation_id, at(10)) == State.CANCELLED
    with town.database.transaction() as session:
        door.access_opened(session, holder=new_id(NOW), at=at(10), offline=True, now=at(10))


def lock_spoke(town: Town, when: datetime | None) -> None:
    """The gym's lock had its last contact then."""
    with town.database.transaction() as session:
        lock = session.scalars(sa.select(Lock)).one_or_none()
        if lock is None:
            lock = Lock(
                id="00000000000000aa",
                municipality_id=town.municipality_id,
                access_point_id=town.access_point_id,
                state="active",
                added_at=NOW,
                wrapped_root=b"",
                broker_password_hash="-",
            )
            session.add(lock)
        lock.last_contact_at = when


def test_nobody_came_only_when_every_lock_has_spoken_past_the_end(town: Town) -> None:
    reservation_id = town.confirmed()
    lock_spoke(town, at(12) + timedelta(minutes=15))
    over = at(12) + timedelta(hours=1)
    assert work(town, over) == 1
    waiting = town.reservation(reservation_id)
    assert (waiting.state, waiting.next_due_at) == (State.CONFIRMED, over + timedelta(hours=1))
    lock_spoke(town, at(12) + timedelta(minutes=16))
    work(town, over + timedelta(hours=1))
    found = town.reservation(reservation_id)
    assert (found.state, found.next_due_at) == (State.NO_SHOW, None)
    assert open_door(town, reservation_id, at(10.5), now=at(20)) == State.USED


def test_without_a_lock_there_is_no_report_and_no_penalty(town: Town) -> None:
    staffed = town.confirmed(offering=town.half_a)
    work(town, at(12) + timedelta(hours=1))
    found = town.reservation(staffed)
    assert found.state == State.CONFIRMED
    assert found.next_due_at is not None
    assert found.next_due_at > at(12) + timedelta(hours=1)


def test_every_open_reservation_is_due_and_no_other(town: Town) -> None:
    town.held(wanted=window(8, 10))
    town.confirmed(wanted=window(10, 12))
    give_up(town, town.confirmed(wanted=window(13, 15)))
    town.held(offering=town.hall_whole)
    with town.database.reading() as session:
        for found in session.scalars(sa.select(Reservation)):
            is_open = found.state in (State.REQUESTED, State.HELD, State.CONFIRMED)
            assert is_open == (found.next_due_at is not None)


def test_a_refund_is_told_once_it_has_gone(town: Town) -> None:
    reservation_id = town.confirmed()
    give_up(town, reservation_id)
    refund_id = new_id(NOW)
    for state in ("pending", "succeeded", "succeeded"):
        with town.database.transaction() as session:
            money.refund_changed(
                session, reference=reservation_id, refund_id=refund_id, state=state, amount_yen=600, now=NOW
            )
    assert mails(town).count("refunded") == 1
    with town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Account)) == 2
