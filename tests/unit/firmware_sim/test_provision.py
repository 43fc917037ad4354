"""The installer's file."""

import json
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.provision import BadDoorsFile, read_doors

DOOR: dict[str, Any] = {
    "lock": "00112233445566ff",
    "root": "11" * 32,
    "code_root": "22" * 32,
    "broker": {"host": "127.0.0.1", "port": 1883, "tls": False},
    "username": "00112233445566ff",
    "password": "sesame",
}


def written(folder: Path, content: object) -> Path:
    file = folder / "doors.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_what_lock_add_prints_is_a_door(tmp_path: Path) -> None:
    (door,) = read_doors(written(tmp_path, [DOOR]))
    assert (door.lock, door.name, door.root) == (DOOR["lock"], DOOR["lock"], bytes.fromhex(DOOR["root"]))
    assert read_doors(written(tmp_path, [{**DOOR, "name": "見本体育館", "more": 1}]))[0].name == "見本体育館"


def test_a_file_that_is_not_there_yet_has_no_doors(tmp_path: Path) -> None:
    assert read_doors(tmp_path / "none.json") == []


@pytest.mark.parametrize(
    "content",
    [
        "{",
        {},
        [1],
        [{**DOOR, "lock": "00112233445566FF"}],
        [{**DOOR, "root": "11"}],
        [{**DOOR, "root": "zz" * 32}],
        [{**DOOR, "broker": None}],
        [{key: DOOR[key] for key in DOOR if key != "password"}],
        [DOOR, DOOR],
    ],
)
def test_a_wrong_file_is_refused_without_telling_a_secret(tmp_path: Path, content: object) -> None:
    with pytest.raises(BadDoorsFile) as refused:
        read_doors(written(tmp_path, content))
    assert "11" * 32 not in str(refused.value)
    assert "sesame" not in str(refused.value)


def test_a_doors_text_form_hides_its_secrets(tmp_path: Path) -> None:
    (door,) = read_doors(written(tmp_path, [DOOR]))
    assert repr(door) == "Provision(00112233445566ff)"
