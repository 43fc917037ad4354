"""Sums that staff give back: once, never more than is there, and above the limit only by two people."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from booking.people.models import Role
from booking.people.signed_in import Actor, GroupOfActor
from booking.places.models import Municipality
from booking.refunding import batch_queries, batches
from booking.refunding.batches import (
    BatchState,
    DecidedAlready,
    MoreThanPaid,
    SamePerson,
    TooMuch,
)
from booking.refunding.models import RefundBatch, RefundBatchItem
from booking.reservations.models import Reservation, State
from core.database import Database
from core.errors import BadInput, NotThere
from core.ids import new_id
from payments import refunds
from payments.case_models import Case
from payments.cases import CaseKind
from payments.models import Payment, PaymentItem, Refund
from payments.states import PaymentState
from tests.integration.booking.refunding import acts, another_manager, give_up, owed, told
from tests.integration.booking.test_races import at_once
from tests.integration.booking.town import DAY, NOW, Town, build_town, window

LIMIT = 10_000


@pytest.fixture
def sold(town: Town) -> UUID:
    """A paid reservation of 600 yen."""
    return town.confirmed()


def limit(town: Town, yen: int) -> None:
    with town.database.transaction() as session:
        session.get_one(Municipality, town.municipality_id).refund_alone_up_to_yen = yen


def make(town: Town, amounts: dict[UUID, int], *, actor: Actor | None = None, key: str | None = None) -> UUID:
    actor = actor or town.staff
    with town.database.transaction() as session:
        return batches.make(
            session,
            actor=actor,
            request_key=key or str(new_id(NOW)),
            reason="見本の理由",
            amounts=amounts,
            now=NOW,
        ).id


def approve(town: Town, batch_id: UUID, actor: Actor) -> UUID:
    with town.database.transaction() as session:
        return batches.approve(session, actor=actor, batch_id=batch_id, now=NOW + timedelta(hours=1)).id


def reject(town: Town, batch_id: UUID, actor: Actor, reason: str = "見本") -> UUID:
    with town.database.transaction() as session:
        return batches.reject(session, actor=actor, batch_id=batch_id, reason=reason, now=NOW).id


def batch(town: Town, batch_id: UUID) -> RefundBatch:
    with town.database.reading() as session:
        found = session.get_one(RefundBatch, batch_id)
        session.expunge(found)
        return found


def waiting_cases(town: Town) -> list[str]:
    """Batches that are listed as waiting for a second person."""
    statement = sa.select(Case.subject).where(
        Case.kind == CaseKind.SECOND_PERSON, Case.closed_at.is_(None), Case.next_due_at.is_not(None)
    )
    with town.database.reading() as session:
        return list(session.scalars(statement))


def test_what_waits_for_a_second_person_is_a_case_until_it_is_decided(town: Town, sold: UUID) -> None:
    limit(town, 100)
    make(town, {sold: 50})
    assert waiting_cases(town) == []
    first, second = make(town, {sold: 200}), make(town, {sold: 300})
    assert sorted(waiting_cases(town)) == sorted([str(first), str(second)])
    other = another_manager(town)
    approve(town, first, other)
    assert waiting_cases(town) == [str(second)]
    reject(town, second, other)
    assert waiting_cases(town) == []


def test_a_sum_at_the_limit_is_given_alone_and_one_yen_more_waits(town: Town, sold: UUID) -> None:
    limit(town, 300)
    one = make(town, {sold: 300})
    found = batch(town, one)
    assert (found.state, found.needs_second, found.total_yen) == ("approved", False, 300)
    assert (found.decided_by, found.decided_at) == (town.manager, NOW)
    assert owed(town) == [(sold, 300, f"batch:{one}")]
    assert told(town, "given_back") == [
        {"reservation_id": str(sold), "refund_yen": 300, "reason": "見本の理由"}
    ]
    limit(town, 600)
    two = batch(town, make(town, {sold: 300}))
    assert (two.state, two.needs_second) == ("approved", False)
    three = batch(town, make(town, {town.confirmed(wanted=window(13, 15)): 1}))
    assert (three.state, three.needs_second, three.decided_by) == ("waiting", True, None)


def test_small_sums_of_one_day_count_together_and_of_others_do_not(town: Town, sold: UUID) -> None:
    limit(town, 300)
    make(town, {sold: 200})
    assert batch(town, make(town, {sold: 101})).state == "waiting"
    assert batch(town, make(town, {sold: 100})).state == "approved"
    assert batch(town, make(town, {sold: 1}, actor=another_manager(town))).state == "approved"
    with town.database.transaction() as session:
        for row in session.scalars(sa.select(RefundBatch)):
            row.made_at -= timedelta(days=1)
    assert batch(town, make(town, {sold: 101})).state == "approved"


def test_small_batches_at_once_are_counted_together(town: Town, sold: UUID) -> None:
    limit(town, 300)
    staff = town.staff
    at_once([lambda: make(town, {sold: 200}, actor=staff) for _ in range(3)])
    with town.database.reading() as session:
        states = sorted(session.scalars(sa.select(RefundBatch.state)))
    assert states == ["approved", "waiting", "waiting"]
    assert sum(amount for _, amount, _ in owed(town)) == 200


def test_to_ones_own_group_nothing_is_given_alone(town: Town, sold: UUID) -> None:
    staff = town.staff
    own = Actor(
        account_id=staff.account_id,
        municipality_id=staff.municipality_id,
        role=Role.MANAGER,
        name=staff.name,
        mail_address=staff.mail_address,
        groups=(GroupOfActor(town.general, "団体", "general", 2026, 2026),),
        catalogue_version=staff.catalogue_version,
    )
    assert batch(town, make(town, {sold: 1}, actor=own)).state == "waiting"
    other = town.confirmed(wanted=window(18, 20), group=town.youth)
    assert batch(town, make(town, {other: 1}, actor=own)).state == "approved"


def test_a_second_person_agrees_once_and_only_then_it_is_owed(town: Town, sold: UUID) -> None:
    limit(town, 0)
    other = another_manager(town)
    second = town.confirmed(wanted=window(13, 15))
    one = make(town, {sold: 500, second: 1})
    assert owed(town) == []
    assert approve(town, one, other) == one
    assert approve(town, one, other) == one
    found = batch(town, one)
    assert (found.state, found.decided_by) == ("approved", other.account_id)
    assert sorted(owed(town)) == sorted([(sold, 500, f"batch:{one}"), (second, 1, f"batch:{one}")])
    assert acts(town) == ["refund_batch.make", "refund_batch.approve"]
    with pytest.raises(DecidedAlready):
        reject(town, one, other)
    with pytest.raises(DecidedAlready):
        approve(town, one, town.staff)


def test_who_made_it_neither_approves_nor_rejects(town: Town, sold: UUID) -> None:
    limit(town, 0)
    one = make(town, {sold: 500})
    for decide in (approve, reject):
        with pytest.raises(SamePerson):
            decide(town, one, town.staff)
    assert batch(town, one).state == "waiting"
    assert owed(town) == []


def test_control_without_the_check_the_table_stops_the_same_person_and_without_both_nothing_does(
    town: Town, sold: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(town, 0)
    one = make(town, {sold: 500})
    monkeypatch.setattr(batches, "_require_second", lambda _batch, _actor: None)
    with pytest.raises(IntegrityError, match="four_eyes"):
        approve(town, one, town.staff)
    assert owed(town) == []
    with town.database.transaction() as session:
        session.get_one(RefundBatch, one).needs_second = False
    approve(town, one, town.staff)
    assert [amount for _, amount, _ in owed(town)] == [500]


def test_a_no_gives_nothing_and_is_on_record_with_its_reason(town: Town, sold: UUID) -> None:
    limit(town, 0)
    other = another_manager(town)
    one = make(town, {sold: 500})
    for reason in (" ", "あ" * 201, "a\nb"):
        with pytest.raises(BadInput):
            reject(town, one, other, reason)
    assert reject(town, one, other) == one
    assert reject(town, one, other) == one
    with pytest.raises(DecidedAlready):
        approve(town, one, other)
    assert (batch(town, one).state, owed(town)) == ("rejected", [])
    assert acts(town) == ["refund_batch.make", "refund_batch.reject"]


def test_the_same_form_again_is_the_same_batch(town: Town, sold: UUID) -> None:
    staff = town.staff
    results = at_once([lambda: make(town, {sold: 100}, actor=staff, key="t" * 20) for _ in range(6)])
    assert len(set(results)) == 1
    assert isinstance(results[0], UUID)
    assert [amount for _, amount, _ in owed(town)] == [100]
    assert acts(town) == ["refund_batch.make"]


def test_many_yes_at_once_give_it_once(town: Town, sold: UUID) -> None:
    limit(town, 0)
    one = make(town, {sold: 100})
    others = [another_manager(town, f"kacho{number}@example.jp") for number in range(4)]

    def attempt(actor: Actor) -> Callable[[], UUID]:
        return lambda: approve(town, one, actor)

    results = at_once([attempt(actor) for actor in others])
    assert sum(result == one for result in results) == 1
    assert sum(isinstance(result, DecidedAlready) for result in results) == 3
    assert [amount for _, amount, _ in owed(town)] == [100]


def test_more_than_is_there_is_refused_when_made_with_each_line(town: Town, sold: UUID) -> None:
    make(town, {sold: 100})
    with pytest.raises(MoreThanPaid) as refused:
        make(town, {sold: 501})
    assert refused.value.lines == (TooMuch(sold, 501, 500),)
    unpaid = town.held(wanted=window(13, 15))
    with pytest.raises(MoreThanPaid):
        make(town, {unpaid: 1})
    make(town, {sold: 500})
    assert sum(amount for _, amount, _ in owed(town)) == 600


def test_what_is_gone_meanwhile_is_refused_when_approved(town: Town, sold: UUID) -> None:
    limit(town, 0)
    other = another_manager(town)
    one = make(town, {sold: 500})
    give_up(town, sold, now=NOW)
    with pytest.raises(MoreThanPaid):
        approve(town, one, other)
    assert batch(town, one).state == "waiting"
    assert [amount for _, amount, _ in owed(town)] == [600]
    with town.database.reading() as session:
        line, items = batch_queries.one(session, municipality_id=town.municipality_id, batch_id=one)
    assert line.state is BatchState.WAITING
    assert [(item.amount_yen, item.candidate.left_yen, item.is_too_much) for item in items] == [
        (500, 0, True)
    ]


def two_batches(town: Town, sold: UUID) -> Sequence[Callable[[], UUID]]:
    """Two people agree to two batches of the same money at once; both fit when looked at alone."""
    limit(town, 0)
    ids = [make(town, {sold: 400}) for _ in range(2)]
    people = [another_manager(town, f"kacho{number}@example.jp") for number in range(2)]

    def attempt(number: int) -> Callable[[], UUID]:
        return lambda: approve(town, ids[number], people[number])

    return [attempt(0), attempt(1)]


def test_two_batches_of_the_same_money_at_once_give_it_once(town: Town, sold: UUID) -> None:
    results = at_once(two_batches(town, sold))
    assert sum(isinstance(result, MoreThanPaid) for result in results) == 1
    assert [amount for _, amount, _ in owed(town)] == [400]


@pytest.fixture
def wide_town(postgres_database_url: str) -> Iterator[Town]:
    """A town whose transactions run side by side; SQLite has one writer at a time."""
    database = Database(postgres_database_url)
    yield build_town(database)
    database.dispose()


def test_control_without_the_locks_more_goes_back_than_was_paid(
    wide_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold = wide_town.confirmed()
    attempts = two_batches(wide_town, sold)
    both_have_looked = threading.Barrier(2)

    def unlocked(session: Session, reservation_id: UUID) -> Reservation | None:
        return session.get(Reservation, reservation_id)

    def settled(session: Session, reference: UUID) -> Sequence[Payment]:
        of_this = sa.select(PaymentItem.payment_id).where(PaymentItem.reference == reference)
        found = session.scalars(
            sa.select(Payment).where(Payment.id.in_(of_this), Payment.state == PaymentState.SETTLED)
        ).all()
        session.scalars(sa.select(Refund)).all()
        return found

    def existing(session: Session, reference: UUID) -> Sequence[Refund]:
        found = session.scalars(sa.select(Refund).where(Refund.reference == reference)).all()
        both_have_looked.wait(30)
        return found

    monkeypatch.setattr(batches, "locked", unlocked)
    monkeypatch.setattr(refunds, "_settled", settled)
    monkeypatch.setattr(refunds, "_refunds", existing)
    at_once(attempts)
    assert sum(amount for _, amount, _ in owed(wide_town)) == 800


@pytest.mark.parametrize("yen", [0, -1])
def test_a_sum_that_is_none_is_refused(town: Town, sold: UUID, yen: int) -> None:
    with pytest.raises(BadInput):
        make(town, {sold: yen})
    with pytest.raises(BadInput):
        make(town, {})


def test_residents_and_other_municipalities_have_no_batches(town: Town, sold: UUID) -> None:
    limit(town, 0)
    one = make(town, {sold: 500})
    resident = town.actor()
    with town.database.transaction() as session:
        elsewhere = Municipality(code="000000", name="別の見本市", office_contact="-")
        session.add(elsewhere)
        session.flush()
        far = Actor(
            account_id=town.manager,
            municipality_id=elsewhere.id,
            role=Role.MANAGER,
            name="-",
            mail_address="-",
            groups=(),
            catalogue_version=1,
        )
    for actor in (resident, far):
        with pytest.raises(NotThere):
            make(town, {sold: 1}, actor=actor)
        with pytest.raises(NotThere):
            approve(town, one, actor)
        with pytest.raises(NotThere):
            reject(town, one, actor)
    with town.database.reading() as session:
        with pytest.raises(NotThere):
            batch_queries.one(session, municipality_id=far.municipality_id, batch_id=one)
        assert batch_queries.batches(session, municipality_id=far.municipality_id, waiting=True) == []
        found = batch_queries.candidates(session, municipality_id=far.municipality_id, first=DAY, last=DAY)
        assert found == []
        assert len(session.scalars(sa.select(RefundBatchItem)).all()) == 1


def test_only_what_has_money_left_is_to_choose_from(town: Town, sold: UUID) -> None:
    given = town.confirmed(wanted=window(13, 15))
    make(town, {given: 600})
    town.held(wanted=window(18, 20))
    with town.database.reading() as session:

        def found(day: date = DAY, facility_id: int | None = None, state: State | None = None) -> list[UUID]:
            lines = batch_queries.candidates(
                session,
                municipality_id=town.municipality_id,
                first=day,
                last=day,
                facility_id=facility_id,
                state=state,
            )
            return [line.id for line in lines]

        assert found() == [sold]
        assert found(DAY - timedelta(days=1)) == []
        assert found(DAY + timedelta(days=1)) == []
        assert found(facility_id=town.gym, state=State.CONFIRMED) == [sold]
        assert found(facility_id=town.hall) == []
        assert found(state=State.USED) == []
