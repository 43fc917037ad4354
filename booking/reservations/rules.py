"""The rules a window has to pass before anything is asked of the database. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from booking.places.entries import Band, Catalogue, Rules
from booking.reservations.refusals import (
    Ended,
    Misaligned,
    NotOffered,
    TooFarAhead,
    TooLong,
)
from core.clock import civil_day
from core.window import Window


def require_offered(catalogue: Catalogue, offering_id: int, window: Window, *, now: datetime) -> None:
    """Refuse a window that cannot be sold now, whoever asks.

    Raises:
        NotThere: no such offering.
        Misaligned: off the 30-minute grid.
        NotOffered: not a run of contiguous offered bands.
        TooLong: more bands than one reservation may take.
        Ended: over, or less left than is sold. A running window is on sale until then.
        TooFarAhead: its booking period has not begun.
    """
    catalogue.offering(offering_id)
    if not window.is_aligned:
        raise Misaligned()
    bands = catalogue.bands_from(offering_id, civil_day(window.starts_at))
    count = run_length(bands, window)
    if not count:
        raise NotOffered()
    if count > catalogue.rules.max_bands:
        raise TooLong()
    require_on_sale(catalogue.rules, window, now=now)


def require_on_sale(rules: Rules, window: Window, *, now: datetime) -> None:
    """Refuse a window outside the time in which it is sold.

    Raises:
        Ended: over, or less left than is sold.
        TooFarAhead: its booking period has not begun.
    """
    if is_over(rules, window, now=now):
        raise Ended()
    if is_too_far(rules, window, now=now):
        raise TooFarAhead()


def is_over(rules: Rules, window: Window, *, now: datetime) -> bool:
    """Whether less of a window is left than is sold."""
    return window.ends_at - now < timedelta(seconds=rules.sells_until_s_before_end)


def is_too_far(rules: Rules, window: Window, *, now: datetime) -> bool:
    """Whether a window's day is beyond the days on sale."""
    last_day = civil_day(now) + timedelta(days=rules.sells_ahead_for_days)
    return civil_day(window.starts_at) > last_day


def run_length(bands: Sequence[Band], window: Window) -> int:
    """How many contiguous bands make up exactly this window; 0 where none do."""
    edge, count = window.starts_at, 0
    for band in sorted(bands, key=lambda band: band.window):
        if band.window.starts_at == edge and edge < window.ends_at:
            edge, count = band.window.ends_at, count + 1
    return count if edge == window.ends_at else 0


def runs(bands: Sequence[Band], max_bands: int) -> list[Window]:
    """Every window that `run_length` accepts with at most `max_bands` bands, ascending."""
    ordered = sorted(band.window for band in bands)
    found: list[Window] = []
    for index, first in enumerate(ordered):
        edge = first.starts_at
        for following in ordered[index : index + max_bands]:
            if following.starts_at != edge:
                break
            edge = following.ends_at
            found.append(Window(first.starts_at, edge))
    return found
