"""The heatmap as a drawing: where each cell stands, its step on the scale, what it says in figures."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from booking.places.models import DayKind
from booking.utilisation.month import Cell, Heatmap, Row, Slots

NAME_WIDTH, CELL_WIDTH, TOTAL_WIDTH, ROW, TOP = 150, 29, 61, 24, 36
WIDTH = 31 * CELL_WIDTH + TOTAL_WIDTH
"""The same for every month, so that names and cells scale alike."""
_WEEKDAYS = "月火水木金土日"
STEPS = ("0%", "1〜20%", "21〜40%", "41〜60%", "61〜80%", "81〜100%")


class View(StrEnum):
    """Which rate is drawn."""

    USED = "used"
    """Used / openable, of days that are over."""
    BOOKED = "booked"
    """Booked / openable, of the whole month."""


@dataclass(frozen=True, slots=True)
class DrawnCell:
    """A facility's day. `words` is what stands in it and in the table."""

    x: int
    look: str
    """"0" to "5" by the scale; "shut", "later" or "none"."""
    words: str
    spoken: str
    is_partly_closed: bool


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """A facility's line."""

    facility_id: int
    name: str
    y: int
    cells: tuple[DrawnCell, ...]
    slots: Slots
    """Of the days that the view counts."""
    rate: str


@dataclass(frozen=True, slots=True)
class DrawnDay:
    """A column."""

    x: int
    day: date
    weekday: str
    is_free_day: bool
    name: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """The drawing with its sums."""

    view: View
    first: date
    days: tuple[DrawnDay, ...]
    rows: tuple[DrawnRow, ...]
    total: Slots
    height: int
    counted_until: date | None
    """Last day that counts; None where none does yet."""
    is_unfinished: bool
    """Whether days are left out because they are not over."""

    @property
    def summary(self) -> str:
        """What the picture shows, in a sentence."""
        word = "利用率" if self.view is View.USED else "予約率"
        ranked = sorted(
            (row for row in self.rows if self._rate(row.slots) is not None),
            key=lambda row: self._rate(row.slots) or 0,
        )
        if not ranked:
            return f"{self.first.year}年{self.first.month}月の{word}。まだ数字はありません。"
        return (
            f"{self.first.year}年{self.first.month}月の{word}は全体で{percent(self._rate(self.total))}。"
            f"最も高いのは{ranked[-1].name}の{ranked[-1].rate}、最も低いのは{ranked[0].name}の{ranked[0].rate}。"
            "同じ数字が下の表にあります。"
        )

    def _rate(self, slots: Slots) -> float | None:
        return rate_of(slots, self.view)


def picture_of(found: Heatmap, view: View) -> Picture:
    """The drawing of a month."""
    days = tuple(
        DrawnDay(
            x=number * CELL_WIDTH,
            day=day,
            weekday=_WEEKDAYS[day.weekday()],
            is_free_day=kind in (DayKind.SATURDAY, DayKind.HOLIDAY, DayKind.CLOSED),
            name=name,
        )
        for number, (day, kind, name) in enumerate(found.days)
    )
    rows = tuple(_row(row, TOP + number * ROW, view) for number, row in enumerate(found.rows))
    cells = found.rows[0].cells if found.rows else ()
    counted = [cell.day for cell in cells if counts(cell, view)]
    return Picture(
        view=view,
        first=found.first,
        days=days,
        rows=rows,
        total=sum((row.slots for row in rows), Slots()),
        height=TOP + len(rows) * ROW + 2,
        counted_until=max(counted, default=None),
        is_unfinished=len(counted) < len(cells),
    )


def counts(cell: Cell, view: View) -> bool:
    """Whether a day's figures are in the view's sums: what is used is known only once the day is over."""
    return view is View.BOOKED or cell.is_over


def rate_of(slots: Slots, view: View) -> float | None:
    """The rate that a view draws; None where nothing was openable."""
    return slots.used_rate if view is View.USED else slots.booked_rate


def percent(rate: float | None) -> str:
    """`42.5%`, or a dash."""
    return "–" if rate is None else f"{rate * 100:.1f}%"


def _row(row: Row, y: int, view: View) -> DrawnRow:
    slots = sum((cell.slots for cell in row.cells if counts(cell, view)), Slots())
    return DrawnRow(
        facility_id=row.facility_id,
        name=row.name,
        y=y,
        cells=tuple(_cell(cell, number * CELL_WIDTH, view) for number, cell in enumerate(row.cells)),
        slots=slots,
        rate=percent(rate_of(slots, view)),
    )


def _cell(cell: Cell, x: int, view: View) -> DrawnCell:
    rate = rate_of(cell.slots, view)
    if rate is None:
        if cell.slots.closed:
            return DrawnCell(x, "shut", "休", "利用不可", is_partly_closed=False)
        return DrawnCell(x, "none", "", "開放なし", is_partly_closed=False)
    is_partly_closed = cell.slots.closed > 0
    if not counts(cell, view):
        return DrawnCell(x, "later", "", "これから", is_partly_closed)
    figure = round(rate * 100)
    step = 0 if rate <= 0 else min(5, 1 + (max(figure, 1) - 1) // 20)
    spoken = f"{figure}%" + ("(一部利用不可)" if is_partly_closed else "")
    return DrawnCell(x, str(step), str(figure), spoken, is_partly_closed)
