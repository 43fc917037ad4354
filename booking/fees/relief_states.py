"""Life of an application for relief, when it is due, and why an act on it is refused."""

from datetime import date, datetime, timedelta
from enum import StrEnum

from core.clock import start_of_day
from core.errors import Refused

DECIDED_WITHIN = timedelta(days=14)
_AT_LEAST = timedelta(days=1)


class ReliefState(StrEnum):
    """Where an application is; the last three are final."""

    ASKED = "asked"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class AlreadyDecided(Refused):
    """The application is not open any more."""

    code = "relief_closed"
    sentence = "この申請は、すでに決定または取下げがされています。画面を確かめてください。"


class OwnGroup(Refused):
    """Nobody decides for a group of their own."""

    code = "own_group"
    sentence = "ご自分の団体の申請は決定できません。ほかの管理者に依頼してください。"


class TooManyApplications(Refused):
    """The group has as many undecided ones as it may have."""

    code = "too_many_applications"
    sentence = "審査中の申請が多いため、新しい申請はできません。決定をお待ちください。"


def decision_due_at(asked_at: datetime, valid_from: date) -> datetime:
    """Until when it is to be decided: in two weeks, sooner if the use is sooner, but never within a day."""
    return max(asked_at + _AT_LEAST, min(asked_at + DECIDED_WITHIN, start_of_day(valid_from)))
