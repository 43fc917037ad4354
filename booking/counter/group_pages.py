"""/manage/money/invoices/groups: which groups are from out of town, commercial, or pay by monthly invoice."""

from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.counter.group_terms import MAX_REASON, GroupTerms, groups, set_terms
from core.errors import NotThere, Refused

pages = Blueprint("group_terms", __name__)

PAGE = "/manage/money/invoices/groups"
_DONE = {
    "changed": "団体の区分を変更しました。次の予約から適用します。すでに予約したものの料金は変わりません。",
    "same": "変更はありません。",
}


@pages.get(PAGE)
@manager_only
def show_groups() -> ResponseReturnValue:
    """Every group and what is decided about it."""
    return _groups(None)


@pages.post(f"{PAGE}/<uuid:group_id>")
@manager_only
def set_group(group_id: UUID) -> ResponseReturnValue:
    """Decide about a group; the same again changes nothing."""
    try:
        with writing() as here:
            changed = set_terms(
                here.session,
                actor=here.actor,
                group_id=group_id,
                terms=_sent(),
                reason=request.form.get("reason", ""),
                now=here.now,
            )
    except NotThere:
        raise
    except Refused as error:
        return _groups(error, group_id)
    return redirect(f"{PAGE}?done={'changed' if changed else 'same'}", code=303)


def _sent() -> GroupTerms:
    sent = request.form
    return GroupTerms(
        is_out_of_town=sent.get("is_out_of_town") == "1",
        is_commercial=sent.get("is_commercial") == "1",
        is_postpaid=sent.get("is_postpaid") == "1",
    )


def _groups(error: Refused | None, group_id: UUID | None = None) -> ResponseReturnValue:
    with reading() as here:
        page = render_template(
            "manage/counter/groups.html",
            groups=groups(here.session, municipality_id=here.municipality_id),
            refused=group_id,
            sent=_sent(),
            reason=request.form.get("reason", ""),
            max_reason=MAX_REASON,
            done=_DONE.get(request.args.get("done", "")) if error is None else None,
            error=error,
        )
    return (page, status_of(error)) if error else page
