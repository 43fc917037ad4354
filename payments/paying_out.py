"""Money that goes back by hand: what did not come through Stripe is a case until it is paid out."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.errors import NotThere, Refused
from payments import cases, ledger
from payments.callbacks import Callbacks
from payments.case_models import Case
from payments.cases import About, CaseKind
from payments.due import locked
from payments.ledger import Account, Line
from payments.metrics import REFUNDS
from payments.models import Refund
from payments.states import Method, RefundState, require_refund_move

GOES_FROM = {Method.CASH: Account.CASH, Method.TRANSFER: Account.BANK}
"""How it can be paid out, and which account it leaves."""


class NeedsSecond(Refused):
    """Above the limit, whoever asked for it does not pay it out as well."""

    code = "needs_second"
    sentence = (
        "この金額の払戻しには、ほかの管理者の確認が要ります。申請した人とは別の人が払い出してください。"
    )


class DrawerShort(Refused):
    """There is less cash in the drawer than is to be paid out."""

    code = "drawer_short"
    sentence = "手元の現金より多い金額です。振込で払い戻すか、金額を確かめてください。"


@dataclass(frozen=True, slots=True)
class PayOut:
    """One sum to be paid out by hand."""

    refund_id: UUID
    reference: UUID
    amount_yen: int
    method: Method
    """How it had been paid."""
    cause: str
    owed_at: datetime
    asked_by: str | None
    """The account that asked for it; needed above the limit."""
    asked_how: Method | None


def open_case(session: Session, refund: Refund, *, now: datetime) -> None:
    """List a refund that nothing but a person can send."""
    about = About(
        subject=str(refund.id),
        reference=refund.reference,
        payment_id=refund.payment_id,
        refund_id=refund.id,
        amount_yen=refund.amount_yen,
        detail={"cause": refund.cause, "method": refund.method},
    )
    cases.open_case(
        session, municipality_id=refund.municipality_id, kind=CaseKind.PAY_OUT, about=about, now=now
    )


def waiting(session: Session, *, municipality_id: int, limit: int = 200) -> list[PayOut]:
    """What waits to be paid out, oldest first."""
    rows = session.execute(
        sa.select(Refund, Case.detail)
        .outerjoin(
            Case,
            sa.and_(Case.refund_id == Refund.id, Case.kind == CaseKind.PAY_OUT, Case.closed_at.is_(None)),
        )
        .where(
            Refund.municipality_id == municipality_id,
            Refund.method != Method.STRIPE,
            Refund.state != RefundState.SUCCEEDED,
        )
        .order_by(Refund.created_at, Refund.id)
        .limit(limit)
    )
    return [_line(refund, detail or {}) for refund, detail in rows]


def ask(
    session: Session, *, municipality_id: int, refund_id: UUID, how: Method, actor: UUID, now: datetime
) -> None:
    """Ask that a second person pays it out; asking again changes who asked.

    Raises:
        NotThere: nothing of the municipality waits to be paid out under this id.
    """
    refund = _due(session, municipality_id, refund_id)
    open_case(session, refund, now=now)
    case = _case(session, refund)
    case.detail = {**case.detail, "asked_by": str(actor), "asked_how": how.value}
    case.owner = str(actor)
    session.flush()
    _record(session, refund, "refund.ask_pay_out", actor, how, now=now)


def pay_out(
    session: Session,
    *,
    municipality_id: int,
    refund_id: UUID,
    how: Method,
    actor: UUID,
    alone_up_to_yen: int,
    callbacks: Callbacks,
    now: datetime,
) -> bool:
    """Write down that it was paid out; False: it was already, and nothing has changed.

    Raises:
        NotThere: no refund by hand of the municipality.
        NeedsSecond: above `alone_up_to_yen`, and nobody else has asked for it before.
        DrawerShort: cash that is not there.
    """
    refund = _by_hand(session, municipality_id, refund_id)
    if refund.state == RefundState.SUCCEEDED:
        return False
    open_case(session, refund, now=now)
    asked_by = _case(session, refund).detail.get("asked_by")
    require_second(refund.amount_yen, alone_up_to_yen, asked_by=asked_by, actor=actor)
    leaves = GOES_FROM[how]
    _record(session, refund, "refund.pay_out", actor, how, now=now)
    require_in_drawer(session, refund.amount_yen, how, municipality_id=municipality_id)
    require_refund_move(RefundState(refund.state), RefundState.SUCCEEDED)
    refund.state, refund.state_changed_at = RefundState.SUCCEEDED, now
    refund.next_due_at, refund.paid_out_by = None, str(actor)
    REFUNDS.labels(RefundState.SUCCEEDED).inc()
    session.flush()
    ledger.post(
        session,
        municipality_id=municipality_id,
        set_key=f"refund:{refund.id}:by_hand",
        lines=[
            Line(Account.REFUNDS_PAYABLE, refund.amount_yen, refund.reference),
            Line(leaves, -refund.amount_yen, refund.reference),
        ],
        payment_id=refund.payment_id,
        refund_id=refund.id,
        now=now,
    )
    callbacks.refund_changed(
        session,
        reference=refund.reference,
        refund_id=refund.id,
        state=RefundState.SUCCEEDED,
        amount_yen=refund.amount_yen,
        now=now,
    )
    opened = ((CaseKind.PAY_OUT, refund.id), (CaseKind.PAID_TWICE, refund.payment_id))
    for kind, subject in opened:
        cases.settle_case(
            session,
            municipality_id=municipality_id,
            kind=kind,
            subject=str(subject),
            note=f"paid out: {how}",
            now=now,
        )
    return True


def require_second(amount_yen: int, alone_up_to_yen: int, *, asked_by: str | None, actor: UUID) -> None:
    """Above the limit somebody else has asked for it.

    Raises:
        NeedsSecond: nobody has, or the actor.
    """
    if amount_yen > alone_up_to_yen and asked_by in (None, str(actor)):
        raise NeedsSecond


def require_in_drawer(session: Session, amount_yen: int, how: Method, *, municipality_id: int) -> None:
    """Cash is there. Ask after the audit entry: two people at one drawer are in line at its lock.

    Raises:
        DrawerShort: it is not.
    """
    if how is not Method.CASH:
        return
    if ledger.balances(session, municipality_id=municipality_id)[Account.CASH] < amount_yen:
        raise DrawerShort


def _by_hand(session: Session, municipality_id: int, refund_id: UUID) -> Refund:
    refund = locked(session, Refund, refund_id)
    if refund is None or refund.municipality_id != municipality_id or refund.method == Method.STRIPE:
        raise NotThere(f"refund {refund_id}")
    return refund


def _due(session: Session, municipality_id: int, refund_id: UUID) -> Refund:
    refund = _by_hand(session, municipality_id, refund_id)
    if refund.state == RefundState.SUCCEEDED:
        raise NotThere(f"refund {refund_id}")
    return refund


def _case(session: Session, refund: Refund) -> Case:
    return session.scalars(
        sa.select(Case).where(
            Case.municipality_id == refund.municipality_id,
            Case.kind == CaseKind.PAY_OUT,
            Case.subject == str(refund.id),
            Case.closed_at.is_(None),
        )
    ).one()


def _record(session: Session, refund: Refund, act: str, actor: UUID, how: Method, *, now: datetime) -> None:
    audit.record(
        session,
        municipality_id=refund.municipality_id,
        actor=str(actor),
        act=act,
        subject=str(refund.id),
        detail={"amount_yen": refund.amount_yen, "how": how.value, "reference": str(refund.reference)},
        now=now,
    )


def _line(refund: Refund, detail: dict[str, str]) -> PayOut:
    how = detail.get("asked_how")
    return PayOut(
        refund_id=refund.id,
        reference=refund.reference,
        amount_yen=refund.amount_yen,
        method=Method(refund.method),
        cause=refund.cause,
        owed_at=refund.created_at,
        asked_by=detail.get("asked_by"),
        asked_how=Method(how) if how else None,
    )
