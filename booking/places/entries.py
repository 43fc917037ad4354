"""The catalogue in memory: what can be booked and when it is offered. Frozen values that ask no database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from booking.places.models import DayKind, SpaceKind
from core.clock import start_of_day
from core.errors import NotThere
from core.window import Window, granule_of

GRANULES_A_DAY = 48
_BANDS_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Rules:
    """A municipality's rules of sale, durations in seconds; `places/models.py` explains each."""

    hold_for_s: int
    pay_after_approval_for_s: int
    sells_ahead_for_days: int
    sells_until_s_before_end: int
    max_bands: int
    max_holds_per_group: int
    free_cancel_until_s: int
    reveal_before_start_s: int
    reveal_after_end_s: int


@dataclass(frozen=True, slots=True)
class CourtEntry:
    """面. `share` is its part of the space: 0.5 for a half court."""

    id: int
    space_id: int
    name: str
    share: float


@dataclass(frozen=True, slots=True)
class SpaceEntry:
    """室場."""

    id: int
    facility_id: int
    kind: SpaceKind
    name: str
    courts: tuple[CourtEntry, ...]
    has_hvac: bool = False


@dataclass(frozen=True, slots=True)
class OfferingEntry:
    """貸出単位, with what a booking page needs to know about where it is."""

    id: int
    facility_id: int
    space_id: int
    space_name: str
    space_kind: SpaceKind
    name: str
    size: str
    capacity: int | None
    sports: tuple[str, ...]
    courts: tuple[int, ...]
    """Ids of the courts it claims, ascending."""
    access_points: tuple[int, ...]
    """What a reservation of it opens, ascending; empty: the key is had from staff."""
    approval_required: bool
    withdrawn_on: date | None
    has_hvac: bool = False
    """Heating and cooling are sold with it."""


