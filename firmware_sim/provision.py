"""The doors of a process, from the file that an installer fills."""

import json
import re
from dataclasses import dataclass
from pathlib import Path


class BadDoorsFile(Exception):
    """The doors file cannot be read as one; the message names the entry, never a secret."""


@dataclass(frozen=True, slots=True)
class Broker:
    host: str
    port: int
    tls: bool
    ca: str | None


@dataclass(frozen=True, slots=True)
class Provision:
    """What an installer gives a lock: its identity, its secrets, and where to call."""

    lock: str
    name: str
    root: bytes
    code_root: bytes
    broker: Broker
    username: str
    password: str
    has_key: bool = False
    """Whether it is a key box."""

    def __repr__(self) -> str:
        return f"Provision({self.lock})"


def read_doors(file: Path) -> list[Provision]:
    """The doors listed in a file; none where it is not there yet.

    Raises:
        BadDoorsFile: not a JSON list of what `kaiho lock add --json` prints, or a lock twice.
    """
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError as problem:
        raise BadDoorsFile(f"not JSON: {problem.__class__.__name__}") from None
    if not isinstance(entries, list):
        raise BadDoorsFile("not a list of doors")
    doors = [_read_door(entry, index) for index, entry in enumerate(entries)]
    if len({door.lock for door in doors}) != len(doors):
        raise BadDoorsFile("a lock stands in it twice")
    return doors


def _read_door(entry: object, index: int) -> Provision:
    try:
        if not isinstance(entry, dict):
            raise ValueError
        broker = entry["broker"]
        door = Provision(
            lock=str(entry["lock"]),
            name=str(entry.get("name") or entry["lock"]),
            root=bytes.fromhex(entry["root"]),
            code_root=bytes.fromhex(entry["code_root"]),
            broker=Broker(
                str(broker["host"]),
                int(broker["port"]),
                bool(broker.get("tls", False)),
                broker.get("ca_pem") or broker.get("ca"),
            ),
            username=str(entry["username"]),
            password=str(entry["password"]),
            has_key=entry.get("kind") == "key_box",
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadDoorsFile(f"entry {index} lacks something or has it wrong") from None
    if not re.fullmatch("[0-9a-f]{16}", door.lock) or len(door.root) != 32 or len(door.code_root) != 32:
        raise BadDoorsFile(f"entry {index}: lock id or secrets of the wrong length")
    return door
