"""kill -9 at every commit and after every call of each loop of money; the next run finishes what is left.

Each loop runs as a process of its own against the sandbox's; `dying.py` names the points. After each kill
the lease runs out, all loops run, and Stripe's objects are counted; after all kills of a loop the books are
Stripe's to the yen and every invariant holds. The two defects of the last tests are what the checks are for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.ids import new_token
from payments import loops, webhook
from payments.book_models import StripePayout
from payments.case_models import Dispute
from payments.models import Payment, Refund
from payments.states import PaymentState, RefundState
from payments.webhook import Event
from tests.integration.payments import dying
from tests.integration.payments.conftest import TOWN
from tests.integration.payments.dying import Job
from tests.integration.payments.street import Street, built
from tests.servers.postgres import PostgresServer
from tests.servers.schema import copy_sqlite_template, postgres_copy

pytestmark = pytest.mark.timeout(300)

PART_YEN = 700


@dataclass(frozen=True, slots=True)
class Story:
    """One loop: what comes before it, and what must be true once it was killed and the others have run."""

    job: Job
    begin: Callable[[Street], UUID]
    """Everything up to the loop; its payment."""
    end: Callable[[Street, UUID], None]


def _paid(street: Street) -> UUID:
    payment_id = street.started()
    street.pay(street.page(payment_id))
    return payment_id


def _paid_and_due(street: Street) -> UUID:
    payment_id = _paid(street)
    street.skip(seconds=25)
    return payment_id


def _paid_at_the_deadline(street: Street) -> UUID:
    payment_id = _paid(street)
    street.skip(minutes=11)
    return payment_id


def _out_of_time(street: Street) -> UUID:
    payment_id = street.started()
    street.page(payment_id)
    street.skip(minutes=11)
    return payment_id


def _owed(street: Street) -> UUID:
    payment_id = street.settled()
    street.owe(_reference(street, payment_id), PART_YEN)
    return payment_id


def _under_way(street: Street) -> UUID:
    payment_id = street.settled()
    street.fault(kind="refund_pending", settle_after_s=30)
    street.owe(_reference(street, payment_id), PART_YEN)
    loops.send_refunds(*street.outside)
    street.skip(seconds=90)
    return payment_id


def _disputed(street: Street) -> UUID:
    payment_id = street.settled()
    street.sandbox.asks("/disputes", payment_intent=street.intent_of(payment_id))
    return payment_id


def _told_of_a_dispute(street: Street) -> UUID:
    payment_id = _disputed(street)
    _park(
        street, "charge.dispute.created", _dispute_of(street, payment_id)["id"], street.intent_of(payment_id)
    )
    street.skip(seconds=40)
    return payment_id


def _won(street: Street) -> UUID:
    payment_id = _disputed(street)
    database, stripe, _, clock = street.outside
    loops.find_disputes(database, stripe, clock, lambda: TOWN)
    street.sandbox.asks("/disputes/decide", dispute=_dispute_of(street, payment_id)["id"], outcome="won")
    street.skip(hours=7)
    return payment_id


def _with_a_voucher(street: Street) -> UUID:
    payment_id = street.voucher()
    street.skip(seconds=25)
    return payment_id


def _paid_in_the_shop(street: Street) -> UUID:
    payment_id = _with_a_voucher(street)
    loops.settle(*street.outside)
    assert street.state(payment_id) == PaymentState.PROCESSING
    street.sandbox.asks("/konbini", payment_intent=street.intent_of(payment_id), outcome="paid")
    street.skip(hours=2)
    return payment_id


def _never_paid_in_the_shop(street: Street) -> UUID:
    payment_id = _with_a_voucher(street)
    loops.settle(*street.outside)
    street.skip(days=5)
    return payment_id


def _told_of_a_page_that_we_never_heard_of(street: Street) -> UUID:
    """We died before Stripe's answer, the payer paid, and its message has been parked and looked at twice."""
    points = street.killed.points(dying.open_session, street.started(), street.clock)
    payment_id = street.started()
    answered = points.index("create_session is answered")
    street.killed.kill(dying.open_session, payment_id, street.clock, answered)
    [unheard_of] = street.sessions_of(payment_id)
    street.pay(unheard_of["url"])
    [paid] = street.sessions_of(payment_id)
    _park(street, "payment_intent.succeeded", paid["payment_intent"], paid["payment_intent"])
    database, stripe, _, clock = street.outside
    for seconds in (31, 61):
        street.skip(seconds=seconds)
        loops.follow_parked(database, stripe, clock, lambda: TOWN)
    street.skip(seconds=121)
    assert street.state(payment_id) == PaymentState.OPENING
    return payment_id


