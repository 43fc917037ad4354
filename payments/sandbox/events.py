"""`/v1/events`: what happened, for those whom no webhook told."""

from __future__ import annotations

from payments.sandbox.errors import missing_object, refused_parameter
from payments.sandbox.listing import page
from payments.sandbox.store import Body
from payments.sandbox.world import Call, World


def retrieve(world: World, call: Call) -> Body:
    """One event."""
    found = world.store.find_or_none("event", call.object_id)
    if found is None:
        raise missing_object("event", call.object_id, "id")
    return found


def listed(world: World, call: Call) -> Body:
    """Events newest first, by type, by several types, or by whether the endpoint has answered."""
    params = call.params
    if "type" in params and "types" in params:
        raise refused_parameter("You may only specify one of these parameters: type, types.", "types")
    wanted = params.get("types") or ([params["type"]] if "type" in params else ["*"])
    delivered = params.get("delivery_success")

    def matches(event: Body) -> bool:
        is_wanted = any(
            event["type"] == one or (one.endswith("*") and event["type"].startswith(one[:-1]))
            for one in wanted
        )
        return is_wanted and (delivered is None or (event["pending_webhooks"] == 0) is delivered)

    return page(
        world, "event", "/v1/events", params, matches=matches, also=("type", "types", "delivery_success")
    )
