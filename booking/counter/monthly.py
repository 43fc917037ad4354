"""後納: on the first of a month, in Tokyo, the invoices of the month before; then reminders, then a case."""

from datetime import datetime
from functools import partial
from uuid import UUID

import sqlalchemy as sa
import structlog

from booking.counter import letters
from booking.papers.issuers import NoIssuer
from booking.papers.issuing import issue as issue_paper
from booking.papers.kinds import Kind
from booking.places.models import Municipality
from core.clock import Clock
from core.database import Database, retrying
from payments import invoices
from payments.invoices import InvoiceState

_BATCH = 100

log = structlog.get_logger()


def run(database: Database, clock: Clock) -> int:
    """The worker's job: what is to be invoiced, then what is overdue; how many were touched."""
    return invoice_last_month(database, clock) + chase_overdue(database, clock)


def invoice_last_month(database: Database, clock: Clock) -> int:
    """Issue what is not out yet, each payer's in a transaction of its own; how many.

    Run at any time and as often as one likes: a month is invoiced once, and what a kill left
    undone is done by the next run. One payer that fails holds up no other.
    """
    now = clock.now()
    with database.reading() as session:
        towns = session.execute(
            sa.select(Municipality.id, Municipality.invoice_pays_within_days).order_by(Municipality.id)
        ).all()
        wanted = [
            (town, days, payer)
            for town, days in towns
            for payer in invoices.payers_to_invoice(session, municipality_id=town, now=now)
        ]
    issued = 0
    for town, days, payer in wanted:
        try:
            issued += retrying(partial(_issue, database, town, days, payer, now))
        except Exception as error:
            log.error("invoice_not_issued", payer=str(payer), error=type(error).__name__)
    return issued


def chase_overdue(database: Database, clock: Clock) -> int:
    """Remind once of what is past its day; a week later it is a case for staff, seen again every week."""
    now = clock.now()

    def once() -> int:
        with database.transaction() as session:
            due = invoices.overdue(session, now=now, limit=_BATCH)
            for invoice in due:
                if invoices.chase(session, invoice, now=now):
                    letters.invoice_overdue(session, invoice, now=now)
            return len(due)

    return retrying(once)


def _issue(database: Database, municipality_id: int, days: int, payer: UUID, now: datetime) -> int:
    with database.transaction() as session:
        invoice = invoices.issue(
            session, municipality_id=municipality_id, payer=payer, pays_within_days=days, now=now
        )
        if invoice is None:
            return 0
        if invoice.state == InvoiceState.ISSUED:
            letters.invoice_issued(session, invoice, now=now)
            try:
                issue_paper(
                    session,
                    municipality_id=municipality_id,
                    kind=Kind.INVOICE,
                    subject=f"invoice:{invoice.id}",
                    now=now,
                )
            except NoIssuer:
                # It is owed all the same; the paper is made when it is first asked for.
                log.warning("invoice_without_issuer", municipality_id=municipality_id)
        return 1
