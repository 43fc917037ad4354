"""Managers: the register of papers, and who stands on them."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import day_of, month_of
from booking.papers import issuers, register
from booking.papers.issuers import IssuerWords, set_issuer
from booking.papers.kinds import WORDS, Kind
from booking.papers.models import Issuer
from booking.papers.registration import registration_number_of
from core.clock import civil_day
from core.errors import BadInput

pages = Blueprint("manage_papers", __name__)

PAGE = "/manage/money/papers"
_ISSUER = f"{PAGE}/issuer"
_FIELDS = ("name", "department", "address", "telephone", "registration_number", "permit_conditions")


@pages.get(PAGE)
@manager_only
def show_register() -> ResponseReturnValue:
    """What was issued, by kind and month or by number; and whether numbers have a gap."""
    with reading() as here:
        sent = request.args
        kind = Kind(sent["kind"]) if sent.get("kind") in set(Kind) else None
        sought = sent.get("q", "").strip()[:40]
        month = month_of(sent["month"], now=here.now) if sent.get("month") else None
        return render_template(
            "manage/papers/register.html",
            papers=register.papers(
                here.session, municipality_id=here.municipality_id, kind=kind, month=month, sought=sought
            ),
            series=register.series(here.session, municipality_id=here.municipality_id),
            has_issuer=bool(issuers.issuers(here.session, municipality_id=here.municipality_id)),
            kind=kind,
            month=month,
            sought=sought,
            WORDS=WORDS,
        )


@pages.get(_ISSUER)
@manager_only
def show_issuer() -> ResponseReturnValue:
    """Who stands on papers, since when, and a form for a change."""
    with reading() as here:
        standing = issuers.issuer_or_none(
            here.session, municipality_id=here.municipality_id, day=civil_day(here.now)
        )
        return _issuer_page(here, _typed(standing, civil_day(here.now)), None)


@pages.post(_ISSUER)
@manager_only
def change_issuer() -> ResponseReturnValue:
    """Write who stands on papers from a day on."""
    try:
        with writing() as here:
            sent = request.form
            set_issuer(
                here.session,
                actor=here.actor,
                valid_from=day_of(sent.get("valid_from", ""), now=here.now),
                words=IssuerWords(
                    name=sent.get("name", "").strip(),
                    department=sent.get("department", "").strip(),
                    address=sent.get("address", "").strip(),
                    telephone=sent.get("telephone", "").strip(),
                    registration_number=registration_number_of(sent.get("registration_number", "")),
                    permit_conditions="\n".join(
                        line.strip()
                        for line in sent.get("permit_conditions", "").splitlines()
                        if line.strip()
                    ),
                ),
                now=here.now,
            )
    except BadInput as error:
        with reading() as here:
            return _issuer_page(here, request.form, error), status_of(error)
    return redirect(f"{_ISSUER}?done=1", code=303)


def _issuer_page(here: Here, wanted: Mapping[str, str], error: BadInput | None) -> str:
    rows = issuers.issuers(here.session, municipality_id=here.municipality_id)
    return render_template(
        "manage/papers/issuer.html",
        issuers=rows,
        ends={later.valid_from: earlier.valid_from for earlier, later in pairwise(rows)},
        today=civil_day(here.now),
        wanted={name: wanted.get(name, "") for name in (*_FIELDS, "valid_from")},
        lengths=issuers.LENGTHS,
        max_condition=issuers.MAX_CONDITION,
        max_conditions=issuers.MAX_CONDITIONS,
        is_done=request.args.get("done") == "1",
        error=error,
    )


def _typed(standing: Issuer | None, today: date) -> Mapping[str, str]:
    """The form as it opens: what counts today, from today on."""
    if standing is None:
        return {"valid_from": today.isoformat()}
    return {
        **{name: getattr(standing, name) or "" for name in _FIELDS},
        "valid_from": today.isoformat(),
    }
