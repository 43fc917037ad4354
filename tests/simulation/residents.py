"""Who lives in the town: groups that book, pay, dawdle, cancel and come; a manager; a stranger."""

from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

from booking.reservations.models import State
from core.clock import civil_day
from core.window import Window
from payments.states import PaymentState
from tests.integration.booking.town import BANDS
from tests.integration.booking.town import window as window_of
from tests.simulation.keypads import EARLY, LATE
from tests.simulation.oracle import Ticket
from tests.simulation.places import Place

if TYPE_CHECKING:
    from tests.simulation.town import SimulatedTown


class Residents:
    """Everything people do, planned by chance."""

    def __init__(self, town: "SimulatedTown") -> None:
        self._town, self._random = town, town.random
        self._keys = count(1)
        self._webhooks = count(1)
        self.tickets: dict[UUID, Ticket] = {}

    def wish(self) -> None:
        """Somebody wants to play: soon, in the next days, or far ahead."""
        random, now = self._random, self._town.clock.now()
        place = random.choice(self._town.places.offered)
        kind = random.random()
        if kind < 0.45:
            days, place = 0, random.choice(self._town.places.offered[:3])
        elif kind < 0.9:
            days = random.randint(1, 4)
        else:
            days = random.randint(5, 20)
        day = civil_day(now) + timedelta(days=days)
        windows = [window_of(first, last, day) for first, last in BANDS]
        if random.random() < 0.2:
            windows.append(window_of(18, 22, day))
        if not days:
            windows = [one for one in windows if one.ends_at - now > timedelta(minutes=30)][:2]
        if windows:
            self.book(random.choice(self._town.places.groups), place, random.choice(windows))

    def book(self, group: UUID, place: Place, window: Window, *, key: str = "", tries: int = 3) -> None:
        """One tap; after a crash the same form is sent again."""
        town = self._town
        key = key or f"form-{next(self._keys)}"
        refused_before = town.refusals
        sold = town.attempt(
            "hold", lambda: town.server.hold(group=group, offering=place.offering, window=window, key=key)
        )
        if sold is None:
            if tries and town.refusals == refused_before:
                town.agenda.after(
                    20, "book again", lambda: self.book(group, place, window, key=key, tries=tries - 1)
                )
            return
        if sold.id not in self.tickets:
            ticket = Ticket(sold.id, group, place, window, sold.amount_yen, sold.created_at)
            self.tickets[sold.id] = ticket
            self._plan(ticket, sold.state)

    def _plan(self, ticket: Ticket, state: str) -> None:
        town, random = self._town, self._random
        now = town.clock.now()
        if state == State.HELD:
            self.plan_payment(ticket)
        if random.random() < 0.35:
            until_start = (ticket.window.ends_at - now).total_seconds()
            wait = random.choice((random.uniform(5, 900), random.uniform(5, max(60.0, until_start))))
            town.agenda.after(wait, "cancel", lambda: self.cancel(ticket))
        opens, closes = ticket.window.starts_at - EARLY, ticket.window.ends_at + LATE
        first = max(opens + timedelta(minutes=2), now + timedelta(seconds=60))
        last = max(first, closes - timedelta(minutes=5))
        for _ in range(random.randint(1, 2)):
            at = first + (last - first) * random.random() ** 2
            town.agenda.at(at, "come", lambda: self.come(ticket))
        if random.random() < 0.3:
            early = opens - timedelta(minutes=random.uniform(2, 120))
            town.agenda.at(early, "come early", lambda: self._enter_old(ticket, "early", early))
        if random.random() < 0.2:
            after = closes + timedelta(minutes=random.uniform(2, 60))
            town.agenda.at(after, "come late", lambda: self._enter_old(ticket, "late", after))

    def plan_payment(self, ticket: Ticket) -> None:
        """Taps pay within the next minutes, some twice, some never."""
        random, agenda = self._random, self._town.agenda
        if random.random() < 0.1:
            return
        for _ in range(random.choice((1, 1, 1, 2))):
            agenda.after(random.uniform(5, 120), "tap pay", lambda: self.tap_pay(ticket))

    def tap_pay(self, ticket: Ticket, tries: int = 2) -> None:
        """To the card page, and there perhaps further."""
        town, random = self._town, self._random
        before = town.refusals
        session_id = town.attempt("pay", lambda: town.server.start_paying(ticket.group, ticket.id))
        if session_id is None:
            if tries and town.refusals == before:
                town.agenda.after(25, "tap pay again", lambda: self.tap_pay(ticket, tries - 1))
            return
        dice = random.random()
        if dice < 0.1:
            town.coverage["left_the_card_page"] += 1
            return
        wait = random.uniform(10, 100) if dice < 0.75 else random.uniform(100, 2100)
        town.agenda.after(wait, "press the button", lambda: self._charge(session_id))

    def _charge(self, session_id: str) -> None:
        town, random = self._town, self._random
        if not town.stripe.charge(session_id):
            town.coverage["card_page_was_over"] += 1
            return
        town.note(f"charged {session_id}")
        town.coverage["charged"] += 1
        if random.random() < 0.6:
            town.agenda.after(random.uniform(1, 5), "come back", lambda: self._come_back(session_id))
        number = next(self._webhooks)
        for _ in range(random.choice((0, 1, 1, 2))):
            wait = random.choice((random.uniform(0, 5), random.uniform(0, 7200)))
            town.agenda.after(wait, "webhook", lambda: self._webhook(number, session_id))

    def _come_back(self, session_id: str) -> None:
        state = self._town.attempt("return page", lambda: self._town.server.come_back(session_id))
        self._town.coverage["settled_by_return"] += state == PaymentState.SETTLED

    def _webhook(self, number: int, session_id: str) -> None:
        town = self._town
        took = town.attempt("webhook", lambda: town.server.take_webhook(number, session_id, "completed"))
        town.coverage[f"webhook:{took}"] += 1

    def cancel(self, ticket: Ticket) -> None:
        """Gives up; sometimes the same slot is wanted again at once."""
        town, random = self._town, self._random
        self._read_code(ticket)
        done = town.attempt("cancel", lambda: town.server.cancel(ticket.group, ticket.id))
        if done is None:
            return
        state, promised = done
        town.coverage[f"cancel:{state}"] += 1
        if state == State.CANCELLED:
            ticket.promised_yen = promised
        if random.random() < 0.6:
            group = random.choice(town.places.groups)
            town.agenda.after(
                random.uniform(5, 1200),
                "book it again",
                lambda: self.book(group, ticket.place, ticket.window),
            )
        if ticket.codes and random.random() < 0.7:
            at = max(town.clock.now(), ticket.window.starts_at) + timedelta(seconds=random.uniform(1, 1800))
            town.agenda.at(at, "come after cancelling", lambda: self._enter_old(ticket, "cancelled", at))

    def come(self, ticket: Ticket) -> None:
        """To the door in the window, with the code as the page shows it now."""
        if self._read_code(ticket):
            self._town.keypads.enter(ticket, kind="valid")
        else:
            self._town.coverage["came_without_code"] += 1

    def _enter_old(self, ticket: Ticket, kind: str, _at: datetime) -> None:
        self._read_code(ticket)
        self._town.keypads.enter(ticket, kind=kind)

    def _read_code(self, ticket: Ticket) -> bool:
        town = self._town
        shown = town.attempt("code page", lambda: town.server.codes(ticket.id), may_crash=False)
        names = {point: name for name, point in town.places.points.items()}
        for code in shown or ():
            ticket.codes[names[code.access_point_id]] = code.code
            town.coverage[f"shown:{code.standing}"] += 1
        return bool(shown)

    def guess(self) -> None:
        """A stranger tries a few codes."""
        town, random = self._town, self._random
        name = random.choice(sorted(town.doors))
        for number in range(random.randint(1, 4)):
            digits = f"{random.randrange(10**8):08}"
            town.agenda.after(20.0 * number, "guess", lambda digits=digits: town.keypads.guess(name, digits))  # type: ignore[misc]

    def manage(self) -> None:
        """The manager goes through the approval queue."""
        town, random = self._town, self._random
        for reservation_id in town.server.requested():
            dice = random.random()
            if dice > 0.85:
                continue
            is_yes = dice < 0.65
            town.attempt("decide", lambda: town.server.decide(reservation_id, is_yes=is_yes))  # noqa: B023
            ticket = self.tickets.get(reservation_id)
            if is_yes and ticket is not None:
                self.plan_payment(ticket)
        town.agenda.after(random.uniform(2, 8) * 3600, "manage", self.manage)

    def close_a_day(self) -> None:
        """The manager closes some hours of a day, and perhaps takes it back."""
        town, random = self._town, self._random
        first = random.choice((8, 10, 13, 18))
        window = window_of(first, 22, civil_day(town.clock.now()) + timedelta(days=random.randint(0, 3)))
        facility = random.choice((town.places.town.gym, town.places.town.gym, town.places.town.hall))
        closure = town.attempt("close", lambda: town.server.close_day(facility, window))
        if closure is not None and random.random() < 0.6:
            wait = random.uniform(60, 30 * 3600)
            town.agenda.after(wait, "lift", lambda: town.attempt("lift", lambda: town.server.lift(closure)))
