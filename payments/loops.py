"""The loops a worker runs; each does a bounded batch and returns how many rows it touched.

Running one twice, or in several workers at once, changes nothing. They are the repair tool as well: what a
crash leaves behind is a row that one of them picks up.
"""

from collections.abc import Callable

from core.clock import Clock
from core.database import Database, retrying
from payments import case_sweep, parked, webhook
from payments.disputes import find_disputes, follow_disputes
from payments.refund_loops import poll_refunds, send_refunds
from payments.remote import StripeApi
from payments.sessions import expire_sessions, settle, settle_one

__all__ = [
    "expire_sessions",
    "find_disputes",
    "follow_disputes",
    "follow_parked",
    "forget_messages",
    "list_cases",
    "poll_refunds",
    "send_refunds",
    "settle",
    "settle_one",
]


def follow_parked(
    database: Database, stripe: StripeApi, clock: Clock, municipality_id: Callable[[], int]
) -> int:
    """Look again at the messages about what we did not know; unknown money is this municipality's case."""
    return parked.follow_parked(database, stripe, clock, municipality_id, webhook.explain)


def forget_messages(database: Database, clock: Clock) -> int:
    """Drop old messages; how many."""

    def once() -> int:
        with database.transaction() as session:
            return webhook.forget(session, now=clock.now())

    return retrying(once)


def list_cases(database: Database, clock: Clock) -> int:
    """Open cases for what waits too long, close those that came right; how many."""

    def once() -> int:
        with database.transaction() as session:
            return case_sweep.sweep(session, now=clock.now())

    return retrying(once)
