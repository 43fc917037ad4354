"""What payments tells upward, in the transaction that records the money; built with the app."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session


class PaymentSettled(Protocol):
    """Money for a reference is there.

    Called once per item of a payment. The payment and its ledger lines are flushed already, so `refunds.owe`
    works from inside; whatever it raises undoes all of it, and the loop tries again later.
    """

    def __call__(
        self, session: Session, *, reference: UUID, payment_id: UUID, amount_yen: int, now: datetime
    ) -> None: ...


class AttemptsClosed(Protocol):
    """Stripe says that nothing can be captured for a reference any more."""

    def __call__(self, session: Session, *, reference: UUID, now: datetime) -> None: ...


class PaymentProcessing(Protocol):
    """The payer is done and the money for a reference comes later, by `funds_due_at` or not at all.

    `attempts_closed` or `payment_settled` ends it.
    """

    def __call__(
        self, session: Session, *, reference: UUID, funds_due_at: datetime, now: datetime
    ) -> None: ...


class RefundChanged(Protocol):
    """A refund moved; `state` is a `payments.states.RefundState`."""

    def __call__(
        self,
        session: Session,
        *,
        reference: UUID,
        refund_id: UUID,
        state: str,
        amount_yen: int,
        now: datetime,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Callbacks:
    """The four that `booking` answers."""

    payment_settled: PaymentSettled
    attempts_closed: AttemptsClosed
    refund_changed: RefundChanged
    payment_processing: PaymentProcessing
