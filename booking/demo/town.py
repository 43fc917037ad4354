"""A town of real processes on loopback: broker, mail sink, Stripe sandbox, web, gateway, worker, doors.

Everything it keeps lies in one folder; starting it again over the same folder finds the same town. The demo,
the tour, the tests that kill processes and the benches all use this one class.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booking.app.certificates import renew
from booking.app.installing import access_point_kinds, broker_shown, install, write_for_broker
from booking.app.services import Services
from booking.app.wiring import build_services
from booking.demo.broker import mosquitto_command
from booking.demo.installer import open_once, unproven_locks
from booking.demo.ports import free_port, wait_for_port
from booking.demo.supervisor import Supervisor
from booking.seed.run import seed
from core.ids import new_token, random_bytes
from core.settings import Settings, inherited_environment
from locks.broker_certificates import FOLDER, PINNED
from locks.errors import AlreadyFitted
from migrations.run import upgrade

PROCESSES = ("broker", "mail", "stripe", "web", "gateway", "worker", "doors")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts listen, all on 127.0.0.1."""

    web: int
    broker: int
    mail: int
    stripe: int
    doors: int

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.web}"

    @property
    def stripe_url(self) -> str:
        return f"http://127.0.0.1:{self.stripe}"

    @property
    def doors_url(self) -> str:
        return f"http://127.0.0.1:{self.doors}"


