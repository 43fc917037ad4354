"""One link for a month: all that a resident's groups have not paid, and one card session for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from booking.app.template_words import short_day, span
from booking.counter.owed import item_of_invoice, item_of_reservation
from booking.people.signed_in import Actor
from booking.reservations import queries
from booking.reservations.pay import require_payable
from booking.reservations.refusals import NotPayable
from core.clock import civil_day
from core.errors import BadInput, NotThere
from payments import checkout, counter, invoices
from payments.checkout import Item
from payments.errors import AttemptStanding
from payments.invoice_queries import of_payers
from payments.invoices import InvoiceState
from payments.queries import Awaited, awaited_among
from payments.slips import Slip, slips_of

INVOICES_WAIT_FOR = timedelta(minutes=30)
"""How long the card page stays open where only invoices are paid: nothing else ends it."""


@dataclass(frozen=True, slots=True)
class Bill:
    """One thing that is not paid."""

    reference: UUID
    is_invoice: bool
    month: date
    """Of the use."""
    group_name: str
    title: str
    place: str
    amount_yen: int
    pay_until: datetime | None
    """A reservation's; an invoice has its day."""
    due_on: date | None
    is_payable: bool
    slip: Slip | None
    awaited: Awaited | None
    """The payer chose a convenience store, and has not been there yet."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A payment written down, to be opened at Stripe; None: another session is being closed first."""

    payment_id: UUID | None


def of_actor(session: Session, *, actor: Actor, now: datetime) -> list[Bill]:
    """What the actor's groups have not paid: by month of use, the most urgent first."""
    return of_groups(
        session,
        municipality_id=actor.municipality_id,
        groups={group.id: group.name for group in actor.groups},
        now=now,
    )


def of_groups(
    session: Session, *, municipality_id: int, groups: dict[UUID, str], now: datetime
) -> list[Bill]:
    """What these groups have not paid: by month of use, the most urgent first."""
    held = queries.unpaid(session, municipality_id=municipality_id, group_ids=groups)
    issued = of_payers(session, payers=list(groups), unpaid_only=True)
    references = [line.id for line in held] + [one.id for one in issued]
    slips = slips_of(session, references=references)
    awaited = awaited_among(session, references=references)
    bills = [
        Bill(
            reference=line.id,
            is_invoice=False,
            month=civil_day(line.window.starts_at).replace(day=1),
            group_name=line.group_name,
            title=f"{short_day(line.window.starts_at)} {span(line.window)}",
            place=f"{line.facility_name} {line.offering.space_name} {line.offering.name}",
            amount_yen=line.amount_yen,
            pay_until=line.pay_until,
            due_on=None,
            is_payable=line.is_payable(now) and line.id not in slips and line.id not in awaited,
            slip=slips.get(line.id),
            awaited=awaited.get(line.id),
        )
        for line in held
    ]
    bills += [
        Bill(
            reference=one.id,
            is_invoice=True,
            month=one.month,
            group_name=groups[one.payer],
            title=f"{one.month.month}月分の請求(後納)",
            place="",
            amount_yen=one.amount_yen,
            pay_until=None,
            due_on=one.due_on,
            is_payable=one.id not in slips and one.id not in awaited,
            slip=slips.get(one.id),
            awaited=awaited.get(one.id),
        )
        for one in issued
    ]
    return sorted(bills, key=lambda bill: (bill.month, not bill.is_invoice, bill.title, bill.reference))


def ask(session: Session, *, actor: Actor, references: Sequence[UUID], base_url: str, now: datetime) -> Asked:
    """An attempt to pay for the chosen ones together, until the earliest of their deadlines.

    Sessions that stand for some of them alone are closed first; while Stripe has not said so, nothing is
    started. Commit either way.

    Raises:
        BadInput: nothing is chosen, or too much.
        NotThere: not the actor's.
        NotPayable, NotSellableNow, AlreadyPaid, SlipOut, FundsAwaited: for one of them; nothing is started.
        BelowLeast: all of them together are too little for a card.
    """
    chosen = sorted(set(references))
    if not 0 < len(chosen) <= checkout.MOST_ITEMS:
        sentence = f"一度に選べるのは{checkout.MOST_ITEMS}件までです。"
        raise BadInput("item", sentence=sentence if chosen else "支払うものを選んでください。")
    items, ends = [], []
    for reference in chosen:
        item, until = _payable(session, actor, reference, now=now)
        items.append(item)
        ends.append(until)
    page = f"{base_url.rstrip('/')}/my/bills"
    for is_second_try in (False, True):
        try:
            payment = checkout.start(
                session,
                municipality_id=actor.municipality_id,
                items=items,
                deadline_at=min(ends),
                return_url=f"{page}/return?item={chosen[0]}",
                cancel_url=page,
                mail_address=actor.mail_address,
                now=now,
            )
            return Asked(payment.id)
        except AttemptStanding:
            if is_second_try or not counter.is_free(session, references=chosen, now=now):
                return Asked(None)
    raise AssertionError("unreachable")


def _payable(session: Session, actor: Actor, reference: UUID, *, now: datetime) -> tuple[Item, datetime]:
    invoice = invoices.locked(session, reference)
    if invoice is None:
        reservation, until = require_payable(session, actor=actor, reservation_id=reference, now=now)
        if actor.group_or_none(reservation.group_id) is None:
            raise NotThere(f"reservation {reference}")
        return item_of_reservation(session, reservation), until
    if actor.group_or_none(invoice.payer) is None:
        raise NotThere(f"invoice {reference}")
    if invoice.state != InvoiceState.ISSUED:
        raise NotPayable(invoice.state)
    return item_of_invoice(invoice), now + INVOICES_WAIT_FOR
