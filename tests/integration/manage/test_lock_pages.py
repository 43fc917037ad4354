"""Managers: one lock's page, what can be done to it, and the page that shows secrets once."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from booking.app.services import EXTENSION, Services
from booking.fleet.acts import ACTS
from core.audit import AuditEntry
from core.settings import Settings
from locks import life
from locks.installation import Installation, add_access_point, add_lock
from locks.models import AccessPoint, Lock, LockCommand, Transport
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import counted, post
from tests.integration.manage.town import NOW

NEW = "/manage/access-points/new-lock"
REASON = {"reason": "電池ぶたが割れた(見本)"}


def services_of(manage: Manage) -> Services:
    services = manage.app.extensions[EXTENSION]
    assert isinstance(services, Services)
    return services


def add_point(
    manage: Manage, name: str, *, beside: int | None = None, municipality: int | None = None
) -> int:
    town = municipality or services_of(manage).municipality_id
    with manage.database.transaction() as session:
        group = None if beside is None else session.get_one(AccessPoint, beside).code_group_id
        return add_access_point(
            session,
            municipality_id=town,
            name=name,
            kind="door_lock",
            courts=[1, 2],
            code_group_id=group,
            now=NOW,
        )


def fit(manage: Manage, point: int, transport: Transport = Transport.MQTT) -> Installation:
    with manage.database.transaction() as session:
        return add_lock(
            session, services_of(manage).keyring, access_point_id=point, transport=transport, now=NOW
        )


@pytest.fixture
def point(manage: Manage) -> int:
    return add_point(manage, "近くの小学校 体育館 入口")


@pytest.fixture
def lock(manage: Manage, point: int) -> str:
    return fit(manage, point).lock


def page_of(lock: str, act: str = "") -> str:
    return f"/manage/locks/{lock}" + (f"/{act}" if act else "")


def text(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def rotate_codes(client: FlaskClient, lock: str, seen_epoch: int) -> None:
    address = page_of(lock, "rotate-codes")
    assert post(client, address, address, {**REASON, "code_epoch": str(seen_epoch)}).status_code == 303


def row(manage: Manage, lock: str) -> Any:
    with manage.database.reading() as session:
        return session.get_one(Lock, lock)


def ids(manage: Manage) -> list[str]:
    with manage.database.reading() as session:
        return list(session.scalars(sa.select(Lock.id).order_by(Lock.added_at, Lock.id)))


def acts(manage: Manage) -> list[str]:
    with manage.database.reading() as session:
        return list(session.scalars(sa.select(AuditEntry.act).order_by(AuditEntry.number)))


def test_a_new_locks_page_shows_its_checklist_and_what_is_missing(
    manage: Manage, desk: FlaskClient, lock: str
) -> None:
    page = text(desk, page_of(lock))
    assert "0 / 4 済み" in page
    assert page.count('class="check-name"') == 4
    with manage.database.transaction() as session:
        session.execute(
            sa.update(Lock).values(
                last_contact_at=NOW + timedelta(minutes=1), clock_right_at=NOW, applied_version=1
            )
        )
    page = text(desk, page_of(lock))
    assert "3 / 4 済み" in page
    assert "試しの解錠" in page
    with manage.database.transaction() as session:
        session.execute(sa.update(Lock).values(state="active"))
    assert "設置の確認がすべて" not in text(desk, page_of(lock))
    assert "0 / 4" not in text(desk, page_of(lock))


def test_the_page_costs_the_same_however_much_happened(manage: Manage, desk: FlaskClient, lock: str) -> None:
    with counted(manage.database) as few:
        text(desk, page_of(lock))
    post(desk, page_of(lock), page_of(lock, "identify"))
    for number in range(5):
        post(
            desk,
            page_of(lock, "rotate-codes"),
            page_of(lock, "rotate-codes"),
            {**REASON, "code_epoch": str(number)},
        )
    few_count = len(few)
    with counted(manage.database) as many:
        text(desk, page_of(lock))
    assert len(many) <= few_count + 1


def test_replacing_shows_the_new_locks_secrets_once(manage: Manage, desk: FlaskClient, lock: str) -> None:
    asked = text(desk, page_of(lock, "replace"))
    assert "利用者の暗証番号は変わりません。" in asked
    answer = post(desk, page_of(lock, "replace"), page_of(lock, "replace"), REASON)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    shown = answer.get_data(as_text=True)
    secrets = re.findall(r"<code>([0-9a-f]{64})</code>", shown)
    assert len(set(secrets)) == 2
    assert shown.count("<svg") >= 1
    (successor,) = set(ids(manage)) - {lock}
    assert row(manage, lock).dead_why == "replaced"
    # Nowhere else: no page, no cookie, no audit entry leads back to them.
    for address in (page_of(lock), page_of(successor), page_of(successor, "replace"), NEW):
        body = text(desk, address)
        assert not any(secret in body for secret in secrets)
    with desk.session_transaction() as cookie:
        assert not any(secret in str(dict(cookie)) for secret in secrets)
    with manage.database.reading() as session:
        assert not any(
            secret in str(entry.detail)
            for entry in session.scalars(sa.select(AuditEntry))
            for secret in secrets
        )
    assert desk.get(page_of(lock, "replace")).status_code == 303


def test_a_second_tap_on_replace_makes_no_second_lock(manage: Manage, desk: FlaskClient, lock: str) -> None:
    token_page = page_of(lock, "replace")
    with desk.get(token_page) as first:
        token = re.findall(r'name="csrf_token" value="([^"]+)"', first.get_data(as_text=True))[0]
    for status in (200, 409):
        answer = desk.post(token_page, data={**REASON, "csrf_token": token})
        assert answer.status_code == status
    assert len(ids(manage)) == 2
    assert "もう一度「交換する」" in answer.get_data(as_text=True)


@pytest.mark.parametrize("act", ["stolen", "decommission"])
def test_a_second_tap_on_an_ending_is_the_same_answer(
    manage: Manage, desk: FlaskClient, lock: str, act: str
) -> None:
    with desk.get(page_of(lock, act)) as first:
        token = re.findall(r'name="csrf_token" value="([^"]+)"', first.get_data(as_text=True))[0]
    for _ in range(2):
        answer = desk.post(page_of(lock, act), data={**REASON, "csrf_token": token})
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, page_of(lock))
    assert row(manage, lock).state == "dead"
    assert acts(manage).count(f"lock.{act}") == 1
    page = text(desk, page_of(lock))
    assert "この扉に新しい電子錠を登録する" in page
    assert "できること" not in page


def test_a_stolen_locks_page_warns_of_doors_with_the_same_code(
    manage: Manage, desk: FlaskClient, lock: str, point: int
) -> None:
    gate = fit(manage, add_point(manage, "校門", beside=point)).lock
    asked = text(desk, page_of(gate, "stolen"))
    assert "同じ番号で開く扉(近くの小学校 体育館 入口)" in asked
    assert "対策になりません" in asked
    post(desk, page_of(gate, "stolen"), page_of(gate, "stolen"), REASON)
    page = text(desk, page_of(lock))
    assert "この電子錠は交換してください" in page
    assert "この扉の暗証番号は新しくなります" in text(desk, page_of(lock, "replace"))


def test_a_lock_that_spoke_is_wiped_first_and_can_be_ended_by_force(
    manage: Manage, desk: FlaskClient, lock: str
) -> None:
    with manage.database.transaction() as session:
        session.execute(sa.update(Lock).values(last_contact_at=NOW))
    post(desk, page_of(lock, "decommission"), page_of(lock, "decommission"), REASON)
    assert row(manage, lock).state == "retiring"
    page = text(desk, page_of(lock))
    assert "番号を消して取り外しが完了します" in page
    assert page_of(lock, "move") not in page
    post(desk, page_of(lock, "decommission"), page_of(lock, "decommission"), {**REASON, "force": "1"})
    assert row(manage, lock).state == "dead"


def test_a_lock_is_moved_to_a_door_without_one(manage: Manage, desk: FlaskClient, lock: str) -> None:
    assert "電子錠の付いていない扉がありません" in text(desk, page_of(lock, "move"))
    other = add_point(manage, "遠くの中学校 体育館 入口")
    assert "遠くの中学校 体育館 入口" in text(desk, page_of(lock, "move"))
    unchosen = post(desk, page_of(lock, "move"), page_of(lock, "move"), REASON)
    assert unchosen.status_code == 400
    assert "移す先を選んでください。" in unchosen.get_data(as_text=True)
    assert REASON["reason"] in unescape(unchosen.get_data(as_text=True))
    post(desk, page_of(lock, "move"), page_of(lock, "move"), {**REASON, "access_point": str(other)})
    assert row(manage, lock).access_point_id == other
    assert "<h1>遠くの中学校 体育館 入口</h1>" in text(desk, page_of(lock))


def test_keys_and_codes_are_rotated_once_a_tap(manage: Manage, desk: FlaskClient, lock: str) -> None:
    for _ in range(2):
        post(desk, page_of(lock, "rotate-keys"), page_of(lock, "rotate-keys"), REASON)
    assert row(manage, lock).next_mac_epoch == 1
    for _ in range(2):
        post(
            desk, page_of(lock, "rotate-codes"), page_of(lock, "rotate-codes"), {**REASON, "code_epoch": "0"}
        )
    assert acts(manage).count("lock.rotate_code_epoch") == 1


def test_an_order_is_shown_until_its_result_is_known(manage: Manage, desk: FlaskClient, lock: str) -> None:
    for _ in range(2):
        post(desk, page_of(lock), page_of(lock, "identify"))
    with manage.database.reading() as session:
        assert len(session.scalars(sa.select(LockCommand)).all()) == 1
    assert "次の通信を待っています" in text(desk, page_of(lock))
    with manage.database.transaction() as session:
        session.execute(sa.update(LockCommand).values(sent_at=NOW))
    assert "返事はまだありません" in text(desk, page_of(lock))
    with manage.database.transaction() as session:
        session.execute(sa.update(LockCommand).values(result="ok"))
    assert "実行しました" in text(desk, page_of(lock))


def test_a_lock_without_mqtt_offers_no_orders_and_says_so(manage: Manage, desk: FlaskClient) -> None:
    made = fit(manage, add_point(manage, "門"), Transport.HTTPS)
    page = text(desk, page_of(made.lock))
    assert page_of(made.lock, "identify") not in page
    assert "遠隔の操作を送れません" in page


def test_every_act_wants_a_reason(manage: Manage, desk: FlaskClient, lock: str) -> None:
    add_point(manage, "遠くの中学校 体育館 入口")
    before = row(manage, lock).__dict__ | {"_sa_instance_state": None}
    for slug in ACTS:
        for reason in ("", "  ", "あ" * 201):
            answer = post(desk, page_of(lock, slug), page_of(lock, slug), {"reason": reason})
            assert answer.status_code == 400
            assert "理由を200文字以内で書いてください。" in answer.get_data(as_text=True)
    assert row(manage, lock).__dict__ | {"_sa_instance_state": None} == before


def test_what_was_done_is_listed_with_who_did_it_and_why(desk: FlaskClient, lock: str) -> None:
    post(desk, page_of(lock, "rotate-keys"), page_of(lock, "rotate-keys"), REASON)
    page = text(desk, page_of(lock))
    assert f"通信の鍵の更新({REASON['reason']})" in page
    rotate_codes(desk, lock, 0)
    assert f"暗証番号の更新({REASON['reason']})" in text(desk, page_of(lock))
    assert "見本 係長" in page
    assert "自動" in page


def test_nobody_else_finds_a_lock_and_no_manager_anothers(
    manage: Manage, desk: FlaskClient, lock: str
) -> None:
    resident = manage.client(manage.resident)
    foreign = fit(manage, add_point(manage, "よその入口", municipality=999)).lock
    for act in ("", *ACTS):
        assert resident.get(page_of(lock, act)).status_code == 404
        assert desk.get(page_of(foreign, act)).status_code == 404
        assert manage.client(None).get(page_of(lock, act)).status_code in (302, 303)
    for act in ("identify", *ACTS):
        assert post(desk, page_of(lock), page_of(foreign, act), REASON).status_code == 404
        assert post(resident, "/sessions", page_of(lock, act), REASON).status_code == 404
    assert resident.get(NEW).status_code == 404
    assert desk.get(page_of("0123456789abcdef")).status_code == 404
    assert desk.get(page_of(lock, "paint")).status_code == 404
    assert row(manage, lock).state == "provisioned"
    assert row(manage, foreign).state == "provisioned"


def test_a_new_lock_is_made_once_and_its_secrets_are_nowhere_but_in_the_answer(
    manage: Manage, desk: FlaskClient, point: int
) -> None:
    assert "近くの小学校 体育館 入口" in text(desk, NEW)
    with desk.get(NEW) as first:
        token = re.findall(r'name="csrf_token" value="([^"]+)"', first.get_data(as_text=True))[0]
    sent = {"access_point": str(point), "transport": "mqtt", "csrf_token": token}
    answer = desk.post(NEW, data=sent)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    shown = answer.get_data(as_text=True)
    secrets = re.findall(r"<code>([0-9a-f]{64})</code>", shown)
    assert len(set(secrets)) == 2
    assert "127.0.0.1:8883" in shown
    (made,) = ids(manage)
    assert row(manage, made).broker_password_hash not in shown
    again = desk.post(NEW, data=sent)
    assert again.status_code == 409
    assert ids(manage) == [made]
    assert not any(secret in again.get_data(as_text=True) for secret in secrets)
    assert acts(manage).count("lock.provision") == 1
    # The place is taken now.
    assert "近くの小学校 体育館 入口" not in text(desk, NEW)


def test_an_https_lock_is_shown_where_it_speaks(manage: Manage, desk: FlaskClient, point: int) -> None:
    answer = post(desk, NEW, NEW, {"access_point": str(point), "transport": "https"})
    (made,) = ids(manage)
    assert f"/locks/v1/{made}/sync" in answer.get_data(as_text=True)
    assert row(manage, made).transport == "https"


@pytest.mark.usefixtures("point")
def test_without_a_place_or_with_anothers_no_lock_is_made(manage: Manage, desk: FlaskClient) -> None:
    foreign = add_point(manage, "よその入口", municipality=999)
    assert "よその入口" not in text(desk, NEW)
    assert post(desk, NEW, NEW, {"access_point": ""}).status_code == 400
    assert post(desk, NEW, NEW, {"access_point": str(foreign)}).status_code == 404
    assert post(desk, NEW, NEW, {"access_point": "x"}).status_code == 400
    assert ids(manage) == []


def test_where_every_place_has_a_lock_the_page_says_so(desk: FlaskClient, lock: str) -> None:
    assert lock
    assert "電子錠の付いていない場所はありません。" in text(desk, NEW)


def test_a_certificate_that_cannot_be_read_costs_no_lock(
    manage: Manage, desk: FlaskClient, point: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    settings = services_of(manage).settings
    monkeypatch.setattr(settings, "mqtt_tls_ca", tmp_path / "missing.pem")
    assert isinstance(settings, Settings)
    manage.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert post(desk, NEW, NEW, {"access_point": str(point)}).status_code == 500
    assert ids(manage) == []
    (tmp_path / "missing.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    answer = post(desk, NEW, NEW, {"access_point": str(point)})
    assert answer.get_data(as_text=True).count("<svg") == 2
    assert "BEGIN CERTIFICATE" in answer.get_data(as_text=True)


def test_a_dead_lock_can_no_more_be_acted_on(manage: Manage, desk: FlaskClient, lock: str) -> None:
    services = services_of(manage)
    with manage.database.transaction() as session:
        life.replace(
            session, services.keyring, services.lock_callbacks, lock_id=lock, actor="system", now=NOW
        )
    (successor,) = set(ids(manage)) - {lock}
    assert page_of(successor) in text(desk, page_of(lock))
    for slug in ACTS:
        assert desk.get(page_of(lock, slug)).headers["Location"] == page_of(lock)
