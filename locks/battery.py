"""When a lock's battery will be empty, by the lowest voltage of each of its last weeks' days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.clock import civil_day
from core.database import insert_into
from locks.models import Lock, LockBatteryDay

LOW_MV = 4800
"""Four alkaline cells at 1.2 V; fresh ones give 6000 mV. The lock itself says `battery_low` below it."""
CRITICAL_MV = 4400
EMPTY_MV = 4200
"""A little above what the motor needs to move the bolt."""
MV_PER_DEGREE = 6
"""What four cells give less for each degree below 20: about 1.5 mV a cell. Measured voltages are brought to
20 degrees before a line is laid through them, and the line is asked when it is empty at the coldest degree
seen: a battery that is full enough in the sun fails in the first frost.
"""
_ROOM_C = 20
SEEN_FOR = timedelta(days=28)
ENOUGH_DAYS = 7
_NEVER_DAYS = 3650
WARNED_AHEAD = timedelta(days=30)
"""How long before its empty day a battery is called low: two weeks to notice, two to go there."""
_CHANGED_MV = 400
"""A rise of more than this is a new battery: warmth gives it back 240 mV in 40 degrees."""


@dataclass(frozen=True, slots=True)
class BatteryDay:
    """The lowest of a civil day."""

    day: date
    lowest_mv: int
    temperature_c: int | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """How a battery stands."""

    lowest_mv: int
    """Of the last 7 days."""
    empty_on: date | None
    """None: with fewer than 7 days known, or not within ten years."""

    def is_low(self, today: date) -> bool:
        """Whether somebody should take a new one there."""
        is_near = self.empty_on is not None and self.empty_on - today <= WARNED_AHEAD
        return is_near or self.lowest_mv < LOW_MV

    def is_fine(self, today: date) -> bool:
        """Whether it is low no more, with room enough that it does not come and go."""
        is_far = self.empty_on is None or self.empty_on - today > WARNED_AHEAD * 3 / 2
        return is_far and self.lowest_mv >= LOW_MV + 100


def forecast(days: Sequence[BatteryDay]) -> Forecast | None:
    """The forecast from days in ascending order; None without any. Pure."""
    if not days:
        return None
    last = days[-1].day
    recent = [day.lowest_mv for day in days if day.day > last - timedelta(days=7)]
    return Forecast(min(recent), _empty_on(days) if len(days) >= ENOUGH_DAYS else None)


def note(
    session: Session, lock: Lock, *, battery_mv: int | None, temperature_c: int | None, now: datetime
) -> bool:
    """Keep the day's lowest; whether this contact is the day's first. A much higher one is a new battery:
    the old one's days are forgotten. The caller holds the row, which still says what the contact before said.

    Without a statement where the day has a value that is not higher.
    """
    if battery_mv is None or battery_mv <= 0:
        return False
    today, before_mv = civil_day(now), lock.battery_mv
    is_first = lock.last_contact_at is None or civil_day(lock.last_contact_at) != today
    is_changed = before_mv is not None and battery_mv - before_mv > _CHANGED_MV
    if is_changed:
        session.execute(sa.delete(LockBatteryDay).where(LockBatteryDay.lock_id == lock.id))
    if is_first or is_changed or before_mv is None or battery_mv < before_mv:
        statement = insert_into(session, LockBatteryDay).values(
            lock_id=lock.id, day=today, lowest_mv=battery_mv, lowest_temperature_c=temperature_c
        )
        lowest = {
            "lowest_mv": statement.excluded.lowest_mv,
            "lowest_temperature_c": statement.excluded.lowest_temperature_c,
        }
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["lock_id", "day"],
                set_=lowest,
                where=statement.excluded.lowest_mv < LockBatteryDay.lowest_mv,
            )
        )
    return is_first or is_changed


def days_of(session: Session, lock_id: str, *, today: date) -> list[BatteryDay]:
    """What is known of the last four weeks, ascending."""
    rows = session.execute(
        sa.select(LockBatteryDay.day, LockBatteryDay.lowest_mv, LockBatteryDay.lowest_temperature_c)
        .where(LockBatteryDay.lock_id == lock_id, LockBatteryDay.day > today - SEEN_FOR)
        .order_by(LockBatteryDay.day)
    )
    return [BatteryDay(day, lowest, temperature) for day, lowest, temperature in rows]


def _empty_on(days: Sequence[BatteryDay]) -> date | None:
    """Where the line of least squares through the days meets the empty mark."""
    first = days[0].day
    xs = [(day.day - first).days for day in days]
    ys = [day.lowest_mv + _cold_mv(day.temperature_c) for day in days]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    empty_mv = EMPTY_MV + max(_cold_mv(day.temperature_c) for day in days)
    at_end = mean_y + slope * (xs[-1] - mean_x)
    if at_end <= empty_mv:
        return days[-1].day
    if slope >= 0 or (at_end - empty_mv) / -slope > _NEVER_DAYS:
        return None
    return days[-1].day + timedelta(days=int((at_end - empty_mv) / -slope))


def _cold_mv(temperature_c: int | None) -> int:
    return 0 if temperature_c is None else max(0, _ROOM_C - temperature_c) * MV_PER_DEGREE
