"""The state table: every move that exists is made, every other one is refused."""

from datetime import UTC, datetime
from itertools import product

import pytest

from booking.reservations.models import Reservation, State
from booking.reservations.refusals import IllegalMove
from booking.reservations.states import CLAIMING, MOVES, OPEN, move, require_due
from core.errors import ContractBroken

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PAIRS = list(product(State, State))


def due(state: State) -> datetime | None:
    return NOW if state in OPEN else None


@pytest.mark.parametrize("before, after", PAIRS)
def test_a_move_is_made_or_refused_as_the_table_says(before: State, after: State) -> None:
    reservation = Reservation(state=before, cancel_asked_at=NOW)
    if (before, after) in MOVES:
        move(reservation, after, now=NOW, due_at=due(after), reason="x")
        assert (reservation.state, reservation.state_changed_at, reservation.reason) == (after, NOW, "x")
        assert reservation.next_due_at == due(after)
        assert reservation.cancel_asked_at is None
    else:
        with pytest.raises(IllegalMove) as refused:
            move(reservation, after, now=NOW, due_at=due(after))
        assert refused.value.code == "state_changed"
        assert reservation.state == before


def test_the_table_is_the_one_of_the_design() -> None:
    table = """
    requested: held confirmed cancelled expired rejected revoked
    held: confirmed cancelled expired revoked
    confirmed: cancelled revoked used no_show
    no_show: used
    expired: confirmed
    cancelled: confirmed
    """
    wanted = {
        (State(before.strip()), State(after))
        for before, _, afters in (line.partition(":") for line in table.split("\n") if line.strip())
        for after in afters.split()
    }
    assert {pair for pair in MOVES if pair[0] is not None} == wanted
    assert {after for before, after in MOVES if before is None} == {
        State.REQUESTED,
        State.HELD,
        State.CONFIRMED,
    }


@pytest.mark.parametrize("state", State)
def test_exactly_the_open_states_are_due(state: State) -> None:
    require_due(state, due(state))
    with pytest.raises(ContractBroken):
        require_due(state, None if state in OPEN else NOW)


def test_what_is_open_owns_its_claims() -> None:
    assert OPEN < CLAIMING
    assert {State.USED, State.NO_SHOW} == CLAIMING - OPEN


def test_final_states_lead_nowhere() -> None:
    leaving = {before for before, _ in MOVES}
    assert leaving.isdisjoint({State.USED, State.REJECTED, State.REVOKED})
