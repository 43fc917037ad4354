"""Papers in the browser of their owner, of staff, and of somebody else."""

import re
from datetime import date
from urllib.parse import quote
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from booking.papers.kinds import Kind, month_subject, subject_of
from booking.papers.models import Issuer, Paper, PaperPrint
from core.audit import AuditEntry
from payments import refunds
from tests.integration.booking.town import account, at, window
from tests.integration.manage.forms import counted
from tests.integration.manage.paper import text_of
from tests.integration.pages.conftest import Site, send
from tests.integration.papers.conftest import issued, paid

FORM = "/sessions"


def tap(client: FlaskClient, kind: Kind, subject: str) -> TestResponse:
    return send(client, FORM, "/papers", kind=kind.value, subject=subject)


def count(site: Site, table: type) -> int:
    with site.town.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_a_tap_issues_and_a_second_tap_finds_the_same_paper(site: Site) -> None:
    _, payment_id = paid(site)
    client = site.resident()
    first = tap(client, Kind.RECEIPT, subject_of(Kind.RECEIPT, payment_id))
    again = tap(client, Kind.RECEIPT, subject_of(Kind.RECEIPT, payment_id))
    assert first.status_code == again.status_code == 303
    assert first.location == again.location
    page = client.get(first.location).text
    for words in (
        "領収書",
        "領2026-000001",
        "見本団体01 様",
        "600円",
        "うち消費税額等 54円",
        "クレジットカード",
    ):
        assert words in page
    assert count(site, PaperPrint) == 0


def test_the_pdf_is_a_file_with_a_japanese_name_that_nobody_keeps(site: Site) -> None:
    paper = issued(site, Kind.RECEIPT, paid(site)[1])
    client = site.resident()
    assert client.head(f"/papers/{paper.id}.pdf").status_code == 200
    assert count(site, PaperPrint) == 0
    answer = client.get(f"/papers/{paper.id}.pdf")
    assert answer.status_code == 200
    assert answer.content_type == "application/pdf"
    assert answer.headers["Cache-Control"] == "no-store"
    said = answer.headers["Content-Disposition"]
    assert said.endswith("filename*=UTF-8''" + quote("領収書-領2026-000001.pdf"))
    assert answer.data.startswith(b"%PDF-")
    assert "再発行" not in text_of(answer.data)
    site.clock.advance(minutes=3)
    again = client.get(f"/papers/{paper.id}.pdf")
    assert "再発行" in text_of(again.data)
    assert "1回目" in text_of(again.data)
    assert "再発行 1回目" in client.get(f"/papers/{paper.id}").text


def test_the_months_papers_stand_under_their_group(site: Site) -> None:
    reservation_id, payment_id = paid(site)
    other, _ = paid(site, wanted=window(18, 20))
    with site.town.database.transaction() as session:
        refunds.owe(session, reference=other, amount_yen=100, cause="cancelled", now=site.clock.now())
    client = site.resident()
    page = client.get("/my/papers").text
    assert page.count("領収書を発行する") == page.count("使用許可書を発行する") == 2
    assert page.count("還付通知書を発行する") == 1
    assert "利用明細書" not in page.partition("<h2")[2]
    assert "この月の書類はありません。" in page
    issued(site, Kind.RECEIPT, payment_id)
    issued(site, Kind.PERMIT, reservation_id)
    page = client.get("/my/papers?month=2026-11").text
    assert "領収書 領2026-000001" in page
    assert "使用許可書 第1号" in page
    assert page.count("領収書を発行する") == 1
    site.clock.instant = at(9, date(2026, 12, 1))
    assert "利用明細書を発行する" in client.get("/my/papers?month=2026-11").text
    assert "この月の書類はありません。" in client.get("/my/papers").text


def test_more_papers_ask_the_database_no_more_often(small_site: Site) -> None:
    staff, client = small_site.browser(small_site.town.manager), small_site.resident()
    counts = []
    for first in (10, 13, 18):
        reservation_id, payment_id = paid(small_site, wanted=window(first, first + 2))
        issued(small_site, Kind.RECEIPT, payment_id)
        issued(small_site, Kind.PERMIT, reservation_id)
        client.get("/my/papers")
        with counted(small_site.town.database) as mine:
            assert client.get("/my/papers").status_code == 200
        with counted(small_site.town.database) as register:
            assert staff.get(REGISTER).status_code == 200
        counts.append((len(mine), len(register)))
    assert len(set(counts)) == 1, counts
    assert max(counts[0]) <= 24


def test_a_reservation_leads_to_its_papers(site: Site) -> None:
    reservation_id, _ = paid(site)
    paid(site, wanted=window(18, 20))
    held = site.town.held(wanted=window(13, 15))
    for client in (site.resident(), site.browser(site.town.manager)):
        page = client.get(f"/reservations/{reservation_id}/papers").text
        assert page.count("を発行する") == 2
        assert "この予約の書類はまだありません" in client.get(f"/reservations/{held}/papers").text


