"""Life of a reservation as data: which moves exist, and the one function that makes them.

Source: design.md 4.
"""

from datetime import datetime

from booking.reservations.models import Reservation, State
from booking.reservations.refusals import IllegalMove
from core.errors import ContractBroken

MOVES: frozenset[tuple[State | None, State]] = frozenset(
    {
        (None, State.REQUESTED),
        (None, State.HELD),
        (None, State.CONFIRMED),
        (State.REQUESTED, State.HELD),
        (State.REQUESTED, State.CONFIRMED),
        (State.REQUESTED, State.CANCELLED),
        (State.REQUESTED, State.EXPIRED),
        (State.REQUESTED, State.REJECTED),
        (State.REQUESTED, State.REVOKED),
        (State.HELD, State.CONFIRMED),
        (State.HELD, State.CANCELLED),
        (State.HELD, State.EXPIRED),
        (State.HELD, State.REVOKED),
        (State.EXPIRED, State.CONFIRMED),
        (State.CANCELLED, State.CONFIRMED),
        (State.CONFIRMED, State.CANCELLED),
        (State.CONFIRMED, State.REVOKED),
        (State.CONFIRMED, State.USED),
        (State.CONFIRMED, State.NO_SHOW),
        (State.NO_SHOW, State.USED),
    }
)
"""(from, to); from None: made in that state. Expired and cancelled come back only by late money."""

CLAIMING = frozenset({State.REQUESTED, State.HELD, State.CONFIRMED, State.USED, State.NO_SHOW})
"""States whose reservations own their claims; used and no_show keep them as the record of what was had."""

OPEN = frozenset({State.REQUESTED, State.HELD, State.CONFIRMED})
"""States in which something is still to come; each needs a next due time, no other may have one."""

UNSETTLED = frozenset({State.REQUESTED, State.HELD})
"""What counts against the holds that a group may have at once."""


def move(
    reservation: Reservation, to: State, *, now: datetime, due_at: datetime | None, reason: str | None = None
) -> None:
    """Put a reservation, whose row the caller has locked, into another state.

    `due_at`: when the worker must look at it next; exactly the open states have one.

    Raises:
        IllegalMove: no such move; its state is another than the caller thought.
        ContractBroken: a due time is missing, or set for a final state.
    """
    if (reservation.state, to) not in MOVES:
        raise IllegalMove(f"{reservation.state} -> {to}")
    require_due(to, due_at)
    reservation.state = to
    reservation.state_changed_at = now
    reservation.next_due_at = due_at
    reservation.cancel_asked_at = None
    if reason is not None:
        reservation.reason = reason


def require_due(state: State, due_at: datetime | None) -> None:
    """Refuse an open state that nobody will look at again, and a final one that somebody would.

    Raises:
        ContractBroken: the one or the other.
    """
    if (state in OPEN) != (due_at is not None):
        raise ContractBroken(f"{state} with due time {due_at}")
