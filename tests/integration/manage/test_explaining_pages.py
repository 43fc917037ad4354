"""The page of a movement that nothing explains: what was it, against which account, and who agrees."""

from uuid import UUID

import pytest
from flask.testing import FlaskClient

from booking.people.models import Account as Person
from booking.people.models import Role
from core.ids import new_id
from payments import ledger
from payments.book_models import StripeMovement
from payments.cases import CaseKind
from payments.ledger import Account
from tests.integration.manage.conftest import Manage
from tests.integration.manage.forms import post
from tests.integration.manage.test_money_desk_pages import CASES, Till, opened, the_case
from tests.integration.manage.town import NOW

FIELDS = {"account": "sundry", "note": "決済会社の手直しと電話で確かめた"}


def unexplained(manage: Till, amount: int = -700, currency: str = "jpy") -> UUID:
    """Its case."""
    town = manage.manager.municipality_id
    with manage.database.transaction() as session:
        session.add(
            StripeMovement(
                id="txn_1",
                municipality_id=town,
                type="adjustment",
                amount=amount,
                fee=0,
                net=amount,
                currency=currency,
                created_at=NOW,
                available_on=NOW,
                copied_at=NOW,
            )
        )
    return opened(manage, CaseKind.SETTLEMENT, "movement:txn_1", amount_yen=-amount)


def sundry_yen(manage: Manage) -> int:
    with manage.database.reading() as session:
        town = manage.manager.municipality_id
        return ledger.balances(session, municipality_id=town)[Account.SUNDRY]


@pytest.fixture
def chief(manage: Manage) -> FlaskClient:
    """Another manager's browser."""
    with manage.database.transaction() as session:
        person = Person(
            id=new_id(NOW),
            municipality_id=manage.manager.municipality_id,
            mail_address="kacho@example.jp",
            name="見本 課長",
            password_hash="x",
            role=Role.MANAGER,
            created_at=NOW,
        )
        session.add(person)
    return manage.client(person)


def test_a_sum_within_the_limit_is_booked_at_once_and_said_on_the_page(manage: Manage) -> None:
    page = f"{CASES}/{unexplained(manage)}"
    browser = manage.client(manage.manager)
    shown = browser.get(page).text
    assert "説明して記帳する" in shown
    assert [word in shown for word in ("預金", "決済手数料", "雑収支", "調整(異議申立てなど)")] == [True] * 4
    empty = post(browser, page, f"{page}/explain", {**FIELDS, "account": ""})
    assert empty.status_code == 400
    assert "勘定科目を選んでください" in empty.text
    assert FIELDS["note"] in empty.text, "what was written is not lost"
    first = post(browser, page, f"{page}/explain", FIELDS)
    again = post(browser, "/sessions", f"{page}/explain", FIELDS)
    assert (first.status_code, again.status_code) == (303, 303)
    shown = browser.get(first.location).text
    assert all(word in shown for word in ("説明を記録しました", "記帳済み", "対応済み", FIELDS["note"]))
    assert "説明して記帳する" not in shown
    assert sundry_yen(manage) == 700


def test_above_the_limit_another_manager_agrees(manage: Manage, chief: FlaskClient) -> None:
    case_id = unexplained(manage, -10001)
    page = f"{CASES}/{case_id}"
    browser = manage.client(manage.manager)
    assert "1日10,000円を超えるので、ほかの管理者の承認を得て記帳します" in browser.get(page).text
    post(browser, page, f"{page}/explain", FIELDS)
    shown = browser.get(page).text
    assert "ほかの管理者の承認を待っています" in shown
    assert f'action="{page}/agree"' not in shown
    refused = post(browser, page, f"{page}/agree")
    assert refused.status_code == 409
    assert "説明した人は承認できません" in refused.text
    assert (sundry_yen(manage), the_case(manage, case_id).closed_at) == (0, None)
    assert f'action="{page}/agree"' in chief.get(page).text
    assert post(chief, page, f"{page}/agree").status_code == 303
    assert sundry_yen(manage) == 10001
    assert the_case(manage, case_id).closed_at is not None


def test_another_manager_sends_it_back_and_it_is_explained_anew(manage: Manage, chief: FlaskClient) -> None:
    page = f"{CASES}/{unexplained(manage, -10001)}"
    browser = manage.client(manage.manager)
    post(browser, page, f"{page}/explain", FIELDS)
    assert post(chief, page, f"{page}/take-back").status_code == 303
    shown = browser.get(page).text
    assert "説明を取り消しました" in shown
    assert "説明して記帳する" in shown


def test_other_money_than_yen_is_only_confirmed(manage: Manage, chief: FlaskClient) -> None:
    page = f"{CASES}/{unexplained(manage, 900, 'usd')}"
    browser = manage.client(manage.manager)
    shown = browser.get(page).text
    assert "900 USD（円ではありません）" in shown
    assert "相手の勘定科目" not in shown
    assert "円ではないので、ほかの管理者の承認を得ます" in shown
    assert post(browser, page, f"{page}/explain", {"note": "返金した"}).status_code == 303
    assert post(chief, page, f"{page}/agree").status_code == 303
    assert sundry_yen(manage) == 0
    assert "対応済み" in browser.get(page).text


@pytest.mark.parametrize("kind", [CaseKind.SETTLEMENT, CaseKind.STUCK])
def test_a_case_of_something_else_has_no_such_form(manage: Manage, kind: CaseKind) -> None:
    page = f"{CASES}/{opened(manage, kind, 'total')}"
    browser = manage.client(manage.manager)
    assert "説明して記帳する" not in browser.get(page).text
    for act in ("explain", "agree", "take-back"):
        assert post(browser, page, f"{page}/{act}", FIELDS).status_code == 404
