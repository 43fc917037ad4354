"""What was sold, in the words that papers use: place, time, group, lines; read from what was frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.template_words import long_day, span
from booking.fees.lines import frozen_lines, measure
from booking.papers.tax import DEFAULT_PERCENT, part_by_rate
from booking.people.models import Group
from booking.places.catalogue import catalogue
from booking.reservations.models import Reservation, State
from core.clock import civil_day
from core.window import Window
from payments.invoice_models import Charge, Invoice


@dataclass(frozen=True, slots=True)
class Sold:
    """One reservation, as far as papers tell of it."""

    reservation_id: UUID
    group_id: UUID
    group_name: str
    where: str
    when: str
    window: Window
    state: State
    amount_yen: int
    lines: Sequence[Mapping[str, Any]]
    permit_number: int | None
    state_changed_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PaidFor:
    """One item of a payment or an invoice: what it was for, and its yen per rate."""

    group_id: UUID
    group_name: str
    what: str
    when: str
    amount_yen: int
    fees: list[dict[str, Any]]
    by_rate: dict[int, int]

    def as_json(self) -> dict[str, Any]:
        """As frozen into a paper."""
        return {"what": self.what, "when": self.when, "amount_yen": self.amount_yen, "fees": self.fees}


def sold(session: Session, *, municipality_id: int, reservation_ids: Sequence[UUID]) -> dict[UUID, Sold]:
    """Those of the reservations that are the municipality's."""
    places = catalogue(session, municipality_id)
    rows = session.execute(
        sa.select(Reservation, Group.name)
        .join(Group, Group.id == Reservation.group_id)
        .where(Reservation.municipality_id == municipality_id, Reservation.id.in_(reservation_ids))
        .order_by(Reservation.starts_at, Reservation.id)
    )
    found = {}
    for row, group_name in rows:
        offering = places.offering(row.offering_id)
        window = Window(row.starts_at, row.ends_at)
        facility = places.facility_name(offering.facility_id, on=civil_day(row.starts_at))
        found[row.id] = Sold(
            reservation_id=row.id,
            group_id=row.group_id,
            group_name=group_name,
            where=f"{facility} {offering.space_name} {offering.name}",
            when=f"{long_day(row.starts_at)} {span(window)}",
            window=window,
            state=State(row.state),
            amount_yen=row.amount_yen,
            lines=row.fee_lines,
            permit_number=row.permit_number,
            state_changed_at=row.state_changed_at,
            created_at=row.created_at,
        )
    return found


def paid_for(session: Session, *, municipality_id: int, amounts: Mapping[UUID, int]) -> list[PaidFor]:
    """What some references (reservations, invoices) were paid for, in the order of `amounts`."""
    reservations = sold(session, municipality_id=municipality_id, reservation_ids=list(amounts))
    found = []
    for reference, amount_yen in amounts.items():
        if reference in reservations:
            found.append(_of_reservation(reservations[reference], amount_yen))
        else:
            found += _of_invoice(session, municipality_id, reference, amount_yen)
    return found


def fee_lines(one: Sold, amount_yen: int) -> list[dict[str, Any]]:
    """The frozen lines as papers print them; a single one where they do not make up the amount."""
    lines = frozen_lines(one.lines)
    if sum(line.amount_yen for line in lines) != amount_yen:
        rates = part_by_rate(one.lines, amount_yen)
        return [_line("使用料", "", yen, percent) for percent, yen in rates.items()]
    return [_line(line.label, measure(line), line.amount_yen, line.tax_percent) for line in lines]


def charges_by_rate(
    charges: Sequence[Charge], reservations: Mapping[UUID, Sold]
) -> list[tuple[Charge, dict[int, int]]]:
    """Each charge with its yen per rate; below zero where something was taken back."""
    found = []
    for charge in charges:
        of = reservations.get(charge.reference)
        parts = part_by_rate(of.lines if of else (), abs(charge.amount_yen))
        sign = 1 if charge.amount_yen > 0 else -1
        found.append((charge, {percent: sign * yen for percent, yen in parts.items()}))
    return found


def charges_of(session: Session, invoice_id: UUID) -> Sequence[Charge]:
    """What one invoice bills, by day of use."""
    return session.scalars(
        sa.select(Charge).where(Charge.invoice_id == invoice_id).order_by(Charge.used_on, Charge.id)
    ).all()


def _of_reservation(one: Sold, amount_yen: int) -> PaidFor:
    return PaidFor(
        one.group_id,
        one.group_name,
        one.where,
        one.when,
        amount_yen,
        fee_lines(one, amount_yen),
        part_by_rate(one.lines, amount_yen),
    )


def _of_invoice(session: Session, municipality_id: int, invoice_id: UUID, amount_yen: int) -> list[PaidFor]:
    row = session.execute(
        sa.select(Invoice, Group.name)
        .join(Group, Group.id == Invoice.payer)
        .where(Invoice.id == invoice_id, Invoice.municipality_id == municipality_id)
    ).one_or_none()
    if row is None:
        return []
    invoice, group_name = row
    charges = charges_of(session, invoice_id)
    reservations = sold(
        session, municipality_id=municipality_id, reservation_ids=[charge.reference for charge in charges]
    )
    by_rate: dict[int, int] = {}
    for _, parts in charges_by_rate(charges, reservations):
        for percent, yen in parts.items():
            by_rate[percent] = by_rate.get(percent, 0) + yen
    if sum(by_rate.values()) != amount_yen:
        by_rate = {DEFAULT_PERCENT: amount_yen}
    what = f"{invoice.month.year}年{invoice.month.month}月分 学校体育施設使用料（後納）"
    fees = [_line(f"請求書（{len(charges)}件）", "", amount_yen, None)]
    return [PaidFor(invoice.payer, group_name, what, "", amount_yen, fees, by_rate)]


def _line(label: str, detail: str, amount_yen: int, percent: int | None) -> dict[str, Any]:
    return {"label": label, "detail": detail, "amount_yen": int(amount_yen), "percent": percent}
