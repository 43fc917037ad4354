"""Alarms as rows: one while it lasts, told once, over by cause or by a person's look."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from core.audit import AuditEntry
from core.errors import BadInput, NotThere
from locks.alarms.kinds import ONCE, AlarmKind
from locks.alarms.models import Alarm
from locks.alarms.raising import acknowledge, end_alarm, raise_alarm
from tests.integration.locks.conftest import TOWN, School


def rise(school: School, kind: AlarmKind = AlarmKind.LOCK_JAMMED, subject: str = "", **detail: int) -> bool:
    with school.database.transaction() as session:
        return raise_alarm(
            session,
            school.callbacks,
            access_point_id=school.gym,
            lock_id=None,
            kind=kind,
            subject=subject,
            detail=detail,
            now=school.now,
        )


def end(school: School, kind: AlarmKind = AlarmKind.LOCK_JAMMED) -> bool:
    with school.database.transaction() as session:
        return end_alarm(session, access_point_id=school.gym, kind=kind, now=school.now)


def look(school: School, alarm_id: int, note: str = "", town: int = TOWN) -> None:
    with school.database.transaction() as session:
        acknowledge(
            session, alarm_id=alarm_id, municipality_id=town, actor="system", note=note, now=school.now
        )


def test_an_alarm_that_lasts_is_one_row_and_told_once(school: School) -> None:
    assert rise(school, mv=1)
    school.clock.at += timedelta(minutes=5)
    assert not rise(school, mv=2)
    alarm = school.one(sa.select(Alarm))
    assert (alarm.count, alarm.detail, alarm.last_at) == (2, {"mv": 2}, school.now)
    assert [(told.kind, told.access_point_name) for told in school.notes.alarms] == [
        ("lock_jammed", "体育館")
    ]


def test_after_its_end_the_same_again_is_a_new_alarm(school: School) -> None:
    rise(school)
    assert end(school)
    assert not end(school)
    assert rise(school)
    assert len(school.rows(sa.select(Alarm.id))) == 2
    assert len(school.notes.alarms) == 2


def test_two_subjects_of_a_kind_are_two_alarms(school: School) -> None:
    for subject in ("one", "two", "one"):
        rise(school, AlarmKind.CANCELLED_OPENING, subject)
    assert len(school.rows(sa.select(Alarm.id))) == 2


def test_a_look_ends_what_only_happened_once_and_not_what_lasts(school: School) -> None:
    for kind in (AlarmKind.TAMPER, AlarmKind.LOCK_JAMMED):
        rise(school, kind)
    for (alarm_id,) in school.rows(sa.select(Alarm.id)):
        look(school, alarm_id, "見ました")
    ended = dict(school.rows(sa.select(Alarm.kind, Alarm.ended_at)))
    assert ended["tamper"] == school.now
    assert ended["lock_jammed"] is None
    assert AlarmKind.TAMPER in ONCE


def test_a_second_look_changes_nothing(school: School) -> None:
    rise(school)
    alarm_id = school.one(sa.select(Alarm.id))
    look(school, alarm_id, "一度目")
    school.clock.at += timedelta(minutes=1)
    look(school, alarm_id, "二度目")
    alarm = school.one(sa.select(Alarm))
    assert (alarm.note, alarm.acknowledged_at) == ("一度目", school.now - timedelta(minutes=1))
    acts = school.rows(sa.select(AuditEntry.act).where(AuditEntry.act == "alarm.acknowledge"))
    assert len(acts) == 1


def test_another_towns_alarm_is_not_there(school: School) -> None:
    rise(school)
    with pytest.raises(NotThere):
        look(school, school.one(sa.select(Alarm.id)), town=TOWN + 1)


def test_a_note_has_an_end(school: School) -> None:
    rise(school)
    with pytest.raises(BadInput):
        look(school, school.one(sa.select(Alarm.id)), "あ" * 401)
