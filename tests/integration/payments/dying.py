"""A loop of money in a process of its own, which ends with SIGKILL at a point: at a commit or after a call.

The points of a run, by name and in order: `commit 1 is about to be`, `commit 1 is made`, `read_session is
answered`, … Between a commit and the call after it, and between an answer and the commit after it, nothing is
different for anybody else, so that these are one point.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any, cast
from uuid import UUID

from sqlalchemy.orm import Session

from core import audit
from core.database import Database
from core.ids import new_token
from payments import checkout, loops, settlement
from payments.callbacks import Callbacks
from payments.remote import RefundOrder, RefundStatus, RemoteRefund, StripeApi
from payments.stripe_port import StripePort
from tests.integration.payments.conftest import TOWN
from tests.integration.payments.test_with_the_sandbox import SkippingClock
from tests.servers.stripe_sandbox import SECRET_KEY

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__, "tests.integration.money_desk.mortal_jobs"])
_ENDS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Outside:
    """What every loop takes."""

    database: Database
    stripe: StripeApi
    callbacks: Callbacks
    clock: SkippingClock
    watched: Callable[[Any], Any]
    """Makes a point of every answer that an adapter gives."""


Job = Callable[[Outside, object], object]


def open_session(given: Outside, payment_id: object) -> object:
    """The resident presses 支払う."""
    assert isinstance(payment_id, UUID)
    return checkout.open_session(given.database, given.stripe, payment_id, given.clock)


def settle(given: Outside, _about: object) -> object:
    """The worker re-reads what is due."""
    return loops.settle(given.database, given.stripe, given.callbacks, given.clock)


def settle_one(given: Outside, payment_id: object) -> object:
    """The page that the payer comes back to."""
    assert isinstance(payment_id, UUID)
    return loops.settle_one(given.database, given.stripe, given.callbacks, payment_id, given.clock)


def expire_sessions(given: Outside, _about: object) -> object:
    """The worker closes what is past its deadline."""
    return loops.expire_sessions(given.database, given.stripe, given.callbacks, given.clock)


def send_refunds(given: Outside, _about: object) -> object:
    """The worker sends what is owed back."""
    return loops.send_refunds(given.database, given.stripe, given.callbacks, given.clock)


def poll_refunds(given: Outside, _about: object) -> object:
    """The worker asks what became of it."""
    return loops.poll_refunds(given.database, given.stripe, given.callbacks, given.clock)


def find_disputes(given: Outside, _about: object) -> object:
    """The worker lists disputes."""
    return loops.find_disputes(given.database, given.stripe, given.clock, lambda: TOWN)


def follow_disputes(given: Outside, _about: object) -> object:
    """The worker re-reads disputes."""
    return loops.follow_disputes(given.database, given.stripe, given.clock)


def follow_parked(given: Outside, _about: object) -> object:
    """The worker asks about what messages named."""
    return loops.follow_parked(given.database, given.stripe, given.clock, lambda: TOWN)


def settle_books(given: Outside, _about: object) -> object:
    """The worker copies Stripe's movements and payouts, and compares."""
    return settlement.settle(given.database, given.stripe, given.clock, municipality_id=TOWN)


def with_random_keys(given: Outside, payment_id: object) -> object:
    """The planted defect: every call has a key of its own."""
    return open_session(replace(given, stripe=cast(StripeApi, _RandomKeys(given.stripe))), payment_id)


def with_the_outcome_first(given: Outside, about: object) -> object:
    """The planted defect: what is hoped for is committed, and then asked for."""
    hopeful = _OutcomeFirst(given.stripe)
    send_refunds(replace(given, stripe=cast(StripeApi, hopeful)), about)
    return [given.stripe.create_refund(order, key=key) for order, key in hopeful.put_off]


