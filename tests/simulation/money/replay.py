"""Every order, subset and repetition of a story's messages, by walking all states that they can lead to.

A state is our database, Stripe's, and how far the story is. From each, either the story goes on, or one of
the messages not yet had comes in; the worker runs after both. Time stands still meanwhile except where the
story moves it, so two ways to the same set of messages are either in exactly the same state, and need only
one future, or the walk has found what order does. Every order of n messages is a path of this walk: n! paths
over at most 2^n states for each step of the story.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from booking.reservations.models import Claim, Reservation
from core.database import Base
from payments.book_models import StripeMovement
from payments.case_models import Case, Dispute
from payments.models import LedgerEntry, Payment, PaymentItem, Refund, WebhookEvent
from payments.sandbox.store import Body
from payments.sandbox.webhooks import signature
from tests.integration.booking.town import NOW, at, window
from tests.simulation.clock import VirtualClock
from tests.simulation.crashes import TownDatabase
from tests.simulation.money.office import Office
from tests.simulation.money.places import build_gyms
from tests.simulation.money.stories import Story
from tests.simulation.money.stripe_here import WEBHOOK_SECRET, StripeHere

MONEY: tuple[type[Base], ...] = (Reservation, Claim, Payment, PaymentItem, Refund, Dispute, Case, LedgerEntry)
"""What must end the same."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STRIPES = re.compile(r"\b(cs_test|pi|ch|re|dp|txn|evt|pm|req)_[0-9A-Za-z_]{8,}")
_PATIENCE = (1, 30, 60, 600, 1800, 3600, 6 * 3600, 86400, 86400)
"""Seconds the worker is given, one after another, until nothing is left to do."""


class _Clock(VirtualClock):
    """One that can go back, with everything else."""

    def set_to(self, at: datetime) -> None:
        self._at = at


class Telling:
    """One reservation, held and on its card page, in a town of its own."""

    def __init__(self, url: str, seed: str = "story") -> None:
        self.clock = _Clock(NOW)
        self.database = TownDatabase(url)
        self.stripe = StripeHere(self.clock, seed)
        self.gyms = build_gyms(self.database, gyms=1)
        self.office = Office(self.database, self.stripe, self.clock, self.gyms)
        held = self.office.hold(
            group=self.gyms.groups[1],
            offering=self.gyms.offerings[1],
            window=window(10, 12, at(0).date() + timedelta(days=14)),
            key="story-of-one-reservation",
        )
        self.reservation_id = held.id
        self.session_id = self.office.start_paying(held.id)
        with self.database.reading() as session:
            self.payment_id = session.scalars(sa.select(Payment.id)).one()

    def close(self) -> None:
        """Let go of both databases."""
        self.database.dispose()
        self.stripe.store.close()

    def messages(self) -> list[Body]:
        """Everything that Stripe has had to tell so far, in its order."""
        found = self.stripe.store.rows(
            "SELECT body FROM objects JOIN deliveries ON event_id = objects.id ORDER BY deliveries.id"
        )
        return [json.loads(row[0]) for row in found]

    def take(self, message: Body) -> None:
        """One message comes in at our endpoint."""
        payload = json.dumps(message, ensure_ascii=False)
        stamp = int(self.clock.now().timestamp())
        assert self.stripe.tell(payload.encode(), signature(payload, WEBHOOK_SECRET, stamp)) == 200

    def work(self) -> None:
        """The worker, until nothing is due at this instant."""
        for _ in range(6):
            due, now = self.office.due_at(), self.clock.now()
            ready = [job for table, job in self.office.jobs().values() if table in due and due[table] <= now]
            if not ready:
                return
            for job in ready:
                job()

    def rest(self) -> None:
        """No further message ever comes, and days pass."""
        for seconds in _PATIENCE:
            self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))
            self.work()
            for job in self.office.rare_jobs().values():
                job()
        self.office.settle_books()

    def end(self) -> str:
        """The money as it is, without times, counters of tries, and names drawn by chance."""
        return self._told(MONEY, is_exact=False)

    def state(self) -> tuple[str, str]:
        """All that can decide what happens next, ours and Stripe's; then the messages that were had."""
        theirs = self.stripe.store.rows("SELECT kind, body, due_at FROM objects WHERE kind <> 'event'")
        plain = sorted(_plain(f"{kind} {body} {due}") for kind, body, due in theirs)
        ours = self._told((*MONEY, StripeMovement), is_exact=True)
        return "\n".join((ours, *plain)), self._told((WebhookEvent,), is_exact=True)

    def _told(self, kinds: tuple[type[Base], ...], *, is_exact: bool) -> str:
        lines = []
        with self.database.reading() as session:
            for kind in kinds:
                rows = session.execute(_ROWS_OF[kind]).mappings()
                lines += [f"{kind.__tablename__} {_line(row, is_exact)}" for row in rows]
        return "\n".join(sorted(lines))


_ALL: tuple[type[Base], ...] = (*MONEY, StripeMovement, WebhookEvent)
_ROWS_OF = {kind: sa.select(kind.__table__) for kind in _ALL}
_TRIES = ("attempts", "last_error", "round", "times_seen", "detail", "id", "line", "funds_due_at")
"""How it came, not what came: `funds_due_at` is null where a voucher was paid before anybody looked."""


