"""The books in the browser, wide and narrow: with figures, with a difference, while empty."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from booking.money_desk.nightly import run_night
from booking.places.models import Municipality
from core.ids import new_id
from payments import ledger
from payments.book_models import SettlementRun, StripeMovement, StripePayout
from payments.comparing import GRACE
from payments.ledger import Account, Line
from tests.browser.manage.conftest import Office, assert_fits
from tests.integration.manage.town import NOW
from tests.servers.browser import assert_axe_clean

PAGE = "/manage/money/books"
PATHS = (
    PAGE,
    f"{PAGE}/journal",
    f"{PAGE}/journal?day=2026-11-21&q=還付",
    f"{PAGE}/settlements",
    f"{PAGE}/payouts",
    f"{PAGE}/payouts/po_mihon",
    f"{PAGE}/months",
    f"{PAGE}/months/2026-10",
    f"{PAGE}/months/2026-11",
    f"{PAGE}/exports",
    f"{PAGE}/audit",
)
LAST_MONTH = datetime.fromisoformat("2026-10-15T12:00:00+09:00")
SETS = (
    ("capture:1", LAST_MONTH, ((Account.STRIPE_BALANCE, 128_400), (Account.USAGE_FEES, -128_400))),
    ("fee:txn_1", LAST_MONTH, ((Account.STRIPE_FEES, 4_622), (Account.STRIPE_BALANCE, -4_622))),
    ("payout:txn_2", NOW, ((Account.BANK, 123_778), (Account.STRIPE_BALANCE, -123_778))),
    ("capture:2", NOW, ((Account.STRIPE_BALANCE, 13_200), (Account.USAGE_FEES, -13_200))),
    ("owe:1", NOW, ((Account.USAGE_FEES, 2_640), (Account.REFUNDS_PAYABLE, -2_640))),
    ("charge:1:use", NOW, ((Account.RECEIVABLES, 46_000), (Account.USAGE_FEES, -46_000))),
    ("relief:1", NOW, ((Account.RELIEF, 9_900), (Account.USAGE_FEES, -9_900))),
    ("capture:3", NOW, ((Account.CASH, 1_500), (Account.USAGE_FEES, -1_500))),
)


@pytest.fixture
def books(office: Office) -> Office:
    """Two months of business, a payout, a difference."""
    since = datetime.fromisoformat("2026-11-01T00:00:00+09:00") + GRACE
    with office.database.transaction() as session:
        town = session.scalars(sa.select(Municipality.id)).one()
        for key, at, lines in SETS:
            ledger.post(
                session,
                municipality_id=town,
                set_key=key,
                lines=[Line(account, yen, new_id(at)) for account, yen in lines],
                now=at,
            )
        session.add(
            StripePayout(
                id="po_mihon",
                municipality_id=town,
                amount=123_778,
                state="paid",
                arrives_on=date(2026, 11, 20),
                created_at=NOW,
                copied_at=NOW,
                checked_at=NOW,
            )
        )
        session.add(_movement(town, "txn_1", "charge", 128_400, 4_622, "po_mihon"))
        session.add(_movement(town, "txn_9", "adjustment", -900, 0, None))
        told = {"subject": "movement:txn_9", "yen": 900, "since": (NOW - timedelta(days=1)).isoformat()}
        session.add(SettlementRun(municipality_id=town, begun_at=since, ended_at=since))
        session.add(SettlementRun(municipality_id=town, begun_at=NOW, error="stripe_unavailable"))
        session.add(
            SettlementRun(
                municipality_id=town,
                begun_at=NOW,
                ended_at=NOW,
                movements=2,
                stripe_yen=12_300,
                ledger_yen=13_200,
                differences=[told],
            )
        )
    run_night(office.database, office.clock, municipality_id=town)
    return office


def _movement(town: int, key: str, kind: str, amount: int, fee: int, payout_id: str | None) -> StripeMovement:
    return StripeMovement(
        id=key,
        municipality_id=town,
        type=kind,
        amount=amount,
        fee=fee,
        net=amount - fee,
        currency="jpy",
        source_id=f"of_{key}",
        created_at=NOW,
        available_on=NOW,
        copied_at=NOW,
        payout_id=payout_id,
        matched_set="capture:1" if payout_id else None,
    )


def _check(page: Page) -> None:
    for path in PATHS:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert_fits(page)
        assert_axe_clean(page)


@pytest.mark.usefixtures("books")
def test_each_page_of_the_books_fits_and_is_open_to_everybody(manager_page: Page) -> None:
    _check(manager_page)


def test_the_empty_books_fit_as_well(manager_page: Page) -> None:
    for path in PATHS[:5]:
        manager_page.goto(path)
        assert_fits(manager_page)
        assert_axe_clean(manager_page)


@pytest.mark.usefixtures("books")
def test_a_month_is_closed_by_typing_what_it_shows(manager_page: Page) -> None:
    manager_page.goto(PAGE)
    manager_page.get_by_role("link", name="月締め").click()
    manager_page.get_by_role("link", name="2026年10月").click()
    shown = manager_page.locator(".digits").inner_text()
    manager_page.get_by_label("確認番号").fill(f"{(int(shown) + 1) % 10000:04d}")
    manager_page.get_by_role("button", name="10月を締める").click()
    expect(manager_page.get_by_role("alert")).to_contain_text("確認番号が一致しません")
    manager_page.get_by_label("確認番号").fill(shown)
    manager_page.get_by_role("button", name="10月を締める").click()
    expect(manager_page.get_by_text("締めました")).to_be_visible()
    expect(manager_page.locator(".digits")).to_have_text(shown)


@pytest.mark.usefixtures("books")
def test_a_file_is_saved_and_listed(manager_page: Page, tmp_path: Path) -> None:
    manager_page.goto(f"{PAGE}/exports")
    with manager_page.expect_download() as waiting:
        manager_page.get_by_role("button", name="CSVを書き出す").click()
    saved = tmp_path / "journal.csv"
    waiting.value.save_as(saved)
    assert waiting.value.suggested_filename == "journal-2026-11.csv"
    lines = saved.read_bytes().decode("cp932").splitlines()
    assert len(lines) == 1 + 2 * 6
    assert lines[0].startswith("日付,時刻,番号,伝票")
    manager_page.reload()
    expect(manager_page.locator(".differences")).to_contain_text("仕訳帳 12行")


@pytest.mark.usefixtures("books")
def test_one_file_after_another_is_saved_from_the_same_page(manager_page: Page) -> None:
    manager_page.goto(f"{PAGE}/exports")
    for what in ("仕訳帳", "入金一覧"):
        manager_page.get_by_label(what).check()
        with manager_page.expect_download() as waiting:
            manager_page.get_by_role("button", name="CSVを書き出す").click()
        assert waiting.value.suggested_filename.endswith("-2026-11.csv")
