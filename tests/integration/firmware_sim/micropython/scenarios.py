"""Random questions for two implementations of Python: entries at a lock, and whole recorded lives."""

import binascii
import hashlib
import json
from typing import Any

from firmware_sim.core import stimuli
from firmware_sim.core.primitives import GRANULE_S, code_of, verifier_of
from firmware_sim.core.state import State
from tests.unit.firmware_sim.lab import LOCK, START, Lab, window_at

GIDS = ("clerk-1", "clerk-2", "envelope-1")
STAFF_CODE = {gid: f"{index}234567890" for index, gid in enumerate(GIDS)}


class Dice:
    """Numbers from a seed, the same on every machine."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._drawn = 0

    def number(self, low: int, high: int) -> int:
        """From `low` to `high`, both included."""
        self._drawn += 1
        octets = hashlib.sha256(f"{self._seed}/{self._drawn}".encode()).digest()
        return low + int.from_bytes(octets[:8], "big") % (high - low + 1)

    def one_of(self, choices: Any) -> Any:
        return choices[self.number(0, len(choices) - 1)]

    def chance(self, percent: int) -> bool:
        return self.number(1, 100) <= percent


def entry_scenario(seed: int, cases: int) -> dict[str, Any]:
    """A desired state and entries at it: right ones, early ones, withdrawn ones, other people's, nonsense."""
    dice = Dice(f"entries/{seed}")
    code_key, grant_key = (hashlib.sha256(f"{seed}/{part}".encode()).digest() for part in ("code", "grant"))
    first = START // GRANULE_S
    windows = [
        [first + 2 * dice.number(-4, 4), dice.one_of([1, 2, 4, 48]), dice.number(0, 3), dice.number(0, 4)]
        for _ in range(8)
    ]
    staff = []
    for gid in GIDS:
        kind = "emergency" if gid.startswith("envelope") else "staff"
        span = (
            [0, 0]
            if kind == "emergency"
            else [START - dice.number(0, 9000), START + dice.number(-4000, 9000)]
        )
        staff.append([gid, kind, *span, verifier_of(grant_key, gid, STAFF_CODE[gid])])
    desired = {
        "v": 1,
        "lock": LOCK,
        "version": 7,
        "issued_at": START,
        "lease_until": START + dice.one_of([-3600, 3600, 45 * 86400]),
        "epoch": 0,
        "horizon": first + 14 * 48,
        "grants": sorted(windows[:4]),
        "sellable": sorted([window[0], [1, 2, 4], dice.number(1, 15)] for window in windows[2:]),
        "floors": sorted([window[0], window[2], dice.number(0, 3)] for window in windows[1:6]),
        "staff": sorted(staff),
        "config": {
            "early": 600,
            "late": dice.one_of([900, 3600]),
            "auto_relock": 30,
            "door_ajar": 600,
            "wrong_code_limit": 5,
            "wrong_code_refill": 180,
            "operating_mode": dice.one_of(["normal", "normal", "normal", "passage", "vacation"]),
        },
    }
    return {
        "text": json.dumps(desired),
        "desired": desired,
        "code_key": code_key.hex(),
        "grant_key": grant_key.hex(),
        "cases": [_case(dice, windows, code_key) for _ in range(cases)],
    }


def _case(dice: Dice, windows: list[list[int]], code_key: bytes) -> dict[str, Any]:
    granule, length, lane, rev = dice.one_of(windows)
    if dice.chance(70):
        entered = code_of(code_key, granule, length, lane, min(255, rev + dice.number(0, 2)))
    elif dice.chance(60):
        entered = STAFF_CODE[dice.one_of(GIDS)]
    else:
        entered = str(dice.number(0, 10 ** dice.number(1, 12)))
    edges = (-601, -600, 0, 60, length * GRANULE_S + 900, length * GRANULE_S + 901, length * GRANULE_S + 3600)
    return {
        "t": granule * GRANULE_S + dice.one_of(edges),
        "entered": entered,
        "confirmed_now": dice.chance(30),
        "clock_known": dice.chance(85),
        "high_water": START - dice.number(0, 7200),
        "burns": [[granule, lane, dice.number(0, 3)]] if dice.chance(40) else [],
        "tokens": dice.number(0, 5),
        "operating_mode": dice.one_of(["normal", "normal", "vacation"]),
        "key": dice.one_of(["none", "present", "out"]),
        "burned_gids": [GIDS[2]] if dice.chance(30) else [],
    }


