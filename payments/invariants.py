"""What must be true of money at any instant, as questions to the database; each answers with what breaks it.

Every check is one statement or a few, over all rows: an invariant that was broken last year is still broken.

Source: reliability.md 4 (S2 to S6).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from payments import month_close
from payments.book_models import MonthClose, SettlementRun
from payments.case_models import Dispute
from payments.comparing import GRACE
from payments.disputes import LOST, by_card_company
from payments.invoice_models import Charge, Invoice, MoneyCounter
from payments.invoices import CARRIED
from payments.ledger import Account
from payments.models import LedgerEntry, Payment, PaymentItem, Refund
from payments.states import Method, PaymentState, RefundState


@dataclass(frozen=True, slots=True)
class Finding:
    """A row, sum or number that breaks an invariant. `subject` names it within its check, over all nights."""

    subject: str
    yen: int | None = None
    """How much is missing or too much."""
    reference: UUID | None = None
    payment_id: UUID | None = None
    refund_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check did."""

    looked_at: int
    """Rows."""
    findings: Sequence[Finding] = ()


Check = Callable[[Session, int, datetime], Checked]
"""(session, municipality, now); reads only."""


def sets_sum_to_zero(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S6: every set of lines sums to zero."""
    total = sa.func.sum(LedgerEntry.amount_yen)
    rows = session.execute(
        sa.select(LedgerEntry.set_key, total)
        .where(LedgerEntry.municipality_id == municipality_id)
        .group_by(LedgerEntry.set_key)
        .having(total != 0)
        .order_by(LedgerEntry.set_key)
    )
    found = [Finding(key, int(yen)) for key, yen in rows]
    return Checked(count(session, LedgerEntry, municipality_id), found)


def closed_months_stay(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """Entries and totals of a closed month are those that were closed."""
    changed = month_close.changed_since_closed(session, municipality_id=municipality_id)
    return Checked(
        count(session, MonthClose, municipality_id),
        [Finding(f"{month:%Y-%m}") for month in changed],
    )


def captures_are_booked(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S6: what came in with a payment is in the books, where its kind of money goes."""
    where_it_goes = sa.case(
        {Method.CASH: Account.CASH, Method.SLIP: Account.BANK, Method.TRANSFER: Account.BANK},
        value=Payment.method,
        else_=Account.STRIPE_BALANCE,
    )
    booked = sa.func.coalesce(sa.func.sum(LedgerEntry.amount_yen), 0)
    rows = session.execute(
        sa.select(Payment.id, booked - Payment.captured_amount)
        .outerjoin(
            LedgerEntry,
            sa.and_(
                LedgerEntry.payment_id == Payment.id,
                LedgerEntry.set_key.startswith("capture:"),
                LedgerEntry.account == where_it_goes,
            ),
        )
        .where(Payment.municipality_id == municipality_id, Payment.state == PaymentState.SETTLED)
        .group_by(Payment.id, Payment.captured_amount)
        .having(booked != Payment.captured_amount)
        .order_by(Payment.id)
    )
    found = [Finding(str(key), int(yen or 0), payment_id=key) for key, yen in rows]
    return Checked(count(session, Payment, municipality_id), found)


def items_make_the_payment(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S3: what was captured is what was asked for, and what was asked for is the sum of its items."""
    total = sa.func.coalesce(sa.func.sum(PaymentItem.amount_yen), 0)
    rows = session.execute(
        sa.select(Payment.id, Payment.captured_amount - total)
        .outerjoin(PaymentItem, PaymentItem.payment_id == Payment.id)
        .where(Payment.municipality_id == municipality_id, Payment.state == PaymentState.SETTLED)
        .group_by(Payment.id, Payment.captured_amount, Payment.amount_yen, Payment.captured_currency)
        .having(
            sa.or_(
                total != Payment.amount_yen,
                Payment.captured_amount != Payment.amount_yen,
                Payment.captured_currency != "jpy",
            )
        )
        .order_by(Payment.id)
    )
    found = [Finding(str(key), int(yen or 0), payment_id=key) for key, yen in rows]
    return Checked(count(session, Payment, municipality_id), found)


def one_standing_capture(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S4: a reference has at most one captured payment that is not on its way back whole."""
    back = sa.func.coalesce(
        sa.select(sa.func.sum(Refund.amount_yen))
        .where(Refund.payment_id == PaymentItem.payment_id, Refund.reference == PaymentItem.reference)
        .scalar_subquery(),
        0,
    )
    # Few references have more than one payment: only those are looked at closely.
    several = (
        sa.select(PaymentItem.reference)
        .join(Payment, Payment.id == PaymentItem.payment_id)
        .where(Payment.municipality_id == municipality_id, Payment.state == PaymentState.SETTLED)
        .group_by(PaymentItem.reference)
        .having(sa.func.count() > 1)
    )
    standing = (
        sa.select(PaymentItem.reference)
        .join(Payment, Payment.id == PaymentItem.payment_id)
        .where(
            Payment.state == PaymentState.SETTLED,
            PaymentItem.reference.in_(several),
            PaymentItem.amount_yen > back,
        )
        .group_by(PaymentItem.reference)
        .having(sa.func.count() > 1)
        .order_by(PaymentItem.reference)
    )
    found = [Finding(str(key), reference=key) for key in session.scalars(standing)]
    return Checked(count(session, Payment, municipality_id), found)


def refunds_within_captures(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S5: nothing goes back that did not come in."""
    back = sa.func.sum(Refund.amount_yen)
    came = sa.func.coalesce(Payment.captured_amount, 0)
    rows = session.execute(
        sa.select(Payment.id, back - came)
        .join(Refund, Refund.payment_id == Payment.id)
        .where(Payment.municipality_id == municipality_id)
        .group_by(Payment.id, Payment.captured_amount)
        .having(back > came)
        .order_by(Payment.id)
    )
    found = [Finding(str(key), int(yen), payment_id=key) for key, yen in rows]
    return Checked(count(session, Refund, municipality_id), found)


def causes_refund_once(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S5: one cause gives one sum back of one payment."""
    rows = session.execute(
        sa.select(Refund.payment_id, Refund.reference, Refund.cause)
        .where(Refund.municipality_id == municipality_id)
        .group_by(Refund.payment_id, Refund.reference, Refund.cause)
        .having(sa.func.count() > 1)
        .order_by(Refund.payment_id, Refund.reference, Refund.cause)
    )
    found = [
        Finding(f"{payment}:{reference}:{cause}", reference=reference, payment_id=payment)
        for payment, reference, cause in rows
    ]
    return Checked(count(session, Refund, municipality_id), found)


def refunds_are_booked(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S6: what is still owed of each refund is in 未払還付金, and nothing else is."""
    booked = sa.func.coalesce(sa.func.sum(LedgerEntry.amount_yen), 0)
    owed = sa.case((Refund.state == RefundState.SUCCEEDED, 0), else_=Refund.amount_yen)
    rows = session.execute(
        sa.select(Refund.id, booked + owed)
        .join(Payment, Payment.id == Refund.payment_id)
        .outerjoin(
            LedgerEntry,
            sa.and_(LedgerEntry.refund_id == Refund.id, LedgerEntry.account == Account.REFUNDS_PAYABLE),
        )
        .where(Refund.municipality_id == municipality_id, Payment.captured_currency == "jpy")
        .group_by(Refund.id, Refund.state, Refund.amount_yen)
        .having(booked != -owed)
        .order_by(Refund.id)
    )
    found = [Finding(str(key), int(yen), refund_id=key) for key, yen in rows]
    stray = _total(session, municipality_id, Account.REFUNDS_PAYABLE, LedgerEntry.refund_id.is_(None))
    if stray:
        found.append(Finding("without a refund", stray))
    return Checked(count(session, Refund, municipality_id), found)


def wrong_money_is_owed(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S6: 預り金 is what came in wrong and is not owed back yet."""
    back = sa.func.coalesce(
        sa.select(sa.func.sum(Refund.amount_yen)).where(Refund.payment_id == Payment.id).scalar_subquery(),
        0,
    )
    has_set = sa.exists().where(
        LedgerEntry.payment_id == Payment.id, LedgerEntry.set_key.startswith("capture:")
    )
    where = (
        Payment.municipality_id == municipality_id,
        Payment.state == PaymentState.MISMATCHED,
        Payment.captured_currency == "jpy",
        has_set,
    )
    kept = session.scalar(sa.select(sa.func.sum(Payment.captured_amount - back)).where(*where)) or 0
    return _compared(session, municipality_id, Account.UNALLOCATED, -int(kept))


def disputed_money_is_listed(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S6: 係争中 is what Stripe holds back for disputes that are not decided."""
    held = session.scalar(
        sa.select(sa.func.sum(Dispute.withdrawn_yen)).where(
            Dispute.municipality_id == municipality_id, Dispute.state != LOST
        )
    )
    return _compared(session, municipality_id, Account.DISPUTED, int(held or 0))


def lost_disputes_are_losses(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S6: 異議申立て損失 is what lost disputes took, less what of it was owed back to the payer anyway."""
    taken = session.scalar(
        sa.select(sa.func.sum(Dispute.withdrawn_yen)).where(
            Dispute.municipality_id == municipality_id, Dispute.state == LOST
        )
    )
    answered = session.scalar(
        sa.select(sa.func.sum(Refund.amount_yen)).where(
            Refund.municipality_id == municipality_id, by_card_company()
        )
    )
    return _compared(session, municipality_id, Account.DISPUTE_LOSSES, int(taken or 0) - int(answered or 0))


def receivables_are_charges(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S6: 後納未収金 is what was charged, less what of it is paid."""
    charged = session.scalar(
        sa.select(sa.func.sum(Charge.amount_yen)).where(
            Charge.municipality_id == municipality_id, Charge.cause != CARRIED
        )
    )
    paid = sa.select(sa.func.sum(PaymentItem.amount_yen)).join(Payment, Payment.id == PaymentItem.payment_id)
    back = sa.select(sa.func.sum(Refund.amount_yen)).join(
        PaymentItem,
        sa.and_(PaymentItem.payment_id == Refund.payment_id, PaymentItem.reference == Refund.reference),
    )
    of_invoices = PaymentItem.account == Account.RECEIVABLES
    came = session.scalar(
        paid.where(
            Payment.municipality_id == municipality_id, Payment.state == PaymentState.SETTLED, of_invoices
        )
    )
    went = session.scalar(back.where(Refund.municipality_id == municipality_id, of_invoices))
    return _compared(
        session,
        municipality_id,
        Account.RECEIVABLES,
        int(charged or 0) - int(came or 0) + int(went or 0),
    )


def invoices_are_their_charges(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """An invoice asks for exactly the charges that are on it."""
    total = sa.func.coalesce(sa.func.sum(Charge.amount_yen), 0)
    rows = session.execute(
        sa.select(Invoice.id, Invoice.amount_yen - total)
        .outerjoin(Charge, Charge.invoice_id == Invoice.id)
        .where(Invoice.municipality_id == municipality_id)
        .group_by(Invoice.id, Invoice.amount_yen)
        .having(total != Invoice.amount_yen)
        .order_by(Invoice.id)
    )
    found = [Finding(str(key), int(yen), reference=key) for key, yen in rows]
    return Checked(count(session, Invoice, municipality_id), found)


def cash_is_never_below_zero(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """Nobody hands in or pays out more than was taken."""
    has = _total(session, municipality_id, Account.CASH)
    return Checked(1, [Finding(Account.CASH, has)] if has < 0 else [])


def slips_have_no_gap(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """納付書番号 run from one without a gap."""
    given = session.scalar(
        sa.select(MoneyCounter.last_number).where(
            MoneyCounter.municipality_id == municipality_id, MoneyCounter.kind == "slip"
        )
    )
    numbers = session.execute(
        sa.select(
            sa.func.count(Payment.slip_number),
            sa.func.count(sa.distinct(Payment.slip_number)),
            sa.func.max(Payment.slip_number),
        ).where(Payment.municipality_id == municipality_id)
    ).one()
    return numbered("slip", given or 0, *numbers)


def settled_lately(session: Session, municipality_id: int, now: datetime) -> Checked:
    """The books were compared with Stripe's within a day, where there are payments by Stripe at all."""
    first = session.scalar(
        sa.select(sa.func.min(Payment.created_at, type_=Payment.created_at.type)).where(
            Payment.municipality_id == municipality_id, Payment.method == Method.STRIPE
        )
    )
    last = session.scalar(
        sa.select(sa.func.max(SettlementRun.begun_at, type_=SettlementRun.begun_at.type)).where(
            SettlementRun.municipality_id == municipality_id, SettlementRun.ended_at.is_not(None)
        )
    )
    is_late = first is not None and now - (last or first) >= GRACE
    return Checked(1, [Finding("settlement")] if is_late else [])


CHECKS: dict[str, Check] = {
    "sets_sum_to_zero": sets_sum_to_zero,
    "closed_months_stay": closed_months_stay,
    "captures_are_booked": captures_are_booked,
    "items_make_the_payment": items_make_the_payment,
    "one_standing_capture": one_standing_capture,
    "refunds_within_captures": refunds_within_captures,
    "causes_refund_once": causes_refund_once,
    "refunds_are_booked": refunds_are_booked,
    "wrong_money_is_owed": wrong_money_is_owed,
    "disputed_money_is_listed": disputed_money_is_listed,
    "lost_disputes_are_losses": lost_disputes_are_losses,
    "receivables_are_charges": receivables_are_charges,
    "invoices_are_their_charges": invoices_are_their_charges,
    "cash_is_never_below_zero": cash_is_never_below_zero,
    "slips_have_no_gap": slips_have_no_gap,
    "settled_lately": settled_lately,
}
"""What this package can say by itself; `booking.money_desk.nightly` adds what needs the reservations."""


def numbered(series: str, given: int, rows: int, different: int, highest: int | None) -> Checked:
    """Whether numbers run from one to the last given: as many rows as numbers, all different, none beyond."""
    is_whole = rows == different == (highest or 0) == given
    return Checked(rows, [] if is_whole else [Finding(series)])


def count(session: Session, kind: Any, municipality_id: int) -> int:
    """How many rows a municipality has."""
    found = session.scalar(
        sa.select(sa.func.count()).select_from(kind).where(kind.municipality_id == municipality_id)
    )
    return int(found or 0)


def _total(session: Session, municipality_id: int, account: Account, *where: sa.ColumnElement[bool]) -> int:
    found = session.scalar(
        sa.select(sa.func.sum(LedgerEntry.amount_yen)).where(
            LedgerEntry.municipality_id == municipality_id, LedgerEntry.account == account, *where
        )
    )
    return int(found or 0)


def _compared(session: Session, municipality_id: int, account: Account, expected: int) -> Checked:
    off = _total(session, municipality_id, account) - expected
    return Checked(1, [Finding(account, off)] if off else [])
