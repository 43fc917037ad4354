"""What can happen to a lock. Each is one argument of `step`."""


class Stimulus:
    pass


class PowerUp(Stimulus):
    """The battery is in. `flash`: the last image written whole, or None; `entropy` seeds nonces and jitter.

    `clock_kept`: the clock chip ran on through the restart. `door`: closed, open, or none without a sensor.
    """

    def __init__(
        self,
        flash: bytes | None,
        entropy: bytes,
        clock_kept: bool,
        bolt: str,
        door: str,
        key: str,
        battery_mv: int,
    ) -> None:
        self.flash = flash
        self.entropy = entropy
        self.clock_kept = clock_kept
        self.bolt = bolt
        self.door = door
        self.key = key
        self.battery_mv = battery_mv


class KeyPressed(Stimulus):
    """`0`-`9`, `enter` (確定) or `clear` (訂正)."""

    def __init__(self, key: str) -> None:
        self.key = key


class Tick(Stimulus):
    """Time has passed: every timer that is due fires."""


class Connected(Stimulus):
    pass


class ConnectFailed(Stimulus):
    pass


class Subscribed(Stimulus):
    pass


class Disconnected(Stimulus):
    pass


class Received(Stimulus):
    def __init__(self, topic: str, payload: bytes, retained: bool) -> None:
        self.topic = topic
        self.payload = payload
        self.retained = retained


class BoltMoved(Stimulus):
    """The bolt is at rest: locked, unlocked or jammed. `by_hand` where nobody had ordered it."""

    def __init__(self, position: str, by_hand: bool = False) -> None:
        self.position = position
        self.by_hand = by_hand


class DoorMoved(Stimulus):
    def __init__(self, position: str) -> None:
        self.position = position


class KeyMoved(Stimulus):
    """A key box: the key is `present` or `out`."""

    def __init__(self, position: str) -> None:
        self.position = position


class BatteryMeasured(Stimulus):
    def __init__(self, millivolts: int) -> None:
        self.millivolts = millivolts


class SyncAsked(Stimulus):
    """The service button inside the cover."""


class Now:
    """`mono`: seconds since some start, never back. `wall_ms`: the lock's own clock, right or wrong."""

    def __init__(self, mono: float, wall_ms: int) -> None:
        self.mono = mono
        self.wall_ms = wall_ms
