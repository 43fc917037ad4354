"""The nightly audit: every invariant of money, over all rows, and a case for whatever does not hold.

The checks of `payments` come first, then those that need the reservations. Another check is another line in
`CHECKS`. A finding is a case as long as it is found; the case closes by itself once it no longer is.

Source: reliability.md 4 (S2 to S6, S15, S23), F15.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from prometheus_client import Gauge
from sqlalchemy.orm import Session

from booking.money_desk.waived import waived_is_as_sold
from booking.papers import register
from booking.refunding.batch_queries import given
from booking.refunding.policy import Cause, quote_back
from booking.reservations.models import Reservation, State
from booking.reservations.states import OPEN
from core import audit
from core.clock import Clock, civil_day, start_of_day
from core.database import Database, retrying
from payments import invariants
from payments.book_models import AuditNight
from payments.cases import About, CaseKind, open_case, settle_others
from payments.comparing import snapshot
from payments.invariants import Check, Checked, Finding, count
from payments.invoice_models import Charge, Invoice
from payments.invoices import CARRIED
from payments.models import Payment, PaymentItem, Refund
from payments.states import PaymentState

_AT = timedelta(hours=3)
_NIGHT = "night:"
"""Begins the subject of each case of ours; other cases of the books are other people's."""
_CASES_A_CHECK = 20
"""Beyond it one case says how many there are."""
_HAS_THE_SLOT = (State.CONFIRMED, State.USED, State.NO_SHOW)

log = structlog.get_logger()
_findings = Gauge("kaiho_audit_findings", "Broken invariants the last nightly audit found", ["check"])


@dataclass(frozen=True, slots=True)
class Findings:
    """A night's answers, check by check, in order."""

    begun_at: datetime
    checks: Mapping[str, Checked]

    @property
    def total(self) -> int:
        """How many findings."""
        return sum(len(one.findings) for one in self.checks.values())


def audit_night(session: Session, *, municipality_id: int, now: datetime) -> Findings:
    """Ask every check; reads only. Give it one snapshot, else a change between two statements looks odd."""
    return Findings(now, {name: check(session, municipality_id, now) for name, check in CHECKS.items()})


def run_night(database: Database, clock: Clock, *, municipality_id: int) -> Findings:
    """Audit, and write down what was found."""
    begun_at = clock.now()
    with database.reading() as session:
        snapshot(session)
        found = audit_night(session, municipality_id=municipality_id, now=begun_at)

    def write() -> None:
        with database.transaction() as session:
            keep(session, found, municipality_id=municipality_id, now=clock.now())

    retrying(write)
    for name, checked in found.checks.items():
        _findings.labels(name).set(len(checked.findings))
    log.info("nightly_audit_ended", findings=found.total)
    return found


def is_due(session: Session, *, municipality_id: int, now: datetime) -> bool:
    """Whether no audit has begun since the last time that it was three o'clock at night in Tokyo."""
    day = civil_day(now - _AT)
    last = session.scalar(
        sa.select(sa.func.max(AuditNight.begun_at, type_=AuditNight.begun_at.type)).where(
            AuditNight.municipality_id == municipality_id
        )
    )
    return last is None or last < start_of_day(day) + _AT


def keep(session: Session, found: Findings, *, municipality_id: int, now: datetime) -> None:
    """The night's row; a case for each finding, none for what is found no more."""
    session.add(
        AuditNight(
            municipality_id=municipality_id,
            begun_at=found.begun_at,
            ended_at=now,
            checks={
                name: {
                    "looked_at": one.looked_at,
                    "findings": len(one.findings),
                    "first": [finding.subject for finding in one.findings[:_CASES_A_CHECK]],
                }
                for name, one in found.checks.items()
            },
        )
    )
    session.flush()
    still: set[str] = set()
    for name, checked in found.checks.items():
        for about in _abouts(name, checked.findings):
            still.add(about.subject)
            open_case(session, municipality_id=municipality_id, kind=CaseKind.BOOKS, about=about, now=now)
        still.update(_subject(name, finding) for finding in checked.findings)
    settle_others(
        session,
        municipality_id=municipality_id,
        kind=CaseKind.BOOKS,
        still=still,
        starting_with=_NIGHT,
        note="監査で見つからなくなりました。",
        now=now,
    )


