"""Chromium at phone size, and the question whether a page can be used by everybody."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

from tests.servers.processes import ROOT

PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 45_000
"""How long a test waits for what a page shows or does: a busy machine draws slowly, a broken page never."""
_AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """rules => axe.run(document, {
    runOnly: {type: "tag", values: rules}, resultTypes: ["violations"]})"""
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def chromium_program() -> str:
    """The machine's own Chromium: nothing is downloaded for a test."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise LookupError("chromium is missing: run `make setup`")


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A headless browser for as long as the block lasts."""
    # Chromium's own sandbox refuses to run as root; the only pages it sees are ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_program(), args=arguments)
        yield browser
        browser.close()


@contextmanager
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh phone in Yonago: 390 x 844, touch, Japanese, no cookies."""
    context = browser.new_context(
        viewport={"width": PHONE["width"], "height": PHONE["height"]},
        device_scale_factor=2,
        has_touch=True,
        is_mobile=True,
        locale="ja-JP",
        timezone_id="Asia/Tokyo",
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def sign_in(context: BrowserContext, url: str, address: str, password: str) -> None:
    """Sign in through the form without drawing it; the journeys draw it."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', context.request.get(f"{url}/sign-in").text())
    assert token, "no form to sign in"
    fields = {"csrf_token": token[1], "mail_address": address, "password": password}
    answer = context.request.post(f"{url}/sign-in", form={**fields}, max_redirects=0)
    assert answer.status == 303, answer.text()


@contextmanager
def watched_page(context: BrowserContext) -> Iterator[Page]:
    """A page whose scripts may not fail: an exception, or what the content policy refused, fails the test."""
    complaints: list[str] = []
    page = context.new_page()

    def note_console(message: ConsoleMessage) -> None:
        # A refused form answers 4xx on purpose, and Chromium reports that on the console too.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            complaints.append(message.text)

    def note_exception(error: Error) -> None:
        complaints.append(str(error))

    page.on("console", note_console)
    page.on("pageerror", note_exception)
    yield page
    assert complaints == [], f"{page.url} complained:\n" + "\n".join(complaints)


def assert_axe_clean(page: Page) -> None:
    """Fail with every WCAG 2.2 AA (and best practice) rule that axe-core finds broken, and where."""
    # Evaluated through the debugger, so the page's content policy need not let it in.
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        _RUN,
        _RULES,
    )
    broken = [
        f"{violation['id']}: {violation['help']}\n    "
        + "\n    ".join(node["html"] for node in violation["nodes"])
        for violation in found["violations"]
    ]
    assert broken == [], f"{page.url} is not accessible:\n" + "\n".join(broken)
