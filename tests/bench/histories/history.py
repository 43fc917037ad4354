"""One history: a plan happens to a lock (the firmware's own core) and a server half, on a virtual clock."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from core.clock import civil_day, start_of_day
from core.window import Window, granule_start
from tests.bench.histories.gateway import Gateway
from tests.bench.histories.judge import Judge
from tests.bench.histories.plain_server import PlainServer
from tests.bench.histories.plan import LATE, SLACK, Outage, Plan, Visit, Wish, plan_of
from tests.bench.histories.server import Secrets, ServerHalf
from tests.bench.histories.timetable import Timetable
from tests.simulation.channel import Channel
from tests.simulation.clock import Agenda, VirtualClock
from tests.simulation.door import SimulatedDoor

MakeServer = Callable[[Secrets, Timetable, datetime], ServerHalf]

ENTRY_TAKES_S = 12.0
STOPS_SELLING = timedelta(minutes=30)
"""A running window is sold until so long before its end."""


@dataclass(slots=True)
class Outcome:
    """What came of a seed. `trace`: every sale, refusal and verdict in order; `odd`: what must never be."""

    seed: int
    counts: Counter[str]
    trace: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Of the trace."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def run_plain(seed: int, *, has_rule: bool = True) -> Outcome:
    """A seed on plain rows."""
    return History(plan_of(seed), PlainServer, has_rule=has_rule).run()


class _Door(SimulatedDoor):
    """Keeps no record of its log: nobody asks, and there are millions of steps."""

    def _observe(self) -> None:
        self._contact()


class _Radio(Channel):
    """A channel whose messages take up to `slowest` seconds."""

    slowest = 1.2

    def _delay(self) -> float:
        return self._random.uniform(0.05, self.slowest)


class History:
    """`has_rule` False: everything that is free is sold (the control)."""

    def __init__(self, plan: Plan, make_server: MakeServer, *, has_rule: bool = True) -> None:
        self.plan, self._has_rule = plan, has_rule
        self.clock = VirtualClock(plan.timetable.begins_at)
        self.agenda = Agenda(self.clock)
        self.outcome = Outcome(plan.seed, Counter())
        random = Random(f"weather {plan.seed}")
        self._random = random
        self._channel = _Radio(self.agenda, random, Counter())
        self._channel.slowest = plan.slowest_s
        secrets = Secrets.of(plan.seed)
        self._server = make_server(secrets, plan.timetable, self.clock.now())
        self.door = _Door(
            "gym",
            secrets.lock,
            secrets.root,
            secrets.code_root,
            clock=self.clock,
            agenda=self.agenda,
            channel=self._channel,
            random=random,
        )
        self._gateway = Gateway(secrets.lock, self._server, self._channel, self.agenda, self.clock)
        self.judge = Judge(self.outcome)
        self._claims: dict[tuple[int, int], Wish] = {}
        self._taken_until = -1.0

    def run(self) -> Outcome:
        """From the lock's first power-up to the end of the last day."""
        plan, agenda = self.plan, self.agenda
        agenda.after(1, "power", self.door.power_up)
        agenda.after(0, "publish", self._gateway.publish)
        agenda.after(240, "faults", self._let_faults_happen)
        day = civil_day(plan.timetable.begins_at) + timedelta(days=1)
        while start_of_day(day) < plan.timetable.ends_at:
            agenda.at(start_of_day(day) + timedelta(seconds=30), "roll", self._roll)
            day += timedelta(days=1)
        for change in plan.timetable.changes:
            agenda.at(change, "offer", self._offer_changed)
        for outage in plan.outages:
            self._plan_outage(outage)
        for wish in plan.wishes:
            self._plan_wish(wish)
        for at in plan.guesses:
            agenda.at(at, "guess", lambda: self._type("31415926", None, 0))
        for at in plan.power_cuts:
            agenda.at(at, "power", lambda: self.door.cut_power(is_clock_kept=True))
        while (at_next := agenda.next_at()) is not None and at_next <= plan.timetable.ends_at:
            agenda.pop().act()
        self.judge.close()
        return self.outcome

    def _plan_wish(self, wish: Wish) -> None:
        self.agenda.at(wish.at, "book", lambda: self._book(wish))
        for at in wish.touches:
            self.agenda.at(at, "touch", self._touch)
        for visit in wish.visits:
            self.agenda.at(visit.at, "visit", lambda visit=visit: self._visit(wish, visit))  # type: ignore[misc]
        if wish.cancel_at is not None:
            self.agenda.at(wish.cancel_at, "cancel", lambda: self._cancel(wish))

    def _book(self, wish: Wish) -> None:
        now, counts = self.clock.now(), self.outcome.counts
        offered = wish.offered
        window = Window.of_granules(offered.granule, offered.length)
        places = [(court, granule) for court in wish.courts for granule in window.granules]
        if not offered.is_on(now) or now > window.ends_at - STOPS_SELLING:
            counts["not on offer"] += 1
            return
        if any(place in self._claims for place in places):
            counts["taken by somebody else"] += 1
            return
        counts["asked"] += 1
        if self._has_rule and not self._server.may_sell(window, wish.courts, now=now):
            counts["refused by the selling rule"] += 1
            self._note(f"not sold {wish.number}")
            return
        sold = self._server.issue(window, wish.courts, now=now)
        if sold is None:
            counts["no rev left"] += 1
            return
        counts["sold"] += 1
        counts[f"sold {wish.kind}"] += 1
        self._claims |= dict.fromkeys(places, wish)
        self.judge.sold(wish, sold)
        self._note(f"sold {wish.number} {sold.credential} {sold.code}")
        self._gateway.changed()

    def _cancel(self, wish: Wish) -> None:
        ticket = self.judge.tickets.get(wish.number)
        if ticket is None:
            return
        self.outcome.counts["cancelled"] += 1
        ticket.cancelled_at = self.clock.now()
        self._claims = {place: other for place, other in self._claims.items() if other is not wish}
        self._server.withdraw(ticket.sold.holder, now=self.clock.now())
        self._note(f"cancelled {wish.number}")
        self._gateway.changed()

    def _touch(self) -> None:
        if self.door.is_free:
            self.door.press("7")

    def _visit(self, wish: Wish, visit: Visit) -> None:
        ticket = self.judge.tickets.get(wish.number)
        if ticket is None:
            return
        for typo in range(visit.typos):
            wrong = f"{(int(ticket.sold.code) + 1 + typo) % 10**8:08}"
            self.agenda.after(15 * typo, "typo", lambda wrong=wrong: self._type(wrong, None, 3))  # type: ignore[misc]
        self.agenda.after(15 * visit.typos, "code", lambda: self._type(ticket.sold.code, wish, 12))

    def _type(self, digits: str, wish: Wish | None, tries: int) -> None:
        """One person at the keypad at a time; whoever finds it busy comes again."""
        mono = self.clock.monotonic()
        if not self.door.is_free or self._taken_until > mono:
            if tries:
                self.agenda.after(15, "again", lambda: self._type(digits, wish, tries - 1))
            return
        self._taken_until = mono + ENTRY_TAKES_S + 1
        seen = len(self.door.verdicts)
        self.door.press(digits)
        self.agenda.after(2.5, "enter", lambda: self.door.press("#"))
        self.agenda.after(ENTRY_TAKES_S, "verdict", lambda: self._judge(seen, digits, wish, tries))

    def _judge(self, seen: int, digits: str, wish: Wish | None, tries: int) -> None:
        if len(self.door.verdicts) == seen:
            if tries:
                self.agenda.after(20, "again", lambda: self._type(digits, wish, tries - 1))
            return
        verdict = self.door.verdicts[seen]
        who = "nobody" if wish is None else wish.number
        self._note(f"{who} {verdict.outcome} {verdict.opens} {verdict.offline}")
        self.judge.verdict(wish, verdict)
        if wish is None or verdict.outcome != "throttled" or not tries:
            return
        closes = granule_start(wish.offered.granule + wish.offered.length) + LATE
        if self.clock.now() + timedelta(seconds=200) < closes - SLACK:
            self.agenda.after(200, "again", lambda: self._type(digits, wish, tries - 1))

    def _plan_outage(self, outage: Outage) -> None:
        def begin() -> None:
            if outage.kind == "radio":
                self._channel.cut(self.door)
            else:
                self._gateway.is_up = False

        def end() -> None:
            now = self.clock.now()
            if any(
                one is not outage and one.kind == outage.kind and one.begins_at <= now < one.ends_at
                for one in self.plan.outages
            ):
                return
            if outage.kind == "radio":
                self._channel.cut_off.discard(self.door.lock)
            else:
                self._gateway.come_back()

        self.agenda.at(outage.begins_at, "outage", begin)
        self.agenda.at(outage.ends_at, "back", end)

    def _let_faults_happen(self) -> None:
        self._channel.fault_rate = self.plan.fault_rate

    def _roll(self) -> None:
        self._server.roll(now=self.clock.now())
        self._gateway.changed()

    def _offer_changed(self) -> None:
        self._server.offer_changed(now=self.clock.now())
        self._gateway.changed()

    def _note(self, what: str) -> None:
        self.outcome.trace.append(f"{self.clock.monotonic():.3f} {what}")