class Town:
    """The town in `folder`."""

    def __init__(
        self, folder: Path, *, database_url: str | None = None, web_port: int = 0, listen: str = "127.0.0.1"
    ) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._listen = listen
        self.at = Addresses(
            web=free_port(web_port),
            broker=free_port(),
            mail=free_port(),
            stripe=free_port(),
            doors=free_port(),
        )
        self._secrets = self._kept_secrets()
        self._own_settings = self._settings(database_url or f"sqlite:///{self.folder / 'kaiho.sqlite3'}")
        self._own = {f"KAIHO_{name}": value for name, value in self._own_settings.items()}
        self.environment = inherited_environment() | self._own
        self._write_environment()
        self.processes = Supervisor(self.folder / "log")
        self._unproven: list[str] = []

    def start(self) -> None:
        """Start every process in the order they need one another; ready when it returns.

        Raises:
            core.errors.ContractBroken: one did not come up; the message names its log.
        """
        self._prepare()
        broker = mosquitto_command(
            self.folder / "broker", self.at.broker, is_root=os.geteuid() == 0, is_tls=True
        )
        self.processes.start("broker", broker, self.environment)
        wait_for_port(self.at.broker)
        self._start_outside()
        for name in ("web", "gateway", "worker"):
            self.processes.start(name, self._kaiho(name, *self._options(name)), self.environment)
        wait_for_port(self.at.web, at_most_s=30)
        self.processes.start("doors", self._doors_command(), self.environment, announces=True)
        open_once(self.at.doors_url, self._unproven)

    def stop(self) -> None:
        """Stop every process."""
        self.processes.stop()

    @property
    def sample_password(self) -> str:
        """The password of every sample account of this town."""
        return self._secrets["sample_password"]

    @property
    def pages_url(self) -> str:
        """Where people find the pages."""
        return f"http://{self._listen}:{self.at.web}"

    @property
    def uses_real_stripe(self) -> bool:
        """Whether the one who started it gave a Stripe key of his own; then there is no sandbox."""
        return bool(inherited_environment().get("KAIHO_STRIPE_SECRET_KEY"))

    @property
    def log_folder(self) -> Path:
        """One log file a process."""
        return self.folder / "log"

    @property
    def mail_folder(self) -> Path:
        """Mails as they left, one `.eml` each."""
        return self.folder / "mails"

    @property
    def doors_file(self) -> Path:
        """What the installer typed into the simulated locks."""
        return self.folder / "doors.json"

    def _start_outside(self) -> None:
        python = sys.executable
        sink = [python, "-m", "booking.notices.folder_sink", "--listen", f"127.0.0.1:{self.at.mail}"]
        self.processes.start(
            "mail", [*sink, "--folder", str(self.mail_folder)], self.environment, announces=True
        )
        if self.uses_real_stripe:
            return
        sandbox = [python, "-m", "payments.sandbox", "--listen", f"127.0.0.1:{self.at.stripe}"]
        sandbox += ["--state", str(self.folder / "stripe.state"), "--secret-key", self._secrets["stripe_key"]]
        sandbox += ["--webhook", f"{self.at.web_url}/stripe/webhook"]
        sandbox += ["--webhook-secret", self._secrets["webhook_secret"]]
        self.processes.start("stripe", sandbox, self.environment, announces=True)

    def _options(self, name: str) -> list[str]:
        if name != "web":
            return []
        # The worker's webhooks and this class come by loopback, whoever else may come too.
        everywhere = "0.0.0.0"  # noqa: S104 - only where the one who starts it asked for it
        return ["--listen", f"{'127.0.0.1' if self._listen == '127.0.0.1' else everywhere}:{self.at.web}"]

    def _doors_command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "firmware_sim", "--doors", str(self.doors_file)),
            *("--state", str(self.folder / "doors"), "--listen", f"127.0.0.1:{self.at.doors}"),
        ]

    def _prepare(self) -> None:
        """Schema, sample data, locks: as `kaiho migrate`, `seed` and `lock add` do it."""
        settings = Settings.model_validate(
            {name.lower(): value for name, value in self._own_settings.items()}
        )
        upgrade(settings.database_url)
        services = build_services(settings)
        renew(settings, now=services.clock.now())
        with services.database.transaction() as session:
            seed(session, services.keyring, sample_password=self.sample_password, now=services.clock.now())
        self._provision_doors(services)
        write_for_broker(services)
        simulated = {door["lock"] for door in json.loads(self.doors_file.read_text())}
        self._unproven = [lock for lock in unproven_locks(services) if lock in simulated]
        services.database.dispose()

    def _provision_doors(self, services: Services) -> None:
        """Give each sample hall a lock once; keep what its installer was shown, with today's broker."""
        doors: list[dict[str, Any]] = (
            json.loads(self.doors_file.read_text()) if self.doors_file.exists() else []
        )
        known = [door["name"] for door in doors]
        self.doors_file.touch(mode=0o600)
        for name, kind in access_point_kinds(services).items():
            if name not in known:
                try:
                    shown = install(services, access_point=name).as_json()
                except AlreadyFitted:
                    # Somebody put a lock up by hand: it is theirs to speak for.
                    continue
                # The simulator's own member: a key box has a key that can be taken out.
                doors.append({"name": name, "kind": str(kind), **shown})
                self.doors_file.write_text(json.dumps(doors, ensure_ascii=False, indent=1))
        for door in doors:
            door["broker"] = broker_shown(services.settings)
        self.doors_file.write_text(json.dumps(doors, ensure_ascii=False, indent=1))

    def _kaiho(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "booking.app.cli", *words]

    def _kept_secrets(self) -> dict[str, str]:
        path = self.folder / "secrets.json"
        if not path.exists():
            made = {
                "secret_key": new_token(),
                "master_key": random_bytes(32).hex(),
                "mqtt_password": new_token(),
                "stripe_key": "sk_test_sandbox_" + random_bytes(12).hex(),
                "webhook_secret": "whsec_" + random_bytes(24).hex(),
                "sample_password": "mihon-" + random_bytes(4).hex(),
            }
            path.touch(mode=0o600)
            path.write_text(json.dumps(made))
        kept: dict[str, str] = json.loads(path.read_text())
        return kept

    def _settings(self, database_url: str) -> dict[str, str]:
        own = {
            "DATABASE_URL": database_url,
            "BASE_URL": self.pages_url,
            "SECRET_KEY": self._secrets["secret_key"],
            "MASTER_KEY": self._secrets["master_key"],
            "MQTT_HOST": "127.0.0.1",
            "MQTT_PORT": str(self.at.broker),
            "MQTT_USERNAME": "gateway-1",
            "MQTT_PASSWORD": self._secrets["mqtt_password"],
            "MQTT_TLS_CA": str(self.folder / "broker" / FOLDER / PINNED),
            "BROKER_DIR": str(self.folder / "broker"),
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.at.mail),
            "MAIL_FROM": "kaiho@town.example",
            "COOKIE_SECURE": "false",
            "DEMO_MAIL_DIR": str(self.mail_folder),
            "DEMO_KEYPAD_URL": self.at.doors_url,
        }
        if not self.uses_real_stripe:
            own |= {
                "STRIPE_WEBHOOK_SECRET": self._secrets["webhook_secret"],
                "STRIPE_SECRET_KEY": self._secrets["stripe_key"],
                "STRIPE_API_BASE": self.at.stripe_url,
                "STRIPE_CHECKOUT_HOST": self.at.stripe_url,
            }
        return own

    def _write_environment(self) -> None:
        """The settings as a file, for `kaiho --environment FILE …` beside a running town."""
        path = self.folder / "environment"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in sorted(self._own.items())))
