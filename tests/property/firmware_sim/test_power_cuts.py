"""Power that goes at every flash write of a scenario: before, at any class of byte within, and after it."""

from pathlib import Path
from typing import Any

import pytest

from firmware_sim import door as door_module
from firmware_sim.faults.of_lock import Faults
from firmware_sim.faults.power import PowerCut
from firmware_sim.flash import HEAD, Flash, Medium, unpack
from tests.unit.firmware_sim.lab import LOCK
from tests.unit.firmware_sim.memory_medium import MemoryMedium
from tests.unit.firmware_sim.yard import Yard

CLASSES = ("before", "first byte", "inside the head", "head whole", "middle", "last byte missing", "after")
EMERGENCY = "1618033988"


class CutAt(MemoryMedium):
    """Loses power once: at the write of that number, after as many bytes as the class says."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.cuts = 0
        self.at: int | None = None
        self.kind = ""

    def write(self, bank: int, record: bytes) -> None:
        number, self.writes = self.writes, self.writes + 1
        if number != self.at:
            super().write(bank, record)
            return
        self.cuts += 1
        lengths = (0, 1, HEAD.size - 1, HEAD.size, len(record) // 2, len(record) - 1, len(record))
        kept = lengths[CLASSES.index(self.kind)]
        super().write(bank, record[:kept] + self.read(bank)[kept:])
        raise PowerCut(True)


class Forgetful(CutAt):
    """Says that it has written, and loses the newest image when the power goes: no flush before the bolt."""

    def __init__(self) -> None:
        super().__init__()
        self.unsure: list[tuple[int, bytes]] = []

    def write(self, bank: int, record: bytes) -> None:
        self.unsure = [*self.unsure, (bank, self.read(bank))][-2:]
        super().write(bank, record)

    def lose(self) -> None:
        for bank, before in reversed(self.unsure):
            MemoryMedium.write(self, bank, before)


class OneCut(Faults):
    """No fault but the medium of the test, which outlives the lock's restarts."""

    def __init__(self, medium: CutAt) -> None:
        super().__init__(lock=LOCK)
        self.cutting = medium

    def medium(self, inner: Medium) -> Medium:
        return self.cutting


class Life:
    """A boot, two versions, a command, four openings and a full bucket; the same every time."""

    def __init__(self, folder: Path, medium: CutAt) -> None:
        self.medium = medium
        self.yard = Yard(folder)
        self.yard.faults = OneCut(medium)
        self.yard.door = self.yard.new_door()
        self.first, self.second = self.yard.window(), self.yard.window(1)
        self.digests = {0: ""}
        self.opened: list[Any] = []

    def run(self) -> None:
        yard = self.yard
        emergency = yard.server.staff("envelope", "emergency", EMERGENCY)
        sellable = [[self.first[0], [4], 1]]
        self.publish(grants=[self.first], sellable=sellable, staff=[emergency])
        yard.door.start()
        yard.advance(30)
        self.enter(yard.server.code(*self.first))
        yard.is_up = False
        yard.advance(1000)
        self.enter(yard.server.code(*self.second))
        self.enter(EMERGENCY)
        for index in range(3):
            self.enter(f"{index:08d}")
        yard.is_up = True
        self.publish(grants=[self.second])
        yard.sync()

    def publish(self, **desired: Any) -> None:
        self.yard.server.publish(self.yard.now, **desired)
        self.digests[self.yard.server.version] = self.yard.server.digest

    def enter(self, code: str) -> None:
        self.yard.enter(code)

    def told_openings(self) -> list[Any]:
        return [
            event.get("credential")
            for event in self.yard.events("lock_operation")
            if event["operation"] == "unlock"
        ]


def count_writes(folder: Path) -> int:
    life = Life(folder, CutAt())
    life.run()
    assert life.told_openings() == [life.first, life.second, "envelope"]
    return life.medium.writes


@pytest.mark.parametrize("kind", CLASSES)
def test_whichever_write_loses_power_nothing_is_mixed_forgotten_or_repeated(
    tmp_path: Path, kind: str
) -> None:
    writes = count_writes(tmp_path / "whole")
    assert writes > 20
    for at in range(writes):
        medium = CutAt()
        medium.at, medium.kind = at, kind
        life = Life(tmp_path / f"{at}", medium)
        life.run()
        state = life.yard.door.state
        assert medium.cuts == 1
        # Old or new, never mixed; and by the last contact the newest.
        assert life.digests[state.desired.version] == state.desired.digest
        assert state.desired.version == life.yard.server.version == 2
        # Whoever was let in burned what came before, whenever the power went.
        if life.second in life.told_openings():
            assert state.burns[life.second[0], 0] == 1
            refused = life.yard.enter(life.yard.server.code(*life.first))
            assert refused is not None
            assert not refused.opens
        # Numbers rise, records have no gaps, and none is told twice in two ways.
        numbers = [hello["n"] for hello in life.yard.server.hellos]
        assert numbers == sorted(set(numbers))
        assert sorted(life.yard.server.events) == list(range(1, life.yard.server.ack_seq + 1))


def test_an_emergency_code_opens_once_however_the_power_goes(tmp_path: Path) -> None:
    writes = count_writes(tmp_path / "whole")
    for at in range(writes):
        medium = CutAt()
        medium.at, medium.kind = at, "after"
        life = Life(tmp_path / f"{at}", medium)
        life.run()
        assert life.told_openings().count("envelope") <= 1


def test_one_bank_would_leave_nothing_after_a_torn_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: with the image overwritten in its place, torn states are found."""

    class OneBank(Flash):
        def candidates(self, serials: list[int]) -> list[int]:
            return [0]

    monkeypatch.setattr(door_module, "Flash", OneBank)
    torn = 0
    for at in range(count_writes(tmp_path / "whole")):
        medium = CutAt()
        medium.at, medium.kind = at, "middle"
        life = Life(tmp_path / f"{at}", medium)
        life.run()
        numbers = [hello["n"] for hello in life.yard.server.hellos]
        torn += life.yard.door.state.boot < 2 or numbers != sorted(set(numbers))
    assert torn > 10


def test_a_burn_that_is_not_flushed_before_the_bolt_moves_lets_an_earlier_party_in(tmp_path: Path) -> None:
    """Negative control: flash that lies about having written."""
    outcomes = {}
    for medium in (CutAt(), Forgetful()):
        life = Life(tmp_path / type(medium).__name__, medium)
        yard = life.yard
        life.publish(grants=[life.first], sellable=[[life.first[0], [4], 1]])
        yard.door.start()
        yard.advance(30)
        yard.is_up = False
        yard.advance(1000)
        for key in yard.server.code(*life.second) + "#":
            yard.door.press(key)
        assert yard.door.body.bolt == "unlocked"
        if isinstance(medium, Forgetful):
            medium.lose()
        yard.door.stop()
        yard.door = yard.new_door()
        yard.door.start()
        yard.advance(30)
        decided = yard.enter(yard.server.code(*life.first))
        assert decided is not None
        outcomes[type(medium).__name__] = decided.opens
    assert outcomes == {"CutAt": False, "Forgetful": True}


def test_the_banks_hold_no_more_than_whole_images_and_one_torn(tmp_path: Path) -> None:
    medium = CutAt()
    medium.at, medium.kind = 9, "middle"
    life = Life(tmp_path, medium)
    with_cut = life.yard
    life.publish()
    with_cut.door.start()
    for _ in range(4):
        with_cut.sync()
    serials = [unpack(medium.read(bank))[0] for bank in range(4)]
    assert sum(serial > 0 for serial in serials) >= 1
    assert with_cut.door.state.boot == 2
