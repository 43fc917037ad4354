"""Names on the wire: where Matter's Door Lock cluster has one, ours is that name in snake case.

The protocol page is read for the names, so that none can be added past this test. Source of Matter's: the
cluster as `home-assistant-chip-clusters` generates it.
"""

import ast
import re
from enum import IntEnum
from typing import Any, get_args

import pytest
from chip.clusters.Objects import DoorLock

from locks.alarms.kinds import AlarmKind
from locks.wire import Hello
from tests.servers.processes import ROOT

PAGE = (ROOT / "docs" / "lock-protocol.md").read_text(encoding="utf-8")

OURS_ALONE: dict[str, dict[str, str]] = {
    "event": {
        "key_state_change": "a key box has a key, a Matter lock has none; formed like door_state_change",
        "boot": "Matter tells a start in another cluster (BasicInformation), without the count",
        "time_changed": "Matter's clock is another cluster's; what we tell is a step that this lock applied",
        "desired_applied": "Matter has no desired state",
        "command_result": "Matter answers a command on its own connection; our lock sleeps",
    },
    "operation": {},
    "source": {},
    "error": {"throttled": "Matter alarms when wrong codes are too many, but has no error for what follows"},
    "alarm": {
        "tamper": "wider than Matter's front escutcheon removed: any opening of the housing, of padlocks too",
        "battery_low": "Matter tells it in another cluster (PowerSource), as a level",
        "battery_critical": "Matter tells it in another cluster (PowerSource), as a level",
        "stale_desired": "Matter has no desired state",
        "desired_conflict": "Matter has no desired state",
        "log_overflow": "Matter keeps no log until it is acknowledged",
    },
    "operating_mode": {},
    "bolt": {
        "jammed": "Matter has an alarm for it, and a state that does not tell a jam from a bolt on its way"
    },
    "door": {"none": "Matter leaves the attribute out where there is no sensor"},
}

MATTER: dict[str, type[IntEnum]] = {
    "operation": DoorLock.Enums.LockOperationTypeEnum,
    "source": DoorLock.Enums.OperationSourceEnum,
    "error": DoorLock.Enums.OperationErrorEnum,
    "alarm": DoorLock.Enums.AlarmCodeEnum,
    "operating_mode": DoorLock.Enums.OperatingModeEnum,
    "bolt": DoorLock.Enums.DlLockState,
    "door": DoorLock.Enums.DoorStateEnum,
}


def snake(name: str) -> str:
    """`DoorLockAlarm` as `door_lock_alarm`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def matter_names(what: str) -> set[str]:
    """What Matter calls the members of one of our lists; a door's state leaves out that it is the door's."""
    if what == "event":
        return {snake(name) for name in vars(DoorLock.Events) if not name.startswith("_")}
    names = {snake(member.name.removeprefix("k")) for member in MATTER[what]} - {"unknown_enum_value"}
    return {name.removeprefix("door_") for name in names} if what == "door" else names


def page_names(what: str) -> set[str]:
    """The names that the protocol page gives to the members of a list."""
    event = PAGE[PAGE.index("**event**") : PAGE.index("## 5.")]
    if what == "event":
        listed = event.partition("snake\ncase:")[2].partition("Never a code")[0]
        return set(re.findall(r"`([a-z_]+)`", re.sub(r"\([^()]*\)", "", listed)))
    if what in ("bolt", "door"):
        spans = re.search(rf"`{what}`\s((?:`\w+`[\s|]*)+)", PAGE)
        assert spans is not None
        return set(re.findall(r"`(\w+)`", spans[1]))
    if what == "operating_mode":
        return set(
            re.findall(r"`(\w+)`", PAGE.partition("`operating_mode`: ")[2].partition("nothing sold")[0])
        )
    found = re.search(rf"`{what}` (\w+(?:\s\|\s\w+)+)", event)
    assert found is not None
    return set(re.split(r"\s\|\s", found[1]))


@pytest.mark.parametrize("what", OURS_ALONE)
def test_every_name_of_the_page_is_matters_or_ours_for_a_reason(what: str) -> None:
    names = page_names(what)
    assert len(names) > 1
    assert names - matter_names(what) == set(OURS_ALONE[what])


@pytest.mark.parametrize("what", OURS_ALONE)
def test_no_name_of_ours_hides_one_that_matter_has(what: str) -> None:
    assert set(OURS_ALONE[what]) & matter_names(what) == set()


def test_a_name_that_matter_spells_otherwise_would_be_noticed() -> None:
    """Negative control."""
    assert "door_ajar" in matter_names("alarm")
    for wrong in ("bolt_jammed", "forced_open", "door_left_open"):
        assert wrong not in matter_names("alarm") | set(OURS_ALONE["alarm"])


@pytest.mark.parametrize("member", ["bolt", "door", "operating_mode"])
def test_the_server_reads_exactly_these_states(member: str) -> None:
    assert set(get_args(Hello.model_fields[member].annotation)) == page_names(member)


def literals_given_to(method: str) -> set[str]:
    """Every text that the simulated lock's core hands to a method as its first argument."""
    found: set[str] = set()
    for path in sorted((ROOT / "firmware_sim" / "core").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == method
            ):
                first: Any = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found


def test_the_simulated_lock_tells_nothing_under_another_name() -> None:
    kinds, alarms = literals_given_to("log"), literals_given_to("alarm")
    assert {"lock_operation", "boot"} <= kinds <= page_names("event")
    assert {"lock_jammed", "tamper"} <= alarms <= page_names("alarm")
    assert literals_given_to("log_error") <= page_names("error")


def test_alarms_of_staff_are_named_as_the_lock_names_them() -> None:
    computed = {
        *("late", "lost", "clock_margin", "cancelled_opening", "emergency_used", "event_loss"),
        *("start_unreached", "reprovision_needed", "vendor_refused"),
    }
    assert {str(kind) for kind in AlarmKind} - computed == page_names("alarm")
    assert computed & matter_names("alarm") == set()
