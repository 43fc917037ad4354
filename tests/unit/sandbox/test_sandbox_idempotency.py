"""Idempotency keys: the first answer is the answer, for 24 hours, whatever it was."""

from pathlib import Path

import pytest

from payments.sandbox import idempotency
from payments.sandbox.errors import ApiError
from tests.unit.sandbox.account import ORDER, Account, opened_account

DAY_S = 24 * 60 * 60
SESSIONS = "/v1/checkout/sessions"


def test_the_same_key_gives_the_first_answer_again_and_makes_nothing(account: Account) -> None:
    first = account.call("POST", SESSIONS, ORDER, Idempotency_Key="k")
    again = account.call("POST", SESSIONS, ORDER, Idempotency_Key="k")
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.get_json() == first.get_json()
    assert len(account.objects("checkout.session")) == 1


def test_without_a_key_each_call_makes_another(account: Account) -> None:
    account.order()
    account.order()
    assert len(account.objects("checkout.session")) == 2


def test_the_same_key_with_other_parameters_is_an_idempotency_error(account: Account) -> None:
    account.call("POST", SESSIONS, ORDER, Idempotency_Key="k")
    answer = account.call("POST", SESSIONS, {**ORDER, "client_reference_id": "other"}, Idempotency_Key="k")
    assert (answer.status_code, answer.get_json()["error"]["type"]) == (400, "idempotency_error")


def test_the_same_key_at_another_endpoint_is_an_idempotency_error(account: Account) -> None:
    session = account.call("POST", SESSIONS, ORDER, Idempotency_Key="k").get_json()
    answer = account.call("POST", f"{SESSIONS}/{session['id']}/expire", Idempotency_Key="k")
    assert answer.get_json()["error"]["type"] == "idempotency_error"
    assert account.session(session["id"])["status"] == "open"


def test_a_key_whose_first_request_still_runs_is_a_conflict(account: Account) -> None:
    sent = idempotency.fingerprint(list(ORDER.items()))
    assert idempotency.claim(account.world.store, "k", f"POST {SESSIONS}", sent) is None
    answer = account.call("POST", SESSIONS, ORDER, Idempotency_Key="k")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "idempotency_key_in_use")
    idempotency.release(account.world.store, "k")
    assert account.call("POST", SESSIONS, ORDER, Idempotency_Key="k").status_code == 200


def test_a_key_is_forgotten_after_a_day_and_not_before(account: Account) -> None:
    account.call("POST", SESSIONS, ORDER, Idempotency_Key="k")
    account.advance(DAY_S - 1)
    assert account.call("POST", SESSIONS, ORDER, Idempotency_Key="k").headers["idempotent-replayed"] == "true"
    account.advance(1)
    account.call("POST", SESSIONS, ORDER, Idempotency_Key="k")
    assert len(account.objects("checkout.session")) == 2


def test_a_stored_500_is_answered_again_and_the_key_never_works(account: Account) -> None:
    account.plan({"kind": "stored_500", "path": SESSIONS})
    answers = [account.call("POST", SESSIONS, ORDER, Idempotency_Key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 500]
    assert account.objects("checkout.session") == []
    assert account.call("POST", SESSIONS, ORDER, Idempotency_Key="new").status_code == 200


def test_a_stored_500_may_have_had_its_effect(account: Account) -> None:
    account.plan({"kind": "stored_500", "path": SESSIONS, "effect": True})
    assert account.call("POST", SESSIONS, ORDER, Idempotency_Key="k").status_code == 500
    assert len(account.objects("checkout.session")) == 1


def test_a_500_that_is_not_stored_can_be_tried_again_with_its_key(account: Account) -> None:
    account.plan({"kind": "http_500", "path": SESSIONS})
    assert account.call("POST", SESSIONS, ORDER, Idempotency_Key="k").status_code == 500
    assert account.call("POST", SESSIONS, ORDER, Idempotency_Key="k").status_code == 200


def test_a_refused_parameter_does_not_use_up_the_key(account: Account) -> None:
    assert account.call("POST", SESSIONS, {**ORDER, "colour": "red"}, Idempotency_Key="k").status_code == 400
    assert account.call("POST", SESSIONS, ORDER, Idempotency_Key="k").status_code == 200


def test_what_an_endpoint_refused_is_stored_too(account: Account) -> None:
    session = account.paid()
    for expected in (None, "true"):
        answer = account.call("POST", f"{SESSIONS}/{session['id']}/expire", Idempotency_Key="k")
        assert answer.status_code == 400
        assert answer.headers.get("idempotent-replayed") == expected


def test_a_claim_of_a_process_that_died_is_free_again(tmp_path: Path) -> None:
    with opened_account(tmp_path / "s.db") as account:
        sent = idempotency.fingerprint(list(ORDER.items()))
        idempotency.claim(account.world.store, "k", f"POST {SESSIONS}", sent)
    with opened_account(tmp_path / "s.db") as account:
        assert account.call("POST", SESSIONS, ORDER, Idempotency_Key="k").status_code == 200


def test_a_key_longer_than_255_characters_is_refused(account: Account) -> None:
    with pytest.raises(ApiError) as refused:
        idempotency.claim(account.world.store, "k" * 256, "POST /", "")
    assert refused.value.status == 400
    assert idempotency.claim(account.world.store, "k" * 255, "POST /", "") is None
