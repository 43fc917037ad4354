"""All faults of one lock, ready to be put around its edges."""

from firmware_sim.dice import Dice
from firmware_sim.energy import CAPACITY_C
from firmware_sim.faults.flash import SmallMedium, WornMedium
from firmware_sim.faults.iron import Iron
from firmware_sim.faults.messages import Forged, Lossy, Replayed, Withheld
from firmware_sim.faults.plan import PLANS, Plan
from firmware_sim.faults.power import CuttingMedium
from firmware_sim.faults.radio import NEVER, HalfOpen, Letter, Outages, RadioFault, Silence, Slow
from firmware_sim.faults.weather import crystal_ppm, temperature_c
from firmware_sim.flash import Medium

RADIO: dict[str, type[RadioFault]] = {
    "silence": Silence,
    "outages": Outages,
    "slow": Slow,
    "half-open": HalfOpen,
    "lossy": Lossy,
    "withheld": Withheld,
    "replayed": Replayed,
    "forged": Forged,
}


class Faults:
    """What goes wrong at one lock; the plan's name and the lock's id are the whole seed."""

    def __init__(self, plan: Plan = PLANS["none"], lock: str = "") -> None:
        self.plan = plan
        self._seed = f"{plan.name}/{lock}"
        self.iron = Iron(plan, self.dice("iron"))
        self._radio = [RADIO[name](self.dice(name)) for name in plan.radio]

    def dice(self, kind: str) -> Dice:
        return Dice(f"{self._seed}/{kind}")

    def medium(self, inner: Medium) -> Medium:
        """Flash as the plan has it."""
        plan = self.plan
        if plan.wear_share:
            inner = WornMedium(inner, self.dice("wear"), plan.wear_share, plan.worn_banks)
        inner = SmallMedium(inner, plan.flash_room + 64)
        if plan.cut_share:
            inner = CuttingMedium(inner, self.dice("cuts"), plan.cut_share, plan.clock_lost_share)
        return inner

    def drawn_c(self) -> float:
        """What was drawn from the cells before the lock was hung up."""
        return self.plan.cells_used * CAPACITY_C

    def key(self, has_key: bool) -> str:
        """Whether the lock is a key box; a plan that keeps keys back makes it one."""
        return "present" if has_key or self.plan.key_kept_share is not None else "none"

    def temperature_c(self, unix_s: float) -> float:
        return temperature_c(self.plan.mean_c, self.plan.swing_c, unix_s)

    def ppm_at(self, unix_s: float, own_ppm: float) -> float:
        """How wrong the clock chip runs just then."""
        ppm = own_ppm if self.plan.ppm is None else self.plan.ppm
        return ppm + (crystal_ppm(self.temperature_c(unix_s)) if self.plan.crystal_is_bare else 0.0)

    def connecting(self, mono: float) -> float | None:
        """Seconds until the connection is tried; `NEVER` without any answer, None refused."""
        wait = 0.0
        for fault in self._radio:
            fate = fault.connecting(mono)
            if fate is None:
                return None
            wait += fate
        return wait

    def down(self, letter: Letter, mono: float) -> list[tuple[float, Letter]]:
        """What the lock hears of one message, and when."""
        letters = [(0.0, letter)]
        for fault in self._radio:
            letters = [
                (before + more, made) for before, one in letters for more, made in fault.down(one, mono)
            ]
        return letters

    def up(self, payload: bytes, mono: float) -> list[tuple[float, bytes]]:
        """What leaves the lock of one message, and when."""
        payloads = [(0.0, payload)]
        for fault in self._radio:
            payloads = [
                (before + more, made) for before, one in payloads for more, made in fault.up(one, mono)
            ]
        return payloads


__all__ = ["NEVER", "Faults", "Letter"]
