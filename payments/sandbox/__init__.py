"""A stand-in for Stripe: a separate process on loopback, reached by the API base address and by nothing else.

It keeps what Stripe would keep (sessions, intents, charges, refunds, balance transactions, events), shows
the hosted card page, sends signed webhooks, and fails on request. Nothing of ours outside this folder is
imported.

Source: design.md 6, dependencies.md 3.
"""

API_VERSION = "2026-10-28.endive"
