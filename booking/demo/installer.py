"""What the installer of the simulated doors does once they speak: opens each by hand, for its checklist."""

from collections.abc import Sequence

import sqlalchemy as sa

from booking.app.services import Services
from booking.demo.keypad import Keypads
from booking.demo.ports import wait_until
from locks.models import Lock, LockState


def unproven_locks(services: Services) -> list[str]:
    """The locks whose checklist is not complete yet."""
    with services.database.reading() as session:
        return list(
            session.scalars(sa.select(Lock.id).where(Lock.state == LockState.PROVISIONED).order_by(Lock.id))
        )


def open_once(doors_url: str, locks: Sequence[str]) -> None:
    """Turn the thumb-turn of each of these doors once its lock has heard from the server, and let it tell.

    Raises:
        core.errors.ContractBroken: one has heard nothing within half a minute.
    """
    doors = Keypads(doors_url)
    for lock in locks:
        # Before it is answered it has no clock, and what it notes has no time.
        wait_until(
            lambda lock=lock: bool(doors.door(lock)["last_contact"]),  # type: ignore[misc]
            f"the lock {lock} has heard nothing",
            at_most_s=30,
        )
        doors.turn_thumb(lock)
        doors.sync(lock)
