"""All doors of a process: one thread that wakes them, and the file that says which there are."""

import logging
import threading
from pathlib import Path

from firmware_sim.clock import DriftingClock, ppm_of
from firmware_sim.door import Door
from firmware_sim.edge import mono_s
from firmware_sim.faults.of_lock import Faults
from firmware_sim.faults.plan import PLANS, Plan
from firmware_sim.mqtt import MqttWire
from firmware_sim.provision import BadDoorsFile, Provision, read_doors
from firmware_sim.wire import WireMaker

log = logging.getLogger("firmware_sim")

LOOK_AT_FILE_S = 1.0


class Doors:
    """Doors join as the file grows; a changed address or password counts from the next contact."""

    def __init__(
        self,
        doors_file: Path,
        folder: Path,
        drift_ppm: float,
        seed: str | None,
        *,
        plan: Plan = PLANS["none"],
        connect: WireMaker = MqttWire,
    ) -> None:
        self._doors_file = doors_file
        self._folder = folder
        self._drift_ppm = drift_ppm
        self._seed = seed
        self._plan = plan
        self._connect = connect
        self._doors: dict[str, Door] = {}
        self._seen: tuple[int, int] | None = None
        self._look_at = 0.0
        self._alarm = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="doors", daemon=True)

    def start(self) -> None:
        """Raises:
        BadDoorsFile: the file as it is now cannot be used; later mistakes in it are logged and ignored.
        """
        self._look()
        self._thread.start()

    def stop(self) -> None:
        self._ending = True
        self._alarm.set()
        self._thread.join()
        for door in self.in_order():
            door.stop()

    def in_order(self) -> list[Door]:
        """In the order of their names."""
        return sorted(
            self._doors.copy().values(), key=lambda door: (door.provision.name, door.provision.lock)
        )

    def door_or_none(self, name: str) -> Door | None:
        """By lock id or by name."""
        found = self._doors.get(name)
        return found or next((door for door in self.in_order() if door.provision.name == name), None)

    def _run(self) -> None:
        while not self._ending:
            self._alarm.clear()
            now = mono_s()
            for door in self.in_order():
                if door.wake_at is not None and door.wake_at <= now:
                    self._tick(door)
            if now >= self._look_at:
                self._look_again()
            due = [door.wake_at for door in self.in_order() if door.wake_at is not None]
            self._alarm.wait(max(0.0, min([self._look_at, *due]) - mono_s()))

    def _make(self, provision: Provision) -> Door:
        faults = Faults(self._plan, provision.lock)
        own_ppm = ppm_of(provision.lock, self._drift_ppm)
        clock = DriftingClock(own_ppm, ppm_at=lambda unix_s: faults.ppm_at(unix_s, own_ppm))
        return Door(
            provision,
            self._folder,
            clock,
            self._seed,
            self._alarm.set,
            faults=faults,
            connect=self._connect,
        )

    def _tick(self, door: Door) -> None:
        try:
            door.tick()
        except Exception:
            door.sleep_on()
            log.exception("door.tick_failed lock=%s", door.provision.lock)

    def _look_again(self) -> None:
        try:
            self._look()
        except (BadDoorsFile, OSError) as problem:
            log.warning("doors_file.refused %s", problem)

    def _look(self) -> None:
        self._look_at = mono_s() + LOOK_AT_FILE_S
        try:
            stat = self._doors_file.stat()
        except FileNotFoundError:
            return
        seen = (stat.st_mtime_ns, stat.st_size)
        if seen == self._seen:
            return
        self._seen = seen
        for provision in read_doors(self._doors_file):
            known = self._doors.get(provision.lock)
            if known is None:
                door = self._make(provision)
                self._doors[provision.lock] = door
                log.info("door.joined lock=%s", provision.lock)
                door.start()
            elif (known.provision.root, known.provision.code_root) == (provision.root, provision.code_root):
                known.provision = provision
            else:
                log.warning(
                    "door.secrets_changed lock=%s: a lock is provisioned anew, not in place", provision.lock
                )
