"""People at doors: whose code opens, whose does not, and whether that was right (S9, paid means in)."""

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.simulation.door import SimulatedDoor, Verdict
from tests.simulation.oracle import HAS_RIGHT, Ticket, Violated

if TYPE_CHECKING:
    from tests.simulation.town import SimulatedTown

EARLY, LATE = timedelta(seconds=600), timedelta(seconds=900)
SLACK = timedelta(seconds=60)
"""More than a clock of 20 ppm is off after a month without contact."""
HORIZON = timedelta(days=14)
ENTRY_TAKES_S = 12.0


class Keypads:
    """One person at a keypad at a time; each entry is judged once the lock has decided."""

    def __init__(self, town: "SimulatedTown") -> None:
        self._town = town
        self._taken_until: dict[str, float] = {}

    def enter(self, ticket: Ticket, *, kind: str) -> None:
        """Type a ticket's code at each of its doors, outermost first."""
        for number, name in enumerate(ticket.place.doors):
            digits = ticket.codes.get(name)
            if digits is not None:
                self._later(30.0 * number, name, digits, ticket, kind)

    def guess(self, name: str, digits: str) -> None:
        """A stranger types."""
        self._type(name, digits, None, "stranger", 3)

    def _later(
        self, seconds: float, name: str, digits: str, ticket: Ticket | None, kind: str, tries: int = 12
    ) -> None:
        self._town.agenda.after(
            seconds, f"{kind} at {name}", lambda: self._type(name, digits, ticket, kind, tries)
        )

    def _type(self, name: str, digits: str, ticket: Ticket | None, kind: str, tries: int) -> None:
        town, door = self._town, self._town.doors[name]
        if (
            ticket is not None
            and kind == "valid"
            and town.clock.now() > ticket.window.ends_at + LATE - 2 * SLACK
        ):
            town.coverage["came_too_late"] += 1
            return
        mono = town.clock.monotonic()
        if not door.is_free or self._taken_until.get(name, -1.0) > mono:
            if tries:
                self._later(15, name, digits, ticket, kind, tries - 1)
            return
        self._taken_until[name] = mono + ENTRY_TAKES_S + 1
        seen = len(door.verdicts)
        door.press(digits)
        town.agenda.after(2.5, f"enter at {name}", lambda: door.press("#"))
        town.agenda.after(
            ENTRY_TAKES_S, f"verdict at {name}", lambda: self._judge(door, seen, digits, ticket, kind, tries)
        )

    def _judge(
        self, door: SimulatedDoor, seen: int, digits: str, ticket: Ticket | None, kind: str, tries: int
    ) -> None:
        town = self._town
        if len(door.verdicts) == seen:
            town.coverage["entry_lost_with_power"] += 1
            if tries:
                self._later(20, door.name, digits, ticket, kind, tries - 1)
            return
        verdict = door.verdicts[seen]
        town.note(f"{kind} {door.name} {verdict.outcome}")
        town.coverage[f"{kind}:{verdict.outcome}{':offline' if verdict.offline else ''}"] += 1
        if verdict.opens:
            self._must_be_entitled(door, verdict, ticket)
        elif ticket is not None and kind == "valid":
            self._must_not_be(door, verdict, ticket)
            if verdict.outcome == "throttled" and tries:
                self._later(200, door.name, digits, ticket, kind, tries - 1)

    def _must_be_entitled(self, door: SimulatedDoor, verdict: Verdict, ticket: Ticket | None) -> None:
        if ticket is None:
            raise Violated("S9", f"{door.name} opened for a stranger")
        if not ticket.window.starts_at - EARLY - SLACK <= verdict.at <= ticket.window.ends_at + LATE + SLACK:
            raise Violated("S9", f"{door.name} opened outside the window of {ticket.id}")
        lives = self._town.invariants.lives
        if lives.at(ticket.id, verdict.at) in HAS_RIGHT:
            return
        lost_at = lives.lost_right_at(ticket.id, verdict.at)
        if lost_at is None:
            raise Violated("S9", f"{door.name} opened for {ticket.id}, which never had a right")
        if verdict.contact_at is not None and verdict.contact_at > lost_at:
            raise Violated(
                "S9", f"{door.name} opened for {ticket.id}, lost {lost_at}, contact {verdict.contact_at}"
            )
        self._town.coverage["opened_for_cancelled_without_contact"] += 1

    def _must_not_be(self, door: SimulatedDoor, verdict: Verdict, ticket: Ticket) -> None:
        """A refusal of a valid code: only what the protocol names as left over is no violation."""
        town = self._town
        if town.invariants.lives.at(ticket.id, verdict.at) not in HAS_RIGHT:
            town.coverage["lost_right_on_the_way"] += 1
            return
        is_listed = any(
            granule == ticket.window.granules.start and length == len(ticket.window.granules)
            for granule, length, _, _ in door.state.desired.grants
        )
        if not verdict.knew_time:
            excuse = "refused_without_clock_after_power_cut"
        elif verdict.outcome == "throttled" and not is_listed:
            excuse = "throttled_by_somebody_else"
        elif ticket.window.starts_at - ticket.sold_at >= HORIZON - timedelta(days=1) and not is_listed:
            excuse = "pending_never_reached_the_lock"
        else:
            raise Violated(
                "paid means in",
                f"{door.name} refused {ticket.id} ({verdict.outcome}) of {ticket.window.starts_at}, sold "
                f"{ticket.sold_at}, at {verdict.at}, last contact {verdict.contact_at}",
            )
        town.coverage[excuse] += 1
