"""The books: double entry in integer yen. A set of lines sums to zero, is written once, never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

from core.clock import civil_day
from core.errors import ContractBroken
from payments.book_models import MonthClose
from payments.models import LedgerEntry


class Account(StrEnum):
    """Where yen can be. Positive is debit: what we have; negative is credit: what we earned or owe."""

    STRIPE_BALANCE = "stripe_balance"
    """At Stripe, not paid out yet."""
    BANK = "bank"
    """The municipality's account: payouts from Stripe, slips, transfers."""
    CASH = "cash"
    """At the counter, not handed in yet."""
    RECEIVABLES = "receivables"
    """後納: used or booked, to be paid by invoice."""
    DISPUTED = "disputed"
    """Taken back by Stripe while a card company decides."""
    STRIPE_FEES = "stripe_fees"
    """決済手数料: what Stripe keeps."""
    DISPUTE_LOSSES = "dispute_losses"
    """Disputes lost."""
    SUNDRY = "sundry"
    """雑収支: what a person booked that nothing else explains."""
    RELIEF = "relief"
    """減免: fees waived; what USAGE_FEES has before relief."""
    USAGE_FEES = "usage_fees"
    """使用料 earned."""
    REFUNDS_PAYABLE = "refunds_payable"
    """Owed back and not yet sent."""
    UNALLOCATED = "unallocated"
    """Came in with another amount than asked; belongs to the payer."""


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a set; `amount_yen` is positive in debit, negative in credit."""

    account: Account
    amount_yen: int
    reference: UUID | None = None


def post(
    session: Session,
    *,
    municipality_id: int,
    set_key: str,
    lines: Sequence[Line],
    now: datetime,
    payment_id: UUID | None = None,
    refund_id: UUID | None = None,
) -> None:
    """Book one event. Lines of no yen are left out.

    Raises:
        ContractBroken: the lines do not sum to zero, or there are none, or the month of `now` is closed.
        sqlalchemy.exc.IntegrityError: the event is booked already; it must not be committed twice.
    """
    lines = [line for line in lines if line.amount_yen]
    if not lines or sum(line.amount_yen for line in lines) != 0:
        raise ContractBroken(f"ledger set {set_key} does not balance")
    month = civil_day(now).replace(day=1)
    if session.get(MonthClose, (municipality_id, month)) is not None:
        raise ContractBroken(f"ledger set {set_key} in {month:%Y-%m}, which is closed")
    session.add_all(
        LedgerEntry(
            municipality_id=municipality_id,
            set_key=set_key,
            line=number,
            account=line.account,
            amount_yen=line.amount_yen,
            at=now,
            reference=line.reference,
            payment_id=payment_id,
            refund_id=refund_id,
        )
        for number, line in enumerate(lines, 1)
    )
    session.flush()


def balances(session: Session, *, municipality_id: int) -> dict[Account, int]:
    """Each account's total in yen; accounts never used are zero."""
    rows = session.execute(
        sa.select(LedgerEntry.account, sa.func.sum(LedgerEntry.amount_yen))
        .where(LedgerEntry.municipality_id == municipality_id)
        .group_by(LedgerEntry.account)
    )
    found = {Account(account): int(total) for account, total in rows}
    return {account: found.get(account, 0) for account in Account}


def unbalanced_sets(session: Session) -> list[str]:
    """Keys of sets that do not sum to zero; empty unless somebody changed rows by hand."""
    return list(
        session.scalars(
            sa.select(LedgerEntry.set_key)
            .group_by(LedgerEntry.set_key)
            .having(sa.func.sum(LedgerEntry.amount_yen) != 0)
            .order_by(LedgerEntry.set_key)
        )
    )


@event.listens_for(LedgerEntry, "before_update")
@event.listens_for(LedgerEntry, "before_delete")
def _refuse_change(_mapper: object, _connection: object, entry: LedgerEntry) -> None:
    raise ContractBroken(f"ledger set {entry.set_key} is written already")
