"""Lives of a payment attempt and of a refund, and the only moves they may make."""

from collections.abc import Mapping
from enum import StrEnum

from core.errors import ContractBroken


class Method(StrEnum):
    """How money comes and goes."""

    STRIPE = "stripe"
    CASH = "cash"
    """現金, at the counter."""
    SLIP = "slip"
    """納付書, at a bank or the counter."""
    TRANSFER = "transfer"
    """振込, found by staff on the bank statement."""
    INVOICE = "invoice"
    """後納: part of a monthly invoice."""


class PaymentState(StrEnum):
    """One attempt to pay: a Checkout Session at Stripe, cash, or a slip."""

    OPENING = "opening"
    """Intended; whether Stripe has a session for it is not known yet."""
    OPEN = "open"
    """Stripe has a session that can be paid, or a slip is out."""
    PROCESSING = "processing"
    """The payer is done and the money comes later (konbini): claims are kept until Stripe's own deadline."""
    CLOSING = "closing"
    """Out of time or given up; Stripe has not yet said that it cannot be paid any more."""
    SETTLED = "settled"
    """Paid, amount and currency as asked."""
    EXPIRED = "expired"
    """Stripe said that it cannot be paid any more, unpaid."""
    MISMATCHED = "mismatched"
    """Paid with another amount, currency or mode than asked; confirms nothing, everything is owed back."""


class RefundState(StrEnum):
    """One sum that is owed back."""

    OWED = "owed"
    """Written down; Stripe may or may not have been told."""
    PENDING = "pending"
    """Stripe is at it."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Stripe refused or gave up; still owed, tried again when due, shown to staff."""


CAN_CAPTURE = frozenset(
    {PaymentState.OPENING, PaymentState.OPEN, PaymentState.PROCESSING, PaymentState.CLOSING}
)
"""States in which money may still come in. Every payment in one of them has a next due time."""

_PAYMENT_MOVES: Mapping[PaymentState, frozenset[PaymentState]] = {
    PaymentState.OPENING: frozenset(
        {
            PaymentState.OPEN,
            PaymentState.PROCESSING,
            PaymentState.CLOSING,
            PaymentState.SETTLED,
            PaymentState.MISMATCHED,
            PaymentState.EXPIRED,
        }
    ),
    PaymentState.OPEN: frozenset(
        {
            PaymentState.PROCESSING,
            PaymentState.CLOSING,
            PaymentState.SETTLED,
            PaymentState.MISMATCHED,
            PaymentState.EXPIRED,
        }
    ),
    # Stripe stops no money that is on its way: a complete session is not expired, its intent not cancelled.
    PaymentState.PROCESSING: frozenset({PaymentState.SETTLED, PaymentState.MISMATCHED, PaymentState.EXPIRED}),
    # The payer may have been done just before we asked that the page be closed.
    PaymentState.CLOSING: frozenset(
        {PaymentState.PROCESSING, PaymentState.SETTLED, PaymentState.MISMATCHED, PaymentState.EXPIRED}
    ),
    # Late money, and a session that appears after all: Stripe has the last word on what it captured.
    PaymentState.EXPIRED: frozenset(
        {PaymentState.PROCESSING, PaymentState.CLOSING, PaymentState.SETTLED, PaymentState.MISMATCHED}
    ),
    PaymentState.SETTLED: frozenset(),
    PaymentState.MISMATCHED: frozenset(),
}

_REFUND_MOVES: Mapping[RefundState, frozenset[RefundState]] = {
    RefundState.OWED: frozenset({RefundState.PENDING, RefundState.SUCCEEDED, RefundState.FAILED}),
    RefundState.PENDING: frozenset({RefundState.SUCCEEDED, RefundState.FAILED}),
    # A bank may send money back weeks after Stripe reported success.
    RefundState.SUCCEEDED: frozenset({RefundState.FAILED}),
    RefundState.FAILED: frozenset({RefundState.PENDING, RefundState.SUCCEEDED}),
}


def require_payment_move(old: PaymentState, new: PaymentState) -> None:
    """Refuse a move that the table does not list.

    Raises:
        ContractBroken: it does not.
    """
    if new not in _PAYMENT_MOVES[old]:
        raise ContractBroken(f"payment {old} -> {new}")


def require_refund_move(old: RefundState, new: RefundState) -> None:
    """Refuse a move that the table does not list.

    Raises:
        ContractBroken: it does not.
    """
    if new not in _REFUND_MOVES[old]:
        raise ContractBroken(f"refund {old} -> {new}")
