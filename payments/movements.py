"""Stripe's balance transactions, copied once: what only Stripe knows is booked, the rest meets its set."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.database import insert_into
from payments import ledger
from payments.book_models import StripeMovement
from payments.ledger import Account, Line
from payments.models import Payment
from payments.remote import RemoteMovement

BANK_TRANSFERS = frozenset({"payout", "payout_failure", "payout_cancel", "topup", "topup_reversal"})
STRIPE_CHARGES = frozenset({"stripe_fee", "stripe_fx_fee", "tax_fee", "network_cost"})
"""Stripe's bills for itself that are no part of another movement."""

FEE = "fee:"


def fee_lines(fee: int) -> list[Line]:
    """What Stripe kept of a movement: a cost, and not on the balance. A fee returned is below zero."""
    return [Line(Account.STRIPE_FEES, fee), Line(Account.STRIPE_BALANCE, -fee)]


def own_lines(kind: str, amount: int) -> list[Line]:
    """The set of a movement that nothing of ours knows before; empty where a set of ours explains it."""
    if kind in BANK_TRANSFERS:
        return [Line(Account.BANK, -amount), Line(Account.STRIPE_BALANCE, amount)]
    if kind in STRIPE_CHARGES:
        return [Line(Account.STRIPE_FEES, -amount), Line(Account.STRIPE_BALANCE, amount)]
    return []


def own_key(kind: str, movement_id: str) -> str:
    """The key of that set."""
    return f"bill:{movement_id}" if kind in STRIPE_CHARGES else f"payout:{movement_id}"


def copy(
    session: Session, found: Sequence[RemoteMovement], *, municipality_id: int, now: datetime
) -> list[str]:
    """Keep what is new and book what only Stripe knows of it, in one transaction; the ids of the new ones.

    A movement that is there already books nothing: its insert is what decides.
    """
    if not found:
        return []
    payments = payments_by_intent(session, municipality_id, (one.payment_intent_id for one in found))
    rows = [_row(one, payments, municipality_id, now) for one in found]
    statement = insert_into(session, StripeMovement).values(rows).on_conflict_do_nothing()
    made = set(session.scalars(statement.returning(StripeMovement.id)))
    for one in found:
        if one.id in made and one.currency == "jpy":
            _book(session, one, payments.get(one.payment_intent_id or ""), municipality_id, now)
    return [one.id for one in found if one.id in made]


def _row(
    one: RemoteMovement, payments: Mapping[str, UUID], municipality_id: int, now: datetime
) -> dict[str, object]:
    return {
        "id": one.id,
        "municipality_id": municipality_id,
        "type": one.type,
        "amount": one.amount,
        "fee": one.fee,
        "net": one.net,
        "currency": one.currency,
        "source_id": one.source_id,
        "payment_intent_id": one.payment_intent_id,
        "created_at": one.created_at,
        "available_on": one.available_on,
        "payout_id": one.payout_id,
        "copied_at": now,
        "payment_id": payments.get(one.payment_intent_id or ""),
        "matched_set": own_key(one.type, one.id)
        if one.currency == "jpy" and one.amount and own_lines(one.type, one.amount)
        else None,
    }


def _book(
    session: Session, one: RemoteMovement, payment_id: UUID | None, municipality_id: int, now: datetime
) -> None:
    sets = {
        own_key(one.type, one.id): own_lines(one.type, one.amount) if one.amount else [],
        f"{FEE}{one.id}": fee_lines(one.fee) if one.fee else [],
    }
    for set_key, lines in sets.items():
        if lines:
            ledger.post(
                session,
                municipality_id=municipality_id,
                set_key=set_key,
                lines=lines,
                payment_id=payment_id,
                now=now,
            )


def payments_by_intent(
    session: Session, municipality_id: int, intents: Iterable[str | None]
) -> dict[str, UUID]:
    """Our payments of some of Stripe's payment intents, by the intent."""
    wanted = {intent for intent in intents if intent}
    rows = session.execute(
        sa.select(Payment.stripe_payment_intent_id, Payment.id).where(
            Payment.municipality_id == municipality_id, Payment.stripe_payment_intent_id.in_(wanted)
        )
    )
    return {str(intent): payment_id for intent, payment_id in rows}
