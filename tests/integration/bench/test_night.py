"""The bench of the nightly audit plants sound books, and the audit's statements do not grow with them."""

import sqlalchemy as sa

from booking.money_desk.nightly import CHECKS
from booking.papers import register
from payments.models import PaymentItem
from tests.bench import night
from tests.bench.night import Night
from tests.bench.town import BenchTown

PLANTED = 150
A_CHECK = 3
"""Statements, on average, without those of closed months and of series of papers."""


def test_the_audit_of_a_planted_year_finds_nothing_and_then_the_one_wrong_yen(database_url: str) -> None:
    town = BenchTown(database_url, residents=1)
    try:
        empty = night.audit(town)
        rows = night.plant(town, PLANTED)
        full = night.audit(town)
        assert rows["reservation"] == PLANTED
        assert min(rows[table] for table in ("refund", "charge", "stripe_payout", "paper")) > 0
        assert full.findings == 0
        # One statement a closed month and one a series of papers; none a row.
        assert full.statements == empty.statements + rows["month_close"] + _series(town)
        assert empty.statements <= A_CHECK * len(CHECKS)
        # The negative control: one yen of one payment, changed by hand.
        assert _with_a_wrong_yen(town).findings > 0
    finally:
        town.close()


def _series(town: BenchTown) -> int:
    with town.services.database.reading() as session:
        return len(register.series(session, municipality_id=town.municipality_id))


def _with_a_wrong_yen(town: BenchTown) -> Night:
    with town.services.database.transaction() as session:
        payment_id = session.scalars(sa.select(PaymentItem.payment_id).limit(1)).one()
        session.execute(
            sa.update(PaymentItem)
            .where(PaymentItem.payment_id == payment_id)
            .values(amount_yen=PaymentItem.amount_yen + 1)
        )
    return night.audit(town)
