"""Managers: applications for relief, what waits first, and the decision."""

from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import number_of
from booking.fees import relief, relief_queries
from booking.fees.documents import SUFFIXES
from booking.fees.payer import Scope
from core.errors import BadInput, NotThere, Refused

pages = Blueprint("manage_relief", __name__)

_LISTED = 100
_DONE = {
    "granted": "減免を決定しました。団体へメールでお知らせします。",
    "refused": "減免しないことを、団体へメールでお知らせします。",
}


@pages.get("/manage/money/relief")
@manager_only
def show_applications() -> ResponseReturnValue:
    """The undecided ones first."""
    with reading() as here:
        return _page(here)


@pages.post("/manage/money/relief/<uuid:application_id>/decide")
@manager_only
def decide_application(application_id: UUID) -> ResponseReturnValue:
    """Grant or refuse one."""
    try:
        with writing() as here:
            decided = relief.decide(
                here.session,
                actor=here.actor,
                application_id=application_id,
                decision=_decision(),
                now=here.now,
            )
            done = decided.state
    except NotThere:
        raise
    except Refused as error:
        with reading() as here:
            return _page(here, error=error, about=application_id), status_of(error)
    return redirect(f"/manage/money/relief?done={done}", code=303)


@pages.get("/manage/money/relief/<uuid:application_id>/document")
@manager_only
def open_document(application_id: UUID) -> ResponseReturnValue:
    """The document, to be saved: a stranger's file is never shown as a page of ours."""
    with reading() as here:
        kind, content = relief_queries.document_of(
            here.session, municipality_id=here.municipality_id, application_id=application_id
        )
    answer = make_response(content)
    # Named by us: the sender's name is shown on the page, and is nobody's file name.
    name = f"relief-{application_id}.{SUFFIXES[kind]}"
    answer.headers["Content-Type"] = kind
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _decision() -> relief.Decision:
    """What was chosen; `percent` is read where it counts."""
    chosen = request.form.get("decision", "")
    reason = request.form.get("reason", "")
    if chosen == "refuse":
        return relief.Decision(None, None, reason)
    if chosen not in list(Scope):
        raise BadInput("decision", sentence="決定の内容を選んでください。")
    scope = Scope(chosen)
    if scope is not Scope.PERCENT:
        return relief.Decision(scope, None, reason)
    try:
        return relief.Decision(scope, number_of(request.form, "percent", least=1, most=100), reason)
    except BadInput:
        raise BadInput("percent", sentence="割合は1から100までの数で入力してください。") from None


def _page(here: Here, *, error: Refused | None = None, about: UUID | None = None) -> str:
    lines = relief_queries.of_municipality(here.session, municipality_id=here.municipality_id, limit=_LISTED)
    return render_template(
        "manage/fees/relief.html",
        waiting=[line for line in lines if line.is_open],
        closed=[line for line in lines if not line.is_open],
        error=error,
        about=about,
        sent=request.form if error else {},
        max_text=relief.MAX_TEXT,
        done=None if error else _DONE.get(request.args.get("done", "")),
        now=here.now,
    )
