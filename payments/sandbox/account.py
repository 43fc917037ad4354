"""The account's own settings: fees, how long money is on its way, what a short balance does.

The figures are the sandbox's own. They look like a Japanese account's, and a program that relies on them is
wrong: what Stripe took is in its balance transactions.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from payments.sandbox.store import Store

_FACT = "account"
_WORDS = {"payouts": ("manual", "daily"), "short_balance": ("allow", "refuse", "pend")}
DAY_S = 24 * 60 * 60


class BadSetting(ValueError):
    """A setting that does not exist, or a value it cannot have."""


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """Settings, changed by `POST /_sandbox/account`."""

    fee_per_mille: int = 36
    """Of a card charge, rounded half up to the yen."""
    konbini_fee_per_mille: int = 36
    dispute_fee_yen: int = 1500
    """Kept also when the dispute is won."""
    available_after_s: int = 4 * DAY_S
    payout_takes_s: int = 2 * DAY_S
    evidence_within_s: int = 9 * DAY_S
    payer_answers_after_s: int = DAY_S
    """When somebody who paid at a till names the bank account for a refund; none in 45 days cancels it."""
    payouts: str = "manual"
    """`daily`: at the first request of a civil day in Tokyo all that is available goes out."""
    short_balance: str = "allow"
    """A refund beyond the balance: `allow` lets it turn negative, `refuse` answers balance_insufficient,
    `pend` leaves the refund pending until the balance suffices."""


def settings(store: Store) -> AccountSettings:
    """The settings as they are now."""
    return AccountSettings(**json.loads(store.fact_or_none(_FACT) or "{}"))


def change(store: Store, wanted: dict[str, Any]) -> AccountSettings:
    """Change some settings.

    Raises:
        BadSetting: unknown name, wrong type, negative number, unknown word.
    """
    now = settings(store)
    types = {field.name: type(getattr(now, field.name)) for field in fields(now)}
    for name, value in wanted.items():
        if name not in types or type(value) is not types[name]:
            raise BadSetting(f"unknown or wrongly typed setting {name!r}")
        if isinstance(value, int) and value < 0:
            raise BadSetting(f"{name} is not negative")
        if name in _WORDS and value not in _WORDS[name]:
            raise BadSetting(f"{name} is one of {', '.join(_WORDS[name])}")
    changed = replace(now, **wanted)
    store.set_fact(_FACT, json.dumps(asdict(changed)))
    return changed
