"""Who pays, how, and what comes in between: cards, vouchers, cash, second tabs, second thoughts."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

from booking.reservations.models import State
from core.clock import civil_day
from core.ids import new_id
from core.window import Window
from tests.integration.booking.town import BANDS
from tests.integration.booking.town import window as window_of

if TYPE_CHECKING:
    from tests.simulation.money.proof import Proof

GOOD = ("4242424242424242", "5555555555554444", "3566002020360505", "4000000000000077")
DECLINED = ("4000000000000002", "4000000000009995", "4000000000000069", "4000000000000119")
NEEDS_3DS = ("4000000000003220", "4000002760003184")
DISPUTED = ("4000000000000259", "4000000000002685", "4000000000001976")
REFUND_PENDS = "4000000000007726"


@dataclass(slots=True)
class Ticket:
    """One reservation as its group knows it."""

    id: UUID
    amount_yen: int
    window: Window
    promised_yen: int | None = None
    """What cancelling promised back; None where nobody cancelled, or its answer was lost."""
    quoted_yen: set[int] = field(default_factory=set)
    """What the page said would come back before each cancelling whose answer was lost."""


class People:
    """Everything people do, planned by chance."""

    def __init__(self, proof: "Proof") -> None:
        self._proof, self._random = proof, proof.random
        self._keys = count(1)
        self.tickets: dict[UUID, Ticket] = {}

    def wish(self) -> None:
        """Somebody books, and the next one comes after a while."""
        proof, random = self._proof, self._random
        if proof.wants_more():
            proof.agenda.after(random.expovariate(1 / proof.seconds_between), "wish", self.wish)
        days = random.choice((0, 1, 2, 3, 6, 7, 9, 12, 16, 20, 25))
        day = civil_day(proof.clock.now()) + timedelta(days=days)
        windows = [window_of(first, last, day) for first, last in (*BANDS, (18, 22))]
        windows = [one for one in windows if one.ends_at - proof.clock.now() > timedelta(hours=1)]
        if windows:
            gyms = proof.gyms
            self.book(random.choice(gyms.groups), random.choice(gyms.offerings), random.choice(windows))

    def book(self, group: UUID, offering: int, window: Window, *, key: str = "", tries: int = 2) -> None:
        """One tap; after a crash the same form is sent again."""
        proof = self._proof
        key = key or f"form-{next(self._keys):08}-{'x' * 8}"
        before = proof.refusals
        sold = proof.attempt(
            "hold", lambda: proof.office.hold(group=group, offering=offering, window=window, key=key)
        )
        if sold is None:
            if tries and proof.refusals == before:
                proof.agenda.after(
                    20, "book again", lambda: self.book(group, offering, window, key=key, tries=tries - 1)
                )
            return
        if sold.id in self.tickets:
            return
        ticket = self.tickets[sold.id] = Ticket(sold.id, sold.amount_yen, window)
        if sold.state == State.HELD:
            self._plan_paying(ticket)
        if self._random.random() < 0.25:
            self._plan_cancelling(ticket)

    def _plan_paying(self, ticket: Ticket) -> None:
        random, agenda = self._random, self._proof.agenda
        dice = random.random()
        if dice < 0.04:
            return
        if dice < 0.12:
            agenda.after(random.uniform(20, 500), "at the counter", lambda: self._pay_cash(ticket, None))
            if random.random() < 0.5:
                return
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            agenda.after(random.uniform(5, 150), "tap pay", lambda: self.tap_pay(ticket))

    def _plan_cancelling(self, ticket: Ticket) -> None:
        random = self._random
        until_start = (ticket.window.starts_at - self._proof.clock.now()).total_seconds()
        wait = random.choice((random.uniform(5, 900), random.uniform(5, max(60.0, until_start))))
        by_staff = random.random() < 0.2
        self._proof.agenda.after(wait, "cancel", lambda: self._cancel(ticket, by_staff))

    def tap_pay(self, ticket: Ticket, tries: int = 2) -> None:
        """To the card page, and there perhaps further."""
        proof, random = self._proof, self._random
        before = proof.refusals
        session_id = proof.attempt("pay", lambda: proof.office.start_paying(ticket.id))
        if session_id is None:
            if tries and proof.refusals == before:
                proof.agenda.after(25, "tap pay again", lambda: self.tap_pay(ticket, tries - 1))
            return
        dice = random.random()
        if dice < 0.06:
            proof.coverage["left_the_card_page"] += 1
            return
        wait = random.uniform(10, 100) if dice < 0.85 else random.uniform(100, 2100)
        proof.agenda.after(wait, "press the button", lambda: self._press(session_id))

    def _press(self, session_id: str, tries: int = 2) -> None:
        proof, random = self._proof, self._random
        dice = random.random()
        if dice < 0.05:
            status = proof.stripe.page(f"/c/pay/{session_id}/konbini", {})
            self._after_voucher(session_id)
        elif dice < 0.15:
            self._decline(session_id, tries)
            return
        elif dice < 0.23:
            status = self._pass_3ds(session_id)
        elif dice < 0.25:
            status = self._card(session_id, random.choice(DISPUTED))
        else:
            status = self._card(session_id, random.choice((*GOOD, REFUND_PENDS)))
        proof.coverage[f"card_page:{status}"] += 1
        self._plan_return(session_id)

    def _card(self, session_id: str, number: str) -> int:
        form = {"card_number": number, "expiry": "12/40", "cvc": "123", "name": "MIHON HANAKO"}
        return self._proof.stripe.page(f"/c/pay/{session_id}", form)

    def _decline(self, session_id: str, tries: int) -> None:
        """Declined, and most try another card on the same page."""
        status = self._card(session_id, self._random.choice(DECLINED))
        self._proof.coverage[f"declined:{status}"] += 1
        if tries and self._random.random() < 0.8:
            wait = self._random.uniform(5, 90)
            self._proof.agenda.after(wait, "press again", lambda: self._press(session_id, tries - 1))

    def _pass_3ds(self, session_id: str) -> int:
        """Asked by the bank: passed, failed, or the tab is closed."""
        proof, dice = self._proof, self._random.random()
        status = self._card(session_id, self._random.choice(NEEDS_3DS))
        if dice < 0.15:
            proof.coverage["left_at_3ds"] += 1
            return status
        outcome = "complete" if dice < 0.8 else "fail"
        wait = self._random.uniform(5, 300)
        proof.agenda.after(wait, "3ds", lambda: self._answer_3ds(session_id, outcome))
        return status

    def _answer_3ds(self, session_id: str, outcome: str) -> None:
        status = self._proof.stripe.page(f"/c/pay/{session_id}/3ds", {"outcome": outcome})
        self._proof.coverage[f"3ds:{outcome}:{status}"] += 1
        self._plan_return(session_id)

    def _after_voucher(self, session_id: str) -> None:
        if self._random.random() < 0.75:
            wait = self._random.expovariate(1 / (5 * 3600))
            self._proof.agenda.after(wait, "at the till", lambda: self._pay_voucher(session_id))

    def _pay_voucher(self, session_id: str) -> None:
        session = self._proof.stripe.store.require("checkout.session", session_id)
        paid = self._proof.stripe.bring_about(
            "/konbini", payment_intent=session["payment_intent"] or "", outcome="paid"
        )
        self._proof.coverage["voucher_paid" if paid else "voucher_over"] += 1

    def _plan_return(self, session_id: str) -> None:
        if self._random.random() < 0.6:
            wait = self._random.uniform(1, 5)
            self._proof.agenda.after(wait, "come back", lambda: self._come_back(session_id))

    def _come_back(self, session_id: str) -> None:
        proof = self._proof
        session = proof.stripe.store.require("checkout.session", session_id)
        payment_id = UUID(session["client_reference_id"])
        proof.attempt("return page", lambda: proof.office.come_back(payment_id))

    def _pay_cash(self, ticket: Ticket, payment_id: UUID | None, tries: int = 3) -> None:
        """The form is sent again after a crash, and after a card page was closed."""
        proof = self._proof
        form = payment_id or new_id(proof.clock.now())
        before = proof.refusals
        took = proof.attempt("cash", lambda: proof.office.take_cash(ticket.id, form, ticket.amount_yen))
        if took:
            proof.watch.paid_cash(str(ticket.id), ticket.amount_yen)
            proof.coverage["cash"] += 1
        elif tries and proof.refusals == before:
            proof.agenda.after(60, "cash again", lambda: self._pay_cash(ticket, form, tries - 1))

    def _cancel(self, ticket: Ticket, by_staff: bool) -> None:
        proof = self._proof
        quoted = proof.office.quote(ticket.id, by_staff=by_staff)
        done = proof.attempt("cancel", lambda: proof.office.cancel(ticket.id, by_staff=by_staff))
        if done is None:
            ticket.quoted_yen.add(quoted)
        else:
            state, promised = done
            proof.coverage[f"cancel:{state}"] += 1
            if state == State.CANCELLED:
                ticket.promised_yen = promised
