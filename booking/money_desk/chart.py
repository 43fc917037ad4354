"""The picture of thirty days of money: bars up for what came in, down for what went out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from booking.money_desk.flow import DayFlow

STEP, BAR, LEFT, TOP, BOTTOM = 22, 14, 64, 14, 24
_UP_MOST, _DOWN_LEAST = 150, 26


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: a bar up and a bar down from the zero line."""

    x: float
    up: float
    down: float
    label: str
    """The day of the month, where it is written."""
    flow: DayFlow


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything drawn, in user units."""

    width: float
    height: float
    zero_y: float
    lines: tuple[tuple[float, str], ...]
    """Guides: (y, yen in words)."""
    bars: tuple[Bar, ...]
    summary: str


def chart_of(days: Sequence[DayFlow]) -> Chart:
    """The chart; without any money a flat line."""
    most_in = max((day.whole.in_yen for day in days), default=0)
    most_out = max((day.whole.out_yen for day in days), default=0)
    # One scale for both: a bar down is as long as a bar up of the same sum.
    top = round_up(max(most_in, most_out))
    scale = _UP_MOST / top if top else 0.0
    down_height = max(float(_DOWN_LEAST), most_out * scale)
    zero_y = float(TOP + _UP_MOST)
    bars = tuple(
        Bar(
            x=LEFT + number * STEP + (STEP - BAR) / 2,
            up=round(day.whole.in_yen * scale, 1),
            down=round(day.whole.out_yen * scale, 1),
            label=str(day.day.day) if day.day.day == 1 or day.day.day % 5 == 0 else "",
            flow=day,
        )
        for number, day in enumerate(days)
    )
    guides = ((TOP, top), (TOP + _UP_MOST / 2, top // 2)) if top else ()
    return Chart(
        width=LEFT + len(days) * STEP + 4,
        height=zero_y + down_height + BOTTOM,
        zero_y=zero_y,
        lines=tuple((float(y), short_yen(yen)) for y, yen in guides),
        bars=bars,
        summary=_summary(days),
    )


def round_up(yen: int) -> int:
    """The next of 1, 2, 5 times a power of ten, from 1,000 yen; nothing stays nothing."""
    if yen <= 0:
        return 0
    step = 1000
    while True:
        for factor in (1, 2, 5):
            if yen <= factor * step:
                return factor * step
        step *= 10


def short_yen(yen: int) -> str:
    """`5,000円`, `12万円`, `1.5万円`."""
    if yen < 10_000:
        return f"{yen:,}円"
    return f"{yen / 10_000:,.1f}".removesuffix(".0") + "万円"


def _summary(days: Sequence[DayFlow]) -> str:
    came, went = sum(day.whole.in_yen for day in days), sum(day.whole.out_yen for day in days)
    return f"{len(days)}日間の入金は合わせて{came:,}円、返金は{went:,}円。日ごとの金額は下の表にあります。"
