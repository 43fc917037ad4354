"""What comes in an address or a form, read once and strictly; everything unreadable is `BadInput`."""

from datetime import date, datetime, timedelta
from uuid import UUID

from werkzeug.datastructures import MultiDict

from booking.places.entries import GRANULES_A_DAY
from booking.reservations.refusals import Misaligned, TooLong
from core.clock import civil_day
from core.errors import BadInput
from core.window import Window

_FURTHEST = timedelta(days=800)
_LAST_GRANULE = 4_000_000
"""In the 22nd century: far enough, and no calculation leaves the calendar."""

Sent = MultiDict[str, str]


def day_of(text: str, *, now: datetime) -> date:
    """A civil day, `2026-11-21`, within two years of now.

    Raises:
        BadInput: something else.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadInput("day", sentence="日付は「2026-11-21」のように指定してください。") from None
    if abs(day - civil_day(now)) > _FURTHEST:
        raise BadInput("day", sentence="日付が遠すぎます。近い日を指定してください。")
    return day


def month_of(text: str | None, *, now: datetime) -> date:
    """The first day of a month, `2026-11`; this month where nothing is said.

    Raises:
        BadInput: something else.
    """
    if not text:
        return civil_day(now).replace(day=1)
    return day_of(f"{text}-01", now=now)


def number_of(sent: Sent, name: str, *, least: int, most: int, default: int | None = None) -> int:
    """A whole number within bounds.

    Raises:
        BadInput: missing without a default, no number, or out of bounds.
    """
    text = sent.get(name, "")
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        raise BadInput(name)
    return int(text)


def numbers_of(sent: Sent, name: str, *, at_most: int) -> list[int]:
    """Whole numbers with commas between; empty where nothing is sent.

    Raises:
        BadInput: anything else, or more than `at_most`.
    """
    parts = [part for part in sent.get(name, "").split(",") if part]
    if len(parts) > at_most or not all(
        part.isascii() and part.isdigit() and len(part) < 10 for part in parts
    ):
        raise BadInput(name)
    return [int(part) for part in parts]


def window_of(sent: Sent) -> Window:
    """The window that `start` (granule) and `length` (granules) name.

    Raises:
        Misaligned: they are no whole half hours, or one is missing.
        TooLong: longer than a day, more than any rule allows.
    """
    try:
        start = number_of(sent, "start", least=0, most=_LAST_GRANULE)
        length = number_of(sent, "length", least=1, most=_LAST_GRANULE)
    except BadInput as error:
        raise Misaligned(str(error)) from None
    if length > GRANULES_A_DAY:
        raise TooLong(f"{length} granules")
    return Window.of_granules(start, length)


def id_of(sent: Sent, name: str) -> UUID:
    """An id.

    Raises:
        BadInput: missing or none.
    """
    try:
        return UUID(sent.get(name, ""))
    except ValueError:
        raise BadInput(name, sentence="団体を選んでください。" if name == "group_id" else None) from None
