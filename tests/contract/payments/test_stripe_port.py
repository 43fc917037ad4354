"""Stripe as the payments code sees it: the adapter against the sandbox process, and the double, alike."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from core.database import Database
from core.errors import ContractBroken
from core.ids import new_id
from payments.checkout import LEAST_YEN, MOST_ITEMS
from payments.errors import StripeFailed, StripeRejected, StripeUnavailable
from payments.remote import RefundStatus, SessionLine, SessionStatus
from payments.stripe_port import StripePort
from tests.contract.payments.account import (
    SINCE,
    Account,
    a_key,
    an_order,
    paid,
    refund_order,
    the_time,
)
from tests.servers.stripe_sandbox import StripeSandbox


def test_a_session_is_open_with_its_amount_page_and_our_id(account: Account) -> None:
    order = an_order()
    made = account.api.create_session(order, key=a_key())
    assert (made.status, made.amount, made.currency) == (SessionStatus.OPEN, 1200, "jpy")
    assert made.payment_id == order.payment_id
    assert made.url is not None
    assert made.id in made.url
    assert made.is_live is account.api.is_live is False
    assert account.api.read_session(made.id) == made


def test_the_same_key_is_the_same_session(account: Account) -> None:
    order = an_order()
    first, second = (account.api.create_session(order, key=str(order.payment_id)) for _ in range(2))
    assert first == second


def test_a_paid_session_says_so(account: Account) -> None:
    order = an_order()
    made = account.api.create_session(order, key=a_key())
    account.pay(made.id)
    now = account.api.read_session(made.id)
    assert (now.status, now.amount, now.currency) == (SessionStatus.PAID, 1200, "jpy")
    assert now.payment_intent_id is not None
    found = account.api.find_session(order.payment_id, created_after=the_time() - SINCE)
    assert found == now


def test_an_expired_session_says_so_and_a_paid_one_cannot_be_expired(account: Account) -> None:
    made = account.api.create_session(an_order(), key=a_key())
    assert account.api.expire_session(made.id, key=a_key()).status == SessionStatus.EXPIRED
    assert account.api.read_session(made.id).status == SessionStatus.EXPIRED
    done = account.api.create_session(an_order(), key=a_key())
    account.pay(done.id)
    with pytest.raises(StripeRejected):
        account.api.expire_session(done.id, key=a_key())


def test_less_than_half_an_hour_is_refused(account: Account) -> None:
    with pytest.raises(StripeRejected):
        account.api.create_session(an_order(minutes=29), key=a_key())


def test_as_many_things_as_an_attempt_may_pay_for_are_taken_and_one_more_is_not(
    sandbox_account: Account,
) -> None:
    names = tuple(new_id(the_time()) for _ in range(MOST_ITEMS + 1))
    lines = tuple(SessionLine("見本体育館 半面A", 300) for _ in names)
    most = replace(an_order(), references=names[:-1], lines=lines[:-1])
    assert sandbox_account.api.create_session(most, key=a_key()).amount == MOST_ITEMS * 300
    with pytest.raises(StripeRejected):
        sandbox_account.api.create_session(replace(an_order(), references=names, lines=lines), key=a_key())


def test_as_little_as_an_attempt_may_ask_is_taken_and_a_yen_less_is_not(sandbox_account: Account) -> None:
    least = replace(an_order(), lines=(SessionLine("見本体育館 半面A", LEAST_YEN),))
    assert sandbox_account.api.create_session(least, key=a_key()).amount == LEAST_YEN
    less = replace(an_order(), lines=(SessionLine("見本体育館 半面A", LEAST_YEN - 1),))
    with pytest.raises(StripeRejected):
        sandbox_account.api.create_session(less, key=a_key())


def test_what_is_not_there_is_refused(account: Account) -> None:
    with pytest.raises(StripeRejected):
        account.api.read_session("cs_test_none")


def test_a_session_is_found_among_others_by_our_id_only(account: Account) -> None:
    orders = [an_order() for _ in range(3)]
    made = [account.api.create_session(order, key=str(order.payment_id)) for order in orders]
    found = account.api.find_session(orders[1].payment_id, created_after=the_time() - SINCE)
    assert found == made[1]
    assert account.api.find_session(new_id(the_time()), created_after=the_time() - SINCE) is None


def test_an_answer_lost_after_the_effect_leaves_one_session(account: Account) -> None:
    order = an_order()
    account.fail_next("create_session", "timeout_after")
    # The adapter repeats by itself, under the same key, and may never notice.
    with suppress(StripeUnavailable):
        account.api.create_session(order, key=str(order.payment_id))
    again = account.api.create_session(order, key=str(order.payment_id))
    assert again == account.api.find_session(order.payment_id, created_after=the_time() - SINCE)


def test_a_call_that_never_arrived_may_be_sent_again(account: Account) -> None:
    order = an_order()
    account.fail_next("create_session", "timeout_before")
    with pytest.raises(StripeUnavailable) as told:
        account.api.create_session(order, key=str(order.payment_id))
    assert not isinstance(told.value, StripeFailed)
    assert account.api.find_session(order.payment_id, created_after=the_time() - SINCE) is None
    assert account.api.create_session(order, key=str(order.payment_id)).status == SessionStatus.OPEN


@pytest.mark.parametrize("how", ["stored_before", "stored_after"])
def test_a_stored_failure_is_told_apart_and_stays_under_its_key(account: Account, how: str) -> None:
    order = an_order()
    account.fail_next("create_session", how)
    for _ in range(2):
        with pytest.raises(StripeFailed):
            account.api.create_session(order, key=str(order.payment_id))
    found = account.api.find_session(order.payment_id, created_after=the_time() - SINCE)
    assert (found is not None) == (how == "stored_after")


def test_money_goes_back_once_per_key(account: Account) -> None:
    order, intent = paid(account)
    wanted = refund_order(order, intent)
    first, second = (account.api.create_refund(wanted, key=str(wanted.refund_id)) for _ in range(2))
    assert first == second
    assert (first.status, first.amount) == (RefundStatus.SUCCEEDED, 500)
    assert account.api.read_refund(first.id) == first
    assert account.api.find_refund(wanted.refund_id, payment_intent_id=intent) == first


def test_more_than_was_paid_does_not_go_back(account: Account) -> None:
    order, intent = paid(account)
    account.api.create_refund(refund_order(order, intent, 1000), key=a_key())
    with pytest.raises(StripeRejected):
        account.api.create_refund(refund_order(order, intent, 201), key=a_key())


def test_a_refund_that_was_never_made_is_not_found(account: Account) -> None:
    order, intent = paid(account)
    account.api.create_refund(refund_order(order, intent), key=a_key())
    assert account.api.find_refund(new_id(the_time()), payment_intent_id=intent) is None


def test_a_pending_refund_says_so(account: Account) -> None:
    order, intent = paid(account)
    account.refund_ends(RefundStatus.PENDING)
    wanted = refund_order(order, intent)
    assert account.api.create_refund(wanted, key=str(wanted.refund_id)).status == RefundStatus.PENDING


def test_a_refund_whose_answer_was_lost_is_found(account: Account) -> None:
    order, intent = paid(account)
    wanted = refund_order(order, intent)
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
    order = an_order()
    made = StripePort(shared_sandbox.secret_key, shared_sandbox.url).create_session(order, key=a_key())
    state = requests.get(f"{shared_sandbox.url}/_sandbox/state", timeout=20).json()
    (session,) = [one for one in state["objects"]["checkout.session"] if one["id"] == made.id]
    assert session["metadata"] == {
        "payment_id": str(order.payment_id),
        "reservation_1": str(order.references[0]),
        "reservation_2": str(order.references[1]),
    }
