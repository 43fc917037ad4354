"""One refund story at our sandbox and at localstripe, through the vendor's client: two opinions.

Where both can judge they must agree. Where they are known to differ, the difference is written down here, so
that a newer localstripe that changes its mind is noticed.
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import stripe

from payments.stripe_port import BadSignature, signed_at
from tests.contract.stripe.endpoint import Endpoint, running_endpoint
from tests.contract.stripe.merchant import client_for
from tests.servers.localstripe import Localstripe, start_localstripe
from tests.servers.loopback import eventually
from tests.servers.processes import Processes
from tests.servers.stripe_sandbox import StripeSandbox, start_stripe_sandbox

SECRET = "whsec_second_opinion"
OTHER = "whsec_somebody_else"


@dataclass(frozen=True, slots=True)
class Judge:
    """One of the two."""

    client: stripe.StripeClient
    declined: str
    """Its payment method whose charge is declined."""

    def waiting(self, amount: int = 1500, method: str = "pm_card_visa") -> stripe.PaymentIntent:
        """An intent that has a card and is not confirmed yet."""
        return self.client.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "jpy",
                "payment_method": method,
                "metadata": {"payment_id": "見本"},
            }
        )

    def paid(self, amount: int = 1500) -> str:
        """The id of an intent that was paid."""
        return self.client.v1.payment_intents.confirm(self.waiting(amount).id).id

    def refunds(self, intent: str) -> list[int]:
        """What the API lists as given back, by size: localstripe knows no order within a second."""
        listed = self.client.v1.refunds.list({"payment_intent": intent})
        return sorted(one.amount for one in listed.auto_paging_iter())

    def charge(self, intent: str) -> stripe.Charge:
        """The charge of an intent, fresh."""
        found = self.client.v1.payment_intents.retrieve(intent, {"expand": ["latest_charge"]})
        assert isinstance(found.latest_charge, stripe.Charge)
        return found.latest_charge


@pytest.fixture(scope="module")
def started() -> Iterator[Processes]:
    """Processes of this file."""
    processes = Processes()
    yield processes
    processes.kill_all()


@pytest.fixture(scope="module")
def sandbox(started: Processes, tmp_path_factory: pytest.TempPathFactory) -> StripeSandbox:
    """Ours."""
    return start_stripe_sandbox(started, tmp_path_factory.mktemp("sandbox") / "state.db")


@pytest.fixture(scope="module")
def other(started: Processes, tmp_path_factory: pytest.TempPathFactory) -> Localstripe:
    """Theirs."""
    return start_localstripe(started, tmp_path_factory.mktemp("localstripe"))


@pytest.fixture(scope="module")
def ours(sandbox: StripeSandbox) -> Judge:
    """Our sandbox."""
    return Judge(client_for(sandbox.secret_key, sandbox.url), "pm_card_chargeDeclined")


@pytest.fixture(scope="module")
def theirs(other: Localstripe) -> Judge:
    """localstripe."""
    return Judge(client_for(other.secret_key, other.url), "pm_card_chargeCustomerFail")


def _refund_story(judge: Judge) -> list[object]:
    """Create, confirm, give a part back, give the rest back: what each step said."""
    made = judge.waiting()
    told: list[object] = [(made.status, made.amount, made.currency, made.metadata.to_dict())]
    confirmed = judge.client.v1.payment_intents.confirm(made.id)
    told.append((confirmed.status, confirmed.amount))
    charge = judge.charge(made.id)
    told.append((charge.status, charge.amount, charge.amount_refunded, charge.refunded, charge.paid))
    for amount in (400, 1100):
        refund = judge.client.v1.refunds.create({"payment_intent": made.id, "amount": amount})
        told.append((refund.status, refund.amount, refund.currency, refund.payment_intent == made.id))
        charge = judge.charge(made.id)
        told.append((charge.amount_refunded, charge.refunded))
        again = judge.client.v1.refunds.retrieve(refund.id)
        told.append((again.status, again.amount))
    told.append(judge.refunds(made.id))
    return told


def test_both_tell_the_same_refund_story(ours: Judge, theirs: Judge) -> None:
    told = _refund_story(ours)
    assert told == _refund_story(theirs)
    assert told[1] == ("succeeded", 1500)
    assert told[-1] == [400, 1100]


def test_both_move_the_same_amounts_on_the_balance(ours: Judge, theirs: Judge) -> None:
    def moved(judge: Judge) -> list[tuple[str, int, str]]:
        refund = judge.client.v1.refunds.create({"payment_intent": judge.paid(), "amount": 400})
        assert isinstance(refund.balance_transaction, str)
        movement = judge.client.v1.balance_transactions.retrieve(refund.balance_transaction)
        return [(movement.type, movement.amount, movement.currency)]

    assert moved(ours) == moved(theirs) == [("refund", -400, "jpy")]


def test_both_decline_with_the_clients_own_error(ours: Judge, theirs: Judge) -> None:
    for judge in (ours, theirs):
        waiting = judge.waiting(method=judge.declined)
        with pytest.raises(stripe.CardError) as declined:
            judge.client.v1.payment_intents.confirm(waiting.id)
        assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
        assert judge.client.v1.payment_intents.retrieve(waiting.id).status == "requires_payment_method"
        with pytest.raises(stripe.InvalidRequestError):
            judge.client.v1.refunds.create({"payment_intent": waiting.id})


def test_both_refuse_a_refund_of_nothing(ours: Judge, theirs: Judge) -> None:
    for judge in (ours, theirs):
        with pytest.raises(stripe.InvalidRequestError):
            judge.client.v1.refunds.create({"payment_intent": "pi_nobody"})
        with pytest.raises(stripe.InvalidRequestError):
            judge.client.v1.refunds.create({"payment_intent": judge.paid(), "amount": 0})


def test_both_end_an_intent_that_nobody_pays(ours: Judge, theirs: Judge) -> None:
    for judge in (ours, theirs):
        waiting = judge.waiting()
        assert judge.client.v1.payment_intents.cancel(waiting.id).status == "canceled"
        with pytest.raises(stripe.InvalidRequestError):
            judge.client.v1.payment_intents.confirm(waiting.id)


def test_they_differ_over_more_than_was_paid(ours: Judge, theirs: Judge) -> None:
    """Stripe refuses, and so does ours; localstripe gives money away."""
    with pytest.raises(stripe.InvalidRequestError):
        ours.client.v1.refunds.create({"payment_intent": ours.paid(), "amount": 1501})
    given = theirs.client.v1.refunds.create({"payment_intent": theirs.paid(), "amount": 1501})
    assert (given.status, given.amount) == ("succeeded", 1501)


def test_they_differ_over_all_that_is_left(ours: Judge, theirs: Judge) -> None:
    """Without an amount Stripe and ours give back the rest; localstripe the whole charge once more."""
    rest = {}
    for name, judge in (("ours", ours), ("theirs", theirs)):
        intent = judge.paid()
        judge.client.v1.refunds.create({"payment_intent": intent, "amount": 400})
        rest[name] = judge.client.v1.refunds.create({"payment_intent": intent}).amount
    assert rest == {"ours": 1100, "theirs": 1500}


def test_they_differ_over_keys(ours: Judge, theirs: Judge) -> None:
    """Stripe and ours remember an idempotency key; localstripe makes two refunds of one."""
    made = {}
    for name, judge in (("ours", ours), ("theirs", theirs)):
        intent = judge.paid()
        for _ in range(2):
            judge.client.v1.refunds.create(
                {"payment_intent": intent, "amount": 400}, {"idempotency_key": f"refund:{intent}"}
            )
        made[name] = judge.refunds(intent)
    assert made == {"ours": [400], "theirs": [400, 400]}


def _delivered(endpoint: Endpoint) -> tuple[bytes, str]:
    """The message about a payment that succeeded."""

    def found() -> tuple[bytes, str] | None:
        types = zip(endpoint.messages, endpoint.types(), strict=True)
        return next((message for message, kind in types if kind == "payment_intent.succeeded"), None)

    message = eventually(found, what="the message")
    assert message is not None
    return message


@pytest.mark.parametrize("who", ["sandbox", "localstripe"])
def test_the_messages_of_both_bear_a_signature_we_accept(
    who: str, other: Localstripe, started: Processes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_endpoint() as endpoint:
        if who == "localstripe":
            other.tells(endpoint.url, SECRET)
            key, url, secret = other.secret_key, other.url, SECRET
        else:
            state = tmp_path_factory.mktemp("telling") / "state.db"
            told = start_stripe_sandbox(started, state, webhook_url=endpoint.url)
            key, url, secret = told.secret_key, told.url, told.webhook_secret
        Judge(client_for(key, url), "").paid()
        body, header = _delivered(endpoint)
        event = endpoint.events()[0]
        assert abs(signed_at(body, header, [OTHER, secret]) - event["created"]) <= 60
        # The negative controls: another secret, and one changed byte.
        with pytest.raises(BadSignature):
            signed_at(body, header, [OTHER])
        with pytest.raises(BadSignature):
            signed_at(body.replace(b"1500", b"1501"), header, [secret])
        # Each of localstripe's messages goes to whoever was named last.
        if who == "localstripe":
            other.tells("http://127.0.0.1:9/", SECRET)


def test_nothing_of_it_is_importable_here() -> None:
    assert importlib.util.find_spec("localstripe") is None
