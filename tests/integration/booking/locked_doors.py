"""Real locks on the small town's access points: provisioned, and in contact through the real callbacks."""

from datetime import datetime

from booking.app.wiring import LOCK_CALLBACKS
from core.secrets import Keyring
from locks import contact, desired_state
from locks.installation import add_lock
from tests.integration.booking.town import NOW, Town
from tests.integration.locks.door import Door

KEYRING = Keyring(bytes(range(32)))


def fit(town: Town, access_point_id: int | None = None, *, now: datetime = NOW) -> Door:
    """A new lock on the gym's door, or on another access point; it has not spoken yet."""
    with town.database.transaction() as session:
        point = access_point_id or town.access_point_id
        return Door(add_lock(session, KEYRING, access_point_id=point, now=now))


def speak(town: Town, door: Door, *, now: datetime = NOW) -> None:
    """A whole contact: the lock holds and has confirmed the newest version."""
    for _ in range(6):
        with town.database.transaction() as session:
            answer = contact.receive_hello(
                session, KEYRING, LOCK_CALLBACKS, lock_id=door.id, payload=door.hello(), now=now
            )
        assert answer is not None
        if answer.desired is None:
            return
        door.take_desired(answer.desired)
    raise AssertionError("the lock never held the newest version")


def publish(town: Town, door: Door, *, now: datetime = NOW) -> None:
    """What a gateway does without the lock: the present version is built."""
    with town.database.transaction() as session:
        desired_state.build(session, KEYRING, LOCK_CALLBACKS, lock_id=door.id, now=now)


def spoken(town: Town, access_point_id: int | None = None, *, now: datetime = NOW) -> Door:
    """A lock that holds everything."""
    door = fit(town, access_point_id, now=now)
    speak(town, door, now=now)
    return door
