"""The emergency sheet for the safe: which access points stand on which page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from locks.staff.emergency import SheetLine


@dataclass(frozen=True, slots=True)
class SheetPart:
    """One facility's page of the sheet."""

    name: str
    lines: tuple[SheetLine, ...]


def parts_of(
    lines: Sequence[SheetLine], doors: Mapping[int, tuple[int, ...]], names: Mapping[int, str]
) -> list[SheetPart]:
    """The lines by facility, in the order of `names`; access points of no facility come last."""
    by_point = {line.access_point_id: line for line in lines}
    parts = [
        SheetPart(name, tuple(by_point[point] for point in doors.get(facility_id, ()) if point in by_point))
        for facility_id, name in names.items()
    ]
    placed = {point for points in doors.values() for point in points}
    others = tuple(line for line in lines if line.access_point_id not in placed)
    return [part for part in (*parts, SheetPart("その他", others)) if part.lines]
