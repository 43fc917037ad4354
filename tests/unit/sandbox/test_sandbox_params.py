"""Parameters are as strict as the installed stripe types, and never ignored in silence."""

import pytest
from stripe import RequestOptions
from stripe.params import RefundCreateParams
from stripe.params.checkout import SessionCreateParams

from payments.sandbox import form
from payments.sandbox.errors import ApiError
from payments.sandbox.params import checked, fields, require_supported
from tests.unit.sandbox.account import ORDER, Account


def test_names_come_from_the_installed_types_without_request_options() -> None:
    names = fields(SessionCreateParams)
    assert {"line_items", "expires_at", "ui_mode"} <= names
    assert not names & set(RequestOptions.__annotations__)


def test_a_nested_unknown_name_is_refused_by_its_path() -> None:
    raw = form.nested(
        [("line_items[0][price_data][currency]", "jpy"), ("line_items[0][price_data][colour]", "x")]
    )
    with pytest.raises(ApiError) as refused:
        checked(SessionCreateParams, raw)
    assert (refused.value.code, refused.value.param) == (
        "parameter_unknown",
        "line_items[0][price_data][colour]",
    )


def test_a_known_name_at_the_same_place_passes() -> None:
    raw = form.nested([("line_items[0][price_data][currency]", "jpy"), ("line_items[0][quantity]", "2")])
    assert checked(SessionCreateParams, raw) == {
        "line_items": [{"price_data": {"currency": "jpy"}, "quantity": 2}]
    }


@pytest.mark.parametrize(
    "pairs, code",
    [
        ([("amount", "12.5")], "parameter_invalid_integer"),
        ([("amount", "")], "parameter_invalid_integer"),
        ([("reason", "because")], None),
        ([("amount[x]", "1")], "parameter_invalid_value"),
        ([("metadata[k]", "v" * 501)], None),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(pairs: list[tuple[str, str]], code: str | None) -> None:
    with pytest.raises(ApiError) as refused:
        checked(RefundCreateParams, form.nested(pairs))
    assert refused.value.code == code
    assert not refused.value.is_stored


def test_lists_keep_their_order_whatever_the_order_of_the_pairs() -> None:
    raw = form.nested([(f"expand[{index}]", str(index)) for index in (10, 2, 0)])
    assert checked(SessionCreateParams, raw) == {"expand": ["0", "2", "10"]}


@pytest.mark.parametrize("name", ["a[b", "a]b[", "[a]", "a" + "[b]" * 9])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(ApiError):
        form.nested([(name, "1")])


def test_what_stripe_knows_and_the_sandbox_does_not_is_refused_and_not_ignored() -> None:
    with pytest.raises(ApiError) as refused:
        require_supported({"discounts": []}, {"mode": None})
    assert refused.value.code == "sandbox_unsupported_parameter"
    require_supported({"mode": "payment"}, {"mode": None})


def test_the_removed_payment_method_types_has_the_code_of_the_pinned_version(account: Account) -> None:
    answer = account.call("POST", "/v1/checkout/sessions", {**ORDER, "payment_method_types[0]": "card"})
    assert answer.status_code == 400
    assert answer.get_json()["error"]["code"] == "payment_method_types_no_longer_supported"


@pytest.mark.parametrize(
    "missing",
    ["mode", "success_url", "line_items[0][quantity]", "line_items[0][price_data][unit_amount]"],
)
def test_a_session_without_something_required_is_refused(account: Account, missing: str) -> None:
    order = {name: value for name, value in ORDER.items() if name != missing}
    error = account.call("POST", "/v1/checkout/sessions", order).get_json()["error"]
    assert (error["code"], error["param"]) == ("parameter_missing", missing)
    assert account.objects("checkout.session") == []


@pytest.mark.parametrize(
    "change",
    [
        {"line_items[0][price_data][unit_amount]": "49"},
        {"line_items[0][price_data][unit_amount]": "100000000"},
        {"line_items[0][price_data][currency]": "usd"},
        {"success_url": "javascript:alert(1)"},
        {"expires_at": "1795231799"},
        {"expires_at": "1795316401"},
        {"mode": "subscription"},
        {"ui_mode": "embedded_page"},
        {"allowed_payment_method_types[0]": "paypay"},
        {"excluded_payment_method_types[0]": "card"},
    ],
)
def test_a_session_outside_the_limits_is_refused(account: Account, change: dict[str, str]) -> None:
    assert account.call("POST", "/v1/checkout/sessions", {**ORDER, **change}).status_code == 400
    assert account.objects("checkout.session") == []


@pytest.mark.parametrize(
    "change",
    [
        {"line_items[0][price_data][unit_amount]": "50"},
        {"expires_at": "1795231800"},
        {"expires_at": "1795316400"},
        {"allowed_payment_method_types[0]": "card"},
    ],
)
def test_a_session_at_the_limits_is_made(account: Account, change: dict[str, str]) -> None:
    assert account.order(**change)["status"] == "open"


def test_a_list_filter_that_would_be_ignored_is_refused(account: Account) -> None:
    answer = account.call("GET", "/v1/checkout/sessions", {"customer": "cus_1"})
    assert answer.get_json()["error"]["code"] == "sandbox_unsupported_parameter"
