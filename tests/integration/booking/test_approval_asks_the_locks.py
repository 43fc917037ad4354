"""A request is approved and paid days later: the selling rule is asked again."""

from uuid import UUID

import pytest

from booking.places.models import Facility
from booking.reservations.approve import approve
from booking.reservations.models import State
from booking.reservations.pay import require_payable
from booking.reservations.refusals import NotSellableNow
from tests.integration.booking.test_holding import mount_lock
from tests.integration.booking.town import NOW, Town


def requested(town: Town) -> UUID:
    """Asked for while nothing spoke against it."""
    with town.database.transaction() as session:
        session.get_one(Facility, town.gym).approval_required = True
    return town.held()


def approved(town: Town, reservation_id: UUID) -> State:
    actor = town.staff
    with town.database.transaction() as session:
        return State(approve(session, actor=actor, reservation_id=reservation_id, now=NOW).state)


def test_a_request_whose_start_the_lock_does_not_list_any_more_is_not_approved(town: Town) -> None:
    reservation_id = requested(town)
    mount_lock(town, lists=False)
    with pytest.raises(NotSellableNow):
        approved(town, reservation_id)
    assert town.reservation(reservation_id).state == State.REQUESTED


def test_a_request_whose_start_the_lock_lists_is_approved(town: Town) -> None:
    reservation_id = requested(town)
    mount_lock(town, lists=True)
    assert approved(town, reservation_id) == State.HELD


@pytest.mark.parametrize("lists", [True, False])
def test_nobody_pays_for_a_start_that_the_lock_does_not_list_any_more(town: Town, lists: bool) -> None:
    reservation_id = town.held()
    mount_lock(town, lists=lists)
    actor = town.actor()
    with town.database.transaction() as session:
        if lists:
            held, _ = require_payable(session, actor=actor, reservation_id=reservation_id, now=NOW)
            assert held.state == State.HELD
            return
        with pytest.raises(NotSellableNow):
            require_payable(session, actor=actor, reservation_id=reservation_id, now=NOW)
