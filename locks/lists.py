"""The lists of a desired state (protocol section 4), and how they are made to fit a small lock. Pure."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from core.window import GRANULE_S
from locks.margins import EARLY_S

MAX_CANDIDATES = 128
"""Starts times lengths times lanes times 3 revs that a lock may have to compute for one entry."""
CANDIDATES_EACH = 3
"""Revs that a lock computes of a start."""
MAX_OCTETS = 12 * 1024
DAY = 48
"""Granules."""
MIN_HORIZON_DAYS = 3
MIN_LEASE_DAYS = 14

Starts = Mapping[tuple[int, int], int]
"""{(granule, lane): mask}, bit i of the mask = length i."""
Single = tuple[int, int, int]
"""(granule, lane, length)."""
GrantRow = tuple[int, int, int, int]
"""(granule, length, lane, rev)."""


@dataclass(frozen=True, slots=True)
class Lists:
    """What one version says about rights. `horizon` and `grants_until` are first granules not covered."""

    horizon: int
    grants_until: int
    starts: Starts
    grants: tuple[GrantRow, ...]
    floors: Mapping[tuple[int, int], int]
    """Of starts that somebody has or had."""
    fresh_floor: int = 0
    """Of every other start in `starts`; not 0 since a backup was restored."""
    known: frozenset[tuple[int, int]] = frozenset()
    """(granule, lane) that somebody has or had, where `fresh_floor` is not 0."""
    shortened: frozenset[str] = frozenset()
    """Of `horizon`, `lease`, `omitted`, `short_lease`: what did not fit."""


def fitted(lists: Lists, *, first: int, late: int, size_of: Callable[[Lists], int]) -> Lists:
    """Shorten lists until a lock can hold and search them: the horizon down to 3 days from `first`, then
    the lease down to 14, then the latest starts are left out. What is not listed is not sold, so that
    leaving out is safe. Codes that are sold already can be more than that leaves room for; then the lease
    goes below 14 days (`short_lease`), and the codes after it count as not on the lock yet.
    """
    lists = _searchable(lists, first=first, late=late)
    while size_of(lists) > MAX_OCTETS and lists.horizon > first + MIN_HORIZON_DAYS * DAY:
        nearer = max(lists.horizon - DAY, first + MIN_HORIZON_DAYS * DAY)
        lists = _marked(replace(lists, horizon=nearer, starts=_before(lists.starts, nearer)), "horizon")
    while size_of(lists) > MAX_OCTETS and lists.grants_until > first + MIN_LEASE_DAYS * DAY:
        nearer = max(lists.grants_until - DAY, first + MIN_LEASE_DAYS * DAY)
        lists = _marked(_leased_until(lists, nearer), "lease")
    while size_of(lists) > MAX_OCTETS and lists.starts:
        last = max(granule for granule, _ in lists.starts)
        lists = _marked(replace(lists, starts=_before(lists.starts, last)), "omitted")
    while size_of(lists) > MAX_OCTETS and lists.grants_until > first:
        lists = _marked(_leased_until(lists, max(lists.grants_until - DAY, first)), "short_lease")
    return lists


def floors_of(lists: Lists) -> list[list[int]]:
    """`floors`: [[granule, lane, rev], …], sorted."""
    fresh = lists.starts.keys() - lists.known if lists.fresh_floor else set()
    floors = dict(lists.floors) | dict.fromkeys(fresh, lists.fresh_floor)
    return [[granule, lane, floor] for (granule, lane), floor in sorted(floors.items())]


def candidates_at_most(starts: Starts, *, late: int) -> int:
    """The most candidates at any instant."""
    return len(crowd(starts, late=late)) * CANDIDATES_EACH


def crowd(starts: Starts, *, late: int) -> tuple[Single, ...]:
    """The most starts whose codes a lock may have to compute at one instant, with lane and length."""
    open_now: list[tuple[int, Single]] = []
    most: tuple[Single, ...] = ()
    for single in sorted(_singles(starts)):
        granule, _, length = single
        opens = granule * GRANULE_S - EARLY_S
        while open_now and open_now[0][0] < opens:
            heapq.heappop(open_now)
        heapq.heappush(open_now, ((granule + length) * GRANULE_S + late, single))
        if len(open_now) > len(most):
            most = tuple(sorted(single for _, single in open_now))
    return most


def grants_if_all_sold(starts: Starts) -> list[GrantRow]:
    """The most grants that these starts can become: in each lane the shortest windows, one after another."""
    ends: dict[int, int] = {}
    found: list[GrantRow] = []
    for granule, lane, length in sorted(_singles(starts), key=lambda single: single[0] + single[2]):
        if ends.get(lane, granule) <= granule:
            ends[lane] = granule + length
            found.append((granule, length, lane, 0))
    return sorted(found)


def sellable_entries(starts: Starts) -> list[list[object]]:
    """`sellable`: [[granule, [length, …], lane_mask], …], sorted."""
    lanes: dict[tuple[int, int], int] = defaultdict(int)
    for (granule, lane), mask in starts.items():
        lanes[granule, mask] |= 1 << lane
    entries: list[tuple[int, list[int], int]] = [
        (granule, lengths_of(mask), lane_mask) for (granule, mask), lane_mask in lanes.items()
    ]
    return [list(entry) for entry in sorted(entries)]


def starts_of(sellable: Iterable[tuple[int, list[int], int]]) -> dict[tuple[int, int], int]:
    """The inverse of `sellable_entries`."""
    starts: dict[tuple[int, int], int] = defaultdict(int)
    for granule, lengths, lane_mask in sellable:
        for lane in range(lane_mask.bit_length()):
            if lane_mask >> lane & 1:
                starts[granule, lane] |= sum(1 << length for length in lengths)
    return dict(starts)


def lengths_of(mask: int) -> list[int]:
    """The lengths in a mask, ascending."""
    return [length for length in range(mask.bit_length()) if mask >> length & 1]


def _searchable(lists: Lists, *, first: int, late: int) -> Lists:
    open_until: list[int] = []
    kept: dict[tuple[int, int], int] = defaultdict(int)
    for granule, lane, length in sorted(_singles(lists.starts), key=lambda single: (single[0], single[2])):
        opens = granule * GRANULE_S - EARLY_S
        while open_until and open_until[0] < opens:
            heapq.heappop(open_until)
        if CANDIDATES_EACH * (len(open_until) + 1) > MAX_CANDIDATES:
            if granule >= first + MIN_HORIZON_DAYS * DAY:
                cut = replace(lists, horizon=granule, starts=_before(kept, granule))
                return _marked(cut, "horizon")
            lists = _marked(lists, "omitted")
            continue
        heapq.heappush(open_until, (granule + length) * GRANULE_S + late)
        kept[granule, lane] |= 1 << length
    return replace(lists, starts=dict(kept))


def _singles(starts: Starts) -> Iterable[Single]:
    for (granule, lane), mask in starts.items():
        for length in lengths_of(mask):
            yield granule, lane, length


def _before(starts: Starts, granule: int) -> dict[tuple[int, int], int]:
    return {key: mask for key, mask in starts.items() if key[0] < granule}


def _leased_until(lists: Lists, until: int) -> Lists:
    """The lists of a shorter lease: no grant from there on, and no floor but of what may be sold."""
    return replace(
        lists,
        grants_until=until,
        grants=tuple(grant for grant in lists.grants if grant[0] < until),
        floors={
            start: floor for start, floor in lists.floors.items() if start[0] < until or start in lists.starts
        },
    )


def _marked(lists: Lists, what: str) -> Lists:
    return replace(lists, shortened=lists.shortened | {what})
