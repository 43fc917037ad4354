"""還付の一括: sums that staff decide to give back; above the limit a second person has to agree.

What one person gives alone within a day counts together, so that a large sum is not given in small ones; to
a group of one's own nothing is given alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.notices import mail
from booking.people.models import Account
from booking.people.signed_in import Actor
from booking.places.models import Municipality
from booking.refunding.models import RefundBatch, RefundBatchItem
from booking.reservations.models import Reservation
from booking.reservations.queries import locked
from core import audit
from core.database import insert_into
from core.errors import BadInput, NotThere, Refused
from core.ids import new_id
from payments import refunds
from payments.cases import About, CaseKind, open_case, settle_case

MAX_REASON = 200
MAX_LINES = 200
_COUNTED_FOR = timedelta(days=1)


class BatchState(StrEnum):
    """How far a batch is."""

    WAITING = "waiting"
    """For a second person."""
    APPROVED = "approved"
    REJECTED = "rejected"


class SamePerson(Refused):
    """Who made it does not decide; the table's `four_eyes` holds it too."""

    code = "same_person"
    sentence = "作成した人は承認も却下もできません。ほかの管理者に依頼してください。"


class DecidedAlready(Refused):
    """Somebody was quicker."""

    code = "decided_already"
    sentence = "この還付は、すでに処理されています。"


@dataclass(frozen=True, slots=True)
class TooMuch:
    """A line that asks for more than there is."""

    reservation_id: UUID
    wanted_yen: int
    left_yen: int


class MoreThanPaid(Refused):
    """More would go back than was paid and is not owed back yet."""

    code = "more_than_paid"
    sentence = "返せる金額を超えた予約があります。金額を確かめてください。"

    def __init__(self, lines: tuple[TooMuch, ...]) -> None:
        super().__init__(f"{len(lines)} lines")
        self.lines = lines


def make(
    session: Session,
    *,
    actor: Actor,
    request_key: str,
    reason: str,
    amounts: Mapping[UUID, int],
    now: datetime,
) -> RefundBatch:
    """Give back a sum for each reservation: owed at once, or once a second person agrees where the maker's
    sums of a day are above the municipality's limit. The same `request_key` again is the same batch.

    Raises:
        NotThere: a reservation that is not the municipality's, or the actor is no manager.
        BadInput: no reason, no line, too many, a sum that is not above zero.
        MoreThanPaid: more than is there.
    """
    _require_manager(actor)
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON or not reason.isprintable():
        raise BadInput("reason", sentence=f"理由を1行、{MAX_REASON}字までで入力してください。")
    if not 0 < len(amounts) <= MAX_LINES or min(amounts.values()) <= 0:
        raise BadInput(
            "amounts", sentence=f"予約を選び、1円以上の金額を入れてください（{MAX_LINES}件まで）。"
        )
    total = sum(amounts.values())
    # Two batches of one person at once are in line here, and both are counted.
    session.scalar(
        sa.select(Account.id).where(Account.id == actor.account_id).with_for_update(key_share=True)
    )
    is_for_two = needs_second(session, actor, amounts, now=now)
    row: dict[str, Any] = {
        "id": new_id(now),
        "municipality_id": actor.municipality_id,
        "request_key": request_key,
        "reason": reason,
        "state": BatchState.WAITING,
        "needs_second": is_for_two,
        "total_yen": total,
        "made_at": now,
        "made_by": actor.account_id,
    }
    statement = insert_into(session, RefundBatch).values(row).on_conflict_do_nothing()
    made = session.scalar(statement.returning(RefundBatch.id))
    batch = session.scalars(
        sa.select(RefundBatch).where(
            RefundBatch.municipality_id == actor.municipality_id, RefundBatch.request_key == request_key
        )
    ).one()
    if made is None:
        return batch
    _require_there(session, actor.municipality_id, amounts)
    session.add_all(
        RefundBatchItem(batch_id=batch.id, reservation_id=id_, amount_yen=amounts[id_])
        for id_ in sorted(amounts)
    )
    session.flush()
    detail = {"lines": len(amounts), "total_yen": total, "needs_second": is_for_two, "reason": reason}
    _record(session, batch, actor, "refund_batch.make", detail, now=now)
    if not is_for_two:
        _give(session, batch, actor, now=now)
        return batch
    open_case(
        session,
        municipality_id=batch.municipality_id,
        kind=CaseKind.SECOND_PERSON,
        about=About(str(batch.id), amount_yen=total, detail={"lines": len(amounts)}),
        now=now,
    )
    return batch


def approve(session: Session, *, actor: Actor, batch_id: UUID, now: datetime) -> RefundBatch:
    """Agree as the second person: every sum is owed from now on. The same yes twice is one.

    Raises:
        NotThere: no such batch of the municipality, or the actor is no manager.
        SamePerson: the actor made it.
        DecidedAlready: somebody else decided.
        MoreThanPaid: meanwhile there is less than a line asks for; nothing was given.
    """
    batch = _held(session, actor, batch_id)
    if batch.state == BatchState.APPROVED and batch.decided_by == actor.account_id:
        return batch
    _require_second(batch, actor)
    _give(session, batch, actor, now=now)
    _settle_case(session, batch, "承認", now=now)
    _record(session, batch, actor, "refund_batch.approve", {"total_yen": batch.total_yen}, now=now)
    return batch


