"""The comparison itself, row by row: what is told of each kind of difference, which yen and since when."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from payments import comparing, ledger
from payments.book_models import StripeMovement, StripePayout
from payments.comparing import GRACE, Comparison, Difference
from payments.ledger import Account, Line
from payments.models import Refund
from tests.integration.payments.conftest import START, TOWN, Till
from tests.servers.books import take_triggers_off

ELSEWHERE = TOWN + 1
NOW = START + timedelta(days=3)
OLD, YOUNG = NOW - GRACE, NOW - GRACE + timedelta(seconds=1)


def moved(till: Till, key: str, amount: int, *, fee: int = 0, at: datetime = OLD, **more: Any) -> None:
    """A movement as it was copied from Stripe."""
    row = StripeMovement(
        id=key,
        type="charge",
        amount=amount,
        fee=fee,
        net=amount - fee,
        created_at=at,
        available_on=at,
        copied_at=at,
        **{"municipality_id": TOWN, "currency": "jpy", **more},
    )
    with till.database.transaction() as session:
        session.add(row)


def booked(till: Till, key: str, *yen: int, at: datetime = OLD, town: int = TOWN) -> None:
    """A set that moves so much on Stripe's balance."""
    lines = [line for one in yen for line in (Line(Account.STRIPE_BALANCE, one), Line(Account.BANK, -one))]
    with till.database.transaction() as session:
        ledger.post(session, municipality_id=town, set_key=key, lines=lines, now=at)


def paid_out(till: Till, key: str, state: str = "paid", **more: Any) -> None:
    """A payout as it was copied from Stripe."""
    row = StripePayout(
        id=key,
        amount=1,
        state=state,
        arrives_on=date(2026, 11, 24),
        copied_at=NOW,
        **{"municipality_id": TOWN, "created_at": OLD, **more},
    )
    with till.database.transaction() as session:
        session.add(row)


def compared(till: Till, now: datetime = NOW) -> Comparison:
    """As of `now`."""
    with till.database.reading() as session:
        return comparing.compare(session, municipality_id=TOWN, now=now)


def test_nothing_is_the_same_as_nothing(till: Till) -> None:
    assert compared(till) == Comparison(0, 0, (), ())
    assert compared(till).explained_yen == 0


def test_met_to_the_yen_with_its_fee_nothing_is_told(till: Till) -> None:
    moved(till, "txn_1", 1500, fee=54, matched_set="capture:1")
    booked(till, "capture:1", 1500)
    booked(till, "fee:txn_1", -54)
    assert compared(till) == Comparison(1446, 1446, (), ())


def test_a_movement_alone_is_under_way_for_its_grace_and_open_from_then_on(till: Till) -> None:
    moved(till, "txn_b", 900, at=YOUNG)
    moved(till, "txn_a", -50, at=YOUNG)
    told = (
        Difference("movement:txn_a", 50, YOUNG, is_explained=True),
        Difference("movement:txn_b", -900, YOUNG, is_explained=True),
    )
    found = compared(till)
    assert found == Comparison(850, 0, told, ())
    assert found.explained_yen == -850
    later = compared(till, NOW + timedelta(seconds=1))
    assert (later.under_way, later.explained_yen) == ((), 0)
    assert [(one.subject, one.yen, one.since) for one in later.open] == [
        ("movement:txn_a", 50, YOUNG),
        ("movement:txn_b", -900, YOUNG),
    ]


@pytest.mark.parametrize(
    ("state", "is_explained"), [("owed", True), ("pending", True), ("succeeded", False), ("failed", False)]
)
def test_a_movement_of_a_refund_is_under_way_as_long_as_the_refund_is(
    till: Till, reservation: UUID, state: str, is_explained: bool
) -> None:
    payment_id = till.paid(reservation)
    [refund_id] = till.owe(reservation)
    with till.database.transaction() as session:
        session.execute(sa.update(Refund).values(state=state, next_due_at=NOW))
    moved(till, "txn_1", -1500, payment_id=payment_id, refund_id=refund_id)
    moved(till, "txn_2", 1500, matched_set=f"capture:{payment_id}")
    found = compared(till)
    assert (*found.under_way, *found.open) == (
        Difference(
            "movement:txn_1",
            1500,
            OLD,
            is_explained=is_explained,
            payment_id=payment_id,
            refund_id=refund_id,
        ),
    )
    assert len(found.under_way) == is_explained


