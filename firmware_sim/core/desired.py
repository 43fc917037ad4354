"""The desired state as the lock holds it (lock protocol section 4)."""

from firmware_sim.core.primitives import sha256, to_hex
from firmware_sim.core.strict_json import integer, is_version_1, items, text_of, whole

FOREVER = 1 << 53
MODES = ("normal", "passage", "vacation")


class Unsupported(Exception):
    """A payload of a protocol version that this firmware does not know."""


class Config:
    """How the lock behaves; seconds throughout."""

    def __init__(self) -> None:
        self.early = 600
        self.late = 900
        self.auto_relock = 30
        self.door_ajar = 600
        self.wrong_code_limit = 5
        self.wrong_code_refill = 180
        self.operating_mode = "normal"


class StaffRight:
    def __init__(self, gid: str, kind: str, not_before: int, not_after: int, verifier: str) -> None:
        self.gid = gid
        self.kind = kind
        self.not_before = not_before
        self.not_after = not_after
        self.verifier = verifier


class Desired:
    """One version, whole; never changed once read. Version 0 is a lock that was never told anything."""

    def __init__(self) -> None:
        self.version = 0
        self.issued_at = 0
        self.lease_until = 0
        self.epoch = 0
        self.next_mac_epoch = 0
        self.grants: list[tuple[int, int, int, int]] = []
        self.sellable: list[tuple[int, list[int], int]] = []
        self.floors: dict[tuple[int, int], int] = {}
        self.staff: list[StaffRight] = []
        self.config = Config()
        self.octets = b""
        self.digest = ""


def read(payload: dict[str, object], octets: bytes) -> Desired:
    """A desired state from a payload whose envelope held.

    Raises:
        Unsupported: `v` is not 1.
        ValueError: a member is absent, of another type or out of its range.
    """
    if not is_version_1(payload):
        raise Unsupported("v")
    found = Desired()
    found.version = integer(payload, "version", 1, FOREVER)
    found.issued_at = integer(payload, "issued_at", 0, FOREVER)
    found.lease_until = integer(payload, "lease_until", 0, FOREVER)
    found.epoch = integer(payload, "epoch", 0, 999999999)
    if payload.get("next_mac_epoch") is not None:
        found.next_mac_epoch = integer(payload, "next_mac_epoch", 0, 999999999)
    for entry in items(payload.get("grants")):
        granule, length, lane, rev = _numbers(entry, 4)
        found.grants.append(
            (whole(granule, 0, (1 << 28) - 1), whole(length, 1, 48), whole(lane, 0, 31), whole(rev, 0, 255))
        )
    for entry in items(payload.get("sellable")):
        parts = items(entry)
        if len(parts) != 3:
            raise ValueError("sellable")
        lengths = [whole(length, 1, 48) for length in items(parts[1])]
        found.sellable.append((whole(parts[0], 0, (1 << 28) - 1), lengths, whole(parts[2], 0, (1 << 32) - 1)))
    for entry in items(payload.get("floors")):
        granule, lane, rev = _numbers(entry, 3)
        place = (granule, whole(lane, 0, 31))
        found.floors[place] = max(found.floors.get(place, 0), whole(rev, 0, 256))
    found.staff = [_staff_right(entry) for entry in items(payload.get("staff"))]
    found.config = _config(payload.get("config"))
    found.octets = octets
    found.digest = to_hex(sha256(octets))
    return found


def _numbers(entry: object, count: int) -> list[int]:
    parts = items(entry)
    if len(parts) != count:
        raise ValueError("wrong number of elements")
    return [whole(part, 0, FOREVER) for part in parts]


def _staff_right(entry: object) -> StaffRight:
    parts = items(entry)
    if len(parts) != 5:
        raise ValueError("staff")
    gid, kind, verifier = parts[0], parts[1], parts[4]
    if not isinstance(gid, str) or kind not in ("staff", "emergency") or not isinstance(verifier, str):
        raise ValueError("staff")
    if not 1 <= len(gid) <= 32 or len(verifier) != 32:
        raise ValueError("staff")
    return StaffRight(gid, str(kind), whole(parts[2], 0, FOREVER), whole(parts[3], 0, FOREVER), verifier)


def _config(value: object) -> Config:
    if not isinstance(value, dict):
        raise ValueError("config")
    found = Config()
    found.early = integer(value, "early", 0, 86400)
    found.late = integer(value, "late", 0, 86400)
    found.auto_relock = integer(value, "auto_relock", 1, 86400)
    found.door_ajar = integer(value, "door_ajar", 1, 604800)
    found.wrong_code_limit = integer(value, "wrong_code_limit", 1, 1000)
    found.wrong_code_refill = integer(value, "wrong_code_refill", 1, 86400)
    found.operating_mode = text_of(value, "operating_mode")
    if found.operating_mode not in MODES:
        raise ValueError("operating_mode")
    return found
