"""One account, twice: the double in memory, and the sandbox as a process through the vendor's client."""

from collections.abc import Callable, Iterator

import pytest
import requests

from core.clock import SystemClock
from payments.remote import RefundStatus
from payments.stripe_port import StripePort
from tests.contract.payments.account import Account
from tests.contract.stripe.merchant import client_for
from tests.integration.payments.stripe_double import StripeDouble
from tests.servers.processes import Processes
from tests.servers.stripe_sandbox import StripeSandbox, start_stripe_sandbox

CARD = {"card_number": "4000000000000077", "expiry": "12/40", "cvc": "123", "name": "MIHON HANAKO"}
_PATHS = {"create_session": "/v1/checkout/sessions", "create_refund": "/v1/refunds"}


@pytest.fixture(params=["double", "sandbox"])
def account(request: pytest.FixtureRequest) -> Account:
    """Each test runs over the double and over the adapter."""
    made: Account = request.getfixturevalue(f"{request.param}_account")
    return made


@pytest.fixture
def double_account() -> Account:
    """Stripe in memory."""
    stripe = StripeDouble(SystemClock())

    def end_voucher(session_id: str, is_paid: bool) -> None:
        if is_paid:
            stripe.pay_voucher(session_id)
        else:
            stripe.lapse_voucher(session_id)

    return Account(
        api=stripe,
        pay=stripe.pay,
        fail_next=lambda call, how: stripe.faults[call].append(how),
        refund_ends=stripe.refund_outcomes.append,
        order_voucher=stripe.order_voucher,
        end_voucher=end_voucher,
        open_dispute=lambda intent: _ignore(stripe.books.open_dispute(intent, 1200)),
        close_dispute=lambda dispute, is_won: stripe.books.close_dispute(dispute, is_won=is_won),
        pay_out=lambda: _ignore(stripe.books.pay_out()),
        fail_payout=stripe.books.fail_payout,
    )


@pytest.fixture(scope="package")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StripeSandbox]:
    """One process for all tests here: none of them looks at what it did not make itself."""
    processes = Processes()
    yield start_stripe_sandbox(processes, tmp_path_factory.mktemp("stripe") / "state.db")
    processes.kill_all()


@pytest.fixture
def sandbox_account(shared_sandbox: StripeSandbox) -> Iterator[Account]:
    """The sandbox as a process, through the vendor's client."""
    with requests.Session() as http:
        http.delete(f"{shared_sandbox.url}/_sandbox/faults")
        port = StripePort(shared_sandbox.secret_key, shared_sandbox.url)

        def ask(path: str, wanted: dict[str, object]) -> None:
            answer = http.post(f"{shared_sandbox.url}/_sandbox{path}", json=wanted)
            assert answer.status_code == 200, answer.text

        def submit(path: str) -> None:
            answer = http.post(f"{shared_sandbox.url}/c/pay/{path}", data=CARD, allow_redirects=False)
            assert answer.status_code == 303, answer.text

        def end_voucher(session_id: str, is_paid: bool) -> None:
            intent = port.read_session(session_id).payment_intent_id
            ask("/konbini", {"payment_intent": intent, "outcome": "paid" if is_paid else "expired"})

        def refund_ends(status: RefundStatus) -> None:
            if status != RefundStatus.SUCCEEDED:
                ask("/faults", {"kind": f"refund_{status}"})

        def pay_out() -> None:
            # Other tests on this account lost disputes: there must be something to pay out.
            client_for(shared_sandbox.secret_key, shared_sandbox.url).v1.payment_intents.create(
                {
                    "amount": 100_000,
                    "currency": "jpy",
                    "payment_method": "pm_card_bypassPending",
                    "confirm": True,
                }
            )
            ask("/payouts", {})

        yield Account(
            api=port,
            pay=submit,
            fail_next=_planner(ask),
            refund_ends=refund_ends,
            order_voucher=lambda session_id: submit(f"{session_id}/konbini"),
            end_voucher=end_voucher,
            open_dispute=lambda intent: ask("/disputes", {"payment_intent": intent}),
            close_dispute=lambda dispute, is_won: ask(
                "/disputes/decide", {"dispute": dispute, "outcome": "won" if is_won else "lost"}
            ),
            pay_out=pay_out,
            fail_payout=lambda payout: ask("/payouts/fail", {"payout": payout}),
        )


def _planner(ask: Callable[[str, dict[str, object]], None]) -> Callable[[str, str], None]:
    def fail_next(call: str, how: str) -> None:
        path = _PATHS[call]
        if how == "timeout_before":
            # Each of the client's own repeats is lost as well.
            ask("/faults", {"kind": how, "path": path, "times": 3})
        elif how == "timeout_after":
            ask("/faults", {"kind": how, "path": path})
        elif how == "rejected:balance_insufficient":
            ask("/faults", {"kind": "refund_short"})
        else:
            ask("/faults", {"kind": "stored_500", "path": path, "effect": how == "stored_after"})

    return fail_next


def _ignore(_: object) -> None:
    """A double tells what it made; the sandbox tells only through its API."""
