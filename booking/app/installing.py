"""Make a lock and show once what its installer types in; tell the broker who may speak."""

import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.services import Services
from booking.places.doors import fit_gym
from core.errors import Refused
from core.settings import Settings
from locks import life
from locks.broker import write_broker_files
from locks.installation import Installation, add_lock
from locks.models import AccessPoint, AccessPointKind, Lock, LockState, Transport
from locks.portrait import living_at


class NoSuchAccessPoint(Refused):
    """Nothing of this municipality is called that."""

    code = "no_such_access_point"
    sentence = "その名前の電子錠・キーボックスはありません。"


class NoSuchLock(Refused):
    """No lock of this municipality has that id, and no access point of that name has one."""

    code = "no_such_lock"
    sentence = "その番号の電子錠、またはその名前の扉の電子錠はありません。"


@dataclass(frozen=True, slots=True, repr=False)
class Shown:
    """What an installer is shown, as JSON has it; there is no second look."""

    lock: str
    root: str
    code_root: str
    broker: dict[str, str | int | bool]
    """`host`, `port`, `tls`; with TLS also `ca_pem`, the certificate by which the lock knows it."""
    username: str
    password: str
    sync: str
    """Where a lock without MQTT speaks."""

    def __repr__(self) -> str:
        return f"Shown(lock={self.lock!r})"

    def as_json(self) -> dict[str, object]:
        """Field by field, in the order of the installer's sheet."""
        return {name: getattr(self, name) for name in self.__slots__}


def access_point_names(services: Services) -> list[str]:
    """Every access point of the municipality, oldest first."""
    return list(access_point_kinds(services))


def access_point_kinds(services: Services) -> dict[str, AccessPointKind]:
    """What each access point of the municipality is, by its name, oldest first."""
    municipality_id = services.municipality_id
    with services.database.reading() as session:
        rows = session.execute(
            sa.select(AccessPoint.name, AccessPoint.kind)
            .where(AccessPoint.municipality_id == municipality_id)
            .order_by(AccessPoint.id)
        )
        return {row.name: AccessPointKind(row.kind) for row in rows}


def install(
    services: Services,
    *,
    access_point: str | None = None,
    facility: str | None = None,
    transport: Transport = Transport.MQTT,
    actor: str = "operator",
) -> Shown:
    """A new lock on an access point (by its name) or on a facility's gym, known to the broker on return.

    Raises:
        NoSuchAccessPoint: nothing is called that.
        NotThere: no such facility.
        locks.errors.AlreadyFitted: there is a lock already.
        OSError: the broker's files cannot be read or written; no lock was made.
    """
    municipality_id, now = services.municipality_id, services.clock.now()
    # Where the files cannot be read or written, no lock is made: nobody would ever see its secrets.
    broker = broker_shown(services.settings)
    write_for_broker(services)
    with services.database.transaction() as session:
        if facility is not None:
            found = fit_gym(session, municipality_id=municipality_id, facility_name=facility, now=now)
        else:
            found = access_point_called(session, municipality_id, access_point or "")
        made = add_lock(
            session, services.keyring, access_point_id=found, transport=transport, actor=actor, now=now
        )
    write_for_broker(services)
    return shown_once(services.settings, broker, made)


def replace_lock(services: Services, lock_id: str, *, actor: str, reason: str = "") -> Shown:
    """The successor of a lock, known to the broker on return; the old one has no way in any more.

    Raises:
        NotThere, LockIsDead, VendorKeepsIt: see `locks.life.replace`.
        OSError: the broker's files cannot be read or written; nothing was changed.
    """
    broker = broker_shown(services.settings)
    write_for_broker(services)
    with services.database.transaction() as session:
        made = life.replace(
            session,
            services.keyring,
            services.lock_callbacks,
            lock_id=lock_id,
            actor=actor,
            reason=reason,
            now=services.clock.now(),
        )
    write_for_broker(services)
    return shown_once(services.settings, broker, made)


