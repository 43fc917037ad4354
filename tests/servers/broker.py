"""A real Mosquitto on a free loopback port, with the users and the ACL of the lock protocol."""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.loopback import LOOPBACK, NeverCame, eventually, free_port

GATEWAY = ("gateway-1", "gateway-secret")
"""The user every broker here starts with: reads `+/up/#`, writes `+/down/#`."""

_CONFIG = """\
listener {port} {host}
use_username_as_clientid true
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
persistence true
persistence_location {folder}/
persistence_file retained.db
autosave_interval 1
autosave_on_changes true
log_dest stderr
log_type error
log_type information
log_type warning
log_type notice
{as_root}
"""

_LOCKS_ACL = "pattern read kaiho/v1/locks/%u/down/#\npattern write kaiho/v1/locks/%u/up/#\n"
_GATEWAY_ACL = "user {name}\ntopic read kaiho/v1/locks/+/up/#\ntopic write kaiho/v1/locks/+/down/#\n\n"


class Mosquitto:
    """A broker that can be stopped, wiped and started again on the same port."""

    host = LOOPBACK

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.gateway_username, self.gateway_password = GATEWAY
        self._passwords: dict[str, str] = {}
        self._gateways: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "mosquitto.conf"
        as_root = "user root" if os.geteuid() == 0 else ""
        self._config.write_text(
            _CONFIG.format(port=self.port, host=self.host, folder=folder, as_root=as_root), encoding="utf-8"
        )
        self.add_gateway(*GATEWAY)

    def add_user(self, name: str, password: str) -> None:
        """Let a lock in, at once; its name is its client id and its place in the topics."""
        self._passwords[name] = password_hash(password)
        self._reload()

    def add_gateway(self, name: str, password: str) -> None:
        """Let a gateway in: it hears all locks and speaks to all."""
        self._gateways.append(name)
        self.add_user(name, password)

    def remove_user(self, name: str) -> None:
        """Shut a user out, from its next connection on."""
        del self._passwords[name]
        self._reload()

    def start(self) -> None:
        """Run until `stop` or `kill`; returns once it listens."""
        said = len(self.log)
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [mosquitto_program(), "-c", str(self._config)], stdout=log, stderr=log, cwd=self.folder
            )
        self._process = process
        # It listens before it can be told anything: a SIGHUP then would be its end.
        eventually(lambda: process.poll() is not None or " running" in self.log[said:], what="Mosquitto")
        if process.poll() is not None:
            raise NeverCame(f"Mosquitto did not start:\n{self.log}")

    def stop(self) -> None:
        """End it in order: sessions and retained messages are on disk."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at whatever instruction it is."""
        self._end(signal.SIGKILL)

    def wipe(self) -> None:
        """Forget every session and retained message, as a replaced broker would; call while it is stopped."""
        (self.folder / "retained.db").unlink(missing_ok=True)

    @property
    def log(self) -> str:
        """What it has logged so far."""
        log = self.folder / "log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    def _reload(self) -> None:
        lines = [f"{name}:{hashed}\n" for name, hashed in self._passwords.items()]
        (self.folder / "passwords").write_text("".join(lines), encoding="utf-8")
        acl = "".join(_GATEWAY_ACL.format(name=name) for name in self._gateways) + _LOCKS_ACL
        (self.folder / "acl").write_text(acl, encoding="utf-8")
        self.read_again()

    def read_again(self) -> None:
        """Let it read its files once more, where it runs; whoever wrote them."""
        if self._process is not None and self._process.poll() is None:
            reloads = self.log.count("Reloading config")

            def is_read() -> bool:
                assert self._process is not None
                if self._process.poll() is not None:
                    raise NeverCame(f"Mosquitto ended with {self._process.returncode}:\n{self.log}")
                # Asked while it still reads for the one before, it forgets that it was asked.
                self._process.send_signal(signal.SIGHUP)
                return self.log.count("Reloading config") > reloads

            eventually(is_read, what="Mosquitto's reload")

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None


def mosquitto_program() -> str:
    """Where the broker is; Debian keeps it in a folder that is not on everybody's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("mosquitto", path=path)
    if found is None:
        raise LookupError("mosquitto is missing: run `make setup`")
    return found


def password_hash(password: str) -> str:
    """A line's second half in Mosquitto's password file (PBKDF2-SHA512, 101 rounds, its own default)."""
    salt = hashlib.sha256(password.encode()).digest()[:12]
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


@contextmanager
def running_mosquitto(folder: Path) -> Iterator[Mosquitto]:
    """A broker for as long as the block lasts."""
    broker = Mosquitto(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
