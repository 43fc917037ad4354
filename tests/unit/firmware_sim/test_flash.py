"""Two banks, and power that goes at any byte."""

import contextlib
import errno
from pathlib import Path

import pytest

from firmware_sim.flash import BANKS, HEAD, FileMedium, Flash
from tests.unit.firmware_sim.memory_medium import MemoryMedium


class Tearing(MemoryMedium):
    """Power goes after `cut` bytes of a record; the rest of the bank is what was there."""

    def __init__(self) -> None:
        super().__init__()
        self.cut: int | None = None

    def write(self, bank: int, record: bytes) -> None:
        if self.cut is None:
            super().write(bank, record)
            return
        super().write(bank, record[: self.cut] + self.read(bank)[self.cut :])
        raise OSError("power")


class OneBank(Flash):
    """What a cheaper lock would do: overwrite the image in its place."""

    def candidates(self, serials: list[int]) -> list[int]:
        return [0]


class Worn(MemoryMedium):
    """Some banks do not keep what is written."""

    def __init__(self, *bad: int) -> None:
        super().__init__()
        self.bad = set(bad)

    def write(self, bank: int, record: bytes) -> None:
        super().write(bank, record[:-1] if bank in self.bad else record)


def test_the_newest_image_is_read_back_by_another_process(tmp_path: Path) -> None:
    first = Flash(FileMedium(tmp_path, "a"))
    assert first.read() is None
    for image in (b"one", b"two", b"three"):
        first.write(image)
        assert Flash(FileMedium(tmp_path, "a")).read() == image
    assert Flash(FileMedium(tmp_path, "b")).read() is None
    assert len(list(tmp_path.glob("a.bank*"))) == 2


def cut_everywhere(kind: type[Flash], writes_before: int) -> set[bytes | None]:
    """What is read after power went at each byte of one more image."""
    new = b"new image, and longer than the old"
    outcomes: set[bytes | None] = set()
    for cut in range(HEAD.size + len(new) + 1):
        medium = Tearing()
        memory = kind(medium)
        for index in range(writes_before):
            memory.write(b"old %d" % index)
        medium.cut = cut
        with contextlib.suppress(OSError):
            memory.write(new)
        medium.cut = None
        outcomes.add(kind(medium).read())
        again = kind(medium)
        again.write(b"later")
        assert kind(medium).read() == b"later"
    return outcomes


@pytest.mark.parametrize("writes_before", [1, 2, 3, 4])
def test_power_lost_after_any_byte_leaves_the_old_image_or_the_new(writes_before: int) -> None:
    outcomes = cut_everywhere(Flash, writes_before)
    assert outcomes == {b"old %d" % (writes_before - 1), b"new image, and longer than the old"}


def test_one_bank_alone_would_lose_everything() -> None:
    """Negative control: with the image overwritten in its place, most cuts leave nothing at all."""
    assert None in cut_everywhere(OneBank, 1)


def test_a_worn_bank_is_left_for_a_spare_one() -> None:
    medium = Worn(1)
    memory = Flash(medium)
    for index in range(5):
        memory.write(b"image %d" % index)
        assert Flash(medium).read() == b"image %d" % index
    assert memory.worn == {1}


def test_flash_that_is_worn_out_keeps_the_last_image_and_says_so() -> None:
    medium = Worn()
    memory = Flash(medium)
    memory.write(b"whole")
    medium.bad = set(range(BANKS))
    for _ in range(3):
        with pytest.raises(OSError) as refusal:
            memory.write(b"never")
        assert refusal.value.errno == errno.EIO
        assert Flash(medium).read() == b"whole"
