"""The nightly audit: silent over money that adds up, and it names whatever somebody changes by hand."""

from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.fees import late_relief
from booking.fees.relief_models import ReliefApplication
from booking.money_desk import nightly
from booking.refunding import batches
from booking.refunding.models import RefundReview
from booking.reservations.models import Reservation, State
from booking.reservations.release import release
from core import audit
from core.ids import new_id
from payments import ledger, loops, refunds
from payments.book_models import AuditNight
from payments.case_models import Case
from payments.cases import About, CaseKind, open_case
from payments.invariants import Checked, Finding
from payments.ledger import Account
from payments.models import Payment, PaymentItem
from tests.integration.booking.town import DAY, at, window
from tests.integration.money_desk.conftest import MoneyDesk
from tests.servers.books import take_triggers_off

NEXT_DAY = DAY + timedelta(days=1)


def found(desk: MoneyDesk) -> dict[str, list[str]]:
    """The checks that found something, with what."""
    return {
        name: [one.subject for one in checked.findings]
        for name, checked in desk.audit().checks.items()
        if checked.findings
    }


def cases(desk: MoneyDesk) -> set[str]:
    with desk.database.reading() as session:
        return set(
            session.scalars(
                sa.select(Case.subject).where(Case.kind == CaseKind.BOOKS, Case.closed_at.is_(None))
            )
        )


def a_days_business(desk: MoneyDesk) -> None:
    """Paid by card, in cash, cancelled and refunded, cancelled too late, expired unpaid, compared."""
    desk.paid(DAY)
    desk.take_cash(desk.held(DAY, 13, 15))
    desk.cancel(desk.paid(DAY, 18, 20))
    desk.send_refunds()
    desk.cancel(desk.held(DAY, 20, 22))
    desk.settle()


def test_a_days_business_breaks_nothing(desk: MoneyDesk) -> None:
    a_days_business(desk)
    assert found(desk) == {}
    assert cases(desk) == set()
    with desk.database.reading() as session:
        night = session.scalars(sa.select(AuditNight)).one()
    assert set(night.checks) == set(nightly.CHECKS) == set(nightly.WORDS)
    assert night.checks["money_has_its_slot"] == {"looked_at": 4, "findings": 0, "first": []}
    assert night.checks["sets_sum_to_zero"]["looked_at"] > 0
    assert night.ended_at == desk.clock.now()


def test_an_empty_town_breaks_nothing(desk: MoneyDesk) -> None:
    assert found(desk) == {}


def test_what_staff_gave_back_for_a_slot_that_stands_breaks_nothing_and_a_refund_less_is_found(
    desk: MoneyDesk,
) -> None:
    kept, staff = desk.paid(DAY), desk.town.staff
    with desk.database.transaction() as session:
        batches.make(
            session,
            actor=staff,
            request_key="heating",
            reason="暖房の故障のため",
            amounts={kept: 200},
            now=desk.clock.now(),
        )
    desk.send_refunds()
    assert "money_has_its_slot" not in found(desk)
    desk.by_hand("UPDATE refund SET amount_yen = 100")
    assert found(desk)["money_has_its_slot"] == [str(kept)]


def test_what_the_locks_word_gave_back_to_who_stayed_away_breaks_nothing(desk: MoneyDesk) -> None:
    away = desk.paid(DAY)
    with desk.database.transaction() as session:
        session.get_one(Reservation, away).state = State.NO_SHOW
        refunds.owe(session, reference=away, amount_yen=400, cause="unused", now=desk.clock.now())
    assert found(desk)["money_has_its_slot"] == [str(away)]
    with desk.database.transaction() as session:
        session.add(
            RefundReview(
                reservation_id=away,
                municipality_id=desk.town.municipality_id,
                percent=80,
                asked_at=desk.clock.now(),
                state="granted",
                decided_at=desk.clock.now(),
                refund_yen=400,
                evidence={},
            )
        )
    assert "money_has_its_slot" not in found(desk)


def test_a_relief_after_most_was_given_back_breaks_nothing(desk: MoneyDesk) -> None:
    kept, staff = desk.paid(DAY), desk.town.staff
    with desk.database.transaction() as session:
        batches.make(
            session,
            actor=staff,
            request_key="heating",
            reason="暖房の故障のため",
            amounts={kept: 500},
            now=desk.clock.now(),
        )
    with desk.database.transaction() as session:
        application = ReliefApplication(
            id=new_id(desk.clock.now()),
            municipality_id=desk.town.municipality_id,
            group_id=session.get_one(Reservation, kept).group_id,
            account_id=staff.account_id,
            request_key="k" * 20,
            valid_from=DAY,
            valid_until=DAY,
            reason="見本",
            state="granted",
            scope="percent",
            percent=50,
            asked_at=desk.clock.now(),
            decided_at=desk.clock.now(),
        )
        session.add(application)
        session.flush()
        assert late_relief.catch_up(session, application, now=desk.clock.now()) == 1
    desk.send_refunds()
    assert "money_has_its_slot" not in found(desk)


