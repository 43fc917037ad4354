"""The server half as it runs: the real steps, each in a transaction of its own database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.database import Base, Database
from core.ids import new_id
from core.secrets import Keyring
from core.window import Window
from locks import contact, desired_state, epochs, grants, publications, standing
from locks.callbacks import AlarmTold, Callbacks, Sellable
from locks.codes import code_of
from locks.errors import NotSellable
from locks.keys import give_keyring, group_binding, lock_binding, subkey
from locks.models import AccessPoint, CodeGroup, CodeGroupLane, Grant, Lock
from locks.publications import Publication
from locks.staff import rights
from locks.staff.codes import digits_of
from locks.staff.models import StaffCode
from locks.standing import Standing
from tests.bench.histories.server import LANES, Offers, Reply, Secrets, Sold

TOWN = 312029
KEYRING = Keyring(bytes(range(32)))


class Listener:
    """Booking's side: answers what is on offer, and has nothing to do with the rest."""

    def __init__(self, timetable: Offers) -> None:
        self._timetable = timetable
        self.opened: list[tuple[UUID, datetime, bool]] = []

    def windows(
        self, session: Session, *, access_point_id: int, first: int, last: int, now: datetime
    ) -> Sequence[Sellable]:
        """What is on offer."""
        return list(self._timetable.windows(first=first, last=last, now=now))

    def access_opened(
        self, session: Session, *, holder: UUID, at: datetime, offline: bool, now: datetime
    ) -> None:
        """Somebody is in."""
        self.opened.append((holder, at, offline))

    def lock_state_changed(
        self, session: Session, *, lock_id: str, access_point_id: int, now: datetime
    ) -> None:
        """A board would look again."""

    def alarm_began(self, session: Session, *, alarm: AlarmTold, now: datetime) -> None:
        """Staff would be told."""

    def codes_changed(self, session: Session, *, holders: Sequence[UUID], now: datetime) -> None:
        """Holders would be told."""

    def start_unreached(self, session: Session, *, holder: UUID, access_point_id: int, now: datetime) -> None:
        """A way out would be offered."""

    def callbacks(self) -> Callbacks:
        """As `locks` takes them."""
        return Callbacks(
            sellable_windows=self.windows,
            access_opened=self.access_opened,
            lock_state_changed=self.lock_state_changed,
            alarm_began=self.alarm_began,
            codes_changed=self.codes_changed,
            start_unreached=self.start_unreached,
        )