def _subject(check: str, finding: Finding) -> str:
    return f"{_NIGHT}{check}:{finding.subject}"[:255]


def _abouts(check: str, findings: Sequence[Finding]) -> list[About]:
    abouts = [
        About(
            _subject(check, one),
            reference=one.reference,
            payment_id=one.payment_id,
            refund_id=one.refund_id,
            amount_yen=one.yen,
            detail={"check": check},
        )
        for one in findings[:_CASES_A_CHECK]
    ]
    if len(findings) > _CASES_A_CHECK:
        abouts.append(About(f"{_NIGHT}{check}", detail={"check": check, "findings": len(findings)}))
    return abouts


def money_has_its_slot(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S2, S3: who has a slot has paid exactly its fee, less what staff or the locks' word gave back; who has
    none has been owed back what is not earned.

    What a group loses by its own cancelling is earned, by the policy as sold and the instant it cancelled at.
    """
    moved, back = _moved(municipality_id), given(municipality_id)
    net, less = sa.func.coalesce(moved.c.yen, 0), sa.func.coalesce(back.c.yen, 0)
    # A relief that comes after it may leave less of the fee than was given back already.
    fee = sa.case((Reservation.amount_yen > less, Reservation.amount_yen - less), else_=0)
    rows = session.execute(
        sa.select(Reservation, net, fee)
        .outerjoin(moved, moved.c.reference == Reservation.id)
        .outerjoin(back, back.c.reference == Reservation.id)
        .where(
            Reservation.municipality_id == municipality_id,
            sa.or_(
                sa.and_(Reservation.state.in_(_HAS_THE_SLOT), net != fee),
                sa.and_(Reservation.state.not_in(_HAS_THE_SLOT), net != 0),
            ),
        )
        .order_by(Reservation.id)
    )
    found = []
    for reservation, yen, due in rows:
        off = int(yen) - (int(due) if reservation.state in _HAS_THE_SLOT else _earned(reservation, int(yen)))
        if off:
            found.append(Finding(str(reservation.id), off, reference=reservation.id))
    return Checked(count(session, Reservation, municipality_id), found)


def money_has_an_owner(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S2: what was captured, charged or owed back is of a reservation or an invoice that there is."""
    moved = _moved(municipality_id)
    rows = session.execute(
        sa.select(moved.c.reference, moved.c.yen)
        .outerjoin(Reservation, Reservation.id == moved.c.reference)
        .outerjoin(Invoice, Invoice.id == moved.c.reference)
        .where(Reservation.id.is_(None), Invoice.id.is_(None))
        .order_by(moved.c.reference)
    )
    found = [Finding(str(reference), int(yen), reference=reference) for reference, yen in rows]
    return Checked(count(session, Payment, municipality_id), found)


def reservations_are_due(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S23: what is not final has a next due time, and only that."""
    rows = session.scalars(
        sa.select(Reservation.id)
        .where(
            Reservation.municipality_id == municipality_id,
            Reservation.state.in_(OPEN) == Reservation.next_due_at.is_(None),
        )
        .order_by(Reservation.id)
    )
    found = [Finding(str(key), reference=key) for key in rows]
    return Checked(count(session, Reservation, municipality_id), found)


def papers_have_no_gap(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """Permits, receipts, notices and invoices are numbered without a gap."""
    series = register.series(session, municipality_id=municipality_id)
    found = [Finding(f"{one.kind}:{one.fiscal_year or ''}") for one in series if one.missing]
    return Checked(sum(one.last_number for one in series), found)


def audit_chain_holds(session: Session, municipality_id: int, _now: datetime) -> Checked:
    """S15: no entry of the audit trail was changed, removed or slipped in."""
    broken = audit.first_broken(session, municipality_id)
    return Checked(
        count(session, audit.AuditEntry, municipality_id),
        [] if broken is None else [Finding(str(broken))],
    )


CHECKS: dict[str, Check] = {
    **invariants.CHECKS,
    "money_has_its_slot": money_has_its_slot,
    "money_has_an_owner": money_has_an_owner,
    "waived_is_as_sold": waived_is_as_sold,
    "reservations_are_due": reservations_are_due,
    "papers_have_no_gap": papers_have_no_gap,
    "audit_chain_holds": audit_chain_holds,
}
WORDS: dict[str, str] = {
    "sets_sum_to_zero": "仕訳の借方と貸方が一致",
    "closed_months_stay": "締めた月の仕訳が締めた時のまま",
    "captures_are_booked": "入金がすべて帳簿にある",
    "items_make_the_payment": "入金額と請求額、明細の合計が一致",
    "one_standing_capture": "一つの予約に有効な入金は一つ",
    "refunds_within_captures": "還付額が入金額を超えない",
    "causes_refund_once": "一つの理由で還付は一度",
    "refunds_are_booked": "未払還付金が還付の記録と一致",
    "wrong_money_is_owed": "預り金が金額違いの入金と一致",
    "disputed_money_is_listed": "係争中が異議申立ての記録と一致",
    "lost_disputes_are_losses": "異議申立て損失が申立ての記録と一致",
    "receivables_are_charges": "後納未収金が後納の記録と一致",
    "invoices_are_their_charges": "請求額が明細の合計と一致",
    "cash_is_never_below_zero": "現金の残高が負でない",
    "slips_have_no_gap": "納付書番号に欠番がない",
    "settled_lately": "Stripeとの照合が一日以内に済んでいる",
    "money_has_its_slot": "支払と予約が一致",
    "money_has_an_owner": "すべての入金に予約か請求がある",
    "waived_is_as_sold": "減免額が予約の料金の明細と一致",
    "reservations_are_due": "進行中の予約に次の期限がある",
    "papers_have_no_gap": "書類の番号に欠番がない",
    "audit_chain_holds": "操作記録が改ざんされていない",
}
"""What each check says where it holds; for the screens."""


def _moved(municipality_id: int) -> sa.Subquery:
    """Per reference: captured plus charged, less owed back and let off."""
    captured = (
        sa.select(PaymentItem.reference, PaymentItem.amount_yen.label("yen"))
        .join(Payment, Payment.id == PaymentItem.payment_id)
        .where(Payment.municipality_id == municipality_id, Payment.state == PaymentState.SETTLED)
    )
    charged = sa.select(Charge.reference, Charge.amount_yen).where(
        Charge.municipality_id == municipality_id, Charge.cause != CARRIED
    )
    back = (
        sa.select(Refund.reference, -Refund.amount_yen)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Refund.municipality_id == municipality_id, Payment.state == PaymentState.SETTLED)
    )
    every = sa.union_all(captured, charged, back).subquery()
    return (
        sa.select(every.c.reference, sa.func.sum(every.c.yen).label("yen"))
        .group_by(every.c.reference)
        .subquery()
    )


def _earned(reservation: Reservation, kept_yen: int) -> int:
    """How much of what was kept of a reservation without a slot may be kept: at most what its policy says.

    More may have gone back than the policy gives (an alert, a lock that told nobody came in), never less.
    """
    if reservation.state != State.CANCELLED or reservation.permit_number is None or kept_yen < 0:
        return 0
    quote = quote_back(
        reservation.policy,
        reservation.amount_yen,
        reservation.starts_at,
        reservation.state_changed_at,
        cause=Cause.OWN,
    )
    return min(kept_yen, quote.lost_yen)
