"""What an access point is called where several schools stand in one list."""

from collections.abc import Mapping
from datetime import date

from booking.places.entries import Catalogue


def facility_names(places: Catalogue, on: date) -> dict[int, str]:
    """The facility that each access point belongs to, by the name it bears on a day."""
    return {
        access_point: facility.name
        for facility in places.facilities(on)
        for offering in facility.offerings
        for access_point in offering.access_points
    }


def full_name(access_point_id: int, own: str, facility_of: Mapping[int, str]) -> str:
    """School and door; the door alone where it names the school already, or hangs at none."""
    facility = facility_of.get(access_point_id, "")
    return own if not facility or own.startswith(facility) else f"{facility} {own}"