class StepsServer:
    """A `ServerHalf`; one database serves many of them, one after the other."""

    def __init__(self, database: Database, secrets: Secrets, timetable: Offers, now: datetime) -> None:
        give_keyring(database, KEYRING)
        self.database, self.secrets = database, secrets
        self.listener = Listener(timetable)
        self.callbacks = self.listener.callbacks()
        self._code_key = subkey(secrets.code_root, "code", 0)
        empty(database)
        with self.transaction() as session:
            self.access_point_id = _fit(session, secrets, now)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One of the database's."""
        with self.database.transaction() as session:
            yield session

    def may_sell(self, window: Window, courts: frozenset[int], *, now: datetime) -> bool:
        """The selling rule."""
        with self.database.reading() as session:
            try:
                grants.require_sellable(
                    session,
                    access_point_ids=[self.access_point_id],
                    courts=sorted(courts),
                    window=window,
                    now=now,
                )
            except NotSellable:
                return False
        return True

    def issue(self, window: Window, courts: frozenset[int], *, now: datetime) -> Sold | None:
        """A new right."""
        holder = new_id(now)
        try:
            with self.transaction() as session:
                grants.issue(
                    session,
                    access_point_ids=[self.access_point_id],
                    courts=sorted(courts),
                    window=window,
                    holder=holder,
                    now=now,
                )
        except NotSellable:
            return None
        with self.database.reading() as session:
            row = session.execute(_PLACE.where(Grant.holder == holder)).one()
        place = (row.granule, row.length, row.lane, row.rev)
        return Sold(holder, place, code_of(self._code_key, *place))

    def withdraw(self, holder: object, *, now: datetime) -> None:
        """Take it back."""
        assert isinstance(holder, UUID)
        with self.transaction() as session:
            grants.withdraw(session, holder=holder, now=now)

    def offer_changed(self, *, now: datetime) -> None:
        """What may be sold has changed."""
        with self.transaction() as session:
            desired_state.mark_changed(session, access_point_ids=[self.access_point_id], now=now)

    def roll(self, *, now: datetime) -> None:
        """The daily turn of the horizon."""
        with self.transaction() as session:
            desired_state.roll_horizons(session, now=now)

    def publications(self, *, now: datetime) -> list[str]:
        """What a gateway publishes now."""
        with self.transaction() as session:
            claims = publications.claim(session, limit=25, now=now)
        found: list[str] = []
        for claim in claims:
            with self.transaction() as session:
                built = desired_state.build(session, KEYRING, self.callbacks, lock_id=claim.lock_id, now=now)
            found.append(built.jws)
            with self.transaction() as session:
                publications.settle(session, [Publication(claim.lock_id, built.version, claim)], now=now)
        return found

    def hear(self, hello: bytes, *, now: datetime) -> Reply | None:
        """A contact."""
        with self.transaction() as session:
            answer = contact.receive_hello(
                session, KEYRING, self.callbacks, lock_id=self.secrets.lock, payload=hello, now=now
            )
        return None if answer is None else Reply(answer.welcome, answer.desired)

    def give_staff_code(self, number: int, until: datetime, *, now: datetime) -> str:
        """The digits of a new right from now on."""
        with self.transaction() as session:
            right = rights.give(
                session,
                KEYRING,
                municipality_id=TOWN,
                access_point_ids=[self.access_point_id],
                person=UUID(int=number + 1),
                label=f"見本 {number}",
                not_before=now,
                not_after=until,
                actor="system",
                now=now,
            )
        with self.database.reading() as session:
            code = session.scalars(sa.select(StaffCode).where(StaffCode.staff_right_id == right)).one()
            return digits_of(KEYRING, code)

    def rotate_mac_epoch(self, *, now: datetime) -> None:
        """Announce the next one."""
        with self.transaction() as session:
            epochs.rotate_mac_epoch(session, lock_id=self.secrets.lock, actor="system", now=now)

    def standings(self, holders: Sequence[object], *, now: datetime) -> dict[UUID, Standing]:
        """What screens say."""
        with self.database.reading() as session:
            wanted = [holder for holder in holders if isinstance(holder, UUID)]
            return standing.standings_of(session, holders=wanted, now=now)

    def lock(self) -> Lock:
        """The lock's row as it is now."""
        with self.database.reading() as session:
            return session.get_one(Lock, self.secrets.lock)

    def rows(self, statement: Any) -> list[Any]:
        """What a statement finds."""
        with self.database.reading() as session:
            return list(session.execute(statement))


_PLACE = sa.select(Grant.granule, Grant.length, Grant.lane, Grant.rev)


def on_database(database: Database) -> Callable[[Secrets, Offers, datetime], StepsServer]:
    """Makes server halves that live there."""
    return lambda secrets, timetable, now: StepsServer(database, secrets, timetable, now)


def empty(database: Database) -> None:
    """Take every row out."""
    with database.transaction() as session:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name in _TABLES:
                session.execute(sa.delete(table))


_TABLES = {
    table
    for mapper in Base.registry.mappers
    if mapper.class_.__module__.startswith("locks.")
    for table in [str(getattr(mapper.local_table, "name", ""))]
}


def _fit(session: Session, secrets: Secrets, now: datetime) -> int:
    """A door lock with the secrets of the history, as installation leaves it."""
    group = CodeGroup(municipality_id=TOWN, wrapped_code_root=b"")
    session.add(group)
    session.flush()
    group.wrapped_code_root = KEYRING.wrap(secrets.code_root, bound_to=group_binding(group.id))
    session.add_all(
        CodeGroupLane(code_group_id=group.id, lane=lane, court_ref=court) for court, lane in LANES.items()
    )
    point = AccessPoint(municipality_id=TOWN, code_group_id=group.id, kind="door_lock", name="見本体育館")
    session.add(point)
    session.flush()
    session.add(
        Lock(
            id=secrets.lock,
            municipality_id=TOWN,
            access_point_id=point.id,
            added_at=now,
            wrapped_root=KEYRING.wrap(secrets.root, bound_to=lock_binding(secrets.lock)),
            broker_password_hash="",
            desired_version=1,
            publish_due_at=now,
        )
    )
    session.flush()
    return point.id
