"""What we read of a hello, and what we refuse to keep of it."""

import copy
from typing import Any

import pytest

from locks.envelope import Opened
from locks.errors import BadMessage
from locks.wire import Event, hello_of
from tests.unit.locks import golden

HELLO: dict[str, Any] = golden.sets()[0]["hello"]


def refusal(**changes: Any) -> str:
    try:
        hello_of(Opened({**copy.deepcopy(HELLO), **changes}, b"", 0))
    except BadMessage as error:
        return error.why
    return "read"


def test_unknown_members_are_ignored_and_an_unknown_version_is_not() -> None:
    assert refusal() == "read"
    assert refusal(moon="full") == "read"
    assert refusal(v=2) == "unsupported"
    assert refusal(v=True) == refusal(v=1.0) == refusal(v="1") == "unsupported"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("n", -1),
        ("n", "41"),
        ("n", True),
        ("n", 2**53),
        ("nonce", "F86d0c102c149d8388864f04f1b68821"),
        ("nonce", "aa"),
        ("why", "boredom"),
        ("digest", "0"),
        ("applied", 1.5),
        ("battery_mv", 2**40),
        ("hardware", "x" * 65),
        ("hardware", "a\0b"),
        ("firmware", "\ud800"),
        ("bolt", "open"),
        ("clock", -1),
        ("events", None),
        ("events", [{"seq": 1}]),
    ],
)
def test_a_member_out_of_its_range_refuses_the_whole_hello(member: str, value: object) -> None:
    assert refusal(**{member: value}) == "bad_payload"


def test_more_than_fifty_events_or_events_out_of_order_are_refused() -> None:
    event = {"seq": 1, "at": 0, "clock_quality": "unknown", "kind": "boot"}
    many = [{**event, "seq": seq} for seq in range(1, 52)]
    assert refusal(first_seq=1, last_seq=51, events=many[:50]) == "read"
    assert refusal(first_seq=1, last_seq=51, events=many) == "bad_payload"
    assert refusal(first_seq=1, last_seq=2, events=[many[1], many[0]]) == "bad_payload"
    assert refusal(first_seq=1, last_seq=2, events=[event, event]) == "bad_payload"
    assert refusal(first_seq=2, last_seq=2, events=[event]) == "bad_payload"


def test_what_could_be_a_code_is_never_kept_of_an_event() -> None:
    event = Event.model_validate(
        {
            "seq": 1,
            "at": 1797976760,
            "clock_quality": "synced",
            "kind": "lock_operation_error",
            "error": "invalid_credential",
            "count": 3,
            "entered": "31415926",
            "note": "typed 3677214924 twice",
            "state": "open",
            "from": 12,
            "deep": {"a": 1},
        }
    )
    assert event.detail == {"count": 3, "error": "invalid_credential", "state": "open", "from": 12}


def test_a_numeric_extra_that_could_be_a_code_is_not_kept_either() -> None:
    event = Event.model_validate(
        {"seq": 1, "at": 0, "clock_quality": "synced", "kind": "boot", "entered": 31415926, "boots": 3}
    )
    assert event.detail == {"boots": 3}


def told(kind: str, **members: Any) -> dict[str, Any]:
    return Event.model_validate(
        {"seq": 1, "at": 0, "clock_quality": "synced", "kind": kind, **members}
    ).detail


def test_what_a_kind_tells_is_kept_whole_in_its_place() -> None:
    lost = [12_345_678, 99_999_999]
    assert told("door_lock_alarm", alarm="log_overflow", range=lost)["range"] == lost
    step = {"from": 1_797_976_760, "to": 1_797_970_000}
    assert told("time_changed", **step) == step
    applied = {"version": 12_345_678, "digest": "0123456789" * 6 + "abcd"}
    assert told("desired_applied", **applied) == applied


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("boot", {"range": [1, 2]}),
        ("boot", {"from": 12_345_678}),
        ("lock_operation_error", {"digest": "0" * 64}),
        ("door_lock_alarm", {"range": [2, 1]}),
        ("door_lock_alarm", {"range": [1, 2, 3]}),
        ("door_lock_alarm", {"range": [1, True]}),
        ("door_lock_alarm", {"range": [1, 2**53]}),
        ("door_lock_alarm", {"range": ["31415926", 2]}),
        ("time_changed", {"from": "31415926"}),
        ("desired_applied", {"digest": "31415926"}),
    ],
)
def test_out_of_its_place_or_form_it_could_be_a_code_and_is_not_kept(
    kind: str, members: dict[str, Any]
) -> None:
    assert told(kind, **members) == {}
