"""Managers: how money stands today, as a picture and a table, and what needs somebody."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from booking.app.guards import manager_only, reading
from booking.money_desk import case_list, chart, flow, health
from booking.money_desk.case_words import URGENT, words_of
from core.clock import civil_day

pages = Blueprint("manage_money", __name__)


@pages.get("/manage/money")
@manager_only
def show_desk() -> ResponseReturnValue:
    """Thirty days in and out, today and this month by way, open cases, refunds, the line to Stripe."""
    with reading() as here:
        town, today = here.municipality_id, civil_day(here.now)
        span = max(flow.DAYS, today.day)
        days = flow.of_days(here.session, municipality_id=town, last=today, days=span)
        counts = case_list.counts(here.session, municipality_id=town, now=here.now)
        refunds = health.refunds_under_way(here.session, municipality_id=town)
        line = health.of_stripe(here.session, municipality_id=town)
    month = flow.of_month(days, today)
    return render_template(
        "manage/money/desk.html",
        today=today,
        chart=chart.chart_of(days[-flow.DAYS :]),
        days=days[-flow.DAYS :],
        draw=chart,
        ways=flow.WAYS,
        today_by_way=flow.by_way(days[-1:]),
        month_by_way=flow.by_way(month),
        today_whole=days[-1].whole,
        month_whole=sum((day.whole for day in month), flow.Flow()),
        counts=counts,
        overdue=sum(overdue for _, overdue in counts.values()),
        words_of=words_of,
        urgent=URGENT,
        refunds=refunds,
        line=line,
        now=here.now,
    )
