"""Which rev of a start comes next: one above all used, and three more for each restored backup since. Pure.

A backup does not know the codes that were sold after it was made. Their holders have them on paper, the lock
may list them: nobody else must get one of them, and the lock must be able to derive the new ones.
"""

from collections.abc import Iterable

STEP = 3
"""By how much every future rev rises with each restored backup (protocol 5)."""


def next_rev(used: Iterable[tuple[int, int]], restores: int) -> int:
    """The first rev not used. `used`: (rev, restores known when it was issued) of one start and lane."""
    return max((rev - STEP * known for rev, known in used), default=-1) + 1 + STEP * restores


def floor_of_live(withdrawn: Iterable[int], live: Iterable[int]) -> int:
    """The floor of a start whose code somebody holds: above all withdrawn revs and, after a restored backup,
    above what may have been sold before them. `live`: restores known to those who hold one.
    """
    return max(max(withdrawn, default=-1) + 1, STEP * min(live, default=0))
