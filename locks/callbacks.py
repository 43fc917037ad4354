"""What `locks` asks and tells upward, inside the caller's transaction; registered where the app is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.orm import Session


class Sellable(NamedTuple):
    """A start that may be sold, or sold again once cancelled: one offering's courts, from one granule on."""

    granule: int
    length: int
    """In granules, 1 to 48."""
    courts: frozenset[int]
    """The courts of ONE offering; `locks` turns the set into its lane."""


class SellableWindows(Protocol):
    """What is offered at an access point and not closed, sold or free.

    Every start with `first <= granule < last`, however long; `first` lies up to 50 granules in the past.
    """

    def __call__(
        self, session: Session, *, access_point_id: int, first: int, last: int, now: datetime
    ) -> Sequence[Sellable | tuple[int, int, frozenset[int]]]: ...


class AccessOpened(Protocol):
    """A holder's code opened an access point at `at`; told once per opening, possibly days later."""

    def __call__(
        self, session: Session, *, holder: UUID, at: datetime, offline: bool, now: datetime
    ) -> None: ...


class LockStateChanged(Protocol):
    """Something that a board shows about a lock is new."""

    def __call__(self, session: Session, *, lock_id: str, access_point_id: int, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class AlarmTold:
    """An alarm that has just begun, for people."""

    id: int
    municipality_id: int
    access_point_id: int
    access_point_name: str
    kind: str
    """One of `locks/alarms/kinds.py`."""
    detail: Mapping[str, Any]
    holder: UUID | None
    """Whose code it is about, where it is about one."""


class AlarmBegan(Protocol):
    """Staff should know of this now; told once per alarm, however often it repeats."""

    def __call__(self, session: Session, *, alarm: AlarmTold, now: datetime) -> None: ...


class CodesChanged(Protocol):
    """The codes of these holders are not what they were; who had seen one must be told to look again."""

    def __call__(self, session: Session, *, holders: Sequence[UUID], now: datetime) -> None: ...


class StartUnreached(Protocol):
    """24 hours before its start no lock has confirmed this holder's code: offer a way out."""

    def __call__(self, session: Session, *, holder: UUID, access_point_id: int, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Callbacks:
    """One of each; an error raised by one rolls the lock's whole message back."""

    sellable_windows: SellableWindows
    access_opened: AccessOpened
    lock_state_changed: LockStateChanged
    alarm_began: AlarmBegan
    codes_changed: CodesChanged
    start_unreached: StartUnreached
