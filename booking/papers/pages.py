"""A group's papers: the month's, those of one reservation, one of them, its PDF, whom it is addressed to."""

from datetime import date
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, reading, signed_in, writing
from booking.app.http_errors import status_of
from booking.app.parsing import month_of
from booking.papers import offers, register
from booking.papers.addressee import MAX_ADDRESSEE, change_addressee
from booking.papers.issuing import issue_for
from booking.papers.kinds import WORDS, Kind, number_words
from booking.papers.pdf import pdf_of
from booking.papers.printing import disposition, hand_out, visible
from booking.papers.statements import month_after
from booking.papers.voids import voids_of
from booking.reservations import queries
from core.clock import civil_day
from core.errors import BadInput, NotThere, Refused

pages = Blueprint("papers", __name__)

_ONE = "/papers/<uuid:paper_id>"


@pages.get("/my/papers")
@signed_in
def mine() -> ResponseReturnValue:
    """The papers of a month, group by group."""
    with reading() as here:
        month = month_of(request.args.get("month"), now=here.now)
        groups = here.actor.groups
        found = offers.of_month(
            here.session, municipality_id=here.municipality_id, groups=groups, month=month, now=here.now
        )
    return render_template(
        "papers/mine.html",
        groups=[(group, found[group.id]) for group in groups],
        month=month,
        month_before=_month_before(month),
        month_after=month_after(month) if month_after(month) <= civil_day(here.now) else None,
        WORDS=WORDS,
        error=None,
    )


@pages.get("/reservations/<uuid:reservation_id>/papers")
@signed_in
def of_reservation(reservation_id: UUID) -> ResponseReturnValue:
    """The papers about one reservation."""
    with reading() as here:
        return _of_reservation(here, reservation_id, None)


@pages.post("/papers")
@signed_in
def issue_one() -> ResponseReturnValue:
    """Issue a paper, or find the one that was issued: the same form sent twice is one paper."""
    kind = _kind()
    try:
        with writing() as here:
            paper = issue_for(
                here.session,
                actor=here.actor,
                kind=kind,
                subject=request.form.get("subject", ""),
                now=here.now,
            )
            paper_id = paper.id
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            is_manager = here.actor.is_manager
        page = render_template("papers/refused.html", kind=WORDS[kind], error=error, is_manager=is_manager)
        return page, status_of(error)
    return redirect(f"/papers/{paper_id}", code=303)


@pages.get(_ONE)
@signed_in
def one(paper_id: UUID) -> ResponseReturnValue:
    """A paper on the screen; looking at it is no print."""
    with reading() as here:
        return _one(here, paper_id, None)


@pages.post(f"{_ONE}/addressee")
@signed_in
def address(paper_id: UUID) -> ResponseReturnValue:
    """Address it to somebody else, once."""
    try:
        with writing() as here:
            change_addressee(
                here.session,
                actor=here.actor,
                paper_id=paper_id,
                text=request.form.get("addressee", ""),
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _one(here, paper_id, error), status_of(error)
    return redirect(f"/papers/{paper_id}?done=addressee", code=303)


@pages.get(f"{_ONE}.pdf")
@signed_in
def download(paper_id: UUID) -> ResponseReturnValue:
    """The paper as PDF/UA, counted before it leaves: an uncounted original would be followed by another."""
    if request.method == "HEAD":
        with reading() as here:
            visible(here.session, actor=here.actor, paper_id=paper_id)
        answer = make_response()
    else:
        with writing() as here:
            paper = hand_out(here.session, actor=here.actor, paper_id=paper_id, now=here.now)
        answer = make_response(pdf_of(render_template(f"papers/pdf/{paper.kind}.html", paper=paper)))
        plain = f"{paper.kind}-{paper.issued_at:%Y%m%d}.pdf"
        answer.headers["Content-Disposition"] = disposition(paper.file_name, plain=plain)
    answer.headers["Content-Type"] = "application/pdf"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _kind() -> Kind:
    try:
        return Kind(request.form.get("kind", ""))
    except ValueError:
        raise BadInput("kind") from None


def _one(here: Here, paper_id: UUID, error: Refused | None) -> str:
    paper = visible(here.session, actor=here.actor, paper_id=paper_id)
    kind = Kind(paper.kind)
    is_own = here.actor.group_or_none(paper.group_id) is not None
    voided_at = voids_of(here.session, [paper]).get(paper.id)
    return render_template(
        "papers/one.html",
        paper=paper,
        kind=kind,
        title=WORDS[kind],
        number=number_words(kind, paper.fiscal_year, paper.number),
        voided_at=voided_at,
        prints=register.prints(here.session, paper.id),
        is_own=is_own,
        is_manager=here.actor.is_manager,
        can_address=is_own
        and kind is not Kind.PERMIT
        and paper.addressee_changed_at is None
        and voided_at is None,
        wanted=request.form.get("addressee", paper.addressee),
        max_addressee=MAX_ADDRESSEE,
        is_done=request.args.get("done") == "addressee",
        error=error,
    )


def _of_reservation(here: Here, reservation_id: UUID, error: Refused | None) -> str:
    line = queries.one(here.session, actor=here.actor, reservation_id=reservation_id)
    found = offers.of_reservation(
        here.session, municipality_id=here.municipality_id, reservation_id=line.id, group_id=line.group_id
    )
    return render_template("papers/of_reservation.html", line=line, offers=found, WORDS=WORDS, error=error)


def _month_before(month: date) -> date:
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
