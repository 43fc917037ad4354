"""Stripe as the payments code sees it: the adapter against the sandbox process, and the double, alike."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import requests

from core.clock import SystemClock
from core.database import Database
from core.errors import ContractBroken
from core.ids import new_id
from payments.errors import StripeFailed, StripeRejected, StripeUnavailable
from payments.remote import (
    RefundOrder,
    RefundStatus,
    SessionLine,
    SessionOrder,
    SessionStatus,
    StripeApi,
)
from payments.stripe_port import StripePort
from tests.integration.payments.stripe_double import StripeDouble
from tests.servers.processes import Processes
from tests.servers.stripe_sandbox import StripeSandbox, start_stripe_sandbox

CARD = {"card_number": "4242424242424242", "expiry": "12/40", "cvc": "123", "name": "MIHON HANAKO"}
SINCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Account:
    """A Stripe account, and what a payer and fate can do to it."""

    api: StripeApi
    pay: Callable[[str], None]
    fail_next: Callable[[str, str], None]
    """(call, how): timeout_before, timeout_after, stored_before or stored_after."""
    refund_ends: Callable[[RefundStatus], None]


@pytest.fixture(params=["double", "sandbox"])
def account(request: pytest.FixtureRequest) -> Account:
    """Each test runs over the double and over the adapter."""
    made: Account = request.getfixturevalue(f"{request.param}_account")
    return made


@pytest.fixture
def double_account() -> Account:
    """Stripe in memory."""
    stripe = StripeDouble(SystemClock())
    return Account(
        stripe, stripe.pay, lambda call, how: stripe.faults[call].append(how), stripe.refund_outcomes.append
    )


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StripeSandbox]:
    """One process for all tests here: none of them looks at what it did not make itself."""
    processes = Processes()
    yield start_stripe_sandbox(processes, tmp_path_factory.mktemp("stripe") / "state.json")
    processes.kill_all()


@pytest.fixture
def sandbox_account(shared_sandbox: StripeSandbox) -> Iterator[Account]:
    """The sandbox as a process, through the vendor's client."""
    with requests.Session() as http:
        http.delete(f"{shared_sandbox.url}/_sandbox/faults")

        def pay(session_id: str) -> None:
            answer = http.post(f"{shared_sandbox.url}/c/pay/{session_id}", data=CARD, allow_redirects=False)
            assert answer.status_code == 303, answer.text

        def plan(fault: dict[str, object]) -> None:
            answer = http.post(f"{shared_sandbox.url}/_sandbox/faults", json=fault)
            assert answer.status_code == 200, answer.text

        def fail_next(call: str, how: str) -> None:
            path = {"create_session": "/v1/checkout/sessions", "create_refund": "/v1/refunds"}[call]
            if how == "timeout_before":
                # Each of the client's own repeats is lost as well.
                plan({"kind": how, "path": path, "times": 3})
            elif how == "timeout_after":
                plan({"kind": how, "path": path})
            else:
                plan({"kind": "stored_500", "path": path, "effect": how == "stored_after"})

        def refund_ends(status: RefundStatus) -> None:
            if status != RefundStatus.SUCCEEDED:
                plan({"kind": f"refund_{status}"})

        yield Account(StripePort(shared_sandbox.secret_key, shared_sandbox.url), pay, fail_next, refund_ends)


def _now() -> datetime:
    return SystemClock().now()


def _key() -> str:
    """A key that nobody has used."""
    return str(new_id(_now()))


def _order(payment_id: UUID | None = None, *, minutes: int = 31) -> SessionOrder:
    now = _now()
    return SessionOrder(
        payment_id=payment_id or new_id(now),
        references=(new_id(now), new_id(now)),
        lines=(SessionLine("見本体育館 半面A", 900), SessionLine("照明", 300)),
        success_url="http://127.0.0.1:1/return",
        cancel_url="http://127.0.0.1:1/cancel",
        mail_address="hanako@example.jp",
        expires_at=now + timedelta(minutes=minutes),
    )


