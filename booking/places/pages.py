"""Find a place: one day over all schools, or one school."""

from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from booking.app.guards import Here, public, reading
from booking.app.parsing import day_of
from booking.app.template_words import hour
from booking.availability.day import DayAvailability, FacilityDay, OfferingDay, of_day
from booking.availability.status import BandStatus
from booking.places.models import SpaceKind
from core.clock import civil_day

pages = Blueprint("places", __name__)

_STARTS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Filter:
    """What the visitor narrows the list to; empty means everything."""

    words: str = ""
    kind: str = ""
    sport: str = ""
    only_free: bool = False

    @classmethod
    def of_request(cls) -> "Filter":
        """From the address; unknown kinds and sports simply match nothing."""
        sent = request.args
        return cls(
            words=sent.get("q", "").strip()[:40],
            kind=sent.get("kind", "")[:24],
            sport=sent.get("sport", "")[:40],
            only_free=sent.get("free") == "1",
        )

    @property
    def query(self) -> str:
        """For links that keep the filter; starts with a question mark, or is empty."""
        given = {
            "q": self.words,
            "kind": self.kind,
            "sport": self.sport,
            "free": "1" if self.only_free else "",
        }
        kept = urlencode({name: value for name, value in given.items() if value})
        return f"?{kept}" if kept else ""

    def apply(self, facilities: tuple[FacilityDay, ...]) -> list[FacilityDay]:
        """The facilities with what is left of their offerings; those with nothing left drop out."""
        found = []
        for entry in facilities:
            if self.words and self.words not in f"{entry.facility.name} {entry.facility.kana or ''}":
                continue
            left = tuple(offering for offering in entry.offerings if self._wants(offering))
            if left:
                found.append(FacilityDay(entry.facility, left))
        return found

    def _wants(self, entry: OfferingDay) -> bool:
        return (
            (not self.kind or entry.offering.space_kind == self.kind)
            and (not self.sport or self.sport in entry.offering.sports)
            and (not self.only_free or entry.free_count > 0)
        )


@pages.get("/")
@public
def find() -> ResponseReturnValue:
    """Today, or the day that the date field asked for."""
    with reading() as here:
        asked = request.args.get("day", "")
        if asked:
            return redirect(f"/days/{day_of(asked, now=here.now)}{Filter.of_request().query}", code=303)
        return _day_page(here, civil_day(here.now))


@pages.get("/days/<day>")
@public
def find_on(day: str) -> ResponseReturnValue:
    """A day over all schools."""
    with reading() as here:
        return _day_page(here, day_of(day, now=here.now))


@pages.get("/facilities/<int:facility_id>")
@public
def facility(facility_id: int) -> ResponseReturnValue:
    """A school: what it has, and a day of it."""
    with reading() as here:
        today = civil_day(here.now)
        asked = request.args.get("day", "")
        day = day_of(asked, now=here.now) if asked else today
        found = of_day(
            here.session,
            municipality_id=here.municipality_id,
            day=day,
            now=here.now,
            facility_id=facility_id,
            version=here.catalogue_version,
        )
    return render_template(
        "places/facility.html",
        found=found,
        entry=found.facilities[0],
        today=today,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1),
    )


def _day_page(here: Here, day: date) -> ResponseReturnValue:
    wanted = Filter.of_request()
    today = civil_day(here.now)
    found = of_day(
        here.session,
        municipality_id=here.municipality_id,
        day=day,
        now=here.now,
        version=here.catalogue_version,
    )
    facilities = wanted.apply(found.facilities)
    return render_template(
        "places/find.html",
        found=found,
        facilities=facilities,
        starts={entry.facility.id: _starts(entry) for entry in facilities},
        wanted=wanted,
        today=today,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1),
        kinds=list(SpaceKind),
        sports=_sports(found),
    )


def _starts(entry: FacilityDay) -> str:
    """When free bands begin, so that a closed list already answers: `18:00、20:00 から`."""
    free = {
        band.window.starts_at
        for line in entry.offerings
        for band in line.bands
        if band.status is BandStatus.FREE
    }
    if not free:
        return ""
    first = "、".join(hour(instant) for instant in sorted(free)[:_STARTS_SHOWN])
    return f"{first} ほか" if len(free) > _STARTS_SHOWN else f"{first} から"


def _sports(found: DayAvailability) -> list[str]:
    return sorted(
        {sport for entry in found.facilities for line in entry.offerings for sport in line.offering.sports}
    )
