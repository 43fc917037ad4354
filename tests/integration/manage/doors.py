"""Doors for the little town, and a lock by hand that takes what the server gives it."""

from dataclasses import replace

from booking.app.services import EXTENSION, Services
from booking.people.models import Account, Role
from booking.places.models import OfferingAccessPoint
from locks import contact
from locks.installation import add_access_point, add_lock
from tests.integration.locks.door import Door
from tests.integration.manage.conftest import Manage
from tests.integration.manage.town import NOW, Place, Town


def services_of(manage: Manage) -> Services:
    services = manage.app.extensions[EXTENSION]
    assert isinstance(services, Services)
    return services


def fit_door(manage: Manage, place: Place, name: str = "体育館 入口") -> int:
    """An access point that every offering of the place opens."""
    with manage.database.transaction() as session:
        point = add_access_point(
            session, municipality_id=1, name=name, kind="door_lock", courts=place.courts, now=NOW
        )
        for offering in (place.full, *place.halves):
            session.add(OfferingAccessPoint(offering_id=offering, access_point_id=point))
    return point


def fit_lock(manage: Manage, access_point_id: int) -> Door:
    """A lock on it that has not spoken yet."""
    with manage.database.transaction() as session:
        keyring = services_of(manage).keyring
        return Door(add_lock(session, keyring, access_point_id=access_point_id, now=manage.clock.now()))


def speak(manage: Manage, door: Door) -> None:
    """A whole contact: the lock holds the newest version afterwards, and has said so."""
    services = services_of(manage)
    for _ in range(5):
        with manage.database.transaction() as session:
            answer = contact.receive_hello(
                session,
                services.keyring,
                services.lock_callbacks,
                lock_id=door.id,
                payload=door.hello(),
                now=manage.clock.now(),
            )
        assert answer is not None
        if answer.desired is None:
            return
        door.take_desired(answer.desired)
    raise AssertionError("the lock never held the newest version")


def somebody(
    manage: Manage, mail_address: str, *, role: Role = Role.RESIDENT, name: str = "見本 次郎"
) -> Account:
    """Another account of the town."""
    made: list[Account] = []
    manage.town(lambda town: made.append(town.account(mail_address, role=role, name=name)))
    return made[0]


def elsewhere(manage: Manage) -> Place:
    """A school of another municipality."""
    found: list[Place] = []
    manage.town(lambda town: found.append(Town(town.session, number=2).found().school("よその小学校")))
    return replace(found[0])
