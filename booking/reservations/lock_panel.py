"""The locks of a municipality in words: what troubles each, what it has been told, what it says happened."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from booking.fleet.alarm_words import words_of
from booking.fleet.lock_words import BOLTS, DOORS, STATES
from booking.places.access_points import facility_names, full_name
from booking.places.entries import Catalogue
from core.clock import civil_day
from locks import battery
from locks.alarms.kinds import AlarmKind
from locks.alarms.queries import AlarmLine
from locks.fleet import EventLine, LockLine, Worst
from locks.models import LockState

_ERRORS = {
    "invalid_credential": "暗証番号の入力間違い",
    "restricted": "使えない時間の暗証番号",
    "throttled": "入力間違いが続いたため受付停止",
    "insufficient_battery": "電池不足で開けられず",
}


@dataclass(frozen=True, slots=True)
class LockCard:
    """A lock in words."""

    lock_id: str
    name: str
    troubles: tuple[str, ...]
    last_contact_at: datetime | None
    settings_word: str
    versions: str
    battery_mv: int | None
    is_battery_low: bool
    door_word: str


@dataclass(frozen=True, slots=True)
class EventWords:
    """Something that a lock says happened."""

    at: datetime
    words: str
    where: str


@dataclass(frozen=True, slots=True)
class LockPanel:
    """The locks that want a look most, the day's events, newest first, and the alarms that wait for one."""

    locks: tuple[LockCard, ...]
    left_out: int
    """How many more there are."""
    troubled: int
    """How many of all want a look."""
    events: tuple[EventWords, ...]
    alarms: tuple[tuple[str, int], ...]
    """(what, how many), most first."""


def panel_of(
    worst: Worst,
    events: Sequence[EventLine],
    alarms: Mapping[AlarmKind, int],
    lasting: Sequence[AlarmLine],
    places: Catalogue,
    *,
    now: datetime,
) -> LockPanel:
    """The panel of a municipality's locks, what they reported, its alarms by kind, and which of these
    last at the shown locks.
    """
    facility_of = facility_names(places, civil_day(now))
    cards = tuple(
        _card(
            lock,
            full_name(lock.access_point_id, lock.access_point_name, facility_of),
            [alarm.kind for alarm in lasting if alarm.lock_id == lock.lock_id],
        )
        for lock in worst.lines
    )
    told = tuple(
        EventWords(event.at, words, full_name(event.access_point_id, event.access_point_name, facility_of))
        for event in events
        if (words := event_in_words(event.kind, event.detail))
    )
    waiting = tuple((words_of(kind).title, many) for kind, many in alarms.items())
    return LockPanel(cards, worst.locks - len(cards), worst.troubled, told, waiting)


def event_in_words(kind: str, detail: Mapping[str, object]) -> str:
    """What happened, or nothing where staff need not know."""
    if kind == "lock_operation" and detail.get("operation") == "unlock":
        how = {"keypad": "暗証番号で解錠", "manual": "室内から解錠", "button": "室内から解錠"}
        words = how.get(str(detail.get("source")), "解錠")
        return f"{words}(通信なし)" if detail.get("offline") else words
    if kind == "lock_operation_error":
        words = _ERRORS.get(str(detail.get("error")), "開けられず")
        count = detail.get("count", 1)
        return f"{words} {count}回" if isinstance(count, int) and count > 1 else words
    if kind == "door_lock_alarm":
        return f"警報: {_alarm_in_words(detail.get('alarm'))}"
    return ""


def _alarm_in_words(name: object) -> str:
    try:
        return words_of(str(name)).title
    except ValueError:
        return "不明な警報"


def _card(lock: LockLine, name: str, alarms: Sequence[AlarmKind]) -> LockCard:
    is_low = lock.battery_mv is not None and lock.battery_mv < battery.LOW_MV
    is_applied = lock.applied_version >= lock.desired_version
    return LockCard(
        lock_id=lock.lock_id,
        name=name,
        troubles=tuple(dict.fromkeys(_troubles(lock, alarms, is_battery_low=is_low))),
        last_contact_at=lock.last_contact_at,
        settings_word="反映済み" if is_applied else "反映待ち",
        versions=f"版 {lock.applied_version}" + ("" if is_applied else f" → {lock.desired_version}"),
        battery_mv=lock.battery_mv,
        is_battery_low=is_low,
        door_word="・".join(word for word in (BOLTS.get(lock.bolt or ""), DOORS.get(lock.door or "")) if word)
        or "不明",
    )


def _troubles(lock: LockLine, alarms: Sequence[AlarmKind], *, is_battery_low: bool) -> Iterator[str]:
    """In the words of its alarms, also where the alarm itself is not raised yet."""
    if lock.state == LockState.PROVISIONED:
        yield STATES[lock.state][0]
    yield from (words_of(kind).title for kind in alarms)
    if lock.state == LockState.PROVISIONED:
        return
    if lock.is_lost:
        yield words_of(AlarmKind.LOST).title
    elif lock.is_late:
        yield words_of(AlarmKind.LATE).title
    if is_battery_low and AlarmKind.BATTERY_CRITICAL not in alarms:
        yield words_of(AlarmKind.BATTERY_LOW).title
    if lock.bolt == "jammed":
        yield words_of(AlarmKind.LOCK_JAMMED).title
    # After a loss of power the first hello says so, and its answer sets the clock; later on it is a fault.
    if lock.clock_quality == "unknown" and lock.why != "boot":
        yield "時計が不明"
