"""The resident's page of applications and the manager's: forms, documents, who may see what."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from booking.fees.documents import MAX_BYTES
from booking.fees.relief_models import ReliefApplication, ReliefDocument
from core.audit import AuditEntry
from tests.integration.booking.town import NOW, account
from tests.integration.fees.asking import ask
from tests.integration.pages.conftest import CSRF, Site, send

PAGE, DESK = "/my/relief", "/manage/money/relief"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100


BOUNDARY = "------------------------a-boundary"


def multipart(fields: dict[str, str], name: str = "", content: bytes = b"") -> bytes:
    """A form with a file, as a browser writes it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    # Browsers escape what would end the name.
    shown = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="document"; filename="{shown}"\r\n'
    kind = "Content-Type: text/html\r\n\r\n"
    return b"".join([*parts, head.encode(), kind.encode(), content, f"\r\n--{BOUNDARY}--\r\n".encode()])


def post_form(client: FlaskClient, action: str, body: bytes) -> TestResponse:
    return client.post(action, data=body, content_type=f"multipart/form-data; boundary={BOUNDARY}")


def token_of(client: FlaskClient) -> str:
    found = CSRF.search(client.get(PAGE).text)
    assert found
    return found[1]


def apply_with(
    site: Site, client: FlaskClient, name: str = "", content: bytes = b"", **changed: str
) -> TestResponse:
    """Send the form as a browser does, a file in it."""
    fields = {
        "group_id": str(site.town.general),
        "valid_from": "2026-11-28",
        "valid_until": "2026-12-28",
        "reason": "福祉まつりの準備のため",
        "request_key": "k" * 20,
        "csrf_token": token_of(client),
        **changed,
    }
    return post_form(client, PAGE, multipart(fields, name, content))


def applications(site: Site) -> list[ReliefApplication]:
    with site.town.database.reading() as session:
        found = list(session.scalars(sa.select(ReliefApplication).order_by(ReliefApplication.asked_at)))
        session.expunge_all()
        return found


def manager(site: Site) -> FlaskClient:
    return site.browser(site.town.manager)


def test_a_resident_applies_and_sees_how_far_it_is(site: Site) -> None:
    client = site.resident()
    assert "まだ申請はありません" in client.get(PAGE).text
    answer = apply_with(site, client, "ちらし.png", PNG)
    assert (answer.status_code, answer.location) == (303, f"{PAGE}?done=asked")
    page = client.get(answer.location).text
    for words in (
        "申請を受け付けました",
        "審査中",
        "福祉まつりの準備のため",
        "ちらし.png",
        "11月27日(金) 24:00 まで",
    ):
        assert words in page


def test_a_double_tap_is_one_application(site: Site) -> None:
    client = site.resident()
    for _ in range(2):
        assert apply_with(site, client, "ちらし.png", PNG).status_code == 303
    assert len(applications(site)) == 1


def test_it_is_sent_without_a_document_too(site: Site) -> None:
    assert apply_with(site, site.resident()).status_code == 303
    assert applications(site)[0].document_name is None


@pytest.mark.parametrize(
    "content, name, sentence",
    [
        (b"<html><script>", "innocent.pdf", "PDF・JPEG・PNG"),
        (b"GIF89a" + b"0" * 50, "a.png", "PDF・JPEG・PNG"),
        (b"%PDF-" + b"0" * MAX_BYTES, "big.pdf", "2MBまで"),
    ],
)
def test_what_is_no_document_or_too_large_is_refused_and_the_input_kept(
    site: Site, content: bytes, name: str, sentence: str
) -> None:
    answer = apply_with(site, site.resident(), name, content)
    assert answer.status_code == 400
    assert sentence in answer.text
    assert "福祉まつりの準備のため" in answer.text
    assert applications(site) == []


def test_a_document_of_exactly_two_megabytes_is_kept(site: Site) -> None:
    content = b"%PDF-" + b"0" * (MAX_BYTES - 5)
    assert apply_with(site, site.resident(), "large.pdf", content).status_code == 303
    with site.town.database.reading() as session:
        assert len(session.scalars(sa.select(ReliefDocument.content)).one()) == MAX_BYTES


def test_only_this_form_may_be_large(site: Site) -> None:
    client = site.resident()
    assert apply_with(site, client, "a.pdf", b"%PDF-" + b"0" * 4_000_000).status_code == 413
    body = multipart({"csrf_token": token_of(client)}, "a.pdf", b"0" * 300_000)
    assert post_form(client, f"{PAGE}/{UUID(int=1)}/withdraw", body).status_code == 413


@pytest.mark.parametrize(
    "wrong",
    [
        {"valid_from": "2026-11-20"},
        {"valid_until": "2026-11-27"},
        {"valid_until": "soon"},
        {"reason": ""},
        {"group_id": "x"},
        {"request_key": "short"},
    ],
)
def test_what_cannot_be_read_is_refused(site: Site, wrong: dict[str, Any]) -> None:
    answer = apply_with(site, site.resident(), **wrong)
    assert answer.status_code == 400
    assert "できませんでした" in answer.text
    assert applications(site) == []


