"""Faults on demand: what goes wrong, where, after how many occasions, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from payments.sandbox.store import Body, Store

API_KINDS = (
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
WEBHOOK_KINDS = (
    "webhook_duplicate",
    "webhook_drop",
    "webhook_delay",
    "webhook_reorder",
    "webhook_foreign",
    "webhook_unknown",
)
REFUND_KINDS = ("refund_pending", "refund_failed", "refund_short")
CAPTURE_KINDS = ("capture_amount", "capture_currency", "dispute")
KINDS = (*API_KINDS, *WEBHOOK_KINDS, *REFUND_KINDS, *CAPTURE_KINDS)
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
                "INSERT INTO faults (remaining, body) VALUES (?, ?)", fault.get("times", 1), json.dumps(fault)
            )


def clear(store: Store) -> None:
    """Forget all faults that have not struck."""
    store.rows("DELETE FROM faults")


def planned(store: Store) -> list[Body]:
    """What may still strike, in order."""
    found = store.rows("SELECT remaining, body FROM faults ORDER BY id")
    return [{**json.loads(body), "remaining": remaining} for remaining, body in found]


def take_api_or_none(store: Store, method: str, path: str) -> Body | None:
    """The fault that strikes this call; `path` may hold `*`, `method` is POST unless given (`*` is any)."""

    def fits(fault: Body) -> bool:
        return (
            fault["kind"] in API_KINDS
            and fnmatchcase(path, fault.get("path", "*"))
            and fnmatchcase(method, fault.get("method", "POST"))
        )

    return _take_or_none(store, fits)


def take_refund_or_none(store: Store) -> Body | None:
    """The fault that strikes this refund."""
    return _take_or_none(store, lambda fault: fault["kind"] in REFUND_KINDS)


def take_capture_or_none(store: Store) -> Body | None:
    """The fault that strikes this capture."""
    return _take_or_none(store, lambda fault: fault["kind"] in CAPTURE_KINDS)


def take_webhook_or_none(store: Store, event_type: str) -> Body | None:
    """The fault that strikes this message; `type` may hold `*`."""
    return _take_or_none(
        store,
        lambda fault: fault["kind"] in WEBHOOK_KINDS and fnmatchcase(event_type, fault.get("type", "*")),
    )


def _take_or_none(store: Store, fits: Callable[[Body], bool]) -> Body | None:
    with store.transaction():
        for fault_id, remaining, text in store.rows("SELECT id, remaining, body FROM faults ORDER BY id"):
            fault: Body = json.loads(text)
            if not fits(fault):
                continue
            if fault.get("after", 0) > 0:
                waits = {**fault, "after": fault["after"] - 1}
                store.rows("UPDATE faults SET body = ? WHERE id = ?", json.dumps(waits), fault_id)
                return None
            if remaining == 1:
                store.rows("DELETE FROM faults WHERE id = ?", fault_id)
            elif remaining > 1:
                store.rows("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", fault_id)
            return {**fault, "is_last": remaining == 1}
    return None
