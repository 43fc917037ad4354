"""The measurements themselves: each one run of one thing, over HTTP unless it says otherwise."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event

from booking.reservations import money
from booking.reservations.models import Reservation, State
from core.clock import start_of_day
from core.database import Database
from core.ids import new_id
from core.window import GRANULE_S, Window, granule_of, granule_start
from locks import desired_state, grants
from locks.codes import MAX_REV
from locks.models import AccessPoint, CodeGroupLane, DesiredVersion, Grant, Lock
from tests.bench import load
from tests.bench.load import Answer
from tests.bench.town import BenchTown, Resident, Slot


@dataclass(frozen=True, slots=True)
class Waits:
    """Of one run: median and p99 of the waits in seconds, answers a second."""

    p50: float
    p99: float
    per_s: float


def waits(answers: Sequence[Answer], took_s: float) -> Waits:
    """What a run of answers says."""
    each = [answer.took_s for answer in answers]
    return Waits(load.percentile(each, 0.5), load.percentile(each, 0.99), len(answers) / took_s)


def page(port: int, path: str, *, count: int, clients: int = 1) -> Waits:
    """One page again and again.

    Raises:
        AssertionError: an answer is not 200.
    """
    answers, took = load.run(port, [load.request("GET", path, host=_host(port))] * count, clients=clients)
    assert {answer.status for answer in answers} == {200}, (path, answers[0].body[:300])
    return waits(answers, took)


def hold_request(port: int, resident: Resident, group_id: UUID, slot: Slot, key: str) -> bytes:
    """What a browser sends when a resident takes a slot."""
    form = f"csrf_token={resident.csrf}&group_id={group_id}&request_key={key}"
    form += f"&start={slot.first}&length={slot.length}"
    return load.request(
        "POST",
        f"/offerings/{slot.offering_id}/holds",
        host=_host(port),
        cookie=resident.cookie,
        body=form.encode(),
    )


def holds(town: BenchTown, kind: str, *, count: int, clients: int) -> tuple[Waits, list[UUID]]:
    """Distinct slots by many residents: `paid` ones end held, `free` ones confirmed with all that follows.

    Raises:
        AssertionError: a hold was refused.
    """
    slots = town.take_slots(kind, count)
    requests = []
    for slot in slots:
        resident = town.resident_for(slot)
        group_id = resident.group_id if kind == "paid" else resident.youth_id
        requests.append(
            hold_request(town.port, resident, group_id, slot, f"bench-key-{slot.offering_id:06}-{slot.first}")
        )
    answers, took = load.run(town.port, requests, clients=clients)
    refused = [answer for answer in answers if answer.status != 303]
    assert not refused, (len(refused), refused[0].status, _code(refused[0]))
    return waits(answers, took), [_made(answer) for answer in answers]


@dataclass(frozen=True, slots=True)
class Race:
    """How a race for one slot ended."""

    winners: int
    clear_losers: int
    rows: int
    took_s: float


def race(town: BenchTown, *, clients: int) -> Race:
    """Everybody wants the same slot in the same instant; the table is the judge."""
    (slot,) = town.take_slots("paid", 1)
    requests = [
        hold_request(
            town.port, resident, resident.group_id, slot, f"race-key-{slot.offering_id:06}-{slot.first}"
        )
        for resident in town.residents[:clients]
    ]
    answers, took = load.at_once(town.port, requests)
    begins = granule_start(slot.first)
    with town.services.database.reading() as session:
        rows = session.scalars(
            sa.select(Reservation.id).where(
                Reservation.offering_id == slot.offering_id, Reservation.starts_at == begins
            )
        ).all()
    return Race(
        winners=sum(answer.status == 303 for answer in answers),
        clear_losers=sum(answer.status == 409 and b"slot_taken" in answer.body for answer in answers),
        rows=len(rows),
        took_s=took,
    )


def settle(town: BenchTown, held: Sequence[UUID]) -> float:
    """Confirmations a second by settled payments, one after another, in this process: no HTTP."""
    services = town.services
    with services.database.reading() as session:
        rows = session.execute(
            sa.select(Reservation.id, Reservation.amount_yen).where(Reservation.id.in_(held))
        )
        asked = {row.id: row.amount_yen for row in rows}
    begun = time.perf_counter()
    for reservation_id in held:
        with services.database.transaction() as session:
            now = services.clock.now()
            money.payment_settled(
                session,
                reference=reservation_id,
                payment_id=new_id(now),
                amount_yen=asked[reservation_id],
                now=now,
            )
    took = time.perf_counter() - begun
    with services.database.reading() as session:
        states = set(session.scalars(sa.select(Reservation.state).where(Reservation.id.in_(held))))
    assert states == {State.CONFIRMED}, states
    return len(held) / took


def prepare_full_lock(town: BenchTown, *, wanted: int) -> tuple[str, int]:
    """The sample gym's lock, 24 bands a day for two weeks, with `wanted` grants or more; its id, how many."""
    services = town.services
    with services.database.transaction() as session:
        lock_id, point_id, group_id = session.execute(
            sa.select(Lock.id, AccessPoint.id, AccessPoint.code_group_id)
            .join(AccessPoint, AccessPoint.id == Lock.access_point_id)
            .where(AccessPoint.name.like("見本体育館%"))
        ).one()
        court = session.scalars(
            sa.select(CodeGroupLane.court_ref).where(CodeGroupLane.code_group_id == group_id).limit(1)
        ).one()
        there = session.scalars(sa.select(Grant.granule).where(Grant.access_point_id == point_id)).all()
        first = granule_of(start_of_day(town.today + timedelta(days=1)))
        free = (first + 2 * number for number in range(14 * 24) if first + 2 * number not in there)
        for _ in range(max(0, wanted - len(there))):
            grants.issue(
                session,
                access_point_ids=[point_id],
                courts=[court],
                window=Window.of_granules(next(free), 2),
                holder=new_id(town.now),
                now=services.clock.now(),
            )
        count = len(session.scalars(sa.select(Grant.id).where(Grant.access_point_id == point_id)).all())
    return lock_id, count


