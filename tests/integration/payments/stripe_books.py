"""The books of Stripe in memory: balance transactions, disputes, payouts; figures of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from payments.remote import RemoteDispute, RemoteMovement, RemotePayout

DISPUTE_FEE_YEN = 1500


def fee_yen(amount_yen: int) -> int:
    """3.6 % of a charge, rounded half up: the double's own figure."""
    return (amount_yen * 36 + 500) // 1000


@dataclass(slots=True)
class StripeBooks:
    """What moved on the balance, oldest first."""

    now: Callable[[], datetime]
    movements: list[RemoteMovement] = field(default_factory=list)
    disputes: dict[str, RemoteDispute] = field(default_factory=dict)
    payouts: dict[str, RemotePayout] = field(default_factory=dict)

    def move(self, type_: str, amount: int, source_id: str, intent_id: str | None, fee: int = 0) -> None:
        """A balance transaction."""
        now = self.now()
        self.movements.append(
            RemoteMovement(
                id=f"txn_{len(self.movements) + 1}",
                type=type_,
                amount=amount,
                fee=fee,
                net=amount - fee,
                currency="jpy",
                source_id=source_id,
                payment_intent_id=intent_id,
                created_at=now,
                available_on=now,
                payout_id=None,
            )
        )

    def open_dispute(self, intent_id: str, amount: int, reason: str = "fraudulent") -> RemoteDispute:
        """A payer's bank takes the money back for now, and Stripe its fee."""
        now = self.now()
        made = RemoteDispute(
            id=f"dp_{len(self.disputes) + 1}",
            state="needs_response",
            amount=amount,
            currency="jpy",
            reason=reason,
            payment_intent_id=intent_id,
            evidence_due_at=now + timedelta(days=9),
            created_at=now,
            withdrawn=amount,
        )
        self.disputes[made.id] = made
        self.move("adjustment", -amount, made.id, intent_id, DISPUTE_FEE_YEN)
        return made

    def close_dispute(self, dispute_id: str, *, is_won: bool) -> None:
        """The bank has decided; of what it took, a won dispute brings back all but the fee."""
        kept = self.disputes[dispute_id]
        if is_won:
            self.move("adjustment", kept.amount, kept.id, kept.payment_intent_id)
        withdrawn = 0 if is_won else kept.withdrawn
        self.disputes[dispute_id] = replace(kept, state="won" if is_won else "lost", withdrawn=withdrawn)

    def is_charged_back(self, intent_id: str) -> bool:
        """Whether a bank has taken a payment and not given it back."""
        taken = (one for one in self.disputes.values() if one.payment_intent_id == intent_id)
        return any(one.withdrawn > 0 for one in taken)

    def pay_out(self) -> RemotePayout:
        """All that is on the balance goes to the bank."""
        now, total = self.now(), self.balance()
        made = RemotePayout(
            id=f"po_{len(self.payouts) + 1}",
            amount=total,
            state="paid",
            arrives_on=now.astimezone(UTC).date(),
            created_at=now,
        )
        self.payouts[made.id] = made
        self.move("payout", -total, made.id, None)
        self.movements = [
            replace(one, payout_id=made.id) if one.payout_id is None else one for one in self.movements
        ]
        return made

    def fail_payout(self, payout_id: str) -> None:
        """The bank sends it back."""
        self.payouts[payout_id] = replace(self.payouts[payout_id], state="failed")
        self.move("payout_failure", self.payouts[payout_id].amount, payout_id, None)

    def balance(self) -> int:
        """What is Stripe's to pay out: the sum of all nets."""
        return sum(one.net for one in self.movements)