TAMPERING = {
    "a yen in the books": (
        "UPDATE ledger_entry SET amount_yen = amount_yen + 1 "
        "WHERE account = 'stripe_balance' AND set_key LIKE 'capture:%'",
        {"sets_sum_to_zero", "captures_are_booked"},
    ),
    "a set gone": (
        "DELETE FROM ledger_entry WHERE set_key LIKE 'owe:%'",
        {"refunds_are_booked"},
    ),
    "refunds payable without a refund": (
        "UPDATE ledger_entry SET refund_id = NULL WHERE set_key LIKE 'owe:%'",
        {"refunds_are_booked"},
    ),
    "captured more than asked": (
        "UPDATE payment SET captured_amount = captured_amount + 1 WHERE method = 'cash'",
        {"captures_are_booked", "items_make_the_payment"},
    ),
    "another currency": (
        "UPDATE payment SET captured_currency = 'usd' WHERE method = 'cash'", {"items_make_the_payment"}
    ),
    "an item less": (
        "UPDATE payment_item SET amount_yen = amount_yen - 1 "
        "WHERE payment_id IN (SELECT id FROM payment WHERE method = 'cash')",
        {"items_make_the_payment", "money_has_its_slot"},
    ),
    "a fee lowered": (
        "UPDATE reservation SET amount_yen = 0 WHERE state = 'confirmed'", {"money_has_its_slot"}
    ),
    "a slot without money": (
        "UPDATE payment SET state = 'expired' WHERE method = 'cash'", {"money_has_its_slot"}
    ),
    "money without a slot": (
        "UPDATE reservation SET state = 'revoked', next_due_at = NULL WHERE state = 'confirmed'",
        {"money_has_its_slot"},
    ),
    "a refund forgotten": (
        "DELETE FROM ledger_entry WHERE refund_id IS NOT NULL; "
        "UPDATE stripe_movement SET refund_id = NULL; DELETE FROM refund",
        {"money_has_its_slot"},
    ),
    "more back than came": (
        "UPDATE refund SET amount_yen = 99999",
        {"refunds_within_captures", "money_has_its_slot"},
    ),
    "a refund undone": (
        "UPDATE refund SET state = 'failed', next_due_at = created_at", {"refunds_are_booked"}
    ),
    "money of nobody": (
        "UPDATE payment_item SET reference = payment_id WHERE payment_id IN "
        "(SELECT id FROM payment WHERE method = 'cash')",
        {"money_has_an_owner", "money_has_its_slot"},
    ),
    "confirmed and never looked at again": (
        "UPDATE reservation SET next_due_at = NULL WHERE state = 'confirmed'", {"reservations_are_due"}
    ),
    "cancelled and still due": (
        "UPDATE reservation SET next_due_at = created_at WHERE state = 'cancelled'", {"reservations_are_due"}
    ),
    "a permit gone": (
        "UPDATE reservation SET permit_number = NULL WHERE permit_number = 2", {"papers_have_no_gap"}
    ),
    "cash that never was": (
        "UPDATE ledger_entry SET amount_yen = -amount_yen WHERE set_key IN "
        "(SELECT set_key FROM ledger_entry WHERE account = 'cash')",
        {"cash_is_never_below_zero", "captures_are_booked"},
    ),
    "wrong money kept": (
        "UPDATE ledger_entry SET account = 'unallocated' WHERE account = 'cash'",
        {"captures_are_booked", "wrong_money_is_owed"},
    ),
    "a claim on nobody": (
        "UPDATE ledger_entry SET account = 'receivables' WHERE account = 'cash'",
        {"captures_are_booked", "receivables_are_charges"},
    ),
    "a dispute unheard of": (
        "UPDATE ledger_entry SET account = 'disputed' WHERE account = 'cash'",
        {"captures_are_booked", "disputed_money_is_listed"},
    ),
    "a loss that no dispute explains": (
        "UPDATE ledger_entry SET account = 'dispute_losses' WHERE account = 'cash'",
        {"captures_are_booked", "lost_disputes_are_losses"},
    ),
    "relief of nobody": (
        "UPDATE ledger_entry SET account = 'relief' WHERE account = 'cash'",
        {"captures_are_booked", "waived_is_as_sold"},
    ),
    "a slip number that nobody drew": (
        "UPDATE payment SET slip_number = 3 WHERE method = 'cash'", {"slips_have_no_gap"}
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "broken"), TAMPERING.values(), ids=TAMPERING.keys())
def test_what_somebody_changes_by_hand_is_found_and_is_a_case(
    desk: MoneyDesk, statements: str, broken: set[str]
) -> None:
    a_days_business(desk)
    take_triggers_off(desk.database)
    for statement in statements.split("; "):
        desk.by_hand(statement)
    told = found(desk)
    assert broken <= set(told), told
    opened = cases(desk)
    assert {subject.split(":")[1] for subject in opened} == set(told)
    assert all(f"night:{name}:{subject}" in opened for name, subjects in told.items() for subject in subjects)


