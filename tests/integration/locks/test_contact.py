"""A hello proves, tells and is answered; anything less changes nothing."""

import base64
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from core.window import granule_start
from locks import desired_state, fleet
from locks.contact import receive_hello
from locks.installation import add_access_point
from locks.keys import subkey
from locks.models import DesiredVersion, EventLoss, Lock, LockEvent, QuarantinedMessage
from locks.quarantine import KEPT_PER_SENDER, newest
from locks.turns import regular_turn
from tests.integration.locks.conftest import NOW, TOWN, School
from tests.integration.locks.door import Door, b64, unb64


def lock_of(school: School, door: Door) -> Lock:
    found: Lock = school.one(sa.select(Lock).where(Lock.id == door.id))
    return found


def picture(school: School) -> dict[str, Any]:
    """Every column of every lock, to see that nothing changed."""
    return {
        row.id: row._asdict() for row in school.rows(sa.select(*Lock.__table__.columns).order_by(Lock.id))
    }


def count(result: str) -> float:
    return REGISTRY.get_sample_value("kaiho_lock_messages_total", {"result": result}) or 0.0


def seqs(school: School, door: Door) -> list[int]:
    rows = school.rows(sa.select(LockEvent.seq).where(LockEvent.lock_id == door.id).order_by(LockEvent.seq))
    return [row.seq for row in rows]


def test_a_first_contact_gives_the_lock_everything(school: School) -> None:
    holder = school.issue(school.slot())
    door = school.fit()
    welcome = school.contact(door)
    lock = lock_of(school, door)
    assert (lock.state, lock.applied_version, lock.last_n) == ("provisioned", 1, 2)
    assert (welcome["version"], welcome["digest"]) == (1, door.digest)
    assert welcome["now"] == int(NOW.timestamp() * 1000)
    assert len(door.desired["grants"]) == 1
    assert door.desired["horizon"] > door.desired["sellable"][-1][0]
    assert door.desired["lease_until"] > NOW.timestamp() + 44 * 86400
    assert holder


def test_what_the_lock_gets_is_stored_octet_for_octet_and_signed_the_same_again(school: School) -> None:
    door = school.fit()
    answer = school.hear(door, door.hello())
    assert answer is not None
    assert answer.desired is not None
    stored = school.one(sa.select(DesiredVersion))
    assert unb64(answer.desired.split(".")[1]) == stored.payload
    with school.database.transaction() as session:
        again = desired_state.build(
            session, school.keyring, school.callbacks, lock_id=door.id, now=NOW + timedelta(hours=1)
        )
    assert (again.jws, again.digest) == (answer.desired, stored.digest)


def test_rebuilding_from_the_rows_gives_the_same_lists(school: School) -> None:
    door = school.fit()
    held = [school.issue(school.slot(hours)) for hours in (2, 6, 30)]
    school.withdraw(held[1])
    school.contact(door)
    with school.database.transaction() as session:
        session.execute(sa.delete(DesiredVersion))
        again = desired_state.build(session, school.keyring, school.callbacks, lock_id=door.id, now=NOW)
    claims = json.loads(again.payload)
    assert {name: claims[name] for name in ("grants", "floors", "sellable", "horizon")} == {
        name: door.desired[name] for name in ("grants", "floors", "sellable", "horizon")
    }
    assert len(claims["grants"]) == 2
    assert len(claims["floors"]) == 1


def test_a_repeated_hello_is_not_answered_and_changes_nothing(school: School) -> None:
    door = school.fit()
    school.contact(door)
    message = door.hello()
    assert school.hear(door, message) is not None
    before = picture(school)
    school.clock.at += timedelta(minutes=5)
    replayed = count("replayed")
    assert school.hear(door, message) is None
    assert picture(school) == before
    assert count("replayed") == replayed + 1
    # The control: the next n is heard.
    assert school.hear(door, door.hello()) is not None
    assert picture(school) != before


def test_an_older_hello_leaves_the_contact_alone_but_its_events_are_stored(school: School) -> None:
    door = school.fit()
    school.contact(door)
    door.happens("boot", int(NOW.timestamp()))
    late = door.hello()
    door.n += 1
    assert school.hear(door, door.sign(door.claims(nonce="0" * 32, events=[], first_seq=1))) is not None
    before = picture(school)
    assert school.hear(door, late) is None
    assert picture(school) == before
    assert seqs(school, door) == [1]


