"""The fleet as a drawing: when locks last spoke, whether they hold the newest version, what troubles them."""

from dataclasses import dataclass

from booking.fleet.alarm_words import words_of
from locks.alarms.kinds import URGENT
from locks.overview import HOURS, Overview

BAR_WIDTH, HEIGHT, TOP, BOTTOM = 22, 130, 20, 30
WIDTH = (HOURS + 1) * BAR_WIDTH + 8
STRIP_WIDTH = 560


@dataclass(frozen=True, slots=True)
class HourBar:
    """The locks that spoke last within one hour; the last bar holds all before."""

    x: int
    y: float
    height: float
    many: str
    """Over it; empty where there is none."""
    word: str
    """Under it; empty where there is no room."""
    is_old: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the strip of versions."""

    x: float
    width: float
    many: int
    word: str
    look: str


@dataclass(frozen=True, slots=True)
class AlarmBar:
    """A kind of alarm that lasts somewhere."""

    kind: str
    title: str
    many: int
    share: float
    """Of the longest, in percent."""
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class FleetPicture:
    """What the page draws."""

    hours: tuple[HourBar, ...]
    strip: tuple[Part, ...]
    alarms: tuple[AlarmBar, ...]
    summary: str


def picture_of(seen: Overview) -> FleetPicture:
    """The drawing of the sums."""
    many = [*reversed(seen.by_hour), seen.before + seen.never]
    # Old ones first: time runs to the right, now is at the right edge.
    many = [many[-1], *many[:-1]]
    most = max(*many, 1)
    hours = tuple(
        HourBar(
            x=number * BAR_WIDTH,
            y=round(TOP + HEIGHT * (1 - value / most), 1),
            height=round(HEIGHT * value / most, 1),
            many=_many(value),
            word=_word(number),
            is_old=number == 0,
        )
        for number, value in enumerate(many)
    )
    return FleetPicture(hours, _strip(seen), _alarm_bars(seen), _summary(seen))


def _word(number: int) -> str:
    if number == 0:
        return "以前"
    ago = HOURS + 1 - number
    return f"{ago}時間前" if ago in (18, 12, 6) else ("今" if ago == 1 else "")


def _many(value: int) -> str:
    """A bar has room for three digits."""
    return "" if not value else str(value) if value < 1000 else f"{value / 1000:.2g}千"


def _strip(seen: Overview) -> tuple[Part, ...]:
    parts = (
        ("反映済み", max(0, seen.active - seen.behind), "good"),
        ("反映待ち", seen.behind, "wait"),
        ("設置の確認中など", seen.locks - seen.active, "quiet"),
    )
    found, x = [], 0.0
    for word, many, look in parts:
        width = STRIP_WIDTH * many / max(1, seen.locks)
        if many:
            found.append(Part(round(x, 1), round(width, 1), many, word, look))
        x += width
    return tuple(found)


def _alarm_bars(seen: Overview) -> tuple[AlarmBar, ...]:
    most = max(seen.alarms.values(), default=1)
    return tuple(
        AlarmBar(str(kind), words_of(kind).title, many, round(100 * many / most, 1), kind in URGENT)
        for kind, many in seen.alarms.items()
    )


def _summary(seen: Overview) -> str:
    recent = sum(seen.by_hour)
    return (
        f"電子錠{seen.locks:,}台のうち、24時間以内に通信したもの{recent:,}台、"
        f"それより前のもの{seen.before:,}台、まだ通信のないもの{seen.never:,}台。"
        "同じ内容が下の表にあります。"
    )
