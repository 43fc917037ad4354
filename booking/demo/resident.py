"""A resident and a manager who do by HTTP what people do with thumbs."""

from contextlib import suppress
from dataclasses import dataclass

import requests

from booking.demo.ports import wait_until
from booking.demo.visitor import Page, Visitor
from core.errors import ContractBroken

CARD = {"card_number": "4242424242424242", "expiry": "12/40", "cvc": "123", "name": "MIHON RIYOUSHA"}


@dataclass(frozen=True, slots=True)
class Booked:
    """A reservation, by its page."""

    address: str


class Resident:
    """Somebody with an account."""

    def __init__(self, base_url: str, mail_address: str, password: str) -> None:
        self._browser = Visitor(base_url)
        self._mail_address = mail_address
        self._password = password

    def sign_in(self) -> None:
        """Sign in by mail address and password."""
        page = self._browser.get("/sign-in")
        page = self._browser.submit(
            page, page.form("/sign-in"), mail_address=self._mail_address, password=self._password
        )
        if "/sign-in" in page.url:
            raise ContractBroken(f"{self._mail_address} cannot sign in: {page.status}")

    def book(self, facility: str, part: str, start: int, length: int) -> Booked:
        """From the first page to a reservation: facility, offering, window, 予約する."""
        page = self.choose(facility, part, start, length)
        page = self._browser.submit(page, page.form("/holds"))
        if page.status != 200 or "/reservations/" not in page.url:
            raise ContractBroken(f"no reservation: {page.status} {page.marks.get('code')} {page.text[:300]}")
        return Booked(page.url)

    def choose(self, facility: str, part: str, start: int, length: int) -> Page:
        """The page that asks for the last yes."""
        page = self._browser.get("/")
        page = self._browser.get(page.link("/facilities/", words=facility))
        page = self._browser.get(page.link("/offerings/", words=part))
        address = page.url.partition("?")[0]
        return self._browser.get(f"{address}/book?start={start}&length={length}")

    def pay(self, booked: Booked) -> None:
        """Pay by card on the hosted page and come back confirmed."""
        self.pay_at(self.open_card_page(booked))
        wait_until(
            lambda: self.state(booked) in ("confirmed", "used"),
            "paid but not confirmed",
            at_most_s=60,
            every_s=0.3,
        )

    def open_card_page(self, booked: Booked) -> Page:
        """Press 支払う: the hosted card page."""
        page = self._browser.get(booked.address)
        return self._browser.submit(page, page.form("/payments"))

    def pay_at(self, card_page: Page) -> None:
        """Fill in the card and pay; wherever the card page leads then need not answer."""
        with suppress(requests.ConnectionError):
            self._browser.submit(card_page, card_page.form("/c/pay/"), **CARD)

    def cancel(self, booked: Booked) -> None:
        """Give it up, having seen what comes back."""
        page = self._browser.get(f"{booked.address}/cancel")
        self._browser.submit(page, page.form("/cancel"))

    def state(self, booked: Booked) -> str | None:
        """The state that its page shows."""
        return self._browser.get(booked.address).mark("state")

    def code(self, booked: Booked) -> str:
        """The digits on the code page.

        Raises:
            ContractBroken: the page shows none.
        """
        found = self._browser.get(f"{booked.address}/code").mark("door-code")
        if found is None:
            raise ContractBroken("the code page shows no code")
        return found

    def standing(self, booked: Booked) -> str | None:
        """What the code page says of the lock."""
        return self._browser.get(f"{booked.address}/code").mark("standing")

    def revocation_is_pending(self, booked: Booked) -> bool:
        """Whether its page still says that a lock has not heard of the cancellation."""
        return "電子錠への取消しの連絡" in self._browser.get(booked.address).text

    def refund(self, booked: Booked) -> str | None:
        """State of the refund that the reservation's page shows."""
        return self._browser.get(booked.address).mark("refund")


class Manager(Resident):
    """Somebody at the city's desk."""

    def board(self) -> Page:
        """Today's board."""
        return self._browser.get("/manage")
