"""What is said of a code at a door is true of the door: through contacts, replacements, moves and removals.

Two doors of one code group and one of its own; each physical lock knows only what it was told in a contact.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.database import Base, Database
from locks import grants, life, moving, standing
from locks.codes import code_of
from locks.errors import AlreadyFitted, NotSellable
from locks.installation import add_access_point
from locks.keys import subkey
from locks.life_errors import SharedCode
from locks.models import AccessPoint, Grant, Lock
from locks.standing import DoorStanding, Standing
from tests.integration.locks.conftest import LEFT, NOW, RIGHT, TOWN, School
from tests.integration.locks.door import Door

COURTS = st.sampled_from([(LEFT,), (RIGHT,), (LEFT, RIGHT)])
OPENS = {Standing.ON_THE_LOCK, Standing.DERIVABLE}
WHICH = st.integers(0, 2)


class Doors(RuleBasedStateMachine):
    """A gym with a gate of the same code and a store room of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name) / 'town.sqlite3'}")
        Base.metadata.create_all(self.database.engine)
        self.school = School(self.database)
        with self.database.transaction() as session:
            group = session.get_one(AccessPoint, self.school.gym).code_group_id
            names: tuple[tuple[str, int | None], ...] = (("門", group), ("器具庫", None))
            self.points = [self.school.gym] + [
                add_access_point(
                    session,
                    municipality_id=TOWN,
                    name=name,
                    kind="gate",
                    courts=[LEFT, RIGHT],
                    code_group_id=shared,
                    now=NOW,
                )
                for name, shared in names
            ]
        self.locks: dict[int, Door] = {}
        """Which physical lock is on which access point."""
        self.digits: dict[tuple[UUID, int], set[str]] = {}
        """Every code that a holder was shown, by access point."""
        self.sold: list[UUID] = []
        for point in self.points[:2]:
            self.locks[point] = self.school.fit(point)

    def teardown(self) -> None:
        self.database.dispose()
        self.folder.cleanup()

    @rule(courts=COURTS, hours=st.integers(1, 6), length=st.sampled_from([2, 4, 8]))
    def book(self, courts: tuple[int, ...], hours: int, length: int) -> None:
        window = self.school.slot(hours, length)
        with self.database.reading() as session:
            try:
                grants.require_sellable(
                    session, access_point_ids=self.points, courts=courts, window=window, now=self.school.now
                )
            except NotSellable:
                return
        self.sold.append(self.school.issue(window, courts, self.points))

    @rule(which=st.integers(0, 99))
    def cancel(self, which: int) -> None:
        holders = self.holders()
        if holders:
            self.school.withdraw(holders[which % len(holders)])

    @rule(which=WHICH)
    def visit(self, which: int) -> None:
        if self.points[which] in self.locks:
            self.speak(self.points[which])

    @rule(which=WHICH)
    def fit(self, which: int) -> None:
        point = self.points[which]
        if self.one_lock(point) is None:
            self.locks[point] = self.school.fit(point)

    @rule(which=WHICH)
    def replace(self, which: int) -> None:
        point = self.points[which]
        if self.serves(point):
            with self.database.transaction() as session:
                made = life.replace(
                    session,
                    self.school.keyring,
                    self.school.callbacks,
                    lock_id=self.locks[point].id,
                    actor="system",
                    now=self.school.now,
                )
            self.locks[point] = Door(made)

    @rule(which=WHICH)
    def take_off(self, which: int) -> None:
        point = self.points[which]
        if self.serves(point):
            with self.database.transaction() as session:
                life.decommission(session, lock_id=self.locks[point].id, actor="system", now=self.school.now)
            if self.one_lock(point) is None:
                del self.locks[point]

    @precondition(lambda self: self.locks)
    @rule(here=WHICH, there=WHICH)
    def move(self, here: int, there: int) -> None:
        origin, target = self.points[here], self.points[there]
        if origin == target or not self.serves(origin):
            return
        try:
            with self.database.transaction() as session:
                moving.move(
                    session,
                    self.school.keyring,
                    self.school.callbacks,
                    lock_id=self.locks[origin].id,
                    access_point_id=target,
                    actor="system",
                    now=self.school.now,
                )
        except (AlreadyFitted, SharedCode):
            return
        self.locks[target] = self.locks.pop(origin)
        # The installer lets it speak at its new door; until then it is no door's (`moving.move`).
        self.speak(target)

    @invariant()
    def what_is_shown_is_written_down(self) -> None:
        with self.database.reading() as session:
            for holder in self.holders():
                for code in standing.codes_of(
                    session, self.school.keyring, holder=holder, now=self.school.now
                ):
                    self.digits.setdefault((holder, code.access_point_id), set()).add(code.code)

    @invariant()
    def a_door_of_which_it_is_said_that_the_code_works_opens_for_it(self) -> None:
        with self.database.reading() as session:
            for holder, door in self.told():
                if door.standing not in OPENS:
                    continue
                shown = standing.codes_of(session, self.school.keyring, holder=holder, now=self.school.now)
                codes = {code.code for code in shown if code.access_point_id == door.access_point_id}
                assert codes <= self.opened_at(door.access_point_id)

    @invariant()
    def a_door_of_which_it_is_said_that_the_code_is_gone_does_not_open_for_it(self) -> None:
        for holder, door in self.told():
            if door.standing is Standing.GONE:
                dead = self.digits.get((holder, door.access_point_id), set())
                assert not dead & self.opened_at(door.access_point_id)

    @invariant()
    def a_door_without_a_lock_promises_nothing(self) -> None:
        for _, door in self.told():
            if door.access_point_id not in self.locks:
                assert door.standing in (Standing.CALL_US, Standing.GONE)

    def told(self) -> Iterator[tuple[UUID, DoorStanding]]:
        """What is said of every holder's code at every door."""
        with self.database.reading() as session:
            found = standing.standings_of_doors(session, holders=self.sold, now=self.school.now)
        for holder, doors in found.items():
            for door in doors:
                yield holder, door

    def opened_at(self, point: int) -> set[str]:
        """Every code for which the lock that is there would open without a network (protocol 6, 3 and 4)."""
        lock = self.locks.get(point)
        if lock is None or not lock.desired:
            return set()
        said = lock.desired
        key = subkey(lock.fitted.code_root, "code", said["epoch"])
        floors = {(granule, lane): floor for granule, lane, floor in said["floors"]}
        granted = {code_of(key, *row) for row in said["grants"] if row[3] >= floors.get((row[0], row[2]), 0)}
        return granted | {
            code_of(key, granule, length, lane, floors.get((granule, lane), 0) + ahead)
            for granule, lengths, lanes in said["sellable"]
            if granule < self.school.slot(20).granules.start
            for length in lengths
            for lane in range(2)
            if lanes >> lane & 1
            for ahead in range(3)
        }

    def holders(self) -> list[UUID]:
        """Who has a right that is not taken back, by booking."""
        rows = self.school.rows(sa.select(Grant.holder).where(Grant.withdrawn_at.is_(None)))
        alive = {row.holder for row in rows}
        return [holder for holder in self.sold if holder in alive]

    def one_lock(self, point: int) -> str | None:
        """The state of the lock on an access point, dead ones apart."""
        rows = self.school.rows(
            sa.select(Lock.state).where(Lock.access_point_id == point, Lock.state != "dead")
        )
        return rows[0].state if rows else None

    def serves(self, point: int) -> bool:
        return point in self.locks and self.one_lock(point) in ("provisioned", "active")

    def speak(self, point: int) -> None:
        self.school.contact(self.locks[point])
        if self.one_lock(point) is None:
            # It was being wiped, and has proved that it is empty.
            del self.locks[point]


TestDoors = Doors.TestCase
TestDoors.settings = settings(
    max_examples=12, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
)
