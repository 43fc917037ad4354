"""Managers: every refund by its state, batches and reviews that wait, and the ways to the pages beside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading
from booking.refunding import batch_queries, reviews
from booking.refunding.batch_queries import Candidate
from payments import refund_list
from payments.refund_list import RefundEntry

pages = Blueprint("manage_refunds", __name__)

PAGE = "/manage/money/refunds"


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