def test_what_went_back_whole_is_not_offered_but_what_was_issued_is_shown_as_void(site: Site) -> None:
    first, payment_id = paid(site)
    second, _ = paid(site, wanted=window(13, 15))
    paper = issued(site, Kind.RECEIPT, payment_id)
    with site.town.database.transaction() as session:
        for one in (first, second):
            refunds.owe(session, reference=one, amount_yen=600, cause="cancelled", now=site.clock.now())
    client = site.resident()
    assert "取消済" in client.get(f"/reservations/{first}/papers").text
    assert "領収書を発行する" not in client.get(f"/reservations/{second}/papers").text
    assert "全額の還付が決まりました" in client.get(f"/papers/{paper.id}").text
    text = text_of(client.get(f"/papers/{paper.id}.pdf").data)
    assert "取消済" in text.replace("\n", "")
    assert "領2026-000001" in text


def test_the_addressee_form_changes_it_once(site: Site) -> None:
    paper = issued(site, Kind.RECEIPT, paid(site)[1])
    client, page = site.resident(), f"/papers/{paper.id}"
    wrong = send(client, page, f"{page}/addressee", addressee="")
    assert wrong.status_code == 400
    assert "宛名を1行、80字まで" in wrong.text
    for _ in range(2):
        answer = send(client, FORM, f"{page}/addressee", addressee="見本商店")
        assert answer.status_code == 303
    assert "「見本団体01」から変えました" in client.get(page).text
    assert 'name="addressee"' not in client.get(page).text
    refused = send(client, FORM, f"{page}/addressee", addressee="別の商店")
    assert refused.status_code == 409
    assert "一度だけ" in refused.text


def test_another_groups_papers_look_like_none_at_all(site: Site) -> None:
    reservation_id, payment_id = paid(site)
    paper = issued(site, Kind.RECEIPT, payment_id)
    with site.town.database.transaction() as session:
        stranger = account(session, site.town.municipality_id, "stranger@example.jp")
    client = site.browser(stranger)
    for theirs, nothing in (
        (f"/papers/{paper.id}", f"/papers/{UUID(int=1)}"),
        (f"/papers/{paper.id}.pdf", f"/papers/{UUID(int=1)}.pdf"),
        (f"/reservations/{reservation_id}/papers", f"/reservations/{UUID(int=1)}/papers"),
    ):
        answer, missing = client.get(theirs), client.get(nothing)
        assert answer.status_code == missing.status_code == 404
        assert answer.text == missing.text
    subjects = {
        Kind.RECEIPT: subject_of(Kind.RECEIPT, payment_id),
        Kind.PERMIT: subject_of(Kind.PERMIT, reservation_id),
        Kind.STATEMENT: month_subject(site.town.general, date(2026, 10, 1)),
    }
    for kind, subject in subjects.items():
        assert tap(client, kind, subject).status_code == 404
    assert send(client, FORM, f"/papers/{paper.id}/addressee", addressee="わたし").status_code == 404
    assert "団体に入っていないため" in client.get("/my/papers").text
    assert (count(site, Paper), count(site, PaperPrint)) == (1, 0)


def test_staff_see_issue_and_print_a_groups_papers_but_do_not_address_them(site: Site) -> None:
    _, payment_id = paid(site)
    client = site.browser(site.town.manager)
    made = tap(client, Kind.RECEIPT, subject_of(Kind.RECEIPT, payment_id))
    page = client.get(made.location).text
    assert "宛名を変える" not in page
    assert client.get(f"{made.location}.pdf").status_code == 200
    assert send(client, FORM, f"{made.location}/addressee", addressee="x").status_code == 404
    assert "原本" in client.get(made.location).text


@pytest.mark.parametrize(
    "kind,subject", [("receipt", "x"), ("receipt", ""), ("nothing", "x"), ("statement", "x")]
)
def test_what_names_nothing_issues_nothing(small_site: Site, kind: str, subject: str) -> None:
    answer = send(small_site.resident(), FORM, "/papers", kind=kind, subject=subject)
    assert answer.status_code == (400 if kind == "nothing" else 404)
    assert count(small_site, Paper) == 0


def test_what_cannot_be_issued_yet_says_so(small_site: Site) -> None:
    payment_id = small_site.town.start_payment(small_site.town.held())
    answer = tap(small_site.resident(), Kind.RECEIPT, subject_of(Kind.RECEIPT, payment_id))
    assert answer.status_code == 409
    assert "まだ発行できないか" in answer.text


