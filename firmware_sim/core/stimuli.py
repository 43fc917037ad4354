"""What can happen to a lock. Each is one argument of `step`."""


class Stimulus:
    pass


class PowerUp(Stimulus):
    """The battery is in. `flash`: the last image written whole, or None; `entropy` seeds nonces and jitter.

    `clock_kept`: the clock chip ran on through the restart. `door`: closed, open, or none without a sensor.
    `flash_room`: the longest image that a bank of the flash takes.
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
        flash_room: int = 131072,
    ) -> None:
        self.flash = flash
        self.entropy = entropy
        self.clock_kept = clock_kept
        self.bolt = bolt
        self.door = door
        self.key = key
        self.battery_mv = battery_mv
        self.flash_room = flash_room


class KeyPressed(Stimulus):
    """`0`-`9`, `enter` (確定) or `clear` (訂正)."""

    def __init__(self, key: str) -> None:
        self.key = key


class Tick(Stimulus):
    """Time has passed: every timer that is due fires."""


class Connected(Stimulus):
    """`rssi_dbm`: how well the radio hears the network."""

    def __init__(self, rssi_dbm: int = -67) -> None:
        self.rssi_dbm = rssi_dbm


class ConnectFailed(Stimulus):
    """`retry_after_s`: a server that asks for patience is not tried earlier."""

    def __init__(self, retry_after_s: int = 0) -> None:
        self.retry_after_s = retry_after_s


class Subscribed(Stimulus):
    pass


class Disconnected(Stimulus):
    """`retry_after_s`: as for `ConnectFailed`."""

    def __init__(self, retry_after_s: int = 0) -> None:
        self.retry_after_s = retry_after_s


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
    """What the cells give under load, and how warm they are."""

    def __init__(self, millivolts: int, temperature_c: int = 15) -> None:
        self.millivolts = millivolts
        self.temperature_c = temperature_c


class Tampered(Stimulus):
    """The cover was taken off, or the housing shaken."""


class SyncAsked(Stimulus):
    """The service button inside the cover."""


class Now:
    """`mono`: seconds since some start, never back. `wall_ms`: the lock's own clock, right or wrong."""

    def __init__(self, mono: float, wall_ms: int) -> None:
        self.mono = mono
        self.wall_ms = wall_ms
