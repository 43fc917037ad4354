"""What Stripe holds, in our words. `stripe_port.py` fetches it; doubles satisfy the same protocol."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class SessionStatus(StrEnum):
    """What a Checkout Session can still do."""

    OPEN = "open"
    PAID = "paid"
    AWAITING_FUNDS = "awaiting_funds"
    """Completed with a way to pay whose money comes later (konbini); neither paid nor closed."""
    EXPIRED = "expired"
    """Can never capture any more."""


@dataclass(frozen=True, slots=True)
class RemoteSession:
    """A Checkout Session as Stripe told it just now."""

    id: str
    status: SessionStatus
    amount: int
    currency: str
    is_live: bool
    url: str | None
    payment_intent_id: str | None
    payment_id: UUID | None
    """Our id, as Stripe kept it for us."""
    funds_due_at: datetime | None = None
    """While AWAITING_FUNDS by konbini: the voucher can be paid until then; Stripe may say so later."""
    voucher_url: str | None = None
    """While AWAITING_FUNDS: Stripe's page with the voucher, where it gives one."""


class RefundStatus(StrEnum):
    """What came of a refund at Stripe."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RemoteRefund:
    """A refund as Stripe told it just now."""

    id: str
    status: RefundStatus
    amount: int
    failure_reason: str | None


@dataclass(frozen=True, slots=True)
class RemoteDispute:
    """A dispute as Stripe told it just now."""

    id: str
    state: str
    """Stripe's word: needs_response, under_review, won, lost, warning_…, prevented."""
    amount: int
    currency: str
    reason: str
    payment_intent_id: str | None
    evidence_due_at: datetime | None
    created_at: datetime
    withdrawn: int
    """Net of its balance transactions: what Stripe took, fee left out, minus what it returned."""


@dataclass(frozen=True, slots=True)
class RemoteMovement:
    """A balance transaction. `net` is `amount` minus `fee`, in the smallest unit of `currency`."""

    id: str
    type: str
    amount: int
    fee: int
    net: int
    currency: str
    source_id: str | None
    payment_intent_id: str | None
    created_at: datetime
    available_on: datetime
    payout_id: str | None
    """Known where the movements of one payout were asked for, else None."""


@dataclass(frozen=True, slots=True)
class RemotePayout:
    """What went to the municipality's bank account."""

    id: str
    amount: int
    state: str
    arrives_on: date
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RemoteIntent:
    """A PaymentIntent that Stripe named and we may not know."""

    id: str
    status: str
    amount_received: int
    currency: str
    is_live: bool
    payment_id: UUID | None
    """Our id, where its metadata has one."""


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One line of the hosted page."""

    label: str
    amount_yen: int


@dataclass(frozen=True, slots=True)
class SessionOrder:
    """A session to be made. The same order and key again are the same session."""

    payment_id: UUID
    references: tuple[UUID, ...]
    lines: tuple[SessionLine, ...]
    success_url: str
    cancel_url: str
    mail_address: str | None
    expires_at: datetime
    methods: tuple[str, ...] = ("card",)
    """What the hosted page offers, Stripe's names."""
    funds_within_days: int | None = None
    """How long Stripe waits for money that comes later (konbini)."""


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """A refund to be made. The same order and key again are the same refund."""

    refund_id: UUID
    payment_id: UUID
    reference: UUID
    payment_intent_id: str
    amount: int


class StripeApi(Protocol):
    """Everything we ask of Stripe. Every call needs that no transaction is open.

    Raises:
        StripeUnavailable: no usable answer; the effect is not known, the same key may be sent again.
        StripeFailed: Stripe's own failure, kept under the key; list before a new key.
        StripeRejected: read, and refused.
    """

    @property
    def is_live(self) -> bool:
        """Whether real money moves."""

    def create_session(self, order: SessionOrder, *, key: str) -> RemoteSession: ...

    def expire_session(self, session_id: str, *, key: str) -> RemoteSession: ...

    def read_session(self, session_id: str) -> RemoteSession: ...

    def find_session(self, payment_id: UUID, *, created_after: datetime) -> RemoteSession | None:
        """The session made for a payment, by listing; of several, the one that has or may take money."""

    def create_refund(self, order: RefundOrder, *, key: str) -> RemoteRefund: ...

    def read_refund(self, stripe_refund_id: str) -> RemoteRefund: ...

    def find_refund(self, refund_id: UUID, *, payment_intent_id: str) -> RemoteRefund | None:
        """The refund made for a row of ours and not failed, by listing."""

    def read_intent(self, intent_id: str) -> RemoteIntent: ...

    def read_dispute(self, dispute_id: str) -> RemoteDispute: ...

    def list_disputes(self, *, created_after: datetime) -> list[RemoteDispute]:
        """All disputes opened since an instant, oldest first."""

    def list_movements(self, *, created_after: datetime) -> list[RemoteMovement]:
        """All balance transactions since an instant, oldest first."""

    def list_payout_movements(self, payout_id: str) -> list[RemoteMovement]:
        """What one automatic payout carried, the payout's own movement among it, oldest first."""

    def list_payouts(self, *, created_after: datetime) -> list[RemotePayout]:
        """All payouts made since an instant, oldest first."""
