"""A year of reservations for benches and heatmaps: in bulk, past the rules, within every constraint."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.people.models import Account, Group, Member, Role
from booking.places.catalogue import catalogue
from booking.places.entries import Catalogue
from booking.places.models import Closure
from booking.reservations.confirm import due_after
from booking.reservations.models import Channel, Claim, Reservation, State
from core.clock import civil_day, fiscal_year, start_of_day
from core.window import Window

_CLOSED_ONE_IN = 60
"""Of facility and day pairs."""
_BATCH = 2000
_GROUPS = 300
"""Source: field.md 5 (300 to 400 groups for 34 schools)."""
# By their tables: the ORM leaves nulls out, which breaks a batch wherever a null begins or ends.
_RESERVATIONS = sa.insert(Reservation.__table__)  # type: ignore[arg-type]
_CLAIMS = sa.insert(Claim.__table__)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Year:
    """What was written."""

    reservations: int
    claims: int
    closures: int


def plant_year(
    session: Session, *, municipality_id: int, first: date, days: int, reservations: int, now: datetime
) -> Year:
    """Fill `days` days from `first` on with up to `reservations` reservations and some closures.

    The same arguments on the same town give the same rows. Past ones are used, one in eight a no-show; coming
    ones are confirmed. No grants, and free, since there are no payments behind them.
    """
    places = catalogue(session, municipality_id)
    makers = _plant_groups(session, municipality_id, now=now)
    closures, closed = _plant_closures(session, places, first, days)
    written, claims, taken = 0, 0, set(closed)
    batch: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    for offering_id, granule, window in sorted(_slots(places, first, days), key=_drawn):
        if written >= reservations:
            break
        cells = {(court, g) for court in places.courts(offering_id) for g in window.granules}
        if not taken.isdisjoint(cells):
            continue
        taken |= cells
        group_id, account_id = makers[_draw("maker", offering_id, granule) % len(makers)]
        row = _row(places.municipality_id, offering_id, granule, window, group_id, account_id, now)
        batch.append((row, _claims(municipality_id, cells, row["id"])))
        written, claims = written + 1, claims + len(cells)
        if len(batch) == _BATCH:
            _write(session, batch)
    _write(session, batch)
    return Year(written, claims, closures)


def _slots(places: Catalogue, first: date, days: int) -> Iterator[tuple[int, int, Window]]:
    """Every (offering, granule, window of one band)."""
    for number in range(days):
        day = first + timedelta(days=number)
        for offering_id in places.offerings:
            for band in places.bands(offering_id, day):
                yield offering_id, band.first, band.window


def _plant_closures(
    session: Session, places: Catalogue, first: date, days: int
) -> tuple[int, set[tuple[int, int]]]:
    """Whole days of whole facilities: how many, and each (court, granule) that they claim."""
    count, claimed = 0, set[tuple[int, int]]()
    for number in range(days):
        begin = start_of_day(first + timedelta(days=number))
        window = Window(begin, begin + timedelta(days=1))
        for facility in places.facility_entries.values():
            if _draw("closure", facility.id, window.granules.start) % _CLOSED_ONE_IN:
                continue
            closure = Closure(
                municipality_id=places.municipality_id,
                facility_id=facility.id,
                space_id=None,
                starts_at=window.starts_at,
                ends_at=window.ends_at,
                reason="学校行事（見本）",
            )
            session.add(closure)
            session.flush()
            courts = [court.id for space in facility.spaces for court in space.courts]
            rows = [
                {**_claim(places.municipality_id, court, granule), "closure_id": closure.id}
                for court in courts
                for granule in window.granules
            ]
            session.execute(_CLAIMS, rows)
            claimed |= {(court, granule) for court in courts for granule in window.granules}
            count += 1
    return count, claimed


def _plant_groups(session: Session, municipality_id: int, *, now: datetime) -> list[tuple[UUID, UUID]]:
    """(group, its representative) of each sample group; none of them can sign in."""
    year = fiscal_year(civil_day(now))
    made = []
    for number in range(101, 101 + _GROUPS):
        group_id, account_id = (
            UUID(int=_draw(what, municipality_id, number), version=4) for what in ("group", "account")
        )
        account = Account(
            id=account_id,
            municipality_id=municipality_id,
            mail_address=f"mihon-dantai{number}@example.jp",
            name=f"見本 代表者{number}",
            password_hash="-",  # noqa: S106 - nobody can sign in
            role=Role.RESIDENT,
            created_at=now,
        )
        group = Group(
            id=group_id,
            municipality_id=municipality_id,
            name=f"見本団体{number}",
            category="general",
            approved_from_year=year,
            approved_until_year=year + 1,
        )
        session.add_all([account, group])
        session.flush()
        session.add(Member(group_id=group_id, account_id=account_id, is_representative=True))
        made.append((group_id, account_id))
    session.flush()
    return made


def _drawn(slot: tuple[int, int, Window]) -> int:
    return _draw("slot", slot[0], slot[1])


def _row(
    municipality_id: int,
    offering_id: int,
    granule: int,
    window: Window,
    group_id: UUID,
    account_id: UUID,
    now: datetime,
) -> dict[str, Any]:
    is_over = due_after(window.ends_at) <= now
    state = State.CONFIRMED
    if is_over:
        state = State.NO_SHOW if not _draw("show", offering_id, granule) % 8 else State.USED
    made_at = window.starts_at - timedelta(days=14)
    free_until = window.starts_at - timedelta(days=1)
    return {
        "id": UUID(int=_draw("id", offering_id, granule), version=4),
        "municipality_id": municipality_id,
        "offering_id": offering_id,
        "group_id": group_id,
        "account_id": account_id,
        "starts_at": window.starts_at,
        "ends_at": window.ends_at,
        "state": state,
        "channel": Channel.ONLINE,
        "created_at": made_at,
        "state_changed_at": window.ends_at if is_over else made_at,
        "next_due_at": None if is_over else due_after(window.ends_at),
        "amount_yen": 0,
        "fee_lines": [],
        "policy": {"free_cancel_until": free_until.isoformat()},
        "request_key": f"year-{offering_id}-{granule}",
    }


def _claims(
    municipality_id: int, cells: Iterable[tuple[int, int]], reservation_id: UUID
) -> list[dict[str, Any]]:
    return [
        {**_claim(municipality_id, court, granule), "reservation_id": reservation_id}
        for court, granule in sorted(cells)
    ]


def _claim(municipality_id: int, court: int, granule: int) -> dict[str, Any]:
    return {
        "municipality_id": municipality_id,
        "court_id": court,
        "granule": granule,
        "reservation_id": None,
        "closure_id": None,
    }


def _write(session: Session, batch: list[tuple[dict[str, Any], list[dict[str, Any]]]]) -> None:
    if not batch:
        return
    session.execute(_RESERVATIONS, [row for row, _ in batch])
    session.execute(_CLAIMS, [claim for _, rows in batch for claim in rows])
    batch.clear()


def _draw(*what: object) -> int:
    """A number that looks random and is the same every time."""
    return int.from_bytes(sha256(repr(what).encode()).digest()[:16])
