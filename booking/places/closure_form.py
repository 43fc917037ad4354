"""What a manager writes to close a place: read once, the same for the preview and for the deed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.clock import start_of_day
from core.errors import BadInput
from core.window import Window

FIELDS = ("place", "first_day", "first_time", "last_day", "last_time", "reason")
MAX_REASON = 80
MAX_DAYS = 92
"""A closure writes a row per court and half hour; a longer one is entered in parts."""


@dataclass(frozen=True, slots=True)
class ClosureForm:
    """A closure as wanted."""

    facility_id: int
    space_id: int | None
    """None: the whole facility."""
    window: Window
    reason: str

    @classmethod
    def parse(cls, form: Mapping[str, str], *, now: datetime) -> "ClosureForm":
        """Read the form. `place` is a facility, or "facility-space"; times are minutes from midnight.

        Raises:
            BadInput: something is missing, off the half hour, backwards, over already, or too long.
        """
        facility, _, space = form.get("place", "").partition("-")
        try:
            facility_id, space_id = int(facility), int(space) if space else None
        except ValueError as error:
            raise BadInput("place", sentence="施設を選んでください。") from error
        starts_at = instant_of(form.get("first_day", ""), form.get("first_time", ""), "はじまり")
        ends_at = instant_of(form.get("last_day", ""), form.get("last_time", ""), "おわり")
        if ends_at <= starts_at:
            raise BadInput("window", sentence="おわりは、はじまりより後にしてください。")
        if ends_at <= now:
            raise BadInput("window", sentence="すでに過ぎた日時です。日時を確認してください。")
        if ends_at - starts_at > timedelta(days=MAX_DAYS):
            raise BadInput(
                "window", sentence=f"一度に登録できるのは{MAX_DAYS}日間までです。分けて登録してください。"
            )
        reason = form.get("reason", "").strip()
        if not reason or not reason.isprintable() or len(reason) > MAX_REASON:
            raise BadInput("reason", sentence=f"理由を1行、{MAX_REASON}字までで入力してください。")
        return cls(facility_id, space_id, Window(starts_at, ends_at), reason)


def half_hours(first: int, last: int) -> list[tuple[int, str]]:
    """Choices of minutes from midnight, each half hour from `first` to `last` with its words."""
    return [(minute, f"{minute // 60}:{minute % 60:02}") for minute in range(first, last + 1, 30)]


def instant_of(day: str, minutes: str, which: str) -> datetime:
    """The instant that a day and minutes from midnight name, in Tokyo, on the half hour.

    Raises:
        BadInput: they name none; the sentence begins with `which`.
    """
    try:
        midnight = start_of_day(date.fromisoformat(day))
        minute = int(minutes)
    except (ValueError, OverflowError) as error:
        raise BadInput(which, sentence=f"{which}の日時を選んでください。") from error
    if not 0 <= minute <= 24 * 60 or minute % 30 or not 2000 <= midnight.year <= 2100:
        raise BadInput(which, sentence=f"{which}の日時を選んでください。")
    return midnight + timedelta(minutes=minute)
