"""Opening schools as shelters: two people, one act, doors that say when they have heard, paper in a safe."""

import threading
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError
from weasyprint import HTML

from booking.papers.pdf import pdf_of
from booking.people.models import Account, Role
from booking.places.models import Closure
from booking.reservations.models import Claim, Reservation
from booking.shelter import opening as shelter
from booking.shelter.models import ShelterOpening
from core.audit import AuditEntry
from core.database import retrying
from core.owed import Owed
from locks.modes.models import ModeOrder
from locks.staff.codes import digits_of
from locks.staff.models import StaffCode
from payments.models import Refund
from tests.integration.manage.conftest import Manage
from tests.integration.manage.doors import elsewhere, fit_door, fit_lock, services_of, somebody, speak
from tests.integration.manage.forms import post
from tests.integration.manage.paper import objects_of, text_of
from tests.integration.manage.town import TODAY, actor_of_account

PAGE = "/manage/shelter"


@pytest.fixture
def second(manage: Manage) -> Account:
    return somebody(manage, "second@example.jp", role=Role.MANAGER, name="見本 課長")


@pytest.fixture
def other(manage: Manage, second: Account) -> FlaskClient:
    """The second manager's browser."""
    return manage.client(second)


def wanted(**changed: str) -> dict[str, str]:
    return {
        "opening_id": str(UUID(int=7)),
        "scope": "all",
        "last_day": (TODAY + timedelta(days=1)).isoformat(),
        "last_time": "1440",
        "reason": "大雨のため",
        **changed,
    }


def ask(client: FlaskClient, **changed: str) -> str:
    """A request; its page."""
    answer = post(client, PAGE, PAGE, wanted(**changed))
    assert answer.status_code == 303, answer.text
    return answer.location.partition("?")[0]


def states(manage: Manage) -> list[str]:
    with manage.database.reading() as session:
        return list(session.scalars(sa.select(Reservation.state).order_by(Reservation.starts_at)))


def rows(manage: Manage, kind: type) -> list:
    with manage.database.reading() as session:
        return list(session.scalars(sa.select(kind)))


def test_the_preview_counts_whom_it_would_hit_and_writes_nothing(manage: Manage, desk: FlaskClient) -> None:
    page = post(desk, PAGE, f"{PAGE}/preview", wanted()).text
    for words in (
        "予約2件が取り消されます",
        "800円",
        "近くの小学校",
        "遠くの中学校",
        "大雨のため",
        "22日(日) 24:00まで",
    ):
        assert words in page
    assert rows(manage, ShelterOpening) == []
    assert states(manage) == ["used", "confirmed", "requested"]


def test_two_people_open_a_shelter_and_one_ends_it(
    manage: Manage, desk: FlaskClient, other: FlaskClient
) -> None:
    near, far = fit_door(manage, manage.near), fit_door(manage, manage.far, "武道場 入口")
    door = fit_lock(manage, near)
    page = ask(desk)
    assert states(manage) == ["used", "confirmed", "requested"]
    assert rows(manage, ModeOrder) == []
    assert "予約2件が取り消されます" in other.get(page).text
    assert "承認して" not in desk.get(page).text

    for _ in range(2):
        assert post(other, PAGE, f"{page}/approve").status_code == 303
    assert states(manage) == ["used", "revoked", "revoked"]
    with manage.database.reading() as session:
        mails = list(session.scalars(sa.select(Owed).where(Owed.kind == "mail")))
        assert [refund.amount_yen for refund in session.scalars(sa.select(Refund))] == [800]
    assert {mail.payload["params"]["reason"] for mail in mails} == {"避難所の開設のため(大雨のため)"}
    assert len(rows(manage, Closure)) == 2
    assert sorted(order.access_point_id for order in rows(manage, ModeOrder)) == [near, far]

    shown = desk.get(page).text
    assert "0 / 2か所" in shown
    assert "電子錠なし" in shown
    speak(manage, door)
    assert door.desired["config"]["operating_mode"] == "passage"
    assert "1 / 2か所" in desk.get(page).text

    for _ in range(2):
        assert post(desk, PAGE, f"{page}/end").status_code == 303
    with manage.database.reading() as session:
        assert session.scalars(sa.select(Claim).where(Claim.closure_id.is_not(None))).all() == []
    assert "0 / 2か所" in desk.get(page).text
    speak(manage, door)
    assert door.desired["config"]["operating_mode"] == "normal"
    assert "1 / 2か所" in desk.get(page).text
    acts = [entry.act for entry in rows(manage, AuditEntry)]
    for act in ("shelter.request", "shelter.approve", "shelter.end", "mode.passage"):
        assert acts.count(act) == 1