def waived(desk: MoneyDesk) -> tuple[UUID, UUID]:
    """The youth's evening, confirmed with its relief by class, and another that was given up again."""
    for day in (DAY, NEXT_DAY):
        desk.town.confirmed(wanted=window(18, 20, day), group=desk.town.youth)
    with desk.database.reading() as session:
        first, second = session.scalars(sa.select(Reservation.id).order_by(Reservation.starts_at))
    with desk.database.transaction() as session:
        release(session, session.get_one(Reservation, second), State.CANCELLED, now=desk.clock.now())
    return first, second


def of_waived(desk: MoneyDesk) -> list[Finding]:
    return list(desk.audit().checks["waived_is_as_sold"].findings)


def test_relief_that_stands_and_relief_taken_back_are_as_sold(desk: MoneyDesk) -> None:
    waived(desk)
    with desk.database.reading() as session:
        yen = ledger.balances(session, municipality_id=desk.town.municipality_id)[Account.RELIEF]
    assert yen == 900
    assert of_waived(desk) == []


@pytest.mark.parametrize(
    ("statement", "which", "yen"),
    [
        ("DELETE FROM ledger_entry WHERE set_key LIKE 'relief:%'", (0, 1), (-900, -900)),
        ("UPDATE ledger_entry SET amount_yen = amount_yen - 1 WHERE account = 'relief'", (0, 1), (-1, -2)),
        ("DELETE FROM ledger_entry WHERE set_key LIKE 'relief_undone:%'", (1,), (900,)),
        ("UPDATE reservation SET state = 'revoked', next_due_at = NULL", (0,), (900,)),
        ("UPDATE reservation SET state = 'used', next_due_at = NULL", (1,), (-900,)),
        ("UPDATE reservation SET fee_lines = '[]'", (0,), (900,)),
    ],
)
def test_relief_changed_by_hand_is_found_at_its_reservation(
    desk: MoneyDesk, statement: str, which: tuple[int, ...], yen: tuple[int, ...]
) -> None:
    both = waived(desk)
    take_triggers_off(desk.database)
    desk.by_hand(statement)
    found = {one.reference: one.yen for one in of_waived(desk)}
    assert found == {both[number]: off for number, off in zip(which, yen, strict=True)}


def lost(desk: MoneyDesk) -> None:
    """A dispute that is lost, and another that brought back what was owed back anyway."""
    for day, gives_up in ((DAY, False), (NEXT_DAY, True)):
        reservation_id = desk.held(day)
        payment_id = desk.pay(reservation_id)
        with desk.database.reading() as session:
            intent = str(session.get_one(Payment, payment_id).stripe_payment_intent_id)
        opened = desk.stripe.books.open_dispute(intent, 600)
        listed(desk)
        if gives_up:
            desk.cancel(reservation_id)
        desk.stripe.books.close_dispute(opened.id, is_won=False)
        listed(desk)
    desk.send_refunds()
    desk.settle()


def listed(desk: MoneyDesk) -> None:
    loops.find_disputes(desk.database, desk.stripe, desk.clock, lambda: desk.town.municipality_id)


def test_a_lost_dispute_is_a_loss_and_one_that_was_owed_anyway_is_none(desk: MoneyDesk) -> None:
    lost(desk)
    with desk.database.reading() as session:
        yen = ledger.balances(session, municipality_id=desk.town.municipality_id)[Account.DISPUTE_LOSSES]
    assert yen == 600
    assert found(desk) == {}


@pytest.mark.parametrize(
    ("statement", "yen"),
    [
        ("DELETE FROM ledger_entry WHERE set_key LIKE 'dispute_lost:%'", -1200),
        ("DELETE FROM ledger_entry WHERE set_key LIKE 'refund_by_dispute:%'", 600),
        ("UPDATE dispute SET state = 'won'", 1200),
        ("UPDATE dispute SET withdrawn_yen = withdrawn_yen - 1", 2),
        ("UPDATE refund SET last_error = NULL", -600),
    ],
)
def test_losses_by_disputes_changed_by_hand_are_found(desk: MoneyDesk, statement: str, yen: int) -> None:
    lost(desk)
    take_triggers_off(desk.database)
    desk.by_hand(statement)
    (finding,) = desk.audit().checks["lost_disputes_are_losses"].findings
    assert (finding.subject, finding.yen) == ("dispute_losses", yen)


