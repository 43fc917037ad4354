"""The documents' pictures, taken anew by `python -m tests.browser.journey.pictures docs/pictures`.

Find, month and heatmap show a sample town with two months of made-up reservations, on a clock that stands;
the code page and those about locks come from a town of real processes, since only a lock makes them true.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page

from booking.app.factory import create_app
from booking.demo.keypad import Keypads
from booking.demo.ports import wait_until
from booking.demo.resident import Resident
from booking.demo.town import Town
from booking.seed.run import seed
from booking.seed.year import plant_year
from core.database import Database
from migrations.run import upgrade
from tests.browser.journey.windows import hours_ahead
from tests.integration.manage.conftest import services_over
from tests.integration.manage.town import StoppedClock
from tests.servers.browser import phone, running_chromium
from tests.servers.serving import serving

MONTH = date(2026, 10, 1)
NOW = datetime(2026, 10, 31, 13, 0, tzinfo=UTC)
"""Late on the month's last evening: the heatmap is complete, November is on sale."""
PASSWORD = "mihon-no-machi"
_DAYS, _RESERVATIONS = 61, 9_000
HEATMAP = (1280, 886)


def take_pictures(browser: Browser, town: Town, folder: Path, *, scratch: Path) -> dict[str, str]:
    """Write `find.png`, `month.png`, `code.png`, `heatmap.png`, `locks.png`, `lock.png`, `alarms.png` and
    `shelter.png`; the first heading of each page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    headings = {"code": _code(browser, town, folder), **_locks(browser, town, folder)}
    with sample_year(scratch) as url:
        with phone(browser) as context:
            page = context.new_page()
            page.goto(f"{url}/days/2026-11-07")
            page.locator("summary", has_text="住吉小学校").dispatch_event("click")
            headings["find"] = _taken(page, folder / "find.png")
            page.get_by_role("link", name="月の空き").locator("visible=true").nth(1).tap()
            headings["month"] = _taken(page, folder / "month.png")
        headings["heatmap"] = _heatmap(browser, url, folder)
    return headings


@contextmanager
def sample_year(scratch: Path) -> Iterator[str]:
    """A town with two months of made-up reservations, served on loopback; its address."""
    database_url = f"sqlite:///{scratch / 'year.sqlite3'}"
    upgrade(database_url)
    database, clock = Database(database_url), StoppedClock(NOW)
    services = services_over(database, clock)
    with database.transaction() as session:
        town = seed(session, services.keyring, sample_password=PASSWORD, now=NOW)
        plant_year(
            session, municipality_id=town, first=MONTH, days=_DAYS, reservations=_RESERVATIONS, now=NOW
        )
    try:
        with serving(create_app(services)) as url:
            yield url
    finally:
        database.dispose()


def _code(browser: Browser, town: Town, folder: Path) -> str:
    """Booked and paid for by HTTP, looked at on a phone."""
    mail_address = "mihon-shimin3@example.jp"
    resident = Resident(town.at.web_url, mail_address, town.sample_password)
    resident.sign_in()
    booked = resident.book("見本体育館", "全面", hours_ahead(1), 2)
    resident.pay(booked)
    with phone(browser) as context:
        page = context.new_page()
        _sign_in(page, town.at.web_url, mail_address, town.sample_password)
        page.goto(f"{booked.address}/code")
        page.locator("#kept-offline").wait_for()
        return _taken(page, folder / "code.png")


def _locks(browser: Browser, town: Town, folder: Path) -> dict[str, str]:
    """What a manager sees after somebody has guessed at one door."""
    doors = Keypads(town.at.doors_url)
    lock = next(door["lock"] for door in doors.all() if door["name"].startswith("見本武道館"))
    for guess in range(5):
        doors.type(lock, f"1234567{guess}")
    doors.sync(lock)
    wide = browser.new_context(
        viewport={"width": HEATMAP[0], "height": HEATMAP[1]}, locale="ja-JP", timezone_id="Asia/Tokyo"
    )
    page = wide.new_page()
    _sign_in(page, town.at.web_url, "mihon-kanri@example.jp", town.sample_password)
    wait_until(
        lambda: "見本武道館" in page.goto(f"{town.at.web_url}/manage/alarms").text(),  # type: ignore[union-attr]
        "the guesses raised no alarm",
        at_most_s=30,
        every_s=0.5,
    )
    headings = {"alarms": _taken(page, folder / "alarms.png")}
    for name, path in (
        ("locks", "/manage/locks"),
        ("lock", f"/manage/locks/{lock}"),
        ("shelter", "/manage/shelter"),
    ):
        page.goto(f"{town.at.web_url}{path}")
        headings[name] = _taken(page, folder / f"{name}.png")
    wide.close()
    return headings


def _heatmap(browser: Browser, url: str, folder: Path) -> str:
    context = browser.new_context(viewport={"width": HEATMAP[0], "height": HEATMAP[1]}, locale="ja-JP")
    page = context.new_page()
    _sign_in(page, url, "mihon-kanri@example.jp", PASSWORD)
    page.goto(f"{url}/manage/utilisation?month={MONTH:%Y-%m}&kind=martial_arts_room")
    heading = _taken(page, folder / "heatmap.png")
    context.close()
    return heading


def _sign_in(page: Page, url: str, mail_address: str, password: str) -> None:
    page.goto(f"{url}/sign-in")
    page.get_by_label("メールアドレス").fill(mail_address)
    page.get_by_label("パスワード").fill(password)
    page.get_by_role("button", name="ログインする").click()
    page.get_by_role("link", name="設定").wait_for()


def _taken(page: Page, path: Path) -> str:
    page.locator("h1").wait_for()
    page.screenshot(path=path)
    return page.locator("h1").inner_text()


def main(folder: Path) -> None:
    """Take them all anew, with a town of their own."""
    with tempfile.TemporaryDirectory() as scratch, running_chromium() as browser:
        town = Town(Path(scratch) / "town")
        try:
            town.start()
            take_pictures(browser, town, folder, scratch=Path(scratch))
        finally:
            town.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
