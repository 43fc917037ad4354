"""A plan of faults from a seed: the same seed and the same occasions go wrong in the same way."""

from __future__ import annotations

import hashlib
from typing import Any

from payments.sandbox import faults
from payments.sandbox.faults import BadFault
from payments.sandbox.store import Body, Store

_LEFT_OUT = ("slow", "dispute", "capture_amount", "capture_currency")
"""Not drawn unless named: they change what is owed, or only take time."""
_DETAILS: dict[str, Body] = {
    "webhook_delay": {"delay_s": 3600},
    "webhook_reorder": {"times": 2, "delay_s": 60},
    "refund_pending": {"settle_after_s": 3600},
    "refund_failed": {"settle_after_s": 3600},
}


def plan(store: Store, wanted: Any) -> None:
    """Add what a plan says: one fault, a list of faults, or a seed to draw them from.

    Raises:
        BadFault: something in it means nothing; then none of it is added.
    """
    if isinstance(wanted, dict) and "seed" in wanted:
        wanted = drawn(wanted)
    faults.plan(store, wanted if isinstance(wanted, list) else [wanted])


def drawn(wanted: dict[str, Any]) -> list[Body]:
    """Faults for so many occasions of each domain, `percent` of which go wrong.

    `wanted` is {"seed": text, "percent": 1 to 100, "calls"|"webhooks"|"refunds"|"captures": occasions,
    "kinds": [..]}; without `kinds` all are drawn except those that change what is owed.

    Raises:
        BadFault: a member that is unknown, missing, or out of its range.
    """
    known = {"seed", "percent", "kinds", *faults.DOMAINS}
    if set(wanted) - known or not isinstance(wanted.get("seed"), str):
        raise BadFault(f"a seeded plan has a seed (text) and of {', '.join(sorted(known))}")
    percent = wanted.get("percent", 20)
    if type(percent) is not int or not 1 <= percent <= 100:
        raise BadFault("percent is a whole number from 1 to 100")
    kinds = wanted.get("kinds", [kind for kind in faults.KINDS if kind not in _LEFT_OUT])
    if not isinstance(kinds, list) or set(kinds) - set(faults.KINDS):
        raise BadFault(f"kinds are of {', '.join(faults.KINDS)}")
    found: list[Body] = []
    for domain, of_domain in faults.DOMAINS.items():
        occasions = wanted.get(domain, 0)
        if type(occasions) is not int or not 0 <= occasions <= 100_000:
            raise BadFault(f"{domain} is a whole number up to 100,000")
        mine = [kind for kind in of_domain if kind in kinds]
        if mine:
            found += _drawn(f"{wanted['seed']}/{domain}", mine, percent, occasions)
    return found


def _drawn(seed: str, kinds: list[str], percent: int, occasions: int) -> list[Body]:
    plan: list[Body] = []
    passed = 0
    for occasion in range(occasions):
        roll = int.from_bytes(hashlib.sha256(f"{seed}/{occasion}".encode()).digest()[:12], "big")
        if roll % 100 >= percent:
            passed += 1
            continue
        kind = kinds[roll // 100 % len(kinds)]
        fault = {"kind": kind, "after": passed, **_DETAILS.get(kind, {})}
        if kind in faults.CALLS:
            fault["method"] = "*"
        if kind == "stored_500":
            fault["effect"] = bool(roll // 10_000 % 2)
        plan.append(fault)
        passed = 0
    return plan
