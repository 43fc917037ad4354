"""A Stripe account as the contract's tests see it, whoever is behind it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from core.clock import SystemClock
from core.ids import new_id
from payments.remote import RefundOrder, RefundStatus, SessionLine, SessionOrder, StripeApi

SINCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Account:
    """A Stripe account, and what a payer and fate can do to it."""

    api: StripeApi
    pay: Callable[[str], None]
    """By a card whose money is available at once."""
    fail_next: Callable[[str, str], None]
    """(call, how): timeout_before or _after, stored_before or _after, rejected:balance_insufficient."""
    refund_ends: Callable[[RefundStatus], None]
    order_voucher: Callable[[str], None]
    end_voucher: Callable[[str, bool], None]
    """(session id, whether it is paid)"""
    open_dispute: Callable[[str], None]
    """By the id of the payment intent, all of it."""
    close_dispute: Callable[[str, bool], None]
    """(dispute id, whether it is won)"""
    pay_out: Callable[[], None]
    fail_payout: Callable[[str], None]


def the_time() -> datetime:
    """The machine's own: the other process reads it too."""
    return SystemClock().now()


def a_key() -> str:
    """A key that nobody has used."""
    return str(new_id(the_time()))


def an_order(payment_id: UUID | None = None, *, minutes: int = 31) -> SessionOrder:
    """1,200 yen in two lines."""
    now = the_time()
    return SessionOrder(
        payment_id=payment_id or new_id(now),
        references=(new_id(now), new_id(now)),
        lines=(SessionLine("見本体育館 半面A", 900), SessionLine("照明", 300)),
        success_url="http://127.0.0.1:1/return",
        cancel_url="http://127.0.0.1:1/cancel",
        mail_address="hanako@example.jp",
        expires_at=now + timedelta(minutes=minutes),
    )


def a_konbini_order(days: int | None = None) -> SessionOrder:
    """The same, payable at a till as well."""
    return replace(an_order(), methods=("card", "konbini"), funds_within_days=days)


def paid(account: Account) -> tuple[SessionOrder, str]:
    """A session that was paid by card, and its payment intent."""
    order = an_order()
    made = account.api.create_session(order, key=f"payment:{order.payment_id}:create")
    account.pay(made.id)
    intent = account.api.read_session(made.id).payment_intent_id
    assert intent is not None
    return order, intent


def refund_order(order: SessionOrder, intent: str, amount: int = 500) -> RefundOrder:
    """A part of it back."""
    return RefundOrder(new_id(the_time()), order.payment_id, order.references[0], intent, amount)
