"""Everything that people may know of one lock, on one page: no secret is among it."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import NotThere
from locks import commands
from locks.commands import CommandLine
from locks.commissioning import Check, checklist, placed_since
from locks.models import AccessPoint, AccessPointKind, CodeGroup, Lock, LockState, Transport


@dataclass(frozen=True, slots=True)
class Portrait:
    """One lock, dead or alive; `None` where it has not said anything yet."""

    lock_id: str
    municipality_id: int
    access_point_id: int
    access_point_name: str
    access_point_kind: AccessPointKind
    state: LockState
    transport: Transport
    added_at: datetime
    placed_since: datetime
    commissioned_at: datetime | None
    dead_at: datetime | None
    dead_why: str | None
    checks: tuple[Check, ...]
    desired_version: int
    published_version: int
    applied_version: int
    applied_at: datetime | None
    last_contact_at: datetime | None
    next_sync_at: datetime | None
    clock_quality: str | None
    battery_mv: int | None
    temperature_c: int | None
    rssi_dbm: int | None
    hardware: str | None
    firmware: str | None
    bolt: str | None
    door: str | None
    key_state: str | None
    operating_mode: str | None
    mac_epoch: int
    next_mac_epoch: int | None
    code_group_id: int
    code_epoch: int
    confirmed_code_epoch: int | None
    must_be_provisioned_anew: bool
    """A lock that opens by the same code was stolen."""
    opens_with: tuple[str, ...]
    """The other access points of its code group, by name."""
    commands: tuple[CommandLine, ...]
    """Newest first."""


def portrait_of(session: Session, *, municipality_id: int, lock_id: str) -> Portrait:
    """One lock of a municipality.

    Raises:
        NotThere: it has none of that id.
    """
    row = session.execute(
        sa.select(Lock, AccessPoint, CodeGroup)
        .join(AccessPoint, AccessPoint.id == Lock.access_point_id)
        .join(CodeGroup, CodeGroup.id == AccessPoint.code_group_id)
        .where(Lock.id == lock_id, Lock.municipality_id == municipality_id)
    ).one_or_none()
    if row is None:
        raise NotThere(f"lock {lock_id}")
    lock, point, group = row
    return Portrait(
        lock_id=lock.id,
        municipality_id=lock.municipality_id,
        access_point_id=point.id,
        access_point_name=point.name,
        access_point_kind=AccessPointKind(point.kind),
        state=LockState(lock.state),
        transport=Transport(lock.transport),
        placed_since=placed_since(lock),
        checks=checklist(session, lock),
        code_group_id=group.id,
        code_epoch=group.code_epoch,
        must_be_provisioned_anew=lock.wrapped_code_root is not None and lock.state != LockState.DEAD,
        opens_with=_others(session, point),
        commands=tuple(commands.of_lock(session, lock.id)),
        **{name: getattr(lock, name) for name in _AS_THEY_ARE},
    )


def living_at(session: Session, *, municipality_id: int, access_point_name: str) -> str | None:
    """The id of the lock that is not dead on the access point of that name; None where there is none."""
    return session.scalar(
        sa.select(Lock.id)
        .join(AccessPoint, AccessPoint.id == Lock.access_point_id)
        .where(
            AccessPoint.municipality_id == municipality_id,
            AccessPoint.name == access_point_name,
            Lock.state != LockState.DEAD,
        )
        .order_by(AccessPoint.id)
        .limit(1)
    )


def _others(session: Session, point: AccessPoint) -> tuple[str, ...]:
    return tuple(
        session.scalars(
            sa.select(AccessPoint.name)
            .where(AccessPoint.code_group_id == point.code_group_id, AccessPoint.id != point.id)
            .order_by(AccessPoint.name, AccessPoint.id)
        )
    )


_AS_THEY_ARE = (
    *("added_at", "commissioned_at", "dead_at", "dead_why"),
    *("desired_version", "published_version", "applied_version", "applied_at"),
    *("last_contact_at", "next_sync_at", "clock_quality", "battery_mv", "temperature_c", "rssi_dbm"),
    *("hardware", "firmware", "bolt", "door", "key_state", "operating_mode"),
    *("mac_epoch", "next_mac_epoch", "confirmed_code_epoch"),
)
