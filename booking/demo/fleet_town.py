"""`kaiho fleet`: broker, gateway, thousands of simulated locks and the town's life, in compressed time."""

import json
import os
import sys
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from booking.app.certificates import renew
from booking.app.wiring import build_services
from booking.demo import fleet_count
from booking.demo.broker import mosquitto_command
from booking.demo.fleet_clock import ScaledClock
from booking.demo.fleet_life import Life
from booking.demo.fleet_plant import plant
from booking.demo.ports import free_port, wait_for_port
from booking.demo.supervisor import Supervisor
from core.clock import SystemClock
from core.errors import ContractBroken, Refused
from core.ids import new_token, random_bytes
from core.settings import Settings, inherited_environment
from locks.broker import write_broker_files
from locks.broker_certificates import FOLDER, PINNED, pinned_text
from migrations.run import upgrade

GATEWAY = "gateway-{}"


class NotFresh(Refused):
    """A fleet is planted into empty tables only: it would drown a town that somebody uses."""

    code = "not_fresh"
    sentence = "大規模な試験には空のデータベースが必要です。"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `kaiho fleet` was asked for."""

    locks: int = 5000
    speed: float = 600.0
    faults: str = "none"
    seed: str = "0"
    gateways: int = 1
    database_url: str | None = None
    installed_over: timedelta = timedelta(hours=12)
    """In town time: the locks are provisioned and powered one after the other."""
    bookings_a_day: float = 0.5
    """Of each lock; a part of them are given back."""
    is_tls: bool = False
    visits: float = 0.7
    """Share of the grants that are used at the door."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The whole town at one instant: what the simulator counts and what the server knows."""

    town_s: float
    now: datetime
    simulator: dict[str, Any]
    server: fleet_count.Counts
    booked: int
    cancelled: int
    gateway_cpu_s: float
    is_broker_up: bool


