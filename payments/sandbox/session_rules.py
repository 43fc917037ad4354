"""What a session must bring: required members, amounts, deadline, and what the sandbox acts on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from payments.sandbox.errors import ApiError, refused_parameter

MINIMUM_YEN = 50
MAXIMUM_YEN = 99_999_999
SHORTEST_S = 30 * 60
LONGEST_S = 24 * 60 * 60

_LINE = {
    "price_data": {
        "currency": None,
        "unit_amount": None,
        "tax_behavior": None,
        "product_data": {"name": None, "description": None, "metadata": None},
    },
    "quantity": None,
    "metadata": None,
}
SUPPORTED: dict[str, Any] = {
    "mode": None,
    "ui_mode": None,
    "line_items": _LINE,
    "success_url": None,
    "cancel_url": None,
    "client_reference_id": None,
    "customer_email": None,
    "expires_at": None,
    "locale": None,
    "metadata": None,
    "currency": None,
    "submit_type": None,
    "expand": None,
    "allowed_payment_method_types": None,
    "excluded_payment_method_types": None,
    "customer_creation": None,
    "payment_intent_data": {
        "metadata": None,
        "description": None,
        "receipt_email": None,
        "statement_descriptor_suffix": None,
    },
    "payment_method_options": {
        "card": {"request_three_d_secure": None},
        "konbini": {"expires_after_days": None},
    },
    "adaptive_pricing": {"enabled": None},
}


def payment_methods(params: dict[str, Any]) -> list[str]:
    """How the session can be paid: by card, and by konbini where it is asked for."""
    allowed = set(params.get("allowed_payment_method_types", ["card"]))
    allowed -= set(params.get("excluded_payment_method_types", []))
    return [method for method in ("card", "konbini") if method in allowed]


def require_payment_page(params: dict[str, Any]) -> None:
    """A hosted page in `payment` mode with somewhere to return to.

    Raises:
        ApiError: what is missing, malformed, or not to be had here.
    """
    for name in ("mode", "line_items", "success_url"):
        if not params.get(name):
            raise _missing(name)
    if params["mode"] != "payment":
        raise refused_parameter(
            "The sandbox has the mode `payment` only", "mode", "sandbox_unsupported_parameter"
        )
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise refused_parameter(
            "The sandbox has `hosted_page` only", "ui_mode", "sandbox_unsupported_parameter"
        )
    for name in ("success_url", "cancel_url"):
        address = urlsplit(params.get(name, "https://example.jp/"))
        if address.scheme not in ("http", "https") or not address.netloc:
            raise refused_parameter("Not a valid URL", name, "url_invalid")
    if not payment_methods(params):
        raise refused_parameter(
            "The sandbox has card and konbini",
            "allowed_payment_method_types",
            "sandbox_unsupported_parameter",
        )
    if params.get("currency", "jpy").lower() != "jpy":
        raise _foreign_currency(params["currency"], "currency")
    _require_voucher_days(params)


def require_line(index: int, line: dict[str, Any]) -> None:
    """One line with its price given in place, in yen.

    Raises:
        ApiError: what is missing or not in yen, by the name of the parameter.
    """
    at = f"line_items[{index}]"
    price = line.get("price_data")
    if price is None:
        raise _missing(f"{at}[price_data]")
    for name in ("currency", "unit_amount", "product_data"):
        if name not in price:
            raise _missing(f"{at}[price_data][{name}]")
    if "name" not in price["product_data"]:
        raise _missing(f"{at}[price_data][product_data][name]")
    if "quantity" not in line:
        raise _missing(f"{at}[quantity]")
    if price["currency"].lower() != "jpy":
        raise _foreign_currency(price["currency"], f"{at}[price_data][currency]")
    if price["unit_amount"] < 0 or line["quantity"] < 1:
        raise refused_parameter("Must be positive", at, "parameter_invalid_integer")


def require_payable(total: int) -> None:
    """An amount that a card can pay.

    Raises:
        ApiError: below 50 yen (`amount_too_small`) or above eight digits (`amount_too_large`).
    """
    if total < MINIMUM_YEN:
        raise ApiError(
            f"The Checkout Session's total amount must convert to at least ¥{MINIMUM_YEN}.",
            code="amount_too_small",
            param="line_items",
            is_stored=False,
        )
    if total > MAXIMUM_YEN:
        raise ApiError(
            f"The Checkout Session's total amount due must be no more than ¥{MAXIMUM_YEN:,}.",
            code="amount_too_large",
            param="line_items",
            is_stored=False,
        )


def deadline(params: dict[str, Any], now: int) -> int:
    """When the session closes by itself, in seconds since the epoch; 24 hours from `now` unless given.

    Raises:
        ApiError: earlier than 30 minutes or later than 24 hours from `now`.
    """
    expires_at = int(params.get("expires_at", now + LONGEST_S))
    if expires_at < now + SHORTEST_S:
        raise refused_parameter(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            "expires_at",
        )
    if expires_at > now + LONGEST_S:
        raise refused_parameter(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            "expires_at",
        )
    return expires_at


def _require_voucher_days(params: dict[str, Any]) -> None:
    days = params.get("payment_method_options", {}).get("konbini", {}).get("expires_after_days")
    if days is None:
        return
    at = "payment_method_options[konbini][expires_after_days]"
    if not 1 <= days <= 60:
        raise refused_parameter("Must be between 1 and 60", at, "parameter_invalid_integer")


def _missing(param: str) -> ApiError:
    return refused_parameter(f"Missing required param: {param}.", param, "parameter_missing")


def _foreign_currency(currency: str, param: str) -> ApiError:
    return refused_parameter(f"Invalid currency: {currency}. The sandbox's account takes jpy.", param)