def forged(door: Door, other: Door) -> dict[str, tuple[str, bytes]]:
    good = door.hello()
    head, body, signature = good.decode().split(".")
    changed = b64(unb64(body).replace(b'"battery_mv": 5870', b'"battery_mv": 1111'))
    none = b64(json.dumps({"alg": "none", "kid": f"{door.id}:up:0", "typ": "kaiho-hello"}).encode())
    return {
        "another root": ("bad_envelope", door.sign(door.claims(), root=other.fitted.root)),
        "another lock's own message": ("bad_envelope", other.hello()),
        "a member changed": ("bad_envelope", f"{head}.{changed}.{signature}".encode()),
        "no algorithm": ("bad_envelope", f"{none}.{body}.{signature}".encode()),
        "no signature": ("bad_envelope", f"{head}.{body}.".encode()),
        "another lock inside": ("foreign", door.sign(door.claims(lock=other.id))),
        "another type": ("bad_envelope", door.sign(door.claims(), typ="kaiho-welcome")),
        "an unknown version": ("unsupported", door.sign(door.claims(v=2))),
        "a member of the wrong form": ("bad_payload", door.sign(door.claims(bolt="ajar"))),
        "nothing": ("bad_envelope", b""),
        "noise": ("bad_envelope", base64.b85encode(bytes(200))),
        "too much": ("too_large", b"a" * 40_000),
    }


@pytest.mark.parametrize(
    "name",
    [
        "another root",
        "another lock's own message",
        "a member changed",
        "no algorithm",
        "no signature",
        "another lock inside",
        "another type",
        "an unknown version",
        "a member of the wrong form",
        "nothing",
        "noise",
        "too much",
    ],
)
def test_what_is_not_proved_changes_nothing_is_counted_and_kept(school: School, name: str) -> None:
    door, other = school.fit(), Door(school.fit(_point(school)).fitted)
    school.contact(door)
    why, message = forged(door, other)[name]
    before, counted = picture(school), count(why)
    assert school.hear(door, message) is None
    assert picture(school) == before
    assert count(why) == counted + 1
    kept = school.one(sa.select(QuarantinedMessage))
    assert (kept.claimed_lock, kept.why, kept.size) == (door.id, why, len(message))
    assert kept.head == message[:4096]
    # The control: the same door's honest hello changes the picture.
    assert school.hear(door, door.hello()) is not None
    assert picture(school) != before


def _point(school: School) -> int:
    with school.database.transaction() as session:
        return add_access_point(
            session, municipality_id=1, name="他校", kind="door_lock", courts=[1, 2], now=NOW
        )


def test_an_unknown_and_a_dead_lock_look_the_same(school: School) -> None:
    door = school.fit()
    school.contact(door)
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(state="dead"))
    unknown = count("unknown_lock")
    assert school.hear(door, door.hello()) is None
    assert count("unknown_lock") == unknown + 1


def test_a_flood_from_one_sender_does_not_fill_the_quarantine(school: School) -> None:
    door = school.fit()
    for number in range(KEPT_PER_SENDER + 5):
        school.hear(door, b"noise %d" % number)
    with school.database.reading() as session:
        kept = [message.head for message in newest(session, limit=100)]
    assert len(kept) == KEPT_PER_SENDER
    assert (kept[0], kept[-1]) == (b"noise 54", b"noise 5")


def test_a_flood_under_made_up_names_does_not_fill_the_quarantine_either(school: School) -> None:
    door = school.fit()
    school.hear(door, b"noise of a lock of ours")
    with school.database.transaction() as session:
        for number in range(KEPT_PER_SENDER + 5):
            name = f"{number:016x}"
            answer = receive_hello(
                session, school.keyring, school.callbacks, lock_id=name, payload=b"noise", now=NOW
            )
            assert answer is None
    with school.database.reading() as session:
        kept = [(message.claimed_lock, message.why) for message in newest(session, limit=1000)]
    assert kept == [("", "unknown_lock")] * KEPT_PER_SENDER + [(door.id, "bad_envelope")]


def test_an_event_is_stored_once_however_often_it_is_told(school: School) -> None:
    door = school.fit()
    school.contact(door)
    door.happens("boot", int(NOW.timestamp()), reason="battery")
    assert school.hear(door, door.hello()) is not None
    answer = school.hear(door, door.hello())
    assert answer is not None
    assert door.take_welcome(answer.welcome)["ack_seq"] == 1
    assert seqs(school, door) == [1]
    assert door.events == []


