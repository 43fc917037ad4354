"""One's own staff codes: shown in their validity to the person they belong to, and to nobody else."""

from flask import Blueprint, make_response, render_template
from flask.typing import ResponseReturnValue

from booking.app.guards import reading, signed_in
from booking.notices.texts import window_in_words
from core.errors import NotThere
from locks.staff import queries

pages = Blueprint("my_staff_codes", __name__)


@pages.get("/my/staff-codes")
@signed_in
def show_codes() -> ResponseReturnValue:
    """The codes of the rights that are valid now, and when the others begin."""
    with reading() as here:
        own = queries.codes_of_person(
            here.session, here.services.keyring, person=here.actor.account_id, now=here.now
        )
        if not own:
            # Whoever has none need not know that there is such a page.
            raise NotThere("staff codes")
        page = render_template(
            "my/staff_codes.html",
            rights=[(right, window_in_words(right.not_before, right.not_after)) for right in own],
            now=here.now,
        )
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    return answer
