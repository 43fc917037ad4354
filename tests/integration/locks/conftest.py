"""A school with a gym of two courts, its door lock, and a booking side that takes notes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from core.database import Database, retrying
from core.ids import new_id
from core.secrets import Keyring
from core.window import Window, granule_of
from locks import contact, grants
from locks.callbacks import AlarmTold, Callbacks, Sellable
from locks.contact import Answer
from locks.errors import NotSellable
from locks.installation import add_access_point, add_lock
from locks.keys import give_keyring
from tests.integration.locks.door import Door

TOWN = 312029
NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
"""Ten in the morning in Japan."""
LEFT, RIGHT = 1, 2
"""The courts."""


class StoppedClock:
    """Moves only when told."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


@dataclass(slots=True)
class Notes:
    """What booking was told and answers."""

    opened: list[tuple[UUID, datetime, bool]] = field(default_factory=list)
    closed: set[int] = field(default_factory=set)
    """Granules that are not offered."""
    alarms: list[AlarmTold] = field(default_factory=list)
    changed_codes: list[UUID] = field(default_factory=list)
    unreached: list[tuple[UUID, int]] = field(default_factory=list)
    fails: bool = False

    def windows(
        self, session: Session, *, access_point_id: int, first: int, last: int, now: datetime
    ) -> Sequence[Sellable]:
        """Both halves and the whole, every two hours, one or two at a time."""
        return [
            Sellable(granule, length, courts)
            for granule in range(first + -first % 4, last, 4)
            for length in (4, 8)
            for courts in (frozenset({LEFT}), frozenset({RIGHT}), frozenset({LEFT, RIGHT}))
            if not self.closed & set(range(granule, granule + length))
        ]

    def access_opened(
        self, session: Session, *, holder: UUID, at: datetime, offline: bool, now: datetime
    ) -> None:
        if self.fails:
            raise RuntimeError("booking could not take it")
        self.opened.append((holder, at, offline))

    def changed(self, session: Session, *, lock_id: str, access_point_id: int, now: datetime) -> None:
        """Nothing to note."""

    def alarm_began(self, session: Session, *, alarm: AlarmTold, now: datetime) -> None:
        self.alarms.append(alarm)

    def codes_changed(self, session: Session, *, holders: Sequence[UUID], now: datetime) -> None:
        self.changed_codes.extend(holders)

    def start_unreached(self, session: Session, *, holder: UUID, access_point_id: int, now: datetime) -> None:
        self.unreached.append((holder, access_point_id))


class School:
    """The tables, and the shortest way to do what tests do all the time."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.keyring = Keyring(bytes(range(32)))
        give_keyring(database, self.keyring)
        self.clock = StoppedClock()
        self.notes = Notes()
        self.callbacks = Callbacks(
            sellable_windows=self.notes.windows,
            access_opened=self.notes.access_opened,
            lock_state_changed=self.notes.changed,
            alarm_began=self.notes.alarm_began,
            codes_changed=self.notes.codes_changed,
            start_unreached=self.notes.start_unreached,
        )
        with database.transaction() as session:
            self.gym = add_access_point(
                session, municipality_id=TOWN, name="体育館", kind="door_lock", courts=[LEFT, RIGHT], now=NOW
            )

    @property
    def now(self) -> datetime:
        return self.clock.at

    def fit(self, access_point_id: int | None = None) -> Door:
        """A new lock on the gym, or on another access point."""
        with self.database.transaction() as session:
            return Door(
                add_lock(session, self.keyring, access_point_id=access_point_id or self.gym, now=self.now)
            )

    def slot(self, hours: float = 2, length: int = 4) -> Window:
        """A window that starts on the offered grid, at least `hours` from now."""
        # The last of the half hour: what has begun already is not at least `hours` away.
        first = granule_of(self.now + timedelta(hours=hours, minutes=30, microseconds=-1))
        return Window.of_granules(first + -first % 4, length)

    def issue(
        self, window: Window, courts: Sequence[int] = (LEFT,), points: Sequence[int] | None = None
    ) -> UUID:
        """A new holder with a grant."""
        holder = new_id(self.now)
        with self.database.transaction() as session:
            grants.issue(
                session,
                access_point_ids=points or [self.gym],
                courts=courts,
                window=window,
                holder=holder,
                now=self.now,
            )
        return holder

    def withdraw(self, holder: UUID) -> None:
        with self.database.transaction() as session:
            grants.withdraw(session, holder=holder, now=self.now)

    def may_sell(self, window: Window, courts: Sequence[int] = (LEFT,)) -> bool:
        with self.database.reading() as session:
            try:
                grants.require_sellable(
                    session, access_point_ids=[self.gym], courts=courts, window=window, now=self.now
                )
            except NotSellable:
                return False
        return True

    def hear(self, door: Door, message: bytes) -> Answer | None:
        """One message of a lock, in its own transaction."""
        return self.hear_of(door.id, message)

    def hear_of(self, lock_id: str, message: bytes) -> Answer | None:
        """One message in a lock's name."""

        def once() -> Answer | None:
            with self.database.transaction() as session:
                return contact.receive_hello(
                    session, self.keyring, self.callbacks, lock_id=lock_id, payload=message, now=self.now
                )

        return retrying(once)

    def contact(self, door: Door) -> dict[str, Any]:
        """A whole contact: hello until the lock holds what the server wants; the last welcome."""
        for _ in range(10):
            answer = self.hear(door, door.hello())
            assert answer is not None
            if answer.desired is not None:
                door.take_desired(answer.desired)
            welcome = door.take_welcome(answer.welcome)
            if answer.desired is None:
                return welcome
        raise AssertionError("the lock never held the newest version")

    def rows(self, statement: Any) -> list[Any]:
        with self.database.reading() as session:
            return list(session.execute(statement))

    def one(self, statement: Any) -> Any:
        with self.database.reading() as session:
            return session.scalars(statement).one()


class Statements:
    """Counts what is sent to the database while it is on."""

    def __init__(self, database: Database) -> None:
        self.seen: list[str] = []
        event.listen(database.engine, "before_cursor_execute", self._note)
        self._database = database

    def _note(self, _c: Any, _cur: Any, statement: str, _p: Any, _ctx: Any, _many: bool) -> None:
        self.seen.append(statement)

    def __enter__(self) -> list[str]:
        self.seen.clear()
        return self.seen

    def __exit__(self, *_: object) -> None:
        event.remove(self._database.engine, "before_cursor_execute", self._note)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def school(database: Database) -> School:
    return School(database)
