"""One part is wrong, and the promise it breaks notices; with the right part the same story passes."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.database import Base, Database
from core.window import Window
from firmware_sim.core import stimuli
from locks.models import DesiredVersion, Lock, LockEvent
from tests.bench.histories.server import Reply
from tests.bench.histories.steps_server import StepsServer
from tests.servers.schema import sqlite_url
from tests.simulation.door import SimulatedDoor
from tests.simulation.one_door import LEFT, OneDoor, instant
from tests.simulation.oracle import Violated
from tests.simulation.promises_of_a_door import Ticket

HALF = frozenset({LEFT})
OTHERS_ROOT = bytes(32)


class SellsBlindly(StepsServer):
    def may_sell(self, window: Window, courts: frozenset[int], *, now: datetime) -> bool:
        return True


class ForgetsToWithdraw(StepsServer):
    def withdraw(self, holder: object, *, now: datetime) -> None:
        """Nothing."""


class DropsEvents(StepsServer):
    def hear(self, hello: bytes, *, now: datetime) -> Reply | None:
        reply = super().hear(hello, now=now)
        with self.transaction() as session:
            session.execute(sa.delete(LockEvent).where(LockEvent.seq == 2))
        return reply


class KeepsItToItself(StepsServer):
    """Publishes nothing after the first version."""

    def publications(self, *, now: datetime) -> list[str]:
        found = super().publications(now=now)
        return found if self.lock().applied_version == 0 else []

    def hear(self, hello: bytes, *, now: datetime) -> Reply | None:
        reply = super().hear(hello, now=now)
        if reply is None or self.lock().applied_version == 0:
            return reply
        return Reply(reply.welcome, None)


class TrustsTheBroker(StepsServer):
    """Takes what a broker has taken for what the lock holds."""

    def publications(self, *, now: datetime) -> list[str]:
        found = super().publications(now=now)
        with self.transaction() as session:
            newest = sa.select(sa.func.max(DesiredVersion.grants_until)).scalar_subquery()
            session.execute(
                sa.update(Lock).values(applied_version=Lock.desired_version, applied_grants_until=newest)
            )
        return found


class BelievesOldHellos(StepsServer):
    def hear(self, hello: bytes, *, now: datetime) -> Reply | None:
        with self.transaction() as session:
            session.execute(sa.update(Lock).values(last_n=0, applied_version=0))
        return super().hear(hello, now=now)


class FastClock(SimulatedDoor):
    def wall_ms(self) -> int:
        return super().wall_ms() + 3_600_000


class ForgetsBurns(SimulatedDoor):
    def _step(self, stimulus: stimuli.Stimulus) -> None:
        self.state.burns.clear()
        super()._step(stimulus)


class OldFlash(SimulatedDoor):
    """Comes back from a power cut with the first image that it ever wrote whole."""

    _first: bytes | None = None

    def _write(self, image: bytes) -> None:
        super()._write(image)
        if self._first is None and self.state.desired.version == 1:
            self._first = image

    def cut_power(self, *, is_clock_kept: bool) -> None:
        self._flash = self._first
        super().cut_power(is_clock_kept=is_clock_kept)


class WaitsForNobody(SimulatedDoor):
    """Takes any welcome for a confirmation, however long ago it was asked for."""

    def _step(self, stimulus: stimuli.Stimulus) -> None:
        self.state.welcome_asked_at = float("inf")
        super()._step(stimulus)


def sold(life: OneDoor, index: int = 1) -> Ticket:
    ticket = life.book(life.start_at(index), 4, HALF)
    assert ticket is not None
    life.run(5)
    return ticket


def take_four_times_while_cut_off(life: OneDoor) -> None:
    life.set_network(radio=False)
    for _ in range(3):
        life.cancel(sold(life))
    ticket = life.book(life.start_at(1), 4, HALF)
    if ticket is not None:
        life.until(ticket.opens)
        life.run(120)
        life.visit(ticket)


def come_early(life: OneDoor) -> None:
    ticket = sold(life)
    life.contact()
    assert ticket.window is not None
    life.until(instant(ticket.window.granules.start, -1800))
    life.set_network(radio=False)
    life.visit(ticket)


def come_after_a_cancellation(life: OneDoor) -> None:
    ticket = sold(life)
    life.contact()
    life.cancel(ticket)
    life.contact()
    life.until(ticket.opens)
    life.run(120)
    life.visit(ticket)


def come_after_a_later_party(life: OneDoor) -> None:
    life.set_network(radio=False)
    first = sold(life)
    life.cancel(first)
    second = sold(life)
    life.until(first.opens)
    life.run(120)
    life.visit(second)
    life.visit(first)


def visit_and_check(life: OneDoor) -> None:
    ticket = sold(life)
    life.until(ticket.opens)
    life.run(120)
    life.visit(ticket)
    life.run(60)
    life.check()


def sell_and_heal(life: OneDoor) -> None:
    sold(life)
    life.heal()


def sell_while_cut_off_and_check(life: OneDoor) -> None:
    life.set_network(radio=False)
    sold(life)
    life.check()


def say_old_hellos_again(life: OneDoor) -> None:
    sold(life)
    life.contact()
    life.check()
    life.replay()
    life.check()


def lose_power_and_check(life: OneDoor) -> None:
    sold(life)
    life.contact()
    life.check()
    life.set_network(radio=False)
    life.lose_power(is_clock_kept=True)
    life.check()


def sell_while_a_welcome_is_on_its_way(life: OneDoor) -> None:
    life.until(instant(life.start_at(1), 600))
    withheld: list[Callable[[], object]] = []
    really_down, really_hear = life.channel.publish_down, life.channel.hear
    bought: list[Ticket] = []

    def publish_down(lock: str, tail: str, payload: str, *, retain: bool) -> bool:
        if tail == "welcome" and not withheld:
            withheld.append(lambda: really_down(lock, tail, payload, retain=retain))
            ticket = life.book(life.start_at(0), 4, HALF)
            assert ticket is not None
            bought.append(ticket)
            return True
        return really_down(lock, tail, payload, retain=retain)

    life.channel.publish_down = publish_down  # type: ignore[method-assign]
    life.door.sync()
    life.run(3)
    life.channel.hear = really_hear
    life.agenda.after(1.5, "welcome", withheld[0])
    life.visit(bought[0])


CASES: list[tuple[Callable[[OneDoor], None], dict[str, Any], str]] = [
    (take_four_times_while_cut_off, {"make_server": SellsBlindly}, "paid means in"),
    (sell_while_a_welcome_is_on_its_way, {"make_door": WaitsForNobody}, "paid means in"),
    (come_early, {"make_door": FastClock}, "window"),
    (come_after_a_cancellation, {"make_server": ForgetsToWithdraw}, "cancelled"),
    (come_after_a_later_party, {"make_door": ForgetsBurns}, "burn"),
    (visit_and_check, {"make_server": DropsEvents}, "log"),
    (sell_and_heal, {"make_server": KeepsItToItself}, "equal"),
    (sell_while_cut_off_and_check, {"make_server": TrustsTheBroker}, "honest screens|applied"),
    (say_old_hellos_again, {"make_server": BelievesOldHellos}, "applied"),
    (lose_power_and_check, {"make_door": OldFlash}, "applied"),
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_url(tmp_path / "door.sqlite3"))
    Base.metadata.create_all(opened.engine)
    yield opened
    opened.dispose()


@pytest.mark.parametrize(("story", "planted", "promise"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_planted_defect_breaks_its_promise_and_the_right_part_keeps_it(
    story: Callable[[OneDoor], None], planted: dict[str, Any], promise: str, database: Database
) -> None:
    right = OneDoor(database, 5)
    story(right)
    right.check()
    with pytest.raises(Violated, match=promise):
        story(OneDoor(database, 5, **planted))


def test_a_forgery_opens_nothing_unless_it_is_signed_with_the_locks_own_secret(database: Database) -> None:
    """Whoever holds the broker, and has cut the server off."""
    life = OneDoor(database, 5)
    life.set_network(server=False)
    held = life.door.state.desired
    life.guess(life.forge(OTHERS_ROOT))
    assert life.door.state.dropped
    assert life.door.state.desired is held
    life.heal()
    life = OneDoor(database, 5)
    life.set_network(server=False)
    with pytest.raises(Violated, match="not yours means out"):
        life.guess(life.forge(life.secrets.root))
