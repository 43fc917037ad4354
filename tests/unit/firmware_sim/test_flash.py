"""Two banks, and power that goes at any byte."""

import contextlib
from pathlib import Path

import pytest

from firmware_sim import flash
from firmware_sim.flash import Flash


def test_the_newest_image_is_read_back_by_another_process(tmp_path: Path) -> None:
    first = Flash(tmp_path, "a")
    assert first.read() is None
    for image in (b"one", b"two", b"three"):
        first.write(image)
        assert Flash(tmp_path, "a").read() == image
    assert Flash(tmp_path, "b").read() is None


@pytest.mark.parametrize("writes_before", [1, 2, 3])
def test_power_lost_after_any_byte_leaves_the_old_image_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes_before: int
) -> None:
    new = b"new image, and longer than the old"
    outcomes = set()
    for cut in range(flash.HEAD.size + len(new) + 1):
        memory = Flash(tmp_path, f"lock{cut}")
        for index in range(writes_before):
            memory.write(b"old %d" % index)

        def lose_power(bank: Path, record: bytes, cut: int = cut) -> None:
            before = bank.read_bytes() if bank.exists() else b""
            bank.write_bytes(record[:cut] + before[cut:])
            raise OSError("power")

        with monkeypatch.context() as patch:
            patch.setattr(flash, "store", lose_power)
            with contextlib.suppress(OSError):
                memory.write(new)
        found = Flash(tmp_path, f"lock{cut}").read()
        assert found in (b"old %d" % (writes_before - 1), new)
        outcomes.add(found)
        again = Flash(tmp_path, f"lock{cut}")
        again.write(b"later")
        assert Flash(tmp_path, f"lock{cut}").read() == b"later"
    assert len(outcomes) == 2


def test_one_bank_alone_would_lose_everything(tmp_path: Path) -> None:
    """Negative control: spoil the only bank that holds something, and there is nothing to fall back to."""
    Flash(tmp_path, "a").write(b"one")
    banks = sorted(bank for bank in tmp_path.iterdir() if bank.read_bytes())
    assert len(banks) == 1
    banks[0].write_bytes(banks[0].read_bytes()[:-1])
    assert Flash(tmp_path, "a").read() is None
