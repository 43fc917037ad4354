"""After a healthy day nothing is left undone."""

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from booking.reservations.models import Reservation
from core.owed import Owed
from locks.models import EventLoss, Lock, LockEvent
from payments.models import Payment, Refund
from payments.remote import RefundStatus
from payments.states import RefundState
from tests.simulation.oracle import Violated

if TYPE_CHECKING:
    from tests.simulation.door import SimulatedDoor
    from tests.simulation.town import SimulatedTown

OVERDUE = timedelta(minutes=15)


def require_rest(town: "SimulatedTown") -> None:
    """Raises `Violated` for what is still owed, due, unsettled or not on its lock."""
    for _ in range(2):
        for door in town.doors.values():
            door.sync()
        town.run(town.clock.now() + timedelta(minutes=3))
    _nothing_overdue(town)
    _money_is_back(town)
    for door in town.doors.values():
        _door_has_all(town, door)
    _no_code_was_mailed(town)
    _again_changes_nothing(town)


def _nothing_overdue(town: "SimulatedTown") -> None:
    limit = town.clock.now() - OVERDUE
    dues = (
        Reservation.next_due_at,
        Payment.next_due_at,
        Refund.next_due_at,
        Owed.due_at,
        Lock.publish_due_at,
    )
    with town.database.reading() as session:
        for due in dues:
            oldest = session.scalar(sa.select(sa.func.min(due)).where(due <= limit))
            if oldest is not None:
                raise Violated("liveness", f"{due} has been due since {oldest}")
        parked = session.scalar(sa.select(Owed.last_error).where(Owed.parked_at.is_not(None)).limit(1))
        failures = session.scalar(
            sa.select(Payment.last_error).where(
                Payment.last_error.is_not(None), ~Payment.last_error.like("Stripe%")
            )
        )
    if parked or failures:
        raise Violated("liveness", f"given up: {parked or failures}")


def _money_is_back(town: "SimulatedTown") -> None:
    with town.database.reading() as session:
        rows = session.execute(
            sa.select(Refund.id, Refund.state, Refund.amount_yen, Payment.settled_at).join(Payment)
        )
        refunds = {row.id: row for row in rows}
        settled = set(
            session.scalars(sa.select(Payment.stripe_session_id).where(Payment.settled_at.is_not(None)))
        )
    sent = {
        kept.row_id: kept.remote.amount
        for kept in town.stripe.refunds.values()
        if kept.remote.status == RefundStatus.SUCCEEDED
    }
    for row in refunds.values():
        if row.state != RefundState.SUCCEEDED or sent.get(row.id) != row.amount_yen:
            raise Violated("liveness", f"refund {row.id} is {row.state}, Stripe sent {sent.get(row.id)}")
    if sent.keys() - refunds.keys():
        raise Violated("S5", "Stripe sent back what nobody owed")
    unsettled = town.stripe.paid_at.keys() - settled
    if unsettled:
        raise Violated("liveness", f"paid and never settled: {min(unsettled)}")


def _door_has_all(town: "SimulatedTown", door: "SimulatedDoor") -> None:
    with town.database.reading() as session:
        lock = session.get_one(Lock, door.lock)
        newest, applied, acked = lock.desired_version, lock.applied_version, lock.acked_seq
        stored = set(session.scalars(sa.select(LockEvent.seq).where(LockEvent.lock_id == door.lock)))
        lost = session.scalar(sa.select(sa.func.count()).where(EventLoss.lock_id == door.lock))
    if not door.state.desired.version == applied == newest:
        raise Violated(
            "liveness", f"{door.name} holds {door.state.desired.version} of {newest}, we say {applied}"
        )
    pending = {int(str(record["seq"])) for record in door.state.log.records}
    missing = set(door.log) - stored - pending
    if missing or lost or stored != set(range(1, max(stored) + 1)) or acked > max(stored):
        raise Violated("S18", f"{door.name}: missing {sorted(missing)}, {lost} losses noted")


def _no_code_was_mailed(town: "SimulatedTown") -> None:
    codes = {code for ticket in town.residents.tickets.values() for code in ticket.codes.values()}
    for text in town.mail.texts.values():
        if any(code in text for code in codes):
            raise Violated("S8", "a code was mailed")


def _again_changes_nothing(town: "SimulatedTown") -> None:
    """Every loop once more: all has been done."""
    for name, (_, job) in town.server.jobs().items():
        touched = job()
        if touched and job():
            raise Violated("liveness", f"{name} never comes to rest")