def _paid_out(street: Street) -> UUID:
    payment_id = _owed(street)
    loops.send_refunds(*street.outside)
    street.skip(days=5)
    street.sandbox.asks("/payouts")
    return payment_id


def _is_paid_once(street: Street, payment_id: UUID) -> None:
    page = street.page(payment_id)
    assert len(street.sessions_of(payment_id)) == 1, "a second page can be paid"
    street.pay(page)
    street.skip(seconds=25)
    loops.settle(*street.outside)
    _is_settled_once(street, payment_id)


def _is_settled_once(street: Street, payment_id: UUID) -> None:
    assert street.state(payment_id) == PaymentState.SETTLED
    assert street.told("settled", payment_id) == 1
    assert [one["payment_status"] for one in street.sessions_of(payment_id)] == ["paid"]


def _is_settled_at_the_next_look(street: Street, payment_id: UUID) -> None:
    for _ in range(2):
        street.skip(minutes=4)
        street.after_a_crash()
    _is_settled_once(street, payment_id)


def _waits_once_and_is_settled_once(street: Street, payment_id: UUID) -> None:
    assert street.told("processing", _reference(street, payment_id)) == 1
    street.sandbox.asks("/konbini", payment_intent=street.intent_of(payment_id), outcome="paid")
    street.skip(hours=2)
    loops.settle(*street.outside)
    _is_settled_once(street, payment_id)


def _is_given_up_once(street: Street, payment_id: UUID) -> None:
    assert street.state(payment_id) == PaymentState.EXPIRED
    assert street.told("closed", _reference(street, payment_id)) == 1
    assert [one["payment_status"] for one in street.sessions_of(payment_id)] == ["unpaid"]


def _is_closed_once(street: Street, payment_id: UUID) -> None:
    street.skip(minutes=11)
    street.after_a_crash()
    assert street.state(payment_id) == PaymentState.EXPIRED
    assert street.told("closed", _reference(street, payment_id)) == 1
    assert {one["status"] for one in street.sessions_of(payment_id)} <= {"expired"}


def _is_back_once(street: Street, payment_id: UUID) -> None:
    sent = street.refunds_of(payment_id)
    assert [(one["amount"], one["status"]) for one in sent] == [(PART_YEN, "succeeded")], "not sent back once"
    with street.database.reading() as session:
        refund = session.scalars(sa.select(Refund).where(Refund.payment_id == payment_id)).one()
    assert (refund.state, refund.stripe_refund_id) == (RefundState.SUCCEEDED, sent[0]["id"])
    assert street.told("refund_succeeded", refund.id) == 1


def _is_listed_once(street: Street, payment_id: UUID) -> None:
    at_stripe = _dispute_of(street, payment_id)
    with street.database.reading() as session:
        kept = session.scalars(sa.select(Dispute).where(Dispute.payment_id == payment_id)).one()
    is_back = at_stripe["status"] == "won"
    assert (kept.stripe_dispute_id, kept.state) == (at_stripe["id"], at_stripe["status"])
    assert kept.withdrawn_yen == (0 if is_back else at_stripe["amount"])


def _is_copied(street: Street, payment_id: UUID) -> None:
    street.assert_books_agree()
    assert street.stripe_balance() == 0, "everything went to the bank"
    with street.database.reading() as session:
        assert session.scalar(sa.select(StripePayout.id).where(StripePayout.checked_at.is_(None))) is None
    _is_back_once(street, payment_id)


