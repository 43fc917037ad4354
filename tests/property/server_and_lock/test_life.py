"""A door's life at random, on the real server steps and the real lock core; its promises hold throughout."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.database import Base, Database
from tests.servers.schema import sqlite_url
from tests.simulation.one_door import LEFT, RIGHT, OneDoor, instant
from tests.simulation.promises_of_a_door import Ticket

COURTS = st.sampled_from([frozenset({LEFT}), frozenset({RIGHT}), frozenset({LEFT, RIGHT})])
MINUTE, HOUR, DAY = 60, 3600, 86400
OTHERS_ROOT = bytes(32)


class DoorLife(RuleBasedStateMachine):
    """Acts at random; what must hold is in `OneDoor`, which knows people, not protocols."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(sqlite_url(Path(self.folder.name) / "door.sqlite3"))
        Base.metadata.create_all(self.database.engine)
        self.life: OneDoor

    @initialize(seed=st.integers(0, 2**32))
    def install(self, seed: int) -> None:
        self.life = OneDoor(self.database, seed)

    def teardown(self) -> None:
        try:
            if hasattr(self, "life"):
                self.life.heal()
        finally:
            self.database.dispose()
            self.folder.cleanup()

    # Mostly the present and the next start: revisions only meet where people want the same hour.
    @rule(index=st.sampled_from([0, 1, 1, 2, 12, 12 * 20]), length=st.sampled_from([4, 8]), courts=COURTS)
    def book(self, index: int, length: int, courts: frozenset[int]) -> None:
        self.life.book(self.life.start_at(index), length, courts)

    @rule(times=st.sampled_from([0, 0, 1, 2, 3, 4]), courts=COURTS, seconds=st.sampled_from([1, 20, 600]))
    def rush(self, times: int, courts: frozenset[int], seconds: int) -> None:
        """The running band, perhaps taken and given back before; whoever has it at last comes at once."""
        start = self.life.start_at(0)
        for _ in range(times):
            ticket = self.life.book(start, 4, courts)
            if ticket is not None:
                self.life.run(seconds)
                self.life.cancel(ticket)
        ticket = self.life.book(start, 4, courts)
        if ticket is not None:
            self.life.run(seconds)
            self.life.visit(ticket)

    @precondition(lambda self: self.live())
    @rule(back=st.integers(1, 6))
    def cancel(self, back: int) -> None:
        live = self.live()
        self.life.cancel(live[-min(back, len(live))])

    @rule(index=st.integers(0, 3), is_closed=st.booleans())
    def close_or_open(self, index: int, is_closed: bool) -> None:
        first = self.life.start_at(index)
        self.life.close(range(first, first + 4), is_closed=is_closed)

    @rule()
    def contact(self) -> None:
        self.life.contact()

    @precondition(lambda self: self.inside())
    @rule(back=st.integers(1, 4))
    def come_back(self, back: int) -> None:
        """With a code whose window holds the present instant, valid or taken back."""
        inside = self.inside()
        self.life.visit(inside[-min(back, len(inside))])

    @precondition(lambda self: self.live())
    @rule(back=st.integers(1, 4), where=st.sampled_from(["before", "early", "in", "in", "last", "after"]))
    def come_for_a_slot(self, back: int, where: str) -> None:
        live = self.live()
        ticket = live[-min(back, len(live))]
        assert ticket.window is not None
        granules = ticket.window.granules
        at = {
            "before": instant(granules.start, -11 * MINUTE),
            "early": instant(granules.start, -9 * MINUTE),
            "in": instant(granules.start, 20 * MINUTE),
            "last": instant(granules.stop, 13 * MINUTE),
            "after": instant(granules.stop, 16 * MINUTE),
        }[where]
        if self.life.now < at:
            self.life.until(at)
        self.life.visit(ticket)

    @rule(digits=st.text("0123456789", min_size=8, max_size=8), times=st.sampled_from([1, 1, 1, 6]))
    def guess(self, digits: str, times: int) -> None:
        for _ in range(times):
            self.life.guess(digits)

    @rule(hours=st.sampled_from([1, 30]), has_contact=st.booleans())
    def staff_come(self, hours: int, has_contact: bool) -> None:
        if len(self.life.staff) < 3:
            self.life.give_staff_code(hours)
        if has_contact:
            self.life.contact()
        for ticket in self.life.staff:
            self.life.visit(ticket)

    @rule(seconds=st.sampled_from([5, 5 * MINUTE, 16 * MINUTE, 2 * HOUR, 13 * HOUR, 27 * HOUR, 4 * DAY]))
    def wait(self, seconds: int) -> None:
        self.life.run(seconds)

    @rule(up=st.sampled_from([(True, True), (True, True), (False, True), (True, False)]))
    def change_network(self, up: tuple[bool, bool]) -> None:
        self.life.set_network(radio=up[0], server=up[1])

    @rule(rate=st.sampled_from([0.0, 0.1, 0.4]))
    def change_weather(self, rate: float) -> None:
        """Messages are lost, doubled, held back, reordered and replayed."""
        self.life.channel.fault_rate = rate

    @rule(is_clock_kept=st.sampled_from([True, True, False]), write=st.sampled_from([None, 0, 1, 2, 3, 5]))
    def lose_power(self, is_clock_kept: bool, write: int | None) -> None:
        self.life.lose_power(is_clock_kept=is_clock_kept, at_write=write)

    @rule(what=st.sampled_from(["rotate", "forge", "forge", "replay"]))
    def attack_or_rotate(self, what: str) -> None:
        if what == "rotate":
            self.life.rotate_mac_epoch()
        elif what == "replay":
            self.life.replay()
        else:
            self.life.guess(self.life.forge(OTHERS_ROOT))

    @invariant()
    def promises_hold(self) -> None:
        if hasattr(self, "life"):
            self.life.check()

    def live(self) -> list[Ticket]:
        return [ticket for ticket in self.life.tickets if ticket.ended_at is None]

    def inside(self) -> list[Ticket]:
        return [ticket for ticket in self.life.tickets if ticket.opens < self.life.now < ticket.closes]


profile = settings()
is_long = profile.stateful_step_count > 50
TestDoorLife = DoorLife.TestCase
TestDoorLife.settings = settings(
    max_examples=profile.max_examples if is_long else 15,
    stateful_step_count=profile.stateful_step_count if is_long else 25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
