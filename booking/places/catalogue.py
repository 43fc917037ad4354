"""The whole configuration of a municipality, kept per process and never older than the transaction that asks.

`municipality.catalogue_version` rises in the same transaction as any change of a table in `places/models.py`,
`fees/models.py` or `refunding/policy_models.py`.
Whoever reads the version in its own transaction may therefore use a catalogue kept under that version.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool

from booking.fees import models as fees
from booking.places import lock_marks, models
from booking.places.entries import (
    BandRow,
    Catalogue,
    CourtEntry,
    FacilityEntry,
    FeeRateEntry,
    NameEntry,
    OfferingEntry,
    PercentEntry,
    PolicyEntry,
    Rules,
    SpaceEntry,
    TermsEntry,
)
from booking.places.models import DayKind, Municipality, SpaceKind
from booking.refunding import policy_models as policies
from core.errors import NotThere

__all__ = ["Catalogue", "bump", "catalogue"]

_kept: WeakKeyDictionary[Pool, dict[int, Catalogue]] = WeakKeyDictionary()
"""The newest catalogue per database and municipality. Replaced whole, so threads need no lock."""

_CHANGED = "catalogue_changed"
_PARTS = frozenset({models.__name__, fees.__name__, policies.__name__})
"""Modules whose tables make up the catalogue."""


def catalogue(session: Session, municipality_id: int, *, version: int | None = None) -> Catalogue:
    """A municipality's configuration as this transaction sees it; one statement while nothing changed.

    `version` spares that one: the version which this transaction has read already (an actor has it).

    Raises:
        NotThere: no such municipality.
    """
    if version is None:
        version = session.scalar(_VERSION, {"id": municipality_id})
        if version is None:
            raise NotThere(f"municipality {municipality_id}")
    kept = _kept.setdefault(session.get_bind().engine.pool, {})
    found = kept.get(municipality_id)
    if found is not None and found.version == version and not session.info.get(_CHANGED):
        return found
    loaded = _load(session, municipality_id, version)
    # What this transaction changed may yet be rolled back, and its version number given to another change.
    if not session.info.get(_CHANGED) and (found is None or found.version < version):
        kept[municipality_id] = loaded
    return loaded


def bump(session: Session, municipality_id: int) -> None:
    """Say that the catalogue changed, for changes made past the ORM (bulk inserts)."""
    session.info[_CHANGED] = True
    lock_marks.note_all(session, municipality_id)
    session.execute(
        sa.update(Municipality)
        .where(Municipality.id == municipality_id)
        .values(catalogue_version=Municipality.catalogue_version + 1)
        .execution_options(synchronize_session=False)
    )


_VERSION = sa.select(Municipality.catalogue_version).where(Municipality.id == sa.bindparam("id"))


@event.listens_for(Session, "before_flush")
def _bump_when_changed(session: Session, _context: Any, _instances: Any) -> None:
    touched = [
        entry
        for entry in (*session.new, *session.dirty, *session.deleted)
        if type(entry).__module__ in _PARTS
        and (entry in session.deleted or entry in session.new or session.is_modified(entry))
    ]
    if not touched:
        return
    session.info[_CHANGED] = True
    lock_marks.note(session, touched)
    update = (
        sa.update(Municipality)
        .values(catalogue_version=Municipality.catalogue_version + 1)
        .execution_options(synchronize_session=False)
    )
    ids = {
        entry.id if isinstance(entry, Municipality) else getattr(entry, "municipality_id", None)
        for entry in touched
    }
    # A row without a tenant of its own (a facility's name) is rare: every tenant is bumped for it.
    session.execute(update if None in ids else update.where(Municipality.id.in_(ids)))


@event.listens_for(Session, "after_transaction_end")
def _forget_change(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        session.info.pop(_CHANGED, None)


def _load(session: Session, municipality_id: int, version: int) -> Catalogue:
    town = session.execute(sa.select(Municipality.__table__).where(Municipality.id == municipality_id)).one()
    spaces = _spaces(session, municipality_id)
    offerings = _offerings(session, municipality_id, spaces)
    facilities = _facilities(session, municipality_id, spaces, offerings.values())
    days = _rows(session, models.CalendarDay, municipality_id, models.CalendarDay.day)
    return Catalogue(
        municipality_id=municipality_id,
        version=version,
        name=town.name,
        office_contact=town.office_contact,
        rules=Rules(**{field: getattr(town, field) for field in Rules.__dataclass_fields__}),
        facility_entries=facilities,
        names=_names(session, municipality_id),
        offerings=offerings,
        band_rows=_band_rows(session, municipality_id),
        calendar={row.day: (DayKind(row.kind), row.name) for row in days},
        fee_rates=_fee_rates(session, municipality_id),
        relief_rates=_percents(session, municipality_id, fees.ReliefRate, "category"),
        fee_factors=_percents(session, municipality_id, fees.FeeFactor, "kind"),
        fee_terms=tuple(
            TermsEntry(**{name: getattr(row, name) for name in TermsEntry.__dataclass_fields__})
            for row in _rows(session, fees.FeeTerms, municipality_id, fees.FeeTerms.valid_from)
        ),
        refund_policies=_refund_policies(session, municipality_id),
    )


def _fee_rates(session: Session, municipality_id: int) -> dict[tuple[str, str], tuple[FeeRateEntry, ...]]:
    """Ordered by item and by when they were written: of two of one day, the later one counts."""
    found: dict[tuple[str, str], list[FeeRateEntry]] = defaultdict(list)
    for row in _rows(session, fees.FeeRate, municipality_id, fees.FeeRate.item, fees.FeeRate.id):
        entry = FeeRateEntry(**{name: getattr(row, name) for name in FeeRateEntry.__dataclass_fields__})
        found[row.space_kind, row.size].append(entry)
    return {key: tuple(listed) for key, listed in found.items()}


def _percents(
    session: Session, municipality_id: int, model: Any, of: str
) -> dict[tuple[str, str], tuple[PercentEntry, ...]]:
    found: dict[tuple[str, str], list[PercentEntry]] = defaultdict(list)
    for row in _rows(session, model, municipality_id, model.valid_from):
        found[getattr(row, of), row.item].append(PercentEntry(row.valid_from, row.percent))
    return {key: tuple(listed) for key, listed in found.items()}


def _rows(session: Session, model: Any, municipality_id: int, *order: Any) -> Iterable[Any]:
    """A table's rows as plain tuples: the catalogue must not fill the session's identity map."""
    table = model.__table__
    return session.execute(
        sa.select(table).where(table.c.municipality_id == municipality_id).order_by(*order)
    ).all()


def _spaces(session: Session, municipality_id: int) -> dict[int, SpaceEntry]:
    courts: dict[int, list[CourtEntry]] = defaultdict(list)
    for row in _rows(session, models.Court, municipality_id, models.Court.sort_key, models.Court.id):
        courts[row.space_id].append(CourtEntry(row.id, row.space_id, row.name, row.share))
    rows = _rows(session, models.Space, municipality_id, models.Space.sort_key, models.Space.id)
    return {
        row.id: SpaceEntry(
            row.id, row.facility_id, SpaceKind(row.kind), row.name, tuple(courts[row.id]), row.has_hvac
        )
        for row in rows
    }


def _offerings(
    session: Session, municipality_id: int, spaces: dict[int, SpaceEntry]
) -> dict[int, OfferingEntry]:
    courts = _links(session, municipality_id, models.OfferingCourt, models.OfferingCourt.court_id)
    access_points = _links(
        session, municipality_id, models.OfferingAccessPoint, models.OfferingAccessPoint.access_point_id
    )
    wanting = set(
        session.scalars(
            sa.select(models.Facility.id).where(
                models.Facility.municipality_id == municipality_id, models.Facility.approval_required
            )
        )
    )
    offerings = {}
    for row in _rows(session, models.Offering, municipality_id, models.Offering.id):
        space = spaces[row.space_id]
        offerings[row.id] = OfferingEntry(
            id=row.id,
            facility_id=space.facility_id,
            space_id=space.id,
            space_name=space.name,
            space_kind=space.kind,
            name=row.name,
            size=row.size,
            capacity=row.capacity,
            sports=tuple(row.sports),
            courts=tuple(sorted(courts[row.id])),
            access_points=tuple(sorted(access_points[row.id])),
            approval_required=space.facility_id in wanting,
            withdrawn_on=row.withdrawn_on,
            has_hvac=space.has_hvac,
        )
    return offerings


def _refund_policies(session: Session, municipality_id: int) -> tuple[PolicyEntry, ...]:
    table = policies.RefundPolicy
    return tuple(
        PolicyEntry(
            facility_id=row.facility_id,
            space_kind=row.space_kind,
            valid_from=row.valid_from,
            stages=tuple((stage["before_s"], stage["percent"]) for stage in row.stages),
            kept_yen=row.kept_yen,
            unused_percent=row.unused_percent,
            alert_percent=row.alert_percent,
        )
        for row in _rows(session, table, municipality_id, table.valid_from, table.id)
    )


def _links(session: Session, municipality_id: int, model: Any, column: Any) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    rows = session.execute(
        sa.select(model.offering_id, column)
        .join(models.Offering, models.Offering.id == model.offering_id)
        .where(models.Offering.municipality_id == municipality_id)
    )
    for offering_id, linked in rows:
        found[offering_id].append(linked)
    return found


def _facilities(
    session: Session,
    municipality_id: int,
    spaces: dict[int, SpaceEntry],
    offerings: Iterable[OfferingEntry],
) -> dict[int, FacilityEntry]:
    spaces_of: dict[int, list[SpaceEntry]] = defaultdict(list)
    for space in spaces.values():
        spaces_of[space.facility_id].append(space)
    place = {space_id: number for number, space_id in enumerate(spaces)}
    offerings_of: dict[int, list[OfferingEntry]] = defaultdict(list)
    for offering in sorted(offerings, key=lambda entry: (place[entry.space_id], entry.id)):
        offerings_of[offering.facility_id].append(offering)
    rows = _rows(session, models.Facility, municipality_id, models.Facility.sort_key, models.Facility.id)
    return {
        row.id: FacilityEntry(
            id=row.id,
            name="",
            kana=None,
            slug=row.slug,
            school_code=row.school_code,
            stage=row.stage,
            address=row.address,
            latitude=row.latitude,
            longitude=row.longitude,
            note=row.note,
            approval_required=row.approval_required,
            spaces=tuple(spaces_of[row.id]),
            offerings=tuple(offerings_of[row.id]),
        )
        for row in rows
    }


def _names(session: Session, municipality_id: int) -> dict[int, tuple[NameEntry, ...]]:
    names: dict[int, list[NameEntry]] = defaultdict(list)
    rows = session.execute(
        sa.select(models.FacilityName.__table__)
        .join(models.Facility, models.Facility.id == models.FacilityName.facility_id)
        .where(models.Facility.municipality_id == municipality_id)
        .order_by(models.FacilityName.facility_id, models.FacilityName.valid_from.desc())
    )
    for row in rows:
        names[row.facility_id].append(NameEntry(row.valid_from, row.name, row.kana))
    return {facility_id: tuple(entries) for facility_id, entries in names.items()}


def _band_rows(session: Session, municipality_id: int) -> dict[tuple[str, int, str], tuple[BandRow, ...]]:
    found: dict[tuple[str, int, str], list[BandRow]] = defaultdict(list)
    for row in _rows(
        session, models.TimeBand, municipality_id, models.TimeBand.starts_minute, models.TimeBand.id
    ):
        if row.space_id is not None:
            scope = ("space", row.space_id)
        elif row.facility_id is not None:
            scope = ("facility", row.facility_id)
        else:
            scope = ("municipality", municipality_id)
        found[(*scope, row.day_kind)].append(
            BandRow(row.starts_minute, row.ends_minute, row.valid_from, row.valid_until)
        )
    return {key: tuple(rows) for key, rows in found.items()}