def test_who_asks_cannot_decide(manage: Manage, desk: FlaskClient) -> None:
    page = ask(desk)
    for act in ("approve", "refuse"):
        answer = post(desk, PAGE, f"{page}/{act}")
        assert answer.status_code == 409
        assert "申請した人は承認できません" in answer.text
    assert states(manage) == ["used", "confirmed", "requested"]


def test_without_the_check_the_table_still_wants_two_people(manage: Manage, desk: FlaskClient) -> None:
    page = ask(desk)
    by_one_hand = sa.update(ShelterOpening).values(
        state="open", decided_by=ShelterOpening.requested_by, decided_at=manage.clock.now()
    )
    with pytest.raises(IntegrityError), manage.database.transaction() as session:
        session.execute(by_one_hand)
    assert "承認待ち" in desk.get(page).text


def test_of_two_who_approve_at_once_one_does(manage: Manage, desk: FlaskClient, second: Account) -> None:
    third = somebody(manage, "third@example.jp", role=Role.MANAGER)
    fit_door(manage, manage.near)
    ask(desk)
    began, outcomes = threading.Barrier(2), []

    def decide(account: Account) -> None:
        def once() -> str:
            with manage.database.transaction() as session:
                actor = actor_of_account(account, catalogue_version=0)
                shelter.approve(session, actor=actor, opening_id=UUID(int=7), now=manage.clock.now())
                return "opened"

        began.wait(20)
        try:
            outcomes.append(retrying(once))
        except shelter.DecidedAlready:
            outcomes.append("too late")

    threads = [threading.Thread(target=decide, args=(account,)) for account in (second, third)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["opened", "too late"]
    assert len(rows(manage, Closure)) == 2
    assert len(rows(manage, ModeOrder)) == 1
    assert len(rows(manage, Refund)) == 1


def test_a_refusal_changes_nothing_and_is_final(
    manage: Manage, desk: FlaskClient, other: FlaskClient
) -> None:
    page = ask(desk)
    for _ in range(2):
        assert post(other, PAGE, f"{page}/refuse").status_code == 303
    assert "却下" in desk.get(page).text
    assert post(other, PAGE, f"{page}/approve").status_code == 409
    assert post(other, PAGE, f"{page}/end").status_code == 409
    assert states(manage) == ["used", "confirmed", "requested"]
    assert rows(manage, Closure) == []


def test_the_same_form_twice_is_one_request_and_another_hand_cannot_take_its_id(
    manage: Manage, desk: FlaskClient, other: FlaskClient
) -> None:
    assert ask(desk) == ask(desk)
    assert len(rows(manage, ShelterOpening)) == 1
    assert post(other, PAGE, PAGE, wanted()).status_code == 404


def test_only_the_schools_with_a_tick_are_closed(
    manage: Manage, desk: FlaskClient, other: FlaskClient
) -> None:
    page = ask(desk, scope="chosen", facility=str(manage.far.facility_id))
    post(other, PAGE, f"{page}/approve")
    assert states(manage) == ["used", "confirmed", "revoked"]


def test_a_request_whose_time_is_over_cannot_be_approved(
    manage: Manage, desk: FlaskClient, other: FlaskClient
) -> None:
    page = ask(desk, last_day=TODAY.isoformat(), last_time="600")
    manage.clock.advance(timedelta(hours=2))
    assert post(other, PAGE, f"{page}/approve").status_code == 409
    assert rows(manage, Closure) == []


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"scope": "chosen"}, 400),
        ({"scope": "chosen", "facility": "99999"}, 404),
        ({"scope": "chosen", "facility": "x"}, 400),
        ({"last_day": ""}, 400),
        ({"last_day": TODAY.isoformat(), "last_time": "0"}, 400),
        ({"last_day": (TODAY + timedelta(days=93)).isoformat()}, 400),
        ({"reason": " "}, 400),
        ({"reason": "あ" * 61}, 400),
        ({"opening_id": "x"}, 400),
    ],
)
def test_what_cannot_be_asked_is_refused(
    manage: Manage, desk: FlaskClient, changed: dict[str, str], status: int
) -> None:
    answer = post(desk, PAGE, PAGE, wanted(**changed))
    assert answer.status_code == status
    assert rows(manage, ShelterOpening) == []


