"""Words and figures as screens show them: Tokyo time, Japanese weekdays, yen, addresses of static files."""

import hashlib
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from flask import Flask

from booking.app.guards import actor_or_none
from booking.app.services import current_services
from booking.fees.lines import measure, taxes_of
from booking.reservations.words import (
    STANDINGS,
    back_reason,
    goes_back,
    refund_cause,
    refund_word,
    state_word,
)
from core.clock import TOKYO
from core.window import Window

_WEEKDAYS = "月火水木金土日"


def yen(amount: int) -> str:
    """`1,320円`."""
    return f"{amount:,}円"


def weekday(day: date) -> str:
    """`土`."""
    return _WEEKDAYS[day.weekday()]


def long_day(day: date | datetime) -> str:
    """`2026年11月21日(土)`; an instant counts in Tokyo."""
    day = _civil(day)
    return f"{day.year}年{day.month}月{day.day}日({weekday(day)})"


def short_day(day: date | datetime) -> str:
    """`11月21日(土)`; an instant counts in Tokyo."""
    day = _civil(day)
    return f"{day.month}月{day.day}日({weekday(day)})"


@lru_cache(8192)
def hour(instant: datetime) -> str:
    """`18:30` in Tokyo."""
    return instant.astimezone(TOKYO).strftime("%H:%M")


def span(window: Window) -> str:
    """`18:30〜20:30`; midnight at the end reads 24:00."""
    end = hour(window.ends_at)
    return f"{hour(window.starts_at)}〜{'24:00' if end == '00:00' else end}"


def moment(instant: datetime) -> str:
    """`11月21日(土) 18:30`."""
    return f"{short_day(instant)} {hour(instant)}"


def end_moment(instant: datetime) -> str:
    """`11月21日(土) 24:00`: the end of a day is that day's."""
    if hour(instant) == "00:00":
        return f"{short_day(instant - timedelta(minutes=1))} 24:00"
    return moment(instant)


def ago(instant: datetime, now: datetime) -> str:
    """How long ago, in the largest sensible unit."""
    minutes = max(0, int((now - instant) / timedelta(minutes=1)))
    if minutes < 1:
        return "たった今"
    if minutes < 60:
        return f"{minutes}分前"
    if minutes < 48 * 60:
        return f"{minutes // 60}時間前"
    return f"{minutes // (24 * 60)}日前"


def short_of(name: str, facility: str) -> str:
    """An access point's name on a page that names its facility already."""
    return name.removeprefix(facility).strip() or name


def iso(instant: datetime | date) -> str:
    """For `<time datetime>`."""
    return instant.isoformat()


def register(app: Flask) -> None:
    """Give templates the words, `asset(name)`, `actor()` and `demo`."""
    for word in (
        yen,
        weekday,
        long_day,
        short_day,
        hour,
        span,
        moment,
        end_moment,
        ago,
        iso,
        short_of,
        measure,
    ):
        app.add_template_filter(word)
    digests = _digests(Path(app.static_folder or ""))

    def asset(name: str) -> str:
        # Built by hand: the page that refuses a strange host has no routes to ask.
        return f"{app.static_url_path}/{name}?v={digests.get(name, '0')}"

    app.add_template_global(asset)
    app.add_template_global(actor_or_none, "actor")
    app.add_template_global(state_word)
    app.add_template_global(taxes_of)
    app.add_template_global(STANDINGS, "STANDINGS")  # type: ignore[arg-type]  # a table is as good as a function
    app.add_template_global(refund_word)
    for sentence in (back_reason, goes_back, refund_cause):
        app.add_template_filter(sentence)
    app.add_template_global(lambda: current_services().settings, "settings")


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in folder.rglob("*")
        if path.is_file()
    }


def _civil(day: date | datetime) -> date:
    return day.astimezone(TOKYO).date() if isinstance(day, datetime) else day
