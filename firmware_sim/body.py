"""What of a door is iron and not memory: where bolt, door and key are, the cells, the clock chip."""

import json
from pathlib import Path

from firmware_sim.clock import DriftingClock
from firmware_sim.energy import CAPACITY_C, Meter


class Body:
    """Kept in a small file, because a bolt stays where it is when a process ends."""

    def __init__(self, folder: Path, lock: str, clock: DriftingClock, meter: Meter, key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"{lock}.body.json"
        self.clock = clock
        self.meter = meter
        self.bolt = "locked"
        self.door = "closed"
        self.key = key
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
        self.meter.renew(kept.get("drawn_c", 0.0) / CAPACITY_C)
        self.powered = kept["powered"]
        if kept["clock"] is not None:
            self.clock.resume(kept["clock"])
            self.clock_kept = True

    def save(self) -> None:
        kept = {
            "bolt": self.bolt,
            "door": self.door,
            "key": self.key,
            "drawn_c": self.meter.total_c,
            "powered": self.powered,
            "clock": self.clock.to_record() if self.clock_kept else None,
        }
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(kept))
        draft.replace(self._file)
