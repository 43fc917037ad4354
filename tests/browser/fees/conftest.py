"""The pages of fees and relief in Chromium: a resident and a manager, wide and narrow."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page

from booking.app.guards import TOKEN
from booking.people.models import Group
from booking.people.sign_in import open_session
from core.database import Database
from tests.integration.fees.asking import ask
from tests.integration.pages.conftest import Site, build_site
from tests.servers.browser import PATIENCE_MS, PHONE, watched_page
from tests.servers.serving import serving

DESK = {"width": 1280, "height": 900}
LONG_NAME = "米子市立見本小学校区体育振興会・見本地区まちづくり協議会合同スポーツ実行委員会"


@dataclass
class Served:
    """A site and where it is."""

    url: str
    site: Site
    application: UUID


@pytest.fixture
def served(sqlite_database_url: str) -> Iterator[Served]:
    """The site on a free port; a group with a long name has applied for relief."""
    database = Database(sqlite_database_url)
    site = build_site(database, card_page="http://127.0.0.1:1")
    with database.transaction() as session:
        session.get_one(Group, site.town.general).name = LONG_NAME
    application = ask(site.town)
    with serving(site.app) as url:
        yield Served(url, site, application)
    database.dispose()


@contextmanager
def page_of(
    chromium: Browser, served: Served, account: UUID, *, size: str, scripts: bool = True
) -> Iterator[Page]:
    """A browser in which an account is signed in."""
    wide = DESK if size == "desk" else PHONE
    context = chromium.new_context(
        viewport={"width": wide["width"], "height": wide["height"]},
        locale="ja-JP",
        timezone_id="Asia/Tokyo",
        base_url=served.url,
        java_script_enabled=scripts,
    )
    context.set_default_timeout(PATIENCE_MS)
    with served.site.town.database.transaction() as session:
        now = served.site.clock.now()
        token = open_session(session, account_id=account, device="試験", now=now).token
    serializer = served.site.app.session_interface.get_signing_serializer(served.site.app)  # type: ignore[attr-defined]
    context.add_cookies(
        [{"name": "kaiho", "value": str(serializer.dumps({TOKEN: token})), "url": served.url}]
    )
    with watched_page(context) as page:
        yield page
    context.close()


@pytest.fixture(params=["desk", "phone"])
def size(request: pytest.FixtureRequest) -> str:
    """Wide, and as narrow as a phone."""
    return str(request.param)
