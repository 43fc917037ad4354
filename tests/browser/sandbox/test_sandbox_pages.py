"""The sandbox's own pages at phone size: everybody can pay, by card and at a till."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from payments.remote import RemoteSession, SessionStatus
from payments.stripe_port import StripePort
from tests.contract.payments.account import a_key, a_konbini_order
from tests.servers.browser import assert_axe_clean
from tests.servers.processes import Processes
from tests.servers.stripe_sandbox import StripeSandbox, start_stripe_sandbox


@pytest.fixture
def sandbox(processes: Processes, tmp_path: Path) -> StripeSandbox:
    """An account that nobody has paid into."""
    return start_stripe_sandbox(processes, tmp_path / "stripe.db")


@pytest.fixture
def ordered(sandbox: StripeSandbox, page: Page) -> tuple[StripePort, RemoteSession]:
    """The hosted page of an order, open in the browser; the shop it leads back to is the sandbox's 404."""
    port = StripePort(sandbox.secret_key, sandbox.url)
    back = f"{sandbox.url}/c/pay/none"
    made = port.create_session(replace(a_konbini_order(5), success_url=back, cancel_url=back), key=a_key())
    assert made.url is not None
    page.goto(made.url)
    return port, made


def test_a_voucher_is_ordered_and_paid_at_a_till(
    page: Page, ordered: tuple[StripePort, RemoteSession]
) -> None:
    port, made = ordered
    assert_axe_clean(page)
    page.get_by_role("button", name="コンビニ払いにする").click()
    page.goto(str(made.url))
    assert_axe_clean(page)
    page.get_by_role("link", name="お支払い番号を見る").click()
    expect(page.get_by_role("heading", name="店頭でお伝えいただく番号")).to_be_visible()
    assert_axe_clean(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="レジで支払ったことにする").click()
    expect(page.get_by_role("heading", name="お支払いは完了しています")).to_be_visible()
    assert_axe_clean(page)
    assert port.read_session(made.id).status == SessionStatus.PAID


def test_several_cards_and_a_bank_may_be_tried_on_one_page(
    page: Page, ordered: tuple[StripePort, RemoteSession], sandbox: StripeSandbox
) -> None:
    port, made = ordered

    def submit(number: str) -> None:
        page.get_by_label("カード番号", exact=True).fill(number)
        page.get_by_label("有効期限").fill("12/40")
        page.get_by_label("セキュリティコード").fill("123")
        page.get_by_label("カードの名義").fill("MIHON HANAKO")
        page.get_by_role("button", name="を支払う").click()

    submit("4000 0000 0000 0002")
    expect(page.get_by_role("alert")).to_contain_text("承認されませんでした")
    assert_axe_clean(page)
    submit("4000 0000 0000 3220")
    expect(page.get_by_role("heading", name="カード会社からの確認")).to_be_visible()
    assert_axe_clean(page)
    page.get_by_role("button", name="認証に失敗する").click()
    expect(page.get_by_role("alert")).to_contain_text("本人認証ができませんでした")
    submit("4000 0000 0000 3220")
    page.get_by_role("link", name="認証をやめてカード入力へ戻る").click()
    assert port.read_session(made.id).status == SessionStatus.OPEN
    submit("4242 4242 4242 4242")
    page.wait_for_url("**/c/pay/none")
    assert port.read_session(made.id).status == SessionStatus.PAID
    assert [one["status"] for one in sandbox.books()["charge"]] == ["failed", "succeeded"]
    assert len(sandbox.books()["payment_intent"]) == 1
