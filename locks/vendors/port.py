"""What a lock of another maker must be able to do through its vendor's cloud.

Such a lock keeps plain PINs and knows nothing of our protocol: it cannot derive a code that it was not told,
and we see its events only through the vendor. Everything else (states, pages, alarms) is the same as with
ours. A vendor is one file beside this one, with `connect`; docs/vendors.md shows how.

Every method is one errand to the outside and is called without an open transaction. It raises
`core.errors.Unavailable` where trying again may help and `core.errors.RejectedOutside` where it will not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class PinStanding(StrEnum):
    """Where the vendor says that a PIN is."""

    WAITING = "waiting"
    """The cloud has it, the lock not yet."""
    ON_THE_LOCK = "on_the_lock"
    REFUSED = "refused"
    """The lock would not take it."""
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class PinOrder:
    """A PIN and when it may open; its text form hides the digits.

    `key` names the order for good: the same key again must never make a second PIN.
    """

    key: str
    lock_ref: str
    digits: str = field(repr=False)
    opens_from: datetime
    opens_until: datetime
    may_exist: bool
    """An earlier try may have arrived although its answer did not."""


@dataclass(frozen=True, slots=True)
class VendorStatus:
    """A lock as its vendor last heard it; None where the vendor does not say."""

    heard_at: datetime | None
    speaks_every_s: int | None
    """Its heartbeat: a PIN sent now is on the lock after this long at the latest, if all is well."""
    battery_percent: int | None
    is_jammed: bool


@dataclass(frozen=True, slots=True)
class VendorEvent:
    """Something that happened at the lock. `kind` and `detail` are those of lock-protocol.md 4."""

    at: datetime
    kind: str
    detail: Mapping[str, str | int | bool]
    pin_ref: str | None
    """Whose PIN it was, where it was one of ours."""


class VendorCloud(Protocol):
    """One account at one vendor."""

    def put(self, order: PinOrder) -> str:
        """Have the PIN put on the lock; what the vendor calls it. Repeating an order changes nothing."""

    def take_back(self, *, lock_ref: str, key: str, pin_ref: str | None) -> str | None:
        """Have the PIN removed; what it is called, or None where there is none.

        Without `pin_ref` it is found by its key: the answer to `put` may have been lost.
        """

    def standings(self, *, lock_ref: str, pin_refs: Sequence[str]) -> Mapping[str, PinStanding]:
        """Where these PINs are; one that is not in the answer is absent."""

    def status(self, *, lock_ref: str) -> VendorStatus:
        """How the lock is."""

    def events(self, *, lock_ref: str, after: str | None) -> tuple[list[VendorEvent], str | None]:
        """What happened since the cursor `after` (None: all that the vendor keeps), oldest first; the new
        cursor.
        """