class FleetTown:
    """One fleet in `folder`, on loopback alone; `start` returns once the locks begin to be installed."""

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.wanted = wanted
        self.port = free_port()
        url = wanted.database_url or f"sqlite:///{self.folder / 'fleet.sqlite3'}"
        self._settings = Settings(
            database_url=url,
            municipality_code="000000",
            secret_key=SecretStr(new_token()),
            master_key=SecretStr(random_bytes(32).hex()),
            mqtt_host="127.0.0.1",
            mqtt_port=self.port,
            broker_dir=self.folder / "broker",
            mqtt_tls_ca=self.folder / "broker" / FOLDER / PINNED if wanted.is_tls else None,
        )
        self.services = build_services(self._settings)
        self.gateways = {GATEWAY.format(number + 1): new_token() for number in range(wanted.gateways)}
        self.doors_file = self.folder / "locks.json"
        self._picture = self.folder / "picture.json"
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.processes = Supervisor(self.folder / "log")
        self.is_broker_up = False
        self.life: Life | None = None

    def start(self) -> None:
        """Raises:
        NotFresh: there are locks in the database already.
        ContractBroken: a process did not come up; the message names its log.
        """
        self.start_broker()
        self.start_gateways()
        self.start_locks()
        self.start_life()

    def start_broker(self) -> None:
        """Plant the town, and start a broker that knows its locks."""
        settings, wanted = self._settings, self.wanted
        upgrade(settings.database_url)
        self._require_fresh()
        self._starts_at = SystemClock().now().replace(microsecond=0)
        if wanted.is_tls:
            renew(settings, now=self._starts_at)
        self._planted = plant(
            self.services,
            locks=wanted.locks,
            broker=self._as_locks_see_it(),
            doors_file=self.doors_file,
            installed_over=wanted.installed_over,
            now=self._starts_at,
        )
        with self.services.database.reading() as session:
            write_broker_files(session, settings.broker_dir, self.gateways)
        self._environment = inherited_environment() | _as_environment(settings)
        broker = mosquitto_command(
            settings.broker_dir,
            self.port,
            is_root=os.geteuid() == 0,
            is_tls=wanted.is_tls,
            is_busy=True,
        )
        self.processes.start("broker", broker, self._environment)
        wait_for_port(self.port)
        self.is_broker_up = True

    def start_gateways(self) -> None:
        """Start them, and the town's time: planting and starting took their own."""
        clock_file = self.folder / "clock.json"
        clock_file.unlink(missing_ok=True)
        gateway = [sys.executable, "-m", "booking.demo.fleet_gateway", "--clock", str(clock_file)]
        for name, password in self.gateways.items():
            own = {"KAIHO_MQTT_USERNAME": name, "KAIHO_MQTT_PASSWORD": password}
            command = [*gateway, "--speed", repr(self.wanted.speed)]
            self.processes.start(name, command, self._environment | own, announces=True)
        self.clock = ScaledClock(self._starts_at, SystemClock().monotonic() + 0.5, self.wanted.speed)
        self.clock.write(clock_file)

    def start_locks(self) -> None:
        """Power them, one after the other."""
        self.processes.start("locks", self._simulator(), self._environment, announces=True)

    def start_life(self) -> None:
        """Let people book, and the worker's jobs run."""
        services = replace(self.services, clock=self.clock)
        life = Life(services, self._planted, speed=self.wanted.speed, a_day=self.wanted.bookings_a_day)
        living = threading.Thread(target=life.run, args=(self._stop,), name="life", daemon=True)
        living.start()
        self.life = life
        self._threads.append(living)

    def rest(self) -> None:
        """Nobody books any more; the jobs go on."""
        if self.life is not None:
            self.life.rest()

    def stop(self) -> None:
        """Stop every process and thread."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self.processes.stop()
        self.services.database.dispose()

    def cut_broker(self) -> None:
        """The outage begins: nobody reaches the broker, connections break."""
        self.is_broker_up = False
        self.processes.hold_down("broker")

    def mend_broker(self) -> None:
        """It is over; nobody is told."""
        self.processes.let_up("broker")
        self.is_broker_up = True

    def sample(self) -> Sample:
        """The town now."""
        now = self.clock.now()
        with self.services.database.reading() as session:
            counts = fleet_count.count(session, municipality_id=self._planted.municipality_id, now=now)
        return Sample(
            town_s=self.clock.monotonic(),
            now=now,
            simulator=json.loads(self._picture.read_text()),
            server=counts,
            booked=self.life.booked if self.life else 0,
            cancelled=self.life.cancelled if self.life else 0,
            gateway_cpu_s=sum(self.cpu_s(name) for name in self.gateways),
            is_broker_up=self.is_broker_up,
        )

    def _simulator(self) -> list[str]:
        clock, wanted = self.clock, self.wanted
        return [
            *(sys.executable, "-m", "firmware_sim.fleet"),
            *("--locks", str(self.doors_file), "--picture", str(self._picture)),
            *("--start-ms", str(int(clock.starts_at.timestamp() * 1000))),
            *("--origin", repr(clock.origin), "--speed", repr(clock.speed)),
            *("--spread-s", str(wanted.installed_over.total_seconds())),
            *("--visits", str(wanted.visits), "--faults", wanted.faults, "--seed", wanted.seed),
        ]

    def _as_locks_see_it(self) -> dict[str, str | int | bool]:
        """Where the broker is, as installers type it in."""
        found: dict[str, str | int | bool] = {"host": "127.0.0.1", "port": self.port, "tls": False}
        ca = pinned_text(self._settings.broker_dir) if self.wanted.is_tls else None
        return found if ca is None else found | {"tls": True, "ca": ca}

    def _require_fresh(self) -> None:
        with self.services.database.reading() as session:
            if fleet_count.is_used(session):
                raise NotFresh(self._settings.database_url.rpartition("@")[2])

    def cpu_s(self, name: str) -> float:
        """Processor seconds of a process so far; 0 while it is down."""
        try:
            fields = Path(f"/proc/{self.processes.pid(name)}/stat").read_text().rpartition(")")[2].split()
        except (OSError, ContractBroken):
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _as_environment(settings: Settings) -> dict[str, str]:
    """What the gateway reads; secrets travel by the environment, not by the command line."""
    return {
        "KAIHO_DATABASE_URL": settings.database_url,
        "KAIHO_MUNICIPALITY_CODE": settings.municipality_code,
        "KAIHO_SECRET_KEY": settings.secret_key.get_secret_value(),
        "KAIHO_MASTER_KEY": settings.master_key.get_secret_value(),
        "KAIHO_MQTT_HOST": settings.mqtt_host,
        "KAIHO_MQTT_PORT": str(settings.mqtt_port),
        "KAIHO_BROKER_DIR": str(settings.broker_dir),
        **({"KAIHO_MQTT_TLS_CA": str(settings.mqtt_tls_ca)} if settings.mqtt_tls_ca else {}),
    }
