"""What is true of a holder's codes, and said on screens: never more than a lock has confirmed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from core.secrets import Keyring
from core.window import granule_start
from locks.codes import code_of
from locks.keys import code_root_of, subkey
from locks.margins import late_s, opens_from, opens_until
from locks.models import (
    SERVING,
    AccessPoint,
    AccessPointKind,
    CodeGroup,
    Grant,
    Lock,
    LockOffer,
    LockState,
    Transport,
)
from locks.sellable import LOST_AFTER, is_derivable
from locks.vendors.models import PinState, VendorPin


class Standing(StrEnum):
    """Where a code stands."""

    GONE = "gone"
    """Withdrawn and refused everywhere, or its window is over."""
    REVOCATION_PENDING = "revocation_pending"
    """Withdrawn, but a lock that has not spoken since may still open for it."""
    ON_THE_LOCK = "on_the_lock"
    """The lock has confirmed a version that lists it."""
    DERIVABLE = "derivable"
    """Works: the lock knows the start as sellable and will check the code by itself."""
    PENDING = "pending"
    """Waits for the lock's next contact: beyond its horizon, or not yet listed."""
    CALL_US = "call_us"
    """The lock is lost or there is none: a person has to open."""


_WORST_LAST = list(Standing)
_LEAVING = aliased(Lock)


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A code as its owner sees it; its text form hides the digits."""

    access_point_id: int
    access_point_name: str
    kind: AccessPointKind
    code: str = field(repr=False)
    opens_from: datetime
    opens_until: datetime
    standing: Standing
    last_contact_at: datetime | None


def codes_of(session: Session, keyring: Keyring, *, holder: UUID, now: datetime) -> list[ShownCode]:
    """The holder's codes that are not withdrawn, by start and access point. Who may see them when is
    booking's rule.
    """
    shown = []
    for row in session.execute(_grants_of([holder]).where(Grant.withdrawn_at.is_(None))):
        grant, group = row.Grant, row.CodeGroup
        epoch = group.code_epoch if row.confirmed_code_epoch is None else row.confirmed_code_epoch
        code_root = code_root_of(
            keyring,
            code_group_id=group.id,
            of_group=group.wrapped_code_root,
            lock_id=row.present_lock,
            of_lock=row.kept_code_root,
        )
        shown.append(
            ShownCode(
                access_point_id=grant.access_point_id,
                access_point_name=row.name,
                kind=AccessPointKind(row.kind),
                code=code_of(
                    subkey(code_root, "code", epoch), grant.granule, grant.length, grant.lane, grant.rev
                ),
                opens_from=opens_from(grant.granule),
                opens_until=opens_until(grant.granule, grant.length),
                standing=_standing(row, now),
                last_contact_at=row.last_contact_at,
            )
        )
    return shown


@dataclass(frozen=True, slots=True)
class DoorStanding:
    """Where a holder's code stands at one access point, and since when we know."""

    access_point_id: int
    access_point_name: str
    kind: AccessPointKind
    standing: Standing
    opens_from: datetime
    opens_until: datetime
    last_contact_at: datetime | None
    """Of the lock that is on the access point now; None: there is none, or it has never spoken."""


def standings_by_access_point(session: Session, *, holder: UUID, now: datetime) -> list[DoorStanding]:
    """One line for each access point of a holder, in the order in which they were made; no digits."""
    return standings_of_doors(session, holders=[holder], now=now).get(holder, [])


def standings_of_doors(
    session: Session, *, holders: Sequence[UUID], now: datetime
) -> dict[UUID, list[DoorStanding]]:
    """The same of many holders, in one statement. A holder without codes is absent.

    Where a holder has several grants at an access point the worst speaks for it; live ones hide withdrawn
    ones.
    """
    if not holders:
        return {}
    found: dict[UUID, dict[int, list[Any]]] = {}
    for row in session.execute(_grants_of(holders)):
        found.setdefault(row.Grant.holder, {}).setdefault(row.Grant.access_point_id, []).append(row)
    return {
        holder: [_door_standing(points[id_], now) for id_ in sorted(points)]
        for holder, points in found.items()
    }


def standings_of(session: Session, *, holders: Sequence[UUID], now: datetime) -> dict[UUID, Standing]:
    """The worst standing among each holder's access points. A holder without codes is absent."""
    found = standings_of_doors(session, holders=holders, now=now)
    return {holder: worst(door.standing for door in doors) for holder, doors in found.items()}