def reject(session: Session, *, actor: Actor, batch_id: UUID, reason: str, now: datetime) -> RefundBatch:
    """Say no as the second person, for a reason; nothing is given. The same no twice is one.

    Raises:
        NotThere, SamePerson, DecidedAlready: as `approve`.
        BadInput: no reason.
    """
    batch = _held(session, actor, batch_id)
    if batch.state == BatchState.REJECTED and batch.decided_by == actor.account_id:
        return batch
    _require_second(batch, actor)
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON or not reason.isprintable():
        raise BadInput("reason", sentence=f"却下の理由を1行、{MAX_REASON}字までで入力してください。")
    batch.state, batch.decided_at, batch.decided_by = BatchState.REJECTED, now, actor.account_id
    session.flush()
    _settle_case(session, batch, "却下", now=now)
    _record(session, batch, actor, "refund_batch.reject", {"reason": reason}, now=now)
    return batch


def too_much(session: Session, amounts: Mapping[UUID, int]) -> tuple[TooMuch, ...]:
    """The lines that ask for more than was paid and is not owed back yet, by reservation."""
    left = refunds.left_of(session, references=sorted(amounts))
    return tuple(TooMuch(id_, amounts[id_], left[id_]) for id_ in sorted(amounts) if amounts[id_] > left[id_])


def _give(session: Session, batch: RefundBatch, actor: Actor, *, now: datetime) -> None:
    """Owe every line. The reservations are locked first, so that nothing else gives the same yen."""
    amounts = _amounts(session, batch)
    reservations = {id_: _there(session, batch.municipality_id, id_) for id_ in sorted(amounts)}
    over = too_much(session, amounts)
    if over:
        raise MoreThanPaid(over)
    batch.state, batch.decided_at, batch.decided_by = BatchState.APPROVED, now, actor.account_id
    session.flush()
    for id_, reservation in reservations.items():
        refunds.owe(session, reference=id_, amount_yen=amounts[id_], cause=f"batch:{batch.id}", now=now)
        mail.tell(
            session,
            reservation,
            "given_back",
            refund_yen=amounts[id_],
            reason=batch.reason,
            cause=str(batch.id),
            now=now,
        )


def needs_second(session: Session, actor: Actor, amounts: Mapping[UUID, int], *, now: datetime) -> bool:
    """Whether a second person has to agree: above the limit with what the actor gave alone within a day, or
    for a group of the actor's own.
    """
    alone = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(RefundBatch.total_yen), 0)).where(
            RefundBatch.municipality_id == actor.municipality_id,
            RefundBatch.made_by == actor.account_id,
            RefundBatch.state == BatchState.APPROVED,
            RefundBatch.needs_second.is_(False),
            RefundBatch.made_at > now - _COUNTED_FOR,
        )
    )
    limit = session.scalars(
        sa.select(Municipality.refund_alone_up_to_yen).where(Municipality.id == actor.municipality_id)
    ).one()
    return int(alone or 0) + sum(amounts.values()) > limit or _is_own(session, actor, amounts)


def _is_own(session: Session, actor: Actor, amounts: Mapping[UUID, int]) -> bool:
    """Whether it gives anything to a group of the maker's: that is never decided alone."""
    own = [group.id for group in actor.groups]
    found = sa.select(Reservation.id).where(
        Reservation.id.in_(sorted(amounts)), Reservation.group_id.in_(own)
    )
    return bool(own) and session.scalar(found.limit(1)) is not None


def _require_second(batch: RefundBatch, actor: Actor) -> None:
    if batch.state != BatchState.WAITING:
        raise DecidedAlready
    if batch.made_by == actor.account_id:
        raise SamePerson


def _settle_case(session: Session, batch: RefundBatch, note: str, *, now: datetime) -> None:
    settle_case(
        session,
        municipality_id=batch.municipality_id,
        kind=CaseKind.SECOND_PERSON,
        subject=str(batch.id),
        note=note,
        now=now,
    )


def _require_there(session: Session, municipality_id: int, amounts: Mapping[UUID, int]) -> None:
    found = session.scalar(
        sa.select(sa.func.count())
        .select_from(Reservation)
        .where(Reservation.id.in_(sorted(amounts)), Reservation.municipality_id == municipality_id)
    )
    if found != len(amounts):
        raise NotThere("reservation")
    over = too_much(session, amounts)
    if over:
        raise MoreThanPaid(over)


def _there(session: Session, municipality_id: int, reservation_id: UUID) -> Reservation:
    found = locked(session, reservation_id)
    if found is None or found.municipality_id != municipality_id:
        raise NotThere(f"reservation {reservation_id}")
    return found


def _amounts(session: Session, batch: RefundBatch) -> dict[UUID, int]:
    rows = session.execute(
        sa.select(RefundBatchItem.reservation_id, RefundBatchItem.amount_yen)
        .where(RefundBatchItem.batch_id == batch.id)
        .order_by(RefundBatchItem.reservation_id)
    )
    return {row.reservation_id: row.amount_yen for row in rows}


def _held(session: Session, actor: Actor, batch_id: UUID) -> RefundBatch:
    _require_manager(actor)
    batch = session.scalar(
        sa.select(RefundBatch)
        .where(RefundBatch.id == batch_id, RefundBatch.municipality_id == actor.municipality_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if batch is None:
        raise NotThere(f"batch {batch_id}")
    return batch


def _require_manager(actor: Actor) -> None:
    if not actor.is_manager:
        raise NotThere("refund batches")


def _record(
    session: Session,
    batch: RefundBatch,
    actor: Actor,
    act: str,
    detail: Mapping[str, object],
    *,
    now: datetime,
) -> None:
    audit.record(
        session,
        municipality_id=batch.municipality_id,
        actor=str(actor.account_id),
        act=act,
        subject=str(batch.id),
        detail=detail,
        now=now,
    )
