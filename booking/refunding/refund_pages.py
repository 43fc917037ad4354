"""Managers: every refund by its state, batches and reviews that wait, and the ways to the pages beside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.refunding import batch_queries, by_hand, reviews
from booking.refunding.batch_queries import Candidate
from booking.refunding.batches import MAX_REASON
from core.errors import NotThere, Refused
from payments import refund_list
from payments.refund_list import RefundEntry

pages = Blueprint("manage_refunds", __name__)

PAGE = "/manage/money/refunds"
_DONE = {
    "given": "職員による還付を作成しました。限度額を超えるときは、ほかの管理者の承認を待ちます。",
    "refused": "返金しないことにしました。利用者にメールでお知らせします。",
    "decided": "この返金は、すでに決まっています。",
}


@dataclass(frozen=True, slots=True)
class RefundOnPage:
    """A refund with the reservation it is for; None: it is for something else (an invoice)."""

    entry: RefundEntry
    reservation: Candidate | None
    is_late: bool


@pages.get(PAGE)
@manager_only
def show_refunds() -> ResponseReturnValue:
    """What waits for somebody on top, what is under way, and what is back."""
    return _page()


@pages.post(f"{PAGE}/reviews/<uuid:reservation_id>")
@manager_only
def decide_review(reservation_id: UUID) -> ResponseReturnValue:
    """Decide a review for which no lock speaks; twice is the same as once."""
    gives = request.form.get("decision") == "give"
    try:
        with writing() as here:
            is_done = by_hand.decide(
                here.session,
                actor=here.actor,
                reservation_id=reservation_id,
                gives=gives,
                reason=request.form.get("reason", ""),
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        return _page(error, reservation_id), status_of(error)
    done = ("given" if gives else "refused") if is_done else "decided"
    return redirect(f"{PAGE}?done={done}", code=303)


def _page(error: Refused | None = None, refused: UUID | None = None) -> str:
    with reading() as here:
        town = {"municipality_id": here.municipality_id}
        unfinished = refund_list.unfinished(here.session, **town)
        finished = refund_list.finished(here.session, **town)
        waiting = reviews.waiting(here.session, **town)
        about = _reservations(
            here,
            [entry.reference for entry in (*unfinished, *finished)],
            [one.reservation_id for one in waiting],
        )
        return render_template(
            "manage/refunds/list.html",
            batches=batch_queries.batches(here.session, municipality_id=here.municipality_id, waiting=True),
            decided=batch_queries.batches(
                here.session, municipality_id=here.municipality_id, waiting=False, limit=10
            ),
            unfinished=_with(unfinished, about, here.now),
            finished=_with(finished, about, here.now),
            reviews=[(one, about.get(one.reservation_id)) for one in waiting],
            listed_before=here.now - by_hand.LISTED_AFTER,
            refused=refused,
            reason=request.form.get("reason", ""),
            max_reason=MAX_REASON,
            error=error,
            done=_DONE.get(request.args.get("done", "")) if error is None else None,
            me=here.actor.account_id,
            now=here.now,
        )


def _with(entries: Sequence[RefundEntry], about: dict[UUID, Candidate], now: datetime) -> list[RefundOnPage]:
    found = [RefundOnPage(entry, about.get(entry.reference), entry.is_late(now)) for entry in entries]
    # Failed ones are first already; what has become slow joins them.
    return sorted(found, key=lambda line: not line.is_late)


def _reservations(here: Here, *ids: Sequence[UUID]) -> dict[UUID, Candidate]:
    wanted = sorted({id_ for some in ids for id_ in some})
    found = batch_queries.candidates_of(here.session, municipality_id=here.municipality_id, ids=wanted)
    return {line.id: line for line in found}
