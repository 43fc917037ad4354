"""Mosquitto's password hashes are made by ourselves; Mosquitto's own tool decides whether they are right."""

import subprocess
from pathlib import Path

from locks.broker import is_password, password_hash


def test_a_hash_accepts_its_password_and_no_other() -> None:
    hashed = password_hash("correct horse")
    assert is_password(hashed, "correct horse")
    assert not is_password(hashed, "correct horsf")
    assert not is_password("", "correct horse")
    assert not is_password("$7$101$not base64$at all", "correct horse")
    assert hashed != password_hash("correct horse")


def test_a_hash_of_mosquittos_own_tool_is_read_as_the_same_format(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(file), "lock", "secret"], check=True, capture_output=True)
    name, _, hashed = file.read_text().strip().partition(":")
    assert name == "lock"
    assert is_password(hashed, "secret")
    assert not is_password(hashed, "secreu")
    assert password_hash("secret").split("$")[1:3] == hashed.split("$")[1:3]
