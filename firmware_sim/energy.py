"""What a lock's life costs its battery: charge by cause, the cells' voltage, and the years that makes.

The figures are assumptions from public data sheets and tests, listed with their sources in docs/energy.md.
"""

from dataclasses import dataclass
from itertools import pairwise

from firmware_sim.core.effects import Connect, Decided, Disconnect, Effect, MoveBolt, Publish
from firmware_sim.core.stimuli import Connected, KeyPressed, Stimulus

CELLS = 4
CAPACITY_C = 2300 * 3.6
"""Four LR6 in series, 2300 mAh down to 1.0 V a cell at small currents."""

SELF_DISCHARGE_A_YEAR = 0.03
YEAR_S = 365.25 * 86400
DAY_S = 86400.0

TEST_LOAD_A = 0.25
REFERENCE_C = 15.0
"""The temperature at which the measurement shows the curve as it is."""

CURVE_MV = ((0.0, 6000), (0.1, 5600), (0.25, 5280), (0.5, 5000), (0.75, 4600), (0.9, 4200), (1.0, 3600))
"""Four alkaline cells at small currents: share of the capacity drawn, and voltage."""

CAUSES = ("sleep", "self_discharge", "connect", "handshake", "round_trips", "listening", "motor", "keypad")


@dataclass(frozen=True, slots=True)
class Profile:
    """Charge in coulombs (ampere-seconds) at the battery; currents in amperes."""

    name: str
    sleep_a: float
    connect_c: float
    handshake_c: float
    round_trip_c: float
    listening_a: float
    contact_s: float
    motor_c: float = 0.25
    stall_factor: float = 3.0
    keypad_c: float = 0.12


LTE_M = Profile("lte-m", 20e-6, 0.10, 0.10, 0.02, 0.010, 1.0)
WIFI = Profile("wifi", 25e-6, 0.25, 0.12, 0.02, 0.030, 1.0)
PROFILES = {profile.name: profile for profile in (LTE_M, WIFI)}


class Meter:
    """Counts what a lock draws, from what happens to it and what it does; `mono` in seconds."""

    def __init__(self, profile: Profile = LTE_M, drawn_c: float = 0.0) -> None:
        self.profile = profile
        self.drawn = dict.fromkeys(CAUSES, 0.0)
        self.before_c = drawn_c
        """Drawn before this meter was read the first time."""
        self._at: float | None = None
        self._connected = False
        self._typing = False

    @property
    def total_c(self) -> float:
        return self.before_c + sum(self.drawn.values())

    @property
    def used(self) -> float:
        """Share of the capacity that is gone."""
        return min(1.0, self.total_c / CAPACITY_C)

    def pass_time(self, mono: float) -> None:
        if self._at is not None:
            passed = max(0.0, mono - self._at)
            self.drawn["sleep"] += passed * self.profile.sleep_a
            self.drawn["self_discharge"] += passed / YEAR_S * SELF_DISCHARGE_A_YEAR * CAPACITY_C
            if self._connected:
                self.drawn["listening"] += passed * self.profile.listening_a
        self._at = mono

    def saw(self, mono: float, stimulus: Stimulus, effects: list[Effect]) -> None:
        """One step of the lock."""
        self.pass_time(mono)
        if isinstance(stimulus, Connected):
            self._connected = True
            self.drawn["handshake"] += self.profile.handshake_c
        elif isinstance(stimulus, KeyPressed) and not self._typing:
            self._typing = True
            self.drawn["keypad"] += self.profile.keypad_c
        for effect in effects:
            if isinstance(effect, Connect):
                self.drawn["connect"] += self.profile.connect_c
            elif isinstance(effect, Publish):
                self.drawn["round_trips"] += self.profile.round_trip_c
            elif isinstance(effect, Disconnect):
                self._connected = False
            elif isinstance(effect, MoveBolt):
                self.drawn["motor"] += self.profile.motor_c
            elif isinstance(effect, Decided):
                self._typing = False

    def stalled(self) -> None:
        """The motor pushed against a bolt that did not move."""
        self.drawn["motor"] += self.profile.motor_c * (self.profile.stall_factor - 1)

    def renew(self, used: float = 0.0) -> None:
        """Other cells are in."""
        self.drawn = dict.fromkeys(CAUSES, 0.0)
        self.before_c = used * CAPACITY_C


