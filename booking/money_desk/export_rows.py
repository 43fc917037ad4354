"""What the files for accounting hold: the journal, payments, refunds, totals; read piece by piece, in order.

Each piece is read in a session of its own: a file may take longer to send than a transaction may stay open.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.money_desk.book_words import METHODS, account_word, event_word
from booking.money_desk.fee_split import WORDS, split, weights_of
from booking.people.models import Group
from booking.places.catalogue import catalogue
from booking.places.entries import Catalogue
from booking.reservations.models import Reservation
from booking.reservations.words import refund_cause
from core.clock import TOKYO, civil_day
from core.database import Database
from payments.exports import Cell
from payments.ledger import Account
from payments.models import LedgerEntry, Payment, PaymentItem, Refund
from payments.states import PaymentState

PIECE = 1000
Row = Sequence[Cell]
SPACE_KINDS = {"gym": "体育館", "martial_arts_room": "武道場", "ground": "グラウンド"}
_STATES = {
    "settled": "入金済",
    "mismatched": "金額違い",
    "owed": "未払",
    "pending": "手続中",
    "succeeded": "還付済",
    "failed": "差戻し",
}
_FEES = (Account.USAGE_FEES, Account.RELIEF)


class Kind(StrEnum):
    """A file."""

    JOURNAL = "journal"
    PAYMENTS = "payments"
    REFUNDS = "refunds"
    TOTALS = "totals"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: of a municipality, in a half-open span of time."""

    kind: Kind
    municipality_id: int
    begin: datetime
    end: datetime


HEADERS: dict[Kind, Sequence[str]] = {
    Kind.JOURNAL: (
        *("日付", "時刻", "番号", "伝票", "行", "勘定科目", "借方(円)", "貸方(円)", "摘要"),
        *("予約", "支払", "還付"),
    ),
    Kind.PAYMENTS: (
        *("入金日", "時刻", "支払", "方法", "状態", "入金額(円)", "通貨", "内訳(円)", "内訳"),
        *("団体", "施設", "室場", "利用日", "納付日", "納付書番号", "予約"),
    ),
    Kind.REFUNDS: (
        *("発生日", "時刻", "還付", "支払", "方法", "状態", "金額(円)", "理由", "状態の日"),
        *("団体", "施設", "利用日", "予約"),
    ),
    Kind.TOTALS: ("期間", "勘定科目", "施設", "室場", "費目", "借方(円)", "貸方(円)", "差引(円)"),
}
WORDS_OF_KIND = {
    Kind.JOURNAL: "仕訳帳",
    Kind.PAYMENTS: "入金一覧",
    Kind.REFUNDS: "還付一覧",
    Kind.TOTALS: "月計表(勘定・施設・室場・費目)",
}


def rows(database: Database, wanted: Wanted) -> Iterator[Row]:
    """The rows of a file, in order: those that there are as it is begun."""
    if wanted.kind is Kind.TOTALS:
        yield from _totals(database, wanted)
        return
    read = _READ[wanted.kind]
    for keys in _pieces(database, wanted):
        # Nothing is yielded while a session is open: whoever sends the file may take as long as it likes.
        with database.reading() as session:
            found = list(read(session, wanted, keys))
        yield from found


def _pieces(database: Database, wanted: Wanted) -> list[Sequence[Any]]:
    """Keys of the rows, some at a time; listed once, since sorting is what takes long."""
    table, at, where = _LISTED[wanted.kind]
    statement = sa.select(table.id).where(
        table.municipality_id == wanted.municipality_id, at >= wanted.begin, at < wanted.end, *where
    )
    with database.reading() as session:
        keys = session.scalars(statement.order_by(at, table.id)).all()
    return [keys[first : first + PIECE] for first in range(0, len(keys), PIECE)]


def _journal(session: Session, _wanted: Wanted, keys: Sequence[int]) -> Iterator[Row]:
    for entry in _entries(session, keys):
        day, hour = _day_and_hour(entry.at)
        debit, credit = sides(entry.amount_yen)
        yield (
            day,
            hour,
            entry.id,
            entry.set_key,
            entry.line,
            account_word(entry.account),
            debit,
            credit,
            event_word(entry.set_key),
            _text(entry.reference),
            _text(entry.payment_id),
            _text(entry.refund_id),
        )


def sides(amount_yen: int) -> tuple[int | None, int | None]:
    """借方, 貸方: positive in debit, negative in credit, the other side empty."""
    return (amount_yen, None) if amount_yen > 0 else (None, -amount_yen)


def _entries(session: Session, keys: Sequence[int]) -> Sequence[LedgerEntry]:
    return session.scalars(
        sa.select(LedgerEntry).where(LedgerEntry.id.in_(keys)).order_by(LedgerEntry.at, LedgerEntry.id)
    ).all()


def _payments(session: Session, wanted: Wanted, keys: Sequence[UUID]) -> Iterator[Row]:
    payments = session.scalars(
        sa.select(Payment).where(Payment.id.in_(keys)).order_by(Payment.settled_at, Payment.id)
    ).all()
    references = [item.reference for one in payments for item in one.items]
    places = _Places.read(session, wanted.municipality_id, references)
    for payment in payments:
        for item in payment.items:
            yield _payment_row(payment, item, places)


