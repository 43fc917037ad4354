"""Whatever is booked and cancelled in whatever order, revs and codes keep their promises."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.database import Base, Database
from locks import desired_state, standing
from locks.codes import is_weak
from locks.models import DesiredVersion, Grant
from tests.integration.locks.conftest import LEFT, NOW, RIGHT, School
from tests.integration.locks.door import Door

COURTS = st.sampled_from([(LEFT,), (RIGHT,), (LEFT, RIGHT)])


class Town(RuleBasedStateMachine):
    """A gym that is booked, cancelled and visited by its lock."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name) / 'town.sqlite3'}")
        Base.metadata.create_all(self.database.engine)
        self.school = School(self.database)
        self.door: Door = self.school.fit()
        self.live: list[UUID] = []
        self.seen: set[tuple[int, int, int]] = set()

    def teardown(self) -> None:
        self.database.dispose()
        self.folder.cleanup()

    @rule(courts=COURTS, hours=st.integers(0, 8), length=st.sampled_from([1, 4, 8, 60]))
    def book(self, courts: tuple[int, ...], hours: int, length: int) -> None:
        holder = self.school.issue(self.school.slot(hours, length), courts)
        self.live.append(holder)
        for grant in self.school.rows(
            sa.select(Grant.granule, Grant.lane, Grant.rev).where(Grant.holder == holder)
        ):
            assert tuple(grant) not in self.seen
            self.seen.add(tuple(grant))

    @rule(which=st.integers(0, 99))
    def cancel(self, which: int) -> None:
        if self.live:
            self.school.withdraw(self.live.pop(which % len(self.live)))

    @rule()
    def visit(self) -> None:
        self.school.contact(self.door)
        with self.database.reading() as session:
            told = standing.standings_of(session, holders=self.live, now=self.school.now)
        # Told, or over: a visit leaves nothing pending.
        assert set(told.values()) <= {standing.Standing.ON_THE_LOCK, standing.Standing.GONE}

    @rule(hours=st.integers(1, 5))
    def wait(self, hours: int) -> None:
        if self.school.now < NOW + timedelta(hours=12):
            self.school.clock.at += timedelta(hours=hours)

    @invariant()
    def no_two_live_codes_that_are_open_together_are_equal_or_weak(self) -> None:
        shown = []
        with self.database.reading() as session:
            for holder in self.live:
                shown += standing.codes_of(session, self.school.keyring, holder=holder, now=self.school.now)
        assert not any(is_weak(code.code) for code in shown)
        for number, one in enumerate(shown):
            for other in shown[:number]:
                together = one.opens_from <= other.opens_until and other.opens_from <= one.opens_until
                assert not together or one.code != other.code

    @invariant()
    def the_rows_give_the_same_octets_again(self) -> None:
        first = self.built(self.school.now)
        with self.database.transaction() as session:
            stored = session.get_one(DesiredVersion, (self.door.id, first.version))
            built_at = stored.built_at
            session.delete(stored)
        assert self.built(built_at) == first

    def built(self, now: datetime) -> desired_state.StoredVersion:
        with self.database.transaction() as session:
            return desired_state.build(
                session, self.school.keyring, self.school.callbacks, lock_id=self.door.id, now=now
            )


TestTown = Town.TestCase
TestTown.settings = settings(
    max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
