"""How often a lock may be guessed at (lock protocol section 6, rule 1)."""

SLOW_AFTER = 100
SLOW_REFILL_S = 3600


class Bucket:
    """Whole tokens; `anchor` is the instant from which the next one is earned, on the clock of the caller.

    `failures` counts since the last staff opening, those at an empty bucket too.
    """

    def __init__(self) -> None:
        self.tokens = 5
        self.anchor = 0.0
        self.failures = 0

    def copy(self) -> "Bucket":
        twin = Bucket()
        twin.tokens = self.tokens
        twin.anchor = self.anchor
        twin.failures = self.failures
        return twin

    def refill(self, t: float, limit: int, refill_s: int) -> None:
        period = SLOW_REFILL_S if self.failures >= SLOW_AFTER else refill_s
        if self.tokens < limit:
            earned = int((t - self.anchor) // period)
            if earned > 0:
                self.tokens += earned
                self.anchor += earned * period
        if self.tokens >= limit:
            self.tokens = limit
            self.anchor = t

    def fail(self, t: float, limit: int, refill_s: int) -> bool:
        """Count a failure; true when it took the last token."""
        self.refill(t, limit, refill_s)
        self.failures += 1
        if self.tokens == 0:
            return False
        self.tokens -= 1
        return self.tokens == 0
