"""One door on the real server steps, whose every promise is checked whenever somebody asks.

Who drives it, a random machine or a told story, calls the acts; `check` and each visit raise `Violated`.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random

from core.clock import civil_day, start_of_day
from core.database import Database
from core.window import Window, granule_of, granule_start
from firmware_sim.core.primitives import code_of as firmware_code_of
from locks.callbacks import Sellable
from locks.envelope import DESIRED, HELLO, seal, to_json
from locks.keys import subkey
from tests.bench.histories.gateway import Gateway
from tests.bench.histories.server import Secrets
from tests.bench.histories.steps_server import StepsServer
from tests.simulation.channel import Channel
from tests.simulation.clock import Agenda, VirtualClock
from tests.simulation.door import SimulatedDoor, Verdict
from tests.simulation.oracle import Violated
from tests.simulation.promises_of_a_door import Promises, Ticket

BEGIN = start_of_day(date(2026, 11, 21)) + timedelta(hours=9)
EARLY, LATE = timedelta(seconds=600), timedelta(seconds=900)
LEFT, RIGHT = 1, 2


class RoundTheClock:
    """Every two hours one or two bands of two hours, halves and whole, less what is closed."""

    def __init__(self) -> None:
        self.closed: set[int] = set()

    def windows(self, *, first: int, last: int, now: datetime) -> list[Sellable]:
        """As `locks` asks for them."""
        return [
            Sellable(granule, length, courts)
            for granule in range(first + -first % 4, last, 4)
            for length in (4, 8)
            for courts in (frozenset({LEFT}), frozenset({RIGHT}), frozenset({LEFT, RIGHT}))
            if not self.closed.intersection(range(granule, granule + length))
        ]


class OneDoor:
    """A gym of two courts, its lock, the server, and an oracle of what people were given."""

    def __init__(
        self,
        database: Database,
        seed: int,
        *,
        make_server: Callable[..., StepsServer] = StepsServer,
        make_door: Callable[..., SimulatedDoor] = SimulatedDoor,
    ) -> None:
        self.random = Random(seed)
        self.clock = VirtualClock(BEGIN)
        self.agenda = Agenda(self.clock)
        self.coverage: Counter[str] = Counter()
        self.offers = RoundTheClock()
        self.secrets = Secrets.of(seed)
        self.server = make_server(database, self.secrets, self.offers, BEGIN)
        self.channel = Channel(self.agenda, self.random, self.coverage)
        self.gateway = Gateway(self.secrets.lock, self.server, self.channel, self.agenda, self.clock)
        self.door = make_door(
            "gym",
            self.secrets.lock,
            self.secrets.root,
            self.secrets.code_root,
            clock=self.clock,
            agenda=self.agenda,
            channel=self.channel,
            random=self.random,
        )
        self.tickets: list[Ticket] = []
        self.staff: list[Ticket] = []
        self.promises = Promises(self.server, self.door, self.tickets, self.coverage)
        self._overnight()
        self.gateway.publish()
        self.door.power_up()
        self.run(60)

    @property
    def now(self) -> datetime:
        """The true time."""
        return self.clock.now()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.until(self.now + timedelta(seconds=seconds))

    def until(self, end: datetime) -> None:
        """Let time pass up to an instant."""
        while (at := self.agenda.next_at()) is not None and at <= end:
            self.agenda.pop().act()
        self.clock.move_to(end)

    def book(self, granule: int, length: int, courts: frozenset[int]) -> Ticket | None:
        """Sold, where it is free, on offer and the selling rule lets."""
        window = Window.of_granules(granule, length)
        if self._is_taken(window, courts) or self.offers.closed.intersection(window.granules):
            return None
        if not self.server.may_sell(window, courts, now=self.now):
            self.coverage["not sold"] += 1
            return None
        horizon = self.server.lock().applied_horizon
        sold = self.server.issue(window, courts, now=self.now)
        if sold is None:
            return None
        opens, closes = window.starts_at - EARLY, window.ends_at + LATE
        ticket = Ticket(sold.code, opens, closes, self.now, sold, window, courts, granule >= horizon)
        self.tickets.append(ticket)
        self.gateway.changed()
        self.coverage["sold beyond the horizon" if ticket.is_beyond else "sold"] += 1
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Given back."""
        if ticket.ended_at is None and ticket.sold is not None:
            ticket.ended_at = self.now
            self.server.withdraw(ticket.sold.holder, now=self.now)
            self.gateway.changed()

    def close(self, granules: range, *, is_closed: bool) -> None:
        """Nothing is offered there, or it is again; what was sold stays sold."""
        if is_closed:
            self.offers.closed |= set(granules)
        else:
            self.offers.closed -= set(granules)
        self.server.offer_changed(now=self.now)
        self.gateway.changed()

    def give_staff_code(self, hours: float) -> None:
        """A caretaker may enter from now on."""
        until = self.now + timedelta(hours=hours)
        code = self.server.give_staff_code(len(self.staff), until, now=self.now)
        self.staff.append(Ticket(code, self.now, until, self.now))
        self.gateway.changed()

    def rotate_mac_epoch(self) -> None:
        """The next message keys are announced."""
        self.server.rotate_mac_epoch(now=self.now)
        self.gateway.changed()

    def contact(self) -> None:
        """Somebody presses the service button."""
        self.door.sync()
        self.run(40)

    def set_network(self, *, radio: bool = True, server: bool = True) -> None:
        """What is up."""
        if not radio:
            self.channel.cut(self.door)
        else:
            self.channel.cut_off.clear()
        if server and not self.gateway.is_up:
            self.gateway.come_back()
        self.gateway.is_up = server
        self.run(1)

    def lose_power(self, *, is_clock_kept: bool, at_write: int | None = None) -> None:
        """Now, or in the middle of the n-th flash write from now."""
        if at_write is not None:
            self.door.cut_at_write = at_write
        else:
            self.door.cut_power(is_clock_kept=is_clock_kept)
            self.run(25)

    def forge(self, root: bytes) -> str:
        """Whoever holds `root` speaks as the server and as the lock; the code that the forgery would let in.

        The lock is told of a grant at the present hour, the server of a version far ahead.
        """
        lock, granule = self.secrets.lock, granule_of(self.now)
        version = self.server.lock().desired_version + 3
        epoch = self.server.lock().mac_epoch
        claims = {
            "v": 1, "lock": lock, "version": version, "issued_at": int(self.now.timestamp()),
            "lease_until": int(self.now.timestamp()) + 10**6, "epoch": 0, "horizon": granule + 9,
            "sellable": [], "grants": [[granule, 2, 31, 0]], "floors": [], "staff": [],
            "config": {
                "early": 600, "late": 900, "auto_relock": 30, "door_ajar": 600, "wrong_code_limit": 5,
                "wrong_code_refill": 180, "operating_mode": "normal",
            },
        }  # fmt: skip
        down, up = subkey(root, "down", epoch), subkey(root, "up", epoch)
        jws = seal(to_json(claims), key=down, lock=lock, direction="down", mac_epoch=epoch, typ=DESIRED)
        hello = to_json({"v": 1, "lock": lock, "n": 10**9, "applied": version, "digest": "0" * 64})
        self.channel.publish_down(lock, "desired", jws, retain=True)
        forged = seal(hello, key=up, lock=lock, direction="up", mac_epoch=epoch, typ=HELLO)
        self.channel.hear(lock, forged.encode())
        return firmware_code_of(subkey(self.secrets.code_root, "code", 0), granule, 2, 31, 0)

    def replay(self) -> None:
        """Whatever the lock has said lately reaches the server once more, newest first."""
        for hello in reversed(self.gateway.heard):
            self.channel.hear(self.secrets.lock, hello)

    def visit(self, ticket: Ticket) -> Verdict | None:
        """Somebody types a code; None where the power went."""
        verdict = self._enter(ticket.code)
        if verdict is not None:
            self.promises.judge(ticket, verdict)
        return verdict

    def guess(self, code: str) -> None:
        """A stranger types."""
        if any(code == ticket.code for ticket in [*self.tickets, *self.staff]):
            return
        verdict = self._enter(code)
        if verdict is not None and verdict.opens:
            raise Violated("not yours means out", f"opened for {code}, which nobody was given")

    def check(self) -> None:
        """What must be true at any moment."""
        self.promises.check(self.now)

    def heal(self) -> None:
        """No more faults: within two contacts both sides say the same."""
        self.channel.fault_rate, self.door.cut_at_write = 0.0, None
        self.set_network()
        self.run(60)
        for _ in range(2):
            self.contact()
        self.promises.must_be_equal(self.now)
        self.check()

    def _enter(self, code: str) -> Verdict | None:
        for _ in range(8):
            if self.door.is_free:
                break
            self.run(15)
        seen = len(self.door.verdicts)
        self.door.press(code)
        self.run(2)
        self.door.press("#")
        self.run(10)
        if len(self.door.verdicts) == seen:
            return None
        verdict = self.door.verdicts[seen]
        self.coverage[verdict.outcome + (":offline" if verdict.offline else "")] += 1
        return verdict

    def _is_taken(self, window: Window, courts: frozenset[int]) -> bool:
        return any(
            ticket.ended_at is None
            and ticket.courts & courts
            and ticket.window is not None
            and set(ticket.window.granules) & set(window.granules)
            for ticket in self.tickets
        )

    def _overnight(self) -> None:
        """The worker's daily turn."""
        self.server.roll(now=self.now)
        self.gateway.changed()
        tomorrow = start_of_day(civil_day(self.now) + timedelta(days=1))
        self.agenda.at(tomorrow + timedelta(seconds=30), "roll", self._overnight)

    def start_at(self, index: int) -> int:
        """The start `index` bands after the one that holds the present instant."""
        granule = granule_of(self.now)
        return granule - granule % 4 + 4 * index


def instant(granule: int, seconds: float) -> datetime:
    """`seconds` after the begin of a granule."""
    return (granule_start(granule) + timedelta(seconds=seconds)).astimezone(UTC)
