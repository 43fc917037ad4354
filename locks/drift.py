"""How far a lock's clock is off, and how fast it runs away, by its scheduled contacts. Pure.

A hello's `clock` is read as it is signed and compared with its receipt, so that its way to us makes a clock
look slow and never fast. The welcome of the contact before has set the clock, hence the offset grew since.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

DRIFT_LIMIT_PPM = 20.0
"""What the protocol allows (5, clock): 78 seconds in the 45 days of a lease."""
OFFSET_LIMIT_MS = 60_000
"""A tenth of the ten minutes for which a code opens early: nobody stands before a door that is still shut
because of less. A clock within its limit gets there after 35 days without a contact.
"""
ON_THE_WAY_MS = 1_000
"""This much of slowness is put down to the network."""
SHORTEST = timedelta(hours=2)
"""Nearer contacts say nothing about drift: half a second of network is 70 ppm of them."""
_LONGEST = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class ClockNote:
    """A lock's clock at a contact."""

    offset_ms: int
    """Its clock less ours."""
    drift_ppm: float | None
    """Positive runs fast; None: not known yet."""

    @property
    def is_in_margin(self) -> bool:
        """Whether neither the offset nor the drift is beyond what windows bear."""
        is_steady = self.drift_ppm is None or abs(self.drift_ppm) <= DRIFT_LIMIT_PPM
        return is_steady and abs(self.offset_ms) <= OFFSET_LIMIT_MS


def clock_note(
    *, clock_ms: int, received_at: datetime, set_at: datetime | None, known_ppm: float | None
) -> ClockNote:
    """What a scheduled contact says about a clock that was set at `set_at`, the contact before.

    A fast clock is believed by halves, a slow one by eighths: single late messages make it look slow. A
    first measurement counts as one among others that were right.
    """
    offset_ms = clock_ms - int(received_at.timestamp() * 1000)
    if set_at is None or not SHORTEST <= received_at - set_at <= _LONGEST:
        return ClockNote(offset_ms, known_ppm)
    certain_ms = offset_ms if offset_ms > 0 else min(0, offset_ms + ON_THE_WAY_MS)
    seen_ppm = certain_ms * 1000 / (received_at - set_at).total_seconds()
    before = known_ppm or 0.0
    share = 1 / 2 if seen_ppm > before else 1 / 8
    return ClockNote(offset_ms, round(before + (seen_ppm - before) * share, 3))