@dataclass(frozen=True, slots=True)
class FacilityEntry:
    """施設・学校, under the name it bears on the day it was asked for."""

    id: int
    name: str
    kana: str | None
    slug: str
    school_code: str | None
    stage: str
    address: str | None
    latitude: float | None
    longitude: float | None
    note: str | None
    approval_required: bool
    spaces: tuple[SpaceEntry, ...]
    offerings: tuple[OfferingEntry, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """利用区分 of one day."""

    first: int
    """Its first granule; pages write it into `?start=`."""
    length: int
    """Granules it lasts."""
    window: Window

    @classmethod
    def of_granules(cls, first: int, length: int) -> "Band":
        """The band of `length` granules from granule `first`."""
        return cls(first, length, Window.of_granules(first, length))


@dataclass(frozen=True, slots=True)
class BandRow:
    """A timetable's line, as configured."""

    starts_minute: int
    ends_minute: int
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class FeeRateEntry:
    """Yen for an item, from a day on; `fees/models.py` explains each."""

    item: str
    yen_per_hour: int
    from_minute: int
    valid_from: date
    valid_until: date | None = None
    until_minute: int = 1440
    months: int = 0b1111_1111_1111
    step_minutes: int = 60
    unit: str = "hour"


@dataclass(frozen=True, slots=True)
class PercentEntry:
    """A percentage from a day on: a factor, or a relief."""

    valid_from: date
    percent: int


@dataclass(frozen=True, slots=True)
class TermsEntry:
    """How fees are rounded and taxed from a day on."""

    valid_from: date
    round_to_yen: int = 1
    rounding: str = "down"
    tax_percent: int = 10
    is_tax_included: bool = True


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """What comes back of what was paid, from a day of booking on; None in a scope is everywhere."""

    facility_id: int | None
    space_kind: str | None
    valid_from: date
    stages: tuple[tuple[int, int], ...]
    """(seconds before the start, percent)."""
    kept_yen: int
    unused_percent: int
    alert_percent: int


@dataclass(frozen=True, slots=True)
class NameEntry:
    """A facility's name from a day on."""

    valid_from: date
    name: str
    kana: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """One municipality's whole configuration at one version. Everything it lists is ordered."""

    municipality_id: int
    version: int
    name: str
    office_contact: str
    rules: Rules
    facility_entries: Mapping[int, FacilityEntry]
    names: Mapping[int, tuple[NameEntry, ...]]
    """Per facility, newest first."""
    offerings: Mapping[int, OfferingEntry]
    band_rows: Mapping[tuple[str, int, str], tuple[BandRow, ...]]
    """Keyed by ("space" | "facility" | "municipality", its id, kind of day)."""
    calendar: Mapping[date, tuple[DayKind, str]]
    fee_rates: Mapping[tuple[str, str], tuple[FeeRateEntry, ...]]
    """Keyed by (kind of space, size)."""
    relief_rates: Mapping[tuple[str, str], tuple[PercentEntry, ...]]
    """Percent off by (category of group, item)."""
    fee_factors: Mapping[tuple[str, str], tuple[PercentEntry, ...]] = field(default_factory=dict)
    """Percent of the price by (kind of factor, item)."""
    fee_terms: tuple[TermsEntry, ...] = ()
    refund_policies: tuple[PolicyEntry, ...] = ()
    """By day and order of writing."""
    _bands: dict[tuple[int, date], tuple[Band, ...]] = field(default_factory=dict)
    """Bands that were asked for already, by (space, day)."""
    _timetables: dict[tuple[tuple[str, int, str], date], tuple[Band, ...]] = field(default_factory=dict)
    """The same by scope."""
    _opening: dict[int, tuple[OfferingEntry, ...]] = field(default_factory=dict)
    """Offerings by access point."""

    def __post_init__(self) -> None:
        for entry in self.offerings.values():
            for point in entry.access_points:
                self._opening[point] = (*self._opening.get(point, ()), entry)

    def offering(self, offering_id: int) -> OfferingEntry:
        """An offering, withdrawn ones included: reservations of them remain.

        Raises:
            NotThere: this municipality has none of that id.
        """
        found = self.offerings.get(offering_id)
        if found is None:
            raise NotThere(f"offering {offering_id}")
        return found

    def facility(self, facility_id: int, *, on: date) -> FacilityEntry:
        """A facility under its name of a day.

        Raises:
            NotThere: this municipality has none of that id.
        """
        entry = self.facility_entries.get(facility_id)
        if entry is None:
            raise NotThere(f"facility {facility_id}")
        return self._named(entry, on)

    def facilities(self, on: date) -> list[FacilityEntry]:
        """All facilities under their names of a day, with the offerings not withdrawn by then."""
        return [self._named(entry, on) for entry in self.facility_entries.values()]

    def facility_name(self, facility_id: int, *, on: date) -> str:
        """The name a facility bears on a day."""
        return self.facility(facility_id, on=on).name

    def day_kind(self, day: date) -> DayKind:
        """What kind of day it is: the calendar's word, else its weekday's."""
        listed = self.calendar.get(day)
        if listed is not None:
            return listed[0]
        weekday = day.weekday()
        return DayKind.HOLIDAY if weekday == 6 else DayKind.SATURDAY if weekday == 5 else DayKind.WEEKDAY

    def day_name(self, day: date) -> str | None:
        """What the calendar calls a day (元日, 夏休み), if it lists it."""
        listed = self.calendar.get(day)
        return listed[1] if listed else None

    def bands(self, offering_id: int, day: date) -> tuple[Band, ...]:
        """The bands offered on a day, ascending; none once the offering is withdrawn."""
        offering = self.offering(offering_id)
        if offering.withdrawn_on is not None and day >= offering.withdrawn_on:
            return ()
        return self.space_bands(offering.space_id, offering.facility_id, day)

    def bands_from(self, offering_id: int, day: date) -> tuple[Band, ...]:
        """The bands that a window beginning on a day may be made of, ascending.

        The day's own; where its last one ends at midnight, those of the next day follow: a facility that is
        open around the clock sells over midnight.
        """
        own = self.bands(offering_id, day)
        next_day = day + timedelta(days=1)
        if not own or own[-1].window.ends_at != start_of_day(next_day):
            return own
        return own + self.bands(offering_id, next_day)

    def space_bands(self, space_id: int, facility_id: int, day: date) -> tuple[Band, ...]:
        """The bands of a space on a day: its own timetable, else its facility's, else the municipality's.

        Within a scope the newest timetable in force counts alone.
        """
        kept = self._bands.get((space_id, day))
        if kept is not None:
            return kept
        if len(self._bands) >= _BANDS_KEPT:
            # Whoever asks for every day of a millennium must not fill the memory.
            self._bands.clear()
        found = self._bands[space_id, day] = self._find_bands(space_id, facility_id, day)
        return found

    def _find_bands(self, space_id: int, facility_id: int, day: date) -> tuple[Band, ...]:
        kind = self.day_kind(day)
        scopes = (("space", space_id), ("facility", facility_id), ("municipality", self.municipality_id))
        for scope, scope_id in scopes:
            if (scope, scope_id, kind) in self.band_rows:
                found = self._timetable((scope, scope_id, kind), day)
                if found:
                    return found
        return ()

    def _timetable(self, scope: tuple[str, int, str], day: date) -> tuple[Band, ...]:
        """A scope's own bands; thousands of spaces share their municipality's."""
        kept = self._timetables.get((scope, day))
        if kept is not None:
            return kept
        if len(self._timetables) >= _BANDS_KEPT:
            self._timetables.clear()
        midnight = granule_of(start_of_day(day))
        rows = [row for row in self.band_rows[scope] if _in_force(row, day)]
        newest = max((row.valid_from for row in rows), default=None)
        found = tuple(_band(midnight, row) for row in rows if row.valid_from == newest)
        self._timetables[scope, day] = found
        return found

    def access_points(self, offering_id: int) -> tuple[int, ...]:
        """What a reservation of an offering opens."""
        return self.offering(offering_id).access_points

    def courts(self, offering_id: int) -> tuple[int, ...]:
        """The courts that an offering claims, ascending."""
        return self.offering(offering_id).courts

    def offerings_opening(self, access_point_id: int) -> Iterator[OfferingEntry]:
        """Every offering whose reservations open an access point, by id."""
        return iter(self._opening.get(access_point_id, ()))

    def _named(self, entry: FacilityEntry, on: date) -> FacilityEntry:
        names = self.names.get(entry.id, ())
        # A day before the first name is asked about under the first name.
        chosen = next((name for name in names if name.valid_from <= on), names[-1] if names else None)
        current = tuple(o for o in entry.offerings if o.withdrawn_on is None or on < o.withdrawn_on)
        return FacilityEntry(
            id=entry.id,
            name=chosen.name if chosen else entry.slug,
            kana=chosen.kana if chosen else None,
            slug=entry.slug,
            school_code=entry.school_code,
            stage=entry.stage,
            address=entry.address,
            latitude=entry.latitude,
            longitude=entry.longitude,
            note=entry.note,
            approval_required=entry.approval_required,
            spaces=entry.spaces,
            offerings=current,
        )


def _in_force(row: BandRow, day: date) -> bool:
    return row.valid_from <= day and (row.valid_until is None or day < row.valid_until)


def _band(midnight: int, row: BandRow) -> Band:
    # A granule has 30 minutes and Asia/Tokyo stands on the UTC grid without summer time.
    first = midnight + row.starts_minute // 30
    return Band.of_granules(first, (row.ends_minute - row.starts_minute) // 30)