STORIES = {
    "opening, and the payer is back": Story(dying.open_session, Street.started, _is_paid_once),
    "opening, and nobody is back": Story(dying.open_session, Street.started, _is_closed_once),
    "settling by the loop": Story(dying.settle, _paid_and_due, _is_settled_once),
    "settling on the return page": Story(dying.settle_one, _paid, _is_settled_once),
    "closing in time": Story(dying.expire_sessions, _out_of_time, _is_closed_once),
    "closing what is paid": Story(dying.expire_sessions, _paid_at_the_deadline, _is_settled_once),
    "hearing of a voucher": Story(dying.settle, _with_a_voucher, _waits_once_and_is_settled_once),
    "a voucher is paid": Story(dying.settle, _paid_in_the_shop, _is_settled_once),
    "a voucher runs out": Story(dying.settle, _never_paid_in_the_shop, _is_given_up_once),
    "sending a refund": Story(dying.send_refunds, _owed, _is_back_once),
    "following a refund": Story(dying.poll_refunds, _under_way, _is_back_once),
    "finding a dispute": Story(dying.find_disputes, _disputed, _is_listed_once),
    "following a dispute": Story(dying.follow_disputes, _won, _is_listed_once),
    "asking about a parked message": Story(dying.follow_parked, _told_of_a_dispute, _is_listed_once),
    "asking about a payment from a parked message": Story(
        dying.follow_parked, _told_of_a_page_that_we_never_heard_of, _is_settled_at_the_next_look
    ),
    "settling with Stripe's books": Story(dying.settle_books, _paid_out, _is_copied),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def street(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Path,
    postgres_server: PostgresServer,
    postgres_template: str,
) -> Iterator[Street]:
    """One database and one sandbox that all stories share: each kill has a payment of its own."""
    folder = tmp_path_factory.mktemp("street")
    if request.param == "sqlite":
        with built(folder, copy_sqlite_template(sqlite_template, folder)) as made:
            yield made
        return
    with postgres_copy(postgres_server, postgres_template) as url, built(folder, url) as made:
        yield made


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_killed_at_any_point_it_is_finished_by_the_next_run(street: Street, story: Story) -> None:
    street.quiet()
    about = story.begin(street)
    points = street.killed.points(story.job, about, street.clock)
    assert any(point.endswith("answered") for point in points), points
    for number in range(len(points)):
        about = story.begin(street)
        street.killed.kill(story.job, about, street.clock, number)
        street.after_a_crash()
        story.end(street, about)
    street.assert_books_agree()


def test_keys_that_differ_make_a_second_page_and_are_noticed(database_url: str, tmp_path: Path) -> None:
    with built(tmp_path, database_url) as street:
        points = street.killed.points(dying.with_random_keys, street.started(), street.clock)
        payment_id = street.started()
        street.killed.kill(
            dying.with_random_keys, payment_id, street.clock, points.index("create_session is answered")
        )
        with pytest.raises(AssertionError, match="a second page can be paid"):
            _is_paid_once(street, payment_id)


def test_an_outcome_before_its_call_loses_a_refund_and_is_noticed(database_url: str, tmp_path: Path) -> None:
    with built(tmp_path, database_url) as street:
        first = _owed(street)
        points = street.killed.points(dying.with_the_outcome_first, first, street.clock)
        assert len(street.refunds_of(first)) == 1, "as long as nobody dies all is well"
        payment_id = _owed(street)
        street.killed.kill(
            dying.with_the_outcome_first, payment_id, street.clock, points.index("commit 2 is made")
        )
        street.after_a_crash()
        with pytest.raises(AssertionError, match="not sent back once"):
            _is_back_once(street, payment_id)


def _park(street: Street, type_: str, object_id: str, intent_id: str) -> None:
    event = Event(
        id=f"evt_{new_token()[:16]}",
        type=type_,
        is_live=False,
        object_id=object_id,
        payment_id=None,
        refund_id=None,
        payment_intent_id=intent_id,
    )
    with street.database.transaction() as session:
        assert webhook.take_in(session, event, now=street.clock.now()) == "parked"


def _reference(street: Street, payment_id: UUID) -> UUID:
    with street.database.reading() as session:
        return session.get_one(Payment, payment_id).items[0].reference


def _dispute_of(street: Street, payment_id: UUID) -> dict[str, Any]:
    intent = street.intent_of(payment_id)
    [found] = [one for one in street.oracle("dispute") if one["payment_intent"] == intent]
    return found
