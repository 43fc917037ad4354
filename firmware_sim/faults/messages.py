"""A broker that loses, repeats, reorders, withholds, replays and invents messages."""

from firmware_sim.dice import Dice
from firmware_sim.faults.radio import Letter, RadioFault

KEPT = 40


class Lossy(RadioFault):
    """Every fifth message is lost, every fifth comes twice, every third is overtaken by the next."""

    def down(self, letter: Letter, mono: float) -> list[tuple[float, Letter]]:
        return [(delay, letter) for delay in self._fates()]

    def up(self, payload: bytes, mono: float) -> list[tuple[float, bytes]]:
        return [(delay, payload) for delay in self._fates()]

    def _fates(self) -> list[float]:
        copies = 0 if self.dice.chance(0.2) else 2 if self.dice.chance(0.2) else 1
        return [self.dice.between(0.2, 2.0) if self.dice.chance(0.33) else 0.0 for _ in range(copies)]


class Withheld(RadioFault):
    """Most new desired states never arrive; welcomes do."""

    SHARE = 0.7

    def down(self, letter: Letter, mono: float) -> list[tuple[float, Letter]]:
        is_kept_back = letter.topic.endswith("/desired") and self.dice.chance(self.SHARE)
        return [] if is_kept_back else [(0.0, letter)]


class Replayed(RadioFault):
    """Whatever was once sent to the lock is sent again later, with and without its retained flag."""

    def __init__(self, dice: Dice) -> None:
        super().__init__(dice)
        self._heard: list[Letter] = []

    def down(self, letter: Letter, mono: float) -> list[tuple[float, Letter]]:
        self._heard = [*self._heard, letter][-KEPT:]
        old = self.dice.one_of(self._heard)
        again = Letter(old.topic, old.payload, self.dice.chance(0.5))
        return [(0.0, again), (0.0, letter), (self.dice.between(0.0, 1.0), again)]


class Forged(RadioFault):
    """With each message come others that nobody signed: spoiled, retyped, re-addressed, empty, endless."""

    def down(self, letter: Letter, mono: float) -> list[tuple[float, Letter]]:
        made = [self._forgery(letter) for _ in range(self.dice.number(1, 3))]
        return [*((0.0, forgery) for forgery in made), (0.0, letter)]

    def _forgery(self, letter: Letter) -> Letter:
        payload = letter.payload
        at = self.dice.number(0, max(0, len(payload) - 1))
        base = letter.topic.rpartition("/")[0]
        other = self.dice.one_of(("desired", "welcome", "command"))
        spoiled = (
            payload[:at] + bytes([payload[at] ^ 1 << self.dice.number(0, 6)]) + payload[at + 1 :]
            if payload
            else b"."
        )
        kinds = (
            Letter(letter.topic, spoiled, letter.retained),
            Letter(letter.topic, payload[:at], letter.retained),
            Letter(f"{base}/{other}", payload if not letter.topic.endswith(other) else spoiled, False),
            Letter(letter.topic, b"eyJhbGciOiJub25lIn0." + payload.partition(b".")[2], letter.retained),
            Letter(letter.topic, b"", letter.retained),
            Letter(letter.topic, b"\xff" * 64, letter.retained),
            Letter(letter.topic, b"A" * 40_000, letter.retained),
        )
        return self.dice.one_of(kinds)
