"""What privileged people and the system did, in a hash chain per municipality: a changed entry breaks it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from core.database import Base, BigKey, UtcDateTime, insert_into

_FIRST = "0" * 64


class AuditEntry(Base):
    """One act. `number` has no gaps within a municipality; `digest` covers the entry and the one before."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        sa.UniqueConstraint("municipality_id", "number"),
        sa.Index("ix_audit_entry_municipality_id_subject", "municipality_id", "subject"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    municipality_id: Mapped[int]
    number: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(sa.String(64))
    act: Mapped[str] = mapped_column(sa.String(64))
    subject: Mapped[str] = mapped_column(sa.String(64))
    detail: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    digest: Mapped[str] = mapped_column(sa.String(64))


class AuditHead(Base):
    """The newest entry of a municipality; its row lock orders the writers."""

    __tablename__ = "audit_head"

    municipality_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    digest: Mapped[str] = mapped_column(sa.String(64))


def record(
    session: Session,
    *,
    municipality_id: int,
    actor: str,
    act: str,
    subject: str,
    detail: Mapping[str, Any],
    now: datetime,
) -> None:
    """Append an entry in the caller's transaction. `detail` holds no secret and no code."""
    head = _head_or_none(session, municipality_id)
    if head is None:
        # Two may be the first: one makes the row, the other waits for it here.
        first = insert_into(session, AuditHead).values(
            municipality_id=municipality_id, number=0, digest=_FIRST
        )
        session.execute(first.on_conflict_do_nothing())
        head = _head_or_none(session, municipality_id)
        assert head is not None
    entry = AuditEntry(
        municipality_id=municipality_id,
        number=head.number + 1,
        at=now,
        actor=actor,
        act=act,
        subject=subject,
        detail=dict(detail),
        digest="",
    )
    entry.digest = _digest(head.digest, entry)
    head.number, head.digest = entry.number, entry.digest
    session.add(entry)
    session.flush()


def acts_on(
    session: Session, *, municipality_id: int, subjects: Sequence[str], limit: int
) -> list[AuditEntry]:
    """What was done to these things, newest first."""
    return list(
        session.scalars(
            sa.select(AuditEntry)
            .where(AuditEntry.municipality_id == municipality_id, AuditEntry.subject.in_(subjects))
            .order_by(AuditEntry.number.desc())
            .limit(limit)
        )
    )


def first_broken(session: Session, municipality_id: int) -> int | None:
    """The number of the first entry that does not follow from those before, or None where the chain holds."""
    before, number = _FIRST, 0
    entries = session.scalars(
        sa.select(AuditEntry).where(AuditEntry.municipality_id == municipality_id).order_by(AuditEntry.number)
    )
    for entry in entries:
        number += 1
        if entry.number != number or entry.digest != _digest(before, entry):
            return number
        before = entry.digest
    head = session.get(AuditHead, municipality_id)
    if head is not None and (head.number, head.digest) != (number, before):
        return number + 1
    return None


def _head_or_none(session: Session, municipality_id: int) -> AuditHead | None:
    return session.scalar(
        sa.select(AuditHead)
        .where(AuditHead.municipality_id == municipality_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _digest(before: str, entry: AuditEntry) -> str:
    body = [
        before,
        entry.municipality_id,
        entry.number,
        entry.at.astimezone(UTC).isoformat(),
        entry.actor,
        entry.act,
        entry.subject,
        entry.detail,
    ]
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
