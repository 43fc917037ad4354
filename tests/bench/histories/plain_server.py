"""The server half on plain rows: the same pure parts as the real steps, without a database.

`tests/simulation/test_histories.py` holds it to the real steps, decision for decision.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import SimpleNamespace

from core.clock import civil_day, start_of_day
from core.window import GRANULE_S, Window, granule_of, granule_start
from locks.codes import MAX_LENGTH, MAX_REV, code_of, is_weak
from locks.desired_state import HORIZON_DAYS, LEASE
from locks.envelope import DESIRED, HELLO, WELCOME, open_envelope, seal, to_json
from locks.errors import BadMessage
from locks.keys import subkey
from locks.lists import Lists, Starts, fitted, sellable_entries, starts_of
from locks.margins import OVERLAP_GRANULES, config_of, late_s
from locks.models import LockState, Transport
from locks.offers import Nested, common_starts, nested
from locks.sellable import Start, horizon_of, why_not
from locks.turns import BEFORE_FIRST, LATEST, SOONEST, extra_turn, regular_turn
from locks.versions import COALESCE
from locks.wire import Hello, hello_of, welcome_octets
from tests.bench.histories.server import LANES, Reply, Secrets, Sold
from tests.bench.histories.timetable import Timetable

KIND = "door_lock"


@dataclass(slots=True)
class Row:
    """A grant."""

    granule: int
    length: int
    lane: int
    rev: int
    is_withdrawn: bool = False

    @property
    def place(self) -> tuple[int, int, int, int]:
        """What a code is computed from."""
        return self.granule, self.length, self.lane, self.rev


@dataclass(frozen=True, slots=True)
class Version:
    """A desired state as sent."""

    payload: bytes
    digest: str
    horizon: int
    starts: Starts
    floors: Nested


class PlainServer:
    """A `ServerHalf`."""

    def __init__(self, secrets: Secrets, timetable: Timetable, now: datetime) -> None:
        self._lock = secrets.lock
        self._up, self._down = (subkey(secrets.root, label, 0) for label in ("up", "down"))
        self._code_key = subkey(secrets.code_root, "code", 0)
        self._timetable = timetable
        self._late = late_s(KIND)
        self._rows: list[Row] = []
        self._versions: dict[int, Version] = {}
        self._desired, self._published = 1, 0
        self._due_at: datetime | None = now
        self._rolled_on: date | None = None
        self._applied, self._applied_horizon = 0, 0
        self._offer: tuple[Nested, Nested, int] | None = None
        """Starts, floors and horizon that every version the lock may hold has in common."""
        self._last_n = self._acked = 0
        self._stored: set[int] = set()
        self._last_contact_at: datetime | None = None
        self._extra_contact_on: date | None = None

    def may_sell(self, window: Window, courts: frozenset[int], *, now: datetime) -> bool:
        """The selling rule."""
        granule, length, lane = window.granules.start, len(window.granules), _lane(courts)
        rev = max((row.rev + 1 for row in self._at(granule, lane)), default=0)
        starts, floors, furthest = self._offer or ({}, {}, 0)
        point = SimpleNamespace(
            lock_id=self._lock,
            state=LockState.ACTIVE,
            transport=Transport.MQTT,
            applied_version=self._applied,
            applied_horizon=self._applied_horizon,
            last_contact_at=self._last_contact_at,
            horizon=furthest,
            has_predecessor=False,
            vacation_from=None,
            vacation_until=None,
        )
        wanted = Start(granule, length, lane, rev)
        return why_not(point, starts, floors, wanted, horizon=horizon_of(point, now), now=now) is None

    def issue(self, window: Window, courts: frozenset[int], *, now: datetime) -> Sold | None:
        """A new right."""
        granule, length, lane = window.granules.start, len(window.granules), _lane(courts)
        alive = {
            code_of(self._code_key, *row.place)
            for row in self._rows
            if row.granule < granule + length + OVERLAP_GRANULES
            and granule < row.granule + row.length + OVERLAP_GRANULES
        }
        first = max((row.rev + 1 for row in self._at(granule, lane)), default=0)
        for rev in range(first, MAX_REV + 1):
            code = code_of(self._code_key, granule, length, lane, rev)
            if code not in alive and not is_weak(code):
                row = Row(granule, length, lane, rev)
                self._rows.append(row)
                self._bump(now)
                return Sold(row, row.place, code)
        return None

    def withdraw(self, holder: object, *, now: datetime) -> None:
        """Take it back."""
        assert isinstance(holder, Row)
        holder.is_withdrawn = True
        self._bump(now)

    def offer_changed(self, *, now: datetime) -> None:
        """What may be sold has changed."""
        self._bump(now)

    def roll(self, *, now: datetime) -> None:
        """The daily turn of the horizon."""
        today = civil_day(now)
        if self._rolled_on is None or self._rolled_on < today:
            self._bump(now)
            self._rolled_on = today

    def publications(self, *, now: datetime) -> list[str]:
        """What a gateway publishes now."""
        if self._due_at is None or self._due_at > now:
            return []
        self._due_at = None
        return [self._sealed(self._present(now))]

    def hear(self, hello: bytes, *, now: datetime) -> Reply | None:
        """A contact."""
        try:
            opened = open_envelope(hello, keys={0: self._up}, lock=self._lock, direction="up", typ=HELLO)
            said = hello_of(opened)
        except BadMessage:
            return None
        self._stored |= {event.seq for event in said.events if event.seq > self._acked}
        if said.n <= self._last_n:
            return None
        self._last_n, self._last_contact_at = said.n, now
        self._acknowledge(said)
        self._note_applied(said, now)
        present = self._present(now)
        octets = welcome_octets(
            lock=self._lock,
            nonce=said.nonce,
            now_ms=int(now.timestamp() * 1000),
            version=self._desired,
            digest=present.digest,
            ack_seq=self._acked,
            next_sync_at=int(self._next_sync_at(now).timestamp()),
        )
        welcome = seal(octets, key=self._down, lock=self._lock, direction="down", mac_epoch=0, typ=WELCOME)
        return Reply(welcome, self._sealed(present) if said.applied < self._desired else None)

    def _at(self, granule: int, lane: int) -> list[Row]:
        return [row for row in self._rows if (row.granule, row.lane) == (granule, lane)]

    def _bump(self, now: datetime) -> None:
        self._desired += 1
        due_at = now + COALESCE
        self._due_at = due_at if self._due_at is None else min(self._due_at, due_at)

    def _acknowledge(self, said: Hello) -> None:
        upto = max([said.first_seq - 1, *(event.seq for event in said.events)])
        if upto > said.last_seq and not said.events:
            upto = min(upto, said.last_seq)
        self._acked = max(self._acked, upto)
        while self._acked + 1 in self._stored:
            self._acked += 1
        self._stored = {seq for seq in self._stored if seq > self._acked}

    def _note_applied(self, said: Hello, now: datetime) -> None:
        version = self._versions.get(said.applied)
        is_ours = version is not None and version.digest == said.digest
        if said.applied > self._desired or (said.applied == self._desired and not is_ours):
            if said.applied:
                self._desired, self._due_at = said.applied + 1, now + COALESCE
            return
        if version is None or not is_ours or said.applied <= self._applied:
            return
        self._applied, self._applied_horizon = said.applied, version.horizon
        self._versions = {number: one for number, one in self._versions.items() if number >= self._applied}
        starts = nested(version.starts)
        for later in self._versions.values():
            starts = common_starts(starts, nested(later.starts))
        self._offer = starts, version.floors, max(one.horizon for one in self._versions.values())

    def _next_sync_at(self, now: datetime) -> datetime:
        """The regular turn, or the contact before a day's first reservation."""
        due = regular_turn(self._lock, now)
        today = civil_day(now)
        for day in (today, today + timedelta(days=1)):
            first, end = (granule_of(start_of_day(day + timedelta(days=more))) for more in (0, 1))
            starts = [
                row.granule for row in self._rows if not row.is_withdrawn and first <= row.granule < end
            ]
            if not starts or self._extra_contact_on == day:
                continue
            starts_at = granule_start(min(starts))
            if starts_at - BEFORE_FIRST <= now < starts_at:
                self._extra_contact_on = day
            elif now < starts_at:
                due = min(due, extra_turn(self._lock, starts_at))
                break
        return max(now + SOONEST, min(due, now + LATEST))

    def _present(self, now: datetime) -> Version:
        """The present version, made if it does not exist yet."""
        found = self._versions.get(self._desired)
        if found is not None:
            return found
        lists = fitted(
            self._lists(now),
            first=granule_of(now),
            late=self._late,
            size_of=lambda candidate: len(self._payload(candidate, now)),
        )
        payload = self._payload(lists, now)
        found = Version(
            payload,
            hashlib.sha256(payload).hexdigest(),
            lists.horizon,
            # As read back from what was sent, where a mask of no lane or length does not stand.
            starts_of([tuple(entry) for entry in sellable_entries(lists.starts)]),  # type: ignore[misc]
            nested(lists.floors),
        )
        self._versions[self._desired] = found
        self._rolled_on = civil_day(now)
        if self._offer is not None:
            starts, floors, furthest = self._offer
            kept = common_starts(starts, nested(lists.starts))
            self._offer = kept, floors, max(furthest, lists.horizon)
        return found

    def _lists(self, now: datetime) -> Lists:
        seconds = int(now.timestamp())
        horizon = granule_of(start_of_day(civil_day(now) + timedelta(days=HORIZON_DAYS + 1)))
        grants_until = granule_of(now + LEASE)
        floors: dict[tuple[int, int], int] = {}
        for row in self._rows:
            if row.is_withdrawn and (row.granule + MAX_LENGTH) * GRANULE_S + self._late >= seconds:
                place = row.granule, row.lane
                floors[place] = max(floors.get(place, 0), row.rev + 1)
        grants = [
            row.place
            for row in self._rows
            if not row.is_withdrawn and (row.granule + row.length) * GRANULE_S + self._late >= seconds
        ]
        starts: dict[tuple[int, int], int] = {}
        oldest = (seconds - self._late) // GRANULE_S - MAX_LENGTH
        for granule, length, courts in self._timetable.windows(first=oldest, last=horizon, now=now):
            if (granule + length) * GRANULE_S + self._late >= seconds:
                place = granule, _lane(courts)
                starts[place] = starts.get(place, 0) | 1 << length
        return Lists(
            horizon,
            grants_until,
            starts,
            tuple(sorted(one for one in grants if one[0] < grants_until)),
            floors,
        )

    def _payload(self, lists: Lists, now: datetime) -> bytes:
        return to_json(
            {
                "v": 1,
                "lock": self._lock,
                "version": self._desired,
                "issued_at": int(now.timestamp()),
                "lease_until": lists.grants_until * GRANULE_S,
                "epoch": 0,
                "horizon": lists.horizon,
                "sellable": sellable_entries(lists.starts),
                "grants": [list(grant) for grant in lists.grants],
                "floors": [[granule, lane, floor] for (granule, lane), floor in sorted(lists.floors.items())],
                "staff": [],
                "config": config_of(KIND),
            }
        )

    def _sealed(self, version: Version) -> str:
        return seal(
            version.payload, key=self._down, lock=self._lock, direction="down", mac_epoch=0, typ=DESIRED
        )


def _lane(courts: frozenset[int]) -> int:
    return min(LANES[court] for court in courts)