def test_an_entry_of_the_audit_trail_changed_by_hand_is_found(desk: MoneyDesk) -> None:
    desk.take_cash(desk.held(DAY))
    with desk.database.transaction() as session:
        audit.record(
            session,
            municipality_id=desk.town.municipality_id,
            actor="system",
            act="sample",
            subject="sample",
            detail={},
            now=desk.clock.now(),
        )
    desk.settle()
    assert found(desk) == {}
    desk.by_hand("UPDATE audit_entry SET actor = 'another' WHERE number = 1")
    assert found(desk) == {"audit_chain_holds": ["1"]}


def test_paid_twice_without_a_refund_is_found(desk: MoneyDesk) -> None:
    first, second = desk.paid(DAY), desk.paid(NEXT_DAY)
    desk.settle()
    with desk.database.transaction() as session:
        session.execute(
            sa.update(PaymentItem)
            .where(PaymentItem.reference == second)
            .values(reference=first, is_standing=False)
        )
    told = found(desk)
    assert told["one_standing_capture"] == [str(first)]
    assert set(told["money_has_its_slot"]) == {str(first), str(second)}


def test_what_a_group_loses_by_its_own_late_cancelling_is_earned(desk: MoneyDesk) -> None:
    late = desk.paid(date(2026, 11, 22))
    desk.clock.advance(hours=24)
    desk.cancel(late)
    desk.settle()
    assert desk.town.reservation(late).state == "cancelled"
    assert found(desk) == {}


def test_control_the_same_loss_in_time_is_found(desk: MoneyDesk) -> None:
    early = desk.paid(DAY)
    desk.cancel(early)
    desk.settle()
    assert found(desk) == {}, "all of it was owed back"
    desk.by_hand("UPDATE refund SET amount_yen = amount_yen - 1")
    assert found(desk)["money_has_its_slot"] == [str(early)]


def test_a_finding_is_a_case_until_it_is_gone(desk: MoneyDesk) -> None:
    desk.paid(DAY)
    desk.settle()
    desk.by_hand("UPDATE reservation SET amount_yen = amount_yen + 100")
    [subject] = cases_after(desk)
    desk.clock.advance(hours=20)
    assert cases_after(desk) == {subject}
    desk.by_hand("UPDATE reservation SET amount_yen = amount_yen - 100")
    assert cases_after(desk) == set()
    with desk.database.reading() as session:
        case = session.scalars(sa.select(Case).where(Case.subject == subject)).one()
    assert (case.amount_yen, case.times_seen, case.closed_by) == (-100, 2, "system")
    assert case.reference is not None


def cases_after(desk: MoneyDesk) -> set[str]:
    desk.audit()
    return cases(desk)


def test_a_case_of_the_books_that_somebody_else_opened_stays(desk: MoneyDesk) -> None:
    with desk.database.transaction() as session:
        open_case(
            session,
            municipality_id=desk.town.municipality_id,
            kind=CaseKind.BOOKS,
            about=About("cash:2026-11-21"),
            now=desk.clock.now(),
        )
    assert cases_after(desk) == {"cash:2026-11-21"}


def test_a_day_without_a_settlement_is_found(desk: MoneyDesk) -> None:
    desk.paid(DAY)
    desk.settle()
    desk.clock.advance(hours=21)
    assert found(desk) == {}
    desk.clock.advance(hours=1)
    assert found(desk) == {"settled_lately": ["settlement"]}


def test_very_many_findings_are_twenty_cases_and_one_that_counts_them(desk: MoneyDesk) -> None:
    many = nightly.Findings(
        desk.clock.now(), {"sets_sum_to_zero": Checked(99, [Finding(f"set {n}", n) for n in range(30)])}
    )
    with desk.database.transaction() as session:
        nightly.keep(session, many, municipality_id=desk.town.municipality_id, now=desk.clock.now())
    opened = cases(desk)
    assert len(opened) == 21
    assert "night:sets_sum_to_zero" in opened
    assert many.total == 30


def test_a_night_is_due_once_from_three_in_the_morning_on(desk: MoneyDesk) -> None:
    def is_due(hour: float) -> bool:
        desk.clock.at = at(hour)
        with desk.database.reading() as session:
            return nightly.is_due(session, municipality_id=desk.town.municipality_id, now=desk.clock.now())

    assert is_due(1)
    desk.audit()
    assert [is_due(hour) for hour in (2, 2.99, 3, 4)] == [False, False, True, True]
    desk.audit()
    assert [is_due(hour) for hour in (4.1, 24, 26.99, 27)] == [False, False, False, True]