def broker_shown(settings: Settings) -> dict[str, str | int | bool]:
    """Where a lock finds the broker: `host`, `port`, `tls`, and with TLS `ca_pem`, what it pins.

    Raises:
        OSError: the authorities' file of the settings cannot be read.
    """
    shown: dict[str, str | int | bool] = {"host": settings.mqtt_host, "port": settings.mqtt_port}
    if settings.mqtt_tls_ca is None:
        return shown | {"tls": False}
    return shown | {"tls": True, "ca_pem": settings.mqtt_tls_ca.read_text(encoding="ascii")}


def shown_once(settings: Settings, broker: dict[str, str | int | bool], made: Installation) -> Shown:
    """What goes onto the installer's screen, and nowhere else."""
    sync = f"{settings.base_url.rstrip('/')}/locks/v1/{made.lock}/sync"
    return Shown(made.lock, made.root.hex(), made.code_root.hex(), broker, made.username, made.password, sync)


def lock_called(services: Services, name: str) -> str:
    """The id of the lock with this id, or of the living one on the access point of this name.

    Raises:
        NoSuchLock: there is none in this municipality.
    """
    municipality_id = services.municipality_id
    with services.database.reading() as session:
        lock = session.get(Lock, name)
        if lock is not None and lock.municipality_id == municipality_id:
            return lock.id
        found = living_at(session, municipality_id=municipality_id, access_point_name=name)
    if found is None:
        raise NoSuchLock(name)
    return found


def access_point_called(session: Session, municipality_id: int, name: str) -> int:
    """The id of the access point of this name.

    Raises:
        NoSuchAccessPoint: nothing is called that.
    """
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


class BrokerUsers:
    """Keeps the broker's users those of the living locks, whoever changed which of them lives."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seen: tuple[object, ...] | None = None
        self._tells_again = False

    def follow(self) -> int:
        """Write the files where a lock was born or died since the last call: 1 where they changed, else 0.

        The call after such a one tells the broker once more, whoever told it first.

        Raises:
            OSError: they cannot be written; the next call tries again.
        """
        with self._services.database.reading() as session:
            seen = tuple(session.execute(_BIRTHS_AND_DEATHS).one())
        if seen == self._seen:
            if self._tells_again:
                tell_mosquitto(self._services.settings.broker_dir)
                self._tells_again = False
            return 0
        changed = write_for_broker(self._services)
        # Mosquitto 2.0 forgets to read again if it is asked while it still reads for the one before.
        self._seen, self._tells_again = seen, True
        return int(changed)


_BIRTHS_AND_DEATHS = sa.select(
    sa.func.count().filter(Lock.state != LockState.DEAD),
    sa.func.max(Lock.added_at),
    sa.func.max(Lock.dead_at),
)


def tell_mosquitto(folder: Path) -> None:
    """Make a Mosquitto that keeps its pid in the broker's folder read its files again (SIGHUP).

    One that is only starting is waited for, up to `_STARTING_S`.
    """
    # No file, or not ours to signal: the broker is not up yet, or whoever runs it tells it.
    with suppress(OSError, ValueError):
        pid = int((folder / "mosquitto.pid").read_text())
        process = Path(f"/proc/{pid:d}")
        # The file outlives a broker that was killed; by now the number may belong to anybody.
        if (process / "comm").read_text().strip() == "mosquitto":
            deadline = time.monotonic() + _STARTING_S
            while not catches_hangup(process) and time.monotonic() < deadline:
                time.sleep(0.02)
            if catches_hangup(process):
                os.kill(pid, signal.SIGHUP)


_STARTING_S = 2.0


def catches_hangup(process: Path) -> bool:
    """Whether the process of this folder under `/proc` handles SIGHUP; one that does not dies of it.

    Mosquitto listens before it does, and systemd counts that death as an end in order: no restart.
    """
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", (process / "status").read_text(), re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGHUP - 1) & 1)
