"""The locks' word turns a late cancellation into a refund, by rule, and nobody else's word does."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from booking.places.catalogue import bump
from booking.places.models import OfferingAccessPoint
from booking.refunding import evidence, reviews
from booking.refunding.evidence import Said, Verdict, verdict_of
from booking.reservations import deadlines
from booking.reservations.models import State
from locks import installation
from locks.models import EventLoss, Grant
from tests.integration.booking.locked_doors import fit, speak, spoken
from tests.integration.booking.refunding import give_up, look, owed, review, sell_by, told
from tests.integration.booking.test_races import at_once
from tests.integration.booking.town import NOW, Town, at
from tests.integration.locks.door import Door

LATE = at(9.5)
"""Twenty minutes before a code of the reservation from 10 to 12 opens."""
OPENS = at(10) - timedelta(minutes=10)
PAST_END = at(12) + timedelta(minutes=15)
SECOND = timedelta(seconds=1)


def second_door(town: Town) -> int:
    """Another access point that the full gym opens."""
    with town.database.transaction() as session:
        point = installation.add_access_point(
            session,
            municipality_id=town.municipality_id,
            name="北口",
            kind="door_lock",
            courts=town.courts,
            now=NOW,
        )
        session.add(OfferingAccessPoint(offering_id=town.full, access_point_id=point))
        return point


def sold(town: Town, *, unused_percent: int = 50, kept_yen: int = 0) -> UUID:
    """A reservation of which half comes back where nobody came in."""
    sell_by(town, (86400, 100), unused_percent=unused_percent, kept_yen=kept_yen)
    return town.confirmed()


def open_at(
    town: Town, door: Door, reservation_id: UUID, when: datetime, *, kind: str = "lock_operation"
) -> None:
    """The lock opens with the reservation's code; it will say so at its next contact."""
    with town.database.reading() as session:
        grant = session.scalars(sa.select(Grant).where(Grant.holder == reservation_id)).first()
        assert grant is not None
        credential = [grant.granule, grant.length, grant.lane, grant.rev]
    door.happens(kind, int(when.timestamp()), operation="unlock", source="keypad", credential=credential)


def state_of(town: Town, reservation_id: UUID) -> str | None:
    found = review(town, reservation_id)
    return found.state if found else None


def said(town: Town, reservation_id: UUID) -> dict[str, str]:
    found = review(town, reservation_id)
    assert found is not None
    return {word["name"]: word["said"] for word in found.evidence.values()}


def test_a_code_that_was_dead_before_its_first_second_gives_it_back_at_once(town: Town) -> None:
    door = spoken(town)
    reservation_id = sold(town)
    speak(town, door)
    give_up(town, reservation_id, now=LATE)
    assert owed(town) == []
    assert look(town, LATE) == 1
    assert (state_of(town, reservation_id), said(town, reservation_id)) == ("waiting", {"入口": "not_yet"})
    speak(town, door, now=LATE + timedelta(minutes=1))
    assert look(town, LATE + timedelta(minutes=4)) == 0
    assert look(town, LATE + timedelta(minutes=5)) == 1
    assert owed(town) == [(reservation_id, 300, "unused")]
    found = review(town, reservation_id)
    assert found is not None
    assert (found.state, found.refund_yen, found.next_due_at) == ("granted", 300, None)
    assert found.decided_at == LATE + timedelta(minutes=5)
    assert said(town, reservation_id) == {"入口": "dead_in_time"}
    (mail,) = told(town, "reviewed")
    assert mail["refund_yen"] == 300
    assert mail["why"] == "利用の前に、暗証番号が電子錠で無効になっていました。"
    assert look(town, at(20)) == 0


@pytest.mark.parametrize(("last_word", "is_dead"), [(OPENS - SECOND, True), (OPENS, False)])
def test_a_word_before_the_codes_first_second_counts_also_when_asked_later(
    town: Town, last_word: datetime, is_dead: bool
) -> None:
    door = spoken(town)
    reservation_id = sold(town)
    speak(town, door)
    give_up(town, reservation_id, now=LATE)
    speak(town, door, now=last_word)
    look(town, at(11))
    assert state_of(town, reservation_id) == ("granted" if is_dead else "waiting")


