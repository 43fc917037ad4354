"""Stripe in memory, for interleavings and crashes; held to the contract of the adapter."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from core.clock import Clock
from core.database import require_no_transaction
from payments.errors import StripeFailed, StripeRejected, StripeUnavailable
from payments.remote import (
    RefundOrder,
    RefundStatus,
    RemoteDispute,
    RemoteIntent,
    RemoteMovement,
    RemotePayout,
    RemoteRefund,
    RemoteSession,
    SessionOrder,
    SessionStatus,
)
from tests.integration.payments.stripe_books import StripeBooks, fee_yen

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone at this instruction."""


@dataclass(slots=True)
class _Session:
    remote: RemoteSession
    created_at: datetime
    expires_at: datetime
    order: SessionOrder
    is_by_voucher: bool = False


@dataclass(slots=True)
class _Refund:
    remote: RemoteRefund
    row_id: UUID
    payment_intent_id: str


@dataclass(slots=True)
class StripeDouble:
    """Sessions, refunds, keys, and what goes wrong on demand.

    `faults[call]` is a queue of: down, timeout_before, timeout_after, stored_before, stored_after, rejected,
    rejected:<Stripe's code>.
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
    refuses_disputed: bool = True
    """Whether a refund of what a bank has taken back is refused, as Stripe does: switched off by controls."""
    books: StripeBooks = field(init=False)

    def __post_init__(self) -> None:
        self.books = StripeBooks(self.clock.now)

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
            self.sessions[remote.id] = _Session(remote, self.clock.now(), order.expires_at, order)
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
                kept
                for kept in self.sessions.values()
                if kept.remote.payment_intent_id == order.payment_intent_id
            )
            if self.refuses_disputed and self.books.is_charged_back(order.payment_intent_id):
                raise _rejected("charge_disputed")
            left = paid.remote.amount - self.refunded(order.payment_intent_id)
            if order.amount > left:
                raise _rejected("charge_already_refunded" if left == 0 else None)
            status = self.refund_outcomes.pop(0) if self.refund_outcomes else RefundStatus.SUCCEEDED
            reason = "lost_or_stolen_card" if status == RefundStatus.FAILED else None
            remote = RemoteRefund(f"re_{len(self.refunds) + 1}", status, order.amount, reason)
            self.refunds[remote.id] = _Refund(remote, order.refund_id, order.payment_intent_id)
            type_ = "payment_refund" if paid.is_by_voucher else "refund"
            self.books.move(type_, -order.amount, remote.id, order.payment_intent_id)
            if status == RefundStatus.FAILED:
                self.books.move("refund_failure", order.amount, remote.id, order.payment_intent_id)
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

    def read_intent(self, intent_id: str) -> RemoteIntent:
        def read() -> RemoteIntent:
            for kept in self.sessions.values():
                if kept.remote.payment_intent_id == intent_id:
                    return _intent(kept.remote, intent_id)
            raise _rejected("resource_missing")

        return self._called("read_intent", read)

    def read_dispute(self, dispute_id: str) -> RemoteDispute:
        def read() -> RemoteDispute:
            if dispute_id not in self.books.disputes:
                raise _rejected("resource_missing")
            return self.books.disputes[dispute_id]

        return self._called("read_dispute", read)

    def list_disputes(self, *, created_after: datetime) -> list[RemoteDispute]:
        return self._called(
            "list_disputes",
            lambda: [one for one in self.books.disputes.values() if one.created_at >= created_after],
        )

    def list_movements(self, *, created_after: datetime) -> list[RemoteMovement]:
        return self._called(
            "list_movements",
            lambda: [
                replace(one, payout_id=None)
                for one in self.books.movements
                if one.created_at >= created_after
            ],
        )

    def list_payout_movements(self, payout_id: str) -> list[RemoteMovement]:
        return self._called(
            "list_payout_movements",
            lambda: [one for one in self.books.movements if one.payout_id == payout_id],
        )

    def list_payouts(self, *, created_after: datetime) -> list[RemotePayout]:
        return self._called(
            "list_payouts",
            lambda: [one for one in self.books.payouts.values() if one.created_at >= created_after],
        )

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
        self._charged(kept)

    def order_voucher(self, session_id: str, *, days: int | None = None) -> None:
        """The payer takes a konbini voucher, as long as the order said (three days unless it did)."""
        kept = self.sessions[session_id]
        if kept.remote.status != SessionStatus.OPEN or "konbini" not in kept.order.methods:
            raise AssertionError(f"{session_id} takes no voucher: {kept.remote.status}")
        kept.is_by_voucher = True
        waits = timedelta(days=days or kept.order.funds_within_days or 3)
        kept.remote = replace(
            kept.remote,
            status=SessionStatus.AWAITING_FUNDS,
            payment_intent_id=f"pi_{session_id}",
            url=None,
            funds_due_at=self.clock.now() + waits,
            voucher_url=f"http://127.0.0.1:1/voucher/{session_id}",
        )

    def pay_voucher(self, session_id: str) -> None:
        """Somebody pays at a till."""
        self._end_voucher(session_id, SessionStatus.PAID)
        self._charged(self.sessions[session_id])

    def lapse_voucher(self, session_id: str) -> None:
        """Nobody paid in time."""
        self._end_voucher(session_id, SessionStatus.EXPIRED)

    def finish_refund(self, stripe_refund_id: str, status: RefundStatus) -> None:
        """Stripe learns what became of a refund."""
        kept = self.refunds[stripe_refund_id]
        if status == RefundStatus.FAILED and kept.remote.status != RefundStatus.FAILED:
            self.books.move("refund_failure", kept.remote.amount, stripe_refund_id, kept.payment_intent_id)
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

    def _charged(self, kept: _Session) -> None:
        paid, type_ = kept.remote, "payment" if kept.is_by_voucher else "charge"
        intent = str(paid.payment_intent_id)
        self.books.move(type_, paid.amount, f"ch_{paid.id}", intent, fee_yen(paid.amount))

    def _end_voucher(self, session_id: str, status: SessionStatus) -> None:
        kept = self.sessions[session_id]
        if kept.remote.status != SessionStatus.AWAITING_FUNDS:
            raise AssertionError(f"{session_id} has no voucher: {kept.remote.status}")
        kept.remote = replace(kept.remote, status=status, funds_due_at=None, voucher_url=None)

    def _kept(self, session_id: str) -> _Session:
        kept = self.sessions.get(session_id)
        if kept is None:
            raise _rejected("resource_missing")
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
        if fault is not None and fault.startswith("rejected"):
            raise _rejected(fault.partition(":")[2] or None)
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


def _intent(paid: RemoteSession, intent_id: str) -> RemoteIntent:
    words = {
        SessionStatus.PAID: "succeeded",
        SessionStatus.AWAITING_FUNDS: "requires_action",
        SessionStatus.EXPIRED: "requires_payment_method",
    }
    return RemoteIntent(
        id=intent_id,
        status=words[paid.status],
        amount_received=paid.amount if paid.status == SessionStatus.PAID else 0,
        currency=paid.currency,
        is_live=paid.is_live,
        payment_id=paid.payment_id,
    )


def _rejected(code: str | None) -> StripeRejected:
    return StripeRejected(f"400 {code or 'refused'}", stripe_code=code)
