"""Somebody who walks through the pages by touch and looks at each with an auditor's eyes."""

import re
from collections.abc import Mapping

from playwright.sync_api import Page, Request, expect

from booking.demo.town import Town
from tests.browser.journey.canary import Canary
from tests.servers.browser import PHONE, assert_axe_clean

CARD = {"card_number": "4242424242424242", "expiry": "12/40", "cvc": "123", "name": "MIHON RIYOUSHA"}
DECLINED = CARD | {"card_number": "4000000000000002"}
ASKS_WHO = CARD | {"card_number": "4000000000003220"}
"""3-D Secure."""


class Walker:
    """A person and a phone. Every address the phone asks for is remembered for the canary."""

    def __init__(self, page: Page, town: Town, canary: Canary) -> None:
        self.page = page
        self._town = town
        self._canary = canary
        page.on("request", self._note)

    def open(self, address: str) -> None:
        """Go to an address of the town's web."""
        self.page.goto(self._town.at.web_url + address)

    def look(self, heading: str | re.Pattern[str]) -> None:
        """The page with this first heading is here, open to everybody, and nothing sticks out sideways."""
        expect(self.page.locator("h1")).to_contain_text(heading)
        assert_axe_clean(self.page)
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{self.page.url} is {width} px wide"

    def tap(self, words: str, role: str = "button") -> None:
        """Touch a button, or a link."""
        self.page.get_by_role(role, name=words).first.tap()  # type: ignore[arg-type]

    def sign_in(self, mail_address: str) -> None:
        """Fill in the sign-in form that is shown."""
        self.page.get_by_label("メールアドレス").fill(mail_address)
        self.page.get_by_label("パスワード").fill(self._town.sample_password)
        self.tap("ログインする")
        expect(self.page.get_by_role("link", name="設定")).to_be_visible()

    def ask_to_book(self, offering_id: int, start: int, length: int) -> None:
        """The page that asks for the last yes."""
        self.open(f"/offerings/{offering_id}/book?start={start}&length={length}")

    def hold(self, offering_id: int, start: int, length: int) -> str:
        """Book, up to the page that asks for money; its address."""
        self.ask_to_book(offering_id, start, length)
        self.tap("予約する")
        expect(self.page.locator("h1")).to_have_text("お支払いへ")
        return self.page.url

    def fill_card(self, card: Mapping[str, str]) -> None:
        """Type a card into the hosted page and pay."""
        for name, value in card.items():
            self.page.locator(f"#{name}").fill(value)
        self.tap("支払う")

    def pay(self) -> None:
        """From the page that asks for money to the one that says it is settled."""
        self.tap("支払う")
        self.fill_card(CARD)
        self.wait_for_confirmation()

    def wait_for_confirmation(self) -> None:
        """The return page, once it has its answer."""
        expect(self.page.locator("h1")).to_have_text("予約が確定しました")

    def read_code(self) -> str:
        """The digits on the code page that is shown."""
        code = self.page.locator(".code").get_attribute("data-door-code") or ""
        assert re.fullmatch(r"\d{8}", code)
        self._canary.shown(code)
        return code

    def offering_id(self, facility: str, part: str) -> int:
        """The number of a facility's offering, from the list of the day."""
        self.open("/")
        school = self.page.locator(".schools > li", has_text=facility)
        link = school.locator(".offering", has_text=part).locator("a[href^='/offerings/']").first
        found = re.search(r"/offerings/(\d+)", link.get_attribute("href") or "")
        assert found
        return int(found[1])

    def _note(self, request: Request) -> None:
        self._canary.seen(request.url)
