"""A database and a Stripe under which a process can die at any statement, commit or call."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.orm import Session

from core.clock import Clock
from core.database import Database
from payments.errors import StripeUnavailable
from payments.remote import RefundStatus, RemoteSession, SessionOrder, SessionStatus
from tests.integration.payments.stripe_double import Killed, StripeDouble

T = TypeVar("T")

_FAULTS = ("timeout_before", "timeout_after", "stored_before", "stored_after")
_KEYED = ("create_session", "expire_session", "create_refund")


class TownDatabase(Database):
    """Our database, which knows what tables were written and kills whoever it is told to kill."""

    def __init__(self, url: str) -> None:
        super().__init__(url, pool_size=2)
        self.written: set[str] = set()
        """Tables with changes since somebody cleared this; those of a rolled back transaction too."""
        self.crash_at: tuple[str, int] | None = None
        """`statement` with a countdown, `before_commit` or `after_commit`."""
        event.listen(self.engine, "before_cursor_execute", self._statement)
        if self.is_sqlite:
            # Power cuts of the server are another test's; here a commit need not reach the disk.
            event.listen(self.engine, "connect", _without_fsync)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with super().transaction() as session:
            yield session
            session.flush()
            self._die_at("before_commit")
        self._die_at("after_commit")

    def _die_at(self, where: str) -> None:
        if self.crash_at is not None and self.crash_at[0] == where:
            self.crash_at = None
            raise Killed(where)

    def _statement(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        words = statement.split(None, 3)
        if words[0] in ("INSERT", "DELETE"):
            self.written.add(words[2])
        elif words[0] == "UPDATE":
            self.written.add(words[1])
        if self.crash_at is not None and self.crash_at[0] == "statement":
            left = self.crash_at[1]
            self.crash_at = ("statement", left - 1) if left else None
            if not left:
                raise Killed("statement")


def _without_fsync(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


class TownStripe(StripeDouble):
    """Stripe in memory that fails by chance, lets the world go on during a call, and keeps its own record."""

    def __init__(self, clock: Clock, random: Random) -> None:
        super().__init__(clock)
        self._random = random
        self.is_down = False
        self.fault_rate = 0.0
        self.kill_rate = 0.0
        self.meanwhile: Callable[[], None] = lambda: None
        self.ordered: dict[UUID, tuple[UUID, ...]] = {}
        self.paid_at: dict[str, datetime] = {}
        self.seen_faults: list[str] = []

    def create_session(self, order: SessionOrder, *, key: str) -> RemoteSession:
        self.ordered[order.payment_id] = order.references
        return super().create_session(order, key=key)

    def references_of(self, session_id: str) -> tuple[UUID, ...]:
        """What a session is for, as it was ordered."""
        payment_id = self.sessions[session_id].remote.payment_id
        return self.ordered[payment_id] if payment_id else ()

    def is_payable(self, session_id: str) -> bool:
        """Whether a card could be charged through it at this instant."""
        kept = self.sessions[session_id]
        return kept.remote.status == SessionStatus.OPEN and kept.expires_at > self.clock.now()

    def charge(self, session_id: str) -> bool:
        """The payer presses the button; whether the card was charged."""
        if not self.is_payable(session_id):
            return False
        self.pay(session_id)
        self.paid_at[session_id] = self.clock.now()
        return True

    def captured_for(self, reference: UUID) -> int:
        """What payers were charged for one thing (a session here pays for one)."""
        return sum(
            self.sessions[name].remote.amount
            for name in self.paid_at
            if reference in self.references_of(name)
        )

    def finish_refunds(self, *, all_well: bool = False) -> None:
        """The banks say what became of refunds under way."""
        for name in [
            name for name, kept in self.refunds.items() if kept.remote.status == RefundStatus.PENDING
        ]:
            is_good = all_well or self._random.random() < 0.7
            self.finish_refund(name, RefundStatus.SUCCEEDED if is_good else RefundStatus.FAILED)

    def _called(self, name: str, effect: Callable[[], T], key: str | None = None) -> T:
        if self.is_down:
            self.seen_faults.append("stripe_down")
            raise StripeUnavailable("down")
        if not self.faults[name] and self._random.random() < self.fault_rate:
            fault = self._random.choice(_FAULTS if name in _KEYED else _FAULTS[:2])
            self.seen_faults.append(fault)
            self.faults[name].append(fault)
        if name == "create_refund" and self._random.random() < 3 * self.fault_rate:
            self.refund_outcomes = [self._random.choice((RefundStatus.PENDING, RefundStatus.FAILED))]
        if self._random.random() < self.kill_rate:
            self.seen_faults.append("killed_at_call")
            self._random.choice((self.before, self.after))[name].append(_kill)

        def amid_others() -> T:
            self.meanwhile()
            answer = effect()
            self.meanwhile()
            return answer

        return super()._called(name, amid_others, key)


def _kill() -> None:
    raise Killed("call")
