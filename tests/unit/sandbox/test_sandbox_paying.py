"""The card page: what each test card does, and that nobody pays twice."""

import re
import threading
from typing import Any

import pytest

from payments.sandbox.account import AccountSettings
from payments.sandbox.charges import fee_yen
from tests.unit.sandbox.account import GOOD_CARD, Account

DECLINED = "4000000000000002"
ASKS_3DS = "4000000000003220"


def intents(account: Account) -> list[dict[str, Any]]:
    return account.objects("payment_intent")


def paid_charges(account: Account) -> list[dict[str, Any]]:
    return [charge for charge in account.objects("charge") if charge["paid"]]


def test_a_session_has_no_intent_before_the_first_attempt(account: Account) -> None:
    session = account.order()
    assert session["payment_intent"] is None
    assert account.objects("payment_intent") == []


def test_a_good_card_pays_and_sends_the_payer_back_with_the_session_in_the_address(account: Account) -> None:
    session = account.order()
    answer = account.pay(session["id"])
    assert (answer.status_code, answer.location) == (303, f"http://127.0.0.1:1/done?session={session['id']}")
    after = account.session(session["id"])
    assert (after["status"], after["payment_status"], after["url"]) == ("complete", "paid", None)
    assert account.event_types()[-2:] == ["payment_intent.succeeded", "checkout.session.completed"]


def test_the_fee_is_in_the_balance_transaction_of_the_charge(account: Account) -> None:
    account.paid()
    movement = account.objects("balance_transaction")[0]
    assert (movement["amount"], movement["fee"], movement["net"]) == (1500, 54, 1446)
    assert movement["source"] == account.objects("charge")[0]["id"]


@pytest.mark.parametrize("amount, fee", [(50, 2), (100, 4), (1500, 54), (13, 0), (14, 1)])
def test_the_fee_is_rounded_half_up_to_the_yen(amount: int, fee: int) -> None:
    assert fee_yen(amount, AccountSettings().fee_per_mille) == fee


@pytest.mark.parametrize(
    "number, decline_code",
    [(DECLINED, "generic_decline"), ("4000000000009995", "insufficient_funds")],
)
def test_a_declined_card_leaves_the_session_open_and_can_be_followed_by_another(
    account: Account, number: str, decline_code: str
) -> None:
    session = account.order()
    answer = account.pay(session["id"], number)
    assert answer.status_code == 402
    assert "お支払いができませんでした" in answer.text
    assert intents(account)[0]["last_payment_error"]["decline_code"] == decline_code
    assert account.session(session["id"])["status"] == "open"
    assert account.pay(session["id"]).status_code == 303
    assert len(intents(account)) == 1
    assert len(paid_charges(account)) == 1


def test_a_card_that_is_no_test_card_is_declined(account: Account) -> None:
    session = account.order()
    assert account.pay(session["id"], "4111111111111111").status_code == 402
    assert paid_charges(account) == []


def test_three_d_secure_asks_before_it_charges(account: Account) -> None:
    session = account.order()
    answer = account.pay(session["id"], ASKS_3DS)
    assert (answer.status_code, paid_charges(account)) == (303, [])
    assert answer.location.endswith(f"/c/pay/{session['id']}/3ds")
    assert "本人認証" in account.client.get(f"/c/pay/{session['id']}/3ds").text
    done = account.client.post(f"/c/pay/{session['id']}/3ds", data={"outcome": "complete"})
    assert done.status_code == 303
    assert len(paid_charges(account)) == 1


