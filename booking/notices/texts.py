"""The words of each mail: `booking/templates/mail/*.txt`, the first line is the subject."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from booking.notices.about import About, Office
from booking.reservations.words import goes_back
from core.clock import TOKYO, civil_day
from payments.states import Method

_WEEKDAYS = "月火水木金土日"


@dataclass(frozen=True, slots=True)
class Letter:
    """A subject of one line and a body."""

    subject: str
    body: str


def write(
    template: str,
    *,
    params: dict[str, Any],
    about: About | None,
    office: Office,
    base_url: str,
) -> Letter:
    """The letter of a mail row.

    Raises:
        jinja2.UndefinedError: the template needs something that the row does not have.
    """
    facts = dict(params, bulk_opening=bulk_opening)
    if about is not None:
        facts["reservation_url"] = f"{base_url}/reservations/{params['reservation_id']}"
        facts["about"] = _words(about)
    text = _templates().get_template(f"{template}.txt").render(facts, office=office, base_url=base_url)
    subject, _, body = text.partition("\n")
    return Letter(" ".join(subject.split()), body.strip("\n") + "\n")


def day_in_words(day: date) -> str:
    """2026年11月21日(土)."""
    return f"{day.year}年{day.month}月{day.day}日({_WEEKDAYS[day.weekday()]})"


def bulk_opening(day: date | str, facility: str) -> str:
    """How a mail to all users of a facility and day begins."""
    return f"{_civil_day(day)}に{facility}を予約している皆さまへ"


def window_in_words(starts_at: datetime, ends_at: datetime) -> str:
    """2026年11月21日(土) 18:00~20:00, in Tokyo; the end of a day is 24:00."""
    first, last = starts_at.astimezone(TOKYO), ends_at.astimezone(TOKYO)
    last_day, end = last.date(), f"{last:%H:%M}"
    if (last.hour, last.minute) == (0, 0):
        last_day, end = last_day - timedelta(days=1), "24:00"
    if last_day != first.date():
        end = f"{day_in_words(last_day)} {end}"
    return f"{day_in_words(first.date())} {first:%H:%M}〜{end}"


def _instant(value: datetime | str) -> str:
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = instant.astimezone(TOKYO)
    return f"{day_in_words(local.date())} {local:%H:%M}"


def _civil_day(value: date | str) -> str:
    return day_in_words(date.fromisoformat(value) if isinstance(value, str) else value)


def _yen(amount: int) -> str:
    return f"{amount:,}円"


def _words(about: About) -> dict[str, Any]:
    return {
        "name": about.name,
        "group": about.group,
        "place": about.place,
        "when": window_in_words(about.starts_at, about.ends_at),
        "day": day_in_words(civil_day(about.starts_at)),
        "amount_yen": about.amount_yen,
        "permit_number": about.permit_number,
        "reveal_from": about.reveal_from,
        "stages": about.stages,
        "pays_by": about.pays_by,
        "is_postpaid": about.pays_by is Method.INVOICE,
        "goes_back": goes_back(about.pays_by),
    }


@cache
def _templates() -> Environment:
    # Plain text: escaping for HTML would put &amp; into people's mails.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("booking", "templates/mail"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(instant=_instant, civil_day=_civil_day, yen=_yen)
    return environment
