"""The whole of money in one process, on a virtual clock, from one seed: people, troubles, healing."""

from collections import Counter
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

import structlog

from core.errors import ContractBroken, KaihoError
from tests.integration.booking.town import NOW
from tests.integration.payments.stripe_double import Killed
from tests.simulation.clock import Agenda, VirtualClock, seeded_ids
from tests.simulation.crashes import TownDatabase
from tests.simulation.money import sums
from tests.simulation.money.office import DUE, Office
from tests.simulation.money.oracle import Watch
from tests.simulation.money.people import People
from tests.simulation.money.places import build_gyms
from tests.simulation.money.stripe_here import StripeHere
from tests.simulation.money.trouble import Trouble
from tests.simulation.oracle import Violated

T = TypeVar("T")

HEALING = timedelta(days=12)
"""Longer than a voucher, a dispute's evidence and a failed refund's longest pause together need."""
_STRIPES = ("StripeUnavailable", "StripeFailed", "StripeRejected", "TryAgain")
"""What a log line of a row put off may name; anything else is a defect of ours."""


@dataclass(slots=True)
class Outcome:
    """One run."""

    seed: int
    violation: str | None
    events: int
    coverage: Counter[str]
    figures: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    """Between the books and Stripe's, after the healing; empty: equal to the yen."""


