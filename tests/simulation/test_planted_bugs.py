"""A protection is switched off, and the town notices: each invariant has its teeth."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.reservations import claims, confirm, money
from booking.reservations.refusals import NotSellableNow
from core.clock import civil_day
from core.window import Window
from firmware_sim.core import messages
from firmware_sim.core.desired import read
from firmware_sim.core.envelope import Opened
from firmware_sim.core.state import Contact
from firmware_sim.core.turn import Turn
from locks import desired_state, event_log, grants
from payments import checkout, loops
from tests.integration.booking.town import window as window_of
from tests.simulation.clock import seeded_ids
from tests.simulation.oracle import Ticket, Violated
from tests.simulation.town import SimulatedTown, run_seed
from tests.simulation.weather import Climate

Url = Callable[[], str]
Patch = pytest.MonkeyPatch

BUSY = Climate("busy", days=1.5, bookings=45, interleaving=0.1, message_faults=0.05)
QUIET = Climate("quiet", days=1, bookings=0)


def violation_of(fresh_url: Url, climate: Climate = BUSY, seeds: int = 4) -> str:
    """What the first seed that finds something finds."""
    for seed in range(seeds):
        found = run_seed(fresh_url(), seed, climate)
        if found.violation is not None:
            return found.violation
    return "kept"


def test_claims_that_decide_nothing_are_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    really_take, really_look = claims.take_new, claims.look

    def take(*given: object, **named: object) -> bool:
        really_take(*given, **named)  # type: ignore[arg-type]
        return True

    def look(*given: object, **named: object) -> claims.Look:
        return replace(really_look(*given, **named), taken=0, closed=0)  # type: ignore[arg-type]

    monkeypatch.setattr(claims, "take_new", take)
    monkeypatch.setattr(claims, "look", look)
    assert violation_of(fresh_url).startswith("S1:")


def test_freeing_without_asking_stripe_is_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    def abandon(town: SimulatedTown) -> None:
        ticket = sold(town, soon(town))
        town.server.start_paying(ticket.group, ticket.id)
        town.run(town.clock.now() + timedelta(minutes=20))

    with town_of(fresh_url, QUIET) as town:
        abandon(town)
        assert town.coverage["move:held->expired"]
    monkeypatch.setattr(checkout, "close", lambda _session, **_named: True)
    with town_of(fresh_url, QUIET) as town, pytest.raises(Violated, match="S7"):
        abandon(town)


def test_late_money_that_nobody_owes_back_is_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    monkeypatch.setattr(money, "_give_back", lambda _session, _reservation, **_named: None)
    monkeypatch.setattr(money, "_seat_again", lambda _session, _reservation, **_named: False)
    with town_of(fresh_url, QUIET) as town:
        ticket = sold(town, soon(town))
        session_id = town.server.start_paying(ticket.group, ticket.id)
        town.server.close_day(town.places.town.gym, ticket.window)
        town.stripe.charge(session_id)
        with pytest.raises(Violated, match="S2"):
            town.run(town.clock.now() + timedelta(hours=1))


def test_refunds_that_are_never_sent_are_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    monkeypatch.setattr(loops, "send_refunds", lambda *_given: 0)
    with town_of(fresh_url, QUIET) as town:
        ticket = paid(town, soon(town))
        give_up(town, ticket)
        with pytest.raises(Violated, match="liveness: Refund"):
            town.recover()


def test_gaps_in_permit_numbers_are_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    skipping = sa.text(str(confirm._NEXT_NUMBER).replace("last_number + 1", "last_number + 2"))
    monkeypatch.setattr(confirm, "_NEXT_NUMBER", skipping)
    assert violation_of(fresh_url).startswith("permits:")


def test_events_acknowledged_but_not_stored_are_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    monkeypatch.setattr(event_log, "store", lambda *_given, **_named: [])
    assert violation_of(fresh_url).startswith("S18:")


def test_a_lock_that_takes_an_older_state_is_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    def take(turn: Turn, contact: Contact, opened: Opened) -> None:
        desired = read(opened.payload, opened.octets)
        if desired.version != turn.state.desired.version:
            messages._apply(turn, contact, desired)

    monkeypatch.setattr(messages, "take_desired", take)
    assert violation_of(fresh_url, replace(BUSY, message_faults=0.2)).startswith("S12:")


def test_a_sale_that_the_cut_off_lock_cannot_know_is_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    """Three revisions are all that a lock without contact foresees; the fourth sale of a start is refused."""
    with town_of(fresh_url, QUIET) as town:
        sell_again_and_again(town, 3)
        with pytest.raises(NotSellableNow):
            sold(town, soon(town))
    monkeypatch.setattr(grants, "require_sellable", lambda _session, **_named: None)
    with town_of(fresh_url, QUIET) as town:
        sell_again_and_again(town, 3)
        ticket = paid(town, soon(town))
        with pytest.raises(Violated, match="paid means in"):
            come(town, ticket, kind="valid")


def test_floors_that_are_not_sent_are_noticed(fresh_url: Url, monkeypatch: Patch) -> None:
    """A cancelled code is refused from the next contact on, also where the lock is cut off later."""
    with town_of(fresh_url, QUIET) as town:
        come(town, cancelled_and_told(town), kind="cancelled")
        assert (
            town.coverage["cancelled:invalid_credential:offline"]
            + town.coverage["cancelled:invalid_credential"]
        )
    really = desired_state._rights
    monkeypatch.setattr(
        desired_state, "_rights", lambda *given, **named: replace(really(*given, **named), floors={})
    )
    with town_of(fresh_url, QUIET) as town:
        ticket = cancelled_and_told(town)
        with pytest.raises(Violated, match="S9"):
            come(town, ticket, kind="cancelled")


class town_of:  # noqa: N801 - used as a `with` statement's word
    """A town that has had its first contacts; nobody has plans, a test tells them."""

    def __init__(self, fresh_url: Url, climate: Climate) -> None:
        self._ids = seeded_ids(Random(1))
        self._ids.__enter__()
        self.town = SimulatedTown(fresh_url(), 1, climate)

    def __enter__(self) -> SimulatedTown:
        self.town.open()
        return self.town

    def __exit__(self, *error: object) -> None:
        self.town.database.dispose()
        self._ids.__exit__(None, None, None)


def soon(town: SimulatedTown) -> Window:
    """Ten to twelve, the day after tomorrow."""
    return window_of(10, 12, civil_day(town.clock.now()) + timedelta(days=2))


def sold(town: SimulatedTown, window: Window) -> Ticket:
    """A hold of half the gym."""
    place, group = town.places.offered[1], town.places.groups[0]
    made = town.server.hold(group=group, offering=place.offering, window=window, key=f"form-{town.events}")
    town.check()
    ticket = Ticket(UUID(int=made.id.int), group, place, window, made.amount_yen, made.created_at)
    town.residents.tickets[ticket.id] = ticket
    return ticket


def paid(town: SimulatedTown, window: Window) -> Ticket:
    """A confirmed reservation of half the gym."""
    ticket = sold(town, window)
    session_id = town.server.start_paying(ticket.group, ticket.id)
    assert town.stripe.charge(session_id)
    town.server.come_back(session_id)
    town.check()
    town.run(town.clock.now() + timedelta(seconds=30))
    return ticket


def give_up(town: SimulatedTown, ticket: Ticket) -> None:
    """Cancelled, as a resident would."""
    _, ticket.promised_yen = town.server.cancel(ticket.group, ticket.id)
    town.check()


def sell_again_and_again(town: SimulatedTown, times: int) -> None:
    """The doors are cut off; the same start is sold, paid and given up."""
    for door in town.doors.values():
        town.channel.cut(door)
    town.run(town.clock.now() + timedelta(minutes=1))
    for _ in range(times):
        ticket = paid(town, soon(town))
        give_up(town, ticket)
        town.run(town.clock.now() + timedelta(minutes=1))


def cancelled_and_told(town: SimulatedTown) -> Ticket:
    """A code that was seen and cancelled; every lock has had a contact since, and then no more."""
    ticket = paid(town, soon(town))
    town.run(ticket.window.starts_at - timedelta(hours=2))
    town.residents._read_code(ticket)
    give_up(town, ticket)
    for _ in range(2):
        town.run(town.clock.now() + timedelta(minutes=20))
        for door in town.doors.values():
            door.sync()
    town.run(town.clock.now() + timedelta(minutes=20))
    for door in town.doors.values():
        town.channel.cut(door)
    return ticket


def come(town: SimulatedTown, ticket: Ticket, *, kind: str) -> None:
    """To the doors in the window."""
    town.run(ticket.window.starts_at + timedelta(minutes=20))
    town.residents._read_code(ticket)
    assert ticket.codes
    town.keypads.enter(ticket, kind=kind)
    town.run(town.clock.now() + timedelta(minutes=3))