def test_a_movement_of_no_yen_is_told_only_where_it_is_other_money(till: Till) -> None:
    moved(till, "txn_1", 0)
    moved(till, "txn_2", 0, currency="usd")
    moved(till, "txn_3", 900, fee=30, currency="usd")
    moved(till, "txn_4", 1)
    found = compared(till)
    assert [(one.subject, one.yen) for one in found.open] == [
        ("movement:txn_4", -1),
        ("movement:txn_2", 0),
        ("movement:txn_3", 0),
    ]
    assert (found.stripe_yen, found.ledger_yen) == (1, 0)


def test_a_set_alone_is_told_once_with_its_sum(till: Till) -> None:
    booked(till, "by hand", 300, 200, at=YOUNG)
    booked(till, "older", -7)
    booked(till, "there and back", 40, -40)
    booked(till, "a yen", 1)
    found = compared(till)
    assert found.under_way == (Difference("set:by hand", 500, YOUNG, is_explained=True),)
    assert found.open == (Difference("set:a yen", 1, OLD), Difference("set:older", -7, OLD))
    assert (found.stripe_yen, found.ledger_yen, found.explained_yen) == (0, 494, 500)
    later = compared(till, NOW + timedelta(seconds=1))
    assert (later.under_way, len(later.open)) == ((), 3)


def test_sets_under_way_are_told_from_the_oldest(till: Till) -> None:
    second, third = YOUNG + timedelta(seconds=1), YOUNG + timedelta(seconds=2)
    booked(till, "a", 1, at=third)
    booked(till, "c", 2, at=second)
    booked(till, "b", 3, at=second)
    moved(till, "txn_1", -1, at=third)
    moved(till, "txn_3", -2, at=second)
    moved(till, "txn_2", -3, at=second)
    paid_out(till, "po_1", created_at=third)
    paid_out(till, "po_3", created_at=second)
    paid_out(till, "po_2", created_at=second)
    assert [one.subject for one in compared(till).under_way] == [
        "movement:txn_2",
        "movement:txn_3",
        "movement:txn_1",
        "set:b",
        "set:c",
        "set:a",
        "payout:po_2",
        "payout:po_3",
        "payout:po_1",
    ]


def test_sets_beside_stripes_balance_are_not_asked_about(till: Till) -> None:
    lines = [Line(Account.CASH, 300), Line(Account.USAGE_FEES, -300)]
    with till.database.transaction() as session:
        ledger.post(session, municipality_id=TOWN, set_key="cash", lines=lines, now=OLD)
    assert compared(till) == Comparison(0, 0, (), ())


def test_met_sets_that_say_something_else_by_now_are_told_at_once(till: Till) -> None:
    moved(till, "txn_1", 1500, matched_set="capture:1", at=YOUNG)
    booked(till, "capture:1", 1400, at=YOUNG)
    moved(till, "txn_2", 700, matched_set="capture:2")
    booked(till, "capture:2", 701)
    moved(till, "txn_3", 20, matched_set="capture:gone")
    moved(till, "txn_4", -300, matched_set="pair:txn_5")
    moved(till, "txn_5", 300, matched_set="pair:txn_4")
    found = compared(till)
    assert found.under_way == ()
    assert found.open == (
        Difference("amount:txn_1", -100, NOW),
        Difference("amount:txn_2", 1, NOW),
        Difference("amount:txn_3", -20, NOW),
    )


def test_what_a_met_set_has_on_other_accounts_is_not_counted(till: Till) -> None:
    moved(till, "txn_1", -1000, matched_set="payout:1")
    booked(till, "payout:1", -1000)
    with till.database.transaction() as session:
        lines = [Line(Account.STRIPE_BALANCE, 500), Line(Account.DISPUTED, 50), Line(Account.CASH, -550)]
        ledger.post(session, municipality_id=TOWN, set_key="dispute", lines=lines, now=OLD)
    moved(till, "txn_2", 500, matched_set="dispute")
    assert compared(till) == Comparison(-500, -500, (), ())