def test_without_an_issuer_staff_are_led_to_the_settings(small_site: Site) -> None:
    _, payment_id = paid(small_site)
    with small_site.town.database.transaction() as session:
        session.execute(sa.delete(Issuer))
    subject = subject_of(Kind.RECEIPT, payment_id)
    settings = "/manage/money/papers/issuer"
    assert settings not in tap(small_site.resident(), Kind.RECEIPT, subject).text
    staff = small_site.browser(small_site.town.manager)
    assert settings in tap(staff, Kind.RECEIPT, subject).text
    assert "発行者がまだ設定されていません" in staff.get("/manage/money/papers").text


REGISTER = "/manage/money/papers"


def listed(client: FlaskClient, query: str = "") -> list[str]:
    return re.findall(r'<a href="/papers/[0-9a-f-]+">([^<]+)</a>', client.get(f"{REGISTER}{query}").text)


def test_the_register_lists_sifts_and_finds(site: Site) -> None:
    client = site.browser(site.town.manager)
    assert "まだ発行していません" in client.get(REGISTER).text
    reservation_id, payment_id = paid(site)
    issued(site, Kind.RECEIPT, payment_id)
    issued(site, Kind.PERMIT, reservation_id)
    site.clock.instant = at(9, date(2026, 12, 3))
    issued(site, Kind.RECEIPT, paid(site, wanted=window(10, 12, date(2026, 12, 12)))[1])
    assert listed(client) == ["領2026-000002", "第1号", "領2026-000001"]
    assert listed(client, "?kind=permit") == ["第1号"]
    assert listed(client, "?month=2026-11") == ["第1号", "領2026-000001"]
    assert listed(client, "?q=" + quote("領2026-000002")) == ["領2026-000002"]
    assert listed(client, "?q=" + quote("２０２６−０００００２".replace("−", "-"))) == ["領2026-000002"]
    assert listed(client, "?q=" + quote("第1号")) == ["第1号", "領2026-000001"]
    assert listed(client, "?q=nonsense") == listed(client, "?q=999") == []
    page = client.get(REGISTER).text
    assert page.count("欠番なし") == 2
    assert "欠番あり" not in page


def test_the_register_says_where_a_number_is_missing(site: Site) -> None:
    paper = issued(site, Kind.RECEIPT, paid(site)[1])
    issued(site, Kind.RECEIPT, paid(site, wanted=window(13, 15))[1])
    with site.town.database.transaction() as session:
        session.delete(session.get_one(Paper, paper.id))
    page = site.browser(site.town.manager).get(REGISTER).text
    assert re.search(r"欠番あり</span> 1\b", page)


ISSUER = {
    "valid_from": "2026-12-01",
    "name": "見本市長",
    "department": "見本課",
    "address": "見本市見本町2番地",
    "telephone": "0859-00-0000",
    "registration_number": "Ｔ9000-0000-0000-0",
    "permit_conditions": "　一つ目\n\n二つ目  ",
}


def test_the_issuer_changes_from_a_day_on_and_is_on_record(site: Site) -> None:
    client = site.browser(site.town.manager)
    page = f"{REGISTER}/issuer"
    assert 'value="見本市"' in client.get(page).text
    answer = send(client, page, page, **ISSUER)
    assert answer.status_code == 303
    shown = client.get(page).text
    assert "これから" in shown
    assert "いまの設定" in shown
    with site.town.database.reading() as session:
        row = session.get_one(Issuer, (site.town.municipality_id, date(2026, 12, 1)))
        (entry,) = session.scalars(sa.select(AuditEntry).where(AuditEntry.act == "issuer.set"))
    assert row.registration_number == "T9000000000000"
    assert row.permit_conditions == "一つ目\n二つ目"
    assert entry.subject == "2026-12-01"
    issued_now = issued(site, Kind.RECEIPT, paid(site)[1])
    assert issued_now.content["issuer"]["name"] == "見本市"
    site.clock.instant = at(0, date(2026, 12, 1))
    assert "以前の設定" in client.get(page).text
    later = issued(site, Kind.RECEIPT, paid(site, wanted=window(10, 12, date(2026, 12, 12)))[1])
    assert later.content["issuer"]["name"] == "見本市長"


@pytest.mark.parametrize(
    "changed",
    [
        {"registration_number": "T8000000000000"},
        {"name": ""},
        {"name": "あ" * 81},
        {"telephone": "0" * 21},
        {"valid_from": "2026-03-31"},
        {"valid_from": "tomorrow"},
        {"permit_conditions": "あ" * 121},
        {"permit_conditions": "一\n" * 31},
    ],
)
def test_an_issuer_that_makes_no_sense_is_refused(small_site: Site, changed: dict[str, str]) -> None:
    page = f"{REGISTER}/issuer"
    answer = send(small_site.browser(small_site.town.manager), page, page, **{**ISSUER, **changed})
    assert answer.status_code == 400
    assert "できませんでした" in answer.text
    assert count(small_site, Issuer) == 1


def test_the_register_is_for_managers(small_site: Site) -> None:
    for page in (REGISTER, f"{REGISTER}/issuer"):
        assert small_site.resident().get(page).status_code == 404