PIECES = (
    *(
        '{"a":1}',
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        '"a"',
        '"\\u00e9"',
        '"\\ud83d\\ude00"',
        '"\\x"',
        "1",
        "-1",
        "01",
        "1.5",
        "1e3",
    ),
    *(
        "-",
        "true",
        "nul",
        "null",
        " ",
        "\n",
        "\t",
        "\x00",
        "é",
        "鍵",
        "123456789012345678901234567890",
        "0.1",
        "-0",
    ),
)


def texts(seed: int, count: int) -> list[str]:
    """Texts that are nearly JSON, or quite."""
    dice = Dice(f"texts/{seed}")
    found = []
    for _ in range(count):
        pieces = [dice.one_of(PIECES) for _ in range(dice.number(1, 6))]
        text = "".join(pieces)
        found.append(dice.one_of([text, f"[{','.join(pieces)}]", f'{{"a":{pieces[0]},"b":{pieces[-1]}}}']))
    return found


def envelopes(golden: dict[str, Any], seed: int, count: int) -> list[dict[str, str]]:
    """A good envelope with a byte or two of it changed, cut out or doubled; the first is whole."""
    dice = Dice(f"envelopes/{seed}")
    found = [golden["desired_jws"].encode()]
    for _ in range(count):
        token = golden["desired_jws"].encode()
        for _ in range(dice.number(1, 2)):
            at, to = dice.number(0, len(token) - 1), dice.number(1, 3)
            token = dice.one_of(
                [token[:at] + bytes([dice.number(0, 255)]) + token[at + 1 :], token[:at] + token[at + to :]]
            )
        found.append(token)
    return [{"root": golden["root"], "lock": golden["lock"], "token": token.hex()} for token in found]


class RecordingLab(Lab):
    """Writes down what happens to its lock, so that another implementation can live through the same."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[Any]] = []

    def stepped(self, state: State, stimulus: stimuli.Stimulus, now: stimuli.Now) -> Any:
        members = {
            name: binascii.hexlify(value).decode() if isinstance(value, bytes) else value
            for name, value in vars(stimulus).items()
        }
        self.steps.append([now.mono, now.wall_ms, type(stimulus).__name__, members])
        return super().stepped(state, stimulus, now)

    def record(self) -> dict[str, Any]:
        return {
            "lock": LOCK,
            "root": self.server.root.hex(),
            "code_root": self.server.code_root.hex(),
            "steps": self.steps,
        }


def recorded_life(seed: int, acts: int) -> dict[str, Any]:
    """A lock's days: visitors, new versions, poison, networks that come and go, power cuts."""
    dice = Dice(f"life/{seed}")
    lab = RecordingLab()
    # The secrets, too, are the same on every run.
    lab.server.root, lab.server.code_root = (
        hashlib.sha256(f"{seed}/{part}".encode()).digest() for part in ("root", "code_root")
    )
    lab.state.root, lab.state.code_root = lab.server.root, lab.server.code_root
    lab.state.derive_keys()
    lab.server.publish(lab.now, sellable=[[lab.now // GRANULE_S, [2, 4], 3]])
    lab.power_up()
    lab.settle()
    for _ in range(acts):
        _act(dice, lab)
    return lab.record()


def _act(dice: Dice, lab: RecordingLab) -> None:
    what = dice.number(0, 9)
    window = window_at(lab, dice.number(0, 1), dice.number(0, 2), dice.one_of([2, 4]))
    if what <= 2:
        code = lab.server.code(*window) if dice.chance(80) else f"{dice.number(0, 10**8 - 1):08d}"
        lab.enter(code)
    elif what == 3:
        staff = [lab.server.staff("clerk", "staff", STAFF_CODE["clerk-1"], 0, lab.now + 86400)]
        config = {
            **lab.server.desired["config"],
            "operating_mode": dice.one_of(["normal", "normal", "passage"]),
        }
        lab.server.publish(
            lab.now, grants=[window], staff=staff, config=config, next_mac_epoch=dice.number(0, 1)
        )
    elif what == 4:
        lab.network = dice.one_of(["up", "up", "down", "dead", "mute"])
    elif what == 5:
        lab.feed(stimuli.DoorMoved(dice.one_of(["open", "closed"])))
        lab.feed(stimuli.BatteryMeasured(dice.number(4200, 6000)))
    elif what == 6:
        lab.power_cycle(clock_kept=dice.chance(70))
    elif what == 7:
        lab.feed(stimuli.SyncAsked())
        lab.deliver("desired", (lab.server.desired_jws or "")[:-1] + "!")
        lab.settle()
    elif what == 8:
        lab.enter(STAFF_CODE[dice.one_of(GIDS)])
    lab.advance(dice.one_of([1, 30, 900, 7200, 43_000]))
