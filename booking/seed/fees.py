"""The sample town's fee tables."""

from datetime import date

from sqlalchemy.orm import Session

from booking.fees.models import FeeFactor, FeeRate, FeeTerms, ReliefRate
from booking.seed import prices


def plant_fees(session: Session, municipality_id: int, *, valid_from: date) -> None:
    """Rates, factors, relief by class, rounding and tax of a town that has none."""
    common = {"municipality_id": municipality_id, "valid_from": valid_from}
    for fee in prices.FEES:
        session.add(
            FeeRate(
                **common,
                space_kind=fee.space_kind,
                size=fee.size,
                item=fee.item,
                yen_per_hour=fee.yen,
                from_minute=fee.from_minute,
                until_minute=fee.until_minute,
                months=fee.months,
            )
        )
    for kind, item, percent in prices.FACTORS:
        session.add(FeeFactor(**common, kind=kind, item=item, percent=percent))
    for category, item, percent in prices.RELIEF:
        session.add(ReliefRate(**common, category=category, item=item, percent=percent))
    session.add(FeeTerms(**common))
    session.flush()
