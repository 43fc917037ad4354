"""A year's money behind a year's reservations: in bulk, past the rules, within every invariant.

Of a hundred reservations eighty are paid by card, eight in cash, six by slip, six by invoice; one in twenty
is cancelled in time and its money back, one in fifty cancelled too late and kept. Stripe's movements and
weekly payouts are there as settlement leaves them; every month that may be closed is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.papers.kinds import Kind
from booking.papers.models import Paper, PaperCounter
from booking.reservations.models import PermitCounter, Reservation, State
from core import audit
from core.clock import civil_day, fiscal_year, start_of_day
from core.ids import new_id
from payments import month_close
from payments.book_models import SettlementRun, StripeMovement, StripePayout
from payments.invoice_models import Charge, Invoice, MoneyCounter
from payments.invoices import USE
from payments.ledger import Account, Line
from payments.models import Payment, PaymentItem, Refund
from payments.movements import fee_lines, own_key, own_lines
from payments.states import Method, PaymentState, RefundState
from tests.bench.rows import BATCH, Rows
from tests.bench.sold import Sold

_GOES_TO = {Method.STRIPE: Account.STRIPE_BALANCE, Method.CASH: Account.CASH, Method.SLIP: Account.BANK}
_PAYOUT_AFTER = timedelta(days=5)


class MoneyYear:
    """One town's year."""

    def __init__(self, session: Session, municipality_id: int) -> None:
        self.session = session
        self.municipality_id = municipality_id
        self._rows = Rows(session, municipality_id)
        self._charged: dict[tuple[UUID, date], list[Sold]] = defaultdict(list)
        self._weeks: Counter[date] = Counter()
        self._receipts: Counter[int] = Counter()
        self._slips = self._movements = 0

    @property
    def rows(self) -> Counter[str]:
        """How many, by table."""
        return self._rows.written

    def plant(self, *, now: datetime) -> None:
        """Pay for every reservation of the town; then close what months may be closed."""
        permits = 0
        for permits, sold in enumerate(self._sold(), 1):
            if sold.method == Method.INVOICE:
                self._charged[sold.group_id, civil_day(sold.starts_at).replace(day=1)].append(sold)
            else:
                self._paid(sold)
            if not permits % BATCH:
                self._rows.write()
        for (payer, month), several in sorted(self._charged.items()):
            self._billed(payer, month, several)
        for day, yen in sorted(self._weeks.items()):
            self._paid_out(day, yen)
        self._rows.write()
        self._count(permits)
        self._record_acts(permits // 25, now=now)
        self._close_months(now)

    def _sold(self) -> Iterator[Sold]:
        found = self.session.execute(
            sa.select(
                Reservation.id, Reservation.group_id, Reservation.starts_at, Reservation.created_at
            ).order_by(Reservation.created_at, Reservation.id)
        ).all()
        several = [Sold(*row) for row in found]
        self._sell(several)
        yield from several

    def _sell(self, several: list[Sold]) -> None:
        table = cast(sa.Table, Reservation.__table__)
        statement = (
            sa.update(table)
            .where(table.c.id == sa.bindparam("key"))
            .values(
                {name: sa.bindparam(f"new_{name}") for name in ("amount_yen", "permit_number", "pays_by")}
                | {
                    name: sa.func.coalesce(
                        sa.bindparam(f"new_{name}", type_=table.c[name].type), table.c[name]
                    )
                    for name in ("state", "state_changed_at")
                }
            )
        )
        changes = [
            {
                "key": one.id,
                "new_amount_yen": one.amount_yen,
                "new_permit_number": number,
                "new_pays_by": one.method,
                "new_state": State.CANCELLED if one.cancelled_at else None,
                "new_state_changed_at": one.cancelled_at,
            }
            for number, one in enumerate(several, 1)
        ]
        for at in range(0, len(changes), BATCH):
            self.session.execute(statement, changes[at : at + BATCH])
        self.rows["reservation"] = len(changes)

    def _paid(self, sold: Sold) -> None:
        payment_id = self._payment(sold.id, sold.amount_yen, sold.method, sold.paid_at, Account.USAGE_FEES)
        if sold.method == Method.STRIPE and not sold.drawn(56, 5):
            self._receipt(sold, payment_id)
        if sold.is_back and sold.cancelled_at is not None:
            self._given_back(sold, payment_id, sold.cancelled_at)

    def _payment(self, reference: UUID, yen: int, method: Method, at: datetime, account: Account) -> UUID:
        payment_id = new_id(at)
        is_stripe = method == Method.STRIPE
        self._slips += method == Method.SLIP
        self._rows.add(
            Payment,
            id=payment_id,
            amount_yen=yen,
            state=PaymentState.SETTLED,
            created_at=at - timedelta(minutes=5),
            state_changed_at=at,
            deadline_at=at + timedelta(minutes=5),
            next_due_at=None,
            return_url="",
            cancel_url="",
            round=0,
            attempts=0,
            stripe_session_id=f"cs_{payment_id.hex}" if is_stripe else None,
            stripe_payment_intent_id=f"pi_{payment_id.hex}" if is_stripe else None,
            method=method,
            offered_methods=["card"],
            slip_number=self._slips if method == Method.SLIP else None,
            captured_amount=yen,
            captured_currency="jpy",
            settled_at=at,
        )
        self._rows.add(
            PaymentItem,
            payment_id=payment_id,
            reference=reference,
            position=1,
            label="計測",
            amount_yen=yen,
            account=account,
            is_standing=True,
        )
        lines = [Line(_GOES_TO[method], yen), Line(account, -yen, reference)]
        self._rows.post(f"capture:{payment_id}", lines, at, payment_id)
        if is_stripe:
            self._move("charge", yen, round(yen * 0.036), payment_id, f"ch_{payment_id.hex}", at)
        return payment_id

    def _given_back(self, sold: Sold, payment_id: UUID, at: datetime) -> None:
        refund_id, yen = new_id(at), sold.amount_yen
        stripe_id = f"re_{refund_id.hex}" if sold.method == Method.STRIPE else None
        self._rows.add(
            Refund,
            id=refund_id,
            payment_id=payment_id,
            reference=sold.id,
            amount_yen=yen,
            cause="cancelled",
            state=RefundState.SUCCEEDED,
            created_at=at,
            state_changed_at=at,
            next_due_at=None,
            round=0,
            stripe_refund_id=stripe_id,
            method=sold.method,
            attempts=0,
        )
        owed = [Line(Account.USAGE_FEES, yen, sold.id), Line(Account.REFUNDS_PAYABLE, -yen, sold.id)]
        self._rows.post(f"owe:{refund_id}", owed, at, payment_id, refund_id)
        set_key = f"refund:{refund_id}:{stripe_id}"
        gone = [Line(Account.REFUNDS_PAYABLE, yen, sold.id), Line(_GOES_TO[sold.method], -yen, sold.id)]
        self._rows.post(set_key, gone, at, payment_id, refund_id)
        if stripe_id:
            self._move("refund", -yen, 0, payment_id, stripe_id, at, refund_id=refund_id, set_key=set_key)

    def _billed(self, payer: UUID, month: date, several: list[Sold]) -> None:
        issued_at = start_of_day(month_close.after(month))
        yen, invoice_id = sum(one.amount_yen for one in several), new_id(issued_at)
        self._rows.add(
            Invoice,
            id=invoice_id,
            payer=payer,
            month=month,
            amount_yen=yen,
            state="issued",
            issued_at=issued_at,
            due_on=civil_day(issued_at) + timedelta(days=30),
            next_due_at=issued_at + timedelta(days=30),
        )
        for one in several:
            self._rows.add(
                Charge,
                payer=payer,
                reference=one.id,
                cause=USE,
                label="計測",
                amount_yen=one.amount_yen,
                used_on=civil_day(one.starts_at),
                charged_at=one.paid_at,
                invoice_id=invoice_id,
            )
            lines = [
                Line(Account.RECEIVABLES, one.amount_yen, one.id),
                Line(Account.USAGE_FEES, -one.amount_yen, one.id),
            ]
            self._rows.post(f"charge:{one.id}:{USE}", lines, one.paid_at, None)

    def _move(
        self,
        kind: str,
        amount: int,
        fee: int,
        payment_id: UUID | None,
        source_id: str,
        at: datetime,
        *,
        refund_id: UUID | None = None,
        set_key: str = "",
    ) -> None:
        self._movements += 1
        movement_id = f"txn_{self._movements}"
        own = own_lines(kind, amount)
        self._rows.add(
            StripeMovement,
            id=movement_id,
            type=kind,
            amount=amount,
            fee=fee,
            net=amount - fee,
            currency="jpy",
            source_id=source_id,
            payment_intent_id=f"pi_{payment_id.hex}" if payment_id else None,
            created_at=at,
            available_on=at,
            payout_id=None if payment_id else source_id,
            copied_at=at + timedelta(hours=1),
            payment_id=payment_id,
            refund_id=refund_id,
            matched_set=own_key(kind, movement_id) if own else set_key or f"capture:{payment_id}",
        )
        if own:
            self._rows.post(own_key(kind, movement_id), own, at, None)
            return
        self._rows.post(f"fee:{movement_id}", fee_lines(fee), at, payment_id)
        day = civil_day(at)
        self._weeks[day + timedelta(days=6 - day.weekday())] += amount - fee

    def _paid_out(self, week: date, yen: int) -> None:
        at = start_of_day(week) + _PAYOUT_AFTER
        if yen <= 0:
            return
        self._rows.add(
            StripePayout,
            id=f"po_{week:%Y%m%d}",
            amount=yen,
            state="paid",
            arrives_on=civil_day(at) + timedelta(days=2),
            created_at=at,
            copied_at=at,
            checked_at=at,
        )
        self._move("payout", -yen, 0, None, f"po_{week:%Y%m%d}", at)

    def _receipt(self, sold: Sold, payment_id: UUID) -> None:
        year = fiscal_year(civil_day(sold.paid_at))
        self._receipts[year] += 1
        self._rows.add(
            Paper,
            id=new_id(sold.paid_at),
            kind=Kind.RECEIPT,
            fiscal_year=year,
            number=self._receipts[year],
            subject=f"payment:{payment_id}",
            group_id=sold.group_id,
            issued_at=sold.paid_at,
            addressee="見本団体",
            content={"amount_yen": sold.amount_yen},
        )

    def _count(self, permits: int) -> None:
        town = {"municipality_id": self.municipality_id}
        self.session.merge(PermitCounter(**town, last_number=permits))
        self.session.merge(MoneyCounter(**town, kind="slip", last_number=self._slips))
        for year, last in self._receipts.items():
            self.session.merge(PaperCounter(**town, kind=Kind.RECEIPT, fiscal_year=year, last_number=last))
        self.session.flush()

    def _record_acts(self, count: int, *, now: datetime) -> None:
        for number in range(count):
            audit.record(
                self.session,
                municipality_id=self.municipality_id,
                actor="bench",
                act="payment.see",
                subject=f"payment:{number}",
                detail={"number": number},
                now=now,
            )
        self.rows["audit_entry"] = count

    def _close_months(self, now: datetime) -> None:
        town = self.municipality_id
        run = SettlementRun(municipality_id=town, begun_at=now - timedelta(hours=1), ended_at=now)
        self.session.add(run)
        self.session.flush()
        for month, _ in reversed(month_close.months(self.session, municipality_id=town, now=now)):
            if month_close.obstacles(self.session, municipality_id=town, month=month, now=now):
                break
            digits = month_close.summarise(self.session, municipality_id=town, month=month).check_digits
            month_close.close(
                self.session, municipality_id=town, month=month, check=digits, actor=new_id(now), now=now
            )
            self.rows["month_close"] += 1
