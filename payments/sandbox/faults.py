"""Faults on demand: what goes wrong, where, and how many times more."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from payments.sandbox.store import Body, Store

API_KINDS = frozenset(
    {
        "timeout_before",
        "timeout_after",
        "stored_500",
        "http_409",
        "http_429",
        "http_500",
        "http_503",
        "slow",
    }
)
WEBHOOK_KINDS = frozenset({"webhook_duplicate", "webhook_drop", "webhook_delay", "webhook_reorder"})
REFUND_KINDS = frozenset({"refund_pending", "refund_failed"})
KINDS = API_KINDS | WEBHOOK_KINDS | REFUND_KINDS
_MEMBERS = {
    "kind": str,
    "times": int,
    "path": str,
    "method": str,
    "type": str,
    "hold_s": (int, float),
    "effect": bool,
    "delay_s": int,
    "settle_after_s": int,
    "reason": str,
}


class BadFault(ValueError):
    """A fault that nobody would ever meet: unknown kind, member, or type."""


def plan(store: Store, wanted: list[Any]) -> None:
    """Add faults in order. `times` is how often each strikes (1 unless given, -1 until cleared)."""
    for fault in wanted:
        if not isinstance(fault, dict) or fault.get("kind") not in KINDS:
            raise BadFault(f"kind must be one of {', '.join(sorted(KINDS))}")
        for name, value in fault.items():
            if name not in _MEMBERS or not isinstance(value, _MEMBERS[name]):  # type: ignore[arg-type]
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

    def strikes(fault: Body) -> bool:
        return (
            fault["kind"] in API_KINDS
            and fnmatchcase(path, fault.get("path", "*"))
            and fnmatchcase(method, fault.get("method", "POST"))
        )

    return _take_or_none(store, strikes)


def take_refund_or_none(store: Store) -> Body | None:
    """The fault that strikes this refund."""
    return _take_or_none(store, lambda fault: fault["kind"] in REFUND_KINDS)


def _take_or_none(store: Store, strikes: Callable[[Body], bool]) -> Body | None:
    with store.transaction():
        for fault_id, remaining, text in store.rows("SELECT id, remaining, body FROM faults ORDER BY id"):
            fault: Body = json.loads(text)
            if not strikes(fault):
                continue
            if remaining == 1:
                store.rows("DELETE FROM faults WHERE id = ?", fault_id)
            elif remaining > 1:
                store.rows("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", fault_id)
            return {**fault, "is_last": remaining == 1}
    return None


def owe_delivery(store: Store, event: Body) -> None:
    """Queue the webhook message of an event, the way a planned webhook fault wants it."""
    fault = _take_or_none(
        store,
        lambda one: one["kind"] in WEBHOOK_KINDS and fnmatchcase(event["type"], one.get("type", "*")),
    )
    now = int(event["created"])
    kind = fault["kind"] if fault else None
    if kind == "webhook_reorder" and fault is not None:
        _hold_back(store, event, now + int(fault.get("delay_s", 5)), is_last=fault["is_last"])
        return
    due_at = now + int(fault.get("delay_s", 0)) if fault and kind == "webhook_delay" else now
    for _ in range(2 if kind == "webhook_duplicate" else 1):
        _queue(store, event, due_at, "dropped" if kind == "webhook_drop" else "due")


def _queue(store: Store, event: Body, due_at: int, state: str) -> None:
    rank = store.rows("SELECT coalesce(max(id), 0) + 1 FROM deliveries")[0][0]
    store.rows(
        "INSERT INTO deliveries (event_id, due_at, rank, state) VALUES (?, ?, ?, ?)",
        event["id"],
        due_at,
        rank,
        state,
    )


def _hold_back(store: Store, event: Body, until: int, *, is_last: bool) -> None:
    """Collect `times` messages and send them newest first; a group that never fills goes out at its delay."""
    _queue(store, event, until, "held")
    if is_last:
        store.rows(
            "UPDATE deliveries SET state = 'due', due_at = ?, rank = -id WHERE state = 'held'",
            event["created"],
        )
