"""Flash memory of a lock: two banks in turn, so that a power cut leaves the old image or the new one."""

import contextlib
import hashlib
import os
import struct
from pathlib import Path

MAGIC = b"KAIHO1"
HEAD = struct.Struct(">6sQI32s")


class Flash:
    """Two files in a folder; the valid one with the higher serial number counts."""

    def __init__(self, folder: Path, lock: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._banks = (folder / f"{lock}.bank0", folder / f"{lock}.bank1")
        self._serials: list[int] | None = None

    def read(self) -> bytes | None:
        """The newest image that was written whole, or None for a lock fresh from the factory."""
        found = [_read_bank(bank) for bank in self._banks]
        self._serials = [serial for serial, _ in found]
        serial, image = max(found, key=lambda bank: bank[0])
        return image if serial else None

    def write(self, image: bytes) -> None:
        """Keep an image; when this returns it survives the loss of power."""
        if self._serials is None:
            self.read()
        assert self._serials is not None
        older = 0 if self._serials[0] <= self._serials[1] else 1
        serial = max(self._serials) + 1
        record = HEAD.pack(MAGIC, serial, len(image), hashlib.sha256(_salted(serial, image)).digest()) + image
        self._serials[older] = 0
        store(self._banks[older], record)
        self._serials[older] = serial


def store(bank: Path, record: bytes) -> None:
    """Overwrite a bank in place, as flash is: a cut in the middle spoils this bank and no other."""
    descriptor = os.open(bank, os.O_WRONLY | os.O_CREAT, 0o600)
    with contextlib.closing(os.fdopen(descriptor, "wb")) as file:
        file.write(record)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _salted(serial: int, image: bytes) -> bytes:
    return struct.pack(">Q", serial) + image


def _read_bank(bank: Path) -> tuple[int, bytes]:
    try:
        record = bank.read_bytes()
        magic, serial, length, digest = HEAD.unpack_from(record)
    except (FileNotFoundError, struct.error):
        return 0, b""
    image = record[HEAD.size : HEAD.size + length]
    whole = magic == MAGIC and len(image) == length
    if whole and hashlib.sha256(_salted(serial, image)).digest() == digest:
        return int(serial), image
    return 0, b""
