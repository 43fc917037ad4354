"""Managers: the books: balances, journal, settlements with Stripe, payouts, months, the nightly audit."""

from datetime import date, datetime, timedelta

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of, month_of, number_of
from booking.money_desk import book_queries, nightly
from booking.money_desk.book_words import (
    ACCOUNTS,
    CREDIT_SIDE,
    MOVEMENTS,
    PAYOUT_STATES,
    difference_word,
)
from core.clock import civil_day, start_of_day
from core.errors import BadInput, NotThere
from payments import month_close
from payments.book_models import MonthClose
from payments.errors import MonthNotReady
from payments.month_close import Obstacle

pages = Blueprint("manage_books", __name__)

PAGE = "/manage/money/books"
_LONGEST_SEARCH = 80
OBSTACLES = {
    Obstacle.NOT_OVER: "まだ終わっていない月です。",
    Obstacle.EARLIER_OPEN: "前の月がまだ締められていません。古い月から順に締めてください。",
    Obstacle.NOT_SETTLED: "決済会社との照合がまだ済んでいません。翌月1日の22時以降に自動で行われます。",
    Obstacle.CASES_OPEN: "この月の照合または監査に、解決していない「要対応」があります。",
}


@pages.get(PAGE)
@manager_only
def show_books() -> ResponseReturnValue:
    """Balances as bars and a table; when the books were last compared and audited."""
    with reading() as here:
        town = here.municipality_id
        return render_template(
            "manage/books/balances.html",
            bars=book_queries.bars(here.session, municipality_id=town),
            credit_side=CREDIT_SIDE,
            run=book_queries.last_good_run(here.session, municipality_id=town),
            night=book_queries.last_night(here.session, municipality_id=town),
            now=here.now,
        )


@pages.get(f"{PAGE}/journal")
@manager_only
def show_journal() -> ResponseReturnValue:
    """The journal of a month (`?month=`) or a day (`?day=`), all of it or what is sought (`?q=`)."""
    sought = request.args.get("q", "")[:_LONGEST_SEARCH]
    after = number_of(request.args, "after", least=0, most=10**11, default=0)
    with reading() as here:
        begin, end, first, day = _span(here)
        sets, more = book_queries.journal(
            here.session,
            municipality_id=here.municipality_id,
            begin=begin,
            end=end,
            sought=sought,
            after=after,
        )
        return render_template(
            "manage/books/journal.html",
            sets=sets,
            more=more,
            after=after,
            sought=sought,
            first=first,
            day=day,
            before=(day - timedelta(days=1)) if day else (first - timedelta(days=1)).replace(day=1),
            next=(day + timedelta(days=1)) if day else month_close.after(first),
        )


@pages.get(f"{PAGE}/settlements")
@manager_only
def show_settlements() -> ResponseReturnValue:
    """Comparisons with Stripe's books, their differences, movements that nothing explains yet."""
    with reading() as here:
        town = here.municipality_id
        return render_template(
            "manage/books/settlements.html",
            last=book_queries.last_good_run(here.session, municipality_id=town),
            runs=book_queries.runs(here.session, municipality_id=town),
            unmet=book_queries.unmet(here.session, municipality_id=town),
            difference_word=difference_word,
            movements=MOVEMENTS,
            instant=datetime.fromisoformat,
            now=here.now,
        )


@pages.get(f"{PAGE}/payouts")
@manager_only
def show_payouts() -> ResponseReturnValue:
    """What Stripe paid out to the bank."""
    with reading() as here:
        found = book_queries.payouts(here.session, municipality_id=here.municipality_id)
        return render_template("manage/books/payouts.html", payouts=found, states=PAYOUT_STATES)


@pages.get(f"{PAGE}/payouts/<payout_id>")
@manager_only
def show_payout(payout_id: str) -> ResponseReturnValue:
    """One payout and what it carried."""
    with reading() as here:
        found, inside = book_queries.payout(
            here.session, municipality_id=here.municipality_id, payout_id=payout_id
        )
        return render_template(
            "manage/books/payout.html",
            payout=found,
            inside=inside,
            total=sum(one.net for one in inside),
            states=PAYOUT_STATES,
            movements=MOVEMENTS,
        )


@pages.get(f"{PAGE}/audit")
@manager_only
def show_audit() -> ResponseReturnValue:
    """What the last nightly audit asked, and what it found."""
    with reading() as here:
        night = book_queries.last_night(here.session, municipality_id=here.municipality_id)
        return render_template("manage/books/audit.html", night=night, words=nightly.WORDS, now=here.now)


@pages.get(f"{PAGE}/months")
@manager_only
def show_months() -> ResponseReturnValue:
    """Every month with its state."""
    with reading() as here:
        found = month_close.months(here.session, municipality_id=here.municipality_id, now=here.now)
        return render_template("manage/books/months.html", months=found, this=civil_day(here.now))


@pages.get(f"{PAGE}/months/<month>")
@manager_only
def show_month(month: str) -> ResponseReturnValue:
    """One month: its totals, whether it can be closed, or when it was."""
    with reading() as here:
        return _month_page(here, _month(here, month))


@pages.post(f"{PAGE}/months/<month>")
@manager_only
def close_month(month: str) -> ResponseReturnValue:
    """Close it; a second tap changes nothing."""
    try:
        with writing() as here:
            first = _month(here, month)
            month_close.close(
                here.session,
                municipality_id=here.municipality_id,
                month=first,
                check=request.form.get("check", "").strip(),
                actor=here.actor.account_id,
                now=here.now,
            )
    except MonthNotReady as error:
        with reading() as here:
            return _month_page(here, _month(here, month), error), status_of(error)
    return redirect(f"{PAGE}/months/{first:%Y-%m}?done=1", code=303)


def _month_page(here: Here, first: date, error: MonthNotReady | None = None) -> str:
    town = here.municipality_id
    closed = here.session.get(MonthClose, (town, first))
    found = month_close.summarise(here.session, municipality_id=town, month=first)
    against = (
        [] if closed else month_close.obstacles(here.session, municipality_id=town, month=first, now=here.now)
    )
    totals = month_close.account_totals(found.totals)
    return render_template(
        "manage/books/month.html",
        first=first,
        found=found,
        closed=closed,
        closed_by=book_queries.names_of(here.session, [closed.closed_by]) if closed else {},
        digits=month_close.check_digits(closed.digest if closed else found.digest),
        is_changed=closed is not None and closed.digest != found.digest,
        totals=[(ACCOUNTS[account], yen) for account, yen in totals.items()],
        obstacles=[OBSTACLES[one] for one in against],
        done="done" in request.args,
        error=error,
    )


def _month(here: Here, text: str) -> date:
    try:
        return month_of(text, now=here.now)
    except BadInput as error:
        raise NotThere(f"month {text}") from error


def _span(here: Here) -> tuple[datetime, datetime, date, date | None]:
    """Begin, end, the month, the day where one is asked for."""
    if asked := request.args.get("day"):
        day = day_of(asked, now=here.now)
        return start_of_day(day), start_of_day(day + timedelta(days=1)), day.replace(day=1), day
    first = month_of(request.args.get("month"), now=here.now)
    return *month_close.bounds(first), first, None
