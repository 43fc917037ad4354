"""Test cards: what each number does, as Stripe's testing page has it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestCard:
    """What happens when this card pays.

    `decline` is (code, decline_code); with `needs_3ds` it comes after the authentication. `refunds` is how
    refunds of its charge go: at once, pending first, or failing after they were reported as done. `dispute`
    is why its owner disputes the charge as soon as it is made; `inquiry` asks first and takes no money.
    """

    brand: str
    decline: tuple[str, str | None] | None = None
    needs_3ds: bool = False
    refunds: str = "at_once"
    dispute: str | None = None
    is_available_at_once: bool = False


class NotACardNumber(ValueError):
    """Wrong length or check digit: the page refuses it before any attempt to pay."""


CARDS = {
    "4242424242424242": TestCard("visa"),
    "5555555555554444": TestCard("mastercard"),
    "3566002020360505": TestCard("jcb"),
    "4000000000000002": TestCard("visa", decline=("card_declined", "generic_decline")),
    "4000000000009995": TestCard("visa", decline=("card_declined", "insufficient_funds")),
    "4000000000000069": TestCard("visa", decline=("expired_card", None)),
    "4000000000000127": TestCard("visa", decline=("incorrect_cvc", None)),
    "4000000000000119": TestCard("visa", decline=("processing_error", None)),
    "4000000000003220": TestCard("visa", needs_3ds=True),
    "4000002760003184": TestCard("visa", needs_3ds=True),
    "4000002500003155": TestCard("visa", needs_3ds=True),
    "4000008400001629": TestCard("visa", needs_3ds=True, decline=("card_declined", "generic_decline")),
    "4000000000007726": TestCard("visa", refunds="pending"),
    "4000000000005126": TestCard("visa", refunds="failing"),
    "4000000000000259": TestCard("visa", dispute="fraudulent"),
    "4000000000002685": TestCard("visa", dispute="product_not_received"),
    "4000000000001976": TestCard("visa", dispute="inquiry"),
    "4000000000000077": TestCard("visa", is_available_at_once=True),
}
METHODS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_jcb": "3566002020360505",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_pendingRefund": "4000000000007726",
    "pm_card_refundFail": "4000000000005126",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_bypassPending": "4000000000000077",
}
"""Stripe's ready-made payment methods for server-side tests."""
_ANY_OTHER = TestCard("visa", decline=("card_declined", "test_mode_live_card"))

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "test_mode_live_card": "Your card was declined. Your request was in test mode, but used a non test card.",
    "payment_intent_authentication_failure": (
        "We are unable to authenticate your payment method. "
        "Please choose a different payment method and try again."
    ),
}


def card_by_number(number: str) -> TestCard:
    """What a number stands for; one that is no test card is declined.

    Raises:
        NotACardNumber: not 12 to 19 digits with a right check digit.
    """
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19 and _luhn_holds(number)):
        raise NotACardNumber
    return CARDS.get(number, _ANY_OTHER)


def _luhn_holds(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