def worst(standings: Iterable[Standing]) -> Standing:
    """The one that speaks for all: what a holder has to reckon with."""
    return max(standings, key=_WORST_LAST.index)


def _door_standing(rows: Sequence[Any], now: datetime) -> DoorStanding:
    live = [row for row in rows if row.Grant.withdrawn_at is None]
    counted = live or rows
    first, last = counted[0], counted[-1]
    return DoorStanding(
        access_point_id=first.Grant.access_point_id,
        access_point_name=first.name,
        kind=AccessPointKind(first.kind),
        standing=worst(_standing(row, now) for row in counted),
        opens_from=opens_from(first.Grant.granule),
        opens_until=opens_until(last.Grant.granule, last.Grant.length),
        last_contact_at=first.last_contact_at,
    )


def _grants_of(holders: Sequence[UUID]) -> Any:
    return (
        sa.select(
            Grant,
            CodeGroup,
            AccessPoint.name,
            AccessPoint.kind,
            Lock.id.label("present_lock"),
            Lock.wrapped_code_root.label("kept_code_root"),
            Lock.applied_version,
            Lock.applied_grants_until,
            Lock.confirmed_code_epoch,
            Lock.last_contact_at,
            Lock.transport,
            LockOffer.starts,
            LockOffer.floors,
            VendorPin.state.label("pin_state"),
            _LEAVING.id.label("leaving_lock"),
        )
        .join(AccessPoint, AccessPoint.id == Grant.access_point_id)
        .join(CodeGroup, CodeGroup.id == Grant.code_group_id)
        .outerjoin(Lock, sa.and_(Lock.access_point_id == AccessPoint.id, Lock.state.in_(SERVING)))
        .outerjoin(
            _LEAVING,
            sa.and_(
                _LEAVING.access_point_id == AccessPoint.id,
                _LEAVING.state == LockState.RETIRING,
                _LEAVING.applied_version > 0,
            ),
        )
        .outerjoin(LockOffer, LockOffer.lock_id == Lock.id)
        .outerjoin(VendorPin, sa.and_(VendorPin.grant_id == Grant.id, VendorPin.lock_id == Lock.id))
        .where(Grant.holder.in_(holders))
        .order_by(Grant.granule, Grant.access_point_id)
    )


def _standing(row: Any, now: datetime) -> Standing:
    grant: Grant = row.Grant
    late = timedelta(seconds=late_s(row.kind))
    if now > granule_start(grant.granule + grant.length) + late:
        return Standing.GONE
    if row.transport == Transport.VENDOR:
        return _vendor_standing(row, now)
    counts = row.present_lock is not None and row.present_lock == grant.lock_id
    if grant.withdrawn_at is not None:
        told = grant.withdrawn_version is not None and row.applied_version is not None
        is_open = counts and told and row.applied_version < grant.withdrawn_version
        # A lock on its way off the door opens for what it held until it has proved that it is empty.
        is_open = is_open or row.leaving_lock is not None
        return Standing.REVOCATION_PENDING if is_open else Standing.GONE
    if not counts:
        return Standing.CALL_US
    if row.applied_version >= grant.granted_version and grant.granule < row.applied_grants_until:
        return Standing.ON_THE_LOCK
    if is_derivable(
        row.starts or {},
        row.floors or {},
        granule=grant.granule,
        length=grant.length,
        lane=grant.lane,
        rev=grant.rev,
    ):
        return Standing.DERIVABLE
    is_lost = row.last_contact_at is None or now - row.last_contact_at > LOST_AFTER
    return Standing.CALL_US if is_lost else Standing.PENDING


def _vendor_standing(row: Any, now: datetime) -> Standing:
    """Of a plain PIN: what the vendor says of it."""
    if row.Grant.withdrawn_at is not None:
        is_over = row.pin_state in (None, PinState.GONE)
        return Standing.GONE if is_over else Standing.REVOCATION_PENDING
    if row.pin_state == PinState.ON_THE_LOCK:
        return Standing.ON_THE_LOCK
    is_lost = row.last_contact_at is None or now - row.last_contact_at > LOST_AFTER
    # Nobody waits at a door for a heartbeat that may be hours away.
    return Standing.CALL_US if is_lost or now >= opens_from(row.Grant.granule) else Standing.PENDING
