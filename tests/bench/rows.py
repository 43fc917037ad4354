"""Rows of money on their way into their tables, thousands at a time."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.papers.models import Paper
from payments.book_models import StripeMovement, StripePayout
from payments.invoice_models import Charge, Invoice
from payments.ledger import Line
from payments.models import LedgerEntry, Payment, PaymentItem, Refund

BATCH = 2000
_TABLES = (Payment, PaymentItem, Refund, Invoice, Charge, LedgerEntry, StripeMovement, StripePayout, Paper)
"""In the order of their foreign keys."""


class Rows:
    """A municipality's rows. They go by the tables: the ORM leaves nulls out, which breaks a batch."""

    def __init__(self, session: Session, municipality_id: int) -> None:
        self._session = session
        self._municipality_id = municipality_id
        self._waiting: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        self.written: Counter[str] = Counter()
        """How many, by table."""

    def add(self, table: Any, /, **values: Any) -> None:
        """A row; every row of a table gives the same columns."""
        self._waiting[table].append({"municipality_id": self._municipality_id, **values})

    def post(
        self,
        set_key: str,
        lines: Sequence[Line],
        at: datetime,
        payment_id: UUID | None,
        refund_id: UUID | None = None,
    ) -> None:
        """A set of the ledger."""
        for number, line in enumerate((line for line in lines if line.amount_yen), 1):
            self.add(
                LedgerEntry,
                set_key=set_key,
                line=number,
                account=line.account,
                amount_yen=line.amount_yen,
                at=at,
                reference=line.reference,
                payment_id=payment_id,
                refund_id=refund_id,
            )

    def write(self) -> None:
        """Insert what waits."""
        for kind in _TABLES:
            rows = self._waiting.pop(kind, [])
            if kind is PaymentItem:
                for row in rows:
                    # It has none of its own.
                    del row["municipality_id"]
            table = cast(sa.Table, kind.__table__)
            self.written[table.name] += len(rows)
            for at in range(0, len(rows), BATCH):
                self._session.execute(sa.insert(table), rows[at : at + BATCH])
