"""A flash without a file, which tests tear, wear out and cut the power of."""


class MemoryMedium:
    """A medium whose banks are in memory."""

    def __init__(self) -> None:
        self._banks: dict[int, bytes] = {}

    def read(self, bank: int) -> bytes:
        return self._banks.get(bank, b"")

    def write(self, bank: int, record: bytes) -> None:
        self._banks[bank] = record
