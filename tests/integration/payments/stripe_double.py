"""Stripe in memory, for interleavings and crashes; held to the contract of the adapter."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from core.clock import Clock
from core.database import require_no_transaction
from payments.errors import StripeFailed, StripeRejected, StripeUnavailable
from payments.remote import (
    RefundOrder,
    RefundStatus,
    RemoteRefund,
    RemoteSession,
    SessionOrder,
    SessionStatus,
)

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone at this instruction."""


@dataclass(slots=True)
class _Session:
    remote: RemoteSession
    created_at: datetime
    expires_at: datetime


@dataclass(slots=True)
class _Refund:
    remote: RemoteRefund
    row_id: UUID
    payment_intent_id: str


@dataclass(slots=True)
class StripeDouble:
    """Sessions, refunds, keys, and what goes wrong on demand.

    `faults[call]` is a queue of: down, timeout_before, timeout_after, stored_before, stored_after, rejected.
    `before[call]` and `after[call]` run around the effect of a call, once each; they may kill.
    """

    clock: Clock
    is_live: bool = False
    sessions: dict[str, _Session] = field(default_factory=dict)
    refunds: dict[str, _Refund] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    before: dict[str, list[Callable[[], object]]] = field(default_factory=lambda: defaultdict(list))
    after: dict[str, list[Callable[[], object]]] = field(default_factory=lambda: defaultdict(list))
    calls: Counter[str] = field(default_factory=Counter)
    refund_outcomes: list[RefundStatus] = field(default_factory=list)

    def create_session(self, order: SessionOrder, *, key: str) -> RemoteSession:
        def make() -> RemoteSession:
            if order.expires_at.timestamp() - self.clock.now().timestamp() < 30 * 60:
                raise StripeRejected("400 expires_at")
            number = len(self.sessions) + 1
            remote = RemoteSession(
                id=f"cs_test_{number}",
                status=SessionStatus.OPEN,
                amount=sum(line.amount_yen for line in order.lines),
                currency="jpy",
                is_live=self.is_live,
                url=f"http://127.0.0.1:1/c/pay/cs_test_{number}",
                payment_intent_id=None,
                payment_id=order.payment_id,
            )
            self.sessions[remote.id] = _Session(remote, self.clock.now(), order.expires_at)
            return remote

        return self._keyed("create_session", key, make)

    def expire_session(self, session_id: str, *, key: str) -> RemoteSession:
        def close() -> RemoteSession:
            kept = self._kept(session_id)
            if kept.remote.status != SessionStatus.OPEN:
                raise StripeRejected("400 not open")
            kept.remote = replace(kept.remote, status=SessionStatus.EXPIRED, url=None)
            return kept.remote

        return self._keyed("expire_session", key, close)

    def read_session(self, session_id: str) -> RemoteSession:
        return self._called("read_session", lambda: self._kept(session_id).remote)

    def find_session(self, payment_id: UUID, *, created_after: datetime) -> RemoteSession | None:
        def find() -> RemoteSession | None:
            ours = [
                self._kept(name).remote
                for name, kept in self.sessions.items()
                if kept.remote.payment_id == payment_id and kept.created_at >= created_after
            ]
            return max(ours, key=lambda one: one.status == SessionStatus.PAID, default=None)

        return self._called("find_session", find)

    def create_refund(self, order: RefundOrder, *, key: str) -> RemoteRefund:
        def make() -> RemoteRefund:
            paid = next(
                kept.remote
                for kept in self.sessions.values()
                if kept.remote.payment_intent_id == order.payment_intent_id
            )
            if self.refunded(order.payment_intent_id) + order.amount > paid.amount:
                raise StripeRejected("400 charge_already_refunded")
            status = self.refund_outcomes.pop(0) if self.refund_outcomes else RefundStatus.SUCCEEDED
            reason = "lost_or_stolen_card" if status == RefundStatus.FAILED else None
            remote = RemoteRefund(f"re_{len(self.refunds) + 1}", status, order.amount, reason)
            self.refunds[remote.id] = _Refund(remote, order.refund_id, order.payment_intent_id)
            return remote

        return self._keyed("create_refund", key, make)

    def read_refund(self, stripe_refund_id: str) -> RemoteRefund:
        return self._called("read_refund", lambda: self.refunds[stripe_refund_id].remote)

    def find_refund(self, refund_id: UUID, *, payment_intent_id: str) -> RemoteRefund | None:
        def find() -> RemoteRefund | None:
            ours = (
                kept.remote
                for kept in self.refunds.values()
                if (kept.row_id, kept.payment_intent_id) == (refund_id, payment_intent_id)
            )
            return next((one for one in ours if one.status != RefundStatus.FAILED), None)

        return self._called("find_refund", find)

    def pay(self, session_id: str, *, amount: int | None = None, currency: str = "jpy") -> None:
        """The payer's card is charged, by default as asked."""
        kept = self.sessions[session_id]
        if kept.remote.status != SessionStatus.OPEN:
            raise AssertionError(f"{session_id} cannot be paid: {kept.remote.status}")
        asked = kept.remote.amount
        kept.remote = replace(
            kept.remote,
            status=SessionStatus.PAID,
            amount=asked if amount is None else amount,
            currency=currency,
            payment_intent_id=f"pi_{session_id}",
            url=None,
        )

    def finish_refund(self, stripe_refund_id: str, status: RefundStatus) -> None:
        """Stripe learns what became of a refund."""
        kept = self.refunds[stripe_refund_id]
        kept.remote = replace(kept.remote, status=status)

    def refunded(self, payment_intent_id: str) -> int:
        """What has gone back, or is on its way, of one payment."""
        return sum(
            kept.remote.amount
            for kept in self.refunds.values()
            if kept.payment_intent_id == payment_intent_id and kept.remote.status != RefundStatus.FAILED
        )

    def captured(self) -> int:
        """All that payers were charged."""
        return sum(
            kept.remote.amount for kept in self.sessions.values() if kept.remote.status == SessionStatus.PAID
        )

    def payable(self) -> list[str]:
        """Sessions that somebody could pay at this instant."""
        return [name for name, kept in self.sessions.items() if kept.remote.status == SessionStatus.OPEN]

    def _kept(self, session_id: str) -> _Session:
        kept = self.sessions.get(session_id)
        if kept is None:
            raise StripeRejected("404 resource_missing")
        if kept.remote.status == SessionStatus.OPEN and kept.expires_at <= self.clock.now():
            kept.remote = replace(kept.remote, status=SessionStatus.EXPIRED, url=None)
        return kept

    def _keyed(self, name: str, key: str, effect: Callable[[], T]) -> T:
        """The same key again is the first answer again, failures of Stripe's own included."""

        def once() -> T:
            if key not in self.keys:
                self.keys[key] = effect()
            elif self.keys[key] is None:
                raise StripeFailed("500 replayed")
            answer: T = self.keys[key]
            return answer

        return self._called(name, once, key)

    def _called(self, name: str, effect: Callable[[], T], key: str | None = None) -> T:
        require_no_transaction(name)
        self.calls[name] += 1
        self._run(self.before, name)
        fault = self.faults[name].pop(0) if self.faults[name] else None
        if fault in ("down", "timeout_before"):
            raise StripeUnavailable(fault)
        if fault == "rejected":
            raise StripeRejected("402 refused")
        if fault in ("stored_before", "stored_after") and key not in self.keys:
            if fault == "stored_after":
                effect()
            self.keys[str(key)] = None
            raise StripeFailed("500")
        answer = effect()
        self._run(self.after, name)
        if fault == "timeout_after":
            raise StripeUnavailable(fault)
        return answer

    def _run(self, hooks: dict[str, list[Callable[[], object]]], name: str) -> None:
        planned, hooks[name] = hooks[name], []
        for hook in planned:
            hook()
