"""The tables in words: what counts on a day, what is to come, what was. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from booking.fees.lines import LABELS
from booking.fees.tables import rates_on, terms_on
from booking.places.entries import Catalogue, FeeRateEntry, PercentEntry, TermsEntry
from booking.places.models import SpaceKind

KINDS = {
    SpaceKind.GYM: "体育館",
    SpaceKind.GROUND: "グラウンド",
    SpaceKind.MARTIAL_ARTS_ROOM: "武道場",
}
SIZES = {"full": "全面", "half": "半面"}
FACTORS = {"out_of_town": "市外", "commercial": "営利"}
CATEGORIES = {"general": "一般", "youth": "少年団"}
ROUNDINGS = {"down": "切捨て", "half_up": "四捨五入", "up": "切上げ"}
UNITS = {"hour": "1時間", "band": "1区分"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: what it is about, what it says, since when and until when (that day not)."""

    what: str
    value: str
    when: str
    """Season and hours; empty where it always counts."""
    valid_from: date
    valid_until: date | None = None

    @property
    def since(self) -> str:
        """`2026/4/1から`."""
        return "はじめから" if self.valid_from == date.min else f"{_short(self.valid_from)}から"

    @property
    def until(self) -> str:
        """`2027/4/1に終了`; empty where no end is known."""
        return f"{_short(self.valid_until)}に終了" if self.valid_until else ""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows in force on a day, those to come, and those that were."""

    title: str
    now: tuple[Row, ...]
    later: tuple[Row, ...]
    before: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """An item that can be taken off the table."""

    key: str
    words: str


def tables_on(catalogue: Catalogue, day: date) -> list[Table]:
    """Every table as of a day."""
    return [
        _rates(catalogue, day),
        _percents("割増", catalogue.fee_factors, FACTORS, day, "{}%"),
        _percents("団体の区分による減免", catalogue.relief_rates, CATEGORIES, day, "{}%減免"),
        _terms(catalogue.fee_terms, day),
    ]


def endings_on(catalogue: Catalogue, day: date) -> list[Ending]:
    """The items that are on the table on a day or later."""
    return [
        Ending(f"{kind}/{size}/{item}", _what(kind, size, item))
        for (kind, size), rates in sorted(catalogue.fee_rates.items())
        for item in dict.fromkeys(rate.item for rate in rates if _is_ahead(rate, day))
    ]


def season(months: int) -> str:
    """`通年`, `6〜9月`, `12〜3月`, `1・7月`: runs of months, over the year's end too."""
    if months == (1 << 12) - 1:
        return "通年"
    has = [bool(months >> month & 1) for month in range(12)]
    words = []
    for first in range(12):
        if has[first] and not has[first - 1]:
            last = first
            while has[(last + 1) % 12]:
                last += 1
            words.append(f"{first + 1}" if last == first else f"{first + 1}〜{last % 12 + 1}")
    return "・".join(words) + "月"


def hours(from_minute: int, until_minute: int) -> str:
    """`終日`, `17:00から`, `6:00まで`, `17:00〜19:00`: when what is charged begins."""
    first, last = _clock(from_minute), _clock(until_minute)
    if until_minute == 1440:
        return f"{first}から" if from_minute else "終日"
    return f"{first}〜{last}" if from_minute else f"{last}まで"


def _short(day: date) -> str:
    return f"{day.year}/{day.month}/{day.day}"


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"


def _what(kind: str, size: str, item: str) -> str:
    return f"{KINDS.get(SpaceKind(kind), kind)} {SIZES.get(size, size)} {LABELS.get(item, item)}"


def _rates(catalogue: Catalogue, day: date) -> Table:
    now: list[Row] = []
    later: list[Row] = []
    before: list[Row] = []
    for (kind, size), rates in sorted(catalogue.fee_rates.items()):
        counting = _counting(rates, day)
        for rate in rates:
            is_ahead = rate.valid_from > day and _is_ahead(rate, day)
            place = now if rate in counting else later if is_ahead else before
            place.append(_rate_row(kind, size, rate))
    return Table("使用料", tuple(now), tuple(later), tuple(before))


def _counting(rates: Sequence[FeeRateEntry], day: date) -> list[FeeRateEntry]:
    """The rates that count on a day, if it were in their season."""
    found = []
    for month in range(12):
        # The day's own bit says whether the rate belongs to the month in question.
        asked = [replace(rate, months=(rate.months >> month & 1) << (day.month - 1)) for rate in rates]
        counting = rates_on(asked, day)
        found += [rate for rate, tried in zip(rates, asked, strict=True) if tried in counting]
    return found


def _is_ahead(rate: FeeRateEntry, day: date) -> bool:
    return rate.valid_until is None or (rate.valid_until > day and rate.valid_until > rate.valid_from)


def _rate_row(kind: str, size: str, rate: FeeRateEntry) -> Row:
    step = "・30分ごと" if rate.step_minutes == 30 and rate.unit == "hour" else ""
    when = f"{season(rate.months)}・{hours(rate.from_minute, rate.until_minute)}"
    return Row(
        what=_what(kind, size, rate.item),
        value=f"{UNITS[rate.unit]} {rate.yen_per_hour:,}円{step}",
        when="" if when == "通年・終日" else when,
        valid_from=rate.valid_from,
        valid_until=rate.valid_until,
    )


def _percents(
    title: str,
    entries: Mapping[tuple[str, str], tuple[PercentEntry, ...]],
    words: Mapping[str, str],
    day: date,
    value: str,
) -> Table:
    now: list[Row] = []
    later: list[Row] = []
    before: list[Row] = []
    for (kind, item), listed in sorted(entries.items()):
        begun = [entry.valid_from for entry in listed if entry.valid_from <= day]
        for entry in listed:
            is_newest = bool(begun) and entry.valid_from == max(begun)
            place = later if entry.valid_from > day else now if is_newest else before
            what = f"{words.get(kind, kind)} {LABELS.get(item, item)}"
            place.append(Row(what, value.format(entry.percent), "", entry.valid_from))
    return Table(title, tuple(now), tuple(later), tuple(before))


def _terms(entries: Sequence[TermsEntry], day: date) -> Table:
    counting = terms_on(entries, day)
    rows = [(entry, _terms_row(entry)) for entry in entries]
    return Table(
        title="端数と消費税",
        now=tuple(row for entry, row in rows if entry == counting) or (_terms_row(counting),),
        later=tuple(row for entry, row in rows if entry.valid_from > day),
        before=tuple(row for entry, row in rows if entry.valid_from <= day and entry != counting),
    )


def _terms_row(entry: TermsEntry) -> Row:
    included = "内税" if entry.is_tax_included else "外税"
    tax = f"消費税{entry.tax_percent}%（{included}）" if entry.tax_percent else "消費税なし"
    return Row(
        "すべて", f"{entry.round_to_yen}円未満{ROUNDINGS[entry.rounding]}・{tax}", "", entry.valid_from
    )
