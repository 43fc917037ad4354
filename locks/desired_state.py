"""What one lock should hold: marked as changed by whoever changes a right, built later, stored as it is
sent.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from core.clock import civil_day, start_of_day
from core.secrets import Keyring
from core.window import GRANULE_S, granule_of
from locks import metrics, offers
from locks.callbacks import Callbacks
from locks.codes import MAX_LENGTH
from locks.envelope import DESIRED, seal, to_json
from locks.keys import keyring_of, lock_binding, subkey
from locks.lists import GrantRow, Lists, fitted, floors_of, sellable_entries
from locks.margins import config_of, late_s
from locks.models import AccessPoint, CodeGroup, CodeGroupLane, DesiredVersion, Grant, Lock, LockState
from locks.modes import orders
from locks.modes.orders import Mode
from locks.revs import floor_of_live, next_rev
from locks.staff import verifiers
from locks.versions import bump, bump_access_points

log = structlog.get_logger()

HORIZON_DAYS = 14
LEASE = timedelta(days=45)


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version as the lock gets it: `jws` signs `payload`, whose SHA-256 is `digest`."""

    version: int
    payload: bytes
    digest: str
    jws: str


def mark_changed(session: Session, *, access_point_ids: Sequence[int], now: datetime) -> None:
    """Give the locks of these access points a new version; call it where what may be sold there changes."""
    if access_point_ids:
        bump_access_points(session, access_point_ids, now=now)


def roll_horizons(session: Session, *, now: datetime) -> int:
    """Move every lock's horizon on by a day where today's version does not exist yet; how many."""
    today = civil_day(now)
    behind = sa.or_(Lock.rolled_on.is_(None), Lock.rolled_on < today)
    moved = bump(session, behind, now=now)
    session.execute(
        sa.update(Lock)
        .where(Lock.id.in_([lock_id for lock_id, _ in moved.values()]))
        .values(rolled_on=today)
        .execution_options(synchronize_session=False)
    )
    return len(moved)


def build(
    session: Session, keyring: Keyring, callbacks: Callbacks, *, lock_id: str, now: datetime
) -> StoredVersion:
    """The lock's present version, made and stored if it does not exist yet; holds the lock's row.

    Raises:
        sqlalchemy.exc.NoResultFound: there is no such lock.
    """
    lock = locked_row(session, lock_id)
    stored = stored_or_built(session, callbacks, lock, now=now)
    root = keyring.unwrap(lock.wrapped_root, bound_to=lock_binding(lock.id))
    jws = seal_desired(root, lock, stored.payload, mac_epoch=lock.mac_epoch)
    return StoredVersion(stored.version, stored.payload, stored.digest, jws)


def locked_row(session: Session, lock_id: str) -> Lock:
    """The lock's row, held until the transaction ends, as it is now."""
    return session.scalars(_LOCKED, {"lock": lock_id}).one()


