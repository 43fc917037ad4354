"""How a reservation of the planted year is paid, and whether it was given up: drawn from its id."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from payments.states import Method


@dataclass(frozen=True, slots=True)
class Sold:
    """A reservation as the money sees it."""

    id: UUID
    group_id: UUID
    starts_at: datetime
    paid_at: datetime

    def drawn(self, shift: int, one_in: int) -> int:
        """A number below `one_in` that looks random and is the same every time."""
        return (self.id.int >> shift) % one_in

    @property
    def amount_yen(self) -> int:
        return 600 + 300 * self.drawn(32, 8)

    @property
    def method(self) -> Method:
        number = self.drawn(0, 100)
        limits = ((80, Method.STRIPE), (88, Method.CASH), (94, Method.SLIP), (100, Method.INVOICE))
        return next(method for limit, method in limits if number < limit)

    @property
    def cancelled_at(self) -> datetime | None:
        """In time, too late, or never; who pays by invoice comes always."""
        if self.method == Method.INVOICE:
            return None
        if not self.drawn(40, 20):
            return self.starts_at - timedelta(days=2)
        return None if self.drawn(48, 50) else self.starts_at - timedelta(hours=1)

    @property
    def is_back(self) -> bool:
        """Whether all was given back."""
        return self.cancelled_at is not None and self.starts_at - self.cancelled_at > timedelta(days=1)
