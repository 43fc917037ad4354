"""The counter and a resident's bills in Chromium, wide and narrow, over a town in which money waits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page

from booking.people.models import Account, Group
from booking.people.passwords import hash_password
from core.database import Database
from payments.invoice_models import Charge
from tests.integration.booking.town import window
from tests.integration.counter.conftest import Counter
from tests.integration.counter.test_invoices import FIRST_OF_DECEMBER, at, run
from tests.integration.counter.test_paying_out import owed_back
from tests.integration.pages.conftest import build_site
from tests.servers.browser import PATIENCE_MS, sign_in, watched_page
from tests.servers.serving import serving

PASSWORD = "見本のパスワード2026"
SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@dataclass
class Open:
    """Where the pages are, and what waits there."""

    url: str
    office: Counter
    held: UUID
    with_slip: UUID
    slip_id: UUID
    invoice_id: UUID


@pytest.fixture
def counter_site(sqlite_database_url: str) -> Iterator[Open]:
    """An unpaid hold, a slip that is out, cash to pay out, an invoice, a group with a long name."""
    database = Database(sqlite_database_url)
    office = Counter(build_site(database, card_page="http://127.0.0.1:1"))
    town = office.site.town
    with database.transaction() as session:
        for account_id in (town.resident, town.manager):
            session.get_one(Account, account_id).password_hash = hash_password(PASSWORD)
        session.get_one(
            Group, town.youth
        ).name = "見本団体02 とても長い名前のバレーボールスポーツ少年団保護者会"
    office.make_postpaid()
    owed_back(office)
    office.cash(office.held(window(8, 10)))
    office.postpaid(window(20, 22))
    with database.transaction() as session:
        session.execute(sa.update(Charge).values(used_on=date(2026, 11, 28)))
    at(office, FIRST_OF_DECEMBER)
    run(office)
    day = date(2026, 12, 12)
    held, with_slip = office.held(window(10, 12, day)), office.held(window(13, 15, day))
    slip_id = office.slip(with_slip)
    office.postpaid(window(18, 20, day))
    with database.reading() as session:
        invoice_id = session.scalars(sa.select(Charge.invoice_id).where(Charge.invoice_id.is_not(None))).one()
    assert invoice_id is not None
    with serving(office.site.app) as url:
        yield Open(url, office, held, with_slip, slip_id, invoice_id)
    database.dispose()


@pytest.fixture(params=sorted(SIZES))
def size(request: pytest.FixtureRequest) -> str:
    """As wide as a desk's screen, and as narrow as a phone's."""
    return str(request.param)


def signed_in_page(chromium: Browser, site: Open, size: str, mail: str) -> Iterator[Page]:
    """A browser in which somebody has signed in."""
    wanted = SIZES[size]
    context = chromium.new_context(
        viewport={"width": wanted["width"], "height": wanted["height"]},
        locale="ja-JP",
        timezone_id="Asia/Tokyo",
        base_url=site.url,
    )
    context.set_default_timeout(PATIENCE_MS)
    sign_in(context, site.url, mail, PASSWORD)
    with watched_page(context) as page:
        yield page
    context.close()


@pytest.fixture
def clerk(chromium: Browser, counter_site: Open, size: str) -> Iterator[Page]:
    """The manager's browser."""
    yield from signed_in_page(chromium, counter_site, size, "kanri@example.jp")


@pytest.fixture
def resident(chromium: Browser, counter_site: Open, size: str) -> Iterator[Page]:
    """The resident's browser."""
    yield from signed_in_page(chromium, counter_site, size, "mihon@example.jp")
