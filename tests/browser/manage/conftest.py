"""The manager's pages in Chromium, over a town with a lock and a full evening."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, Page

from booking.app.factory import create_app
from booking.people.models import Role
from booking.people.passwords import hash_password
from booking.reservations.models import State
from core.database import Database
from locks.alarms.models import Alarm
from locks.models import AccessPoint, CodeGroup, Lock, LockEvent, LockState, QuarantinedMessage
from tests.integration.manage.conftest import services_over
from tests.integration.manage.town import NOW, TODAY, StoppedClock, Town, at, window
from tests.servers.browser import PATIENCE_MS, assert_axe_clean, watched_page
from tests.servers.browser import sign_in as sign_in_to
from tests.servers.serving import serving

PASSWORD = "見本のパスワード2026"
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SignIn = Callable[[str, str], Page]
"""An address and the path to go to: the page, signed in."""


@dataclass(frozen=True)
class Office:
    """Where the pages are."""

    base: str
    database: Database
    clock: StoppedClock


@pytest.fixture
def office(sqlite_database_url: str) -> Iterator[Office]:
    """A town on SQLite, served on loopback."""
    database = Database(sqlite_database_url)
    with database.transaction() as session:
        _fill(Town(session).found())
    clock = StoppedClock()
    app = create_app(services_over(database, clock))
    with serving(app) as url:
        yield Office(url, database, clock)
    database.dispose()


@pytest.fixture(params=["desk", "phone"])
def manager_page(request: pytest.FixtureRequest, chromium: Browser, office: Office) -> Iterator[Page]:
    """A manager's browser, signed in; once wide, once as narrow as a phone."""
    size = DESK if request.param == "desk" else PHONE
    context = chromium.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        locale="ja-JP",
        timezone_id="Asia/Tokyo",
        base_url=office.base,
    )
    context.set_default_timeout(PATIENCE_MS)
    sign_in_to(context, office.base, "manager@example.jp", PASSWORD)
    with watched_page(context) as page:
        page.goto("/manage")
        yield page
    context.close()


@pytest.fixture(params=["desk", "phone"])
def sign_in(request: pytest.FixtureRequest, chromium: Browser, base: str) -> Iterator[SignIn]:
    """Opens a page as somebody, once wide, once as narrow as a phone; `base` is the test file's own town."""
    size = DESK if request.param == "desk" else PHONE
    with ExitStack() as opened:

        def as_(address: str, path: str) -> Page:
            context = chromium.new_context(
                viewport={"width": size["width"], "height": size["height"]},
                locale="ja-JP",
                timezone_id="Asia/Tokyo",
                base_url=base,
            )
            opened.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            sign_in_to(context, base, address, PASSWORD)
            page = opened.enter_context(watched_page(context))
            page.goto(path)
            return page

        yield as_


def assert_fits(page: Page) -> None:
    """Nothing makes the whole page scroll sideways."""
    page.wait_for_load_state()
    excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert excess <= 0, f"{page.url} is {excess} px too wide"


def assert_good(page: Page) -> None:
    assert_fits(page)
    assert_axe_clean(page)


def _fill(town: Town) -> None:
    town.account(
        "manager@example.jp", role=Role.MANAGER, name="見本 係長", password_hash=hash_password(PASSWORD)
    )
    resident = town.account("hanako@example.jp")
    group = town.group("見本団体01", resident)
    _add_lock(town)
    near = town.school("近くの小学校", access_points=(1,))
    far = town.school("遠くの中学校", approval=True)
    given = (resident, group)
    for place, day, hours, state in (
        (near.full, TODAY, (19, 21), State.CONFIRMED),
        (near.halves[0], TODAY, (9, 12), State.USED),
        (near.halves[1], TODAY, (13, 17), State.HELD),
        (far.full, TODAY + timedelta(days=1), (9, 12), State.REQUESTED),
        (near.full, date(2026, 10, 5), (9, 12), State.USED),
        (near.halves[0], date(2026, 10, 6), (13, 17), State.NO_SHOW),
    ):
        opened = at(day, hours[0]) if state is State.USED else None
        made = town.reservation(
            place,
            window(day, *hours),
            account=given[0],
            group=given[1],
            state=state,
            first_opened_at=opened,
        )
        made.pay_until = made.starts_at


def _add_lock(town: Town) -> None:
    session = town.session
    session.add(CodeGroup(id=1, municipality_id=town.number, wrapped_code_root=b"-"))
    session.flush()
    session.add(
        AccessPoint(
            id=1, municipality_id=town.number, code_group_id=1, kind="door_lock", name="体育館 正面入口"
        )
    )
    session.flush()
    session.add(
        Lock(
            id="0000000000000001",
            municipality_id=town.number,
            access_point_id=1,
            state=LockState.ACTIVE,
            added_at=NOW - timedelta(days=9),
            wrapped_root=b"-",
            broker_password_hash="-",
            last_contact_at=NOW - timedelta(minutes=12),
            next_sync_at=NOW + timedelta(hours=4),
            battery_mv=4700,
            desired_version=4,
            applied_version=3,
            bolt="locked",
            door="closed",
            clock_quality="synced",
        )
    )
    session.flush()
    session.add(
        LockEvent(
            lock_id="0000000000000001",
            seq=1,
            access_point_id=1,
            at=NOW - timedelta(minutes=3),
            clock_quality="synced",
            kind="lock_operation",
            detail={"operation": "unlock", "source": "keypad"},
            stored_at=NOW,
        )
    )
    session.add(
        Alarm(
            municipality_id=town.number,
            access_point_id=1,
            lock_id="0000000000000001",
            kind="battery_low",
            began_at=NOW - timedelta(hours=5),
            last_at=NOW - timedelta(hours=1),
            count=2,
            detail={"battery_mv": 4700, "days_left": 19},
        )
    )
    session.add(
        QuarantinedMessage(
            claimed_lock="0000000000000001",
            why="bad_envelope",
            received_at=NOW - timedelta(hours=1),
            size=6,
            head=b"kaiho?",
        )
    )
    session.flush()