_LOCKED = (
    sa.select(Lock)
    .where(Lock.id == sa.bindparam("lock"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
"""Made once: making it costs a hello more than running it."""


def seal_desired(root: bytes, lock: Lock, payload: bytes, *, mac_epoch: int) -> str:
    """A stored payload, signed with a key that follows from the lock's root."""
    key = subkey(root, "down", mac_epoch)
    return seal(payload, key=key, lock=lock.id, direction="down", mac_epoch=mac_epoch, typ=DESIRED)


def stored_or_built(session: Session, callbacks: Callbacks, lock: Lock, *, now: datetime) -> DesiredVersion:
    """The row of the lock's present version; `lock` is held by this transaction."""
    stored = session.get(DesiredVersion, (lock.id, lock.desired_version))
    if stored is not None:
        if not _mode_is_over(session, lock, stored, now=now):
            return stored
        lock.desired_version += 1
        lock.publish_due_at = now
    point = session.get_one(AccessPoint, lock.access_point_id)
    first = granule_of(now)
    late = late_s(point.kind)
    is_retiring = lock.state == LockState.RETIRING
    mode = Mode.NORMAL if is_retiring else orders.mode_of(session, point.id, now)[0]
    settings = _settings(session, lock, point, mode, now=now)

    def payload_of(lists: Lists) -> bytes:
        return _payload(lock, settings, lists, now)

    lists = fitted(
        nothing_listed(first) if is_retiring else lists_now(session, callbacks, point, mode, now=now),
        first=first,
        late=late,
        size_of=lambda candidate: len(payload_of(candidate)),
    )
    payload = payload_of(lists)
    stored = DesiredVersion(
        lock_id=lock.id,
        version=lock.desired_version,
        payload=payload,
        digest=hashlib.sha256(payload).hexdigest(),
        horizon=lists.horizon,
        grants_until=lists.grants_until,
        built_at=now,
    )
    session.add(stored)
    lock.rolled_on = civil_day(now)
    session.flush()
    offers.narrow(session, lock, starts=lists.starts, horizon=lists.horizon)
    metrics.BUILT.inc()
    for what in lists.shortened:
        metrics.SHORTENED.labels(what).inc()
    if "short_lease" in lists.shortened:
        # Sold codes are not on the lock until a later version: somebody must thin the timetable out.
        log.error("lock_lease_below_minimum", lock=lock.id, version=lock.desired_version)
    return stored


def nothing_listed(first: int) -> Lists:
    """What a lock that is being wiped is sent: no right, and none to be sold, from this granule on."""
    return Lists(horizon=first, grants_until=first, starts={}, grants=(), floors={})


def lists_now(
    session: Session, callbacks: Callbacks, point: AccessPoint, mode: Mode, *, now: datetime
) -> Lists:
    """Everything that the rows say about an access point, before it is made to fit."""
    late = late_s(point.kind)
    horizon = granule_of(start_of_day(civil_day(now) + timedelta(days=HORIZON_DAYS + 1)))
    grants_until = granule_of(now + LEASE)
    restores = session.get_one(CodeGroup, point.code_group_id).restores
    rights = _rights(session, point.id, restores, late=late, until=max(horizon, grants_until), now=now)
    return Lists(
        horizon=horizon,
        grants_until=grants_until,
        starts={}
        if mode is Mode.VACATION
        else _starts(session, callbacks, point, horizon=horizon, late=late, now=now),
        grants=tuple(sorted(grant for grant in rights.grants if grant[0] < grants_until)),
        floors=rights.floors,
        fresh_floor=next_rev((), restores),
        known=rights.known if restores else frozenset(),
    )


@dataclass(frozen=True, slots=True)
class _Rights:
    grants: tuple[GrantRow, ...]
    floors: Mapping[tuple[int, int], int]
    known: frozenset[tuple[int, int]]
    """(granule, lane) of every grant there is or was."""


def _rights(
    session: Session, access_point_id: int, restores: int, *, late: int, until: int, now: datetime
) -> _Rights:
    seconds = int(now.timestamp())
    oldest = (seconds - late) // GRANULE_S - MAX_LENGTH
    rows = session.execute(
        sa.select(
            Grant.granule, Grant.length, Grant.lane, Grant.rev, Grant.restores, Grant.withdrawn_at
        ).where(Grant.access_point_id == access_point_id, Grant.granule >= oldest, Grant.granule < until)
    )
    grants: list[GrantRow] = []
    withdrawn: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    live: dict[tuple[int, int], list[int]] = defaultdict(list)
    for granule, length, lane, rev, known, withdrawn_at in rows:
        if withdrawn_at is not None:
            withdrawn[granule, lane].append((rev, known))
            continue
        live[granule, lane].append(known)
        if (granule + length) * GRANULE_S + late >= seconds:
            grants.append((granule, length, lane, rev))
    floors = {start: next_rev(used, restores) for start, used in withdrawn.items() if start not in live} | {
        start: floor_of_live((rev for rev, _ in withdrawn.get(start, ())), known)
        for start, known in live.items()
    }
    in_force = {
        start: floor
        for start, floor in floors.items()
        if floor and (start[0] + MAX_LENGTH) * GRANULE_S + late >= seconds
    }
    return _Rights(tuple(grants), in_force, frozenset(withdrawn) | frozenset(live))


def _starts(
    session: Session, callbacks: Callbacks, point: AccessPoint, *, horizon: int, late: int, now: datetime
) -> dict[tuple[int, int], int]:
    seconds = int(now.timestamp())
    listed = session.execute(
        sa.select(CodeGroupLane.court_ref, CodeGroupLane.lane).where(
            CodeGroupLane.code_group_id == point.code_group_id
        )
    )
    lanes = {row.court_ref: row.lane for row in listed}
    offered = callbacks.sellable_windows(
        session,
        access_point_id=point.id,
        first=(seconds - late) // GRANULE_S - MAX_LENGTH,
        last=horizon,
        now=now,
    )
    starts: dict[tuple[int, int], int] = {}
    for granule, length, courts in offered:
        lane = min((lanes[court] for court in courts if court in lanes), default=None)
        # A window of more than a day is several grants, none of them sellable while the lock is out of reach.
        if lane is None or length > MAX_LENGTH or (granule + length) * GRANULE_S + late < seconds:
            continue
        starts[granule, lane] = starts.get((granule, lane), 0) | 1 << length
    return starts


def _payload(lock: Lock, settings: dict[str, object], lists: Lists, now: datetime) -> bytes:
    claims: dict[str, object] = {
        "v": 1,
        "lock": lock.id,
        "version": lock.desired_version,
        "issued_at": int(now.timestamp()),
        "lease_until": lists.grants_until * GRANULE_S,
    }
    if lock.next_mac_epoch is not None:
        claims["next_mac_epoch"] = lock.next_mac_epoch
    claims |= {
        "horizon": lists.horizon,
        "sellable": sellable_entries(lists.starts),
        "grants": [list(grant) for grant in lists.grants],
        "floors": floors_of(lists),
    }
    return to_json(claims | settings)


def _settings(
    session: Session, lock: Lock, point: AccessPoint, mode: Mode, *, now: datetime
) -> dict[str, object]:
    """The members that are no list of windows: `epoch`, `staff`, `config`."""
    group = session.get_one(CodeGroup, point.code_group_id)
    return {
        "epoch": group.code_epoch,
        "staff": verifiers.rows_for(session, keyring_of(session), lock, now=now),
        "config": {**config_of(point.kind), "operating_mode": str(mode)},
    }


def _mode_is_over(session: Session, lock: Lock, stored: DesiredVersion, *, now: datetime) -> bool:
    """Whether a version keeps a door open, or at rest, whose time has run out since it was built.

    A worker ends such orders; one that is late must not leave a door open until the next contact.
    """
    if _mode_member(Mode.NORMAL) in stored.payload:
        return False
    mode, _ = orders.mode_of(session, lock.access_point_id, now)
    return _mode_member(mode) not in stored.payload


def _mode_member(mode: Mode) -> bytes:
    return f'"operating_mode":"{mode}"'.encode()


def living(session: Session, lock_id: str) -> Lock | None:
    """The lock, unless it is dead or was never there; nothing is held."""
    lock = session.get(Lock, lock_id)
    return None if lock is None or lock.state == LockState.DEAD else lock
