"""Gateways share publications by rows; whatever crosses, the broker ends with the newest version."""

from datetime import timedelta

import sqlalchemy as sa

from locks import publications
from locks.models import Lock
from locks.publications import Claim, Publication
from locks.versions import COALESCE
from tests.integration.locks.conftest import School


def claim(school: School, limit: int = 10) -> list[Claim]:
    with school.database.transaction() as session:
        return publications.claim(session, limit=limit, now=school.now)


def settle(school: School, *done: Publication) -> None:
    with school.database.transaction() as session:
        publications.settle(session, done, now=school.now)


def lock(school: School) -> Lock:
    found: Lock = school.one(sa.select(Lock))
    return found


def test_a_claimed_lock_is_nobody_elses_until_the_lease_ends(school: School) -> None:
    school.fit()
    assert len(claim(school)) == 1
    assert claim(school) == []
    school.clock.at += publications.LEASE
    assert len(claim(school)) == 1


def test_a_settled_publication_is_done(school: School) -> None:
    door = school.fit()
    (mine,) = claim(school)
    settle(school, Publication(door.id, 1, mine))
    assert (lock(school).published_version, lock(school).publish_due_at) == (1, None)
    with school.database.reading() as session:
        assert not publications.is_any_due(session, now=school.now + timedelta(days=1))


def test_changes_close_together_are_one_publication_two_seconds_after_the_first(school: School) -> None:
    door = school.fit()
    settle(school, Publication(door.id, 1, claim(school)[0]))
    for _ in range(3):
        school.issue(school.slot())
        school.clock.at += timedelta(milliseconds=500)
    assert claim(school) == []
    school.clock.at += timedelta(milliseconds=500)
    assert len(claim(school)) == 1
    assert lock(school).desired_version == 4


def test_a_change_during_a_publication_is_published_after_it(school: School) -> None:
    door = school.fit()
    (mine,) = claim(school)
    school.issue(school.slot())
    settle(school, Publication(door.id, 1, mine))
    school.clock.at += COALESCE
    assert [again.lock_id for again in claim(school)] == [door.id]


def test_an_old_version_that_overtook_the_new_one_at_the_broker_is_repaired(school: School) -> None:
    door = school.fit()
    (slow,) = claim(school)
    school.issue(school.slot())
    school.clock.at += publications.LEASE
    (quick,) = claim(school)
    settle(school, Publication(door.id, 2, quick))
    assert lock(school).publish_due_at is None
    # The slow gateway's message arrived after all and replaced the newer one.
    settle(school, Publication(door.id, 1, slow))
    assert lock(school).published_version == 2
    school.clock.at += COALESCE
    assert [again.lock_id for again in claim(school)] == [door.id]


def test_a_wiped_broker_overrules_publications_that_it_had_taken(school: School) -> None:
    door = school.fit()
    (mine,) = claim(school)
    school.clock.at += timedelta(seconds=1)
    with school.database.transaction() as session:
        assert publications.republish_all(session, now=school.now) == 1
    settle(school, Publication(door.id, 1, mine))
    assert [again.lock_id for again in claim(school)] == [door.id]


def test_new_versions_go_before_repetitions_and_dead_locks_not_at_all(school: School) -> None:
    door = school.fit()
    settle(school, Publication(door.id, 1, claim(school)[0]))
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).values(state="dead", publish_due_at=school.now))
    fresh = school.fit()
    with school.database.transaction() as session:
        session.execute(sa.update(Lock).where(Lock.id == door.id).values(access_point_id=school.gym))
    assert [one.lock_id for one in claim(school)] == [fresh.id]
    with school.database.reading() as session:
        assert not publications.is_any_due(session, now=school.now)
