"""Every parameter our port sends is one that the installed `stripe` knows, with the type it knows.

The sandbox reads the client's own TypedDicts. So an upgrade of the package that drops, renames or retypes
something we send is refused here first; that it would be is shown by taking each name away in turn.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests
import stripe
from flask import request
from stripe.params.checkout import SessionCreateParams

from payments.remote import StripeApi
from payments.sandbox import form, params
from payments.sandbox.app import build
from payments.sandbox.edge import Clock
from payments.sandbox.endpoints import ENDPOINTS
from payments.sandbox.errors import ApiError
from payments.sandbox.store import Store
from payments.sandbox.wire import base_url, bound_socket, server
from payments.sandbox.world import World
from payments.stripe_port import StripePort
from tests.contract.payments.account import SINCE, a_key, a_konbini_order, refund_order, the_time
from tests.contract.stripe.merchant import client_for

SECRET_KEY = "sk_test_parameters"
CARD = {"card_number": "4000000000000077", "expiry": "12/40", "cvc": "123", "name": "MIHON HANAKO"}


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it came over the wire, and the TypedDict that the client types its parameters with."""

    call: str
    accepts: type
    pairs: tuple[tuple[str, str], ...]

    def values(self) -> dict[str, Any]:
        """As the sandbox reads them; ApiError where the installed types do not know them so."""
        return params.checked(self.accepts, form.nested(self.pairs))


@dataclass(frozen=True, slots=True)
class Place:
    """One name inside one TypedDict, met on the way through what was sent."""

    typed_dict: type
    name: str
    sent: Sent


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[Sent]]]:
    """A sandbox in a thread, its address, and what it was sent."""
    listening = bound_socket("127.0.0.1", 0)
    store = Store(tmp_path_factory.mktemp("parameters") / "stripe.db", Clock(), "parameters")
    world = World(store, base_url(listening), SECRET_KEY)
    app = build(world)
    sent: list[Sent] = []
    typed = {f"{one.method} {one.rule}": one.accepts for one in ENDPOINTS}

    @app.before_request
    def note() -> None:
        if request.url_rule is not None and request.path.startswith("/v1/"):
            call = f"{request.method} {request.url_rule.rule}"
            values = request.form if request.method == "POST" else request.args
            sent.append(Sent(call, typed[call], tuple(values.items(multi=True))))

    running = server(app, listening)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield world.base_url, sent
    running.shutdown()
    thread.join(5)
    running.server_close()
    listening.close()
    store.close()


@pytest.fixture(scope="module")
def sent_by_the_port(recorded: tuple[str, list[Sent]]) -> list[Sent]:
    """One story that needs every call of the port, and the parameters it sent. Each call was answered."""
    url, sent = recorded
    port = StripePort(SECRET_KEY, url)
    since = the_time() - SINCE
    order = replace(a_konbini_order(days=3), mail_address="hanako@example.jp")
    made = port.create_session(order, key=a_key())
    requests.post(f"{url}/c/pay/{made.id}", data=CARD, timeout=10, allow_redirects=False)
    intent = port.read_session(made.id).payment_intent_id
    assert intent is not None
    other = port.create_session(replace(a_konbini_order(), payment_id=order.references[0]), key=a_key())
    port.expire_session(other.id, key=a_key())
    port.find_session(order.payment_id, created_after=since)
    wanted = refund_order(order, intent)
    refund = port.create_refund(wanted, key=a_key())
    port.read_refund(refund.id)
    port.find_refund(wanted.refund_id, payment_intent_id=intent)
    port.read_intent(intent)
    requests.post(f"{url}/_sandbox/account", json={"dispute_fee_yen": 0}, timeout=10)
    requests.post(f"{url}/_sandbox/disputes", json={"payment_intent": intent, "amount": 1}, timeout=10)
    dispute = port.list_disputes(created_after=since)[0]
    port.read_dispute(dispute.id)
    port.list_movements(created_after=since)
    requests.post(f"{url}/_sandbox/clock", json={"advance_s": 10 * 24 * 60 * 60}, timeout=10)
    paid_out = requests.post(f"{url}/_sandbox/payouts", json={}, timeout=10).json()
    port.list_payout_movements(paid_out["id"])
    port.list_payouts(created_after=since)
    return list(sent)


