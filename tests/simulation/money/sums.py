"""The books against the sandbox's own, to the yen; every charge against what it was for.

Everything about Stripe is read from the sandbox's objects, never from what we copied of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.money_desk import nightly
from booking.reservations.models import Reservation, State
from payments import ledger
from payments.case_models import Case, Dispute
from payments.cases import CaseKind
from payments.comparing import Comparison
from payments.ledger import Account
from payments.models import LedgerEntry, Payment, Refund
from payments.sandbox.store import Body
from payments.states import CAN_CAPTURE, Method, RefundState

if TYPE_CHECKING:
    from tests.simulation.money.proof import Proof

_HAS_RIGHT = (State.CONFIRMED, State.USED, State.NO_SHOW)


def compared(proof: "Proof") -> tuple[list[str], dict[str, int]]:
    """What differs, in words, and how much of each was compared."""
    found = proof.office.settle_books().found
    with proof.database.reading() as session:
        sums = _Sums(proof, session)
        sums.totals()
        sums.captures()
        sums.fees()
        sums.refunds()
        sums.disputes()
        sums.payouts()
        sums.cash()
        sums.settlement(found)
        sums.everybody()
        sums.audit()
        return sums.differences, sums.figures


class _Sums:
    def __init__(self, proof: "Proof", session: Session) -> None:
        self._proof, self._session = proof, session
        self._town = proof.gyms.town.municipality_id
        stripe = proof.stripe
        self._movements = [one for one in stripe.objects("balance_transaction") if one["currency"] == "jpy"]
        self._charges = {one["id"]: one for one in stripe.objects("charge") if one["paid"]}
        self._refunds = {one["id"]: one for one in stripe.objects("refund")}
        self._sessions = [one for one in stripe.objects("checkout.session") if one["payment_intent"]]
        self._balances = ledger.balances(session, municipality_id=self._town)
        self._sets: dict[str, int] = {
            key: int(yen)
            for key, yen in session.execute(
                sa.select(LedgerEntry.set_key, sa.func.sum(LedgerEntry.amount_yen))
                .where(LedgerEntry.account == Account.STRIPE_BALANCE)
                .group_by(LedgerEntry.set_key)
            )
        }
        self.differences: list[str] = []
        self.figures: dict[str, int] = {}

    def totals(self) -> None:
        """Stripe's balance, and sets that balance."""
        theirs = sum(one["net"] for one in self._movements)
        self._equal("stripe balance", self._balances[Account.STRIPE_BALANCE], theirs)
        self._equal("sets that do not balance", ledger.unbalanced_sets(self._session), [])
        self.figures |= {"ledger sets": len(self._sets), "balance transactions": len(self._movements)}
        self.figures["yen on the balance"] = theirs

    def captures(self) -> None:
        """Each charge is one set of the payment whose intent it is."""
        theirs = {
            self._charges[one["source"]]["payment_intent"]: one["amount"]
            for one in self._movements
            if one["type"] in ("charge", "payment")
        }
        rows = self._session.execute(
            sa.select(Payment.id, Payment.stripe_payment_intent_id).where(Payment.method == Method.STRIPE)
        )
        ours = {
            str(intent): self._sets[f"capture:{payment}"]
            for payment, intent in rows
            if f"capture:{payment}" in self._sets
        }
        self._same("capture", ours, theirs)
        self.figures |= {"charges": len(theirs), "yen charged": sum(theirs.values())}

    def fees(self) -> None:
        """What Stripe kept of each movement."""
        theirs = {one["id"]: one["fee"] for one in self._movements if one["fee"]}
        ours = {key.removeprefix("fee:"): -yen for key, yen in self._sets.items() if key.startswith("fee:")}
        self._same("fee", ours, theirs)
        self._equal("fees", self._balances[Account.STRIPE_FEES], sum(theirs.values()))
        self.figures["yen of fees"] = sum(theirs.values())

    def refunds(self) -> None:
        """What each refund of Stripe has moved in the end, and that each cause moved it once."""
        theirs = _summed(
            (one["source"], one["amount"])
            for one in self._movements
            if one["type"] in ("refund", "payment_refund", "refund_failure")
        )
        ours = _summed(
            (key.split(":")[2], yen)
            for key, yen in self._sets.items()
            if key.startswith(("refund:", "refund_undone:"))
        )
        self._same("refund", ours, theirs)
        once = Counter(
            one["metadata"]["refund_id"] for one in self._refunds.values() if one["status"] != "failed"
        )
        for cause in sorted(name for name, times in once.items() if times > 1):
            self.differences.append(f"refund {cause} was sent {once[cause]} times")
        rows = self._session.execute(
            sa.select(sa.func.sum(Refund.amount_yen))
            .join(Payment)
            .where(Refund.state != RefundState.SUCCEEDED, Payment.captured_currency == "jpy")
        ).scalar()
        self._equal("refunds payable", -self._balances[Account.REFUNDS_PAYABLE], int(rows or 0))
        self.figures |= {"refunds": len(theirs), "yen refunded": -sum(theirs.values())}

    def disputes(self) -> None:
        """What each dispute holds or has taken, its fee left out."""
        theirs = _summed(
            (one["source"], one["amount"]) for one in self._movements if one["type"] == "adjustment"
        )
        names = {
            str(row.id): row.stripe_dispute_id
            for row in self._session.execute(sa.select(Dispute.id, Dispute.stripe_dispute_id))
        }
        ours = _summed(
            (names.get(key.split(":")[1], key), yen)
            for key, yen in self._sets.items()
            if key.startswith("dispute_")
        )
        self._same("dispute", ours, theirs)
        self.figures |= {"disputes": len(names), "yen lost in disputes": -sum(theirs.values())}

    def payouts(self) -> None:
        """What went to the bank, and what came back from it."""
        theirs = {
            one["id"]: one["amount"] for one in self._movements if one["type"] in ("payout", "payout_failure")
        }
        ours = {
            key.removeprefix("payout:"): yen for key, yen in self._sets.items() if key.startswith("payout:")
        }
        self._same("payout", ours, theirs)
        self._equal("bank", self._balances[Account.BANK], -sum(theirs.values()))
        self.figures |= {"payouts": len(theirs), "yen paid out": -sum(theirs.values())}

    def cash(self) -> None:
        """What people laid on the counter, and what they were given back."""
        watch = self._proof.watch
        held = sum(watch.cash.values()) - sum(watch.cash_out.values())
        self._equal("cash", self._balances[Account.CASH], held)
        self.figures |= {"paid in cash": len(watch.cash), "yen of cash": held}

    def settlement(self, found: Comparison) -> None:
        """Our own comparison found the same: nothing open, nothing under way but money that is no yen."""
        foreign = {
            f"movement:{one['id']}"
            for one in self._proof.stripe.objects("balance_transaction")
            if one["currency"] != "jpy"
        }
        for one in (*found.open, *found.under_way):
            if one.subject not in foreign:
                self.differences.append(f"settlement: {one.subject} {one.yen}")
        fewest, most = self._other_money_that_stays()
        told = len({one.subject for one in (*found.open, *found.under_way)} & foreign)
        if not fewest <= told <= most:
            self.differences.append(f"told as no yen: {told} in our books, {fewest} to {most} in theirs")
        open_cases = Counter(
            self._session.scalars(sa.select(Case.kind).where(Case.closed_at.is_(None))).all()
        )
        for kind, number in sorted(open_cases.items()):
            self.figures[f"open cases: {kind}"] = number
        # Above fifty, one more case says how many there are.
        self._equal("cases of settlement", open_cases[CaseKind.SETTLEMENT], min(len(found.open), 51))

    def _other_money_that_stays(self) -> tuple[int, int]:
        """At least and at most: how many of Stripe's movements that are no yen none of their payment cancels.

        While a refund of the payment is under way none is cancelled anew; what was cancelled before stays so.
        """
        intents = {
            one["id"]: str(one["payment_intent"])
            for one in (*self._charges.values(), *self._refunds.values())
        }
        under_way = set(
            self._session.scalars(
                sa.select(Payment.stripe_payment_intent_id)
                .join(Refund)
                .where(Refund.next_due_at.is_not(None))
            )
        )
        amounts: dict[str, Counter[int]] = defaultdict(Counter)
        for one in self._proof.stripe.objects("balance_transaction"):
            if one["currency"] != "jpy":
                amounts[intents.get(one["source"], str(one["source"]))][one["amount"]] += 1
        fewest = most = 0
        for about, found in amounts.items():
            left = sum(max(0, times - found[-amount]) for amount, times in found.items())
            fewest += left
            most += found.total() if about in under_way else left
        return fewest, most

    def everybody(self) -> None:
        """Each payer has what was paid for, or the money back; nobody can be charged any more."""
        kept = self._kept()
        rows = {str(row.id): row for row in self._session.scalars(sa.select(Reservation)).all()}
        self.figures["reservations"] = len(rows)
        self.figures["confirmed"] = sum(row.state in _HAS_RIGHT for row in rows.values())
        for name, row in sorted(rows.items()):
            ticket = self._proof.people.tickets.get(row.id)
            promised = set()
            if ticket is not None:
                promised = ticket.quoted_yen if ticket.promised_yen is None else {ticket.promised_yen}
            if row.state in _HAS_RIGHT:
                allowed = {row.amount_yen}
            elif row.state == State.CANCELLED and row.permit_number is not None:
                allowed = {row.amount_yen - yen for yen in promised}
            else:
                allowed = {0}
            if kept[name] not in allowed:
                self.differences.append(f"{name} is {row.state}: {kept[name]} kept, {sorted(allowed)} earned")
            if row.state == State.HELD:
                self.differences.append(f"{name} is still held")
            if self._proof.watch.capturable(name):
                self.differences.append(f"{name} can still be charged")
        waiting = self._session.scalars(sa.select(Payment.id).where(Payment.state.in_(CAN_CAPTURE))).all()
        self._equal("attempts that are not over", len(waiting), 0)

    def audit(self) -> None:
        """The nightly audit's own checks, every one of them."""
        found = nightly.audit_night(self._session, municipality_id=self._town, now=self._proof.clock.now())
        for name, checked in found.checks.items():
            self.differences += [f"audit {name}: {one.subject} {one.yen}" for one in checked.findings]
        self.figures["checks of the nightly audit"] = len(found.checks)

    def _kept(self) -> Counter[str]:
        """What is left with us of each reservation's money, by Stripe's objects and the drawer alone.

        Owed and not yet sent counts as given back where it is listed for staff; so does what a bank took.
        """
        kept: Counter[str] = Counter(self._proof.watch.cash)
        kept.subtract(self._proof.watch.cash_out)
        by_intent = {one["payment_intent"]: _references(one) for one in self._sessions}
        for charge in self._charges.values():
            kept[by_intent[charge["payment_intent"]][0]] += charge["amount"]
        under_way = {
            one["metadata"]["refund_id"] for one in self._refunds.values() if one["status"] != "failed"
        }
        for refund in self._refunds.values():
            if refund["status"] != "failed":
                kept[refund["metadata"]["reservation"]] -= refund["amount"]
        listed = self._session.scalars(
            sa.select(Refund).where(
                sa.or_(Refund.state != RefundState.SUCCEEDED, Refund.last_error == "answered by a dispute")
            )
        )
        for owed in listed:
            self.figures[f"refunds {owed.state}"] = self.figures.get(f"refunds {owed.state}", 0) + 1
            if owed.last_error == "answered by a dispute" or str(owed.id) not in under_way:
                kept[str(owed.reference)] -= owed.amount_yen
        return kept

    def _equal(self, what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            self.differences.append(f"{what}: {ours} in our books, {theirs} in theirs")

    def _same(self, what: str, ours: dict[str, int], theirs: dict[str, int]) -> None:
        for name in sorted(set(ours) | set(theirs)):
            if ours.get(name, 0) != theirs.get(name, 0):
                self.differences.append(f"{what} {name}: {ours.get(name)} ours, {theirs.get(name)} theirs")


def _references(session: Body) -> list[str]:
    return [value for name, value in session["metadata"].items() if name.startswith("reservation")]


def _summed(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: dict[str, int] = defaultdict(int)
    for name, yen in pairs:
        total[name] += yen
    return total
