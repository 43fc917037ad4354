"""`/_sandbox`: what a test may ask of Stripe that nobody may ask of the real one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from payments.sandbox import faults, idempotency, seeded
from payments.sandbox.store import Body
from payments.sandbox.sweep import sweep
from payments.sandbox.world import World


def control_pages(world: World, counted: Counter[str]) -> Blueprint:
    """Faults, clock, keys, the oracle, and how often each path was called."""
    pages = Blueprint("control", __name__, url_prefix="/_sandbox")

    _add_faults(pages, world)

    @pages.get("/clock")
    def clock() -> Body:
        return {"now": world.now(), "offset_s": world.store.clock.offset_s}

    @pages.post("/clock")
    def advance() -> ResponseReturnValue:
        seconds = request.get_json().get("advance_s")
        if not isinstance(seconds, int) or seconds < 0:
            return {"error": "advance_s is a whole number of seconds, forward"}, 400
        world.store.advance_clock(seconds)
        sweep(world)
        world.wake.set()
        return {"now": world.now(), "offset_s": world.store.clock.offset_s}

    @pages.get("/state")
    def state() -> Body:
        sweep(world)
        return _state(world)

    @pages.delete("/keys")
    def forget_keys() -> Body:
        idempotency.forget_all(world.store)
        return {}

    @pages.get("/requests")
    def requests_seen() -> Body:
        return dict(counted)

    @pages.delete("/requests")
    def forget_requests() -> Body:
        counted.clear()
        return {}

    return pages


def _add_faults(pages: Blueprint, world: World) -> None:
    @pages.get("/faults")
    def planned() -> Response:
        return jsonify(faults.planned(world.store))

    @pages.post("/faults")
    def plan() -> ResponseReturnValue:
        wanted = request.get_json()
        try:
            seeded.plan(world.store, wanted)
        except faults.BadFault as error:
            return {"error": str(error)}, 400
        return jsonify(faults.planned(world.store))

    @pages.delete("/faults")
    def clear() -> Response:
        faults.clear(world.store)
        return jsonify([])


def _state(world: World) -> dict[str, Any]:
    """Everything, oldest first: the books that tests compare ours with."""
    with world.store.transaction():
        objects: dict[str, list[Body]] = {}
        for kind, body in world.store.rows("SELECT kind, body FROM objects ORDER BY seq"):
            objects.setdefault(kind, []).append(json.loads(body))
        deliveries = world.store.rows(
            "SELECT event_id, state, attempts, due_at, last_answer FROM deliveries ORDER BY id"
        )
        names = ("event", "state", "attempts", "due_at", "last_answer")
        return {
            "now": world.now(),
            "objects": objects,
            "deliveries": [dict(zip(names, row, strict=True)) for row in deliveries],
            "faults": faults.planned(world.store),
        }
