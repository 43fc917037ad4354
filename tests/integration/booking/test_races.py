"""Many at once, on real connections: exactly one has it, everybody else is told so, nothing is half taken."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.people.models import Role
from booking.places import closures
from booking.places.models import Municipality
from booking.reservations import deadlines, money
from booking.reservations.hold import hold
from booking.reservations.models import Claim, Reservation, State
from booking.reservations.refusals import SlotClosed, SlotTaken, TooManyHolds
from booking.reservations.states import CLAIMING
from core.database import Database, retrying
from core.errors import KaihoError
from core.ids import new_id
from locks.models import Grant
from tests.integration.booking.town import NOW, Town, account, group, window

CLIENTS = 32


def at_once(attempts: Sequence[Callable[[], object]]) -> list[object]:
    """What each attempt gave or raised; all start together, each in a thread with a connection of its own."""
    barrier = threading.Barrier(len(attempts))
    results: list[object] = [None] * len(attempts)

    def run(number: int) -> None:
        barrier.wait(30)
        try:
            results[number] = retrying(attempts[number])
        except KaihoError as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(attempts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def groups_of(town: Town, count: int) -> list[UUID]:
    """So many approved groups, each with a member of its own."""
    with town.database.transaction() as session:
        return [
            group(
                session,
                town.municipality_id,
                f"見本団体{number}",
                account(session, town.municipality_id, f"m{number}@example.jp"),
            )
            for number in range(count)
        ]


def holder(town: Town, group_id: UUID, offering: int, key: str | None = None) -> Callable[[], UUID]:
    """An attempt to hold 10 to 12 on a connection of its own."""
    actor = town.actor(group_id)

    def attempt() -> UUID:
        with town.database.transaction() as session:
            return hold(
                session,
                actor=actor,
                group_id=group_id,
                offering_id=offering,
                window=window(10, 12),
                request_key=key or str(new_id(NOW)),
                now=NOW,
            ).id

    return attempt


def require_claims_follow_reservations(database: Database) -> None:
    """Every live reservation has all its claims, nothing else has any."""
    with database.reading() as session:
        owned = Counter(session.scalars(sa.select(Claim.reservation_id).where(Claim.closure_id.is_(None))))
        for reservation in session.scalars(sa.select(Reservation)):
            count = owned.pop(reservation.id, 0)
            assert (count > 0) == (reservation.state in CLAIMING)
        assert not owned


def test_32_clients_on_one_slot_have_exactly_one_winner(town: Town) -> None:
    groups = groups_of(town, CLIENTS)
    results = at_once([holder(town, group_id, town.full) for group_id in groups])
    assert sum(isinstance(result, UUID) for result in results) == 1
    losers = [result for result in results if not isinstance(result, UUID)]
    assert all(isinstance(loser, SlotTaken) and loser.code == "slot_taken" for loser in losers)
    assert len(town.claims()) == 8
    require_claims_follow_reservations(town.database)


def test_full_against_halves_never_share_a_court(town: Town) -> None:
    groups = groups_of(town, CLIENTS)
    offered = (town.full, town.half_a, town.half_b)
    results = at_once([holder(town, g, offered[n % 3]) for n, g in enumerate(groups)])
    won = [result for result in results if isinstance(result, UUID)]
    with town.database.reading() as session:
        sold = sorted(session.scalars(sa.select(Reservation.offering_id).where(Reservation.id.in_(won))))
    assert sold in ([town.full], [town.half_a, town.half_b])
    require_claims_follow_reservations(town.database)


def test_a_double_tap_at_the_same_instant_holds_once(town: Town) -> None:
    results = at_once([holder(town, town.general, town.full, key="tap") for _ in range(8)])
    assert len(set(results)) == 1
    assert isinstance(results[0], UUID)
    assert len(town.claims()) == 8


def test_the_limit_of_holds_stands_against_many_at_once(town: Town) -> None:
    with town.database.transaction() as session:
        session.get_one(Municipality, town.municipality_id).max_holds_per_group = 1
    attempts = [holder(town, town.general, offering) for offering in (town.half_a, town.half_b)]
    results = at_once(attempts)
    assert sorted(type(result).__name__ for result in results) == ["TooManyHolds", "UUID"]
    assert any(isinstance(result, TooManyHolds) for result in results)


def test_a_closure_against_holds_leaves_no_reservation_in_it(town: Town) -> None:
    groups = groups_of(town, 12)
    staff = town.actor(role=Role.MANAGER)

    def close() -> int:
        with town.database.transaction() as session:
            return closures.close(
                session,
                actor=staff,
                facility_id=town.gym,
                space_id=None,
                window=window(8, 15),
                reason="工事",
                now=NOW,
            ).id

    offered = (town.half_a, town.half_b)
    attempts: list[Callable[[], object]] = [holder(town, g, offered[n % 2]) for n, g in enumerate(groups)]
    results = at_once([*attempts[:6], close, *attempts[6:]])
    assert isinstance(results[6], int)
    refused = [result for result in results if isinstance(result, KaihoError)]
    assert all(isinstance(error, SlotTaken | SlotClosed) for error in refused)
    with town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Claim.reservation_id.is_not(None))) == 0
        states = set(session.scalars(sa.select(Reservation.state)))
        assert states <= {State.REVOKED}
    assert len(town.claims()) == 2 * 14


def test_settling_expiring_and_reselling_at_once_never_seats_two(town: Town) -> None:
    reservation_id = town.held()
    payment_id = town.start_payment(reservation_id)
    late = NOW + timedelta(minutes=10)
    rival = groups_of(town, 1)[0]

    def closed() -> None:
        with town.database.transaction() as session:
            money.attempts_closed(session, reference=reservation_id, now=late)

    def due() -> None:
        with town.database.transaction() as session:
            deadlines.expire_due(session, now=late, limit=10)

    at_once(
        [
            due,
            closed,
            lambda: town.settle(payment_id, reservation_id, now=late),
            holder(town, rival, town.half_a),
        ]
    )
    require_claims_follow_reservations(town.database)
    with town.database.reading() as session:
        confirmed = session.scalars(sa.select(Reservation).where(Reservation.state == State.CONFIRMED)).all()
        rivals = session.scalars(sa.select(Reservation).where(Reservation.group_id == rival)).all()
        assert len(confirmed) + len(rivals) == 1


def test_two_confirmations_at_once_grant_once(town: Town) -> None:
    reservation_id = town.held()
    payment_id = town.start_payment(reservation_id)
    results = at_once([lambda: town.settle(payment_id, reservation_id) for _ in range(2)])
    with town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Grant)) == 1
        assert session.get_one(Reservation, reservation_id).permit_number == 1
    assert results.count(None) >= 1


def test_permits_of_many_at_once_have_no_gaps(town: Town) -> None:
    with town.database.transaction() as session:
        session.get_one(Municipality, town.municipality_id).sells_ahead_for_days = 60
    groups = groups_of(town, 6)
    ids = []
    for number, group_id in enumerate(groups):
        day = NOW.date() + timedelta(days=7 + number)
        with town.database.transaction() as session:
            actor = town.actor(group_id, session=session)
            held = hold(
                session,
                actor=actor,
                group_id=group_id,
                offering_id=town.full,
                window=window(18, 20, day),
                request_key="k",
                now=NOW,
            )
            ids.append(held.id)
    payments = [(town.start_payment(reservation_id), reservation_id) for reservation_id in ids]
    at_once([partial(town.settle, *pair) for pair in payments])
    assert sorted(town.reservation(i).permit_number or 0 for i in ids) == [1, 2, 3, 4, 5, 6]


def test_without_the_constraint_looking_first_books_twice(town: Town) -> None:
    """The negative control: the same race over a table like `claim` that has no primary key."""
    with town.database.transaction() as session:
        session.execute(sa.text("CREATE TABLE unguarded (court_id INTEGER, granule INTEGER, owner INTEGER)"))
    looked = threading.Barrier(2)
    engine = town.database.engine
    if town.database.is_sqlite:
        # A deferred transaction, as most programs use it: the look keeps no other writer out.
        engine = engine.execution_options(read_only=True)

    def look(owner: int) -> None:
        with engine.connect() as connection:
            taken = connection.execute(
                sa.text("SELECT count(*) FROM unguarded WHERE granule = 1")
            ).scalar_one()
            connection.rollback()
            looked.wait(30)
            if not taken:
                connection.execute(sa.text("INSERT INTO unguarded VALUES (1, 1, :owner)"), {"owner": owner})
                connection.commit()

    threads = [threading.Thread(target=look, args=(owner,)) for owner in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with town.database.reading() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM unguarded")) == 2


def test_without_its_primary_key_the_claim_table_double_books(town: Town) -> None:
    """The negative control on our own path: drop the referee, and the look alone lets several in."""
    swap: tuple[str, ...]
    if town.database.is_sqlite:
        swap = (
            "CREATE TABLE loose (municipality_id INTEGER, court_id INTEGER, granule INTEGER, "
            "reservation_id CHAR(32), closure_id INTEGER)",
            "DROP TABLE claim",
            "ALTER TABLE loose RENAME TO claim",
        )
    else:
        swap = ("ALTER TABLE claim DROP CONSTRAINT pk_claim",)
    with town.database.transaction() as session:
        for statement in swap:
            session.execute(sa.text(statement))
    first, second = groups_of(town, 2)
    won = interleaved(town, first, second)
    assert len(won) == 2
    assert len(town.claims()) == 8
    with town.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Claim)) == 16


def interleaved(town: Town, first: UUID, second: UUID) -> list[bool]:
    """Two takings of one slot, past the look: what the claims' own statement lets through."""
    from booking.reservations import claims

    won: list[bool] = []
    for owner in (first, second):
        with town.database.transaction() as session:
            reservation = town.hold(session, wanted=window(18, 20) if won else window(13, 15))
            won.append(
                claims.take_new(
                    session,
                    municipality_id=town.municipality_id,
                    courts=town.courts,
                    window=window(10, 12),
                    reservation_id=reservation.id,
                    group_id=owner,
                    request_key="k",
                    amount_yen=600,
                    max_holds=10,
                )
            )
            session.execute(sa.delete(Claim).where(Claim.granule.in_(list(window(13, 20).granules))))
    return [taken for taken in won if taken]


def test_with_its_primary_key_the_second_taking_gets_nothing(town: Town) -> None:
    first, second = groups_of(town, 2)
    assert len(interleaved(town, first, second)) == 1
    with pytest.raises(SlotTaken):
        town.held(wanted=window(10, 12))
