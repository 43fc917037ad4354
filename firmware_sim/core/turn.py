"""One step in the making: the state being changed, the instant, the effects so far."""

import struct

from firmware_sim.core.effects import Effect, FlashWrite, Show
from firmware_sim.core.primitives import hmac_sha256, to_hex
from firmware_sim.core.state import State
from firmware_sim.core.stimuli import Now

SYNCED_FOR_MS = 48 * 3600 * 1000


class Turn:
    def __init__(self, state: State, now: Now) -> None:
        self.state = state
        self.mono = now.mono
        self.wall_ms = now.wall_ms
        self.effects: list[Effect] = []
        self.unsaved = False

    def do(self, effect: Effect) -> None:
        self.effects.append(effect)

    def save(self) -> None:
        """Note that flash is behind; it is written before the step ends."""
        self.unsaved = True

    def flush(self) -> None:
        """Write flash before whatever comes next; where the image is too long, the log gives up records."""
        self.unsaved = False
        image = self.state.to_flash()
        while len(image) > self.state.flash_room and self.state.log.make_room(self.t(), self.clock_quality()):
            image = self.state.to_flash()
        self.do(FlashWrite(image))

    def t(self) -> int:
        """The lock's clock in Unix seconds."""
        return self.wall_ms // 1000

    def clock_quality(self) -> str:
        if not self.state.clock_known:
            return "unknown"
        return "synced" if self.wall_ms - self.state.clock_set_ms < SYNCED_FOR_MS else "holdover"

    def log(self, kind: str, members: dict[str, object]) -> None:
        self.state.log.append(self.t(), self.clock_quality(), kind, members)
        self.save()

    def log_error(self, error: str) -> None:
        self.state.log.append_error(self.t(), self.clock_quality(), error)
        self.save()

    def alarm(self, alarm: str) -> None:
        self.log("door_lock_alarm", {"alarm": alarm})

    def after(self, timer: str, seconds: float) -> None:
        self.state.timers[timer] = self.mono + seconds

    def cancel(self, timer: str) -> None:
        self.state.timers.pop(timer, None)

    def draw(self) -> bytes:
        """32 unpredictable bytes."""
        self.state.draws += 1
        return hmac_sha256(self.state.entropy, struct.pack(">Q", self.state.draws))

    def nonce(self) -> str:
        return to_hex(self.draw()[:16])

    def between(self, low: float, high: float) -> float:
        """A uniform draw, for jitter."""
        share: int = struct.unpack(">I", self.draw()[:4])[0]
        return low + (high - low) * share / 4294967296

    def show(self, message: str, lamp: str, typed: int = 0, for_s: float = 0) -> None:
        """Change display and lamp; back to rest after `for_s` where given."""
        self.cancel("display")
        if for_s:
            self.after("display", for_s)
        self.do(Show(message, lamp, typed))

    def rest(self) -> None:
        """The display of a lock that waits for its next visitor, once whoever is there has read it."""
        entry = self.state.entry
        if "display" in self.state.timers:
            return
        if entry is not None:
            self.do(Show("checking" if entry.ended else "typing", "off", len(entry.digits)))
            return
        self.do(Show("passage" if self.state.operating_mode() == "passage" else "ready", "off", 0))

    def raise_high_water(self, t: int) -> None:
        if t > self.state.high_water:
            self.state.high_water = t
            self.save()