def test_an_event_is_not_acknowledged_where_the_storing_fails(school: School) -> None:
    door = school.fit()
    school.contact(door)
    holder = school.issue(school.slot(0.5))
    school.contact(door)
    opened_at = int(NOW.timestamp())
    credential = door.desired["grants"][0]
    door.happens("lock_operation", opened_at, operation="unlock", source="keypad", credential=credential)
    school.notes.fails = True
    before = picture(school)
    with pytest.raises(RuntimeError):
        school.hear(door, door.hello())
    assert seqs(school, door) == []
    assert picture(school) == before
    school.notes.fails = False
    answer = school.hear(door, door.hello())
    assert answer is not None
    assert door.take_welcome(answer.welcome)["ack_seq"] == 1
    assert school.notes.opened == [(holder, NOW, False)]


def test_an_opening_is_told_once_with_its_holder(school: School) -> None:
    door = school.fit()
    holder = school.issue(school.slot(0.5))
    school.contact(door)
    granule, *_ = credential = door.desired["grants"][0]
    at = int(granule_start(granule).timestamp()) + 60
    school.clock.at = granule_start(granule) + timedelta(hours=1)
    members = {"source": "keypad", "credential": credential, "offline": True}
    door.happens("lock_operation", at, operation="unlock", **members)
    door.happens("lock_operation", at + 30, operation="lock", **members)
    door.happens("lock_operation", at, operation="unlock", source="keypad", credential=[granule, 4, 1, 9])
    door.happens("lock_operation", at, operation="unlock", source="keypad", credential="clerk-1")
    door.happens("lock_operation_error", at, error="invalid_credential", count=2)
    message = door.hello()
    school.hear(door, message)
    school.hear(door, message)
    school.hear(door, door.hello())
    assert school.notes.opened == [(holder, granule_start(granule) + timedelta(seconds=60), True)]
    with school.database.reading() as session:
        lines = fleet.events(session, access_point_ids=[school.gym], since=NOW, limit=10)
        earlier = fleet.events_of(session, municipality_id=TOWN, since=NOW, until=lines[0].at, limit=10)
    assert [line.seq for line in lines] == [2, 5, 4, 3, 1]
    assert [line.seq for line in earlier] == [5, 4, 3, 1]
    assert [line.holder for line in lines] == [holder, None, None, None, holder]
    assert lines[1].detail == {"count": 2, "error": "invalid_credential"}


def test_an_opening_in_the_future_or_without_a_clock_is_dated_by_us(school: School) -> None:
    door = school.fit()
    school.issue(school.slot(0.5))
    school.contact(door)
    credential = door.desired["grants"][0]
    door.happens("lock_operation", int(NOW.timestamp()) + 9999, operation="unlock", credential=credential)
    door.happens("lock_operation", 5, operation="unlock", credential=credential)
    door.events[-1]["clock_quality"] = "unknown"
    school.hear(door, door.hello())
    assert [at for _, at, _ in school.notes.opened] == [NOW, NOW]


def test_a_gap_in_the_log_is_recorded_and_counting_goes_on(school: School) -> None:
    door = school.fit()
    school.contact(door)
    for _ in range(6):
        door.happens("door_state_change", int(NOW.timestamp()), state="open")
    door.events = [event for event in door.events if event["seq"] in (3, 4, 6)]
    answer = school.hear(door, door.hello())
    assert answer is not None
    assert door.take_welcome(answer.welcome)["ack_seq"] == 6
    losses = school.rows(sa.select(EventLoss.first_seq, EventLoss.last_seq).order_by(EventLoss.first_seq))
    assert [tuple(loss) for loss in losses] == [(1, 2), (5, 5)]
    assert seqs(school, door) == [3, 4, 6]
    # Nothing is recorded twice.
    school.contact(door)
    assert len(school.rows(sa.select(EventLoss.id))) == 2


def test_sixty_waiting_events_are_drained_in_two_hellos(school: School) -> None:
    door = school.fit()
    school.contact(door)
    for _ in range(60):
        door.happens("door_state_change", int(NOW.timestamp()), state="open")
    acked = []
    for _ in range(2):
        answer = school.hear(door, door.hello())
        assert answer is not None
        acked.append(door.take_welcome(answer.welcome)["ack_seq"])
    assert acked == [50, 60]
    assert school.rows(sa.select(EventLoss.id)) == []