def test_a_code_that_died_too_late_waits_for_the_silence_after_the_end(town: Town) -> None:
    door = spoken(town)
    reservation_id = sold(town)
    speak(town, door)
    give_up(town, reservation_id, now=at(10.5))
    speak(town, door, now=at(11))
    look(town, at(11))
    found = review(town, reservation_id)
    assert found is not None
    assert (found.state, found.next_due_at) == ("waiting", PAST_END)
    speak(town, door, now=PAST_END)
    look(town, PAST_END)
    assert state_of(town, reservation_id) == "waiting"
    speak(town, door, now=PAST_END + SECOND)
    assert look(town, PAST_END + timedelta(minutes=29)) == 0
    look(town, PAST_END + timedelta(minutes=30))
    assert (state_of(town, reservation_id), said(town, reservation_id)) == ("granted", {"入口": "silent"})
    assert told(town, "reviewed")[0]["why"] == "終了時刻を過ぎても、一度も開けられていませんでした。"


def test_an_opening_refuses_it_whenever_it_is_told(town: Town) -> None:
    door = spoken(town)
    reservation_id = sold(town)
    speak(town, door)
    give_up(town, reservation_id, now=at(10.25))
    look(town, at(10.25))
    open_at(town, door, reservation_id, at(10.1))
    speak(town, door, now=PAST_END + SECOND)
    look(town, PAST_END + timedelta(minutes=1))
    found = review(town, reservation_id)
    assert found is not None
    assert (found.state, found.refund_yen) == ("refused", 0)
    assert said(town, reservation_id) == {"入口": "opened"}
    assert next(iter(found.evidence.values()))["at"] == at(10.1).astimezone(found.asked_at.tzinfo).isoformat()
    assert owed(town) == []
    (mail,) = told(town, "reviewed")
    assert (mail["refund_yen"], mail["why"]) == (0, "入口が、この予約の暗証番号で開けられていました。")


def test_every_door_has_to_have_spoken(town: Town) -> None:
    north = second_door(town)
    first, other = spoken(town), spoken(town, north)
    reservation_id = sold(town)
    for door in (first, other):
        speak(town, door)
    give_up(town, reservation_id, now=LATE)
    speak(town, first, now=LATE + SECOND)
    look(town, LATE + timedelta(minutes=1))
    assert said(town, reservation_id) == {"入口": "dead_in_time", "北口": "not_yet"}
    assert state_of(town, reservation_id) == "waiting"
    speak(town, other, now=PAST_END + SECOND)
    look(town, PAST_END + timedelta(minutes=1))
    assert said(town, reservation_id) == {"入口": "dead_in_time", "北口": "silent"}
    assert state_of(town, reservation_id) == "granted"


def test_a_lock_that_lost_its_log_proves_nothing(town: Town) -> None:
    door = spoken(town)
    reservation_id = sold(town)
    speak(town, door)
    give_up(town, reservation_id, now=at(10.5))
    speak(town, door, now=PAST_END + SECOND)
    with town.database.transaction() as session:
        session.add(EventLoss(lock_id=door.id, first_seq=1, last_seq=9, noticed_at=OPENS))
    look(town, PAST_END + timedelta(minutes=1))
    assert (state_of(town, reservation_id), said(town, reservation_id)) == ("refused", {"入口": "log_lost"})
    assert owed(town) == []


def test_a_log_lost_before_the_window_does_not_matter(town: Town) -> None:
    door = spoken(town)
    reservation_id = sold(town)
    speak(town, door)
    give_up(town, reservation_id, now=at(10.5))
    speak(town, door, now=PAST_END + SECOND)
    with town.database.transaction() as session:
        session.add(EventLoss(lock_id=door.id, first_seq=1, last_seq=9, noticed_at=OPENS - SECOND))
    look(town, PAST_END + timedelta(minutes=1))
    assert state_of(town, reservation_id) == "granted"


def test_a_lock_that_never_speaks_is_asked_again_and_again(town: Town) -> None:
    fit(town)
    reservation_id = sold(town)
    give_up(town, reservation_id, now=at(11))
    now = at(11)
    for _ in range(5):
        look(town, now)
        found = review(town, reservation_id)
        assert found is not None
        assert found.next_due_at is not None
        assert found.next_due_at > now
        now = found.next_due_at
    assert state_of(town, reservation_id) == "waiting"
    assert now >= PAST_END + timedelta(hours=1)


