"""Attempts to pay, what is owed back, the books, and which messages from Stripe were seen."""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.database import Base, BigKey, UtcDateTime, partial_index


class Payment(Base):
    """One attempt to pay: one Checkout Session at Stripe, for one or more references."""

    __tablename__ = "payment"
    __table_args__ = (
        sa.CheckConstraint("amount_yen > 0", name="amount_positive"),
        sa.CheckConstraint(
            "state NOT IN ('opening', 'open', 'closing') OR next_due_at IS NOT NULL", name="unfinished_is_due"
        ),
        sa.CheckConstraint("state <> 'processing' OR next_due_at IS NOT NULL", name="processing_is_due"),
        partial_index("ix_payment_due", "next_due_at", where="next_due_at IS NOT NULL"),
        sa.Index("ix_payment_created", "municipality_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int]
    amount_yen: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deadline_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the session is to be expired at Stripe, long before Stripe's own half hour."""
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a loop looks at it next; empty only in final states."""
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """A worker is talking to Stripe about it; after this instant that worker counts as dead."""
    return_url: Mapped[str] = mapped_column(sa.String(500))
    cancel_url: Mapped[str] = mapped_column(sa.String(500))
    mail_address: Mapped[str | None] = mapped_column(sa.String(254))
    """Fills in the hosted page; erased once the attempt is final."""
    round: Mapped[int] = mapped_column(default=0)
    """Part of the idempotency keys; raised only after proof that the round before had no effect."""
    first_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a call that may make the session was first on its way; empty: Stripe has never heard of it."""
    last_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    session_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """`expires_at` as sent; the same in every repeat of one round, or Stripe refuses the key."""
    stripe_session_id: Mapped[str | None] = mapped_column(sa.String(255), unique=True)
    stripe_payment_intent_id: Mapped[str | None] = mapped_column(sa.String(255), index=True)
    url: Mapped[str | None] = mapped_column(sa.Text)
    attempts: Mapped[int] = mapped_column(default=0)
    """Calls about it that failed in a row; spreads the next ones."""
    last_error: Mapped[str | None] = mapped_column(sa.String(200))
    method: Mapped[str] = mapped_column(sa.String(16), server_default="stripe")
    """How it is paid: a `payments.states.Method`. Only `stripe` ever has a session."""
    offered_methods: Mapped[list[str]] = mapped_column(sa.JSON, server_default='["card"]')
    """What the hosted page offers, as sent: the same in every repeat of one round."""
    funds_within_days: Mapped[int | None]
    """How long Stripe is asked to wait for money that comes later; as sent, where such a way is offered."""
    funds_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Processing: until when Stripe waits for money that comes later (konbini), its own deadline."""
    slip_number: Mapped[int | None]
    """納付書番号, without gaps per municipality; a slip only."""
    paid_on: Mapped[date | None] = mapped_column(sa.Date)
    """The civil day of the money, as staff read it from a slip or a bank statement; not Stripe's."""
    received_by: Mapped[str | None] = mapped_column(sa.String(64))
    """Who took the cash or booked the slip: an account's id."""
    captured_amount: Mapped[int | None]
    """What Stripe captured, in the smallest unit of `captured_currency`."""
    captured_currency: Mapped[str | None] = mapped_column(sa.String(3))
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    items: Mapped[list["PaymentItem"]] = relationship(order_by="PaymentItem.position", lazy="selectin")


class PaymentItem(Base):
    """What one attempt pays for. Its unique index is the referee of promise 4: nobody pays twice."""

    __tablename__ = "payment_item"
    __table_args__ = (
        sa.CheckConstraint("amount_yen > 0", name="amount_positive"),
        sa.UniqueConstraint("payment_id", "position"),
        partial_index("uq_payment_item_standing", "reference", where="is_standing", unique=True),
        sa.Index("ix_payment_item_reference", "reference"),
    )

    payment_id: Mapped[UUID] = mapped_column(sa.ForeignKey("payment.id"), primary_key=True)
    reference: Mapped[UUID] = mapped_column(primary_key=True)
    """The reservation, an opaque id here."""
    position: Mapped[int]
    label: Mapped[str] = mapped_column(sa.String(200))
    amount_yen: Mapped[int]
    account: Mapped[str] = mapped_column(sa.String(32), server_default="usage_fees", default="usage_fees")
    """What the money is booked against, a `payments.ledger.Account`: fees, or what an invoice asks for."""
    is_standing: Mapped[bool] = mapped_column(default=True)
    """The attempt may still capture, or has; a reference has at most one such item at any instant."""
    given_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Given up while the money was on its way: nobody can stop it, so it goes back when it comes."""


class Refund(Base):
    """One sum owed back, by cause: the same cause never refunds twice."""

    __tablename__ = "refund"
    __table_args__ = (
        sa.CheckConstraint("amount_yen > 0", name="amount_positive"),
        sa.CheckConstraint("state = 'succeeded' OR next_due_at IS NOT NULL", name="unfinished_is_due"),
        sa.UniqueConstraint("payment_id", "reference", "cause"),
        partial_index("ix_refund_due", "next_due_at", where="next_due_at IS NOT NULL"),
        sa.Index("ix_refund_reference", "reference"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    municipality_id: Mapped[int]
    payment_id: Mapped[UUID] = mapped_column(sa.ForeignKey("payment.id"))
    reference: Mapped[UUID]
    amount_yen: Mapped[int]
    """For a mismatched payment: the smallest unit of what was captured."""
    cause: Mapped[str] = mapped_column(sa.String(64))
    state: Mapped[str] = mapped_column(sa.String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    round: Mapped[int] = mapped_column(default=0)
    """Part of the idempotency key; raised only after proof that the round before sent no money."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When this round's call was first on its way; Stripe forgets keys after 24 hours."""
    stripe_refund_id: Mapped[str | None] = mapped_column(sa.String(255), unique=True)
    method: Mapped[str] = mapped_column(sa.String(16), server_default="stripe")
    """How it goes back, a `payments.states.Method`; what was not paid through Stripe is paid out by hand."""
    paid_out_by: Mapped[str | None] = mapped_column(sa.String(64))
    """Who paid it out by hand: an account's id."""
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(sa.String(200))


class LedgerEntry(Base):
    """One line of a balanced set in integer yen, positive in debit. Rows are added and never changed."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        sa.CheckConstraint("amount_yen <> 0", name="amount_not_zero"),
        sa.UniqueConstraint("set_key", "line"),
        sa.Index("ix_ledger_entry_account", "municipality_id", "account", "at"),
        sa.Index("ix_ledger_entry_at", "municipality_id", "at"),
        sa.Index("ix_ledger_entry_reference", "reference"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    municipality_id: Mapped[int]
    set_key: Mapped[str] = mapped_column(sa.String(200))
    """The event that the set books, `capture:<payment>`: an event is booked once."""
    line: Mapped[int]
    account: Mapped[str] = mapped_column(sa.String(32))
    amount_yen: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    reference: Mapped[UUID | None]
    payment_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("payment.id"))
    refund_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("refund.id"))


class WebhookEvent(Base):
    """A verified message from Stripe, stored once by its id; a hint that something is worth re-reading."""

    __tablename__ = "webhook_event"
    __table_args__ = (
        partial_index("ix_webhook_event_due", "next_due_at", where="next_due_at IS NOT NULL"),
        sa.Index("ix_webhook_event_received", "received_at"),
    )

    event_id: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    type: Mapped[str] = mapped_column(sa.String(100))
    object_id: Mapped[str | None] = mapped_column(sa.String(255))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    result: Mapped[str] = mapped_column(sa.String(32))
    payment_id: Mapped[UUID | None]
    refund_id: Mapped[UUID | None]
    intent_id: Mapped[str | None] = mapped_column(sa.String(255))
    """The PaymentIntent it named: what a parked message is looked up by."""
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """A parked message about something we do not know (yet): when it is looked at again."""
    attempts: Mapped[int] = mapped_column(server_default="0", default=0)