def test_another_municipalitys_schools_and_openings_are_not_there(manage: Manage, desk: FlaskClient) -> None:
    place = elsewhere(manage)
    refused = post(desk, PAGE, PAGE, wanted(scope="chosen", facility=str(place.facility_id)))
    assert refused.status_code == 404
    page = ask(desk)
    with manage.database.transaction() as session:
        session.execute(sa.update(ShelterOpening).values(municipality_id=2))
    assert desk.get(page).status_code == 404
    assert post(desk, PAGE, f"{page}/end").status_code == 404


def test_forms_without_their_token_do_nothing(manage: Manage, desk: FlaskClient, other: FlaskClient) -> None:
    page = ask(desk)
    for act in (f"{page}/approve", f"{page}/refuse", f"{page}/end", f"{PAGE}/sheet"):
        assert other.post(act).status_code == 400
    assert [one.state for one in rows(manage, ShelterOpening)] == ["requested"]
    assert all(code.printed_at is None for code in rows(manage, StaffCode))


def emergency_codes(manage: Manage) -> list[str]:
    keyring = services_of(manage).keyring
    return [digits_of(keyring, code) for code in rows(manage, StaffCode)]


def test_the_sheet_is_paper_with_every_code_and_its_printing_on_record(
    manage: Manage, desk: FlaskClient
) -> None:
    fit_door(manage, manage.near)
    assert "作り直してください" in desk.get(PAGE).text
    assert desk.get(f"{PAGE}/sheet").status_code in (404, 405)
    answer = post(desk, PAGE, f"{PAGE}/sheet")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content_type == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    assert all(code.printed_at == manage.clock.now() for code in rows(manage, StaffCode))
    assert "に作った一覧が使えます" in desk.get(PAGE).text
    (entry,) = [entry for entry in rows(manage, AuditEntry) if entry.act == "emergency.sheet"]
    (code,) = emergency_codes(manage)
    text = text_of(answer.data)
    for words in ("緊急用番号一覧", "近くの小学校", "体育館 入口", "1 / 1", f"{code[:5]} {code[5:]}"):
        assert words in text
    inside = b"".join(objects_of(answer.data).values())
    for said in (b"/Lang (ja)", b"/Marked true", b"/DisplayDocTitle true"):
        assert said in inside
    assert code not in str(entry.detail)
    assert entry.actor == str(manage.manager.id)


def has_attachment(pdf: bytes) -> bool:
    return any(b"/EmbeddedFile" in body for body in objects_of(pdf).values())


def test_a_sheet_fetches_nothing_and_without_the_refusal_it_would(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("not for paper")
    html = (
        f'<html lang="ja"><title>t</title><p>before<a rel="attachment" href="{secret.as_uri()}">x</a></html>'
    )
    paper = pdf_of(html)
    assert "before" in text_of(paper)
    assert not has_attachment(paper)
    assert has_attachment(HTML(string=html).write_pdf())
