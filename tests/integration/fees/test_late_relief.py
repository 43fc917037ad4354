"""A decision after the booking: unpaid gets cheaper, paid gets the difference back, nothing gets dearer."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from booking.fees import relief
from booking.fees.models import FeeRate
from booking.fees.payer import Scope
from booking.reservations.hold import hold
from booking.reservations.models import Reservation, State
from booking.reservations.release import release
from core.ids import new_id
from payments import attempts, refunds
from payments.invoice_models import Charge
from payments.ledger import Account, unbalanced_sets
from payments.models import Payment
from payments.states import Method, PaymentState
from tests.integration.booking.town import NOW, Town
from tests.integration.fees.asking import (
    BASE_ONLY,
    EVENING,
    FULL,
    HALF,
    REFUSAL,
    ask,
    booked,
    decide,
    granted,
    knowing,
    next_day,
    owed,
    wanted,
    work,
)


def sold(town: Town, reservation_id: object) -> tuple[str, int, list[str]]:
    """State, price and items of a reservation."""
    found = town.reservation(reservation_id)  # type: ignore[arg-type]
    assert sum(line["amount_yen"] for line in found.fee_lines) == found.amount_yen
    return found.state, found.amount_yen, [line["item"] for line in found.fee_lines]


def test_what_is_booked_after_a_grant_is_sold_with_it(town: Town) -> None:
    granted(town)
    with town.database.transaction() as session:
        made = hold(
            session,
            actor=knowing(town.actor(town.general, session=session)),
            group_id=town.general,
            offering_id=town.full,
            window=EVENING,
            request_key=str(new_id(NOW)),
            now=NOW,
        )
        assert (made.state, made.amount_yen) == (State.HELD, 600)
    assert work(town) == 0


def test_an_unpaid_hold_gets_cheaper(town: Town) -> None:
    held, other_day = town.held(wanted=EVENING), town.held(wanted=next_day(EVENING))
    granted(town)
    items = ["base", "relief_base", "lighting", "relief_lighting"]
    assert sold(town, held) == ("held", 600, items)
    assert sold(town, other_day)[1] == 1200
    assert owed(town) == []


def test_a_hold_that_may_be_paid_at_this_moment_keeps_its_price_until_it_is_paid(town: Town) -> None:
    held = town.held(wanted=EVENING)
    payment = town.start_payment(held)
    application = granted(town)
    assert sold(town, held)[1] == 1200
    assert work(town) == 0
    town.settle(payment, held)
    assert work(town) == 1
    assert sold(town, held)[:2] == ("confirmed", 600)
    assert owed(town) == [(600, f"relief:{application}")]


def test_money_that_was_asked_before_a_grant_and_comes_after_it_leaves_a_rest_to_give_back(
    town: Town,
) -> None:
    held = town.held(wanted=EVENING)
    payment = town.start_payment(held)
    with town.database.transaction() as session:
        attempts.move(session.get_one(Payment, payment), PaymentState.EXPIRED, now=NOW)
    granted(town)
    assert sold(town, held)[:2] == ("held", 600)
    town.settle(payment, held)
    assert sold(town, held)[:2] == ("confirmed", 600)
    assert owed(town) == [(600, f"surplus:{payment}")]
    assert work(town) == 0


def test_what_is_paid_gets_the_difference_back_once(town: Town) -> None:
    confirmed = town.confirmed(wanted=EVENING)
    application = granted(town)
    assert sold(town, confirmed)[:2] == ("confirmed", 600)
    assert owed(town) == [(600, f"relief:{application}")]
    assert work(town) == 0
    assert decide(town, application, HALF) == "granted"
    assert owed(town) == [(600, f"relief:{application}")]


def test_what_is_paid_by_invoice_is_credited_on_it(town: Town) -> None:
    with town.database.transaction() as session:
        actor = town.actor(town.general, session=session)
        postpaid = tuple(replace(group, is_postpaid=True) for group in actor.groups)
        made = hold(
            session,
            actor=replace(actor, groups=postpaid),
            group_id=town.general,
            offering_id=town.full,
            window=EVENING,
            request_key=str(new_id(NOW)),
            pays_by=Method.INVOICE,
            now=NOW,
        )
        reservation = made.id
    assert booked(town, Account.RECEIVABLES) == 1200
    granted(town)
    assert work(town) == 0
    assert sold(town, reservation)[:2] == ("confirmed", 600)
    assert owed(town) == []
    assert booked(town, Account.RECEIVABLES) == 600
    assert (booked(town, Account.RELIEF), booked(town, Account.USAGE_FEES)) == (600, -1200)
    with town.database.reading() as session:
        charges = session.scalars(sa.select(Charge.amount_yen).order_by(Charge.amount_yen))
        assert list(charges) == [-600, 1200]


def test_two_grants_never_give_back_more_than_was_paid(town: Town) -> None:
    confirmed = town.confirmed(wanted=EVENING)
    granted(town)
    decide(town, ask(town, key="another key of the group"), FULL)
    assert sold(town, confirmed)[1] == 0
    assert [amount for amount, _ in owed(town)] == [600, 600]


def test_a_hold_with_nothing_left_to_pay_is_confirmed(town: Town) -> None:
    held = town.held(wanted=EVENING)
    granted(town, FULL)
    assert sold(town, held)[:2] == ("confirmed", 0)
    assert town.reservation(held).permit_number == 1
    assert booked(town, Account.RELIEF) == 1200


def test_a_third_free_one_of_a_start_stays_at_its_price(town: Town) -> None:
    halves = [town.held(wanted=EVENING, offering=one) for one in (town.half_a, town.half_b)]
    granted(town, FULL)
    assert {sold(town, half)[0] for half in halves} == {"confirmed"}
    with town.database.transaction() as session:
        reservation = session.get_one(Reservation, halves[0])
        release(session, reservation, State.CANCELLED, now=NOW)
    third = town.held(wanted=EVENING, offering=town.half_a)
    assert work(town) == 0
    assert sold(town, third)[:2] == ("held", 300)


def test_a_request_is_free_once_approved(town: Town) -> None:
    requested = town.held(offering=town.hall_whole)
    granted(town, FULL)
    assert sold(town, requested)[:2] == ("requested", 0)


def test_relief_by_class_that_is_better_stays(town: Town) -> None:
    with town.database.transaction() as session:
        actor = town.actor(session=session)
        made = relief.apply(
            session, actor=actor, group_id=town.youth, request_key="y" * 20, wanted=wanted(), now=NOW
        )
    held = town.held(wanted=EVENING, group=town.youth)
    assert sold(town, held)[1] == 300
    decide(town, made.id, HALF)
    assert sold(town, held)[1] == 300


def test_base_only_leaves_the_light_to_pay(town: Town) -> None:
    held = town.held(wanted=EVENING)
    granted(town, BASE_ONLY)
    assert sold(town, held) == ("held", 600, ["base", "relief_base", "lighting"])


def test_a_refusal_changes_no_price(town: Town) -> None:
    held = town.held(wanted=EVENING)
    decide(town, ask(town), REFUSAL)
    assert sold(town, held)[1] == 1200
    assert work(town) == 0


@pytest.mark.parametrize("yen", [0, 9000])
def test_a_table_that_changed_since_the_sale_is_not_asked(town: Town, yen: int) -> None:
    held = town.held(wanted=EVENING)
    with town.database.transaction() as session:
        for rate in session.scalars(sa.select(FeeRate)):
            rate.yen_per_hour = yen
    assert sold(town, held)[1] == 1200
    granted(town)
    assert sold(town, held)[1] == 600


def test_what_is_over_or_given_up_is_left_alone(town: Town) -> None:
    held = town.held(wanted=EVENING)
    with town.database.transaction() as session:
        release(session, session.get_one(Reservation, held), State.CANCELLED, now=NOW)
    granted(town)
    assert sold(town, held)[:2] == ("cancelled", 1200)


def test_a_grant_is_looked_at_again_for_some_days_only(town: Town) -> None:
    held = town.held(wanted=EVENING)
    payment = town.start_payment(held)
    granted(town)
    town.settle(payment, held)
    assert work(town, now=NOW + timedelta(days=8)) == 0
    assert work(town, now=NOW + timedelta(days=7)) == 1


def test_the_books_show_what_was_waived(town: Town) -> None:
    confirmed = town.confirmed(wanted=EVENING)
    assert booked(town, Account.RELIEF) == 0
    granted(town)
    assert booked(town, Account.RELIEF) == 600
    with town.database.transaction() as session:
        release(session, session.get_one(Reservation, confirmed), State.REVOKED, now=NOW)
        assert unbalanced_sets(session) == []
    assert booked(town, Account.RELIEF) == 0


def test_relief_by_class_is_in_the_books_from_the_confirmation_to_the_cancellation(town: Town) -> None:
    confirmed = town.confirmed(wanted=EVENING, group=town.youth)
    assert (booked(town, Account.RELIEF), booked(town, Account.USAGE_FEES)) == (900, -900)
    with town.database.transaction() as session:
        release(session, session.get_one(Reservation, confirmed), State.CANCELLED, now=NOW)
    assert (booked(town, Account.RELIEF), booked(town, Account.USAGE_FEES)) == (0, 0)


def test_what_has_no_relief_books_none(town: Town) -> None:
    town.confirmed()
    assert booked(town, Account.RELIEF) == 0


def test_scopes_are_those_of_the_table() -> None:
    assert [str(scope) for scope in Scope] == ["full", "percent", "base_only"]


def test_a_grant_after_money_went_back_gives_back_what_is_left(town: Town) -> None:
    confirmed = town.confirmed(wanted=EVENING)
    with town.database.transaction() as session:
        refunds.owe(session, reference=confirmed, amount_yen=900, cause="batch:goodwill", now=NOW)
    application = granted(town)
    assert sold(town, confirmed)[:2] == ("confirmed", 600)
    assert sorted(owed(town)) == [(300, f"relief:{application}"), (900, "batch:goodwill")]
    assert work(town) == 0
    with town.database.reading() as session:
        assert unbalanced_sets(session) == []


def test_a_grant_after_everything_went_back_owes_nothing_more(town: Town) -> None:
    confirmed = town.confirmed(wanted=EVENING)
    with town.database.transaction() as session:
        refunds.owe_rest(session, reference=confirmed, cause="batch:goodwill", now=NOW)
    granted(town)
    assert sold(town, confirmed)[:2] == ("confirmed", 600)
    assert owed(town) == [(1200, "batch:goodwill")]


def test_a_slip_that_is_paid_weeks_after_the_grant_has_it_all_the_same(town: Town) -> None:
    held = town.held(wanted=EVENING)
    payment = town.start_payment(held)
    application = ask(town)
    decide(town, application, HALF)
    later = NOW + timedelta(days=20)
    assert work(town, now=later) == 0
    town.settle(payment, held, now=later)
    assert work(town, now=later + timedelta(minutes=1)) == 1
    assert owed(town) == [(600, f"relief:{application}")]
    assert work(town, now=later + timedelta(minutes=2)) == 0
