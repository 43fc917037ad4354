"""`kaiho fleet`: broker, gateway, thousands of simulated locks and the town's life, in compressed time."""

import json
import os
import sys
import threading
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from booking.app.wiring import build_services
from booking.demo import fleet_count
from booking.demo.broker import mosquitto_command
from booking.demo.fleet_clock import ScaledClock
from booking.demo.fleet_life import Life
from booking.demo.fleet_plant import INSTALLED_OVER, plant
from booking.demo.ports import free_port, wait_for_port
from booking.demo.supervisor import Supervisor
from core.clock import SystemClock
from core.errors import ContractBroken, Refused
from core.ids import new_token, random_bytes
from core.settings import Settings, inherited_environment
from locks.broker import write_broker_files
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
        self._port = free_port()
        url = wanted.database_url or f"sqlite:///{self.folder / 'fleet.sqlite3'}"
        self._settings = Settings(
            database_url=url,
            municipality_code="000000",
            secret_key=SecretStr(new_token()),
            master_key=SecretStr(random_bytes(32).hex()),
            mqtt_host="127.0.0.1",
            mqtt_port=self._port,
            broker_dir=self.folder / "broker",
        )
        self._services = build_services(self._settings)
        self._gateways = {GATEWAY.format(number + 1): new_token() for number in range(wanted.gateways)}
        self._doors_file = self.folder / "locks.json"
        self._picture = self.folder / "picture.json"
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.processes = Supervisor(self.folder / "log")
        self.is_broker_up = False

    def start(self) -> None:
        """Raises:
        NotFresh: there are locks in the database already.
        ContractBroken: a process did not come up; the message names its log.
        """
        settings, wanted = self._settings, self.wanted
        upgrade(settings.database_url)
        self._require_fresh()
        starts_at = SystemClock().now().replace(microsecond=0)
        planted = plant(
            self._services,
            locks=wanted.locks,
            broker_port=self._port,
            doors_file=self._doors_file,
            now=starts_at,
        )
        with self._services.database.reading() as session:
            write_broker_files(session, settings.broker_dir, self._gateways)
        broker = mosquitto_command(settings.broker_dir, self._port, is_root=os.geteuid() == 0)
        environment = inherited_environment() | _as_environment(settings)
        self.processes.start("broker", broker, environment)
        wait_for_port(self._port)
        self.is_broker_up = True
        clock_file = self.folder / "clock.json"
        clock_file.unlink(missing_ok=True)
        gateway = [sys.executable, "-m", "booking.demo.fleet_gateway", "--clock", str(clock_file)]
        for name, password in self._gateways.items():
            own = {"KAIHO_MQTT_USERNAME": name, "KAIHO_MQTT_PASSWORD": password}
            command = [*gateway, "--speed", repr(wanted.speed)]
            self.processes.start(name, command, environment | own, announces=True)
        # The town's time begins here: planting and starting took their own.
        self.clock = ScaledClock(starts_at, SystemClock().monotonic() + 0.5, wanted.speed)
        self.clock.write(clock_file)
        services = replace(self._services, clock=self.clock)
        self.processes.start("locks", self._simulator(), environment, announces=True)
        self.life = Life(services, planted, speed=wanted.speed)
        self._planted = planted
        living = threading.Thread(target=self.life.run, args=(self._stop,), name="life", daemon=True)
        living.start()
        self._threads.append(living)

    def stop(self) -> None:
        """Stop every process and thread."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self.processes.stop()
        self._services.database.dispose()

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
        with self._services.database.reading() as session:
            counts = fleet_count.count(session, municipality_id=self._planted.municipality_id, now=now)
        return Sample(
            town_s=self.clock.monotonic(),
            now=now,
            simulator=json.loads(self._picture.read_text()),
            server=counts,
            booked=self.life.booked,
            cancelled=self.life.cancelled,
            gateway_cpu_s=sum(self._cpu_s(name) for name in self._gateways),
            is_broker_up=self.is_broker_up,
        )

    def _simulator(self) -> list[str]:
        clock, wanted = self.clock, self.wanted
        return [
            *(sys.executable, "-m", "firmware_sim.fleet"),
            *("--locks", str(self._doors_file), "--picture", str(self._picture)),
            *("--start-ms", str(int(clock.starts_at.timestamp() * 1000))),
            *("--origin", repr(clock.origin), "--speed", repr(clock.speed)),
            *("--spread-s", str(INSTALLED_OVER.total_seconds())),
            *("--faults", wanted.faults, "--seed", wanted.seed),
        ]

    def _require_fresh(self) -> None:
        with self._services.database.reading() as session:
            if fleet_count.is_used(session):
                raise NotFresh(self._settings.database_url.rpartition("@")[2])

    def _cpu_s(self, name: str) -> float:
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
    }