def rest_mv(used: float) -> int:
    """Voltage at small currents and room temperature, for a share of the capacity drawn."""
    for (low, high_mv), (high, low_mv) in pairwise(CURVE_MV):
        if used <= high:
            return round(high_mv + (low_mv - high_mv) * (used - low) / (high - low))
    return CURVE_MV[-1][1]


def used_at(millivolts: int) -> float:
    """The share drawn at which the cells show a voltage; the other way round of `rest_mv`."""
    for (low, high_mv), (high, low_mv) in pairwise(CURVE_MV):
        if millivolts >= low_mv:
            return max(0.0, low + (high - low) * (high_mv - millivolts) / (high_mv - low_mv))
    return 1.0


def resistance_ohm(used: float, temperature_c: float) -> float:
    """Of the four cells together: twice as much when empty, and cold alkaline cells resist several-fold."""
    fresh = CELLS * 0.15
    cold = 1 + 0.04 * max(0.0, 21 - temperature_c) + 0.004 * max(0.0, 0 - temperature_c) ** 2
    return fresh * (1 + used) * cold


def measured_mv(used: float, temperature_c: float) -> int:
    """What a lock measures with a test load before it moves its bolt: cold cells sag, old ones more."""
    more_ohm = resistance_ohm(used, min(temperature_c, REFERENCE_C)) - resistance_ohm(used, REFERENCE_C)
    return max(0, round(rest_mv(used) - 1000 * TEST_LOAD_A * more_ohm))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A day at a door. Each opening is an entry, two movements of the bolt, and a contact of its own."""

    contacts_a_day: float
    openings_a_day: float
    hellos_a_contact: float = 2.0


def a_day(profile: Profile, pattern: Pattern) -> dict[str, float]:
    """Coulombs a day by cause."""
    contacts = pattern.contacts_a_day + pattern.openings_a_day
    return {
        "sleep": DAY_S * profile.sleep_a,
        "self_discharge": DAY_S / YEAR_S * SELF_DISCHARGE_A_YEAR * CAPACITY_C,
        "connect": contacts * profile.connect_c,
        "handshake": contacts * profile.handshake_c,
        "round_trips": contacts * pattern.hellos_a_contact * profile.round_trip_c,
        "listening": contacts * profile.contact_s * profile.listening_a,
        "motor": pattern.openings_a_day * 2 * profile.motor_c,
        "keypad": pattern.openings_a_day * profile.keypad_c,
    }


def years(profile: Profile, pattern: Pattern) -> float:
    """How long four fresh cells last."""
    return CAPACITY_C / sum(a_day(profile, pattern).values()) * DAY_S / YEAR_S


def table() -> str:
    """Years and the split of a day's charge, for three doors and both radios, as Markdown."""
    lines = [
        "| radio | contacts a day | openings a day | mAh a day | years | "
        + " | ".join(cause.replace("_", " ") for cause in CAUSES)
        + " |",
        "|---|---|---|---|---|" + "---|" * len(CAUSES),
    ]
    for profile in PROFILES.values():
        for openings in (0, 4, 12, 40):
            pattern = Pattern(2, openings)
            split = a_day(profile, pattern)
            total = sum(split.values())
            shares = " | ".join(f"{100 * split[cause] / total:.0f} %" for cause in CAUSES)
            figures = f"{total / 3.6:.2f} | {years(profile, pattern):.1f}"
            lines.append(f"| {profile.name} | 2 | {openings} | {figures} | {shares} |")
    return "\n".join(lines)