def test_another_groups_application_looks_like_none(site: Site) -> None:
    with site.town.database.transaction() as session:
        stranger = account(session, site.town.municipality_id, "stranger@example.jp")
    client = site.browser(stranger)
    application = ask(site.town)
    assert "団体の登録が必要です" in client.get(PAGE).text
    for target in (application, UUID(int=1)):
        assert send(client, "/sessions", f"{PAGE}/{target}/withdraw").status_code == 404
    own = site.resident()
    assert apply_with(site, own, group_id=str(UUID(int=1))).status_code == 404


def test_a_resident_withdraws(site: Site) -> None:
    client = site.resident()
    application = ask(site.town)
    for _ in range(2):
        answer = send(client, PAGE, f"{PAGE}/{application}/withdraw")
        assert answer.location == f"{PAGE}?done=withdrawn"
    assert "取下げ" in client.get(PAGE).text


def test_what_is_decided_meanwhile_is_not_withdrawn(site: Site) -> None:
    application = ask(site.town)
    decided = send(
        manager(site), DESK, f"{DESK}/{application}/decide", decision="refuse", reason="対象外のため"
    )
    assert decided.location == f"{DESK}?done=refused"
    answer = send(site.resident(), PAGE, f"{PAGE}/{application}/withdraw")
    assert answer.status_code == 409
    assert "すでに決定または取下げ" in answer.text


def test_a_manager_sees_what_waits_first_and_what_is_overdue(site: Site) -> None:
    client = manager(site)
    assert "決定を待っている申請はありません" in client.get(DESK).text
    ask(site.town)
    page = client.get(DESK).text
    assert "決定待ち 1件" in page
    assert "期限切れ" not in page
    site.clock.advance(days=7)
    assert "期限切れ" in manager(site).get(DESK).text


@pytest.mark.parametrize(
    "sent, shown",
    [
        ({"decision": "full"}, "全額免除"),
        ({"decision": "base_only", "percent": "30"}, "使用料のみ免除"),
        ({"decision": "percent", "percent": "30"}, "30%減免"),
    ],
)
def test_a_manager_decides_twice_and_it_is_one_decision(site: Site, sent: dict[str, str], shown: str) -> None:
    client, application = manager(site), ask(site.town)
    for _ in range(2):
        answer = send(client, "/sessions", f"{DESK}/{application}/decide", reason="規則による", **sent)
        assert (answer.status_code, answer.location) == (303, f"{DESK}?done=granted")
    assert shown in client.get(DESK).text
    assert shown in site.resident().get(PAGE).text
    with site.town.database.reading() as session:
        statement = sa.select(AuditEntry.act).where(AuditEntry.subject == str(application))
        assert list(session.scalars(statement.order_by(AuditEntry.number))) == [
            "relief.apply",
            "relief.grant",
        ]


@pytest.mark.parametrize(
    "sent, status",
    [
        ({"decision": "percent", "percent": "0", "reason": "規則による"}, 400),
        ({"decision": "percent", "percent": "101", "reason": "規則による"}, 400),
        ({"decision": "percent", "reason": "規則による"}, 400),
        ({"decision": "", "reason": "規則による"}, 400),
        ({"decision": "full", "reason": " "}, 400),
    ],
)
def test_half_a_decision_is_refused_and_the_input_kept(site: Site, sent: dict[str, str], status: int) -> None:
    client, application = manager(site), ask(site.town)
    answer = send(client, DESK, f"{DESK}/{application}/decide", **sent)
    assert answer.status_code == status
    assert sent["reason"].strip() in answer.text
    assert applications(site)[0].state == "asked"


def test_a_document_is_saved_and_never_shown(site: Site) -> None:
    apply_with(site, site.resident(), '../x".html\r\n', PNG)
    found = re.search(rf'href="({DESK}/[0-9a-f-]+/document)"', manager(site).get(DESK).text)
    assert found
    answer = manager(site).get(found[1])
    assert answer.data == PNG
    assert answer.headers["Content-Type"] == "image/png"
    assert re.fullmatch(
        r'attachment; filename="relief-[0-9a-f-]+\.png"', answer.headers["Content-Disposition"]
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    for client in (site.resident(), site.browser()):
        assert client.get(found[1]).status_code in (303, 404)


def test_an_application_without_a_document_has_none_to_open(site: Site) -> None:
    apply_with(site, site.resident())
    application = applications(site)[0].id
    assert manager(site).get(f"{DESK}/{application}/document").status_code == 404
    assert f"{application}/document" not in manager(site).get(DESK).text


def test_residents_do_not_decide(site: Site) -> None:
    application = ask(site.town, now=NOW + timedelta(minutes=1))
    answer = send(site.resident(), PAGE, f"{DESK}/{application}/decide", decision="full", reason="よろしく")
    assert answer.status_code == 404
    assert site.resident().get(DESK).status_code == 404
    assert applications(site)[0].state == "asked"
