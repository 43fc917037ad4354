"""Whether the door was right, and why it opened for those who had no right any more."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from core.window import granule_start
from tests.bench.histories.plan import EARLY, LATE, SLACK, Wish
from tests.bench.histories.server import Sold
from tests.simulation.door import Verdict

if TYPE_CHECKING:
    from tests.bench.histories.history import Outcome


@dataclass(slots=True)
class Ticket:
    """A wish that was sold."""

    wish: Wish
    sold: Sold
    cancelled_at: datetime | None = None
    waits: bool = False
    """Told to wait, and not in since."""


class Judge:
    """Looks at people and doors only, never at what server or lock think."""

    def __init__(self, outcome: "Outcome") -> None:
        self._outcome = outcome
        self.tickets: dict[int, Ticket] = {}
        self._newest: dict[tuple[int, int], int] = {}
        """Highest rev sold of a start and lane."""
        self._entered: dict[tuple[int, int], int] = {}

    def sold(self, wish: Wish, sold: Sold) -> None:
        """Somebody has a code."""
        self.tickets[wish.number] = Ticket(wish, sold)
        granule, _, lane, rev = sold.credential
        self._newest[granule, lane] = rev

    def verdict(self, wish: Wish | None, verdict: Verdict) -> None:
        """An entry was decided."""
        counts = self._outcome.counts
        if wish is None:
            counts["wrong codes typed"] += 1
            if verdict.opens:
                self._odd(f"opened for a number that nobody was sold: {verdict}")
            return
        ticket = self.tickets[wish.number]
        is_live = ticket.cancelled_at is None or verdict.at < ticket.cancelled_at
        opens = granule_start(wish.offered.granule) - EARLY
        closes = granule_start(wish.offered.granule + wish.offered.length) + LATE
        if not verdict.opens:
            if is_live and opens + SLACK <= verdict.at <= closes - SLACK:
                self._refused(ticket, verdict)
            return
        counts["openings"] += 1
        counts["openings offline"] += verdict.offline
        if not opens - SLACK <= verdict.at <= closes + SLACK:
            self._odd(f"{wish.number} entered outside its window at {verdict.at}")
        if is_live:
            counts["openings by a right"] += 1
        else:
            self._cancelled_opening(ticket, verdict)
        granule, _, lane, rev = ticket.sold.credential
        if rev < self._entered.get((granule, lane), -1):
            self._odd(f"{wish.number} entered after a party of a later rev")
        self._entered[granule, lane] = rev
        ticket.waits = False

    def close(self) -> None:
        """The history is over: who was told to wait, and neither got in nor gave up the slot?"""
        waiting = [one for one in self.tickets.values() if one.waits and one.cancelled_at is None]
        self._outcome.counts["told to wait, and not in"] += len(waiting)

    def _refused(self, ticket: Ticket, verdict: Verdict) -> None:
        if verdict.outcome == "throttled":
            self._outcome.counts["valid codes told to wait (throttled)"] += 1
            ticket.waits = True
            return
        self._outcome.counts["valid codes refused"] += 1
        self._odd(
            f"{ticket.wish.number} ({ticket.wish.kind}, {ticket.sold.credential}) refused: {verdict.outcome} "
            f"at {verdict.at}, booked {ticket.wish.at}, last contact {verdict.contact_at}"
        )

    def _cancelled_opening(self, ticket: Ticket, verdict: Verdict) -> None:
        counts = self._outcome.counts
        counts["cancelled openings"] += 1
        cancelled_at, contact_at = ticket.cancelled_at, verdict.contact_at
        assert cancelled_at is not None
        granule, _, lane, rev = ticket.sold.credential
        if contact_at is not None and contact_at > cancelled_at:
            self._odd(f"{ticket.wish.number}, cancelled {cancelled_at}, entered after contact {contact_at}")
        elif not verdict.offline:
            counts["cancelled openings: within 900 s after a contact"] += 1
        elif self._newest[granule, lane] > rev:
            counts["cancelled openings: no contact since, resold, the new party not in yet"] += 1
        else:
            counts["cancelled openings: no contact since"] += 1

    def _odd(self, what: str) -> None:
        self._outcome.odd.append(what)
