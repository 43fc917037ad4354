"""Half-open windows of time on the 30-minute grid that courts, claims and locks share."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

GRANULE_S = 1800
GRANULE = timedelta(seconds=GRANULE_S)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """`[starts_at, ends_at)`, aware UTC instants."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("a window needs aware instants")
        if self.ends_at <= self.starts_at:
            raise ValueError("a window ends after it starts")

    @property
    def granules(self) -> range:
        """The granules it covers: whole ones where it is aligned, else every one it touches."""
        first = int(self.starts_at.timestamp()) // GRANULE_S
        last = -(-int(self.ends_at.timestamp()) // GRANULE_S)
        return range(first, last)

    @property
    def is_aligned(self) -> bool:
        """Whether both ends stand on the grid."""
        return not (self.starts_at.timestamp() % GRANULE_S or self.ends_at.timestamp() % GRANULE_S)

    @classmethod
    def of_granules(cls, first: int, length: int) -> "Window":
        """The window of `length` granules from granule `first`."""
        return cls(granule_start(first), granule_start(first + length))


def granule_of(instant: datetime) -> int:
    """The number of the granule that holds an instant, counted from 1970-01-01 UTC."""
    return int(instant.timestamp()) // GRANULE_S


def granule_start(granule: int) -> datetime:
    """The instant at which a granule begins, UTC."""
    return datetime.fromtimestamp(granule * GRANULE_S, UTC)
