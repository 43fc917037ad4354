"""What came in and went out, day by day and by way, from payments and refunds: typed sums, one query each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.clock import start_of_day
from payments.models import Payment, Refund
from payments.states import PaymentState, RefundState

DAYS = 30
WAYS: Mapping[str, str] = {
    "stripe": "カード・コンビニ",
    "cash": "現金",
    "slip": "納付書",
    "transfer": "振込",
    "invoice": "後納",
}


@dataclass(frozen=True, slots=True)
class Flow:
    """Yen of one span of time."""

    in_yen: int = 0
    out_yen: int = 0

    def __add__(self, other: "Flow") -> "Flow":
        return Flow(self.in_yen + other.in_yen, self.out_yen + other.out_yen)


@dataclass(frozen=True, slots=True)
class DayFlow:
    """One civil day, by way; ways without money are left out."""

    day: date
    by_way: Mapping[str, Flow]

    @property
    def whole(self) -> Flow:
        """All ways together."""
        return sum(self.by_way.values(), Flow())


def of_days(session: Session, *, municipality_id: int, last: date, days: int) -> list[DayFlow]:
    """The days up to and with `last`, oldest first, those without money too."""
    every = [last - timedelta(days=back) for back in range(days - 1, -1, -1)]
    came = _sums(session, _captured(municipality_id), Payment.settled_at, Payment.method, _CAPTURED, every)
    went = _sums(
        session,
        sa.and_(Refund.municipality_id == municipality_id, Refund.state == RefundState.SUCCEEDED),
        Refund.state_changed_at,
        Refund.method,
        Refund.amount_yen,
        every,
    )
    return [
        DayFlow(
            day,
            {
                way: Flow(came.get((number, way), 0), went.get((number, way), 0))
                for way in _ways(number, came, went)
            },
        )
        for number, day in enumerate(every)
    ]


def by_way(days: Sequence[DayFlow]) -> dict[str, Flow]:
    """Several days' money by way, in the order of `WAYS`."""
    found: dict[str, Flow] = {}
    for day in days:
        for way, flow in day.by_way.items():
            found[way] = found.get(way, Flow()) + flow
    return {way: found[way] for way in (*WAYS, *sorted(found.keys() - WAYS.keys())) if way in found}


def of_month(days: Sequence[DayFlow], today: date) -> list[DayFlow]:
    """Those of the days that are of today's month."""
    return [day for day in days if (day.day.year, day.day.month) == (today.year, today.month)]


_CAPTURED = sa.case(
    (
        sa.and_(Payment.state == PaymentState.MISMATCHED, Payment.captured_currency == "jpy"),
        Payment.captured_amount,
    ),
    (Payment.state == PaymentState.SETTLED, Payment.amount_yen),
    else_=0,
)


def _captured(municipality_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        Payment.municipality_id == municipality_id,
        Payment.state.in_((PaymentState.SETTLED, PaymentState.MISMATCHED)),
    )


def _ways(number: int, *sums: Mapping[tuple[int, str], int]) -> list[str]:
    return sorted({way for each in sums for at, way in each if at == number})


def _sums(
    session: Session,
    which: sa.ColumnElement[bool],
    at: sa.orm.InstrumentedAttribute[datetime | None] | sa.orm.InstrumentedAttribute[datetime],
    way: sa.orm.InstrumentedAttribute[str],
    amount: sa.ColumnElement[int] | sa.orm.InstrumentedAttribute[int],
    days: Sequence[date],
) -> dict[tuple[int, str], int]:
    """(number of the day, way) -> yen. Days are of Tokyo, which databases do not agree how to reckon."""
    ends = [start_of_day(day + timedelta(days=1)) for day in days]
    number = sa.case(*((at < end, place) for place, end in enumerate(ends)), else_=len(days))
    rows = session.execute(
        sa.select(number, way, sa.func.sum(amount))
        .where(which, at >= start_of_day(days[0]), at < ends[-1])
        .group_by(sa.text("1"), way)
        .order_by(sa.text("1"), way)
    )
    return {(int(place), str(method)): int(yen) for place, method, yen in rows if yen}
