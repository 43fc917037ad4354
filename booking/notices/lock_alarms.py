"""Alarms of locks, told to the managers by mail."""

from datetime import datetime

from sqlalchemy.orm import Session

from locks.callbacks import AlarmTold


def alarm_began(session: Session, *, alarm: AlarmTold, now: datetime) -> None:
    """An alarm has just begun."""
    del session, alarm, now
