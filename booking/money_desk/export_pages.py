"""Managers: files for the city's accounting, each of them written into the audit trail."""

from collections.abc import Iterator
from datetime import date, datetime

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.parsing import month_of, number_of
from booking.app.services import current_services
from booking.money_desk import export_rows
from booking.money_desk.book_queries import names_of
from booking.money_desk.export_rows import HEADERS, WORDS_OF_KIND, Kind, Wanted
from core import audit
from core.clock import civil_day, fiscal_year, start_of_day
from core.database import Database
from core.errors import BadInput
from payments import month_close
from payments.exports import FileEncoding, Measure, encoded

pages = Blueprint("manage_book_exports", __name__)

PAGE = "/manage/money/books/exports"
_SUBJECT = "books:export"
_SHOWN = 20


@pages.get(PAGE)
@manager_only
def show_exports() -> ResponseReturnValue:
    """A form for a file, and who has taken which."""
    with reading() as here:
        taken = audit.acts_on(
            here.session, municipality_id=here.municipality_id, subjects=[_SUBJECT], limit=_SHOWN
        )
        return render_template(
            "manage/books/exports.html",
            kinds=WORDS_OF_KIND,
            month=f"{civil_day(here.now):%Y-%m}",
            year=fiscal_year(civil_day(here.now)),
            taken=taken,
            names=names_of(here.session, [one.actor for one in taken]),
        )


@pages.post(PAGE)
@manager_only
def download() -> ResponseReturnValue:
    """The file: its rows are counted first, so that the audit trail says what went out; then it is sent."""
    with reading() as here:
        wanted, encoding = _wanted(here), _encoding()
    database = current_services().database
    measure = Measure()
    for _ in _file(database, wanted, encoding, measure):
        pass
    with writing() as here:
        audit.record(
            here.session,
            municipality_id=here.municipality_id,
            actor=str(here.actor.account_id),
            act="books.export",
            subject=_SUBJECT,
            detail={
                "kind": wanted.kind,
                "begin": wanted.begin.isoformat(),
                "end": wanted.end.isoformat(),
                "encoding": encoding,
                "rows": measure.rows,
                "replaced": measure.replaced,
            },
            now=here.now,
        )
    first = civil_day(wanted.begin)
    name = f"{wanted.kind}-{first:%Y-%m}.csv" if _is_month(wanted) else f"{wanted.kind}-{first.year}.csv"
    return Response(
        _file(database, wanted, encoding, Measure()),
        content_type=f"text/csv; charset={'utf-8' if encoding is FileEncoding.UTF_8 else 'Shift_JIS'}",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Replaced-Characters": str(measure.replaced),
        },
    )


def _file(database: Database, wanted: Wanted, encoding: FileEncoding, measure: Measure) -> Iterator[bytes]:
    return encoded(HEADERS[wanted.kind], export_rows.rows(database, wanted), encoding, measure)


def _wanted(here: Here) -> Wanted:
    begin, end = _span(here)
    try:
        kind = Kind(request.form.get("kind", ""))
    except ValueError as error:
        raise BadInput("kind", sentence="書き出すものを選んでください。") from error
    return Wanted(kind, here.municipality_id, begin, end)


def _span(here: Here) -> tuple[datetime, datetime]:
    if request.form.get("span") == "year":
        this = fiscal_year(civil_day(here.now))
        year = number_of(request.form, "year", least=this - 10, most=this)
        return start_of_day(date(year, 4, 1)), start_of_day(date(year + 1, 4, 1))
    return month_close.bounds(month_of(request.form.get("month"), now=here.now))


def _is_month(wanted: Wanted) -> bool:
    return month_close.bounds(civil_day(wanted.begin)) == (wanted.begin, wanted.end)


def _encoding() -> FileEncoding:
    try:
        return FileEncoding(request.form.get("encoding", ""))
    except ValueError as error:
        raise BadInput("encoding", sentence="文字コードを選んでください。") from error