def _payment_row(payment: Payment, item: PaymentItem, places: "_Places") -> Row:
    assert payment.settled_at is not None, "it was asked for by that"
    day, hour = _day_and_hour(payment.settled_at)
    group, facility, kind, used_on = places.of(item.reference)
    return (
        day,
        hour,
        str(payment.id),
        METHODS.get(payment.method, payment.method),
        _STATES[payment.state],
        payment.captured_amount,
        payment.captured_currency,
        item.amount_yen,
        item.label,
        group,
        facility,
        kind,
        used_on,
        _text(payment.paid_on),
        payment.slip_number,
        str(item.reference),
    )


def _refunds(session: Session, wanted: Wanted, keys: Sequence[UUID]) -> Iterator[Row]:
    refunds = session.scalars(
        sa.select(Refund).where(Refund.id.in_(keys)).order_by(Refund.created_at, Refund.id)
    ).all()
    places = _Places.read(session, wanted.municipality_id, [one.reference for one in refunds])
    for one in refunds:
        day, hour = _day_and_hour(one.created_at)
        group, facility, _, used_on = places.of(one.reference)
        yield (
            day,
            hour,
            str(one.id),
            str(one.payment_id),
            METHODS.get(one.method, one.method),
            _STATES[one.state],
            one.amount_yen,
            refund_cause(one.cause),
            civil_day(one.state_changed_at).isoformat(),
            group,
            facility,
            used_on,
            str(one.reference),
        )


_READ: dict[Kind, Callable[[Session, Wanted, Sequence[Any]], Iterator[Row]]] = {
    Kind.JOURNAL: _journal,
    Kind.PAYMENTS: _payments,
    Kind.REFUNDS: _refunds,
}
_JOURNALED: tuple[Any, Any, tuple[sa.ColumnElement[bool], ...]] = (LedgerEntry, LedgerEntry.at, ())
_LISTED: dict[Kind, tuple[Any, Any, tuple[sa.ColumnElement[bool], ...]]] = {
    Kind.JOURNAL: _JOURNALED,
    Kind.TOTALS: _JOURNALED,
    Kind.PAYMENTS: (
        Payment,
        Payment.settled_at,
        (Payment.state.in_((PaymentState.SETTLED, PaymentState.MISMATCHED)),),
    ),
    Kind.REFUNDS: (Refund, Refund.created_at, ()),
}


def _totals(database: Database, wanted: Wanted) -> Iterator[Row]:
    sums: dict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for keys in _pieces(database, wanted):
        with database.reading() as session:
            entries = _entries(session, keys)
            references = [one.reference for one in entries if one.account in _FEES and one.reference]
            places = _Places.read(session, wanted.municipality_id, references)
        for entry in entries:
            for place, amount in _parts(entry, places):
                sums[place][amount < 0] += abs(amount)
    first, last = civil_day(wanted.begin), civil_day(wanted.end) - timedelta(days=1)
    span = f"{first:%Y-%m-%d}〜{last:%Y-%m-%d}"
    order = list(Account)
    for place in sorted(sums, key=lambda one: (order.index(Account(one[0])), *one[1:])):
        debit, credit = sums[place]
        account, facility, kind, item = place
        yield (
            span,
            account_word(account),
            facility,
            kind,
            WORDS.get(item, item),
            debit,
            credit,
            debit - credit,
        )


def _parts(entry: LedgerEntry, places: "_Places") -> Iterator[tuple[tuple[str, str, str, str], int]]:
    if entry.account not in _FEES or entry.reference is None:
        yield (entry.account, "", "", ""), entry.amount_yen
        return
    _, facility, kind, _ = places.of(entry.reference)
    weights = weights_of(places.fee_lines(entry.reference), is_relief=entry.set_key.startswith("relief"))
    for item, amount in split(entry.amount_yen, weights).items():
        if amount:
            yield (entry.account, facility, kind, item), amount


@dataclass(frozen=True, slots=True)
class _Places:
    """Group, facility, kind of space and day of use of some references; invoices have none."""

    places: Catalogue
    found: dict[UUID, tuple[str, int, datetime, list[dict[str, Any]]]]

    @classmethod
    def read(cls, session: Session, municipality_id: int, references: Sequence[UUID]) -> "_Places":
        """One statement, however many."""
        rows = session.execute(
            sa.select(
                Reservation.id,
                Group.name,
                Reservation.offering_id,
                Reservation.starts_at,
                Reservation.fee_lines,
            )
            .join(Group, Group.id == Reservation.group_id)
            .where(Reservation.id.in_(set(references)))
        )
        return cls(
            catalogue(session, municipality_id),
            {row[0]: (row[1], row[2], row[3], row[4]) for row in rows},
        )

    def of(self, reference: UUID) -> tuple[str, str, str, str]:
        """Group, facility as it is called on the day, kind of space, day of use."""
        if reference not in self.found:
            return "", "", "", ""
        group, offering_id, starts_at, _ = self.found[reference]
        offering, day = self.places.offering(offering_id), civil_day(starts_at)
        kind = SPACE_KINDS.get(offering.space_kind, str(offering.space_kind))
        return group, self.places.facility_name(offering.facility_id, on=day), kind, day.isoformat()

    def fee_lines(self, reference: UUID) -> list[dict[str, Any]]:
        """The price as sold."""
        return self.found[reference][3] if reference in self.found else []


def _day_and_hour(instant: datetime) -> tuple[str, str]:
    here = instant.astimezone(TOKYO)
    return f"{here:%Y-%m-%d}", f"{here:%H:%M:%S}"


def _text(value: object) -> str:
    return "" if value is None else str(value)
