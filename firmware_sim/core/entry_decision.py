"""Whether an entry opens (lock protocol section 6, rules 1 to 4), from what is passed in alone."""

from firmware_sim.core.desired import Desired
from firmware_sim.core.primitives import GRANULE_S, code_of, equal, verifier_of

LOOK_AHEAD = 3
KEY_AT_HOME_LATE_S = 900
CANDIDATES = ("granted", "derived", "staff")


class Circumstances:
    """What the lock knows at the instant of the decision.

    `t` and `high_water` are Unix seconds of the lock's clock; `burns`: (granule, lane) to floor.
    """

    def __init__(
        self,
        t: int,
        confirmed_now: bool,
        clock_known: bool,
        high_water: int,
        burns: dict[tuple[int, int], int],
        tokens: int,
    ) -> None:
        self.t = t
        self.confirmed_now = confirmed_now
        self.clock_known = clock_known
        self.high_water = high_water
        self.burns = burns
        self.tokens = tokens
        self.burned_gids: list[str] = []
        self.operating_mode = "normal"
        self.key = "none"


class Decision:
    """`outcome`: granted, derived, staff, emergency; invalid_credential, restricted, throttled, ignored.

    `window` names the grant or the sellable start, `gid` the staff right.
    """

    def __init__(self, outcome: str, window: tuple[int, int, int, int] | None = None, gid: str = "") -> None:
        self.outcome = outcome
        self.window = window
        self.gid = gid

    def is_candidate(self) -> bool:
        return self.outcome in CANDIDATES


def decide(desired: Desired, code_key: bytes, grant_key: bytes, entered: str, at: Circumstances) -> Decision:
    """What an entry is worth, without contacting anybody and without changing anything."""
    if len(entered) == 10:
        found = _staff(desired, grant_key, entered, at)
    elif len(entered) == 8:
        found = _window(desired, code_key, entered, at)
    else:
        return Decision("ignored")
    if found is not None:
        return found
    return Decision("throttled" if at.tokens == 0 else "invalid_credential")


def _staff(desired: Desired, grant_key: bytes, entered: str, at: Circumstances) -> Decision | None:
    refused = None
    for right in desired.staff:
        if not equal(verifier_of(grant_key, right.gid, entered).encode(), right.verifier.encode()):
            continue
        if right.kind == "emergency":
            if right.gid not in at.burned_gids:
                return Decision("emergency", None, right.gid)
            continue
        if at.clock_known:
            valid = right.not_before <= at.t <= right.not_after
        else:
            valid = at.high_water <= right.not_after
        if valid:
            return Decision("staff", None, right.gid)
        refused = Decision("restricted", None, right.gid)
    return refused


def _window(desired: Desired, code_key: bytes, entered: str, at: Circumstances) -> Decision | None:
    if not at.clock_known or at.operating_mode == "vacation":
        return None
    refused = None
    typed = entered.encode()
    for granule, length, lane, rev in desired.grants:
        if rev < floor_of(desired, at.burns, granule, lane):
            continue
        if not equal(code_of(code_key, granule, length, lane, rev).encode(), typed):
            continue
        window = (granule, length, lane, rev)
        if holds(desired, granule, length, at):
            return Decision("granted", window)
        refused = refused or Decision("restricted", window)
    if not at.confirmed_now and at.t < desired.lease_until and at.tokens > 0:
        derived = _sellable(desired, code_key, typed, at)
        if derived is not None:
            return Decision("derived", derived)
    return refused


def _sellable(
    desired: Desired, code_key: bytes, typed: bytes, at: Circumstances
) -> tuple[int, int, int, int] | None:
    for granule, lengths, lane_mask in desired.sellable:
        for length in lengths:
            if not holds(desired, granule, length, at):
                continue
            for lane in range(32):
                if not lane_mask >> lane & 1:
                    continue
                floor = floor_of(desired, at.burns, granule, lane)
                for rev in range(floor, min(floor + LOOK_AHEAD, 256)):
                    if equal(code_of(code_key, granule, length, lane, rev).encode(), typed):
                        return (granule, length, lane, rev)
    return None


def floor_of(desired: Desired, burns: dict[tuple[int, int], int], granule: int, lane: int) -> int:
    """The lowest revision that may still open: the higher of listed and burned."""
    place = (granule, lane)
    return max(desired.floors.get(place, 0), burns.get(place, 0))


def holds(desired: Desired, granule: int, length: int, at: Circumstances) -> bool:
    """Whether t lies in the window, both ends included; a key box waits longer only for a key that is out."""
    late = desired.config.late
    if at.key == "present":
        late = min(late, KEY_AT_HOME_LATE_S)
    start = granule * GRANULE_S
    return start - desired.config.early <= at.t <= start + length * GRANULE_S + late
