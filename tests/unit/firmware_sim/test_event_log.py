"""What the lock remembers, and what it gives up first."""

import pytest

from firmware_sim.core import event_log
from firmware_sim.core.event_log import EventLog, seq_of


def filled(kinds: list[tuple[str, dict[str, object]]]) -> EventLog:
    log = EventLog()
    for at, (kind, members) in enumerate(kinds):
        log.append(at, "synced", kind, members)
    return log


def test_seq_has_no_gaps_and_is_never_reset() -> None:
    log = filled([("boot", {})] * 5)
    assert log.acknowledge(3)
    assert not log.acknowledge(3)
    log.append(9, "synced", "boot", {})
    assert [seq_of(record) for record in log.records] == [4, 5, 6]
    assert (log.first_seq(), log.last_seq()) == (4, 6)
    log.acknowledge(6)
    assert (log.first_seq(), log.last_seq()) == (7, 6)


def test_equal_errors_within_ten_minutes_are_one_event_until_they_were_told() -> None:
    log = EventLog()
    for at in (0, 300, 599):
        log.append_error(at, "synced", "invalid_credential")
    log.append_error(600, "synced", "restricted")
    log.append_error(601, "synced", "invalid_credential")
    assert [(record["error"], record["count"]) for record in log.records] == [
        ("invalid_credential", 3),
        ("restricted", 1),
        ("invalid_credential", 1),
    ]
    log.sent = log.last_seq()
    log.append_error(602, "synced", "invalid_credential")
    assert log.records[-1]["count"] == 1


def test_a_full_log_drops_errors_first_and_openings_last_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "CAPACITY", 8)
    unlock: dict[str, object] = {"operation": "unlock"}
    log = filled(
        [("lock_operation", unlock), ("lock_operation_error", {"error": "restricted", "count": 1})]
        + [("door_state_change", {"door": "open"})] * 6
        + [("lock_operation", unlock)] * 5
    )
    kinds = [record["kind"] for record in log.records]
    assert len(log.records) == 8
    assert "lock_operation_error" not in kinds
    assert [seq_of(record) for record in log.records if record["kind"] == "lock_operation"] == [
        1,
        9,
        11,
        12,
        13,
        14,
    ][: kinds.count("lock_operation")]
    overflow = [record for record in log.records if record.get("alarm") == "log_overflow"]
    assert len(overflow) == 1
    assert overflow[0]["range"] == [2, 7]
    assert log.next_seq == 15
    assert sorted({seq_of(record) for record in log.records}) == [seq_of(record) for record in log.records]


def test_a_log_full_of_openings_gives_up_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "CAPACITY", 4)
    log = filled([("lock_operation", {"operation": "unlock"})] * 9)
    assert len(log.records) == 4
    ranges = [record["range"] for record in log.records if record.get("alarm") == "log_overflow"]
    held = [seq_of(record) for record in log.records if record["kind"] == "lock_operation"]
    assert len(ranges) == 1
    assert ranges[0] == [1, min(held) - 1] or ranges[0] == [1, min(held) - 2]
