"""Make a lock and show once what its installer types in; tell the broker who may speak."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.services import Services
from booking.places.doors import fit_gym
from core.errors import Refused
from locks.broker import write_broker_files
from locks.installation import add_lock
from locks.models import AccessPoint


class NoSuchAccessPoint(Refused):
    """Nothing of this municipality is called that."""

    code = "no_such_access_point"
    sentence = "その名前の電子錠・キーボックスはありません。"


@dataclass(frozen=True, slots=True, repr=False)
class Shown:
    """What an installer is shown, as JSON has it; there is no second look."""

    lock: str
    root: str
    code_root: str
    broker: dict[str, str | int | bool]
    username: str
    password: str

    def as_json(self) -> dict[str, object]:
        """Field by field, in the order of the installer's sheet."""
        return {name: getattr(self, name) for name in self.__slots__}


def access_point_names(services: Services) -> list[str]:
    """Every access point of the municipality, oldest first."""
    municipality_id = services.municipality_id
    with services.database.reading() as session:
        return list(
            session.scalars(
                sa.select(AccessPoint.name)
                .where(AccessPoint.municipality_id == municipality_id)
                .order_by(AccessPoint.id)
            )
        )


def install(services: Services, *, access_point: str | None = None, facility: str | None = None) -> Shown:
    """A new lock on an access point (by its name) or on a facility's gym, known to the broker on return.

    Raises:
        NoSuchAccessPoint: nothing is called that.
        NotThere: no such facility.
        locks.errors.AlreadyFitted: there is a lock already.
        OSError: the broker's files cannot be written; no lock was made.
    """
    settings, municipality_id, now = services.settings, services.municipality_id, services.clock.now()
    # Where the files cannot be written, no lock is made: nobody would ever see its secrets.
    write_for_broker(services)
    with services.database.transaction() as session:
        if facility is not None:
            found = fit_gym(session, municipality_id=municipality_id, facility_name=facility, now=now)
        else:
            found = _called(session, municipality_id, access_point or "")
        made = add_lock(session, services.keyring, access_point_id=found, now=now)
    write_for_broker(services)
    broker: dict[str, str | int | bool] = {
        "host": settings.mqtt_host,
        "port": settings.mqtt_port,
        "tls": settings.mqtt_tls_ca is not None,
    }
    return Shown(made.lock, made.root.hex(), made.code_root.hex(), broker, made.username, made.password)


def _called(session: Session, municipality_id: int, name: str) -> int:
    found = session.scalar(
        sa.select(AccessPoint.id).where(
            AccessPoint.municipality_id == municipality_id, AccessPoint.name == name
        )
    )
    if found is None:
        raise NoSuchAccessPoint(name)
    return found


def write_for_broker(services: Services) -> bool:
    """Write the broker's password and ACL files; changed ones make a Mosquitto beside them read again."""
    settings = services.settings
    gateway = {settings.mqtt_username: settings.mqtt_password.get_secret_value()}
    with services.database.reading() as session:
        changed = write_broker_files(session, settings.broker_dir, gateway)
    if changed:
        tell_mosquitto(settings.broker_dir)
    return changed


def tell_mosquitto(folder: Path) -> None:
    """Make a Mosquitto that keeps its pid in the broker's folder read its files again (SIGHUP)."""
    # No file, or not ours to signal: the broker is not up yet, or whoever runs it tells it.
    with suppress(OSError, ValueError):
        pid = int((folder / "mosquitto.pid").read_text())
        # The file outlives a broker that was killed; by now the number may belong to anybody.
        if Path(f"/proc/{pid:d}/comm").read_text().strip() == "mosquitto":
            os.kill(pid, signal.SIGHUP)