def build_desired(town: BenchTown, lock_id: str, *, count: int) -> tuple[list[float], int]:
    """Seconds each for building, signing and storing a new version, with its commit; octets of one."""
    services = town.services
    took, octets = [], 0
    for _ in range(count):
        with services.database.transaction() as session:
            point = session.scalars(sa.select(Lock.access_point_id).where(Lock.id == lock_id)).one()
            desired_state.mark_changed(session, access_point_ids=[point], now=services.clock.now())
        begun = time.perf_counter()
        with services.database.transaction() as session:
            built = desired_state.build(
                session, services.keyring, services.lock_callbacks, lock_id=lock_id, now=services.clock.now()
            )
        took.append(time.perf_counter() - begun)
        octets = len(built.payload)
    return took, octets


def fullest_state(town: BenchTown, lock_id: str) -> tuple[int, str]:
    """Octets of its state once every hour of both half courts is sold for as long as anything is, and what
    is in it.
    """
    services = town.services
    with services.database.transaction() as session:
        lock = session.get_one(Lock, lock_id)
        point = session.get_one(AccessPoint, lock.access_point_id)
        first = granule_of(start_of_day(town.today + timedelta(days=1)))
        rows = [
            {
                "municipality_id": point.municipality_id,
                "code_group_id": point.code_group_id,
                "access_point_id": point.id,
                "holder": new_id(town.now),
                "granule": first + 2 * hour,
                "length": 2,
                "lane": lane,
                "rev": MAX_REV,
                "issued_at": town.now,
                "lock_id": lock_id,
                "granted_version": lock.desired_version,
            }
            for hour in range(45 * 24)
            for lane in (0, 1)
        ]
        session.execute(sa.insert(Grant), rows)
    _, octets = build_desired(town, lock_id, count=1)
    with services.database.reading() as session:
        version = session.get_one(Lock, lock_id).desired_version
        said = json.loads(session.get_one(DesiredVersion, (lock_id, version)).payload)
    days = [(end - first) / 48 for end in (said["horizon"], said["lease_until"] // GRANULE_S)]
    return octets, f"{len(said['grants'])} grants; sells {days[0]:.0f} days, stands for {days[1]:.0f}"


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Every statement that this process sends while the block lasts, without BEGIN and COMMIT."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def count_page(town: BenchTown, path: str, cookie: str) -> int:
    """Statements for one page, once what a process keeps is warm."""
    client = town.app.test_client(use_cookies=False)
    for _ in range(2):
        with statements(town.services.database) as sent:
            answer = client.get(path, base_url=town.settings.base_url, headers={"Cookie": cookie})
        assert answer.status_code == 200, (path, answer.status_code)
    return len(sent)


def count_hold(town: BenchTown, *, kind: str) -> int:
    """Statements for one hold through the whole application, the sign-in's included; the most of several."""
    most = 0
    for slot in town.take_slots(kind, 6):
        resident = town.residents[0] if kind == "paid" else town.resident_for(slot)
        client = town.app.test_client(use_cookies=False)
        group_id = resident.group_id if kind == "paid" else resident.youth_id
        with statements(town.services.database) as sent:
            answer = client.post(
                f"/offerings/{slot.offering_id}/holds",
                base_url=town.settings.base_url,
                headers={"Cookie": resident.cookie},
                data={
                    "csrf_token": resident.csrf,
                    "group_id": str(group_id),
                    "start": str(slot.first),
                    "length": str(slot.length),
                    "request_key": f"count-key-{slot.offering_id:06}-{slot.first}",
                },
            )
        assert answer.status_code == 303, answer.status_code
        most = max(most, len(sent))
    return most


def _code(answer: Answer) -> str:
    found = re.search(rb'data-code="(\w+)"', answer.body)
    return found[1].decode() if found else "no code"


def _made(answer: Answer) -> UUID:
    head = answer.head.decode()
    at = head.lower().index("location:")
    return UUID(head[at:].split("\r\n", 1)[0].rsplit("/", 1)[1])


def _host(port: int) -> str:
    return f"127.0.0.1:{port}"
