"""Managers decide what a group is to the fees and whether it pays later; what is sold keeps its price."""

from dataclasses import replace
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.counter.group_terms import GroupTerms, set_terms
from booking.fees.models import FeeFactor
from booking.people.models import Group
from booking.places.catalogue import bump
from booking.reservations.models import Reservation
from core.audit import AuditEntry
from core.clock import civil_day
from core.errors import NotThere
from tests.integration.booking.town import NOW, window
from tests.integration.counter.conftest import Counter
from tests.integration.pages.conftest import book, send

PAGE = "/manage/money/invoices/groups"
PLAIN = GroupTerms(is_out_of_town=False, is_commercial=False, is_postpaid=False)


def decide(office: Counter, **sent: object) -> str:
    """The manager sends the form; where it leads, or the refusal's page."""
    browser = office.site.browser(office.staff.account_id)
    fields = {"reason": "規則第3条による"} | sent
    answer = send(browser, PAGE, f"{PAGE}/{office.site.town.general}", **fields)
    return str(answer.location) if answer.status_code == 303 else answer.text


def terms_of(office: Counter) -> GroupTerms:
    with office.database.reading() as session:
        group = session.get_one(Group, office.site.town.general)
        return GroupTerms(group.is_out_of_town, group.is_commercial, group.is_postpaid)


def details(office: Counter) -> list[dict[str, object]]:
    with office.database.reading() as session:
        found = (
            sa.select(AuditEntry.detail)
            .where(AuditEntry.act == "group.set_terms")
            .order_by(AuditEntry.number)
        )
        return list(session.scalars(found))


def doubled(office: Counter, kind: str) -> None:
    """From today on such groups pay twice the base."""
    with office.database.transaction() as session:
        session.add(
            FeeFactor(
                municipality_id=office.site.town.municipality_id,
                kind=kind,
                item="base",
                valid_from=civil_day(NOW),
                percent=200,
            )
        )
        bump(session, office.site.town.municipality_id)


def sold(office: Counter, first: float) -> int:
    """A booking by the resident's own hand; its price."""
    made = book(office.site, office.site.resident(), window(first, first + 2))
    return office.reservation(UUID(str(made.location).rsplit("/", 1)[1])).amount_yen


@pytest.mark.parametrize("name", ["is_out_of_town", "is_commercial", "is_postpaid"])
def test_each_is_set_once_with_a_reason_that_is_kept_and_taken_back(office: Counter, name: str) -> None:
    assert "理由を200文字以内で書いてください" in decide(office, **{name: 1, "reason": " "})
    assert terms_of(office) == PLAIN
    assert [decide(office, **{name: 1}) for _ in range(2)] == [f"{PAGE}?done=changed", f"{PAGE}?done=same"]
    assert terms_of(office) == replace(PLAIN, **{name: True})
    assert decide(office, reason="取りやめ") == f"{PAGE}?done=changed"
    assert terms_of(office) == PLAIN
    assert details(office) == [
        {"reason": "規則第3条による", name: True},
        {"reason": "取りやめ", name: False},
    ]


@pytest.mark.parametrize("kind", ["out_of_town", "commercial"])
def test_the_next_booking_has_the_new_price_and_what_is_sold_its_own(office: Counter, kind: str) -> None:
    doubled(office, kind)
    assert sold(office, 10) == 600
    decide(office, **{f"is_{kind}": 1})
    assert sold(office, 13) == 1200
    with office.database.reading() as session:
        prices = session.scalars(sa.select(Reservation.amount_yen).order_by(Reservation.starts_at)).all()
    assert prices == [600, 1200]


def test_control_without_the_decision_the_factor_costs_nobody_anything(office: Counter) -> None:
    doubled(office, "out_of_town")
    assert [sold(office, 10), sold(office, 13)] == [600, 600]


def test_a_refused_form_keeps_what_was_ticked(office: Counter) -> None:
    page = decide(office, is_out_of_town=1, is_commercial=1, reason="")
    assert page.count(" checked") == 2
    assert page.count("<details open>") == 1


def test_the_page_says_what_each_group_is(office: Counter) -> None:
    decide(office, is_out_of_town=1, is_postpaid=1)
    page = office.site.browser(office.staff.account_id).get(f"{PAGE}?done=changed").text
    for words in ("団体の区分と後納", "市外", "市内", "後納", "そのつど支払い", "料金は変わりません"):
        assert words in page


def test_another_towns_manager_and_a_resident_find_no_such_group(office: Counter) -> None:
    town = office.site.town
    with office.database.transaction() as session:
        others = (
            replace(office.staff, municipality_id=town.municipality_id + 1),
            town.actor(session=session),
        )
        for actor in others:
            with pytest.raises(NotThere):
                set_terms(
                    session,
                    actor=actor,
                    group_id=town.general,
                    terms=replace(PLAIN, is_postpaid=True),
                    reason="x",
                    now=NOW,
                )
    assert terms_of(office) == PLAIN