def test_fees_that_are_not_booked_as_stripe_keeps_them_are_told_at_once(till: Till) -> None:
    for number, fee in enumerate((54, 36, 7, 0), 1):
        moved(till, f"txn_{number}", 1000, fee=fee, matched_set=f"capture:{number}")
        booked(till, f"capture:{number}", 1000)
    booked(till, "fee:txn_2", -30)
    booked(till, "fee:txn_3", -7)
    moved(till, "txn_5", 0, fee=99, currency="usd", matched_set="nothing")
    found = compared(till)
    assert found.under_way == ()
    assert found.open == (Difference("fee:txn_1", 54, NOW), Difference("fee:txn_2", 6, NOW))
    assert found.ledger_yen - found.stripe_yen == 60


def test_what_a_fee_set_has_on_other_accounts_is_not_counted(till: Till) -> None:
    moved(till, "txn_1", 1000, fee=54, matched_set="capture:1")
    booked(till, "capture:1", 1000)
    with till.database.transaction() as session:
        lines = [Line(Account.STRIPE_BALANCE, -54), Line(Account.STRIPE_FEES, 50), Line(Account.CASH, 4)]
        ledger.post(session, municipality_id=TOWN, set_key="fee:txn_1", lines=lines, now=OLD)
    assert compared(till) == Comparison(946, 946, (), ())


def test_a_rest_that_nothing_names_is_told_as_a_whole(till: Till) -> None:
    booked(till, "fee:of no movement", -5)
    found = compared(till)
    assert found == Comparison(0, -5, (), (Difference("total", -5, NOW),))
    booked(till, "fee:of none either", 6)
    assert compared(till).open == (Difference("total", 1, NOW),)


def test_a_payout_that_did_not_add_up_is_under_way_for_its_grace(till: Till) -> None:
    paid_out(till, "po_1")
    paid_out(till, "po_2", created_at=YOUNG)
    paid_out(till, "po_3", checked_at=NOW)
    paid_out(till, "po_4", "failed")
    paid_out(till, "po_5", "canceled")
    paid_out(till, "po_6", "in_transit")
    paid_out(till, "po_7", municipality_id=ELSEWHERE)
    assert compared(till) == Comparison(
        0,
        0,
        (Difference("payout:po_2", 0, YOUNG, is_explained=True),),
        (Difference("payout:po_1", 0, OLD), Difference("payout:po_6", 0, OLD)),
    )


def test_what_another_town_has_is_none_of_this_ones(till: Till) -> None:
    there: dict[str, Any] = {"municipality_id": ELSEWHERE}
    moved(till, "txn_1", 900, fee=30, **there)
    moved(till, "txn_2", 800, matched_set="capture:2", **there)
    booked(till, "capture:2", 799, town=ELSEWHERE)
    booked(till, "capture:3", 70, town=ELSEWHERE)
    assert compared(till) == Comparison(0, 0, (), ())


def test_what_is_open_is_told_from_the_oldest_then_by_its_name(till: Till) -> None:
    older = OLD - timedelta(days=1)
    booked(till, "z", 3, at=older)
    moved(till, "txn_b", 1)
    moved(till, "txn_a", 1)
    paid_out(till, "po_1", created_at=older)
    moved(till, "txn_c", 5, matched_set="gone")
    assert [one.subject for one in compared(till).open] == [
        "payout:po_1",
        "set:z",
        "movement:txn_a",
        "movement:txn_b",
        "amount:txn_c",
    ]


def test_a_sum_changed_by_hand_is_told_beside_what_is_under_way(till: Till) -> None:
    moved(till, "txn_1", 1500, matched_set="capture:1")
    booked(till, "capture:1", 1500)
    booked(till, "young", 10, at=YOUNG)
    take_triggers_off(till.database)
    with till.database.transaction() as session:
        session.execute(sa.update(StripeMovement).values(net=StripeMovement.net - 7))
    found = compared(till)
    assert found.open == (Difference("total", 7, NOW),)
    assert (found.explained_yen, found.stripe_yen, found.ledger_yen) == (10, 1493, 1510)
