"""Mosquitto's password and ACL files: every living lock is a user of its own, every gateway too.

The broker reads them at start and on SIGHUP; whoever runs it sends that.
"""

import base64
import binascii
import hashlib
import hmac
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.ids import random_bytes
from locks.models import Lock, LockState, Transport

PASSWORDS = "passwords"
ACL = "acl"

_ITERATIONS = 101
"""Mosquitto's own default; the passwords are 256 random bits, so stretching would add nothing."""

_LOCKS = "pattern read kaiho/v1/locks/%u/down/#\npattern write kaiho/v1/locks/%u/up/#\n"
_GATEWAY = "user {name}\ntopic read kaiho/v1/locks/+/up/#\ntopic write kaiho/v1/locks/+/down/#\n\n"


def write_broker_files(session: Session, directory: Path, gateway_users: Mapping[str, str]) -> bool:
    """Write `passwords` and `acl` for all locks that are not dead and for the gateways {user: password}.

    Each file is replaced whole, readable by its owner and group only. True where one changed, so that the
    broker needs a SIGHUP. The broker must be told `use_username_as_clientid true`, under its listener.
    """
    directory.mkdir(parents=True, exist_ok=True)
    locks = session.execute(
        sa.select(Lock.id, Lock.broker_password_hash)
        .where(Lock.state != LockState.DEAD, Lock.transport == Transport.MQTT)
        .order_by(Lock.id)
    )
    hashes = {row.id: row.broker_password_hash for row in locks}
    present = _present_hashes(directory / PASSWORDS)
    for name, password in sorted(gateway_users.items()):
        kept = present.get(name, "")
        hashes[name] = kept if is_password(kept, password) else password_hash(password)
    passwords = "".join(f"{name}:{hashed}\n" for name, hashed in hashes.items())
    acl = "".join(_GATEWAY.format(name=name) for name in sorted(gateway_users)) + _LOCKS
    changed = [_replace(directory / PASSWORDS, passwords), _replace(directory / ACL, acl)]
    return any(changed)


def password_hash(password: str) -> str:
    """A password as Mosquitto 2 keeps it: `$7$`, PBKDF2-HMAC-SHA512, 12 bytes of salt, 64 of digest."""
    return _hashed(password, random_bytes(12), _ITERATIONS)


def is_password(hashed: str, password: str) -> bool:
    """Whether `hashed` was made of this password."""
    try:
        _, kind, iterations, salt, _ = hashed.split("$")
        again = _hashed(password, base64.b64decode(salt, validate=True), int(iterations))
    except (ValueError, binascii.Error):
        return False
    return kind == "7" and hmac.compare_digest(again, hashed)


def _hashed(password: str, salt: bytes, iterations: int) -> str:
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _present_hashes(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: hashed for name, _, hashed in (line.partition(":") for line in lines)}


def _replace(path: Path, text: str) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    # A name of its own: the web process and the worker may write at the same time.
    descriptor, name = tempfile.mkstemp(prefix=path.name, suffix=".new", dir=path.parent)
    fresh = Path(name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o640)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return True
