"""What the real client sees before anybody pays: true of Stripe's test mode and of the sandbox."""

import pytest
import stripe

from tests.contract.stripe.merchant import Merchant, client_for, order


@pytest.fixture
def key(merchant: Merchant) -> str:
    """An idempotency key that no other run has used, on either account."""
    return f"key-{merchant.sells().id}"


def test_a_new_session_is_open_unpaid_and_has_a_page(merchant: Merchant) -> None:
    session = merchant.sells()
    assert session.object == "checkout.session"
    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status, session.mode) == ("open", "unpaid", "payment")
    assert (session.amount_total, session.currency, session.livemode) == (1500, "jpy", False)
    assert session.ui_mode == "hosted_page"
    assert session.payment_intent is None
    assert session.client_reference_id == "payment-1"
    assert session.metadata is not None
    assert session.metadata["payment"] == "payment-1"
    assert session.success_url == "https://example.jp/done?session={CHECKOUT_SESSION_ID}"
    assert session.url is not None
    assert session.id in session.url


def test_a_session_lasts_a_day_unless_told_otherwise(merchant: Merchant) -> None:
    session = merchant.sells()
    assert session.expires_at - session.created == 24 * 60 * 60
    shorter = merchant.sells(expires_at=session.created + 31 * 60 + 60)
    assert shorter.expires_at == session.created + 32 * 60


def test_a_session_reads_as_it_was_made_and_is_first_in_the_list(merchant: Merchant) -> None:
    session = merchant.sells()
    read = merchant.client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert read.line_items is not None
    assert [line.amount_total for line in read.line_items.data] == [1500]
    listed = merchant.client.v1.checkout.sessions.list({"limit": 1, "created": {"gte": session.created}})
    assert [one.id for one in listed.data] == [session.id]


def test_paging_through_a_list_meets_each_session_once(merchant: Merchant) -> None:
    made = [merchant.sells().id for _ in range(3)]
    listed = merchant.client.v1.checkout.sessions.list({"limit": 2})
    seen = []
    for one in listed.auto_paging_iter():
        seen.append(one.id)
        if len(seen) == 3:
            break
    assert seen == made[::-1]


def test_an_expired_session_has_no_page_and_cannot_be_expired_again(merchant: Merchant) -> None:
    session = merchant.sells()
    expired = merchant.client.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.payment_status, expired.url) == ("expired", "unpaid", None)
    with pytest.raises(stripe.InvalidRequestError, match=r"has a status of `expired`") as refused:
        merchant.client.v1.checkout.sessions.expire(session.id)
    assert refused.value.http_status == 400


def test_the_same_key_makes_one_session(merchant: Merchant, key: str) -> None:
    first, again = merchant.sells(key), merchant.sells(key)
    assert first.id == again.id
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert merchant.sells().id != first.id


def test_the_same_key_for_another_order_is_refused(merchant: Merchant, key: str) -> None:
    merchant.sells(key)
    with pytest.raises(stripe.IdempotencyError) as refused:
        merchant.sells(key, client_reference_id="payment-2")
    assert refused.value.http_status == 400


def test_an_unknown_parameter_is_refused_by_name(merchant: Merchant) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.sells(colour="red")
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "colour")


def test_a_deadline_in_ten_minutes_is_refused(merchant: Merchant) -> None:
    now = merchant.sells().created
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.sells(expires_at=now + 600)
    assert refused.value.param == "expires_at"


def test_an_amount_below_fifty_yen_is_refused(merchant: Merchant) -> None:
    cheap = order()["line_items"]
    cheap[0]["price_data"]["unit_amount"] = 49
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.sells(line_items=cheap)
    assert refused.value.code == "amount_too_small"


def test_what_does_not_exist_is_missing(merchant: Merchant) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.client.v1.checkout.sessions.retrieve("cs_test_nobody")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_a_wrong_key_is_an_authentication_error(merchant: Merchant) -> None:
    stranger = client_for("sk_test_stranger", merchant.api_base)
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.checkout.sessions.list()
