"""A network that is silent, slow, or dead in a way that nobody notices."""

from dataclasses import dataclass

from firmware_sim.dice import Dice

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way to the lock."""

    topic: str
    payload: bytes
    retained: bool


class RadioFault:
    """What happens to connections and to messages; this one leaves everything as it is.

    `connecting`: seconds until the connection is tried, `NEVER` for no answer at all, None where it is
    refused at once. `down` and `up`: what comes out instead of one message, each with its delay in seconds.
    """

    def __init__(self, dice: Dice) -> None:
        self.dice = dice

    def connecting(self, mono: float) -> float | None:
        return 0.0

    def down(self, letter: Letter, mono: float) -> list[tuple[float, Letter]]:
        return [(0.0, letter)]

    def up(self, payload: bytes, mono: float) -> list[tuple[float, bytes]]:
        return [(0.0, payload)]


class Silence(RadioFault):
    """No network, ever."""

    def connecting(self, mono: float) -> float | None:
        return None


class Outages(RadioFault):
    """Hours without a network, now refused at once, now without any answer."""

    SHARE = 0.3
    FOR_S = 10_800.0

    def connecting(self, mono: float) -> float | None:
        # The draw belongs to the stretch of time, not to the try.
        stretch = Dice(f"{self.seed}/{int(mono // self.FOR_S)}")
        if not stretch.chance(self.SHARE):
            return 0.0
        return stretch.one_of((None, NEVER))

    def __init__(self, dice: Dice) -> None:
        super().__init__(dice)
        self.seed = f"outage/{dice.share()}"


class Slow(RadioFault):
    """Seconds for what takes milliseconds elsewhere; now and then too many for the lock's patience."""

    def connecting(self, mono: float) -> float | None:
        return self.dice.between(0.5, 6.0)

    def down(self, letter: Letter, mono: float) -> list[tuple[float, Letter]]:
        return [(self.dice.between(0.1, 3.0), letter)]

    def up(self, payload: bytes, mono: float) -> list[tuple[float, bytes]]:
        return [(self.dice.between(0.1, 3.0), payload)]


class HalfOpen(RadioFault):
    """Connections that look alive and carry nothing any more, in one direction or in both."""

    SHARE = 0.4

    def __init__(self, dice: Dice) -> None:
        super().__init__(dice)
        self._deaf = self._mute = False

    def connecting(self, mono: float) -> float | None:
        is_dead = self.dice.chance(self.SHARE)
        which = self.dice.number(1, 3)
        self._deaf, self._mute = is_dead and which != 2, is_dead and which != 1
        return 0.0

    def down(self, letter: Letter, mono: float) -> list[tuple[float, Letter]]:
        return [] if self._deaf else [(0.0, letter)]

    def up(self, payload: bytes, mono: float) -> list[tuple[float, bytes]]:
        return [] if self._mute else [(0.0, payload)]
