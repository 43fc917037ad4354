"""Mails we owe: rows written in the transaction that causes them; `sender.py` renders and sends them later.

A row holds ids and plain words, never a code, and no link: the sender knows where the pages are. Names, place
and times of a reservation are read when the mail is sent, so that owing one costs its caller one statement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from booking.reservations.models import Reservation
from core import owed
from core.errors import ContractBroken

KIND = "mail"


@dataclass(frozen=True, slots=True)
class Template:
    """What a kind of mail needs from its caller."""

    params: frozenset[str] = frozenset()
    """Exactly these must be given, besides `reservation_id`."""
    is_about_reservation: bool = True


TEMPLATES: Mapping[str, Template] = {
    "made": Template(frozenset({"pay_by"})),
    "requested": Template(),
    "approved": Template(frozenset({"pay_by"})),
    "rejected": Template(frozenset({"reason"})),
    "confirmed": Template(),
    "cancelled": Template(frozenset({"refund_yen"})),
    "refunded": Template(frozenset({"refund_yen"})),
    "refunded_by_card_company": Template(frozenset({"refund_yen"})),
    "late_refunded": Template(frozenset({"refund_yen"})),
    "paid_twice": Template(frozenset({"refund_yen"})),
    "paid_after_cancel": Template(frozenset({"refund_yen"})),
    "awaiting_funds": Template(frozenset({"pay_by"})),
    "expired": Template(),
    "undecided": Template(),
    "revoked": Template(frozenset({"reason", "refund_yen"})),
    "alert_declared": Template(frozenset({"name", "title", "note", "lines"}), is_about_reservation=False),
    "alert_withdrawn": Template(frozenset({"name", "title", "note", "lines"}), is_about_reservation=False),
    "reviewed": Template(frozenset({"refund_yen", "why"})),
    "given_back": Template(frozenset({"refund_yen", "reason"})),
    "invoice_issued": Template(
        frozenset({"group", "month", "amount_yen", "due_on"}), is_about_reservation=False
    ),
    "invoice_overdue": Template(
        frozenset({"group", "month", "amount_yen", "due_on"}), is_about_reservation=False
    ),
    "invoice_paid": Template(frozenset({"group", "month", "amount_yen"}), is_about_reservation=False),
    "invoice_refunded": Template(frozenset({"group", "month", "refund_yen"}), is_about_reservation=False),
    "credit_paid_out": Template(frozenset({"group", "month", "refund_yen"}), is_about_reservation=False),
    "payment_request": Template(frozenset({"group", "count", "amount_yen"}), is_about_reservation=False),
    "codes_changed": Template(),
    "door_unreached": Template(),
    "relief_asked": Template(
        frozenset({"group", "valid_from", "valid_until", "due_at"}), is_about_reservation=False
    ),
    "relief_decided": Template(
        frozenset({"group", "valid_from", "valid_until", "decision", "is_granted", "reason"}),
        is_about_reservation=False,
    ),
    "lock_alarm": Template(
        frozenset({"title", "next_step", "count", "first", "lines", "more"}), is_about_reservation=False
    ),
    "money_case": Template(
        frozenset({"first", "count", "new", "overdue", "lines", "more"}), is_about_reservation=False
    ),
    "bulk": Template(frozenset({"subject", "body", "facility", "day"}), is_about_reservation=False),
}
"""made: held, to be paid by `pay_by` · expired: not paid in time · undecided: no approval in time ·
refunded: the money is on its way back · refunded_by_card_company: a dispute gave it back ·
late_refunded: money came after the slot was gone, and goes back ·
paid_twice, paid_after_cancel: it goes back as well · awaiting_funds: to be paid at a till by `pay_by` ·
alert_declared, alert_withdrawn: one for all starts of an account under a heat or weather alert ·
given_back: staff decided so · reviewed: what the locks' records mean for a late cancellation ·
codes_changed: the digits are other ones · door_unreached: a day before it the lock does not know of it ·
invoice_…, payment_request: to who stands for a group, about what it owes ·
lock_alarm: to managers, one for all alarms of a kind · money_case: to managers, what waits for a person."""


def owe_mail(
    session: Session,
    *,
    municipality_id: int,
    to: str | None,
    template: str,
    params: Mapping[str, object],
    key: str,
    now: datetime,
) -> None:
    """Write down one mail, once per `key` within a municipality; a second time changes nothing.

    `to` None sends to the account that made the reservation `params["reservation_id"]`. Values may be text,
    integers, dates, aware instants or UUIDs; amounts are integer yen.

    Raises:
        ContractBroken: an unknown template, or other parameters than it has.
    """
    known = TEMPLATES.get(template)
    if known is None:
        raise ContractBroken(f"no mail template {template!r}")
    wanted = known.params | ({"reservation_id"} if known.is_about_reservation else set())
    if set(params) != wanted:
        raise ContractBroken(f"mail {template!r} takes {sorted(wanted)}, not {sorted(params)}")
    if to is None and not known.is_about_reservation:
        raise ContractBroken(f"mail {template!r} needs an address")
    payload = {
        "municipality_id": municipality_id,
        "template": template,
        "to": to,
        "params": {name: _plain(value) for name, value in params.items()},
    }
    owed.owe(session, municipality_id=municipality_id, kind=KIND, key=key, payload=payload, now=now)


def tell(
    session: Session,
    reservation: Reservation,
    template: str,
    *,
    now: datetime,
    cause: str = "",
    **params: object,
) -> None:
    """Owe the maker of a reservation one mail about it, once per (template, reservation, `cause`).

    `cause` tells repeats apart where one reservation may cause several of a kind (the refund's id, say);
    without it the instant of the reservation's present state does.

    Raises:
        ContractBroken: as `owe_mail`.
    """
    again = cause or reservation.state_changed_at.isoformat()
    owe_mail(
        session,
        municipality_id=reservation.municipality_id,
        to=None,
        template=template,
        params={"reservation_id": reservation.id, **params},
        key=f"{template}:{reservation.id}:{again}",
        now=now,
    )


def _plain(value: object) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, UUID):
        return str(value)
    isoformat = getattr(value, "isoformat", None)
    if isoformat is None:
        raise ContractBroken(f"a {type(value).__name__} in a mail's parameters")
    return isoformat()
