"""The Japanese of display and log covers all that a lock can say."""

import re
from pathlib import Path

import firmware_sim.core
from firmware_sim.words import ALARM, BOLT, DISPLAY, ERROR, LAMP, clock_words, event_words

SOURCES = "\n".join(file.read_text() for file in Path(firmware_sim.core.__file__).parent.glob("*.py"))


def test_every_message_that_the_core_shows_has_its_words() -> None:
    shown = set(re.findall(r'\bshow\(\s*"([a-z_]+)"', SOURCES)) | set(
        re.findall(r'Show\("([a-z_]+)"', SOURCES)
    )
    assert shown
    assert shown <= set(DISPLAY)
    assert set(ERROR) <= set(DISPLAY) | {"insufficient_battery"}
    assert set(re.findall(r'"(off|amber|green|red)"', SOURCES)) == set(LAMP)


def test_every_alarm_that_the_core_raises_has_its_words() -> None:
    raised = set(re.findall(r'alarm\(turn, "([a-z_]+)"|\.alarm\("([a-z_]+)"', SOURCES))
    assert {name for pair in raised for name in pair if name} <= set(ALARM)
    assert set(BOLT) == {"locked", "unlocked", "jammed"}


def test_log_lines_read_as_sentences() -> None:
    opening = {"seq": 1, "at": 0, "kind": "lock_operation", "operation": "unlock", "source": "keypad"}
    line = event_words({**opening, "credential": [1_000_000, 4, 0, 0], "offline": True})
    assert line == "解錠(暗証番号・01/15 17:00からの枠・通信なし)"
    assert (
        event_words({**opening, "credential": "clerk-1", "offline": False}) == "解錠(暗証番号・職員 clerk-1)"
    )
    error = {"seq": 2, "at": 0, "kind": "lock_operation_error", "error": "restricted", "count": 3}
    assert event_words(error) == "開かず:時間外の番号(3回)"
    for kind in (
        "boot",
        "time_changed",
        "desired_applied",
        "command_result",
        "door_state_change",
        "unheard_of",
    ):
        assert event_words({"seq": 3, "at": 0, "kind": kind, "version": 4})
    assert clock_words(None) == "–"
