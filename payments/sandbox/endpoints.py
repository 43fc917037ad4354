"""Every call the sandbox answers, with the TypedDict that the installed client types it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stripe import params as accepted
from stripe.params import checkout as accepted_checkout

from payments.sandbox import balance, charges, disputes, events, intents, payouts, refunds, sessions
from payments.sandbox.store import Body
from payments.sandbox.world import Call, World

Act = Callable[[World, Call], Body]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of the API: `accepts` is the TypedDict the client types it with."""

    method: str
    rule: str
    accepts: type
    act: Act


_SESSION = "/v1/checkout/sessions/<object_id>"
_INTENT = "/v1/payment_intents/<object_id>"

ENDPOINTS = (
    Endpoint("POST", "/v1/checkout/sessions", accepted_checkout.SessionCreateParams, sessions.create),
    Endpoint("GET", "/v1/checkout/sessions", accepted_checkout.SessionListParams, sessions.listed),
    Endpoint("GET", _SESSION, accepted_checkout.SessionRetrieveParams, sessions.retrieve),
    Endpoint(
        "GET",
        f"{_SESSION}/line_items",
        accepted_checkout.SessionListLineItemsParams,
        sessions.listed_line_items,
    ),
    Endpoint("POST", f"{_SESSION}/expire", accepted_checkout.SessionExpireParams, sessions.expire),
    Endpoint("POST", "/v1/payment_intents", accepted.PaymentIntentCreateParams, intents.create),
    Endpoint("GET", "/v1/payment_intents", accepted.PaymentIntentListParams, intents.listed),
    Endpoint("GET", _INTENT, accepted.PaymentIntentRetrieveParams, intents.retrieve),
    Endpoint("POST", f"{_INTENT}/confirm", accepted.PaymentIntentConfirmParams, intents.confirm),
    Endpoint("POST", f"{_INTENT}/cancel", accepted.PaymentIntentCancelParams, intents.cancel),
    Endpoint("GET", "/v1/charges", accepted.ChargeListParams, charges.listed),
    Endpoint("GET", "/v1/charges/<object_id>", accepted.ChargeRetrieveParams, charges.retrieve),
    Endpoint("GET", "/v1/balance", accepted.BalanceRetrieveParams, balance.retrieve),
    Endpoint(
        "GET", "/v1/balance_transactions", accepted.BalanceTransactionListParams, balance.listed_movements
    ),
    Endpoint(
        "GET",
        "/v1/balance_transactions/<object_id>",
        accepted.BalanceTransactionRetrieveParams,
        balance.retrieve_movement,
    ),
    Endpoint("GET", "/v1/payouts", accepted.PayoutListParams, payouts.listed),
    Endpoint("GET", "/v1/payouts/<object_id>", accepted.PayoutRetrieveParams, payouts.retrieve),
    Endpoint("GET", "/v1/disputes", accepted.DisputeListParams, disputes.listed),
    Endpoint("GET", "/v1/disputes/<object_id>", accepted.DisputeRetrieveParams, disputes.retrieve),
    Endpoint("POST", "/v1/disputes/<object_id>", accepted.DisputeUpdateParams, disputes.update),
    Endpoint("POST", "/v1/disputes/<object_id>/close", accepted.DisputeCloseParams, disputes.accept),
    Endpoint("POST", "/v1/refunds", accepted.RefundCreateParams, refunds.create),
    Endpoint("GET", "/v1/refunds", accepted.RefundListParams, refunds.listed),
    Endpoint("GET", "/v1/refunds/<object_id>", accepted.RefundRetrieveParams, refunds.retrieve),
    Endpoint("GET", "/v1/events", accepted.EventListParams, events.listed),
    Endpoint("GET", "/v1/events/<object_id>", accepted.EventRetrieveParams, events.retrieve),
)
