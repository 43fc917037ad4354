"""代行予約: staff hold for a group under the same rules; the group is told, the audit says who it was."""

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from booking.counter import proxy
from booking.people.models import Member
from booking.reservations.models import Channel, State
from booking.reservations.refusals import PostpaidNotAllowed, SlotTaken
from core.audit import AuditEntry
from core.errors import NotThere
from core.ids import new_id
from core.window import Window
from payments.states import Method
from tests.integration.booking.town import NOW, window
from tests.integration.counter.conftest import Counter
from tests.integration.pages.conftest import send

PAGE = "/manage/money/counter/book"


def desk_of(office: Counter) -> FlaskClient:
    return office.site.browser(office.staff.account_id)


def press(office: Counter, wanted: Window, **changed: object) -> TestResponse:
    """Fill the form in and press the button."""
    town = office.site.town
    fields: dict[str, object] = {
        "offering": town.full,
        "day": "2026-11-28",
        "band": f"{wanted.granules.start}-{len(wanted.granules)}",
        "group_id": town.general,
        "channel": "phone",
        "pays_by": "stripe",
        "request_key": str(new_id(NOW)),
    }
    return send(desk_of(office), "/sessions", PAGE, **(fields | changed))


def test_a_band_that_is_free_is_offered_and_held_for_the_group(office: Counter) -> None:
    wanted = window(10, 12)
    offered = desk_of(office).get(f"{PAGE}?offering={office.site.town.full}&day=2026-11-28").text
    assert f'value="{wanted.granules.start}-{len(wanted.granules)}"' in offered
    answer = press(office, wanted)
    assert answer.status_code == 303
    reservation_id = answer.location.rsplit("/", 1)[1]
    assert "現金600円を受け取った" in desk_of(office).get(answer.location).text
    with office.database.reading() as session:
        row = session.execute(sa.text("SELECT state, channel, account_id FROM reservation")).one()
        acts = session.scalars(sa.select(AuditEntry)).all()
    assert (row.state, row.channel) == (State.HELD, Channel.PHONE)
    assert [(act.act, act.actor, act.subject) for act in acts] == [
        ("counter.hold_for_group", str(office.staff.account_id), reservation_id)
    ]
    assert office.site.resident().get(f"/reservations/{reservation_id}").status_code == 200


def test_the_same_tap_twice_is_one_reservation_and_one_entry(office: Counter) -> None:
    key = str(new_id(NOW))
    first, second = (press(office, window(10, 12), request_key=key) for _ in range(2))
    assert first.location == second.location
    with office.database.reading() as session:
        assert len(session.scalars(sa.select(AuditEntry)).all()) == 1


def test_what_is_taken_is_taken_for_staff_too(office: Counter) -> None:
    office.held(window(10, 12))
    answer = press(office, window(10, 12))
    assert answer.status_code == 409
    assert SlotTaken.sentence in answer.text


def test_later_payment_only_for_groups_that_may(office: Counter) -> None:
    answer = press(office, window(10, 12), pays_by="invoice")
    assert PostpaidNotAllowed.sentence in answer.text
    office.make_postpaid()
    assert press(office, window(10, 12), pays_by="invoice").status_code == 303
    assert office.books() == {"receivables": 600, "usage_fees": -600}


@pytest.mark.parametrize("missing", ["channel", "band", "request_key", "group_id", "offering"])
def test_without_one_of_the_fields_nothing_is_held(office: Counter, missing: str) -> None:
    assert press(office, window(10, 12), **{missing: ""}).status_code == 400
    assert office.site.town.claims() == set()


def test_a_group_that_nobody_stands_for_is_refused(office: Counter) -> None:
    with office.database.transaction() as session:
        session.execute(sa.delete(Member))
    answer = press(office, window(10, 12))
    assert proxy.NobodyStandsForIt.sentence in answer.text


def test_a_resident_holds_nothing_for_others(office: Counter) -> None:
    town = office.site.town
    assert office.site.resident().get(PAGE).status_code == 404
    actor = town.actor()
    with pytest.raises(NotThere), office.database.transaction() as session:
        proxy.hold_for(
            session,
            actor=actor,
            group_id=town.general,
            offering_id=town.full,
            window=window(10, 12),
            channel=Channel.COUNTER,
            pays_by=Method.STRIPE,
            request_key=str(new_id(NOW)),
            now=NOW,
        )