def test_a_failed_three_d_secure_charges_nothing_and_can_be_tried_again(account: Account) -> None:
    session = account.order()
    account.pay(session["id"], ASKS_3DS)
    answer = account.client.post(f"/c/pay/{session['id']}/3ds", data={"outcome": "fail"})
    assert answer.status_code == 402
    assert intents(account)[0]["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert account.pay(session["id"]).status_code == 303


def test_an_abandoned_three_d_secure_goes_back_to_the_form_and_another_card_pays_once(
    account: Account,
) -> None:
    session = account.order()
    account.pay(session["id"], ASKS_3DS)
    assert account.client.get(f"/c/pay/{session['id']}").status_code == 200
    assert account.pay(session["id"]).status_code == 303
    late = account.client.post(f"/c/pay/{session['id']}/3ds", data={"outcome": "complete"})
    assert late.status_code == 303
    assert len(paid_charges(account)) == 1


def test_an_answer_to_a_challenge_that_was_overtaken_by_a_decline_charges_nothing(account: Account) -> None:
    session = account.order()
    account.pay(session["id"], ASKS_3DS)
    account.pay(session["id"], DECLINED)
    account.client.post(f"/c/pay/{session['id']}/3ds", data={"outcome": "complete"})
    assert paid_charges(account) == []


def test_two_submits_at_the_same_moment_charge_once(account: Account) -> None:
    session = account.order()
    together = threading.Barrier(4)
    answers: list[int] = []

    def submit() -> None:
        client = account.client.application.test_client()
        together.wait(20)
        answers.append(client.post(f"/c/pay/{session['id']}", data=GOOD_CARD).status_code)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == [303] * 4
    assert len(paid_charges(account)) == 1


def test_two_sessions_charge_twice(account: Account) -> None:
    """The negative control of the test above: one charge is the session's doing."""
    account.paid()
    account.paid()
    assert len(paid_charges(account)) == 2


def test_the_form_says_what_is_wrong_and_tries_nothing(account: Account) -> None:
    session = account.order()
    answer = account.pay(session["id"], "4242424242424241", expiry="13/30", cvc="1", name="")
    assert answer.status_code == 422
    for name in ("card_number", "expiry", "cvc", "name"):
        assert f'href="#{name}"' in answer.text
        assert f'id="{name}-error"' in answer.text
    assert "4242424242424241" not in re.sub(r"例：.*", "", answer.text)
    assert intents(account) == []


def test_a_card_past_its_expiry_is_refused_on_the_form(account: Account) -> None:
    session = account.order()
    assert account.pay(session["id"], expiry="10/26").status_code == 422
    assert account.pay(session["id"], expiry="11/26").status_code == 303


def test_full_width_digits_are_read(account: Account) -> None:
    session = account.order()
    answer = account.pay(
        session["id"], "４２４２ ４２４２ ４２４２ ４２４２", expiry="１２／３０", cvc="１２３"
    )
    assert answer.status_code == 303


def test_the_page_shows_lines_amount_and_that_it_is_a_sandbox(account: Account) -> None:
    text = account.client.get(f"/c/pay/{account.order(expires_at='1795233600')['id']}").text
    for sentence in (
        "決済サンドボックス（実際の請求はありません）",
        "見本体育館 半面A",
        "￥1,500",
    ):
        assert sentence in text
    assert 'href="http://127.0.0.1:1/back"' in text


def test_every_input_has_a_label(account: Account) -> None:
    text = account.client.get(f"/c/pay/{account.order()['id']}").text
    inputs = re.findall(r'<input id="(\w+)"', text)
    assert inputs == ["card_number", "expiry", "cvc", "name"]
    assert re.findall(r'<label for="(\w+)"', text) == inputs


def test_markup_in_a_line_stays_text(account: Account) -> None:
    name = {"line_items[0][price_data][product_data][name]": "<script>alert(1)</script>"}
    assert "<script>" not in account.client.get(f"/c/pay/{account.order(**name)['id']}").text


def test_a_paid_session_shows_that_it_is_paid(account: Account) -> None:
    answer = account.client.get(f"/c/pay/{account.paid()['id']}")
    assert "お支払いは完了しています" in answer.text


def test_an_unknown_session_is_not_found(account: Account) -> None:
    assert account.client.get("/c/pay/cs_test_nobody").status_code == 404
