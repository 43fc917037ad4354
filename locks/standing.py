"""What is true of a holder's codes, and said on screens: never more than a lock has confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.secrets import Keyring
from core.window import granule_start
from locks.codes import code_of
from locks.keys import code_root_of, subkey
from locks.margins import late_s, opens_from, opens_until
from locks.models import SERVING, AccessPoint, CodeGroup, Grant, Lock, LockOffer, Transport
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


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A code as its owner sees it; its text form hides the digits."""

    access_point_id: int
    access_point_name: str
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


def standings_of(session: Session, *, holders: Sequence[UUID], now: datetime) -> dict[UUID, Standing]:
    """The worst standing among each holder's codes; live ones hide withdrawn ones. A holder without codes
    is absent.
    """
    if not holders:
        return {}
    found: dict[UUID, dict[bool, list[Standing]]] = {}
    for row in session.execute(_grants_of(holders)):
        is_live = row.Grant.withdrawn_at is None
        found.setdefault(row.Grant.holder, {}).setdefault(is_live, []).append(_standing(row, now))
    return {
        holder: max(by_life.get(True) or by_life[False], key=_WORST_LAST.index)
        for holder, by_life in found.items()
    }


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
        )
        .join(AccessPoint, AccessPoint.id == Grant.access_point_id)
        .join(CodeGroup, CodeGroup.id == Grant.code_group_id)
        .outerjoin(Lock, sa.and_(Lock.access_point_id == AccessPoint.id, Lock.state.in_(SERVING)))
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
