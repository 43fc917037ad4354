"""What managers send to change a table or to try one: read once and strictly."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from booking.app.parsing import Sent, day_of, number_of
from booking.fees.changes import RateWanted, TermsWanted
from booking.fees.lines import LABELS
from booking.fees.payer import Payer
from booking.fees.table_view import FACTORS, KINDS, ROUNDINGS, SIZES, UNITS
from core.clock import start_of_day
from core.errors import BadInput
from core.window import Window

MOST_YEN = 1_000_000
MOST_PERCENT = 1000


def rate_of(sent: Sent, *, now: datetime) -> RateWanted:
    """A rate.

    Raises:
        BadInput: something is missing, unknown or out of bounds.
    """
    months = {int(month) for month in sent.getlist("months") if month in _MONTHS}
    return RateWanted(
        space_kind=_one_of(sent, "space_kind", KINDS, "室場"),
        size=_one_of(sent, "size", SIZES, "広さ"),
        item=_one_of(sent, "item", LABELS, "項目"),
        yen_per_hour=_number(sent, "yen", 0, MOST_YEN, "金額"),
        valid_from=valid_from_of(sent, now=now),
        unit=_one_of(sent, "unit", UNITS, "単位"),
        from_minute=_minute(sent, "from_minute"),
        until_minute=_minute(sent, "until_minute"),
        months=sum(1 << (month - 1) for month in months),
        step_minutes=60 if sent.get("step_minutes") != "30" else 30,
    )


def item_of(sent: Sent) -> tuple[str, str, str]:
    """Kind of space, size and item, as one choice.

    Raises:
        BadInput: it is none.
    """
    kind, _, rest = sent.get("which", "").partition("/")
    size, _, item = rest.partition("/")
    if kind not in KINDS or size not in SIZES or not item:
        raise BadInput("which", sentence="項目を選んでください。")
    return kind, size, item


def factor_of(sent: Sent) -> tuple[str, str, int]:
    """Kind, item and percent.

    Raises:
        BadInput: something is missing, unknown or out of bounds.
    """
    kind = _one_of(sent, "kind", FACTORS, "割増の種類")
    item = _one_of(sent, "item", LABELS, "項目")
    return kind, item, _number(sent, "percent", 100, MOST_PERCENT, "割合")


def relief_of(sent: Sent, categories: dict[str, str]) -> tuple[str, str, int]:
    """Category, item and percent.

    Raises:
        BadInput: something is missing, unknown or out of bounds.
    """
    category = _one_of(sent, "category", categories, "団体の区分")
    item = _one_of(sent, "item", LABELS, "項目")
    return category, item, _number(sent, "percent", 0, 100, "割合")


def terms_of(sent: Sent) -> TermsWanted:
    """Rounding and tax.

    Raises:
        BadInput: something is missing, unknown or out of bounds.
    """
    return TermsWanted(
        round_to_yen=_number(sent, "round_to_yen", 1, 1000, "端数の単位"),
        rounding=_one_of(sent, "rounding", ROUNDINGS, "端数の処理"),
        tax_percent=_number(sent, "tax_percent", 0, 100, "税率"),
        is_tax_included=sent.get("tax") != "added",
    )


def valid_from_of(sent: Sent, *, now: datetime) -> date:
    """The first day on which it counts.

    Raises:
        BadInput: no day, or one years away.
    """
    return day_of(sent.get("valid_from", ""), now=now)


@dataclass(frozen=True, slots=True)
class Trial:
    """A booking that nobody makes: what would it cost?"""

    offering_id: int
    window: Window
    payer: Payer

    @classmethod
    def parse(cls, sent: Sent, categories: dict[str, str], *, now: datetime) -> "Trial":
        """Read it; times are minutes from midnight.

        Raises:
            BadInput: something is missing or unknown, or the end is not after the start.
        """
        midnight = start_of_day(day_of(sent.get("on", ""), now=now))
        first, last = _minute(sent, "first"), _minute(sent, "last")
        if first >= last:
            raise BadInput("hours", sentence="おわりの時刻は、はじまりより後にしてください。")
        return cls(
            offering_id=_number(sent, "offering", 1, 2**31 - 1, "貸出単位"),
            window=Window(midnight + timedelta(minutes=first), midnight + timedelta(minutes=last)),
            payer=Payer(
                category=_one_of(sent, "category", categories, "団体の区分"),
                is_out_of_town=sent.get("out_of_town") == "1",
                is_commercial=sent.get("commercial") == "1",
            ),
        )


_MONTHS = frozenset(str(month) for month in range(1, 13))


def _one_of(sent: Sent, name: str, choices: Container[str], words: str) -> str:
    value = sent.get(name, "")
    if value not in choices:
        raise BadInput(name, sentence=f"{words}を選んでください。")
    return value


def _number(sent: Sent, name: str, least: int, most: int, words: str) -> int:
    try:
        return number_of(sent, name, least=least, most=most)
    except BadInput:
        raise BadInput(name, sentence=f"{words}は{least:,}から{most:,}までの数で入力してください。") from None


def _minute(sent: Sent, name: str) -> int:
    minute = _number(sent, name, 0, 1440, "時刻")
    if minute % 30:
        raise BadInput(name, sentence="時刻は30分ごとに選んでください。")
    return minute
