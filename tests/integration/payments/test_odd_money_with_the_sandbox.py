"""Konbini, 3-D Secure, disputes and unknown money against the sandbox as its own process."""

from uuid import UUID

import pytest
import requests
import sqlalchemy as sa

from payments import ledger, loops
from payments.case_models import Case, Dispute
from payments.checkout import Item, Ways, open_session, start
from payments.ledger import Account
from payments.models import Payment, WebhookEvent
from payments.states import PaymentState
from tests.integration.payments.conftest import HOLD, TOWN
from tests.integration.payments.test_with_the_sandbox import ASKS_3DS, DECLINED, Shop, shop
from tests.servers.loopback import eventually

__all__ = ["shop"]


def ask(shop: Shop, path: str, **wanted: object) -> dict[str, object]:
    """Something happens at Stripe."""
    answer = requests.post(f"{shop.sandbox.url}/_sandbox{path}", json=wanted, timeout=10)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def with_voucher(shop: Shop, reservation: UUID) -> tuple[UUID, str]:
    """An attempt whose payer has chosen konbini: its id and the intent's."""
    database, stripe, _, clock = shop.outside
    with shop.database.transaction() as session:
        payment = start(
            session,
            municipality_id=TOWN,
            items=[Item(reservation, "見本体育館 半面A", 1500)],
            deadline_at=clock.now() + HOLD,
            return_url=f"{shop.sandbox.url}/healthz",
            cancel_url=f"{shop.sandbox.url}/healthz",
            mail_address="hanako@example.jp",
            ways=Ways(("card", "konbini"), 3),
            now=clock.now(),
        )
    url = open_session(database, stripe, payment.id, clock)
    answer = requests.post(f"{url}/konbini", data={"name": "MIHON"}, allow_redirects=False, timeout=10)
    assert answer.status_code == 303
    (intent,) = shop.oracle("payment_intent")
    return payment.id, str(intent["id"])


def row(shop: Shop, payment_id: UUID) -> Payment:
    with shop.database.reading() as session:
        return session.get_one(Payment, payment_id)


def balances(shop: Shop) -> dict[str, int]:
    with shop.database.reading() as session:
        assert ledger.unbalanced_sets(session) == []
        return {
            str(account): yen
            for account, yen in ledger.balances(session, municipality_id=TOWN).items()
            if yen
        }


def cases(shop: Shop) -> list[tuple[str, bool]]:
    with shop.database.reading() as session:
        rows = session.scalars(sa.select(Case).order_by(Case.id))
        return [(case.kind, case.closed_at is None) for case in rows]


def test_a_voucher_is_awaited_until_its_own_end_and_settles_by_the_message(
    shop: Shop, reservation: UUID
) -> None:
    payment_id, intent_id = with_voucher(shop, reservation)
    eventually(lambda: loops.settle(*shop.outside), within_s=10, what="the message of the voucher")
    assert shop.state(payment_id) == PaymentState.PROCESSING
    kept = row(shop, payment_id)
    assert kept.url is not None
    assert kept.url.startswith("http")
    assert [until for _, until in shop.notes.processing] == [kept.funds_due_at]
    shop.skip(minutes=4)
    loops.expire_sessions(*shop.outside)
    loops.settle(*shop.outside)
    assert shop.state(payment_id) == PaymentState.PROCESSING
    ask(shop, "/konbini", payment_intent=intent_id, outcome="paid")
    eventually(lambda: loops.settle(*shop.outside), within_s=10, what="the message of the money")
    assert shop.state(payment_id) == PaymentState.SETTLED
    assert shop.notes.settled == [(reservation, 1500)]
    assert shop.notes.closed == []


def test_a_voucher_that_nobody_pays_lapses_without_any_message(shop: Shop, reservation: UUID) -> None:
    shop.fault(kind="webhook_drop", times=-1)
    payment_id, _ = with_voucher(shop, reservation)
    shop.skip(minutes=11)
    loops.expire_sessions(*shop.outside)
    assert shop.state(payment_id) == PaymentState.PROCESSING
    assert shop.notes.closed == []
    shop.skip(days=5)
    loops.settle(*shop.outside)
    assert shop.state(payment_id) == PaymentState.EXPIRED
    assert shop.notes.closed == [reservation]


@pytest.mark.parametrize("card", [DECLINED, ASKS_3DS])
def test_after_a_card_that_did_not_work_the_same_page_takes_another(
    shop: Shop, reservation: UUID, card: str
) -> None:
    payment_id, url = shop.opened(reservation)
    shop.pay(url, card)
    if card == ASKS_3DS:
        requests.post(f"{url}/3ds", data={"outcome": "fail"}, allow_redirects=False, timeout=10)
    database, stripe, callbacks, clock = shop.outside
    assert loops.settle_one(database, stripe, callbacks, payment_id, clock) == PaymentState.OPEN
    assert shop.pay(url).status_code == 303
    assert loops.settle_one(database, stripe, callbacks, payment_id, clock) == PaymentState.SETTLED
    assert len([one for one in shop.oracle("charge") if one["paid"]]) == 1


def test_a_dispute_is_found_by_its_message_and_booked_to_its_end(shop: Shop, reservation: UUID) -> None:
    payment_id, url = shop.opened(reservation)
    shop.pay(url)
    database, stripe, callbacks, clock = shop.outside
    loops.settle_one(database, stripe, callbacks, payment_id, clock)
    intent_id = row(shop, payment_id).stripe_payment_intent_id
    opened = ask(shop, "/disputes", payment_intent=intent_id)

    def seen() -> bool:
        shop.skip(seconds=31)
        loops.follow_parked(database, stripe, clock, lambda: TOWN)
        with shop.database.reading() as session:
            return session.scalar(sa.select(Dispute.id)) is not None

    eventually(seen, within_s=10, what="the message of the dispute")
    assert balances(shop) == {"disputed": 1500, "usage_fees": -1500}
    assert cases(shop) == [("dispute", True)]
    ask(shop, "/disputes/decide", dispute=opened["id"], outcome="won")
    shop.skip(hours=7)
    assert loops.follow_disputes(database, stripe, clock) == 1
    assert balances(shop)[Account.STRIPE_BALANCE] == 1500
    assert cases(shop) == [("dispute", False)]


def test_a_message_about_an_object_that_nobody_knows_is_parked_and_closed(
    shop: Shop, reservation: UUID
) -> None:
    assert reservation
    subject = {"id": "pi_other", "object": "payment_intent", "metadata": {}}
    ask(shop, "/events", type="payment_intent.succeeded", object=subject)

    def parked() -> bool:
        with shop.database.reading() as session:
            return session.scalar(sa.select(WebhookEvent.result)) == "parked"

    eventually(parked, within_s=10, what="the message")
    database, stripe, _, clock = shop.outside
    for _ in range(3):
        shop.skip(minutes=5)
        loops.follow_parked(database, stripe, clock, lambda: TOWN)
    with shop.database.reading() as session:
        assert session.scalars(sa.select(WebhookEvent.result)).one() == "unknown_object"
    assert cases(shop) == []
