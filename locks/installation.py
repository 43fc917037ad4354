"""Adding access points and the locks on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import audit
from core.ids import new_token, random_bytes
from core.secrets import Keyring
from locks.broker import password_hash
from locks.codes import MAX_LANE
from locks.errors import AlreadyFitted, TooManyCourts
from locks.keys import ROOT_LENGTH, code_root_of, group_binding, keyring_of, lock_binding
from locks.models import (
    AccessPoint,
    AccessPointKind,
    CodeGroup,
    CodeGroupLane,
    Grant,
    Lock,
    LockState,
    Transport,
)
from locks.staff import emergency


@dataclass(frozen=True, slots=True, repr=False)
class Installation:
    """What the installer types into a new lock, shown once. Its text form shows no secret."""

    lock: str
    root: bytes
    code_root: bytes
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Installation(lock={self.lock!r})"


def add_access_point(
    session: Session,
    *,
    municipality_id: int,
    name: str,
    kind: AccessPointKind | str,
    courts: Sequence[int],
    code_group_id: int | None = None,
    now: datetime,
) -> int:
    """The id of a new access point that is opened by reservations of these courts.

    Without `code_group_id` it opens with a code of its own. Courts that the group does not list yet are
    appended in the order given.

    Raises:
        TooManyCourts: the group's 32 lanes are used up.
    """
    if code_group_id is None:
        code_group_id = add_code_group(session, municipality_id=municipality_id)
    _append_lanes(session, code_group_id, courts)
    point = AccessPoint(
        municipality_id=municipality_id,
        code_group_id=code_group_id,
        kind=AccessPointKind(kind),
        name=name,
    )
    session.add(point)
    session.flush()
    emergency.ensure_group(session, keyring_of(session), code_group_id=code_group_id, now=now)
    return point.id


def add_lock(
    session: Session,
    keyring: Keyring,
    *,
    access_point_id: int,
    transport: Transport = Transport.MQTT,
    actor: str = "system",
    now: datetime,
) -> Installation:
    """Provision a lock for an access point: its secrets, its broker user, and every right that exists there
    already.

    Raises:
        AlreadyFitted: the access point has a lock that is not dead.
    """
    point = session.get_one(AccessPoint, access_point_id)
    group = session.scalars(
        sa.select(CodeGroup).where(CodeGroup.id == point.code_group_id).with_for_update(key_share=True)
    ).one()
    if session.scalar(
        sa.select(Lock.id).where(Lock.access_point_id == access_point_id, Lock.state != LockState.DEAD)
    ):
        raise AlreadyFitted
    made = provision(session, keyring, point, group, transport=transport, now=now)
    audit.record(
        session,
        municipality_id=point.municipality_id,
        actor=actor,
        act="lock.provision",
        subject=made.lock,
        detail={"access_point": point.id, "transport": str(transport)},
        now=now,
    )
    return made


def provision(
    session: Session,
    keyring: Keyring,
    point: AccessPoint,
    group: CodeGroup,
    *,
    transport: Transport,
    now: datetime,
) -> Installation:
    """A new lock with new secrets on an access point that has none; the caller holds the code group's row."""
    lock_id, root, password = random_bytes(8).hex(), random_bytes(ROOT_LENGTH), new_token()
    lock = Lock(
        id=lock_id,
        municipality_id=point.municipality_id,
        access_point_id=point.id,
        transport=transport,
        added_at=now,
        wrapped_root=keyring.wrap(root, bound_to=lock_binding(lock_id)),
        broker_password_hash=password_hash(password),
        desired_version=1,
        publish_due_at=now,
    )
    session.add(lock)
    session.flush()
    session.execute(
        sa.update(Grant)
        .where(Grant.access_point_id == point.id, Grant.withdrawn_at.is_(None))
        .values(lock_id=lock_id, granted_version=1)
        .execution_options(synchronize_session=False)
    )
    code_root = code_root_of(keyring, code_group_id=group.id, of_group=group.wrapped_code_root)
    return Installation(lock_id, root, code_root, lock_id, password)


def add_code_group(session: Session, *, municipality_id: int) -> int:
    """The id of a new code group, for access points that shall open with one code."""
    group = CodeGroup(municipality_id=municipality_id, wrapped_code_root=b"")
    session.add(group)
    session.flush()
    # Bound to its row, whose number exists only now.
    group.wrapped_code_root = keyring_of(session).wrap(
        random_bytes(ROOT_LENGTH), bound_to=group_binding(group.id)
    )
    session.flush()
    return group.id


def _append_lanes(session: Session, code_group_id: int, courts: Sequence[int]) -> None:
    listed = session.execute(
        sa.select(CodeGroupLane.court_ref, CodeGroupLane.lane).where(
            CodeGroupLane.code_group_id == code_group_id
        )
    ).all()
    known = {court for court, _ in listed}
    lane = max((lane for _, lane in listed), default=-1)
    for court in courts:
        if court in known:
            continue
        lane += 1
        if lane > MAX_LANE:
            raise TooManyCourts
        known.add(court)
        session.add(CodeGroupLane(code_group_id=code_group_id, lane=lane, court_ref=court))
    session.flush()
