"""Which faults a lock has: a plan by name, or a mixture drawn from a seed."""

from dataclasses import dataclass, fields, replace

from firmware_sim.dice import Dice


@dataclass(frozen=True, slots=True)
class Plan:
    """Shares are chances from 0 to 1; a period of 0 means never; `radio` names what ails the network."""

    name: str = "none"
    cut_share: float = 0.0
    """Of the flash writes: how many lose the power before, in the middle of, or after them."""
    power_lost_every_s: float = 0.0
    clock_lost_share: float = 0.0
    """Of the losses of power: how many take the clock with them."""
    wear_share: float = 0.0
    """Of the writes to a worn bank: how many do not come out as written."""
    worn_banks: int = 0
    flash_room: int = 131_072
    ppm: float | None = None
    crystal_is_bare: bool = False
    """Whether it slows down away from 25 degrees, as a crystal without compensation does."""
    mean_c: float = 15.0
    swing_c: float = 0.0
    cells_used: float = 0.0
    jam_share: float = 0.0
    left_open_share: float | None = None
    """Of the openings; None where nobody goes through the door but whoever moves it by hand."""
    forced_every_s: float = 0.0
    key_kept_share: float | None = None
    """As `left_open_share`, for the key of a key box."""
    radio: tuple[str, ...] = ()


PLANS = {
    plan.name: plan
    for plan in (
        Plan(),
        Plan("power-cuts", cut_share=0.15, clock_lost_share=0.2),
        Plan("worn-flash", wear_share=0.6, worn_banks=2),
        Plan("full-flash", flash_room=6_000),
        Plan("drift", ppm=-120.0, crystal_is_bare=True, mean_c=2.0, swing_c=9.0),
        Plan("lost-clock", power_lost_every_s=900.0, clock_lost_share=1.0),
        Plan("cold-battery", cells_used=0.75, mean_c=-12.0, swing_c=5.0),
        Plan("jam", jam_share=0.4),
        Plan("door-left-open", left_open_share=0.5, forced_every_s=3_600.0),
        Plan("key-not-returned", key_kept_share=0.5, left_open_share=0.0),
        Plan("no-radio", radio=("silence",)),
        Plan("slow-network", radio=("slow",)),
        Plan("half-open", radio=("half-open",)),
        Plan("lossy", radio=("lossy",)),
        Plan("withheld", radio=("withheld",)),
        Plan("replayed", radio=("replayed",)),
        Plan("forged", radio=("forged",)),
        Plan(
            "everything",
            cut_share=0.02,
            power_lost_every_s=7_200.0,
            clock_lost_share=0.3,
            wear_share=0.3,
            worn_banks=1,
            ppm=60.0,
            crystal_is_bare=True,
            mean_c=3.0,
            swing_c=10.0,
            cells_used=0.4,
            jam_share=0.05,
            left_open_share=0.1,
            forced_every_s=14_400.0,
            key_kept_share=0.1,
            radio=("outages", "slow", "half-open", "lossy", "withheld", "replayed", "forged"),
        ),
    )
}


def plan_of(text: str) -> Plan:
    """The plan of that name; any other text is a seed, which draws two to five plans and joins them."""
    if text in PLANS:
        return PLANS[text]
    dice = Dice(f"plan/{text}")
    names = sorted(set(PLANS) - {"none", "everything"})
    joined = Plan()
    for _ in range(dice.number(2, 5)):
        joined = join(joined, PLANS[dice.one_of(names)])
    return replace(joined, name=f"seed {text}")


def join(one: Plan, other: Plan) -> Plan:
    """Both troubles at once; where they are of one kind, the other's."""
    plain = PLANS["none"]
    changes = {
        field.name: getattr(other, field.name)
        for field in fields(Plan)
        if field.name not in ("name", "radio") and getattr(other, field.name) != getattr(plain, field.name)
    }
    return replace(one, **changes, radio=tuple(sorted({*one.radio, *other.radio})))
