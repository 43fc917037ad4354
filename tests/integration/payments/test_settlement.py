"""The books against Stripe's: every movement met, every difference told within a day, to the yen."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.ids import new_id
from payments import disputes, ledger, movements, settlement
from payments.book_models import SettlementRun, StripeMovement, StripePayout
from payments.case_models import Case
from payments.cases import CaseKind
from payments.comparing import GRACE, Difference
from payments.errors import StripeUnavailable
from payments.ledger import Account, Line
from payments.models import LedgerEntry, Refund
from payments.remote import RefundStatus, RemoteMovement, RemotePayout
from payments.settlement import Settled, settle
from payments.states import RefundState
from tests.integration.payments.conftest import TOWN, Till
from tests.integration.payments.stripe_books import DISPUTE_FEE_YEN, fee_yen
from tests.servers.books import take_triggers_off


def run(till: Till) -> Settled:
    """One settlement."""
    return settle(till.database, till.stripe, till.clock, municipality_id=TOWN)


def cases(till: Till) -> dict[str, int | None]:
    """Open differences by subject."""
    with till.database.reading() as session:
        rows = session.scalars(
            sa.select(Case).where(Case.kind == CaseKind.SETTLEMENT, Case.closed_at.is_(None))
        )
        return {row.subject: row.amount_yen for row in rows}


def hours_until_told(till: Till, subject: str) -> int:
    """Run every hour until there is a case; how many hours that took."""
    for hour in range(26):
        run(till)
        if subject in cases(till):
            return hour
        till.clock.advance(hours=1)
    raise AssertionError(f"{subject} was never told")


def at_rest(till: Till) -> Settled:
    """A run that finds nothing open and nothing under way: both sides are the same to the yen."""
    done = run(till)
    assert (done.found.open, done.found.under_way) == ((), ())
    assert done.found.ledger_yen == done.found.stripe_yen == till.stripe.books.balance()
    assert cases(till) == {}
    return done


def test_a_captured_payment_meets_its_movement_and_its_fee_is_booked(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    assert at_rest(till).movements == 1
    fee = fee_yen(1500)
    assert till.balances() == {
        "stripe_balance": 1500 - fee,
        "stripe_fees": fee,
        "usage_fees": -1500,
    }
    with till.database.reading() as session:
        kept = session.scalars(sa.select(StripeMovement)).one()
        assert (kept.matched_set, kept.payment_id) == (f"capture:{payment_id}", payment_id)
        lines = session.scalars(sa.select(LedgerEntry).where(LedgerEntry.set_key == f"fee:{kept.id}")).all()
        assert {line.payment_id for line in lines} == {payment_id}


def test_running_again_copies_and_books_nothing_more(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    run(till)
    before = till.balances()
    till.clock.advance(hours=1)
    assert at_rest(till).movements == 0
    assert till.balances() == before


def test_control_the_fee_is_a_difference_until_it_is_booked(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    assert till.balances()["stripe_balance"] - till.stripe.books.balance() == fee_yen(1500)


def test_a_refund_meets_its_movement(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    [refund_id] = till.owe(reservation, 700)
    till.send()
    at_rest(till)
    assert "refunds_payable" not in till.balances()
    with till.database.reading() as session:
        lines = session.scalars(sa.select(LedgerEntry).where(LedgerEntry.refund_id == refund_id)).all()
        moved = session.scalars(sa.select(StripeMovement).where(StripeMovement.refund_id == refund_id)).one()
    assert sorted(line.amount_yen for line in lines) == [-700, -700, 700, 700]
    assert moved.amount == -700


def test_a_refund_under_way_at_stripe_is_no_difference_however_long(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.stripe.refund_outcomes.append(RefundStatus.PENDING)
    [refund_id] = till.owe(reservation)
    till.send()
    till.clock.advance(days=9)
    done = run(till)
    assert [one.yen for one in done.found.under_way] == [1500]
    assert done.found.open == ()
    assert done.found.explained_yen == done.found.ledger_yen - done.found.stripe_yen == 1500
    till.stripe.finish_refund(str(till.refund(refund_id).stripe_refund_id), RefundStatus.SUCCEEDED)
    till.poll()
    at_rest(till)


def test_a_refund_that_comes_back_after_it_had_succeeded_meets_both_sets(
    till: Till, reservation: UUID
) -> None:
    till.paid(reservation)
    [refund_id] = till.owe(reservation)
    till.send()
    first = str(till.refund(refund_id).stripe_refund_id)
    till.stripe.finish_refund(first, RefundStatus.FAILED)
    _hint(till, refund_id)
    till.poll()
    at_rest(till)
    till.clock.advance(hours=2)
    till.send()
    at_rest(till)
    assert till.refund(refund_id).stripe_refund_id != first, "a new round with a refund of its own"


@pytest.mark.parametrize("currency", ["jpy", "usd"])
def test_a_refund_that_comes_back_without_a_message_is_read_again_because_of_its_movement(
    till: Till, reservation: UUID, currency: str
) -> None:
    """The control is the state before the settlement: by itself nobody reads what had succeeded."""
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id, currency=currency)
    till.settle_one(payment_id)
    refund_id = till.owe(reservation)[0] if currency == "jpy" else _only_refund(till)
    till.send()
    sent = till.refund(refund_id).stripe_refund_id
    assert sent is not None
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    _all_in(till, currency)
    run(till)
    till.clock.advance(days=4)
    till.stripe.finish_refund(sent, RefundStatus.FAILED)
    _all_in(till, currency)
    till.poll()
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    run(till)
    till.poll()
    assert till.refund_state(refund_id) == RefundState.FAILED
    till.clock.advance(hours=2)
    till.send()
    _all_in(till, currency)
    assert till.refund_state(refund_id) == RefundState.SUCCEEDED
    if currency == "jpy":
        at_rest(till)
    else:
        done = run(till)
        assert (done.found.open, done.found.under_way) == ((), ()), "taken, back, back again, and back"


def test_a_refund_that_failed_at_once_is_out_and_back_and_nothing_in_the_books(
    till: Till, reservation: UUID
) -> None:
    till.paid(reservation)
    till.stripe.refund_outcomes.append(RefundStatus.FAILED)
    till.owe(reservation)
    till.send()
    at_rest(till)
    with till.database.reading() as session:
        met = dict(session.execute(sa.select(StripeMovement.type, StripeMovement.matched_set)).all())
        ids = dict(session.execute(sa.select(StripeMovement.type, StripeMovement.id)).all())
    assert met["refund"] == f"pair:{ids['refund_failure']}"
    assert met["refund_failure"] == f"pair:{ids['refund']}"
    till.clock.advance(hours=2)
    till.send()
    at_rest(till)


def test_out_and_back_wait_while_our_row_does_not_know_yet(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.stripe.refund_outcomes.append(RefundStatus.PENDING)
    [refund_id] = till.owe(reservation)
    till.send()
    till.stripe.finish_refund(str(till.refund(refund_id).stripe_refund_id), RefundStatus.FAILED)
    assert len(run(till).found.under_way) == 2
    _hint(till, refund_id)
    till.poll()
    at_rest(till)


def test_wrong_money_and_its_refund_are_met_too(till: Till, reservation: UUID) -> None:
    payment_id, session_id = till.opened(reservation)
    till.stripe.pay(session_id, amount=1200)
    till.settle_one(payment_id)
    till.send()
    at_rest(till)


def test_a_payout_goes_to_the_bank_and_its_movements_add_up(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    run(till)
    paid = till.stripe.books.pay_out()
    at_rest(till)
    assert till.balances()["bank"] == paid.amount == 1500 - fee_yen(1500)
    with till.database.reading() as session:
        kept = session.scalars(sa.select(StripePayout)).one()
        inside = set(session.scalars(sa.select(StripeMovement.payout_id)))
    assert (kept.state, kept.checked_at) == ("paid", till.clock.now())
    assert inside == {paid.id}


def test_a_payout_that_the_bank_returns_is_on_the_balance_again(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    paid = till.stripe.books.pay_out()
    at_rest(till)
    till.clock.advance(days=6)
    till.stripe.books.fail_payout(paid.id)
    at_rest(till)
    assert "bank" not in till.balances()
    with till.database.reading() as session:
        assert session.scalars(sa.select(StripePayout.state)).one() == "failed"


def test_a_payout_that_does_not_add_up_is_told_within_a_day(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    paid = till.stripe.books.pay_out()
    short = RemotePayout(paid.id, paid.amount - 1, paid.state, paid.arrives_on, paid.created_at)
    till.stripe.books.payouts[paid.id] = short
    assert hours_until_told(till, f"payout:{paid.id}") <= 24
    till.stripe.books.payouts[paid.id] = paid
    at_rest(till)


def test_a_bill_of_stripes_own_is_a_fee(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.stripe.books.move("stripe_fee", -200, "fee_1", None)
    at_rest(till)
    assert till.balances()["stripe_fees"] == 200 + fee_yen(1500)


def test_money_that_nothing_of_ours_explains_is_told_within_a_day(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    run(till)
    till.stripe.books.move("charge", 900, "ch_unknown", "pi_unknown")
    subject = f"movement:{till.stripe.books.movements[-1].id}"
    assert run(till).found.open == (), "young: it may be under way"
    assert 20 <= hours_until_told(till, subject) < 24
    assert cases(till) == {subject: -900}


def test_a_capture_without_its_movement_is_told_within_a_day_and_settles_by_itself(
    till: Till, reservation: UUID
) -> None:
    payment_id = till.paid(reservation)
    hidden = till.stripe.books.movements.pop()
    subject = f"set:capture:{payment_id}"
    assert 20 <= hours_until_told(till, subject) < 24
    assert cases(till) == {subject: 1500}
    till.stripe.books.movements.append(hidden)
    at_rest(till)
    with till.database.reading() as session:
        closed = session.scalars(sa.select(Case).where(Case.subject == subject)).one()
    assert (closed.closed_by, closed.closing_note) == ("system", "照合が一致しました。")


def test_a_movement_with_another_amount_than_booked_meets_nothing(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    [charge] = till.stripe.books.movements
    till.stripe.books.movements[0] = RemoteMovement(
        **{
            **{name: getattr(charge, name) for name in RemoteMovement.__slots__},
            "amount": 1499,
            "net": 1499 - charge.fee,
        }
    )
    assert hours_until_told(till, f"set:capture:{payment_id}") < 24
    assert cases(till) == {f"set:capture:{payment_id}": 1500, f"movement:{charge.id}": -1499}


def test_other_money_than_yen_is_told_and_in_no_sum(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.stripe.books.move("charge", 900, "ch_usd", None, 30)
    usd = till.stripe.books.movements[-1]
    till.stripe.books.movements[-1] = RemoteMovement(
        **{**{name: getattr(usd, name) for name in RemoteMovement.__slots__}, "currency": "usd"}
    )
    assert hours_until_told(till, f"movement:{usd.id}") < 24
    assert cases(till) == {f"movement:{usd.id}": 0}
    assert till.balances()["stripe_balance"] == 1500 - fee_yen(1500)


@pytest.mark.parametrize("currency", ["jpy", "usd"])
def test_what_staff_give_back_in_stripes_own_pages_closes_its_case(
    till: Till, reservation: UUID, currency: str
) -> None:
    """As the case of money that nothing explains tells them to; half of it is the control."""
    till.paid(reservation)
    books = till.stripe.books
    books.move("charge", 900, "ch_unknown", "pi_unknown")
    books.movements[-1] = replace(books.movements[-1], currency=currency)
    subject = f"movement:{books.movements[-1].id}"
    assert hours_until_told(till, subject) < 24
    for amount in (450, 900):
        books.move("refund", -amount, f"re_unknown_{amount}", "pi_unknown")
        books.movements[-1] = replace(books.movements[-1], currency=currency)
        run(till)
        assert (subject in cases(till)) == (amount != 900)


@pytest.mark.parametrize(
    ("statement", "subject", "yen"),
    [
        ("UPDATE ledger_entry SET amount_yen = 1400 WHERE account = 'stripe_balance' AND amount_yen = 1500",
         "amount:txn_1", -100),
        ("UPDATE ledger_entry SET amount_yen = -50 WHERE set_key = 'fee:txn_1' AND amount_yen < 0",
         "fee:txn_1", 4),
        ("UPDATE stripe_movement SET net = net - 7", "total", 7),
        ("UPDATE ledger_entry SET account = 'bank' WHERE set_key LIKE 'capture:%' AND amount_yen > 0",
         "amount:txn_1", -1500),
    ],
)  # fmt: skip
def test_what_somebody_changes_by_hand_is_told_by_the_next_run(
    till: Till, reservation: UUID, statement: str, subject: str, yen: int
) -> None:
    till.paid(reservation)
    at_rest(till)
    take_triggers_off(till.database)
    with till.database.transaction() as session:
        session.execute(sa.text(statement))
    run(till)
    assert cases(till) == {subject: yen}


def test_a_set_by_hand_on_stripes_balance_is_told_within_a_day(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    at_rest(till)
    lines = [Line(Account.STRIPE_BALANCE, 5000), Line(Account.USAGE_FEES, -5000)]
    with till.database.transaction() as session:
        ledger.post(session, municipality_id=TOWN, set_key="by hand", lines=lines, now=till.clock.now())
        ledger.post(session, municipality_id=TOWN, set_key="fee:unheard", lines=lines, now=till.clock.now())
    run(till)
    assert cases(till) == {"total": 5000}, "a fee that no movement has"
    assert hours_until_told(till, "set:by hand") < 24


def test_a_stripe_that_does_not_answer_for_a_day_is_told(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    run(till)
    begun = till.clock.now()
    told_after = None
    for _ in range(30):
        till.clock.advance(hours=1)
        till.stripe.faults["list_movements"].append("down")
        with pytest.raises(StripeUnavailable):
            run(till)
        if cases(till) and told_after is None:
            told_after = till.clock.now() - begun
    assert told_after is not None
    assert GRACE <= told_after < timedelta(hours=24)
    assert list(cases(till)) == ["settlement"]
    with till.database.reading() as session:
        last = session.scalars(sa.select(SettlementRun).order_by(SettlementRun.id.desc()).limit(1)).one()
    assert (last.ended_at, last.error) == (None, "stripe_unavailable")
    at_rest(till)


@pytest.mark.parametrize("beat", ["list_movements", "list_payouts", "list_payout_movements"])
def test_a_run_that_breaks_anywhere_is_finished_by_the_next(till: Till, reservation: UUID, beat: str) -> None:
    till.paid(reservation)
    till.stripe.books.pay_out()
    till.stripe.faults[beat].append("down")
    with pytest.raises(StripeUnavailable):
        run(till)
    at_rest(till)
    assert till.balances()["bank"] == 1500 - fee_yen(1500)


def test_a_run_keeps_its_figures(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.stripe.books.move("charge", 900, "ch_unknown", None)
    till.clock.advance(hours=23)
    run_id = run(till).run_id
    with till.database.reading() as session:
        kept = session.get_one(SettlementRun, run_id)
    assert (kept.movements, kept.error, kept.ended_at) == (2, None, till.clock.now())
    assert (kept.stripe_yen, kept.ledger_yen, kept.explained_yen) == (2400 - 54, 1500 - 54, 0)
    [told] = kept.differences
    assert (told["subject"], told["yen"]) == ("movement:txn_2", -900)


def test_very_many_differences_are_fifty_cases_and_one_that_counts_them(till: Till) -> None:
    run(till)
    for number in range(60):
        till.stripe.books.move("charge", 1, f"ch_{number}", None)
    till.clock.advance(hours=23)
    assert len(run(till).found.open) == 60
    told = cases(till)
    assert len(told) == 51
    assert "many" in told
    till.stripe.books.movements.clear()
    run(till)
    assert len(cases(till)) == 51, "what was copied stays until it is explained"


def test_other_money_that_stays_listed_hides_no_missing_yen(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    books = till.stripe.books
    for number in range(51):
        books.move("charge", 1 + number, f"ch_usd_{number}", None)
        books.movements[-1] = replace(books.movements[-1], currency="usd")
    till.clock.advance(hours=30)
    run(till)
    books.move("charge", 700, "ch_unknown", None)
    last = books.movements[-1].id
    till.clock.advance(hours=23)
    run(till)
    assert cases(till)[f"movement:{last}"] == -700
    assert len(cases(till)) == 50 + 1 + 1, "fifty of other money, how many there are, and the yen"


def test_many_movements_are_met_in_pieces(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement, "_PIECE", 2)
    for number in range(5):
        reference = new_id(till.clock.now())
        till.paid(reference, amount_yen=100 + number)
        till.clock.advance(seconds=number % 2)
    till.stripe.books.move("charge", 1, "ch_unknown", None)
    till.stripe.books.pay_out()
    done = run(till)
    assert done.movements == 7
    assert [one.yen for one in done.found.under_way] == [-1]


def test_what_stood_on_the_account_before_our_first_payment_is_left_alone(
    till: Till, reservation: UUID
) -> None:
    till.stripe.books.move("charge", 99_999, "ch_of_the_shop_before", None)
    till.clock.advance(days=10)
    till.paid(reservation)
    assert run(till).movements == 1
    assert cases(till) == {}


@pytest.mark.parametrize(
    ("kind", "amount", "lines"),
    [
        ("payout", -700, {"bank": 700, "stripe_balance": -700}),
        ("payout_failure", 700, {"bank": -700, "stripe_balance": 700}),
        ("topup", 700, {"bank": -700, "stripe_balance": 700}),
        ("stripe_fee", -70, {"stripe_fees": 70, "stripe_balance": -70}),
        ("tax_fee", -7, {"stripe_fees": 7, "stripe_balance": -7}),
        ("charge", 700, {}),
        ("refund", -700, {}),
        ("adjustment", -700, {}),
    ],
)
def test_what_only_stripe_knows_has_a_set_of_its_own(kind: str, amount: int, lines: dict[str, int]) -> None:
    own = movements.own_lines(kind, amount)
    assert {str(line.account): line.amount_yen for line in own} == lines
    assert {str(line.account): line.amount_yen for line in movements.fee_lines(54)} == {
        "stripe_fees": 54,
        "stripe_balance": -54,
    }


def test_a_payout_adds_up_only_to_the_yen_and_never_from_nothing() -> None:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    payout = RemotePayout("po_1", 1446, "paid", date(2026, 11, 25), at)

    def moved(net: int, source: str) -> RemoteMovement:
        return RemoteMovement("txn", "charge", net, 0, net, "jpy", source, None, at, at, None)

    own = moved(-1446, "po_1")
    assert settlement.adds_up(payout, [moved(1446, "ch_1"), own])
    assert settlement.adds_up(payout, [moved(2000, "ch_1"), moved(-554, "re_1"), own])
    assert not settlement.adds_up(payout, [moved(1445, "ch_1"), own])
    assert not settlement.adds_up(payout, [own])
    nothing = RemotePayout("po_2", 0, "paid", date(2026, 11, 25), at)
    assert not settlement.adds_up(nothing, [])


def test_a_difference_is_told_with_subject_yen_and_age() -> None:
    since = datetime(2026, 11, 21, tzinfo=UTC)
    told = Difference("total", -3, since).told()
    assert told == {"subject": "total", "yen": -3, "since": "2026-11-21T00:00:00+00:00"}


def _all_in(till: Till, currency: str) -> None:
    books = till.stripe.books
    books.movements = [replace(one, currency=currency) for one in books.movements]


def _only_refund(till: Till) -> UUID:
    with till.database.reading() as session:
        return session.scalars(sa.select(Refund.id)).one()


def _hint(till: Till, refund_id: UUID) -> None:
    with till.database.transaction() as session:
        session.execute(sa.update(Refund).where(Refund.id == refund_id).values(next_due_at=till.clock.now()))


def _find_disputes(till: Till) -> None:
    disputes.find_disputes(till.database, till.stripe, till.clock, lambda: TOWN)


def test_a_dispute_meets_its_movements_taken_and_given_back(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    opened = till.stripe.books.open_dispute(str(till.payment(payment_id).stripe_payment_intent_id), 1500)
    assert [one.yen for one in run(till).found.under_way] == [1500], "nobody has read the dispute yet"
    _find_disputes(till)
    at_rest(till)
    assert till.balances()["disputed"] == 1500
    assert till.balances()["stripe_fees"] == fee_yen(1500) + DISPUTE_FEE_YEN
    till.clock.advance(days=20)
    till.stripe.books.close_dispute(opened.id, is_won=True)
    _find_disputes(till)
    at_rest(till)
    assert "disputed" not in till.balances()


@pytest.mark.parametrize("is_won", [True, False])
def test_a_dispute_that_was_over_before_we_looked_is_out_and_back(
    till: Till, reservation: UUID, is_won: bool
) -> None:
    """Lost is the control: its money stays away, so it has a set and is no pair."""
    payment_id = till.paid(reservation)
    opened = till.stripe.books.open_dispute(str(till.payment(payment_id).stripe_payment_intent_id), 1500)
    till.clock.advance(hours=1)
    till.stripe.books.close_dispute(opened.id, is_won=is_won)
    assert run(till).found.under_way, "nobody has read the dispute yet"
    _find_disputes(till)
    at_rest(till)
    with till.database.reading() as session:
        met = session.scalars(
            sa.select(StripeMovement.matched_set).where(StripeMovement.source_id == opened.id)
        ).all()
    assert [str(key).partition(":")[0] for key in met] == (
        ["pair", "pair"] if is_won else ["dispute_withdrawn"]
    )


def test_out_and_back_of_a_dispute_wait_while_it_is_open(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    opened = till.stripe.books.open_dispute(str(till.payment(payment_id).stripe_payment_intent_id), 1500)
    before = replace(till.stripe.read_dispute(opened.id), withdrawn=0)
    with till.database.transaction() as session:
        disputes.write(session, before, municipality_id=TOWN, now=till.clock.now())
    till.stripe.books.close_dispute(opened.id, is_won=True)
    assert len(run(till).found.under_way) == 2
    _find_disputes(till)
    at_rest(till)


def test_a_lost_dispute_stays_met(till: Till, reservation: UUID) -> None:
    payment_id = till.paid(reservation)
    opened = till.stripe.books.open_dispute(str(till.payment(payment_id).stripe_payment_intent_id), 1500)
    _find_disputes(till)
    till.stripe.books.close_dispute(opened.id, is_won=False)
    _find_disputes(till)
    at_rest(till)
    assert till.balances()["dispute_losses"] == 1500


def test_a_dispute_of_money_that_we_do_not_know_is_met_by_its_own_set(till: Till, reservation: UUID) -> None:
    till.paid(reservation)
    till.stripe.books.open_dispute("pi_of_somebody_else", 900)
    _find_disputes(till)
    at_rest(till)
    assert till.balances()["disputed"] == 900
