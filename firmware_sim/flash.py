"""Flash memory of a lock: two banks in turn, so that a power cut leaves the old image or the new one."""

import contextlib
import errno
import hashlib
import os
import struct
from pathlib import Path
from typing import Protocol

MAGIC = b"KAIHO1"
HEAD = struct.Struct(">6sQI32s")
BANKS = 4
"""Two in use, two spare for when one is worn out."""


class Medium(Protocol):
    """Banks that can be read and overwritten; what lies in them may be anything."""

    def read(self, bank: int) -> bytes: ...

    def write(self, bank: int, record: bytes) -> None:
        """Overwrite a bank in place; when this returns the record survives the loss of power.

        Raises:
            OSError: it could not be written.
        """


class FileMedium:
    """A file for each bank."""

    def __init__(self, folder: Path, lock: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = lock

    def read(self, bank: int) -> bytes:
        try:
            return self._file(bank).read_bytes()
        except FileNotFoundError:
            return b""

    def write(self, bank: int, record: bytes) -> None:
        descriptor = os.open(self._file(bank), os.O_WRONLY | os.O_CREAT, 0o600)
        with contextlib.closing(os.fdopen(descriptor, "wb")) as file:
            file.write(record)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def _file(self, bank: int) -> Path:
        return self._folder / f"{self._lock}.bank{bank}"


class Flash:
    """The valid image with the highest serial number counts; the bank that holds it is never written."""

    def __init__(self, medium: Medium) -> None:
        self._medium = medium
        self._serials: list[int] | None = None
        self.worn: set[int] = set()
        """Banks that did not keep what was written to them."""

    def read(self) -> bytes | None:
        """The newest image that was written whole, or None for a lock fresh from the factory."""
        found = [unpack(self._medium.read(bank)) for bank in range(BANKS)]
        self._serials = [serial for serial, _ in found]
        serial, image = max(found, key=lambda bank: bank[0])
        return image if serial else None

    def write(self, image: bytes) -> None:
        """Keep an image; when this returns it survives the loss of power.

        Raises:
            OSError: no bank kept it. The image before is still there.
        """
        if self._serials is None:
            self.read()
        assert self._serials is not None
        serial = max(self._serials) + 1
        record = pack(serial, image)
        for bank in self.candidates(self._serials):
            self._serials[bank] = 0
            self._medium.write(bank, record)
            if self._medium.read(bank) == record:
                self._serials[bank] = serial
                return
            self.worn.add(bank)
        raise OSError(errno.EIO, "no bank of the flash keeps what is written to it")

    def candidates(self, serials: list[int]) -> list[int]:
        """Where the next image may go, best first."""
        newest = serials.index(max(serials)) if max(serials) else -1
        return [bank for bank in range(BANKS) if bank != newest and bank not in self.worn]


def pack(serial: int, image: bytes) -> bytes:
    """An image as it lies in a bank."""
    return HEAD.pack(MAGIC, serial, len(image), hashlib.sha256(_salted(serial, image)).digest()) + image


def unpack(record: bytes) -> tuple[int, bytes]:
    """Serial number and image of a bank; 0 where it holds nothing whole."""
    try:
        magic, serial, length, digest = HEAD.unpack_from(record)
    except struct.error:
        return 0, b""
    image = record[HEAD.size : HEAD.size + length]
    whole = magic == MAGIC and len(image) == length
    if whole and hashlib.sha256(_salted(serial, image)).digest() == digest:
        return int(serial), image
    return 0, b""


def _salted(serial: int, image: bytes) -> bytes:
    return struct.pack(">Q", serial) + image
