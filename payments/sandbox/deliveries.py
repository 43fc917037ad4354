"""What the webhook endpoint is owed: one message an event, unless a planned fault wants it otherwise."""

from __future__ import annotations

import json

from payments.sandbox import faults
from payments.sandbox.store import Body, Store

_SILENT_UNTIL = "silent_until"


def owe(store: Store, event: Body) -> None:
    """Queue the webhook message of an event, the way a planned webhook fault wants it."""
    fault = faults.take_webhook_or_none(store, event["type"])
    now = int(event["created"])
    kind = fault["kind"] if fault else None
    if kind == "webhook_reorder" and fault is not None:
        _hold_back(store, event, now + int(fault.get("delay_s", 5)), is_last=fault["is_last"])
        return
    due_at = now + int(fault.get("delay_s", 0)) if fault and kind == "webhook_delay" else now
    if kind in ("webhook_foreign", "webhook_unknown"):
        _queue(store, _stranger(store, event, is_foreign=kind == "webhook_foreign"), due_at, "due")
    for _ in range(2 if kind == "webhook_duplicate" else 1):
        _queue(store, event, due_at, "dropped" if kind == "webhook_drop" else "due")


def owe_once(store: Store, event: Body) -> None:
    """Queue a message, whatever faults are planned."""
    _queue(store, event, int(event["created"]), "due")


def silence(store: Store, until: int) -> None:
    """Send nothing before an instant; what was owed meanwhile goes out then, all at once and in order."""
    store.set_fact(_SILENT_UNTIL, str(until))


def is_silent(store: Store, now: int) -> bool:
    """Whether nothing is sent at present."""
    return now < int(store.fact_or_none(_SILENT_UNTIL) or 0)


def _stranger(store: Store, event: Body, *, is_foreign: bool) -> Body:
    """A message beside the true one: of a live account's object, or of one that nobody here has made."""
    other: Body = json.loads(json.dumps(event))
    other["id"] = store.new_id("evt_1")
    other["livemode"] = is_foreign
    subject = other["data"]["object"]
    prefix = subject["id"].rsplit("_", 1)[0]
    subject.update(id=store.new_id(f"{prefix}_"), livemode=is_foreign)
    if not is_foreign:
        for name in ("client_reference_id", "payment_intent", "charge"):
            if name in subject:
                subject[name] = None
        subject["metadata"] = {}
    # `pending_webhooks` stays: the message is owed like any other.
    return store.add(other)


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
