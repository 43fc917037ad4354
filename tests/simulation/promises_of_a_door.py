"""What one door, its server and its screens owe people; `Violated` where they do not keep it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from core.window import Window
from locks.models import EventLoss, LockEvent
from locks.standing import Standing
from tests.bench.histories.server import Sold
from tests.bench.histories.steps_server import StepsServer
from tests.simulation.door import SimulatedDoor, Verdict
from tests.simulation.oracle import Violated

SLACK = timedelta(seconds=45)
"""More than a clock of 20 ppm is off after three weeks."""


@dataclass(slots=True)
class Ticket:
    """A code that somebody was given. Staff codes have no credential of a window."""

    code: str
    opens: datetime
    closes: datetime
    sold_at: datetime
    sold: Sold | None = None
    window: Window | None = None
    courts: frozenset[int] = frozenset()
    is_beyond: bool = False
    """Sold as pending."""
    ended_at: datetime | None = None


class Promises:
    """An oracle that knows people: who was given which code when, and who went in."""

    def __init__(
        self, server: StepsServer, door: SimulatedDoor, tickets: list[Ticket], coverage: Counter[str]
    ) -> None:
        self.server, self.door, self.tickets, self.coverage = server, door, tickets, coverage
        self._entered: dict[tuple[int, int], int] = {}
        self._applied = self._version = 0

    def check(self, now: datetime) -> None:
        """What must be true at any moment."""
        row, state = self.server.lock(), self.door.state
        if row.applied_version < self._applied:
            raise Violated("applied", f"back from {self._applied} to {row.applied_version}")
        if row.applied_version > max(self.door.versions, default=0):
            raise Violated("applied", f"{row.applied_version}, which the lock never had")
        self._applied = row.applied_version
        if state.powered:
            if state.desired.version < self._version:
                raise Violated("applied", f"the lock went from {self._version} to {state.desired.version}")
            self._version = state.desired.version
            self._standings(now)
        self._log(row.acked_seq)

    def must_be_equal(self, now: datetime) -> None:
        """Server and lock say the same."""
        row, state = self.server.lock(), self.door.state
        held = (row.applied_version, state.desired.version, row.acked_seq)
        wanted = (row.desired_version, row.desired_version, state.log.last_seq())
        if held != wanted:
            raise Violated("equal", f"applied, held and acknowledged {held}, not {wanted}")
        sold = {
            ticket.sold.credential
            for ticket in self.tickets
            if ticket.sold is not None
            and ticket.ended_at is None
            and ticket.closes > now
            and ticket.opens < now + timedelta(days=44)
        }
        if not sold <= set(state.desired.grants):
            raise Violated("equal", f"the lock lacks {sorted(sold - set(state.desired.grants))}")

    def _standings(self, now: datetime) -> None:
        """`on the lock` is never said before the lock has it."""
        live = [ticket for ticket in self.tickets if ticket.ended_at is None]
        told = self.server.standings([ticket.sold.holder for ticket in live if ticket.sold], now=now)
        for ticket in live:
            assert ticket.sold is not None
            is_there = ticket.sold.credential in self.door.state.desired.grants
            if told[UUID(str(ticket.sold.holder))] is Standing.ON_THE_LOCK and not is_there:
                raise Violated("honest screens", f"{ticket.sold.credential} is said to be on the lock")

    def _log(self, acked: int) -> None:
        """Stored or known to be lost, without a gap; forgotten by the lock only once it is."""
        stored = {row.seq for row in self.server.rows(sa.select(LockEvent.seq))}
        for row in self.server.rows(sa.select(EventLoss.first_seq, EventLoss.last_seq)):
            stored |= set(range(row.first_seq, row.last_seq + 1))
            self.coverage["recorded losses"] += 1
        missing = set(range(1, max(acked, self.door.acknowledged) + 1)) - stored
        if missing:
            raise Violated("log", f"acknowledged, neither stored nor recorded as lost: {sorted(missing)[:5]}")

    def judge(self, ticket: Ticket, verdict: Verdict) -> None:
        """Whether the door was right about somebody's code."""
        is_inside = ticket.opens + SLACK <= verdict.at <= ticket.closes - SLACK
        is_live = ticket.ended_at is None or verdict.at < ticket.ended_at
        if not verdict.opens:
            if is_inside and is_live:
                self._must_not_be(ticket, verdict)
            return
        if not ticket.opens - SLACK <= verdict.at <= ticket.closes + SLACK:
            raise Violated("window", f"opened at {verdict.at}, {ticket.opens} to {ticket.closes}")
        if not is_live:
            assert ticket.ended_at is not None
            if verdict.contact_at is not None and verdict.contact_at > ticket.ended_at:
                raise Violated("cancelled", f"opened after the contact of {verdict.contact_at}")
            self.coverage["opened for a cancelled code"] += 1
        if ticket.sold is None:
            return
        granule, _, lane, rev = ticket.sold.credential
        if rev < self._entered.get((granule, lane), 0):
            raise Violated("burn", f"rev {rev} opened after rev {self._entered[granule, lane]}")
        self._entered[granule, lane] = rev

    def _must_not_be(self, ticket: Ticket, verdict: Verdict) -> None:
        """A refusal of a valid code: only what the protocol names as left over is none."""
        desired = self.door.state.desired
        is_listed = ticket.sold is not None and ticket.sold.credential in desired.grants
        if not verdict.knew_time:
            excuse = "no clock after a power cut"
        elif ticket.sold is None and (verdict.contact_at is None or ticket.sold_at > verdict.contact_at):
            excuse = "a staff code that the lock has not heard of"
        elif verdict.outcome == "throttled" and not is_listed:
            excuse = "throttled by somebody else"
        elif ticket.is_beyond and not is_listed:
            excuse = "pending, never reached the lock"
        else:
            raise Violated(
                "paid means in",
                f"{verdict.outcome} at {verdict.at}, sold {ticket.sold_at}, {ticket.sold}, last contact "
                f"{verdict.contact_at}, lock holds {desired.version}",
            )
        self.coverage[f"refused: {excuse}"] += 1