def test_who_stays_away_gets_a_review_too(town: Town) -> None:
    door = spoken(town)
    reservation_id = sold(town)
    speak(town, door, now=PAST_END + SECOND)
    with town.database.transaction() as session:
        deadlines.expire_due(session, now=at(13), limit=10)
    assert town.reservation(reservation_id).state == State.NO_SHOW
    look(town, at(13))
    assert (state_of(town, reservation_id), owed(town)) == ("granted", [(reservation_id, 300, "unused")])


@pytest.mark.parametrize(
    ("terms", "when"),
    [({"unused_percent": 0}, LATE), ({}, at(10) - timedelta(days=1)), ({"kept_yen": 300}, LATE)],
)
def test_where_nothing_more_would_come_back_there_is_no_review(
    town: Town, terms: dict[str, int], when: datetime
) -> None:
    spoken(town)
    reservation_id = sold(town, **terms)
    give_up(town, reservation_id, now=when)
    assert review(town, reservation_id) is None


def test_without_a_lock_there_is_nobody_to_ask(town: Town) -> None:
    sell_by(town, (86400, 100), unused_percent=50)
    with town.database.transaction() as session:
        session.execute(sa.delete(OfferingAccessPoint))
        bump(session, town.municipality_id)
    reservation_id = town.confirmed()
    give_up(town, reservation_id, now=LATE)
    assert review(town, reservation_id) is None


def test_what_a_stage_gave_already_is_taken_off(town: Town) -> None:
    door = spoken(town)
    sell_by(town, (0, 20), unused_percent=50)
    reservation_id = town.confirmed()
    speak(town, door)
    give_up(town, reservation_id, now=LATE)
    speak(town, door, now=LATE + SECOND)
    look(town, LATE + timedelta(minutes=1))
    assert sorted(owed(town)) == sorted([(reservation_id, 120, "cancelled"), (reservation_id, 180, "unused")])


def test_two_workers_at_once_give_it_back_once(town: Town) -> None:
    door = spoken(town)
    reservation_id = sold(town)
    speak(town, door)
    give_up(town, reservation_id, now=LATE)
    speak(town, door, now=LATE + SECOND)
    looked = at_once([lambda: look(town, LATE + timedelta(minutes=1)) for _ in range(4)])
    assert sum(number for number in looked if isinstance(number, int)) >= 1
    assert owed(town) == [(reservation_id, 300, "unused")]
    assert len(told(town, "reviewed")) == 1


def test_one_that_cannot_be_looked_at_waits_and_holds_up_nobody(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken(town)
    reservation_id = sold(town)
    give_up(town, reservation_id, now=LATE)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("見本")

    with monkeypatch.context() as patched:
        patched.setattr(evidence, "gather", broken)
        assert look(town, LATE) == 1
    found = review(town, reservation_id)
    assert found is not None
    assert (found.state, found.next_due_at) == ("waiting", LATE + timedelta(minutes=5))


def test_staff_and_resident_see_how_far_it_is(town: Town) -> None:
    fit(town)
    reservation_id = sold(town)
    give_up(town, reservation_id, now=LATE)
    look(town, LATE)
    with town.database.reading() as session:
        (waiting,) = reviews.waiting(session, municipality_id=town.municipality_id)
        assert reviews.of_reservation(session, reservation_id) == waiting
        assert reviews.waiting(session, municipality_id=town.municipality_id + 1) == []
    assert (waiting.state, waiting.percent, waiting.would_be_yen) == (Verdict.WAITING, 50, 300)
    assert waiting.why == "入口からの記録を待っています。"


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ((), Verdict.WAITING),
        ((Said.SILENT,), Verdict.GRANTED),
        ((Said.DEAD_IN_TIME, Said.SILENT), Verdict.GRANTED),
        ((Said.SILENT, Said.NOT_YET), Verdict.WAITING),
        ((Said.LOG_LOST, Said.NOT_YET), Verdict.WAITING),
        ((Said.LOG_LOST, Said.SILENT), Verdict.REFUSED),
        ((Said.OPENED, Said.NOT_YET), Verdict.REFUSED),
        ((Said.OPENED, Said.DEAD_IN_TIME), Verdict.REFUSED),
    ],
)
def test_one_opening_refuses_and_one_silence_is_not_enough(words: tuple[Said, ...], verdict: Verdict) -> None:
    found = {str(number): {"name": "入口", "said": word.value} for number, word in enumerate(words)}
    assert verdict_of(found) is verdict