@dataclass(frozen=True, slots=True)
class Killed:
    """Where the loops run."""

    database_url: str
    stripe_url: str

    def points(self, job: Job, about: object, clock: SkippingClock) -> list[str]:
        """Run a job to its end; every point it came by."""
        told, tell = _processes.Pipe(duplex=False)
        process = self._started(job, about, clock, None, tell)
        names: list[str] = told.recv() if told.poll(_ENDS_WITHIN_S) else []
        process.join(_ENDS_WITHIN_S)
        assert process.exitcode == 0, f"{job.__name__} ended with {process.exitcode}"
        return names

    def kill(self, job: Job, about: object, clock: SkippingClock, at: int) -> None:
        """Run a job up to a point, by its place, and kill it there."""
        _, tell = _processes.Pipe(duplex=False)
        process = self._started(job, about, clock, at, tell)
        process.join(_ENDS_WITHIN_S)
        assert process.exitcode == -signal.SIGKILL, f"{job.__name__} came by no point {at}"

    def _started(
        self, job: Job, about: object, clock: SkippingClock, at: int | None, tell: Connection
    ) -> Any:
        arguments = (self, job, about, clock.skipped, at, tell)
        process = _processes.Process(target=_run, args=arguments, daemon=True)
        process.start()
        tell.close()
        return process


def remembered() -> Callbacks:
    """A booking side that writes each word down in the transaction it was told in."""

    def settled(session: Session, *, payment_id: UUID, now: datetime, **_told: object) -> None:
        _note(session, "settled", payment_id, now)

    def closed(session: Session, *, reference: UUID, now: datetime) -> None:
        _note(session, "closed", reference, now)

    def refunded(session: Session, *, refund_id: UUID, state: str, now: datetime, **_told: object) -> None:
        _note(session, f"refund_{state}", refund_id, now)

    def processing(session: Session, *, reference: UUID, now: datetime, **_told: object) -> None:
        _note(session, "processing", reference, now)

    return Callbacks(settled, closed, refunded, processing)


def _note(session: Session, act: str, subject: UUID, now: datetime) -> None:
    audit.record(
        session, municipality_id=TOWN, actor="stripe", act=act, subject=str(subject), detail={}, now=now
    )


def _run(
    world: Killed, job: Job, about: object, skipped: timedelta, at: int | None, tell: Connection
) -> None:
    clock, points = SkippingClock(), _Points(at)
    clock.skipped = skipped
    database = _Committing(world.database_url, points)

    def watched(port: Any) -> Any:
        return _Answering(port, points)

    stripe = cast(StripeApi, watched(StripePort(SECRET_KEY, world.stripe_url)))
    job(Outside(database, stripe, remembered(), clock, watched), about)
    tell.send(points.names)


class _Points:
    def __init__(self, die_at: int | None) -> None:
        self._die_at = die_at
        self.names: list[str] = []

    def reach(self, name: str) -> None:
        if len(self.names) == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.names.append(name)


class _Committing(Database):
    def __init__(self, url: str, points: _Points) -> None:
        super().__init__(url, pool_size=2)
        self._points = points
        self._number = 0

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with super().transaction() as session:
            yield session
            session.flush()
            self._number += 1
            names = self._points.names
            if not names or not names[-1].endswith("answered"):
                self._points.reach(f"commit {self._number} is about to be")
        self._points.reach(f"commit {self._number} is made")


class _Answering:
    def __init__(self, port: Any, points: _Points) -> None:
        self._port = port
        self._points = points

    def __getattr__(self, name: str) -> Any:
        effect = getattr(self._port, name)
        if not callable(effect):
            return effect

        def call(*words: Any, **named: Any) -> Any:
            answer = effect(*words, **named)
            if name != "close":
                self._points.reach(f"{name} is answered")
            return answer

        return call


class _RandomKeys:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe

    def __getattr__(self, name: str) -> Any:
        effect = getattr(self._stripe, name)
        return lambda *words, **named: effect(
            *words, **({**named, "key": new_token()} if "key" in named else named)
        )


class _OutcomeFirst:
    def __init__(self, stripe: StripeApi) -> None:
        self.is_live = stripe.is_live
        self.put_off: list[tuple[RefundOrder, str]] = []

    def create_refund(self, order: RefundOrder, *, key: str) -> RemoteRefund:
        self.put_off.append((order, key))
        return RemoteRefund(f"re_{order.refund_id.hex}", RefundStatus.SUCCEEDED, order.amount, None)
