"""Kill any process between any two outside calls: the journey completes or is cleanly undone.

The sandbox holds a call open before or after its effect; while it does, the caller is killed with SIGKILL.
That names a process's instants exactly: intent committed but nothing done outside yet, done outside but no
outcome committed, and (killed between calls) outcome committed.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

import pytest
import requests
import sqlalchemy as sa

from booking.demo.keypad import Keypads
from booking.demo.ports import wait_for_port, wait_until
from booking.demo.resident import Booked, Resident
from booking.demo.town import Town
from booking.places.models import Municipality
from core.clock import SystemClock
from core.window import granule_of
from locks.models import Lock
from tests.integration.town.oracle import Oracle

pytestmark = pytest.mark.timeout(420)

GYM = "見本体育館"
INSTANTS = ("timeout_before", "timeout_after")
"""The caller dies before its call had its effect, or after."""
_hours = count(30)
"""Each test books an hour of its own, from thirty hours ahead on."""


@pytest.fixture(scope="module")
def oracle(town: Town) -> Iterator[Oracle]:
    looking = Oracle(town)
    yield looking
    looking.database.dispose()


@pytest.fixture
def resident(town: Town) -> Resident:
    person = Resident(town.at.web_url, "mihon-shimin@example.jp", town.sample_password)
    person.sign_in()
    return person


def _book(resident: Resident) -> Booked:
    start = granule_of(SystemClock().now()) // 2 * 2 + 2 * next(_hours)
    return resident.book(GYM, "半面A", start, 2)


@contextmanager
def _down(town: Town, name: str) -> Iterator[None]:
    """A process that is away for as long as the block lasts."""
    town.processes.hold_down(name)
    try:
        yield
    finally:
        town.processes.let_up(name)
        wait_for_port({"broker": town.at.broker}.get(name, town.at.web), at_most_s=60)


def _kill(town: Town, *names: str) -> None:
    """SIGKILL, then wait until the watcher has started each again and the pages answer."""
    before = {name: town.processes.restarts(name) for name in names}
    for name in names:
        town.processes.kill(name)
    wait_until(
        lambda: all(town.processes.restarts(name) > before[name] for name in names),
        f"{names} stay down",
        at_most_s=30,
    )
    if "web" in names:
        wait_for_port(town.at.web, at_most_s=60)


def _kill_while(town: Town, oracle: Oracle, name: str, endpoint: str, does: Callable[[], object]) -> None:
    """Do something in the background and kill `name` while the sandbox holds a call to `endpoint` open."""
    seen = oracle.requests().get(endpoint, 0)

    def ignoring_the_crash() -> None:
        with suppress(requests.RequestException):
            does()

    doing = threading.Thread(target=ignoring_the_crash)
    doing.start()
    wait_until(lambda: oracle.requests().get(endpoint, 0) > seen, f"no call to {endpoint}", at_most_s=120)
    _kill(town, name)
    doing.join()


def _eventually(holds: Callable[[], bool], otherwise: str) -> None:
    # A call's lease has to run out before another takes it up: that is the longest anybody waits.
    wait_until(holds, otherwise, at_most_s=200, every_s=0.5)


@pytest.mark.parametrize("instant", INSTANTS)
def test_web_killed_while_it_opens_the_card_page(
    town: Town, oracle: Oracle, resident: Resident, instant: str
) -> None:
    booked = _book(resident)
    oracle.fault(kind=instant, path="/v1/checkout/sessions", times=1, hold_s=2)
    _kill_while(town, oracle, "web", "POST /v1/checkout/sessions", lambda: resident.open_card_page(booked))
    assert oracle.reservation(booked).state == "held"
    resident.pay(booked)
    _eventually(lambda: oracle.money_of(booked).open_sessions == 0, "a second session may capture")
    assert oracle.money_of(booked).captured == oracle.reservation(booked).amount_yen
    oracle.assert_in_order(booked)


def test_web_killed_when_the_money_is_taken_and_nobody_returns(
    town: Town, oracle: Oracle, resident: Resident
) -> None:
    booked = _book(resident)
    card_page = resident.open_card_page(booked)
    with _down(town, "web"):
        resident.pay_at(card_page)
        _eventually(lambda: oracle.reservation(booked).state == "confirmed", "paid but never confirmed")
    assert resident.state(booked) == "confirmed"
    oracle.assert_in_order(booked)


def test_worker_killed_in_the_middle_of_every_kind_of_call(
    town: Town, oracle: Oracle, resident: Resident
) -> None:
    # Every call is cut first, then all are awaited together: each waits for the same length of lease.
    paid = _cut_while_asking(town, oracle, resident)
    given_back = [_cut_while_giving_back(town, oracle, resident, instant) for instant in INSTANTS]
    given_up = [_cut_while_closing(town, oracle, resident, instant) for instant in INSTANTS]
    for booked in given_up:
        assert oracle.claims_of(booked) == 2, "freed before Stripe said that nothing can be captured"
    _eventually(lambda: oracle.reservation(paid).state == "confirmed", "paid but never confirmed")
    for booked in given_back:
        _eventually(lambda of=booked: resident.refund(of) == "succeeded", "the money never went back")  # type: ignore[misc]
        assert oracle.money_of(booked).refunded == oracle.reservation(booked).amount_yen
    for booked in given_up:
        _eventually(lambda of=booked: oracle.reservation(of).state == "cancelled", "never given up")  # type: ignore[misc]
    for booked in (paid, *given_back, *given_up):
        oracle.assert_in_order(booked)


def _cut_while_asking(town: Town, oracle: Oracle, resident: Resident) -> Booked:
    booked = _book(resident)
    card_page = resident.open_card_page(booked)
    oracle.fault(kind="slow", path="/v1/checkout/sessions/*", method="GET", times=1, hold_s=3)
    asked = "GET /v1/checkout/sessions/<object_id>"
    with _down(town, "web"):
        _kill_while(town, oracle, "worker", asked, lambda: resident.pay_at(card_page))
    return booked


def _cut_while_giving_back(town: Town, oracle: Oracle, resident: Resident, instant: str) -> Booked:
    booked = _book(resident)
    resident.pay(booked)
    oracle.fault(kind=instant, path="/v1/refunds", times=1, hold_s=3)
    _kill_while(town, oracle, "worker", "POST /v1/refunds", lambda: resident.cancel(booked))
    assert oracle.reservation(booked).state == "cancelled"
    return booked


def _cut_while_closing(town: Town, oracle: Oracle, resident: Resident, instant: str) -> Booked:
    booked = _book(resident)
    resident.open_card_page(booked)
    oracle.fault(kind=instant, path="/v1/checkout/sessions/*/expire", times=1, hold_s=3)
    closing = "POST /v1/checkout/sessions/<object_id>/expire"
    _kill_while(town, oracle, "worker", closing, lambda: resident.cancel(booked))
    return booked


def test_worker_down_at_the_deadline_frees_the_slot_when_it_is_back(
    town: Town, oracle: Oracle, resident: Resident
) -> None:
    _hold_for(oracle, 2)
    try:
        booked = _book(resident)
    finally:
        _hold_for(oracle, 600)
    deadline = oracle.reservation(booked).pay_until
    assert deadline is not None
    with _down(town, "worker"):
        wait_until(lambda: SystemClock().now() > deadline, "no deadline", at_most_s=5)
        assert oracle.claims_of(booked) == 2
    _eventually(lambda: oracle.reservation(booked).state == "expired", "a hold without an end")
    oracle.assert_in_order(booked)


def test_gateway_down_while_a_code_is_sold_and_taken_back(
    town: Town, oracle: Oracle, resident: Resident
) -> None:
    doors = Keypads(town.at.doors_url)
    lock = next(door["lock"] for door in doors.all() if door["name"].startswith(GYM))
    wait_until(lambda: bool(doors.door(lock)["applied"]), "no desired state", at_most_s=60)
    with _down(town, "gateway"):
        # What the broker held before the gateway went: a version of the last moment is not the sale's.
        version = _until_no_newer(lock, doors)
        booked = _book(resident)
        resident.pay(booked)
        doors.sync(lock)
        assert doors.door(lock)["applied"] == version
    _until_current(oracle, lock, doors)
    town.processes.kill("gateway")
    resident.cancel(booked)
    _until_current(oracle, lock, doors)
    _eventually(lambda: resident.refund(booked) == "succeeded", "the money never went back")
    oracle.assert_in_order(booked)


def test_broker_killed_and_wiped_is_filled_again(town: Town, oracle: Oracle, resident: Resident) -> None:
    doors = Keypads(town.at.doors_url)
    lock = next(door["lock"] for door in doors.all() if door["name"].startswith(GYM))
    with _down(town, "broker"):
        for file in (town.folder / "broker" / "store").iterdir():
            file.unlink()
        booked = _book(resident)
        resident.pay(booked)
    _until_current(oracle, lock, doors)
    oracle.assert_in_order(booked)


def test_all_three_killed_at_once_at_every_step(town: Town, oracle: Oracle, resident: Resident) -> None:
    def all_down() -> None:
        _kill(town, "web", "gateway", "worker")

    booked = _book(resident)
    all_down()
    card_page = resident.open_card_page(booked)
    all_down()
    resident.pay_at(card_page)
    all_down()
    _eventually(lambda: resident.state(booked) == "confirmed", "paid but never confirmed")
    all_down()
    resident.cancel(booked)
    all_down()
    _eventually(lambda: resident.refund(booked) == "succeeded", "the money never went back")
    oracle.assert_in_order(booked)
    _eventually(lambda: len(oracle.mails_about(booked)) >= 3, "held, confirmed, cancelled: a mail is missing")


def _hold_for(oracle: Oracle, seconds: int) -> None:
    with oracle.database.transaction() as session:
        session.execute(
            sa.update(Municipality).values(
                hold_for_s=seconds, catalogue_version=Municipality.catalogue_version + 1
            )
        )


def _until_no_newer(lock: str, doors: Keypads) -> int:
    """The version after which a contact brings no other."""
    seen: list[int] = []

    def brings_no_other() -> bool:
        doors.sync(lock)
        seen.append(int(doors.door(lock)["applied"]))
        return len(seen) > 1 and seen[-1] == seen[-2]

    wait_until(brings_no_other, "the broker never came to its end", at_most_s=60, every_s=0.5)
    return seen[-1]


def _until_current(oracle: Oracle, lock: str, doors: Keypads) -> None:
    def current() -> bool:
        doors.sync(lock)
        with oracle.database.reading() as session:
            row = session.get_one(Lock, lock)
            return row.applied_version == row.desired_version == doors.door(lock)["applied"]

    wait_until(current, "the lock never got the newest version", at_most_s=60, every_s=1.0)
