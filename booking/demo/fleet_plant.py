"""A town of N gyms, each with one lock, in a fresh database: in bulk, with the steps' own values."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from booking.app.services import Services
from booking.places import catalogue
from booking.places.models import (
    Court,
    DayKind,
    Facility,
    FacilityName,
    Municipality,
    Offering,
    OfferingAccessPoint,
    OfferingCourt,
    Space,
    SpaceKind,
    TimeBand,
)
from booking.seed.prices import BANDS
from core.ids import new_token, random_bytes
from core.secrets import Keyring
from locks.broker import password_hash
from locks.keys import ROOT_LENGTH, group_binding, lock_binding
from locks.models import AccessPoint, AccessPointKind, CodeGroup, CodeGroupLane, Lock, LockState

NAME = "見本町（大規模）"
_CONTACT = "見本 施設予約担当"
_VALID_FROM = date(2020, 4, 1)
_CHUNK = 500


@dataclass(frozen=True, slots=True, repr=False)
class Planted:
    """What the residents of such a town need to know: {access point: its two courts}."""

    municipality_id: int
    courts: dict[int, tuple[int, int]]


def plant(
    services: Services,
    *,
    locks: int,
    broker: Mapping[str, str | int | bool],
    doors_file: Path,
    installed_over: timedelta,
    now: datetime,
) -> Planted:
    """Plant it into empty tables, and write what the installers were shown.

    The locks are provisioned one after the other over so much time.
    """
    first = _found(services)
    shown: list[dict[str, object]] = []
    courts: dict[int, tuple[int, int]] = {}
    for numbers in _chunks(locks):
        with services.database.transaction() as session:
            points = _fit(session, first, numbers)
            due = {number: now + installed_over * (number - 1) / locks for number in points}
            shown += _locks(session, services.keyring, first, due, broker)
        courts |= {number: (2 * number - 1, 2 * number) for number in numbers}
    with services.database.transaction() as session:
        catalogue.bump(session, first)
    descriptor = os.open(doors_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(shown, file, ensure_ascii=False)
    return Planted(first, courts)


def _found(services: Services) -> int:
    with services.database.transaction() as session:
        town = Municipality(code=services.settings.municipality_code, name=NAME, office_contact=_CONTACT)
        session.add(town)
        session.flush()
        for day_kind, hours in BANDS.items():
            session.add_all(_band(town.id, day_kind, starts, ends) for starts, ends in hours)
        return town.id


def _band(municipality_id: int, kind: DayKind, starts: int, ends: int) -> TimeBand:
    return TimeBand(
        municipality_id=municipality_id,
        day_kind=kind,
        starts_minute=60 * starts,
        ends_minute=60 * ends,
        valid_from=_VALID_FROM,
    )


def _fit(session: Session, town: int, numbers: Sequence[int]) -> Sequence[int]:
    """A gym of two courts each, as the seed plants them; every row bears its gym's number."""

    def insert(model: Any, rows: list[dict[str, Any]]) -> None:
        session.execute(sa.insert(model), rows)

    of = {"municipality_id": town}
    insert(
        Facility, [{**of, "id": n, "slug": f"fleet-{n}", "stage": "sample", "sort_key": n} for n in numbers]
    )
    insert(
        FacilityName,
        [{"facility_id": n, "valid_from": _VALID_FROM, "name": f"見本学校{n:05d}"} for n in numbers],
    )
    gym = {**of, "kind": SpaceKind.GYM, "name": "体育館"}
    insert(Space, [{**gym, "id": n, "facility_id": n} for n in numbers])
    insert(
        Court,
        [
            {
                **of,
                "id": 2 * n - 1 + half,
                "space_id": n,
                "name": f"半面{'AB'[half]}",
                "share": 0.5,
                "sort_key": half,
            }
            for n in numbers
            for half in (0, 1)
        ],
    )
    offered = (("全面", "full", (0, 1)), ("半面A", "half", (0,)), ("半面B", "half", (1,)))
    insert(
        Offering,
        [
            {
                **of,
                "id": 3 * n - 2 + k,
                "space_id": n,
                "name": name,
                "size": size,
                "sports": [],
                "sort_key": k,
            }
            for n in numbers
            for k, (name, size, _) in enumerate(offered)
        ],
    )
    insert(
        OfferingCourt,
        [
            {"offering_id": 3 * n - 2 + k, "court_id": 2 * n - 1 + half}
            for n in numbers
            for k, (_, _, halves) in enumerate(offered)
            for half in halves
        ],
    )
    insert(
        OfferingAccessPoint,
        [{"offering_id": 3 * n - 2 + k, "access_point_id": n} for n in numbers for k in range(len(offered))],
    )
    return numbers


def _locks(
    session: Session,
    keyring: Keyring,
    town: int,
    due: Mapping[int, datetime],
    broker: Mapping[str, str | int | bool],
) -> list[dict[str, object]]:
    """As `locks.installation` makes them, many at once; what each installer is shown."""
    numbers = list(due)
    code_roots = {n: random_bytes(ROOT_LENGTH) for n in numbers}
    session.execute(
        sa.insert(CodeGroup),
        [
            {
                "id": n,
                "municipality_id": town,
                "wrapped_code_root": keyring.wrap(root, bound_to=group_binding(n)),
            }
            for n, root in code_roots.items()
        ],
    )
    session.execute(
        sa.insert(CodeGroupLane),
        [
            {"code_group_id": n, "lane": half, "court_ref": 2 * n - 1 + half}
            for n in numbers
            for half in (0, 1)
        ],
    )
    kind = AccessPointKind.DOOR_LOCK
    session.execute(
        sa.insert(AccessPoint),
        [
            {
                "id": n,
                "municipality_id": town,
                "code_group_id": n,
                "kind": kind,
                "name": f"見本学校{n:05d} 入口",
            }
            for n in numbers
        ],
    )
    shown: list[dict[str, object]] = []
    rows: list[dict[str, Any]] = []
    passwords = [new_token() for _ in numbers]
    with ThreadPoolExecutor(2) as pool:
        hashes = list(pool.map(password_hash, passwords))
    for number, password, hashed in zip(numbers, passwords, hashes, strict=True):
        lock_id, root = random_bytes(8).hex(), random_bytes(ROOT_LENGTH)
        rows.append(
            {
                "id": lock_id,
                "municipality_id": town,
                "access_point_id": number,
                # As if an installer had opened each once: staff are alarmed about these.
                "state": LockState.ACTIVE,
                "added_at": due[number],
                "placed_at": due[number],
                "commissioned_at": due[number],
                "wrapped_root": keyring.wrap(root, bound_to=lock_binding(lock_id)),
                "broker_password_hash": hashed,
                "desired_version": 1,
                "publish_due_at": due[number],
            }
        )
        shown.append(
            {
                "lock": lock_id,
                "root": root.hex(),
                "code_root": code_roots[number].hex(),
                "broker": dict(broker),
                "username": lock_id,
                "password": password,
            }
        )
    session.execute(sa.insert(Lock), rows)
    return shown


def _chunks(count: int) -> Iterator[Sequence[int]]:
    for start in range(1, count + 1, _CHUNK):
        yield range(start, min(start + _CHUNK, count + 1))
