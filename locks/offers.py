"""Keeping `LockOffer`: the starts that every version a lock may hold has in common."""

import json
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from locks.lists import Starts, starts_of
from locks.models import DesiredVersion, Lock, LockOffer

Nested = dict[str, dict[str, int]]


def narrow(session: Session, lock: Lock, *, starts: Starts, horizon: int) -> None:
    """A version more that the lock may hold: only what it lists too stays sellable."""
    if not lock.applied_version:
        return
    offer = session.get(LockOffer, lock.id)
    if offer is None:
        return
    offer.starts = common_starts(offer.starts, nested(starts))
    offer.horizon = max(offer.horizon, horizon)
    session.flush()


def confirm(session: Session, lock: Lock) -> None:
    """The lock has proved `applied_version`: what it and all later versions list is sellable now.

    Versions before it are forgotten.
    """
    session.execute(
        sa.delete(DesiredVersion).where(
            DesiredVersion.lock_id == lock.id, DesiredVersion.version < lock.applied_version
        )
    )
    versions = session.scalars(
        sa.select(DesiredVersion)
        .where(DesiredVersion.lock_id == lock.id)
        .order_by(DesiredVersion.version)
        .execution_options(populate_existing=True)
    ).all()
    applied = json.loads(versions[0].payload)
    starts = nested(starts_of(applied["sellable"]))
    for later in versions[1:]:
        starts = common_starts(starts, nested(starts_of(json.loads(later.payload)["sellable"])))
    floors = nested({(granule, lane): floor for granule, lane, floor in applied["floors"]})
    offer = session.get(LockOffer, lock.id)
    if offer is None:
        offer = LockOffer(lock_id=lock.id)
        session.add(offer)
    offer.starts, offer.floors = starts, floors
    offer.horizon = max(version.horizon for version in versions)
    session.flush()


def nested(values: Mapping[tuple[int, int], int]) -> Nested:
    """{granule: {lane: value}} with text keys, as JSON wants them."""
    found: dict[str, dict[str, int]] = {}
    for (granule, lane), value in values.items():
        found.setdefault(str(granule), {})[str(lane)] = value
    return found


def common_starts(one: Mapping[str, Mapping[str, int]], other: Mapping[str, Mapping[str, int]]) -> Nested:
    """The lengths that both offers list, by granule and lane."""
    common: Nested = {}
    for granule, lanes in one.items():
        theirs = other.get(granule, {})
        kept = {lane: mask & theirs[lane] for lane, mask in lanes.items() if mask & theirs.get(lane, 0)}
        if kept:
            common[granule] = kept
    return common
