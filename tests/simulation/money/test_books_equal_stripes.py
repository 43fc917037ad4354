"""Many payments with all faults on: the books equal Stripe's to the yen, and nobody pays twice.

`make money-proof` runs ten thousand.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.wiring import PAYMENT_CALLBACKS
from core.ids import new_token
from payments import attempts, checkout, matching, movements, refund_loops
from payments.errors import StripeUnavailable
from payments.ledger import Line
from payments.models import Payment
from payments.remote import RemoteRefund, RemoteSession, StripeApi
from tests.simulation.crashes import TownDatabase
from tests.simulation.money import office, proof, trouble
from tests.simulation.money.proof import Outcome, run_proof

Url = Callable[[], str]
Patch = pytest.MonkeyPatch
MANY, SOME, FEW, SEED = 60, 25, 10, 3
"""Payments; a planted defect shows itself among fewer than the proof has."""


def found_in(fresh_url: Url, payments: int = FEW) -> str:
    """What a short run finds: its first broken promise, else what differs."""
    return told(run_proof(fresh_url(), SEED, payments))


def told(outcome: Outcome) -> str:
    """In words; empty where all is well."""
    return outcome.violation or "; ".join(outcome.differences)


def test_the_books_equal_stripes_own_after_many_payments(fresh_url: Url) -> None:
    outcome = run_proof(fresh_url(), SEED, MANY)
    assert told(outcome) == ""
    assert outcome.figures["charges"] + outcome.figures["paid in cash"] > MANY - 5
    assert outcome.figures["confirmed"] > 50
    assert outcome.figures["refunds"] > 10
    seen = {what.split(":")[0] for what in outcome.coverage}
    assert {"fault", "crash", "three_days_silence", "stripe_away", "cash", "cancel", "3ds"} <= seen


def test_settling_whatever_amount_came_is_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    really = attempts._capture

    def trust(session: Session, payment: Payment, remote: RemoteSession, **named: Any) -> None:
        believed = replace(remote, amount=payment.amount_yen, currency="jpy", is_live=named["is_live"])
        really(session, payment, believed, **named)

    monkeypatch.setattr(attempts, "_capture", trust)
    monkeypatch.setattr(trouble, "ODD_CAPTURE_EVERY", 2)
    assert "capture" in found_in(fresh_url)


def test_a_second_attempt_beside_the_first_is_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    class WithoutReferee(TownDatabase):
        def __init__(self, url: str) -> None:
            super().__init__(url)
            with self.transaction() as session:
                session.execute(sa.text("DROP INDEX uq_payment_item_standing"))

    monkeypatch.setattr(proof, "TownDatabase", WithoutReferee)
    assert found_in(fresh_url, SOME) == ""
    monkeypatch.setattr(checkout, "_standing", lambda _session, _references: [])
    assert found_in(fresh_url, SOME).startswith("S4:")


def test_a_refund_with_another_key_at_each_try_is_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    lost = set()

    def send(_database: object, stripe: StripeApi, send: Any, _clock: object) -> RemoteRefund:
        made = stripe.create_refund(send.order, key=new_token())
        if send.order.refund_id not in lost:
            lost.add(send.order.refund_id)
            raise StripeUnavailable("the first answer is lost")
        return made

    monkeypatch.setattr(refund_loops, "_sent", send)
    assert "refund" in found_in(fresh_url)


def test_a_fee_that_is_not_booked_is_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    def none(_fee: int) -> list[Line]:
        return []

    monkeypatch.setattr(movements, "fee_lines", none)
    assert "fee" in found_in(fresh_url)


def test_money_that_confirms_nothing_is_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    deaf = replace(PAYMENT_CALLBACKS, payment_settled=lambda *_given, **_named: None)
    monkeypatch.setattr(office, "PAYMENT_CALLBACKS", deaf)
    assert "kept" in found_in(fresh_url)


@pytest.mark.parametrize("reads_again", [True, False])
def test_refunds_that_banks_send_back_are_sent_anew_message_or_none(
    fresh_url: Url, monkeypatch: Patch, reads_again: bool
) -> None:
    monkeypatch.setattr(trouble, "SENT_BACK_EVERY", 4)
    monkeypatch.setattr(trouble, "MESSAGES", ("webhook_drop",))
    if not reads_again:
        monkeypatch.setattr(matching, "have_read_again", lambda *_given, **_named: 0)
    found = run_proof(fresh_url(), SEED, SOME)
    assert found.coverage["refund_sent_back"] > 2
    assert ("stripe balance" in told(found)) != reads_again
    assert reads_again == (told(found) == "")