def _places(sent: Sent) -> list[Place]:
    """Every name that was sent, at any depth, with the TypedDict that holds it."""
    found: list[Place] = []

    def walk(typed_dict: type, raw: dict[str, Any]) -> None:
        for name, value in raw.items():
            found.append(Place(typed_dict, name, sent))
            known = params.accepted(typed_dict, name)
            inner = known.item or known
            if not isinstance(value, dict) or inner.typed_dict is None:
                continue
            for part in value.values() if known.item else [value]:
                if isinstance(part, dict):
                    walk(inner.typed_dict, part)

    walk(sent.accepts, form.nested(sent.pairs))
    return found


def _without(monkeypatch: pytest.MonkeyPatch, place: Place, hint: object = None) -> None:
    """The installed package as if it had dropped a name, or had given it another type."""
    annotations = dict(place.typed_dict.__annotations__)
    if hint is None:
        del annotations[place.name]
    else:
        annotations[place.name] = hint
    monkeypatch.setattr(place.typed_dict, "__annotations__", annotations)
    params.fields.cache_clear()
    params.accepted.cache_clear()


@pytest.fixture
def doctored(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Take a name away; afterwards all is as installed."""

    def doctor(place: Place, hint: object = None) -> None:
        _without(monkeypatch, place, hint)

    yield doctor
    monkeypatch.undo()
    params.fields.cache_clear()
    params.accepted.cache_clear()


def test_the_story_uses_every_call_of_the_port(sent_by_the_port: list[Sent]) -> None:
    calls = {name for name in vars(StripeApi) if not name.startswith("_")} - {"is_live"}
    assert calls == {name for name, one in vars(StripePort).items() if callable(one) and name[0] != "_"}
    assert {one.call for one in sent_by_the_port} == {
        "POST /v1/checkout/sessions",
        "GET /v1/checkout/sessions",
        "GET /v1/checkout/sessions/<object_id>",
        "POST /v1/checkout/sessions/<object_id>/expire",
        "GET /v1/payment_intents/<object_id>",
        "POST /v1/refunds",
        "GET /v1/refunds",
        "GET /v1/refunds/<object_id>",
        "GET /v1/disputes",
        "GET /v1/disputes/<object_id>",
        "GET /v1/balance_transactions",
        "GET /v1/payouts",
    }


def test_every_parameter_that_is_sent_is_known_with_its_type(sent_by_the_port: list[Sent]) -> None:
    names = {f"{one.call} {place.name}" for one in sent_by_the_port for place in _places(one)}
    assert len(names) >= 30
    for one in sent_by_the_port:
        assert len(one.values()) == len(form.nested(one.pairs))


def test_an_upgrade_that_drops_a_parameter_we_send_is_noticed(
    sent_by_the_port: list[Sent], doctored: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {(place.typed_dict, place.name): place for one in sent_by_the_port for place in _places(one)}
    for place in places.values():
        assert place.sent.values()
        doctored(place)
        with pytest.raises(ApiError) as refused:
            place.sent.values()
        assert refused.value.code == "parameter_unknown"
        assert str(refused.value.param).endswith((place.name, f"[{place.name}]"))
        monkeypatch.undo()
        params.fields.cache_clear()
        params.accepted.cache_clear()


@pytest.mark.parametrize(
    "name, hint",
    [
        ("expires_at", bool),
        ("client_reference_id", int),
        ("success_url", dict[str, str]),
        ("line_items", str),
        ("locale", SessionCreateParams),
    ],
)
def test_an_upgrade_that_retypes_a_parameter_we_send_is_noticed(
    sent_by_the_port: list[Sent], doctored: Callable[..., None], name: str, hint: object
) -> None:
    created = next(one for one in sent_by_the_port if one.call == "POST /v1/checkout/sessions")
    (place,) = [one for one in _places(created) if (one.typed_dict, one.name) == (SessionCreateParams, name)]
    doctored(place, hint)
    with pytest.raises(ApiError):
        created.values()


def test_control_a_parameter_that_stripe_does_not_know_is_refused(recorded: tuple[str, list[Sent]]) -> None:
    client = client_for(SECRET_KEY, recorded[0])
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.disputes.list({"colour": "red"})  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "colour")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payouts.list({"created": {"since": 1}})  # type: ignore[arg-type]
    assert refused.value.param == "created[since]"


def test_every_endpoint_of_the_sandbox_has_a_type_of_the_client() -> None:
    assert all(one.accepts.__module__.startswith("stripe.params") for one in ENDPOINTS)
    assert len({(one.method, one.rule) for one in ENDPOINTS}) == len(ENDPOINTS)
