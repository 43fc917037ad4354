"""Counters of this package; every label comes from a closed set."""

from prometheus_client import Counter

WEBHOOKS = Counter(
    "kaiho_payment_webhooks", "Messages at the Stripe webhook, by what became of them", ["result"]
)
"""accepted, duplicate, parked, unknown_object, bad_signature, stale, foreign_mode, too_large, unreadable."""

STRIPE_CALLS = Counter("kaiho_payment_stripe_calls", "Calls to Stripe, by what came back", ["call", "result"])
"""Calls are the methods of the port; ok, stripe_unavailable, failed, stripe_rejected, unreadable."""

ATTEMPTS = Counter("kaiho_payment_attempts", "Attempts to pay that became final", ["state"])
"""settled, expired, mismatched."""

REFUNDS = Counter("kaiho_payment_refunds", "Moves of refunds", ["state"])
"""pending, succeeded, failed."""
