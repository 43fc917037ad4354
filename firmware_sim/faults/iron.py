"""Bolts that jam, doors that stay open or are forced, keys that do not come back."""

from firmware_sim.core.stimuli import DoorMoved, KeyMoved, Stimulus
from firmware_sim.dice import Dice
from firmware_sim.faults.plan import Plan

THROUGH_S = (2.0, 8.0)
LEFT_OPEN_S = (1_200.0, 7_200.0)
KEY_TAKEN_S = 5.0
KEY_BACK_S = (600.0, 1_800.0)
KEY_LATE_S = (20_000.0, 80_000.0)
FORCED_FOR_S = 20.0


class Iron:
    """What people and dirt do to a door; answers list what happens, and how many seconds later."""

    def __init__(self, plan: Plan, dice: Dice) -> None:
        self._plan = plan
        self._dice = dice

    def jams(self) -> bool:
        """Whether the bolt sticks this time."""
        return self._dice.chance(self._plan.jam_share)

    def after_opening(self, has_key: bool) -> list[tuple[float, Stimulus]]:
        """Somebody goes in, and closes the door behind, or takes the key out, and brings it back; mostly."""
        happens: list[tuple[float, Stimulus]] = []
        if self._plan.left_open_share is not None:
            is_left = self._dice.chance(self._plan.left_open_share)
            closes = self._dice.between(*(LEFT_OPEN_S if is_left else THROUGH_S))
            happens += [(1.0, DoorMoved("open")), (1.0 + closes, DoorMoved("closed"))]
        if has_key and self._plan.key_kept_share is not None:
            is_kept = self._dice.chance(self._plan.key_kept_share)
            returns = self._dice.between(*(KEY_LATE_S if is_kept else KEY_BACK_S))
            happens += [(KEY_TAKEN_S, KeyMoved("out")), (KEY_TAKEN_S + returns, KeyMoved("present"))]
        return happens

    def forced(self) -> list[tuple[float, Stimulus]]:
        """Somebody breaks in, if nobody unlocked, and leaves again."""
        return [(0.0, DoorMoved("open")), (FORCED_FOR_S, DoorMoved("closed"))]
