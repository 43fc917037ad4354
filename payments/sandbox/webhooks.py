"""Signed webhook messages, sent until the endpoint answers 2xx; what is owed survives a restart."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading

import requests

from payments.sandbox import edge
from payments.sandbox.deliveries import is_silent
from payments.sandbox.store import Body
from payments.sandbox.sweep import sweep
from payments.sandbox.world import World

_LOG = logging.getLogger("payments.sandbox.webhooks")
RETRY_AFTER_S = (1, 2, 5, 10, 30, 60, 300, 900, 3600)
"""Seconds of the sandbox's clock between attempts, then the last one again until GIVE_UP_AFTER_S."""
GIVE_UP_AFTER_S = 3 * 24 * 60 * 60
_TICK_S = 0.25
_ANSWER_WITHIN_S = 10


def signature(payload: str, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header: `t=...,v1=...` over `timestamp.payload`."""
    digest = hmac.new(secret.encode(), f"{timestamp}.{payload}".encode(), hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Postman(threading.Thread):
    """Delivers what is due, one message at a time, and lets time-driven changes happen between."""

    def __init__(self, world: World) -> None:
        super().__init__(name="webhooks", daemon=True)
        self._world = world
        self._is_over = threading.Event()

    def stop(self) -> None:
        """Finish the message at hand and end."""
        self._is_over.set()
        self._world.wake.set()
        self.join(_ANSWER_WITHIN_S + 5)

    def run(self) -> None:
        """Until stopped: sweep, deliver, wait for something new or a moment."""
        while not self._is_over.is_set():
            self._world.wake.wait(_TICK_S)
            self._world.wake.clear()
            try:
                sweep(self._world)
                while not self._is_over.is_set() and deliver_next(self._world):
                    pass
            except Exception:
                _LOG.exception("delivery_failed")


def deliver_next(world: World) -> bool:
    """Send the earliest due message; whether there was one."""
    store, now = world.store, world.now()
    if is_silent(store, now):
        return False
    found = store.rows(
        "SELECT id, event_id, attempts FROM deliveries WHERE state IN ('due', 'held') AND due_at <= ?"
        " ORDER BY due_at, rank LIMIT 1",
        now,
    )
    if not found or world.webhook_url is None:
        return False
    delivery_id, event_id, attempts = found[0]
    event = store.require("event", event_id)
    answer = _send(world, world.webhook_url, event)
    with store.transaction():
        if answer.isdigit() and 200 <= int(answer) < 300:
            _settle(world, delivery_id, event, "delivered", answer)
        elif world.now() - event["created"] > GIVE_UP_AFTER_S:
            _settle(world, delivery_id, event, "given_up", answer)
        else:
            wait_s = RETRY_AFTER_S[min(attempts, len(RETRY_AFTER_S) - 1)]
            store.rows(
                "UPDATE deliveries SET attempts = attempts + 1, due_at = ?, last_answer = ?, state = 'due'"
                " WHERE id = ?",
                world.now() + wait_s,
                answer,
                delivery_id,
            )
    return True


def _send(world: World, url: str, event: Body) -> str:
    """POST one event; the status, or the name of what went wrong on the way."""
    payload = json.dumps(event, indent=2, ensure_ascii=False)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        # The receiver compares this with its own clock, which the sandbox's clock may have left behind.
        "Stripe-Signature": signature(payload, world.webhook_secret, edge.wall_now()),
    }
    try:
        answer = requests.post(
            url, payload.encode(), headers=headers, timeout=_ANSWER_WITHIN_S, allow_redirects=False
        )
    except requests.RequestException as error:
        return type(error).__name__
    return str(answer.status_code)


def _settle(world: World, delivery_id: int, event: Body, state: str, answer: str) -> None:
    world.store.rows(
        "UPDATE deliveries SET attempts = attempts + 1, state = ?, last_answer = ? WHERE id = ?",
        state,
        answer,
        delivery_id,
    )
    if state == "delivered" and event["pending_webhooks"]:
        event["pending_webhooks"] = 0
        world.store.save(event)
