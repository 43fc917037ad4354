"""The `/v1` API: who may call, what the call says, faults, keys, and the answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from payments.sandbox import API_VERSION, edge, faults, form, idempotency
from payments.sandbox.endpoints import ENDPOINTS, Endpoint
from payments.sandbox.errors import ApiError
from payments.sandbox.idempotency import StoredAnswer
from payments.sandbox.listing import expanded
from payments.sandbox.params import checked
from payments.sandbox.store import Body
from payments.sandbox.sweep import sweep
from payments.sandbox.wire import cut_connection
from payments.sandbox.world import Call, World

_REFUSALS = {
    "http_409": ApiError(
        "The request conflicts with another request.",
        status=409,
        code="idempotency_key_in_use",
        is_stored=False,
    ),
    "http_429": ApiError(
        "Request rate limit exceeded.",
        status=429,
        code="rate_limit",
        is_stored=False,
        headers={"stripe-rate-limited-reason": "global-rate"},
    ),
    "http_500": ApiError("An unknown error occurred", status=500, kind="api_error", is_stored=False),
    "http_503": ApiError("Stripe is unavailable", status=503, kind="api_error", is_stored=False),
}


def api_pages(world: World) -> Blueprint:
    """All endpoints, each behind the key, the version and the planned faults."""
    pages = Blueprint("api", __name__)
    for endpoint in ENDPOINTS:
        pages.add_url_rule(
            endpoint.rule,
            f"{endpoint.method} {endpoint.rule}",
            _view(world, endpoint),
            methods=[endpoint.method],
        )

    @pages.route("/v1/<path:rest>", methods=["GET", "POST", "DELETE"])
    def unknown(rest: str) -> Response:
        message = f"Unrecognized request URL ({request.method}: /v1/{rest})."
        return _response(404, ApiError(message).body(), world.store.new_id("req_", 14))

    return pages


def _view(world: World, endpoint: Endpoint) -> Callable[..., Response]:
    def view(object_id: str = "") -> Response:
        request_id = world.store.new_id("req_", 14)
        try:
            _authenticate(world)
            _require_version()
            return _answer(world, endpoint, object_id, request_id)
        except ApiError as error:
            return _response(error.status, error.body(), request_id, error.headers)

    return view


def _answer(world: World, endpoint: Endpoint, object_id: str, request_id: str) -> Response:
    fault = faults.take_api_or_none(world.store, request.method, request.path) or {"kind": None}
    if fault["kind"] in _REFUSALS:
        raise _REFUSALS[fault["kind"]]
    if fault["kind"] == "forget_keys":
        idempotency.forget_all(world.store)
    if fault["kind"] == "timeout_before":
        edge.hold(fault.get("hold_s", 0))
        return cut_connection(request.environ)
    pairs = _pairs()
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if key:
        known = idempotency.claim(
            world.store, key, f"{request.method} {request.path}", idempotency.fingerprint(pairs)
        )
        if known is not None:
            return _response(known.status, known.body, request_id, {"idempotent-replayed": "true"})
    if fault["kind"] == "slow":
        edge.hold(fault.get("hold_s", 1))
    answer = _execute(world, endpoint, pairs, Call({}, object_id, request_id, key), fault)
    if fault["kind"] == "timeout_after":
        edge.hold(fault.get("hold_s", 0))
        return cut_connection(request.environ)
    return _response(answer.status, answer.body, request_id, {"idempotency-key": key} if key else {})


def _execute(
    world: World, endpoint: Endpoint, pairs: list[tuple[str, str]], call: Call, fault: Body
) -> StoredAnswer:
    """Run the endpoint; its effect and the answer under the key are one transaction."""
    store, key = world.store, call.key
    try:
        sweep(world)
        with store.transaction():
            values = checked(endpoint.accepts, form.nested(pairs))
            answer = _acted(world, endpoint, Call(values, call.object_id, call.request_id, key))
            if fault["kind"] == "stored_500":
                answer = StoredAnswer(500, _REFUSALS["http_500"].body())
                if not fault.get("effect", False):
                    raise _Undone
            if key:
                idempotency.remember(store, key, answer)
    except _Undone:
        if key:
            idempotency.remember(store, key, answer)
    except ApiError as error:
        if not error.is_stored:
            if key:
                idempotency.release(store, key)
            raise
        answer = StoredAnswer(error.status, error.body())
        if key:
            idempotency.remember(store, key, answer)
    except Exception:
        if key:
            idempotency.release(store, key)
        raise
    return answer


def _acted(world: World, endpoint: Endpoint, call: Call) -> StoredAnswer:
    try:
        body = endpoint.act(world, call)
    except ApiError as error:
        if not error.keeps_effect:
            raise
        return StoredAnswer(error.status, error.body())
    return StoredAnswer(200, expanded(world, body, call.params.get("expand", [])))


class _Undone(Exception):
    """A stored 500 whose effect is taken back."""


def _authenticate(world: World) -> None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value).decode().partition(":")[0]
        except ValueError:
            value = ""
    if not value:
        raise ApiError("You did not provide an API key.", status=401, is_stored=False)
    if value != world.secret_key:
        raise ApiError(f"Invalid API Key provided: {value[:8]}****{value[-4:]}", status=401, is_stored=False)


def _require_version() -> None:
    version = request.headers.get("Stripe-Version", API_VERSION)
    if version != API_VERSION:
        raise ApiError(
            f"Invalid Stripe API version: {version}. The sandbox is {API_VERSION}.", is_stored=False
        )


def _pairs() -> list[tuple[str, str]]:
    values = request.form if request.method == "POST" else request.args
    return list(values.items(multi=True))


def _response(
    status: int, body: dict[str, Any], request_id: str, headers: dict[str, str] | None = None
) -> Response:
    response = Response(json.dumps(body, indent=2, ensure_ascii=False), status, mimetype="application/json")
    response.headers.update({"request-id": request_id, "stripe-version": API_VERSION, **(headers or {})})
    return response
