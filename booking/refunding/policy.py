"""What comes back of what was paid, by the policy as sold. Pure; yen are whole numbers, rounded down.

The policy is chosen and frozen when a reservation is made. As sold it reads `{"version": 2, "stages":
[{"before_s", "percent"}], "kept_yen", "unused_percent", "alert_percent", "free_cancel_until"}`; what was sold
before there were policies has `free_cancel_until` alone: all of it until then.

Source: field.md 0.9 and 2 (refund practice).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from booking.places.entries import Catalogue, OfferingEntry, PolicyEntry
from core.clock import civil_day
from core.errors import ContractBroken
from core.window import Window

VERSION = 2
_ALERT_PERCENT_OF_OLD = 100


class Cause(StrEnum):
    """Why it is given back."""

    OWN = "own"
    """The group gives it up."""
    ALERT = "alert"
    """The group gives it up while an alert covers its start."""
    UNUSED = "unused"
    """The locks show that nobody came in."""
    OPERATOR = "operator"
    """Closure, disaster, staff's word, a lock that may not open: nothing the group could do about."""


class Why(StrEnum):
    """What decided the sum."""

    NOTHING_PAID = "nothing_paid"
    OPERATOR = "operator"
    ALERT = "alert"
    IN_TIME = "in_time"
    """Before the first deadline: all of it."""
    STAGED = "staged"
    """Before a deadline that gives a part."""
    TOO_LATE = "too_late"
    """After the last deadline."""
    UNUSED = "unused"
    NEVER = "never"
    """Sold without any deadline before which something comes back."""


@dataclass(frozen=True, slots=True)
class BackQuote:
    """What comes back, and why."""

    refund_yen: int
    amount_yen: int
    """What it is a part of."""
    percent: int
    kept_yen: int
    """取消手数料 taken off, never more than there was to come back."""
    why: Why
    until: datetime | None = None
    """The last instant of the stage that decided."""

    @property
    def lost_yen(self) -> int:
        """What does not come back."""
        return self.amount_yen - self.refund_yen

    @property
    def is_free(self) -> bool:
        """Whether nothing is lost by it."""
        return not self.lost_yen


@dataclass(frozen=True, slots=True)
class Stage:
    """What comes back until an instant, that included; the last one has no end."""

    until: datetime | None
    percent: int
    refund_yen: int


def as_sold(places: Catalogue, offering: OfferingEntry, window: Window, *, now: datetime) -> dict[str, Any]:
    """The policy that a reservation made now is sold with: the narrowest scope's newest one in force on the
    day of booking; without any, all comes back until `free_cancel_until_s` before the start.
    """
    chosen = policy_of(places, offering, now=now)
    stages = [{"before_s": before_s, "percent": percent} for before_s, percent in chosen.stages]
    free = [before_s for before_s, percent in chosen.stages if percent == 100 and not chosen.kept_yen]
    # Readers show it only where it lies after the booking: without a free stage it never does.
    free_until = window.starts_at - timedelta(seconds=min(free)) if free else now
    return {
        "version": VERSION,
        "stages": stages,
        "kept_yen": chosen.kept_yen,
        "unused_percent": chosen.unused_percent,
        "alert_percent": chosen.alert_percent,
        "free_cancel_until": free_until.isoformat(),
    }


def policy_of(places: Catalogue, offering: OfferingEntry, *, now: datetime) -> PolicyEntry:
    """The policy in force today: of the facility and kind of space, the facility, the kind, the town."""
    today = civil_day(now)
    fitting = [
        entry
        for entry in places.refund_policies
        if entry.valid_from <= today
        and entry.facility_id in (None, offering.facility_id)
        and entry.space_kind in (None, offering.space_kind)
    ]
    if not fitting:
        return PolicyEntry(
            facility_id=None,
            space_kind=None,
            valid_from=today,
            stages=((places.rules.free_cancel_until_s, 100),),
            kept_yen=0,
            unused_percent=0,
            alert_percent=_ALERT_PERCENT_OF_OLD,
        )
    return max(
        enumerate(fitting),
        key=lambda numbered: (
            numbered[1].facility_id is not None,
            numbered[1].space_kind is not None,
            numbered[1].valid_from,
            numbered[0],
        ),
    )[1]


def quote_back(
    policy: Mapping[str, Any], amount_yen: int, starts_at: datetime, now: datetime, *, cause: Cause
) -> BackQuote:
    """What of a paid amount comes back now. An alert never gives less than giving up without one, and the
    kept fee is taken off only where the group decides by itself.

    Raises:
        ContractBroken: an amount below zero.
    """
    if amount_yen < 0:
        raise ContractBroken("nobody pays less than nothing")
    if not amount_yen:
        return BackQuote(0, 0, 100, 0, Why.NOTHING_PAID)
    if cause is Cause.OPERATOR:
        return BackQuote(amount_yen, amount_yen, 100, 0, Why.OPERATOR)
    if cause is Cause.UNUSED:
        return _part(amount_yen, unused_percent_of(policy), kept_of(policy), Why.UNUSED)
    own = _own(policy, amount_yen, starts_at, now)
    if cause is Cause.ALERT and now < starts_at:
        percent = policy.get("alert_percent", _ALERT_PERCENT_OF_OLD)
        alert = _part(amount_yen, percent, 0, Why.ALERT, starts_at)
        if alert.refund_yen > own.refund_yen:
            return alert
    return own


def stages_of(policy: Mapping[str, Any], amount_yen: int, starts_at: datetime) -> list[Stage]:
    """What comes back until when, the earliest deadline first, what remains after the last one at the end."""
    ends = sorted({until for until, _ in _stages(policy, starts_at)})
    listed = [_own(policy, amount_yen, starts_at, until) for until in ends]
    return [
        *(Stage(quote.until, quote.percent, quote.refund_yen) for quote in listed if quote.percent),
        Stage(None, 0, 0),
    ]


def unused_percent_of(policy: Mapping[str, Any]) -> int:
    """What the locks' word that nobody came in is worth; 0: nothing."""
    percent: int = policy.get("unused_percent", 0)
    return percent


def kept_of(policy: Mapping[str, Any]) -> int:
    """取消手数料 as sold."""
    kept: int = policy.get("kept_yen", 0)
    return kept


def _own(policy: Mapping[str, Any], amount_yen: int, starts_at: datetime, now: datetime) -> BackQuote:
    stages = list(_stages(policy, starts_at))
    percent, until = max(((percent, until) for until, percent in stages if now <= until), default=(0, None))
    if not percent:
        return BackQuote(0, amount_yen, 0, 0, Why.TOO_LATE if stages else Why.NEVER)
    return _part(amount_yen, percent, kept_of(policy), Why.IN_TIME if percent == 100 else Why.STAGED, until)


def _part(amount_yen: int, percent: int, kept_yen: int, why: Why, until: datetime | None = None) -> BackQuote:
    part = amount_yen * percent // 100
    kept = min(kept_yen, part)
    return BackQuote(part - kept, amount_yen, percent, kept, why, until)


def _stages(policy: Mapping[str, Any], starts_at: datetime) -> Iterator[tuple[datetime, int]]:
    """(last instant, percent)."""
    if "stages" not in policy:
        yield datetime.fromisoformat(policy["free_cancel_until"]), 100
        return
    for stage in policy["stages"]:
        yield starts_at - timedelta(seconds=stage["before_s"]), stage["percent"]