def test_applied_counts_only_with_our_digest_and_never_goes_back(school: School) -> None:
    door = school.fit()
    school.contact(door)
    school.issue(school.slot())
    school.contact(door)
    assert lock_of(school, door).applied_version == 2
    school.hear(door, door.hello(applied=1))
    school.hear(door, door.hello(applied=0, digest=""))
    assert lock_of(school, door).applied_version == 2
    school.issue(school.slot(6))
    answer = school.hear(door, door.hello(applied=1, digest="0" * 64))
    assert answer is not None
    assert answer.version == 3
    assert lock_of(school, door).applied_version == 2


@pytest.mark.parametrize("ahead", [0, 1, 7])
def test_a_lock_ahead_of_a_restored_server_gets_a_version_above_its_own(school: School, ahead: int) -> None:
    door = school.fit()
    school.contact(door)
    door.applied += ahead
    door.digest = "f" * 64
    answer = school.hear(door, door.hello())
    assert answer is not None
    assert answer.version == 1 + ahead + 1
    assert answer.desired is not None
    door.take_desired(answer.desired)
    assert school.contact(door)["version"] == 2 + ahead
    assert lock_of(school, door).applied_version == 2 + ahead


def test_the_next_contact_is_spread_by_the_lock_and_within_half_a_day(school: School) -> None:
    turns = [regular_turn(f"{number:016x}", NOW) for number in range(400)]
    assert all(timedelta(minutes=15) < turn - NOW <= timedelta(hours=12, minutes=15) for turn in turns)
    by_hour = [sum(1 for turn in turns if (turn - NOW) // timedelta(hours=1) == hour) for hour in range(12)]
    assert min(by_hour) > 10
    door = school.fit()
    welcome = school.contact(door)
    assert welcome["next_sync_at"] == int(regular_turn(door.id, NOW).timestamp())


def test_late_and_lost_are_computed_by_us(school: School) -> None:
    door = school.fit()
    school.contact(door)

    def line() -> fleet.LockLine:
        with school.database.reading() as session:
            return fleet.board(session, municipality_id=312029, now=school.now)[0]

    due = line().next_sync_at
    assert due is not None
    assert (line().bolt, line().door, line().battery_mv) == ("locked", "closed", 5870)
    school.clock.at = due + timedelta(minutes=90)
    assert (line().is_late, line().is_lost) == (False, False)
    school.clock.at = due + timedelta(minutes=90, seconds=1)
    assert line().is_late
    school.clock.at = NOW + timedelta(hours=26)
    assert not line().is_lost
    school.clock.at += timedelta(seconds=1)
    assert line().is_lost
    school.contact(door)
    assert (line().is_late, line().is_lost) == (False, False)


def test_the_announced_epoch_is_adopted_with_the_first_hello_under_it(school: School) -> None:
    door = school.fit()
    school.contact(door)
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(next_mac_epoch=1))
    desired_state_epoch = school.one(sa.select(Lock.mac_epoch))
    door.n += 1
    door.nonce = "1" * 32
    header = json.dumps({"alg": "HS256", "kid": f"{door.id}:up:1", "typ": "kaiho-hello"}).encode()
    text = f"{b64(header)}.{b64(json.dumps(door.claims(mac_epoch=1)).encode())}"
    signature = hmac.digest(subkey(door.fitted.root, "up", 1), text.encode(), "sha256")
    answer = school.hear(door, f"{text}.{b64(signature)}".encode())
    assert desired_state_epoch == 0
    assert answer is not None
    assert json.loads(unb64(answer.welcome.split(".")[0]))["kid"] == f"{door.id}:down:1"
    lock = lock_of(school, door)
    assert (lock.mac_epoch, lock.next_mac_epoch) == (1, None)
    # The old one is dropped.
    assert school.hear(door, door.hello()) is None


def test_the_horizon_rolls_once_a_day(school: School) -> None:
    door = school.fit()
    school.contact(door)

    def roll() -> int:
        with school.database.transaction() as session:
            return desired_state.roll_horizons(session, now=school.now)

    assert roll() == 0
    horizon = door.desired["horizon"]
    school.clock.at += timedelta(days=1)
    assert roll() == 1
    assert roll() == 0
    school.contact(door)
    assert door.desired["horizon"] == horizon + 48
