"""What of a door is iron and not memory: where bolt, door and key are, the battery, the clock chip."""

import json
from pathlib import Path

from firmware_sim.clock import DriftingClock

FRESH_MV = 6000


class Body:
    """Kept in a small file, because a bolt stays where it is when a process ends."""

    def __init__(self, folder: Path, lock: str, clock: DriftingClock) -> None:
        self._file = folder / f"{lock}.body.json"
        self.clock = clock
        self.bolt = "locked"
        self.door = "closed"
        self.key = "none"
        self.battery_mv = FRESH_MV
        self.powered = True
        self.clock_kept = False
        self._load()

    def _load(self) -> None:
        try:
            kept = json.loads(self._file.read_text())
        except (FileNotFoundError, ValueError):
            return
        self.bolt = kept["bolt"]
        self.door = kept["door"]
        self.key = kept["key"]
        self.battery_mv = kept["battery_mv"]
        self.powered = kept["powered"]
        if kept["clock"] is not None:
            self.clock.resume(kept["clock"])
            self.clock_kept = True

    def save(self) -> None:
        kept = {
            "bolt": self.bolt,
            "door": self.door,
            "key": self.key,
            "battery_mv": self.battery_mv,
            "powered": self.powered,
            "clock": self.clock.to_record() if self.clock_kept else None,
        }
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(kept))
        draft.replace(self._file)
