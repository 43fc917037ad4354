"""Everything a lock knows, and which of it survives a power cut."""

import json

from firmware_sim.core.bucket import Bucket
from firmware_sim.core.desired import Desired, Unsupported, read
from firmware_sim.core.event_log import EventLog
from firmware_sim.core.primitives import subkey
from firmware_sim.core.strict_json import parse


def assign(twin: object, source: object) -> None:
    """Copy every attribute of one object to another of its kind."""
    members: dict[str, object] = source.__dict__
    for name in members:
        setattr(twin, name, members[name])


class Contact:
    """One connection. `phase`: connecting, subscribing, settling, open.

    `wanted`: why another hello is due; `nonce`: the open one; `wait_until`: patience for a newer desired.
    """

    def __init__(self) -> None:
        self.phase = "connecting"
        self.why = ""
        self.started = 0.0
        self.wanted = ""
        self.hellos = 0
        self.welcomes = 0
        self.nonce = ""
        self.nonce_at = 0.0
        self.ack_rose = False
        self.wait_until: float | None = None

    def copy(self) -> "Contact":
        twin = Contact()
        assign(twin, self)
        return twin


class Entry:
    """Digits typed or decided. `tried`: a contact ran since the first key; `counted`: from the budget."""

    def __init__(self) -> None:
        self.digits = ""
        self.first_key = 0.0
        self.ended = False
        self.tried = False
        self.counted = False
        self.deadline: float | None = None

    def copy(self) -> "Entry":
        twin = Entry()
        assign(twin, self)
        return twin


class Order:
    """A movement of the bolt that was ordered: written with the burn, logged once the bolt is there."""

    def __init__(self, position: str, source: str, credential: object, offline: bool) -> None:
        self.position = position
        self.source = source
        self.credential = credential
        self.offline = offline


class State:
    """A lock between two stimuli. `to_flash` names what survives a power cut; the rest is RAM."""

    def __init__(self) -> None:
        self.lock = ""
        self.root = b""
        self.code_root = b""
        self.n = 0
        self.boot = 0
        self.mac_epoch = 0
        self.desired = Desired()
        self.result = "none"
        self.burns: dict[tuple[int, int], int] = {}
        self.burned_gids: list[str] = []
        self.used_rights: list[str] = []
        self.bucket = Bucket()
        self.log = EventLog()
        self.high_water = 0
        self.clock_known = False
        self.clock_set_ms = 0
        self.mode_until_desired = ""
        self.commands: dict[str, int] = {}
        self.order: Order | None = None
        self._begin()

    def _begin(self) -> None:
        """RAM, and what the last stimuli told of the iron."""
        self.powered = False
        self.entropy = b""
        self.draws = 0
        self.code_key = b""
        self.grant_key = b""
        self.timers: dict[str, float] = {}
        self.contact: Contact | None = None
        self.entry: Entry | None = None
        self.key_contacts: list[float] = []
        self.failed_contacts = 0
        self.welcome_at: float | None = None
        self.welcome_asked_at = 0.0
        self.welcome_version = 0
        self.welcome_digest = ""
        self.last_welcome_ms = 0
        self.next_sync_ms = 0
        self.pause_until = 0.0
        self.bolt = "locked"
        self.door = "none"
        self.key = "none"
        self.battery_mv = 6000
        self.temperature_c = 15
        self.rssi_dbm = -67
        self.jams = 0
        self.flash_room = 131072
        self.dropped = 0

    def copy(self) -> "State":
        """A twin that may be changed; Desired, Order and log records never are, so they are shared."""
        twin = State()
        assign(twin, self)
        twin.burns = dict(self.burns)
        twin.burned_gids = self.burned_gids[:]
        twin.used_rights = self.used_rights[:]
        twin.bucket = self.bucket.copy()
        twin.log = self.log.copy()
        twin.commands = dict(self.commands)
        twin.timers = dict(self.timers)
        twin.key_contacts = self.key_contacts[:]
        twin.contact = self.contact.copy() if self.contact else None
        twin.entry = self.entry.copy() if self.entry else None
        return twin

    def operating_mode(self) -> str:
        return self.mode_until_desired or self.desired.config.operating_mode

    def holds_welcomed(self) -> bool:
        """Whether the last welcome named exactly the version held."""
        same_version = self.welcome_version == self.desired.version
        return self.welcome_at is not None and same_version and self.welcome_digest == self.desired.digest

    def derive_keys(self) -> None:
        self.code_key = subkey(self.code_root, "code", self.desired.epoch)
        self.grant_key = subkey(self.root, "grant", self.desired.epoch)

    def to_flash(self) -> bytes:
        """What survives: no root and no code in it."""
        order = None
        if self.order:
            order = [self.order.position, self.order.source, self.order.credential, self.order.offline]
        image: dict[str, object] = {
            "n": self.n,
            "boot": self.boot,
            "mac_epoch": self.mac_epoch,
            "desired": self.desired.octets.decode(),
            "result": self.result,
            "burns": [[place[0], place[1], self.burns[place]] for place in sorted(self.burns)],
            "burned_gids": self.burned_gids,
            "used_rights": self.used_rights,
            "tokens": self.bucket.tokens,
            "failures": self.bucket.failures,
            "events": self.log.records,
            "next_seq": self.log.next_seq,
            "sent": self.log.sent,
            "high_water": self.high_water,
            "clock_known": self.clock_known,
            "clock_set_ms": self.clock_set_ms,
            "mode_until_desired": self.mode_until_desired,
            "commands": self.commands,
            "order": order,
        }
        return json.dumps(image).encode()

    def from_flash(self, image: bytes) -> None:
        """Take up what `to_flash` wrote."""
        kept = json.loads(image.decode())
        self.n = kept["n"]
        self.boot = kept["boot"]
        self.mac_epoch = kept["mac_epoch"]
        self.result = kept["result"]
        self.burns = {(burn[0], burn[1]): burn[2] for burn in kept["burns"]}
        self.burned_gids = kept["burned_gids"]
        self.used_rights = kept["used_rights"]
        self.bucket.tokens = kept["tokens"]
        self.bucket.failures = kept["failures"]
        self.log.records = kept["events"]
        self.log.next_seq = kept["next_seq"]
        self.log.sent = kept["sent"]
        self.high_water = kept["high_water"]
        self.clock_known = kept["clock_known"]
        self.clock_set_ms = kept["clock_set_ms"]
        self.mode_until_desired = kept["mode_until_desired"]
        self.commands = kept["commands"]
        self.desired = _desired_of(kept["desired"])
        if kept["order"]:
            position, source, credential, offline = kept["order"]
            self.order = Order(position, source, credential, offline)


def _desired_of(text: str) -> Desired:
    if not text:
        return Desired()
    payload = parse(text)
    if not isinstance(payload, dict):
        return Desired()
    try:
        return read(payload, text.encode())
    except Unsupported:
        return Desired()


def factory_state(lock: str, root: bytes, code_root: bytes) -> State:
    """A lock as it leaves the installer's hands, before its first power-up."""
    state = State()
    state.lock = lock
    state.root = root
    state.code_root = code_root
    state.derive_keys()
    return state
