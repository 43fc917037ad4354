"""Faults on demand: what goes wrong, where, after how many occasions, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from payments.sandbox.store import Body, Store

CALLS = (
    "timeout_before",
    "timeout_after",
    "stored_500",
    "http_409",
    "http_429",
    "http_500",
    "http_503",
    "slow",
    "forget_keys",
)
WEBHOOKS = (
    "webhook_duplicate",
    "webhook_drop",
    "webhook_delay",
    "webhook_reorder",
    "webhook_foreign",
    "webhook_unknown",
)
REFUNDS = ("refund_pending", "refund_failed", "refund_short")
CAPTURES = ("capture_amount", "capture_currency", "dispute")
DOMAINS = {"calls": CALLS, "webhooks": WEBHOOKS, "refunds": REFUNDS, "captures": CAPTURES}
"""Where a fault can strike; a fault of one waits for no occasion of another."""
KINDS = tuple(kind for kinds in DOMAINS.values() for kind in kinds)
_DOMAIN_OF = {kind: domain for domain, kinds in DOMAINS.items() for kind in kinds}
_MEMBERS: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "times": (int,),
    "after": (int,),
    "path": (str,),
    "method": (str,),
    "type": (str,),
    "hold_s": (int, float),
    "effect": (bool,),
    "delay_s": (int,),
    "settle_after_s": (int,),
    "reason": (str,),
    "amount": (int,),
    "currency": (str,),
}


class BadFault(ValueError):
    """A fault that nobody would ever meet: unknown kind, member, or type."""


def plan(store: Store, wanted: list[Any]) -> None:
    """Add faults in order.

    Of the faults that fit an occasion the first one decides: it lets `after` occasions pass (0 unless given),
    then strikes `times` (1 unless given, -1 until cleared), then the next one's turn comes.
    """
    for fault in wanted:
        if not isinstance(fault, dict) or fault.get("kind") not in KINDS:
            raise BadFault(f"kind must be one of {', '.join(sorted(KINDS))}")
        for name, value in fault.items():
            if name not in _MEMBERS or type(value) not in _MEMBERS[name]:
                raise BadFault(f"unknown or wrongly typed member {name!r}")
    with store.transaction():
        for fault in wanted:
            store.rows(
                "INSERT INTO planned_faults (domain, remaining, body) VALUES (?, ?, ?)",
                _DOMAIN_OF[fault["kind"]],
                fault.get("times", 1),
                json.dumps(fault),
            )


def clear(store: Store) -> None:
    """Forget all faults that have not struck."""
    store.rows("DELETE FROM planned_faults")


def planned(store: Store) -> list[Body]:
    """What may still strike, in order."""
    found = store.rows("SELECT remaining, body FROM planned_faults ORDER BY id")
    return [{**json.loads(body), "remaining": remaining} for remaining, body in found]


def take_api_or_none(store: Store, method: str, path: str) -> Body | None:
    """The fault that strikes this call; `path` may hold `*`, `method` is POST unless given (`*` is any)."""

    def fits(fault: Body) -> bool:
        return fnmatchcase(path, fault.get("path", "*")) and fnmatchcase(method, fault.get("method", "POST"))

    return _take_or_none(store, "calls", fits)


def take_refund_or_none(store: Store) -> Body | None:
    """The fault that strikes this refund."""
    return _take_or_none(store, "refunds", lambda _: True)


def take_capture_or_none(store: Store) -> Body | None:
    """The fault that strikes this capture."""
    return _take_or_none(store, "captures", lambda _: True)


def take_webhook_or_none(store: Store, event_type: str) -> Body | None:
    """The fault that strikes this message; `type` may hold `*`."""
    return _take_or_none(store, "webhooks", lambda fault: fnmatchcase(event_type, fault.get("type", "*")))


def _take_or_none(store: Store, domain: str, fits: Callable[[Body], bool]) -> Body | None:
    with store.transaction():
        for fault_id, remaining, fault in _in_turn(store, domain):
            if not fits(fault):
                continue
            if fault.get("after", 0) > 0:
                waits = {**fault, "after": fault["after"] - 1}
                store.rows("UPDATE planned_faults SET body = ? WHERE id = ?", json.dumps(waits), fault_id)
                return None
            if remaining == 1:
                store.rows("DELETE FROM planned_faults WHERE id = ?", fault_id)
            elif remaining > 1:
                store.rows("UPDATE planned_faults SET remaining = remaining - 1 WHERE id = ?", fault_id)
            return {**fault, "is_last": remaining == 1}
    return None


def _in_turn(store: Store, domain: str) -> Iterator[tuple[int, int, Body]]:
    """The faults of a domain in order, a few at a time: a seed may have planned thousands."""
    last = 0
    while found := store.rows(
        "SELECT id, remaining, body FROM planned_faults WHERE domain = ? AND id > ? ORDER BY id LIMIT 8",
        domain,
        last,
    ):
        for fault_id, remaining, text in found:
            yield fault_id, remaining, json.loads(text)
        last = found[-1][0]