def _paid(account: Account) -> tuple[SessionOrder, str]:
    order = _order()
    made = account.api.create_session(order, key=f"payment:{order.payment_id}:create")
    account.pay(made.id)
    intent = account.api.read_session(made.id).payment_intent_id
    assert intent is not None
    return order, intent


def _refund_order(order: SessionOrder, intent: str, amount: int = 500) -> RefundOrder:
    return RefundOrder(new_id(_now()), order.payment_id, order.references[0], intent, amount)


def test_a_session_is_open_with_its_amount_page_and_our_id(account: Account) -> None:
    order = _order()
    made = account.api.create_session(order, key=_key())
    assert (made.status, made.amount, made.currency) == (SessionStatus.OPEN, 1200, "jpy")
    assert made.payment_id == order.payment_id
    assert made.url is not None
    assert made.id in made.url
    assert made.is_live is account.api.is_live is False
    assert account.api.read_session(made.id) == made


def test_the_same_key_is_the_same_session(account: Account) -> None:
    order = _order()
    first, second = (account.api.create_session(order, key=str(order.payment_id)) for _ in range(2))
    assert first == second


def test_a_paid_session_says_so(account: Account) -> None:
    order = _order()
    made = account.api.create_session(order, key=_key())
    account.pay(made.id)
    now = account.api.read_session(made.id)
    assert (now.status, now.amount, now.currency) == (SessionStatus.PAID, 1200, "jpy")
    assert now.payment_intent_id is not None
    found = account.api.find_session(order.payment_id, created_after=_now() - SINCE)
    assert found == now


def test_an_expired_session_says_so_and_a_paid_one_cannot_be_expired(account: Account) -> None:
    made = account.api.create_session(_order(), key=_key())
    assert account.api.expire_session(made.id, key=_key()).status == SessionStatus.EXPIRED
    assert account.api.read_session(made.id).status == SessionStatus.EXPIRED
    paid = account.api.create_session(_order(), key=_key())
    account.pay(paid.id)
    with pytest.raises(StripeRejected):
        account.api.expire_session(paid.id, key=_key())


def test_less_than_half_an_hour_is_refused(account: Account) -> None:
    with pytest.raises(StripeRejected):
        account.api.create_session(_order(minutes=29), key=_key())


def test_what_is_not_there_is_refused(account: Account) -> None:
    with pytest.raises(StripeRejected):
        account.api.read_session("cs_test_none")


def test_a_session_is_found_among_others_by_our_id_only(account: Account) -> None:
    orders = [_order() for _ in range(3)]
    made = [account.api.create_session(order, key=str(order.payment_id)) for order in orders]
    found = account.api.find_session(orders[1].payment_id, created_after=_now() - SINCE)
    assert found == made[1]
    assert account.api.find_session(new_id(_now()), created_after=_now() - SINCE) is None


def test_an_answer_lost_after_the_effect_leaves_one_session(account: Account) -> None:
    order = _order()
    account.fail_next("create_session", "timeout_after")
    # The adapter repeats by itself, under the same key, and may never notice.
    with suppress(StripeUnavailable):
        account.api.create_session(order, key=str(order.payment_id))
    again = account.api.create_session(order, key=str(order.payment_id))
    assert again == account.api.find_session(order.payment_id, created_after=_now() - SINCE)


def test_a_call_that_never_arrived_may_be_sent_again(account: Account) -> None:
    order = _order()
    account.fail_next("create_session", "timeout_before")
    with pytest.raises(StripeUnavailable) as told:
        account.api.create_session(order, key=str(order.payment_id))
    assert not isinstance(told.value, StripeFailed)
    assert account.api.find_session(order.payment_id, created_after=_now() - SINCE) is None
    assert account.api.create_session(order, key=str(order.payment_id)).status == SessionStatus.OPEN


