"""A lock whose sold codes are more than it holds gets fewer days of them, and nobody is told otherwise."""

from datetime import timedelta

import sqlalchemy as sa
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from core.ids import new_id
from core.window import granule_of
from locks import standing
from locks.lists import DAY, MAX_OCTETS, MIN_LEASE_DAYS
from locks.models import DesiredVersion, Grant, Lock
from locks.standing import Standing
from locks.versions import bump
from tests.integration.locks.conftest import TOWN, School
from tests.integration.locks.door import Door


def sell_out(school: School, door: Door) -> None:
    """An hour each of both halves for 45 days, each cancelled and sold again often."""
    first = granule_of(school.now) + 2
    with school.database.transaction() as session:
        group = session.scalars(sa.select(Grant.code_group_id)).first() or 1
        rows = [
            {
                "municipality_id": TOWN,
                "code_group_id": group,
                "access_point_id": school.gym,
                "holder": new_id(school.now),
                "granule": granule,
                "length": 2,
                "lane": lane,
                "rev": rev,
                "issued_at": school.now,
                "withdrawn_at": school.now if rev == 100 else None,
                "lock_id": door.id,
                "granted_version": 2,
            }
            for granule in range(first, first + 45 * DAY, 2)
            for lane in (0, 1)
            for rev in (100, 101)
        ]
        session.execute(sa.insert(Grant), rows)
        bump(session, Lock.id == door.id, now=school.now)


def short_leases() -> float:
    return REGISTRY.get_sample_value("kaiho_lock_desired_shortened_total", {"what": "short_lease"}) or 0.0


def test_a_state_never_exceeds_12_kib_and_says_so_where_the_lease_pays_for_it(school: School) -> None:
    door = school.fit()
    school.contact(door)
    sell_out(school, door)
    before = short_leases()
    with capture_logs() as logged:
        school.contact(door)
    with school.database.reading() as session:
        version = session.get_one(DesiredVersion, (door.id, session.get_one(Lock, door.id).applied_version))
        until = version.grants_until
        assert len(version.payload) <= MAX_OCTETS
    assert granule_of(school.now) < until < granule_of(school.now) + MIN_LEASE_DAYS * DAY
    assert short_leases() == before + 1
    assert [line["lock"] for line in logged if line["event"] == "lock_lease_below_minimum"] == [door.id]
    # Whom it lists is on the lock; whom it has no room for is not said to be.
    for days, said in ((0, Standing.ON_THE_LOCK), (20, Standing.PENDING)):
        granule = granule_of(school.now + timedelta(days=days)) + 2
        holder = school.rows(sa.select(Grant.holder).where(Grant.granule == granule, Grant.rev == 101))[0][0]
        with school.database.reading() as session:
            assert standing.standings_of(session, holders=[holder], now=school.now) == {holder: said}


def test_a_lock_with_room_keeps_45_days_and_nothing_is_logged(school: School) -> None:
    door = school.fit()
    school.issue(school.slot())
    before = short_leases()
    with capture_logs() as logged:
        school.contact(door)
    assert short_leases() == before
    assert not [line for line in logged if line["event"] == "lock_lease_below_minimum"]
    until = school.one(sa.select(Lock.applied_grants_until).where(Lock.id == door.id))
    assert until == granule_of(school.now + timedelta(days=45))
