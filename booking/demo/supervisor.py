"""Child processes with names: started, watched, started again when they die, stopped together."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from core.errors import ContractBroken

_GRACE_S = 5.0
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass
class Child:
    """One process that should be running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    wanted: bool = True
    start_again_at: float | None = None
    """Monotonic seconds; set once it was found dead."""
    reader: threading.Thread | None = None
    announced: dict[str, str] = field(default_factory=dict)
    """What the child said of itself: the one JSON line on its standard output."""


class Supervisor:
    """Keeps children alive until `stop`. Their output goes to one file each."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._children: dict[str, Child] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        log_folder.mkdir(parents=True, exist_ok=True)

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, announces: bool = False
    ) -> dict[str, str]:
        """Start a child; with `announces`, wait for the JSON line in which it says where it listens.

        Raises:
            ContractBroken: it died, or said nothing for 30 s; the message names its log.
        """
        child = Child(name, command, environment, self._log_folder / f"{name}.log")
        with self._lock:
            self._children[name] = child
            self._spawn(child, announces)
        if not self._watcher.is_alive() and not self._stopping.is_set():
            self._watcher.start()
        return child.announced

    def pid(self, name: str) -> int:
        """Process id of a running child.

        Raises:
            ContractBroken: it is not running at this moment.
        """
        with self._lock:
            process = self._children[name].process
            if process is None or process.poll() is not None:
                raise ContractBroken(f"{name} is not running")
            return process.pid

    def kill(self, name: str) -> None:
        """kill -9, as a power cut would; the watcher starts it again."""
        with self._lock:
            process = self._children[name].process
            # A number that was waited for may belong to somebody else by now.
            if process is not None and process.poll() is None:
                _kill_group(process)
                process.wait()

    def hold_down(self, name: str) -> None:
        """kill -9 and leave it down until `let_up`."""
        with self._lock:
            self._children[name].wanted = False
            self.kill(name)

    def let_up(self, name: str) -> None:
        """Start again what `hold_down` took away."""
        with self._lock:
            child = self._children[name]
            child.wanted = True
            child.start_again_at = None
            if child.process is None or child.process.poll() is not None:
                self._spawn(child, announces=False)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a child."""
        os.kill(self.pid(name), number)

    def restarts(self, name: str) -> int:
        """How often the watcher had to start it again."""
        with self._lock:
            return self._children[name].restarts

    def stop(self) -> None:
        """Ask all to end, newest first; kill what does not within five seconds."""
        self._stopping.set()
        with self._lock:
            running = [
                (child, child.process)
                for child in reversed(self._children.values())
                if child.process is not None and child.process.poll() is None
            ]
            for _, process in running:
                process.terminate()
            deadline = time.monotonic() + _GRACE_S
            for child, process in running:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
                # Whatever it started itself goes with it.
                _kill_group(process)
                process.wait()
                if child.reader is not None:
                    child.reader.join(1)

    def _spawn(self, child: Child, announces: bool) -> None:
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                list(child.command),
                env=dict(child.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if announces else log,
                stderr=log,
                start_new_session=True,
            )
        if announces:
            assert child.process.stdout is not None
            child.announced = _first_line(child, child.process.stdout)

    def _watch(self) -> None:
        while not self._stopping.wait(0.05):
            with self._lock:
                for child in self._children.values():
                    if not self._stopping.is_set():
                        self._revive(child)

    def _revive(self, child: Child) -> None:
        if not child.wanted or child.process is None or child.process.poll() is None:
            return
        if child.start_again_at is None:
            # What it started itself may still hold its port.
            _kill_group(child.process)
            wait_s = _BACKOFF_S[min(child.restarts, len(_BACKOFF_S) - 1)]
            child.start_again_at = time.monotonic() + wait_s
        elif time.monotonic() >= child.start_again_at:
            child.restarts += 1
            child.start_again_at = None
            self._spawn(child, announces=False)


def _first_line(child: Child, stdout: IO[bytes]) -> dict[str, str]:
    """The child's announcement; the rest of its output is drained into its log."""
    box: list[bytes] = []

    def read() -> None:
        box.append(stdout.readline())
        # Unbuffered: a log that ends before its end helps nobody.
        with stdout, child.log.open("ab", buffering=0) as log:
            for line in stdout:
                log.write(line)

    child.reader = threading.Thread(target=read, daemon=True)
    child.reader.start()
    deadline = time.monotonic() + 30
    while not box and time.monotonic() < deadline:
        time.sleep(0.02)
    if not box or not box[0].strip():
        raise ContractBroken(f"{child.name} did not start: {_tail(child.log)}")
    try:
        announced: dict[str, str] = json.loads(box[0])
    except ValueError as error:
        raise ContractBroken(f"{child.name} said {box[0][:200]!r} instead of where it listens") from error
    return announced


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-600:]
