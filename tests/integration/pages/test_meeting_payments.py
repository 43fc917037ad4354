"""A resident gives up while the money arrives: two orders of locks, one of them runs again."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.app.wiring import PAYMENT_CALLBACKS
from booking.reservations.cancel import cancel
from booking.reservations.models import State
from core.database import Database, TryAgain, retrying
from payments import loops
from payments.models import Payment, Refund
from tests.integration.booking.town import NOW
from tests.integration.pages.conftest import Site, book, build_site, send


def paid_at_stripe(site: Site) -> tuple[UUID, UUID]:
    """A reservation and its payment; the money is at Stripe and nobody has told us."""
    browser = site.resident()
    page = book(site, browser).headers["Location"]
    send(browser, page, f"{page}/payments")
    with site.town.database.reading() as session:
        payment = session.scalars(sa.select(Payment)).one()
        assert payment.stripe_session_id is not None
        site.stripe.pay(payment.stripe_session_id)
        return UUID(page.rsplit("/", 1)[1]), payment.id


def cross(database: Database, giving_up: Callable[[], object], settling: Callable[[], object]) -> None:
    """Run both so that each holds the row that the other wants next."""
    both = threading.Barrier(2)
    waits = {"giving up": "FROM payment", "settling": "FROM reservation"}

    def meet(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        name = threading.current_thread().name
        if "FOR UPDATE" in statement and waits.get(name, "-") in statement:
            del waits[name]
            both.wait(20)

    sa.event.listen(database.engine, "before_cursor_execute", meet)
    threads = [
        threading.Thread(target=giving_up, name="giving up"),
        threading.Thread(target=settling, name="settling"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    sa.event.remove(database.engine, "before_cursor_execute", meet)


@pytest.mark.parametrize("runs_again", [True, False])
def test_whoever_loses_runs_again_and_the_money_is_accounted_for(
    postgres_database_url: str, runs_again: bool
) -> None:
    database = Database(postgres_database_url)
    site = build_site(database)
    reservation_id, payment_id = paid_at_stripe(site)
    actor = site.town.actor()
    lost: list[str] = []

    def once() -> None:
        try:
            with database.transaction() as session:
                cancel(session, actor=actor, reservation_id=reservation_id, now=NOW)
        except TryAgain:
            lost.append("giving up")
            if runs_again:
                raise

    def settling() -> None:
        loops.settle_one(database, site.stripe, PAYMENT_CALLBACKS, payment_id, site.clock)

    cross(database, lambda: retrying(once), settling)
    state = site.town.reservation(reservation_id).state
    with database.reading() as session:
        back = session.scalars(sa.select(Refund.amount_yen)).all()
    if lost and not runs_again:
        # The control: the one who lost is not heard.
        assert (state, back) == (State.CONFIRMED, [])
    else:
        assert state in (State.CANCELLED, State.CONFIRMED)
        assert back == ([600] if state == State.CANCELLED else [])
    database.dispose()
