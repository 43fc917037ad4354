"""Granting and taking back the right to open access points in a window. Steps of the booking transaction.

Whoever issues holds the row of the code group first, then the rows of its locks in the order of their ids.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import ContractBroken
from core.window import Window
from locks.codes import MAX_LENGTH, MAX_REV, code_of, is_weak
from locks.errors import NotSellable, WhyNot
from locks.keys import code_root_of, keyring_of, subkey
from locks.margins import OVERLAP_GRANULES
from locks.models import SERVING, AccessPoint, CodeGroup, CodeGroupLane, Grant, Lock
from locks.revs import next_rev
from locks.sellable import require_sellable
from locks.versions import bump, bump_access_points

__all__ = ["issue", "require_sellable", "withdraw"]


# Made once, here: making them costs a confirmation more than running them.
_GROUPS = (
    sa.select(
        AccessPoint.id,
        CodeGroup.id,
        CodeGroup.municipality_id,
        CodeGroup.wrapped_code_root,
        CodeGroup.code_epoch,
        CodeGroup.restores,
        CodeGroupLane.lane,
        Lock.id,
        Lock.wrapped_code_root,
        Lock.confirmed_code_epoch,
    )
    .join(CodeGroup, CodeGroup.id == AccessPoint.code_group_id)
    .join(CodeGroupLane, CodeGroupLane.code_group_id == CodeGroup.id)
    .outerjoin(Lock, sa.and_(Lock.access_point_id == AccessPoint.id, Lock.state.in_(SERVING)))
    .where(
        AccessPoint.id.in_(sa.bindparam("points", expanding=True)),
        CodeGroupLane.court_ref.in_(sa.bindparam("courts", expanding=True)),
    )
    .order_by(CodeGroup.id, CodeGroupLane.lane, AccessPoint.id)
    .with_for_update(of=CodeGroup, key_share=True)
)
_ISSUED = sa.select(
    Grant.code_group_id, Grant.granule, Grant.length, Grant.lane, Grant.rev, Grant.restores
).where(
    Grant.code_group_id.in_(sa.bindparam("groups", expanding=True)),
    Grant.granule > sa.bindparam("after"),
    Grant.granule < sa.bindparam("before"),
)
_INSERT = sa.insert(Grant.__table__)  # type: ignore[arg-type]


@dataclass(slots=True)
class _Group:
    id: int
    municipality_id: int
    restores: int
    lane: int
    code_keys: dict[tuple[bytes | None, int], bytes] = field(default_factory=dict)
    """Under each of these some lock may compute codes: by a code root that it alone keeps, and by epoch."""
    access_point_ids: list[int] = field(default_factory=list)


def issue(
    session: Session,
    *,
    access_point_ids: Sequence[int],
    courts: Sequence[int],
    window: Window,
    holder: UUID,
    now: datetime,
) -> None:
    """Let `holder` open the access points in the window; within a code group one code opens all of them.

    Every lock concerned gets a new desired version in this transaction. Without an access point nothing
    happens.

    Raises:
        NotSellable: the start has used up its 256 revs.
        ContractBroken: a window off the grid, an unknown access point, or courts that its code group does
            not list.

    Source: lock-protocol.md 2.
    """
    if not access_point_ids:
        return
    if not window.is_aligned:
        raise ContractBroken("a grant off the grid")
    groups = _locked_groups(session, access_point_ids, courts)
    issued = _issued_around(session, [group.id for group in groups], window)
    chosen = [(group, part) for group in groups for part in _parts(group, window, issued[group.id])]
    versions = bump_access_points(session, access_point_ids, now=now)
    rows: list[dict[str, Any]] = []
    for group, (granule, length, rev) in chosen:
        for access_point_id in group.access_point_ids:
            lock_id, version = versions.get(access_point_id, (None, None))
            rows.append(
                {
                    "municipality_id": group.municipality_id,
                    "code_group_id": group.id,
                    "access_point_id": access_point_id,
                    "holder": holder,
                    "granule": granule,
                    "length": length,
                    "lane": group.lane,
                    "rev": rev,
                    "issued_at": now,
                    "restores": group.restores,
                    "lock_id": lock_id,
                    "granted_version": version,
                }
            )
    session.execute(_INSERT, rows)


def withdraw(session: Session, *, holder: UUID, now: datetime) -> None:
    """Take back whatever `holder` may still open; a second time changes nothing.

    The codes are dead at each lock from its next contact on; until then `standing` says so.
    """
    live = (Grant.holder == holder, Grant.withdrawn_at.is_(None))
    at_points = Lock.access_point_id.in_(sa.select(Grant.access_point_id).where(*live))
    told = {lock_id for lock_id, _ in bump(session, at_points, now=now).values()}
    version = (
        sa.select(Lock.desired_version).where(Lock.id == Grant.lock_id).correlate(Grant).scalar_subquery()
    )
    of_locks = session.scalars(
        sa.update(Grant)
        .where(*live)
        .values(withdrawn_at=now, withdrawn_version=version)
        .returning(Grant.lock_id)
        .execution_options(synchronize_session=False)
    )
    untold = {lock_id for lock_id in of_locks if lock_id is not None} - told
    if untold:
        _tell_successors(session, holder, untold, now=now)


def _tell_successors(session: Session, holder: UUID, lock_ids: set[str], *, now: datetime) -> None:
    """A lock was replaced while we waited for it: its successor has the rights since, and perhaps a version
    already.
    """
    for lock_id, version in bump(session, Lock.id.in_(sorted(lock_ids)), now=now).values():
        session.execute(
            sa.update(Grant)
            .where(Grant.holder == holder, Grant.withdrawn_at == now, Grant.lock_id == lock_id)
            .values(withdrawn_version=version)
            .execution_options(synchronize_session=False)
        )


def _locked_groups(session: Session, access_point_ids: Sequence[int], courts: Sequence[int]) -> list[_Group]:
    asked = {"points": sorted(set(access_point_ids)), "courts": sorted(set(courts))}
    rows = session.execute(_GROUPS, asked).all()
    groups: dict[int, _Group] = {}
    for row in rows:
        point_id, group_id, municipality_id, wrapped, epoch, restores, lane, lock_id, kept, confirmed = row
        group = groups.setdefault(group_id, _Group(group_id, municipality_id, restores, lane))
        if lane != group.lane:
            continue
        group.access_point_ids.append(point_id)
        for of_epoch in {epoch, epoch if confirmed is None else confirmed}:
            if (kept, of_epoch) not in group.code_keys:
                code_root = code_root_of(
                    keyring_of(session),
                    code_group_id=group_id,
                    of_group=wrapped,
                    lock_id=lock_id,
                    of_lock=kept,
                )
                group.code_keys[kept, of_epoch] = subkey(code_root, "code", of_epoch)
    found = {point for group in groups.values() for point in group.access_point_ids}
    if found != set(access_point_ids):
        raise ContractBroken("an access point whose code group does not list the courts")
    return list(groups.values())


def _issued_around(
    session: Session, group_ids: Sequence[int], window: Window
) -> dict[int, dict[tuple[int, int, int, int], int]]:
    """Every (granule, length, lane, rev) ever issued whose code may be alive in or near the window, with the
    restores known then, by code group.

    Withdrawn ones too: a lock without contact would still open for them. It holds all revs of the window's
    own start.
    """
    granules = window.granules
    asked = {
        "groups": group_ids,
        "after": granules.start - MAX_LENGTH - OVERLAP_GRANULES,
        "before": granules.stop + OVERLAP_GRANULES,
    }
    rows = session.execute(_ISSUED, asked)
    issued: dict[int, dict[tuple[int, int, int, int], int]] = defaultdict(dict)
    for group_id, granule, length, lane, rev, restores in rows:
        issued[group_id][granule, length, lane, rev] = restores
    return issued


def _parts(
    group: _Group, window: Window, issued: Mapping[tuple[int, int, int, int], int]
) -> Iterator[tuple[int, int, int]]:
    """(granule, length, rev) of each grant that the window needs."""
    granules = window.granules
    taken = dict(issued)
    for granule in range(granules.start, granules.stop, MAX_LENGTH):
        length = min(MAX_LENGTH, granules.stop - granule)
        rev = _free_rev(group, granule, length, taken)
        taken[granule, length, group.lane, rev] = group.restores
        yield granule, length, rev


def _free_rev(
    group: _Group, granule: int, length: int, taken: Mapping[tuple[int, int, int, int], int]
) -> int:
    used = [
        (rev, known) for (at, _, lane, rev), known in taken.items() if (at, lane) == (granule, group.lane)
    ]
    near = [
        other
        for other in taken
        if other[0] < granule + length + OVERLAP_GRANULES and granule < other[0] + other[1] + OVERLAP_GRANULES
    ]
    alive = {key: {code_of(key, *other) for other in near} for key in group.code_keys.values()}
    for rev in range(next_rev(used, group.restores), MAX_REV + 1):
        codes = [(key, code_of(key, granule, length, group.lane, rev)) for key in alive]
        if not any(code in alive[key] or is_weak(code) for key, code in codes):
            return rev
    raise NotSellable(WhyNot.USED_UP, "all revs of this start are used")
