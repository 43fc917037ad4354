"""What a scheduled contact tells about a clock."""

from datetime import UTC, datetime, timedelta

from locks.drift import DRIFT_LIMIT_PPM, OFFSET_LIMIT_MS, ClockNote, clock_note

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
HALF_DAY = timedelta(hours=12)


def after(contacts: int, ppm: float, *, delay_ms: int = 0, late_ms: int = 0) -> ClockNote:
    """A clock that runs `ppm` fast, over so many half days; `late_ms` is the last message's extra way."""
    known: float | None = None
    noted = ClockNote(0, None)
    for number in range(contacts):
        way = delay_ms + (late_ms if number == contacts - 1 else 0)
        clock_ms = int(NOW.timestamp() * 1000 + ppm * HALF_DAY.total_seconds() / 1000 - way)
        noted = clock_note(clock_ms=clock_ms, received_at=NOW, set_at=NOW - HALF_DAY, known_ppm=known)
        known = noted.drift_ppm
    return noted


def test_a_clock_within_its_limit_is_never_blamed() -> None:
    for ppm in (-20, -7, 0, 7, 20):
        assert after(60, ppm).is_in_margin


def test_a_fast_clock_is_found_within_two_days() -> None:
    assert not after(4, 25).is_in_margin
    assert (after(20, 25).drift_ppm or 0) > DRIFT_LIMIT_PPM


def test_a_slow_clock_is_found_within_two_weeks() -> None:
    assert not after(28, -60).is_in_margin


def test_a_network_that_takes_its_time_does_not_make_a_clock_slow() -> None:
    assert after(60, 0, delay_ms=900).is_in_margin
    assert after(60, 0, delay_ms=100, late_ms=4800).is_in_margin


def test_without_the_share_left_to_the_network_a_right_clock_would_be_blamed() -> None:
    offset_ms = -1800
    assert offset_ms * 1000 / HALF_DAY.total_seconds() < -DRIFT_LIMIT_PPM
    assert after(60, 0, delay_ms=1800).is_in_margin


def test_an_offset_beyond_a_tenth_of_the_margin_is_told_at_once() -> None:
    now_ms = int(NOW.timestamp() * 1000)
    far = clock_note(clock_ms=now_ms - OFFSET_LIMIT_MS - 1, received_at=NOW, set_at=None, known_ppm=None)
    near = clock_note(clock_ms=now_ms + OFFSET_LIMIT_MS, received_at=NOW, set_at=None, known_ppm=None)
    assert (far.is_in_margin, near.is_in_margin) == (False, True)
    assert far.drift_ppm is None


def test_contacts_that_lie_near_each_other_say_nothing_about_drift() -> None:
    now_ms = int(NOW.timestamp() * 1000)
    near = clock_note(
        clock_ms=now_ms + 900, received_at=NOW, set_at=NOW - timedelta(minutes=20), known_ppm=3.0
    )
    assert near.drift_ppm == 3.0
