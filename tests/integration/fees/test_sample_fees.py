"""What the sample town charges: the table of field.md 5, by season, hour and who comes."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest

from booking.fees.payer import Payer
from booking.fees.quote import Quote, quote
from booking.places.catalogue import catalogue
from booking.places.entries import Catalogue
from booking.seed.schools import SAMPLE_BUDOKAN, SAMPLE_GYM, SAMPLE_SCHOOL
from booking.seed.town import plant_town
from core.clock import start_of_day
from core.database import Database
from core.secrets import Keyring
from core.window import Window
from locks.keys import give_keyring

NOW = datetime.fromisoformat("2026-11-21T09:00:00+09:00")
GENERAL, YOUTH, STRANGER = Payer("general"), Payer("youth"), Payer("general", is_out_of_town=True)
GYM, SCHOOL, BUDOKAN = SAMPLE_GYM.slug, SAMPLE_SCHOOL.slug, SAMPLE_BUDOKAN.slug
GROUND = "elementary-sumiyoshi"


@pytest.fixture
def places(sqlite_database_url: str) -> Iterator[Catalogue]:
    """The sample town's catalogue."""
    database = Database(sqlite_database_url)
    give_keyring(database, Keyring(bytes(range(32))))
    with database.transaction() as session:
        town = plant_town(session, now=NOW)
    with database.reading() as session:
        yield catalogue(session, town)
    database.dispose()


def cost(
    places: Catalogue, slug: str, size: str, day: str, hours: tuple[int, int], payer: Payer = GENERAL
) -> Quote:
    offered = [
        offering
        for facility in places.facilities(date.fromisoformat(day))
        if facility.slug == slug
        for offering in facility.offerings
        if offering.size == size and (slug != GROUND or offering.space_kind == "ground")
    ]
    midnight = start_of_day(date.fromisoformat(day))
    window = Window(midnight + timedelta(hours=hours[0]), midnight + timedelta(hours=hours[1]))
    return quote(places, offering_id=offered[0].id, window=window, payer=payer)


CASES: tuple[tuple[str, str, str, tuple[int, int], Payer, int], ...] = (
    (GYM, "full", "2026-11-28", (10, 12), GENERAL, 600),
    (GYM, "half", "2026-11-28", (10, 12), GENERAL, 300),
    (GYM, "full", "2026-11-28", (18, 20), GENERAL, 1200),
    (GYM, "half", "2026-11-28", (18, 20), GENERAL, 600),
    (GYM, "full", "2026-10-01", (17, 18), GENERAL, 600),
    (GYM, "full", "2026-09-30", (17, 18), GENERAL, 300),
    (GYM, "full", "2027-03-31", (17, 18), GENERAL, 600),
    (GYM, "full", "2027-04-01", (17, 18), GENERAL, 300),
    (GYM, "full", "2027-04-01", (18, 19), GENERAL, 600),
    (GYM, "full", "2026-11-28", (16, 17), GENERAL, 300),
    (GYM, "full", "2026-11-28", (23, 25), GENERAL, 1200),
    (GYM, "full", "2026-11-28", (4, 6), GENERAL, 900),
    (GROUND, "full", "2026-11-28", (15, 17), GENERAL, 400),
    (GROUND, "full", "2026-11-28", (18, 20), GENERAL, 2400),
    (BUDOKAN, "full", "2026-11-28", (18, 20), GENERAL, 300),
    (SCHOOL, "full", "2026-11-28", (10, 12), GENERAL, 600),
    (SCHOOL, "full", "2026-11-30", (18, 20), GENERAL, 1200),
    (SCHOOL, "full", "2026-12-01", (18, 20), GENERAL, 2600),
    (SCHOOL, "half", "2026-12-01", (18, 20), GENERAL, 1300),
    (SCHOOL, "full", "2027-03-31", (18, 20), GENERAL, 2600),
    (SCHOOL, "full", "2027-04-01", (18, 20), GENERAL, 1200),
    (SCHOOL, "full", "2027-05-31", (18, 20), GENERAL, 1200),
    (SCHOOL, "full", "2027-06-01", (18, 20), GENERAL, 2600),
    (SCHOOL, "full", "2026-09-30", (18, 20), GENERAL, 2600),
    (SCHOOL, "full", "2026-10-01", (18, 20), GENERAL, 1200),
    (GYM, "full", "2026-12-01", (18, 20), GENERAL, 1200),
    (GYM, "full", "2026-11-28", (10, 12), YOUTH, 0),
    (GYM, "full", "2026-11-28", (18, 20), YOUTH, 300),
    (SCHOOL, "full", "2026-12-01", (18, 20), YOUTH, 1700),
    (GYM, "full", "2026-11-28", (18, 20), STRANGER, 2400),
    (SCHOOL, "full", "2026-12-01", (18, 20), STRANGER, 5200),
)


def test_the_sample_table(places: Catalogue) -> None:
    found = [(*case[:5], cost(places, *case[:5]).amount_yen) for case in CASES]
    assert found == list(CASES)


def test_heating_and_cooling_have_lines_of_their_own(places: Catalogue) -> None:
    winter = cost(places, SCHOOL, "full", "2027-01-09", (18, 20), STRANGER).lines
    assert [(line.label, line.amount_yen) for line in winter] == [
        ("使用料（市外2倍）", 1200),
        ("暖房使用料（市外2倍）", 2800),
        ("照明使用料（市外2倍）", 1200),
    ]
    summer = cost(places, SCHOOL, "full", "2027-08-07", (10, 12)).lines
    assert [(line.label, line.amount_yen) for line in summer] == [("使用料", 600), ("冷房使用料", 1400)]
