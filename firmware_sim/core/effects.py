"""What a step asks the world to do, in this order and no other."""


class Effect:
    pass


class FlashWrite(Effect):
    """Store the image whole before the next effect is carried out, or lose power without a trace of it."""

    def __init__(self, image: bytes) -> None:
        self.image = image


class Connect(Effect):
    """`clock_known` false: check the certificate's chain and name, not its dates."""

    def __init__(self, clock_known: bool) -> None:
        self.clock_known = clock_known


class Subscribe(Effect):
    def __init__(self, topic: str) -> None:
        self.topic = topic


class Publish(Effect):
    def __init__(self, topic: str, payload: bytes) -> None:
        self.topic = topic
        self.payload = payload


class Disconnect(Effect):
    pass


class SetClock(Effect):
    def __init__(self, wall_ms: int) -> None:
        self.wall_ms = wall_ms


class WakeAt(Effect):
    """Send a Tick at this monotonic second."""

    def __init__(self, mono: float) -> None:
        self.mono = mono


class MoveBolt(Effect):
    """`unlocked` or `locked`; answered by BoltMoved."""

    def __init__(self, position: str) -> None:
        self.position = position


class Show(Effect):
    """`message` names a display text, `typed` the number of masked digits, `lamp`: off, amber, green, red."""

    def __init__(self, message: str, lamp: str, typed: int) -> None:
        self.message = message
        self.lamp = lamp
        self.typed = typed


class Identify(Effect):
    """Blink and beep, so that an installer finds the lock."""


class Decided(Effect):
    """An entry was decided; `opens`: the bolt was ordered. Never carries the digits."""

    def __init__(self, outcome: str, opens: bool, offline: bool) -> None:
        self.outcome = outcome
        self.opens = opens
        self.offline = offline
