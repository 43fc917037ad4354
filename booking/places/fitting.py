"""Refuse a timetable that a lock could not hold, naming the bands; asked by whoever configures one."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from booking.reservations.door import sellable_windows
from core.clock import TOKYO, civil_day
from core.window import Window
from locks import fits
from locks.fits import TooRich

_NAMED = 4


def require_fits(session: Session, *, access_point_ids: Sequence[int], now: datetime) -> None:
    """Ask of each access point whether its lock could hold what is offered there.

    Raises:
        TooRich: it could not; the sentence names the first bands that do not fit together.
    """
    for access_point_id in sorted(set(access_point_ids)):
        try:
            fits.require_fits(session, sellable_windows, access_point_id=access_point_id, now=now)
        except TooRich as error:
            named = TooRich(str(error), error.singles)
            named.sentence = f"{TooRich.sentence}({_bands(error)})"
            raise named from error


def _bands(error: TooRich) -> str:
    windows = sorted({Window.of_granules(granule, length) for granule, _, length in error.singles})
    first = civil_day(windows[0].starts_at)
    words = [_span(window) for window in windows if civil_day(window.starts_at) == first]
    more = " ほか" if len(words) > _NAMED or len(words) < len(windows) else ""
    return f"{first.month}月{first.day}日 {'、'.join(words[:_NAMED])}{more}"


def _span(window: Window) -> str:
    begin, end = (
        instant.astimezone(TOKYO).strftime("%H:%M") for instant in (window.starts_at, window.ends_at)
    )
    return f"{begin}-{end}"