@pytest.mark.parametrize("how", ["stored_before", "stored_after"])
def test_a_stored_failure_is_told_apart_and_stays_under_its_key(account: Account, how: str) -> None:
    order = _order()
    account.fail_next("create_session", how)
    for _ in range(2):
        with pytest.raises(StripeFailed):
            account.api.create_session(order, key=str(order.payment_id))
    found = account.api.find_session(order.payment_id, created_after=_now() - SINCE)
    assert (found is not None) == (how == "stored_after")


def test_money_goes_back_once_per_key(account: Account) -> None:
    order, intent = _paid(account)
    wanted = _refund_order(order, intent)
    first, second = (account.api.create_refund(wanted, key=str(wanted.refund_id)) for _ in range(2))
    assert first == second
    assert (first.status, first.amount) == (RefundStatus.SUCCEEDED, 500)
    assert account.api.read_refund(first.id) == first
    assert account.api.find_refund(wanted.refund_id, payment_intent_id=intent) == first


def test_more_than_was_paid_does_not_go_back(account: Account) -> None:
    order, intent = _paid(account)
    account.api.create_refund(_refund_order(order, intent, 1000), key=_key())
    with pytest.raises(StripeRejected):
        account.api.create_refund(_refund_order(order, intent, 201), key=_key())


def test_a_refund_that_was_never_made_is_not_found(account: Account) -> None:
    order, intent = _paid(account)
    account.api.create_refund(_refund_order(order, intent), key=_key())
    assert account.api.find_refund(new_id(_now()), payment_intent_id=intent) is None


def test_a_pending_refund_says_so(account: Account) -> None:
    order, intent = _paid(account)
    account.refund_ends(RefundStatus.PENDING)
    wanted = _refund_order(order, intent)
    assert account.api.create_refund(wanted, key=str(wanted.refund_id)).status == RefundStatus.PENDING


def test_a_refund_whose_answer_was_lost_is_found(account: Account) -> None:
    order, intent = _paid(account)
    wanted = _refund_order(order, intent)
    account.fail_next("create_refund", "stored_after")
    with pytest.raises(StripeFailed):
        account.api.create_refund(wanted, key=str(wanted.refund_id))
    found = account.api.find_refund(wanted.refund_id, payment_intent_id=intent)
    assert found is not None
    assert found.amount == 500


def test_no_call_is_made_inside_a_transaction(account: Account, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/empty.sqlite3")
    with database.transaction(), pytest.raises(ContractBroken):
        account.api.read_session("cs_test_none")
    database.dispose()


def test_stripe_that_is_not_there_is_unavailable() -> None:
    port = StripePort("sk_test_x", "http://127.0.0.1:9")
    with pytest.raises(StripeUnavailable):
        port.read_session("cs_test_none")


def test_a_wrong_key_and_no_key_are_refused(shared_sandbox: StripeSandbox) -> None:
    for key in ("sk_test_other", ""):
        with pytest.raises(StripeRejected):
            StripePort(key, shared_sandbox.url).read_session("cs_test_none")


@pytest.mark.parametrize("key, is_live", [("sk_test_x", False), ("sk_live_x", True), ("rk_live_x", True)])
def test_the_key_tells_whether_money_is_real(key: str, *, is_live: bool) -> None:
    assert StripePort(key).is_live is is_live


def test_metadata_holds_ids_and_nothing_of_the_payer(shared_sandbox: StripeSandbox) -> None:
    order = _order()
    made = StripePort(shared_sandbox.secret_key, shared_sandbox.url).create_session(order, key=_key())
    state = requests.get(f"{shared_sandbox.url}/_sandbox/state", timeout=20).json()
    (session,) = [one for one in state["objects"]["checkout.session"] if one["id"] == made.id]
    assert session["metadata"] == {
        "payment_id": str(order.payment_id),
        "reservation_1": str(order.references[0]),
        "reservation_2": str(order.references[1]),
    }
