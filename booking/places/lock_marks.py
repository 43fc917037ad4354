"""Which locks a change of the timetable concerns: each gets a new version in the same transaction.

Not left to whoever changes a row: the catalogue's listener, which sees every change of `places/models.py`,
notes it here, and the commit bumps the locks. Last of all, so that no lock's row is held while anything else
is waited for.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

from booking.places.models import (
    CalendarDay,
    Closure,
    Municipality,
    Offering,
    OfferingAccessPoint,
    OfferingCourt,
    Space,
    TimeBand,
)
from locks.models import Lock
from locks.versions import bump

_NOTED = "lock_marks"
_AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""Steps know the present, a commit does not: due since ever is published with a gateway's next look."""


def note(session: Session, changed: Iterable[Any]) -> None:
    """Remember what these rows of `places/models.py`, about to be written, change for locks."""
    scopes = session.info.setdefault(_NOTED, set())
    for row in changed:
        scopes |= _scopes(row)


def note_all(session: Session, municipality_id: int) -> None:
    """Remember that anything may have changed for every lock of a municipality."""
    session.info.setdefault(_NOTED, set()).add(("municipality", municipality_id))


def _scopes(row: Any) -> set[tuple[str, int]]:
    """Where a row decides what may be sold: (`municipality` | `facility` | `space` | `offering` |
    `access_point`, id). Fees, names and relief decide nothing.
    """
    if isinstance(row, Municipality):
        is_ruled: bool = sa.inspect(row).attrs.max_bands.history.has_changes()
        return {("municipality", row.id)} if is_ruled and sa.inspect(row).persistent else set()
    if isinstance(row, CalendarDay):
        return {("municipality", row.municipality_id)}
    if isinstance(row, TimeBand | Closure):
        return {_where(row)}
    if isinstance(row, Offering):
        return {("offering", row.id)} if sa.inspect(row).persistent else set()
    if isinstance(row, OfferingCourt):
        return {("offering", row.offering_id)}
    if isinstance(row, OfferingAccessPoint):
        # Its own, too: the row may be on its way out.
        return {("offering", row.offering_id), ("access_point", row.access_point_id)}
    return set()


def _where(row: TimeBand | Closure) -> tuple[str, int]:
    moved: Any = sa.inspect(row)
    if any(moved.attrs[name].history.deleted for name in ("space_id", "facility_id", "municipality_id")):
        # It leaves one place for another: both are concerned.
        return "municipality", row.municipality_id
    if row.space_id is not None:
        return "space", row.space_id
    facility_id: int | None = row.facility_id
    return ("municipality", row.municipality_id) if facility_id is None else ("facility", facility_id)


@event.listens_for(Session, "before_commit")
def _bump_noted(session: Session) -> None:
    if session.in_nested_transaction():
        return
    # What is still to be written is noted while it is written.
    if session.new or session.dirty or session.deleted:
        session.flush()
    scopes = session.info.pop(_NOTED, None)
    if scopes:
        bump(session, sa.or_(*(_locks_of(kind, id_) for kind, id_ in sorted(scopes))), now=_AT_ONCE)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_NOTED, None)


def _locks_of(kind: str, id_: int) -> sa.ColumnElement[bool]:
    if kind == "municipality":
        return Lock.municipality_id == id_
    if kind == "access_point":
        return Lock.access_point_id == id_
    points = (
        sa.select(OfferingAccessPoint.access_point_id)
        .join(Offering, Offering.id == OfferingAccessPoint.offering_id)
        .join(Space, Space.id == Offering.space_id)
    )
    column = {"facility": Space.facility_id, "space": Space.id, "offering": Offering.id}[kind]
    return Lock.access_point_id.in_(points.where(column == id_))