class Proof:
    """Everything joined. Made inside `seeded_ids` and `stripe.posting`."""

    def __init__(self, url: str, seed: int, payments: int, *, a_day: int = 250) -> None:
        self.random = Random(seed)
        self.clock = VirtualClock(NOW)
        self.agenda = Agenda(self.clock)
        self.coverage: Counter[str] = Counter()
        self.events = self.refusals = 0
        self.odd: list[str] = []
        self._wanted = payments
        self.seconds_between = max(86400 / a_day, 2 * 86400 / payments)
        self.database = TownDatabase(url)
        self.stripe = StripeHere(self.clock, str(seed))
        self.gyms = build_gyms(self.database, gyms=24)
        self.watch = Watch(self.stripe)
        self.stripe.after_call = self.watch.look
        self.office = Office(self.database, self.stripe, self.clock, self.gyms)
        self.people = People(self)
        self.trouble = Trouble(self)
        self._work_at: datetime | None = None
        self._post_at: datetime | None = None

    def wants_more(self) -> bool:
        """Whether fewer have paid than are to pay."""
        return len(self.watch.paid) < self._wanted

    def live(self) -> None:
        """Until enough have paid, with all that may go wrong."""
        self.trouble.begin()
        self._rare("cases and disputes", 2.5 * 3600, self._rare_work)
        self._rare("books", 8 * 3600, self._settle_books)
        self._rare("pay out", 86400, self._pay_out)
        self.agenda.after(1, "wish", self.people.wish)
        while self.wants_more():
            self._happen()
        self.run(self.clock.now() + timedelta(hours=6))

    def recover(self) -> None:
        """Heal everything and let days pass."""
        self.trouble.heal()
        self.run(self.clock.now() + HEALING)
        self._settle_books()

    def run(self, until: datetime) -> None:
        """Let everything happen that is planned up to an instant."""
        while (at := self.agenda.next_at()) is not None and at <= until:
            self._happen()
        self.clock.move_to(until)

    def attempt(self, name: str, act: Callable[[], T]) -> T | None:
        """One process at work: its answer; None where it refused or died, which others do not notice."""
        if self.trouble.is_crash_due():
            where = self.random.choice(("statement", "before_commit", "after_commit", "call", "call"))
            if where == "call":
                self.stripe.kill_at = self.random.choice(("before", "after"))
            else:
                self.database.crash_at = (where, self.random.randrange(25))
        try:
            return act()
        except Killed as death:
            self.coverage[f"crash:{name}:{death}"] += 1
        except ContractBroken as error:
            raise Violated("contract", f"{name}: {error}") from error
        except KaihoError as refusal:
            self.refusals += refusal.code not in ("unavailable", "try_again", "stripe_unavailable")
            self.coverage[f"refused:{name}:{refusal.code}"] += 1
        finally:
            self.database.crash_at = self.stripe.kill_at = None
        return None

    def plan_work(self) -> None:
        """The worker wakes when a row is due, or a while later."""
        due = self.office.due_at()
        if not due:
            return
        wait = 900 if self.stripe.is_down else self.random.choice((20, 60, 120, 240))
        at = max(min(due.values()), self.clock.now() + timedelta(seconds=wait))
        if self._work_at is None or at < self._work_at:
            self._work_at = at
            self.agenda.at(at, "worker", lambda: self._work(at))

    def noted(self, _logger: object, _name: str, line: MutableMapping[str, Any]) -> str:
        """Takes every log line in, as the last of structlog's processors."""
        told = str(line.get("error", ""))
        if told:
            self.coverage[f"log:{line['event']}:{told.split(':')[0]}"] += 1
            if not told.startswith(_STRIPES):
                self.odd.append(f"{line['event']} {told}")
        raise structlog.DropEvent

    def _happen(self) -> None:
        event = self.agenda.pop()
        self.events += 1
        event.act()
        self.watch.look()
        if self.odd:
            raise Violated("error", self.odd[0])
        written, self.database.written = self.database.written, set()
        if not written.isdisjoint(DUE):
            self.plan_work()
        self._plan_post()

    def _work(self, planned: datetime) -> None:
        if self._work_at != planned:
            return
        self._work_at = None
        if not self.trouble.is_worker_up:
            return
        due = self.office.due_at()
        for name, (table, job) in self.office.jobs().items():
            if table in due and due[table] <= self.clock.now():
                self.coverage["worker_rows"] += self.attempt(name, job) or 0
        self.plan_work()

    def _plan_post(self) -> None:
        if self._post_at is not None and self._post_at <= self.clock.now() + timedelta(seconds=1):
            return
        at = self.stripe.next_message_at()
        if at is not None and (self._post_at is None or at < self._post_at):
            self._post_at = send_at = max(at, self.clock.now() + timedelta(seconds=1))
            self.agenda.at(send_at, "post", lambda: self._post(send_at))

    def _post(self, planned: datetime) -> None:
        if self._post_at == planned:
            self._post_at = None
            if self.trouble.is_crash_due():
                self.database.crash_at = ("statement", self.random.randrange(6))
            self.coverage["messages"] += self.stripe.deliver()
            self.database.crash_at = None

    def _rare(self, name: str, every_s: float, act: Callable[[], object]) -> None:
        def again() -> None:
            act()
            self._rare(name, every_s, act)

        self.agenda.after(every_s * (6 if self.trouble.is_healed else 1), name, again)

    def _rare_work(self) -> None:
        if self.trouble.is_worker_up:
            for name, job in self.office.rare_jobs().items():
                self.attempt(name, job)

    def _settle_books(self) -> None:
        self.attempt("settlement", self.office.settle_books)

    def _pay_out(self) -> None:
        waited = self.office.to_pay_out()
        self.attempt("pay out", self.office.pay_out)
        # Whoever's page died looks again: money is handed over where it is recorded, and only there.
        still = {refund_id for refund_id, _, _ in self.office.to_pay_out()}
        for refund_id, reference, yen in waited:
            if refund_id not in still:
                self.watch.cash_back(str(reference), yen)


def run_proof(url: str, seed: int, payments: int, *, a_day: int = 250) -> Outcome:
    """One run in an empty, migrated database; its violation is the first one found."""
    kept = structlog.get_config()
    with seeded_ids(Random(seed + 1)):
        proof = Proof(url, seed, payments, a_day=a_day)
        structlog.configure(processors=[proof.noted])
        outcome = Outcome(seed, None, 0, proof.coverage)
        try:
            with proof.stripe.posting():
                proof.live()
                proof.recover()
            outcome.differences, outcome.figures = sums.compared(proof)
        except Violated as broken:
            outcome.violation = str(broken)
        finally:
            outcome.events = proof.events
            proof.database.dispose()
            proof.stripe.store.close()
            structlog.configure(**kept)
    return outcome
