"""Settlement against the sandbox as its own process: fees, refunds, payouts, to the yen of its books."""

from uuid import UUID

import requests
import sqlalchemy as sa

from core.ids import new_id
from payments import loops
from payments.book_models import StripePayout
from payments.settlement import Settled, settle
from tests.integration.payments.conftest import START, TOWN
from tests.integration.payments.test_with_the_sandbox import Shop, shop

__all__ = ["shop"]


def run(shop: Shop) -> Settled:
    """One settlement, which finds nothing open and nothing under way."""
    database, stripe, _, clock = shop.outside
    done = settle(database, stripe, clock, municipality_id=TOWN)
    assert (done.found.open, done.found.under_way) == ((), ())
    assert done.found.stripe_yen == done.found.ledger_yen == shop.stripe_balance()
    return done


def _paid(shop: Shop, reference: UUID) -> None:
    payment_id, url = shop.opened(reference)
    shop.pay(url)
    database, stripe, callbacks, clock = shop.outside
    loops.settle_one(database, stripe, callbacks, payment_id, clock)


def test_payments_and_refunds_are_met_with_their_fees(shop: Shop, reservation: UUID) -> None:
    for reference in (reservation, new_id(START), new_id(START)):
        _paid(shop, reference)
    shop.owe(reservation, 700)
    loops.send_refunds(*shop.outside)
    assert run(shop).movements == 4
    oracle = shop.oracle("balance_transaction")
    assert shop.stripe_balance() == sum(one["net"] for one in oracle)
    assert run(shop).movements == 0


def test_a_payout_days_later_takes_the_balance_to_the_bank(shop: Shop, reservation: UUID) -> None:
    answer = requests.post(f"{shop.sandbox.url}/_sandbox/account", json={"payouts": "daily"}, timeout=10)
    assert answer.status_code == 200, answer.text
    _paid(shop, reservation)
    run(shop)
    shop.skip(days=8)
    run(shop)
    [payout] = shop.oracle("payout")
    assert shop.stripe_balance() == 0
    assert payout["amount"] == 1500 - 54
    with shop.database.reading() as session:
        kept = session.scalars(sa.select(StripePayout)).one()
    assert kept.checked_at is not None, "what it carried adds up to it"
