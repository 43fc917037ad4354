"""Lists with cursors, and `expand`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from payments.sandbox.errors import missing_object, refused_parameter
from payments.sandbox.params import require_supported
from payments.sandbox.store import Body
from payments.sandbox.world import World

_KIND_BY_PREFIX = {
    "pi_": "payment_intent",
    "ch_": "charge",
    "txn_": "balance_transaction",
    "re_": "refund",
    "cs_": "checkout.session",
    "evt_": "event",
    "dp_": "dispute",
    "po_": "payout",
}
_EXPANDABLE = frozenset(
    {
        "payment_intent",
        "latest_charge",
        "charge",
        "balance_transaction",
        "failure_balance_transaction",
        "source",
    }
)

_EVERY_LIST = ("limit", "starting_after", "ending_before", "created", "expand")


def page(
    world: World,
    kind: str,
    url: str,
    params: Mapping[str, Any],
    filters: tuple[str, ...] = (),
    *,
    matches: Callable[[Body], bool] | None = None,
    also: tuple[str, ...] = (),
) -> Body:
    """One page, newest first: `limit` 1 to 100 (10), `starting_after` or `ending_before`, `created`.

    `filters` are members that must equal the parameter of the same name; `matches` looks at what is left, by
    the parameters in `also`.
    """
    require_supported(dict(params), dict.fromkeys((*_EVERY_LIST, *filters, *also)))
    equal = {name: params[name] for name in filters if name in params}
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise refused_parameter(
            "Invalid limit: must be between 1 and 100", "limit", "parameter_invalid_integer"
        )
    created = params.get("created")
    if isinstance(created, int):
        created = {"gte": created, "lte": created}
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise refused_parameter("You may only specify one of starting_after, ending_before.", "ending_before")
    found = world.store.newest_first(
        kind,
        equal=equal,
        created=created,
        before_seq=_cursor(world, kind, after, "starting_after") if after else None,
        after_seq=_cursor(world, kind, before, "ending_before") if before else None,
        limit=-1 if matches else limit + 1,
    )
    if matches:
        found = [body for body in found if matches(body)]
    data = found[:limit]
    if before:
        data.reverse()
    return {"object": "list", "url": url, "has_more": len(found) > limit, "data": data}


def _cursor(world: World, kind: str, object_id: str, param: str) -> int:
    seq = world.store.seq_or_none(kind, object_id)
    if seq is None:
        raise missing_object(kind, object_id, param, status=400)
    return seq


def expanded(world: World, body: Body, paths: list[str]) -> Body:
    """The answer with ids replaced by objects along each path (`payment_intent.latest_charge`)."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > 4 + (steps[0] == "data"):
            raise refused_parameter("You cannot expand more than 4 levels of a property", "expand")
        _walk(world, body, steps, path)
    return body


def _walk(world: World, body: Body, steps: list[str], path: str) -> None:
    name, rest = steps[0], steps[1:]
    if body.get("object") == "list" and name == "data":
        for inner in body["data"]:
            _walk(world, inner, rest, path)
        return
    if body.get("object") == "checkout.session" and name == "line_items":
        body["line_items"] = line_items(world, body["id"])
        return
    if body.get("object") == "charge" and name == "refunds":
        url = f"/v1/charges/{body['id']}/refunds"
        body["refunds"] = page(world, "refund", url, {"charge": body["id"]}, ("charge",))
        return
    if name not in _EXPANDABLE or name not in body:
        raise refused_parameter(f"This property cannot be expanded ({path}).", "expand")
    if isinstance(body[name], str):
        prefix = body[name].split("_", 1)[0] + "_"
        body[name] = dated(world, world.store.require(_KIND_BY_PREFIX[prefix], body[name]))
    if rest and isinstance(body[name], dict):
        _walk(world, body[name], rest, path)


def line_items(world: World, session_id: str) -> Body:
    """A session's lines as a list object; they are not part of the session unless asked for."""
    data = world.store.note(session_id)["line_items"]
    url = f"/v1/checkout/sessions/{session_id}/line_items"
    return {"object": "list", "url": url, "has_more": False, "data": data}


def dated(world: World, body: Body) -> Body:
    """A balance transaction as the API shows it: `available` by the clock; everything else is as stored."""
    if body["object"] != "balance_transaction":
        return body
    shown = {name: value for name, value in body.items() if name != "payout"}
    return {**shown, "status": "available" if body["available_on"] <= world.now() else "pending"}
