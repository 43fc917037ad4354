"""What a lock draws from its cells, and what the cells say of it."""

from pathlib import Path

import pytest

from firmware_sim.__main__ import main
from firmware_sim.core.bolt import BATTERY_LOW_MV, MOTOR_NEEDS_MV
from firmware_sim.energy import (
    CAPACITY_C,
    CURVE_MV,
    LTE_M,
    PROFILES,
    WIFI,
    Pattern,
    a_day,
    measured_mv,
    rest_mv,
    table,
    used_at,
    years,
)
from firmware_sim.view import view
from tests.servers.processes import ROOT
from tests.unit.firmware_sim.yard import Yard


def test_a_metered_lock_draws_what_the_arithmetic_says(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    yard.start()
    yard.door.meter.renew()
    days, openings = 4, 4
    for _ in range(days * openings):
        window = yard.window()
        yard.server.publish(yard.now, grants=[window])
        decided = yard.enter(yard.server.code(*window))
        assert decided is not None
        assert decided.opens
        yard.advance(86400 / openings - 30)
    yard.door.battery_mv()
    scheduled = [hello for hello in yard.server.hellos if hello["why"] == "schedule"]
    expected = a_day(LTE_M, Pattern(len(scheduled) / days, openings))
    # This network answers at once, so no time passes in listening.
    assert yard.door.meter.drawn["listening"] == 0
    assert expected.pop("listening") < 0.1
    for cause in expected:
        assert yard.door.meter.drawn[cause] / days == pytest.approx(expected[cause], rel=0.25), cause
    assert yard.door.meter.total_c / days == pytest.approx(sum(expected.values()), rel=0.1)


def test_the_voltage_of_the_hellos_follows_what_was_drawn(tmp_path: Path) -> None:
    yard = Yard(tmp_path).start()
    told = []
    for used in (0.0, 0.1, 0.3, 0.65, 0.85):
        yard.door.meter.renew(used)
        yard.sync()
        told.append(yard.server.hellos[-1]["battery_mv"])
    assert told == sorted(told, reverse=True)
    assert told[0] == pytest.approx(6000, abs=2)
    assert told[2] == pytest.approx(rest_mv(0.3), abs=5)
    assert {"battery_low", "battery_critical"} <= set(yard.alarms())


def test_what_was_drawn_survives_a_restart_and_new_cells_end_it(tmp_path: Path) -> None:
    yard = Yard(tmp_path).start()
    yard.door.set_battery(5100)
    for _ in range(5):
        yard.sync()
    drawn = yard.door.meter.total_c
    yard.door.stop()
    yard.door = yard.new_door()
    assert yard.door.meter.total_c == pytest.approx(drawn)
    yard.door.start()
    assert 5090 <= view(yard.door)["battery_mv"] <= 5100
    yard.door.set_battery(6000)
    assert view(yard.door)["battery_mv"] == 6000


@pytest.mark.parametrize("millivolts", [6000, 5999, 5600, 5100, 4800, 4399, 3700, 3600])
def test_cells_that_show_a_voltage_have_given_so_much(millivolts: int) -> None:
    assert rest_mv(used_at(millivolts)) == millivolts
    assert 0 <= used_at(millivolts) <= 1


def test_a_curve_falls_and_ends_where_the_cells_are_empty() -> None:
    assert [mv for _, mv in CURVE_MV] == sorted((mv for _, mv in CURVE_MV), reverse=True)
    assert (rest_mv(2.0), used_at(100)) == (CURVE_MV[-1][1], 1.0)


def test_cold_and_age_make_the_cells_sag_under_load() -> None:
    assert measured_mv(0.5, 25) == measured_mv(0.5, 15) == rest_mv(0.5)
    assert measured_mv(0.5, -10) < measured_mv(0.5, 0) < rest_mv(0.5)
    assert rest_mv(0.75) - measured_mv(0.75, -12) > rest_mv(0.1) - measured_mv(0.1, -12) > 100


def test_years_shrink_with_every_opening_and_every_contact() -> None:
    for profile in PROFILES.values():
        life = [years(profile, Pattern(2, openings)) for openings in (0, 4, 12, 40)]
        assert life == sorted(life, reverse=True)
        assert years(profile, Pattern(24, 4)) < life[1]
    assert years(LTE_M, Pattern(2, 4)) > years(WIFI, Pattern(2, 4)) > 1
    # By hand: 20 µA, 3 % a year, 6 contacts of 0.25 C, 8 movements of 0.25 C, 4 entries of 0.12 C.
    by_hand = 20e-6 * 86400 + 0.03 * 8280 / 365.25 + 6 * 0.25 + 8 * 0.25 + 4 * 0.12
    assert years(LTE_M, Pattern(2, 4)) == pytest.approx(8280 / by_hand / 365.25)


@pytest.mark.parametrize("temperature", [20, 5, -5])
def test_a_lock_warns_at_least_two_weeks_before_it_opens_for_nobody(temperature: int) -> None:
    shares = [share / 1000 for share in range(1001)]
    low = next(share for share in shares if measured_mv(share, temperature) < BATTERY_LOW_MV)
    dead = next(share for share in shares if measured_mv(share, temperature) < MOTOR_NEEDS_MV)
    for profile in PROFILES.values():
        for openings in (0, 4, 12, 40):
            left_c = (dead - low) * CAPACITY_C
            assert left_c / sum(a_day(profile, Pattern(2, openings)).values()) >= 14


def test_a_motor_that_stalls_and_a_contact_that_fails_cost_too(tmp_path: Path) -> None:
    healthy, jammed = Yard(tmp_path / "a"), Yard(tmp_path / "b", "jam")
    for yard in (healthy, jammed):
        window = yard.window()
        yard.start(grants=[window])
        for _ in range(6):
            yard.enter(yard.server.code(*window))
            yard.advance(60)
    assert jammed.door.meter.drawn["motor"] > healthy.door.meter.drawn["motor"]
    before = healthy.door.meter.drawn["connect"]
    healthy.is_up = False
    healthy.sync()
    assert healthy.door.meter.drawn["connect"] > before


def test_a_slow_network_costs_what_the_lock_listens(tmp_path: Path) -> None:
    yard = Yard(tmp_path, "slow-network").start()
    for _ in range(5):
        yard.sync()
    assert 0 < yard.door.meter.drawn["listening"] < 5 * 60 * LTE_M.listening_a


def test_the_document_shows_the_table_that_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["energy"]) == 0
    printed = capsys.readouterr().out.strip()
    assert printed == table()
    assert printed in (ROOT / "docs" / "energy.md").read_text(encoding="utf-8")
    assert main(["energy", "--openings", "6", "--radio", "wifi"]) == 0
    assert "years" in capsys.readouterr().out
