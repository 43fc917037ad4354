"""Catalogues made by hand, for rules that ask no database."""

from collections.abc import Mapping
from datetime import date

from booking.places.entries import (
    BandRow,
    Catalogue,
    CourtEntry,
    FacilityEntry,
    FeeRateEntry,
    NameEntry,
    OfferingEntry,
    PercentEntry,
    Rules,
    SpaceEntry,
    TermsEntry,
)
from booking.places.models import DayKind, SpaceKind

LONG_AGO = date(2020, 4, 1)
RULES = Rules(
    hold_for_s=600,
    pay_after_approval_for_s=259200,
    sells_ahead_for_days=60,
    sells_until_s_before_end=1800,
    max_bands=2,
    max_holds_per_group=10,
    free_cancel_until_s=86400,
    reveal_before_start_s=10800,
    reveal_after_end_s=86400,
)
FULL, HALF_A, HALF_B = 1, 2, 3


def offering(
    offering_id: int,
    size: str,
    courts: tuple[int, ...],
    withdrawn_on: date | None = None,
    *,
    has_hvac: bool = False,
) -> OfferingEntry:
    """An offering of the only gym."""
    return OfferingEntry(
        id=offering_id,
        facility_id=1,
        space_id=1,
        space_name="体育館",
        space_kind=SpaceKind.GYM,
        name="全面" if size == "full" else "半面",
        size=size,
        capacity=None,
        sports=(),
        courts=courts,
        access_points=(7,),
        approval_required=False,
        withdrawn_on=withdrawn_on,
        has_hvac=has_hvac,
    )


def rows(
    *hours: tuple[float, float], since: date = LONG_AGO, until: date | None = None
) -> tuple[BandRow, ...]:
    """A timetable's lines."""
    return tuple(BandRow(int(first * 60), int(last * 60), since, until) for first, last in hours)


def catalogue(
    *,
    bands: Mapping[tuple[str, int, str], tuple[BandRow, ...]] | None = None,
    calendar: Mapping[date, tuple[DayKind, str]] | None = None,
    names: tuple[NameEntry, ...] = (NameEntry(LONG_AGO, "見本小学校", None),),
    rates: tuple[FeeRateEntry, ...] = (FeeRateEntry("base", 300, 0, LONG_AGO),),
    relief: Mapping[tuple[str, str], int] | None = None,
    withdrawn_on: date | None = None,
    factors: Mapping[tuple[str, str], int] | None = None,
    terms: tuple[TermsEntry, ...] = (),
    has_hvac: bool = False,
) -> Catalogue:
    """One gym of two halves; evenings on weekdays, mornings on Saturdays, unless told otherwise."""
    offerings = {
        FULL: offering(FULL, "full", (1, 2), withdrawn_on, has_hvac=has_hvac),
        HALF_A: offering(HALF_A, "half", (1,)),
        HALF_B: offering(HALF_B, "half", (2,)),
    }
    space = SpaceEntry(
        1, 1, SpaceKind.GYM, "体育館", (CourtEntry(1, 1, "半面A", 0.5), CourtEntry(2, 1, "半面B", 0.5))
    )
    facility = FacilityEntry(
        id=1,
        name="",
        kana=None,
        slug="gym",
        school_code=None,
        stage="sample",
        address=None,
        latitude=None,
        longitude=None,
        note=None,
        approval_required=False,
        spaces=(space,),
        offerings=tuple(offerings.values()),
    )
    usual = {
        ("municipality", 1, "weekday"): rows((18, 20), (20, 22)),
        ("municipality", 1, "saturday"): rows((8, 10), (10, 12), (13, 15)),
    }
    return Catalogue(
        municipality_id=1,
        version=1,
        name="見本市",
        office_contact="見本 施設予約担当",
        rules=RULES,
        facility_entries={1: facility},
        names={1: tuple(sorted(names, key=lambda name: name.valid_from, reverse=True))},
        offerings=offerings,
        band_rows=usual if bands is None else bands,
        calendar=calendar or {},
        fee_rates={("gym", "full"): rates},
        relief_rates={key: (PercentEntry(LONG_AGO, percent),) for key, percent in (relief or {}).items()},
        fee_factors={key: (PercentEntry(LONG_AGO, percent),) for key, percent in (factors or {}).items()},
        fee_terms=terms,
    )
