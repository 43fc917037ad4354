"""Managers: what comes back when, scope by scope, and a form for a new rule from a day on."""

from collections.abc import Mapping
from datetime import date, timedelta

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, manager_only, reading, writing
from booking.app.http_errors import status_of
from booking.app.parsing import number_of
from booking.places.catalogue import catalogue
from booking.places.entries import Catalogue
from booking.places.models import SpaceKind
from booking.refunding import policies
from booking.refunding.policies import MAX_STAGES, Terms
from booking.refunding.policy_models import RefundPolicy
from booking.refunding.refund_pages import PAGE as REFUNDS
from booking.reservations.words import before_start
from core.clock import civil_day
from core.errors import BadInput

pages = Blueprint("manage_refund_policies", __name__)

PAGE = f"{REFUNDS}/policies"
KINDS = {SpaceKind.GYM: "体育館", SpaceKind.GROUND: "グラウンド", SpaceKind.MARTIAL_ARTS_ROOM: "武道場"}
_UNITS = {"days": 86400, "hours": 3600}
_STAGE_FIELDS = tuple(
    f"{name}-{number}" for number in range(1, MAX_STAGES + 1) for name in ("before", "unit", "percent")
)
FIELDS = ("scope", "valid_from", "kept_yen", "unused_percent", "alert_percent", *_STAGE_FIELDS)
_DONE = {
    "added": "還付の決まりを登録しました。すでに申し込まれた予約には、申込み時の決まりがそのまま使われます。"
}


@pages.get(PAGE)
@manager_only
def show_policies() -> ResponseReturnValue:
    """The rules, and a form for one more."""
    with reading() as here:
        tomorrow = civil_day(here.now) + timedelta(days=1)
        wanted = {"valid_from": tomorrow.isoformat(), "before-1": "1", "percent-1": "100"}
        return _page(here, {**wanted, "kept_yen": "0", "unused_percent": "0", "alert_percent": "100"})


@pages.post(PAGE)
@manager_only
def add() -> ResponseReturnValue:
    """Add it; what is sold keeps its own."""
    try:
        with writing() as here:
            facility_id, kind = _scope_of(request.form.get("scope", ""))
            policies.add(
                here.session,
                actor=here.actor,
                facility_id=facility_id,
                space_kind=kind,
                valid_from=_day_of(request.form.get("valid_from", "")),
                terms=_terms_of(),
                now=here.now,
            )
    except BadInput as error:
        with reading() as here:
            return _page(here, request.form, error=error), status_of(error)
    return redirect(f"{PAGE}?done=added", code=303)


def _scope_of(text: str) -> tuple[int | None, SpaceKind | None]:
    """`town`, `kind-<kind>` or `facility-<id>`."""
    what, _, which = text.partition("-")
    try:
        if what == "kind":
            return None, SpaceKind(which)
        if what == "facility":
            return int(which[:9]), None
    except ValueError as error:
        raise BadInput("scope", sentence="対象を選んでください。") from error
    if what != "town":
        raise BadInput("scope", sentence="対象を選んでください。")
    return None, None


def _day_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput("valid_from", sentence="適用を始める日を選んでください。") from error


def _terms_of() -> Terms:
    form, stages = request.form, []
    try:
        for number in range(1, MAX_STAGES + 1):
            if not form.get(f"before-{number}", "").strip():
                continue
            unit = _UNITS.get(form.get(f"unit-{number}", "days"), 86400)
            before = number_of(form, f"before-{number}", least=0, most=10_000)
            stages.append((before * unit, number_of(form, f"percent-{number}", least=0, most=100)))
        return Terms(
            stages=tuple(stages),
            kept_yen=number_of(form, "kept_yen", least=0, most=1_000_000, default=0),
            unused_percent=number_of(form, "unused_percent", least=0, most=100, default=0),
            alert_percent=number_of(form, "alert_percent", least=0, most=100, default=100),
        )
    except BadInput as error:
        raise BadInput(str(error), sentence="数字を確認してください。割合は0から100までです。") from error


def _page(here: Here, wanted: Mapping[str, str], *, error: BadInput | None = None) -> str:
    places = catalogue(here.session, here.municipality_id, version=here.catalogue_version)
    listed = policies.of_municipality(here.session, municipality_id=here.municipality_id)
    today = civil_day(here.now)
    return render_template(
        "manage/refunds/policies.html",
        lines=[_line(places, policy, listed, today) for policy in listed],
        fallback=before_start(places.rules.free_cancel_until_s),
        facilities=places.facilities(today),
        kinds=KINDS,
        numbers=range(1, MAX_STAGES + 1),
        wanted={name: wanted.get(name, "") for name in FIELDS},
        today=today,
        error=error,
        done=_DONE.get(request.args.get("done", "")),
    )


def _line(
    places: Catalogue, policy: RefundPolicy, listed: list[RefundPolicy], today: date
) -> dict[str, object]:
    scope = (policy.facility_id, policy.space_kind)
    begun = [one for one in listed if (one.facility_id, one.space_kind) == scope and one.valid_from <= today]
    terms = policies.terms_of(policy)
    words = [] if policy.facility_id is None else [places.facility_name(policy.facility_id, on=today)]
    if policy.space_kind is not None:
        words.append(KINDS[SpaceKind(policy.space_kind)])
    return {
        "place": " ".join(words) or "全体",
        "valid_from": policy.valid_from,
        "state": "future" if policy.valid_from > today else "now" if begun[:1] == [policy] else "past",
        "stages": [(before_start(before_s), percent) for before_s, percent in terms.stages],
        "terms": terms,
    }
