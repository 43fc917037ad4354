"""A site with an issuer, and papers made of real sales."""

from collections.abc import Iterator
from datetime import date
from uuid import UUID

import pytest

from booking.papers.issuing import issue
from booking.papers.kinds import Kind, subject_of
from booking.papers.models import Issuer, Paper
from booking.papers.registration import SAMPLE
from core.database import Database
from tests.integration.booking.town import NOW
from tests.integration.pages.conftest import Site, build_site


def plant_issuer(site: Site, *, registration_number: str | None = SAMPLE) -> None:
    """Somebody who stands on papers."""
    with site.town.database.transaction() as session:
        session.add(
            Issuer(
                municipality_id=site.town.municipality_id,
                valid_from=date(2026, 4, 1),
                name="見本市",
                department="見本課",
                address="見本市見本町1番地",
                telephone="0859-00-0000",
                registration_number=registration_number,
                permit_conditions="許可された目的のほかに使わないこと。\n火気を使わないこと。",
            )
        )


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """A site with an issuer; the test runs on SQLite and on PostgreSQL."""
    database = Database(database_url)
    built = build_site(database)
    plant_issuer(built)
    yield built
    database.dispose()


@pytest.fixture
def small_site(sqlite_database_url: str) -> Iterator[Site]:
    """The same on SQLite, for what does not depend on the database."""
    database = Database(sqlite_database_url)
    built = build_site(database)
    plant_issuer(built)
    yield built
    database.dispose()


def paid(site: Site, **wanted: object) -> tuple[UUID, UUID]:
    """A reservation and the payment that confirmed it."""
    reservation_id = site.town.held(**wanted)
    return reservation_id, site.town.pay(reservation_id)


def issued(site: Site, kind: Kind, of: UUID) -> Paper:
    """The paper of a payment, reservation, refund or invoice, committed."""
    with site.town.database.transaction() as session:
        return issue(
            session,
            municipality_id=site.town.municipality_id,
            kind=kind,
            subject=subject_of(kind, of),
            now=site.clock.now(),
        )


__all__ = ["NOW", "Site", "issued", "paid", "plant_issuer"]
