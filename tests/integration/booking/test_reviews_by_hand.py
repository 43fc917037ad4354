"""No lock speaks for two weeks: the refund that waits for it is a case, and staff decide it."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.places.models import Municipality
from booking.refunding import batches, by_hand, reviews
from booking.refunding.models import RefundBatch
from core.audit import AuditEntry
from core.errors import BadInput, NotThere
from payments.case_models import Case
from payments.cases import CaseKind
from tests.integration.booking.locked_doors import fit, speak, spoken
from tests.integration.booking.refunding import (
    another_manager,
    clerk,
    give_up,
    look,
    owed,
    review,
    sell_by,
    told,
)
from tests.integration.booking.test_refund_reviews import LATE, PAST_END
from tests.integration.booking.town import Town, at

LISTED = at(12) + timedelta(days=14)
SECOND = timedelta(seconds=1)


def waiting(town: Town) -> UUID:
    """Given up too late, half of it for the asking, and no lock has said a word."""
    fit(town)
    sell_by(town, (86400, 100), unused_percent=50)
    reservation_id = town.confirmed()
    give_up(town, reservation_id, now=LATE)
    return reservation_id


def sweep(town: Town, now: datetime) -> int:
    with town.database.transaction() as session:
        return by_hand.list_overdue(session, now=now)


def decide(town: Town, reservation_id: UUID, *, gives: bool, reason: str = "記録が届かないため") -> bool:
    with town.database.transaction() as session:
        return by_hand.decide(
            session,
            actor=clerk(town, session),
            reservation_id=reservation_id,
            gives=gives,
            reason=reason,
            now=LISTED,
        )


def cases(town: Town) -> list[tuple[str, int | None, str | None]]:
    with town.database.reading() as session:
        rows = session.scalars(
            sa.select(Case).where(Case.kind == CaseKind.REVIEW).order_by(Case.opened_at)
        ).all()
        return [(row.subject, row.amount_yen, row.closed_by) for row in rows]


def acts(town: Town) -> list[str]:
    with town.database.reading() as session:
        statement = sa.select(AuditEntry.act).where(AuditEntry.act.like("refund_review.%"))
        return list(session.scalars(statement))


def test_two_weeks_after_the_use_it_is_a_case_once(town: Town) -> None:
    reservation_id = waiting(town)
    assert sweep(town, LISTED - SECOND) == 0
    assert [sweep(town, LISTED), sweep(town, LISTED + timedelta(days=1))] == [1, 0]
    assert cases(town) == [(str(reservation_id), 300, None)]


def test_control_looked_at_alone_it_waits_for_ever_and_nobody_knows(town: Town) -> None:
    reservation_id = waiting(town)
    for days in (20, 200, 2000):
        look(town, at(12) + timedelta(days=days))
    found = review(town, reservation_id)
    assert found is not None
    assert (found.state, cases(town)) == ("waiting", [])


def test_the_locks_late_word_decides_it_and_closes_the_case(town: Town) -> None:
    door = spoken(town)
    sell_by(town, (86400, 100), unused_percent=50)
    reservation_id = town.confirmed()
    speak(town, door)
    give_up(town, reservation_id, now=at(11))
    sweep(town, LISTED)
    speak(town, door, now=PAST_END + SECOND)
    look(town, LISTED + timedelta(hours=1))
    assert cases(town) == [(str(reservation_id), 300, "system")]
    assert owed(town) == [(reservation_id, 300, "unused")]


def test_what_staff_give_goes_the_way_of_every_batch_once(town: Town) -> None:
    reservation_id = waiting(town)
    sweep(town, LISTED)
    assert [decide(town, reservation_id, gives=True) for _ in range(2)] == [True, False]
    with town.database.reading() as session:
        batch = session.scalars(sa.select(RefundBatch)).one()
    assert (batch.request_key, batch.total_yen) == (f"review:{reservation_id}", 300)
    assert [amount for _, amount, _ in owed(town)] == [300]
    found = review(town, reservation_id)
    assert found is not None
    assert (found.state, found.refund_yen, found.next_due_at) == ("granted", 0, None)
    assert cases(town) == [(str(reservation_id), 300, "system")]
    assert acts(town) == ["refund_review.give"]
    assert sweep(town, LISTED + timedelta(days=30)) == look(town, LISTED + timedelta(days=30)) == 0


def test_what_staff_refuse_is_told_and_owes_nothing(town: Town) -> None:
    reservation_id = waiting(town)
    sweep(town, LISTED)
    assert [decide(town, reservation_id, gives=False) for _ in range(2)] == [True, False]
    assert owed(town) == []
    (mail,) = told(town, "reviewed")
    assert (mail["refund_yen"], mail["why"]) == (0, "電子錠の記録が届かないため、職員が判断しました。")
    assert cases(town)[0][2] == "system"
    assert acts(town) == ["refund_review.refuse"]


@pytest.mark.parametrize("is_told", [True, False])
def test_what_a_second_person_rejects_is_refused_and_told_once(town: Town, is_told: bool) -> None:
    """Rejected as a batch alone is the control: the page would say for ever that staff take care of it."""
    reservation_id = waiting(town)
    with town.database.transaction() as session:
        session.execute(sa.update(Municipality).values(refund_alone_up_to_yen=100))
    decide(town, reservation_id, gives=True)
    with town.database.reading() as session:
        batch = session.scalars(sa.select(RefundBatch)).one()
    assert batch.needs_second
    other = another_manager(town)
    for _ in range(2):
        with town.database.transaction() as session:
            (by_hand if is_told else batches).reject(
                session,
                actor=other,
                batch_id=batch.id,
                reason="金額を確かめてください",
                now=LISTED + timedelta(days=1),
            )
    found = review(town, reservation_id)
    assert found is not None
    why = reviews.reason_of(found.evidence)
    assert (found.state, "移しました" in why) == (("refused", False) if is_told else ("granted", True))
    assert len(told(town, "reviewed")) == is_told
    assert owed(town) == []


def test_without_a_reason_or_by_anybody_else_nothing_is_decided(town: Town) -> None:
    reservation_id = waiting(town)
    with pytest.raises(BadInput):
        decide(town, reservation_id, gives=True, reason=" ")
    with town.database.transaction() as session, pytest.raises(NotThere):
        by_hand.decide(
            session,
            actor=town.actor(session=session),
            reservation_id=reservation_id,
            gives=True,
            reason="x",
            now=LISTED,
        )
    found = review(town, reservation_id)
    assert found is not None
    assert (found.state, acts(town)) == ("waiting", [])
