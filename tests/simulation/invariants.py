"""What must be true after every step; reliability.md section 4 names them S1, S2, …"""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from booking.reservations.models import Claim, Reservation, State
from booking.reservations.states import CLAIMING, MOVES, OPEN
from core.window import Window
from firmware_sim.core.primitives import code_of
from locks.models import Lock, LockEvent
from payments.models import LedgerEntry, Payment, Refund
from payments.remote import RefundStatus
from payments.states import PaymentState
from tests.simulation.oracle import HAS_RIGHT, Lives, Violated

if TYPE_CHECKING:
    from tests.simulation.door import SimulatedDoor
    from tests.simulation.town import SimulatedTown

SETTLED_WITHIN = timedelta(minutes=15)
"""Of healthy time: Stripe up, a worker running."""
_MOVES = {("" if before is None else str(before), str(after)) for before, after in MOVES}
_DONE = (PaymentState.SETTLED, PaymentState.MISMATCHED)


class Invariants:
    """Checked against the database, the Stripe in memory and the doors; raises `Violated`."""

    def __init__(self, town: "SimulatedTown") -> None:
        self._town = town
        self.lives = Lives()
        self.rows: dict[UUID, Any] = {}
        self._versions: dict[str, int] = {}
        self._applied: dict[str, int] = defaultdict(int)
        self._acked: dict[str, int] = defaultdict(int)
        self._checks: tuple[tuple[str, Callable[[], None]], ...] = (
            ("reservation claim", self._reservations),
            ("payment refund reservation ledger_entry", self._money),
            ("ledger_entry", self._ledger),
            ("lock lock_event", self._locks),
        )

    def check(self, written: set[str]) -> None:
        """Everything that the tables just written, Stripe or a door may have broken."""
        for tables, look in self._checks:
            if not written.isdisjoint(tables.split()):
                look()
        self._stripe()
        for door in self._town.doors.values():
            self._door(door)

    def _read(self, *columns: Any) -> list[Any]:
        with self._town.database.reading() as session:
            return list(session.execute(sa.select(*columns)).all())

    def _reservations(self) -> None:
        now = self._town.clock.now()
        r = Reservation
        self.rows = {
            row.id: row
            for row in self._read(
                r.id,
                r.state,
                r.starts_at,
                r.ends_at,
                r.offering_id,
                r.next_due_at,
                r.permit_number,
                r.amount_yen,
            )
        }
        expected: dict[tuple[int, int], UUID] = {}
        for row in sorted(self.rows.values(), key=lambda row: row.id):
            before = self.lives.note(row.id, row.state, now)
            if before is not None:
                self._town.note(f"{row.id} {before}->{row.state}")
                self._town.coverage[f"move:{before or 'new'}->{row.state}"] += 1
                if (before, row.state) not in _MOVES:
                    raise Violated("S23", f"{before} -> {row.state} of {row.id}")
                if (before, row.state) in (("held", "expired"), ("held", "cancelled")):
                    self._must_be_closed(row.id)
            if (row.state in OPEN) != (row.next_due_at is not None):
                raise Violated("S23", f"{row.state} with due time {row.next_due_at}")
            if row.state in CLAIMING:
                self._expect_claims(row, expected)
        self._claims(expected)
        numbers = sorted(row.permit_number for row in self.rows.values() if row.permit_number is not None)
        if numbers != list(range(1, len(numbers) + 1)):
            raise Violated("permits", f"numbers {numbers}")

    def _expect_claims(self, row: Any, expected: dict[tuple[int, int], UUID]) -> None:
        for court in self._town.places.courts_of[row.offering_id]:
            for granule in Window(row.starts_at, row.ends_at).granules:
                other = expected.setdefault((court, granule), row.id)
                if other != row.id:
                    raise Violated("S1", f"{row.id} and {other} share court {court}, granule {granule}")

    def _claims(self, expected: dict[tuple[int, int], UUID]) -> None:
        rows = self._read(Claim.court_id, Claim.granule, Claim.reservation_id)
        taken = {
            (row.court_id, row.granule): row.reservation_id for row in rows if row.reservation_id is not None
        }
        if taken != expected:
            odd = [place for place in {**taken, **expected} if taken.get(place) != expected.get(place)]
            raise Violated("S1", f"claims are not what live reservations have, e.g. {min(odd)}")

    def _must_be_closed(self, reservation: UUID) -> None:
        """S7: free again only where Stripe can capture nothing for it."""
        stripe = self._town.stripe
        for name in stripe.payable():
            if reservation in stripe.references_of(name) and stripe.is_payable(name):
                raise Violated("S7", f"{reservation} was freed while {name} can be paid")

    def _stripe(self) -> None:
        """S4 and S5, from Stripe's own record alone."""
        stripe = self._town.stripe
        capturable = Counter(
            reference
            for name in stripe.payable()
            if stripe.is_payable(name)
            for reference in stripe.references_of(name)
        )
        twice = [reference for reference, count in capturable.items() if count > 1]
        if twice:
            raise Violated("S4", f"{twice[0]} can be paid through {capturable[twice[0]]} sessions")
        made: Counter[UUID] = Counter()
        back: Counter[str] = Counter()
        for refund in stripe.refunds.values():
            if refund.remote.status != RefundStatus.FAILED:
                made[refund.row_id] += 1
                back[refund.payment_intent_id] += refund.remote.amount
        if any(count > 1 for count in made.values()):
            raise Violated("S5", "one cause was refunded twice")
        for name in stripe.paid_at:
            remote = stripe.sessions[name].remote
            if back[remote.payment_intent_id or ""] > remote.amount:
                raise Violated("S5", f"more went back than {name} brought in")

    def _money(self) -> None:
        """S2 and S3: who was charged has the slot, or is owed exactly what the slot's end brings back."""
        payments = {
            row.stripe_session_id: row
            for row in self._read(Payment.stripe_session_id, Payment.state, Payment.id)
        }
        owed: Counter[UUID] = Counter()
        for row in self._read(Refund.reference, Refund.amount_yen):
            owed[row.reference] += row.amount_yen
        settled: Counter[UUID] = Counter()
        stripe = self._town.stripe
        for name, paid_at in stripe.paid_at.items():
            known = payments.get(name)
            if known is not None and known.state in _DONE:
                for reference in stripe.references_of(name):
                    settled[reference] += stripe.sessions[name].remote.amount
            else:
                self._may_still_settle(name, paid_at)
        for reference in sorted(settled.keys() | owed.keys()):
            self._balance(reference, settled[reference] - owed[reference])
        for row in self.rows.values():
            if row.state in HAS_RIGHT and row.amount_yen and not settled[row.id]:
                raise Violated("S3", f"{row.id} is {row.state} and nobody paid")

    def _may_still_settle(self, session_id: str, paid_at: datetime) -> None:
        since = max(paid_at, self._town.weather.money_healthy_since())
        if self._town.clock.now() - since > SETTLED_WITHIN:
            raise Violated("S2", f"{session_id}, paid {paid_at}, is neither a slot nor owed back")

    def _balance(self, reference: UUID, kept: int) -> None:
        row = self.rows[reference]
        if row.state in HAS_RIGHT:
            allowed = {row.amount_yen}
        elif row.permit_number is None or row.state == State.REVOKED:
            allowed = {0}
        else:
            ticket = self._town.residents.tickets.get(reference)
            promised = ticket.promised_yen if ticket is not None else None
            allowed = {0, row.amount_yen} if promised is None else {row.amount_yen - promised}
        if kept not in allowed:
            raise Violated("S2", f"{reference} is {row.state}: {kept} yen kept, {sorted(allowed)} earned")

    def _ledger(self) -> None:
        sums = sa.select(LedgerEntry.set_key).group_by(LedgerEntry.set_key)
        with self._town.database.reading() as session:
            odd = session.scalars(sums.having(sa.func.sum(LedgerEntry.amount_yen) != 0)).first()
        if odd is not None:
            raise Violated("S6", f"{odd} does not balance")

    def _locks(self) -> None:
        rows = self._read(Lock.id, Lock.applied_version, Lock.desired_version, Lock.acked_seq)
        for row in rows:
            if row.applied_version < self._applied[row.id]:
                raise Violated("S12", f"{row.id} went back to {row.applied_version}")
            self._applied[row.id] = row.applied_version
            door = next(door for door in self._town.doors.values() if door.lock == row.id)
            if row.applied_version > max(door.versions, default=0):
                raise Violated("S12", f"{row.id} is said to hold {row.applied_version}, which it never did")

    def _door(self, door: "SimulatedDoor") -> None:
        """S11, S12 and S18, by what the lock itself holds and remembers."""
        version = door.versions[-1] if door.versions else 0
        before = self._versions.get(door.name, 0)
        if version < before:
            raise Violated("S12", f"{door.name} went from {before} back to {version}")
        if version > before:
            self._versions[door.name] = version
            self._codes_differ(door)
        if door.acknowledged > self._acked[door.name]:
            self._events_are_stored(door)

    def _codes_differ(self, door: "SimulatedDoor") -> None:
        state = door.state
        live = [
            (granule, length, code_of(state.code_key, granule, length, lane, rev))
            for granule, length, lane, rev in state.desired.grants
        ]
        for number, (granule, length, code) in enumerate(live):
            for other, other_length, other_code in live[:number]:
                is_near = granule <= other + other_length + 1 and other <= granule + length + 1
                if is_near and code == other_code:
                    raise Violated("S11", f"{door.name} opens for one code of two reservations")

    def _events_are_stored(self, door: "SimulatedDoor") -> None:
        """A record leaves the lock's memory only once it is in our table."""
        wanted = {seq for seq in door.log if self._acked[door.name] < seq <= door.acknowledged}
        with self._town.database.reading() as session:
            stored = set(
                session.scalars(
                    sa.select(LockEvent.seq).where(
                        LockEvent.lock_id == door.lock, LockEvent.seq > self._acked[door.name]
                    )
                )
            )
        if wanted - stored:
            raise Violated("S18", f"{door.name} was told that {sorted(wanted - stored)} are stored")
        self._acked[door.name] = door.acknowledged
