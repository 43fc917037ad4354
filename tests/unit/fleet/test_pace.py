"""Compressed time: sleep flies, a contact takes as long as it takes."""

from firmware_sim.edge import mono_s
from firmware_sim.fleet.pace import Chip, Pace, Ticker

HOUR_S = 3600


def test_asleep_a_lock_lives_at_the_towns_pace_and_awake_at_the_networks() -> None:
    ticker = Ticker(Pace(0, mono_s(), 1_000_000))
    asleep = passed(ticker)
    ticker.wake()
    awake = passed(ticker)
    ticker.sleep()
    assert asleep > 100 * awake
    assert passed(ticker) > 100 * awake


def test_a_locks_own_seconds_never_go_back() -> None:
    ticker = Ticker(Pace(0, mono_s(), 500))
    seen = []
    for turn in range(40):
        (ticker.wake if turn % 2 else ticker.sleep)()
        seen.append(ticker.now())
    assert seen == sorted(seen)


def test_a_sleeping_lock_is_woken_a_compressed_hour_later() -> None:
    ticker = Ticker(Pace(0, mono_s(), 3600))
    in_s = ticker.host_at(ticker.now() + HOUR_S) - mono_s()
    assert 0.9 < in_s < 1.1
    ticker.wake()
    assert ticker.host_at(ticker.now() + 5) - mono_s() > 4.9


def test_without_compression_an_hour_is_an_hour() -> None:
    ticker = Ticker(Pace(0, mono_s(), 1))
    assert ticker.host_at(ticker.now() + HOUR_S) - mono_s() > HOUR_S - 1


def test_a_clock_chip_runs_in_town_time_with_its_own_drift() -> None:
    pace = Pace(1_700_000_000_000, mono_s() - 100, 1000)
    right, fast = Chip(pace, 0.0), Chip(pace, 20.0)
    assert right.wall_ms() < 946684900000
    for chip in (right, fast):
        chip.set(pace.unix_ms())
    begun, at = pace.town_s(), pace.unix_ms()
    while pace.town_s() < begun + 10:
        continue
    assert abs(right.wall_ms() - pace.unix_ms()) < 3000
    assert right.wall_ms() > at + 9_000
    assert fast.wall_ms() - right.wall_ms() < 100


def passed(ticker: Ticker) -> float:
    """A lock's seconds in a tiny while of the machine."""
    begun, own = mono_s(), ticker.now()
    while mono_s() < begun + 0.0005:
        continue
    return (ticker.now() - own) / (mono_s() - begun)
