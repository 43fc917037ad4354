"""`kaiho lock …`: what an operator does with locks from the command line."""

import json
from typing import Any

import pytest

from booking.app.installing import BrokerUsers, lock_called
from tests.integration.app.command_line import CommandLine, services_of

SCHOOL = "福生東小学校"


@pytest.fixture
def line(small_line: CommandLine) -> CommandLine:
    small_line.plant()
    return small_line


def shown(line: CommandLine, lock: str) -> dict[str, Any]:
    """What `lock show` says."""
    said: dict[str, Any] = json.loads(line.ok("lock", "show", lock, "--json"))
    return said


def users(line: CommandLine) -> str:
    return (line.broker_dir / "passwords").read_text()


def test_a_lock_is_shown_by_its_id_or_its_door_and_without_a_secret(line: CommandLine) -> None:
    made = line.add_lock("--facility", SCHOOL)
    by_id = shown(line, made["lock"])
    assert shown(line, by_id["access_point_name"]) == by_id
    assert (by_id["state"], by_id["transport"], by_id["applied_version"]) == ("provisioned", "mqtt", 0)
    assert [check["is_done"] for check in by_id["checks"]] == [False] * 4
    said = json.dumps(by_id) + line.ok("lock", "show", made["lock"])
    for secret in ("root", "code_root", "password"):
        assert made[secret] not in said


def test_a_lock_of_another_kind_of_network_is_asked_for(line: CommandLine) -> None:
    made = line.add_lock("--facility", SCHOOL, "--https")
    assert shown(line, made["lock"])["transport"] == "https"


def test_a_replaced_lock_has_a_successor_and_no_way_in(line: CommandLine) -> None:
    old = line.add_lock("--facility", SCHOOL)
    door = shown(line, old["lock"])["access_point_name"]
    new = json.loads(line.ok("lock", "replace", door, "--reason", "見本の故障", "--json"))
    assert new["lock"] != old["lock"]
    assert new["code_root"] == old["code_root"]
    assert new["root"] != old["root"]
    assert (shown(line, old["lock"])["state"], shown(line, old["lock"])["dead_why"]) == ("dead", "replaced")
    assert old["lock"] not in users(line)
    assert new["lock"] in users(line)
    assert "lock_dead" in line.refused("lock", "replace", old["lock"])


def test_a_stolen_lock_leaves_its_door_a_new_secret(line: CommandLine) -> None:
    old = line.add_lock("--facility", SCHOOL)
    door = shown(line, old["lock"])["access_point_name"]
    assert line.ok("lock", "stolen", old["lock"]) == f"{old['lock']} is dead\n"
    assert old["lock"] not in users(line)
    assert "no_such_lock" in line.refused("lock", "show", door)
    assert line.add_lock("--access-point", door)["code_root"] != old["code_root"]


def test_a_lock_that_never_spoke_is_decommissioned_at_once(line: CommandLine) -> None:
    made = line.add_lock("--facility", SCHOOL)
    assert line.ok("lock", "decommission", made["lock"]) == f"{made['lock']} is dead\n"
    assert made["lock"] not in users(line)


def test_a_lock_is_moved_to_a_door_that_has_none(line: CommandLine) -> None:
    free = line.ok("access-points").splitlines()[0]
    made = line.add_lock("--facility", SCHOOL)
    line.ok("lock", "move", made["lock"], "--to", free)
    assert shown(line, made["lock"])["access_point_name"] == free
    assert "no_such_access_point" in line.refused("lock", "move", made["lock"], "--to", "どこにもない")


def test_keys_and_codes_are_rotated(line: CommandLine) -> None:
    made = line.add_lock("--facility", SCHOOL)
    line.ok("lock", "rotate", made["lock"])
    assert (shown(line, made["lock"])["mac_epoch"], shown(line, made["lock"])["next_mac_epoch"]) == (0, 1)
    line.ok("lock", "rotate", made["lock"], "--codes")
    assert shown(line, made["lock"])["code_epoch"] == 1


def test_an_order_waits_for_the_locks_next_contact(line: CommandLine) -> None:
    made = line.add_lock("--facility", SCHOOL)
    ordered = line.ok("lock", "command", made["lock"], "identify").strip()
    assert line.ok("lock", "command", made["lock"], "identify").strip() == ordered
    (waiting,) = shown(line, made["lock"])["commands"]
    assert (waiting["id"], waiting["sent_at"]) == (ordered, None)
    line.ok("lock", "command", made["lock"], "set_mode", "--mode", "passage")
    assert "bad_input" in line.refused("lock", "command", made["lock"], "set_mode")


def test_the_brokers_users_follow_whoever_lives(line: CommandLine) -> None:
    made = line.add_lock("--facility", SCHOOL)
    with services_of(line) as services:
        follower = BrokerUsers(services)
        follower.follow()
        (line.broker_dir / "passwords").write_text("")
        # Nobody was born and nobody died: the files are left alone.
        assert follower.follow() == 0
        assert users(line) == ""
        line.ok("lock", "decommission", made["lock"])
        (line.broker_dir / "passwords").write_text(f"{made['lock']}:stale\n")
        assert follower.follow() == 1
        assert made["lock"] not in users(line)
        assert "gateway-1" in users(line)
        assert lock_called(services, made["lock"]) == made["lock"]