def _line(row: Any, is_exact: bool) -> str:
    kept = {
        name: value
        for name, value in row.items()
        if (
            name not in ("id", "result")
            if is_exact
            else name not in _TRIES and not isinstance(value, datetime)
        )
    }
    return _plain(json.dumps(kept, default=str, ensure_ascii=False, sort_keys=True))


def _plain(text: str) -> str:
    """Without names that chance has drawn."""
    return _STRIPES.sub(r"\1", _UUID.sub("uuid", text))


@dataclass(slots=True)
class _Kept:
    """A state to come back to."""

    ours: sqlite3.Connection
    theirs: sqlite3.Connection
    at: datetime
    told: int
    had: frozenset[int]


@dataclass(slots=True)
class Walked:
    """What a walk over a story found."""

    states: int = 0
    messages: int = 0
    repeats: int = 0
    ends: dict[str, frozenset[int]] = field(default_factory=dict)
    """Each end, with one set of messages that leads to it."""
    odd: list[str] = field(default_factory=list)
    """Repeated messages that changed something."""


class Walk:
    """All states of one story on one SQLite database."""

    def __init__(self, url: str, story: Story, *, is_interleaved: bool = True) -> None:
        self._telling = Telling(url)
        self._story = story
        self._is_interleaved = is_interleaved
        """Else the whole story is told first, and its last news is in the messages."""
        self._seen: set[tuple[int, frozenset[int], tuple[str, str]]] = set()
        self._rested: set[tuple[str, str]] = set()
        self.found = Walked()

    def run(self) -> Walked:
        """Walk from the first to the last state."""
        try:
            waiting = [self._begin()]
            while waiting:
                waiting += self._go_on(waiting.pop())
        finally:
            self._telling.close()
        return self.found

    def _begin(self) -> _Kept:
        steps = () if self._is_interleaved else self._story.steps
        for number, step in enumerate(steps, 1):
            step(self._telling)
            if number < len(steps):
                self._telling.work()
        return self._keep(len(steps), frozenset())

    def _go_on(self, kept: _Kept) -> Iterator[_Kept]:
        self._restore(kept)
        telling = self._telling
        count = len(telling.messages())
        self.found.messages = max(self.found.messages, count)
        if kept.told < len(self._story.steps):
            self._story.steps[kept.told](telling)
            telling.work()
            yield from self._new(kept.told + 1, kept.had)
        for number in sorted(set(range(count)) - kept.had):
            self._restore(kept)
            telling.take(telling.messages()[number])
            telling.work()
            yield from self._new(kept.told, kept.had | {number})
        self._repeat(kept)
        if kept.told == len(self._story.steps):
            self._restore(kept)
            self._rest(kept.had)

    def _rest(self, had: frozenset[int]) -> None:
        """No more messages: where only such differ as nobody will look at again, the future is one."""
        money, messages = self._telling.state()
        parked = "\n".join(line for line in messages.splitlines() if '"next_due_at": null' not in line)
        if (money, parked) in self._rested:
            return
        self._rested.add((money, parked))
        self._telling.rest()
        self.found.ends.setdefault(self._telling.end(), had)

    def _repeat(self, kept: _Kept) -> None:
        """A message that was had comes again, the last one: nothing changes."""
        if not kept.had:
            return
        self._restore(kept)
        before = self._telling.state()
        number = max(kept.had)
        self._telling.take(self._telling.messages()[number])
        self._telling.work()
        self.found.repeats += 1
        if self._telling.state() != before:
            self.found.odd.append(f"message {number} again after {sorted(kept.had)}")

    def _new(self, told: int, had: frozenset[int]) -> Iterator[_Kept]:
        name = (told, had, self._telling.state())
        if name not in self._seen:
            self._seen.add(name)
            self.found.states += 1
            yield self._keep(told, had)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        raw = self._telling.database.engine.raw_connection()
        try:
            connection = raw.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            yield connection
        finally:
            raw.close()

    def _keep(self, told: int, had: frozenset[int]) -> _Kept:
        ours, theirs = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
        with self._connection() as connection:
            connection.backup(ours)
        self._telling.stripe.store.copy_to(theirs)
        return _Kept(ours, theirs, self._telling.clock.now(), told, had)

    def _restore(self, kept: _Kept) -> None:
        telling = self._telling
        with self._connection() as connection:
            kept.ours.backup(connection)
        telling.stripe.store.copy_from(kept.theirs)
        telling.clock.set_to(kept.at)


def wander(url: str, story: Story, random: Random) -> str:
    """One way through a story on any database, messages by chance late, twice or never; its end."""
    telling = Telling(url)
    try:
        steps = list(story.steps)
        while steps or random.random() < 0.85:
            messages = telling.messages()
            if steps and (not messages or random.random() < 0.3):
                steps.pop(0)(telling)
            elif messages:
                telling.take(random.choice(messages))
            if random.random() < 0.7:
                telling.work()
        telling.rest()
        return telling.end()
    finally:
        telling.close()
