"""The demo's tour judges itself: it holds over a town, and breaks off where a door has another secret."""

import json
import threading
from pathlib import Path

import pytest

from booking.app.services import Services
from booking.demo.tour import Tour, run_tour, tell
from booking.demo.town import Town
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.timeout(240)


def test_the_tour_holds_on_sqlite(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_tour() == 0, capsys.readouterr().err
    assert "すべて確かめました。" in capsys.readouterr().out


def test_the_tour_holds_on_postgresql(
    capsys: pytest.CaptureFixture[str], postgres_server: PostgresServer
) -> None:
    url = postgres_server.create("kaiho_tour")
    try:
        assert run_tour(database_url=url) == 0, capsys.readouterr().err
    finally:
        postgres_server.drop("kaiho_tour")
    assert "すべて確かめました。" in capsys.readouterr().out


class MistypedTown(Town):
    """Its installer typed another gym's secret into each lock."""

    def _provision_doors(self, services: Services) -> None:
        super()._provision_doors(services)
        doors = json.loads(self.doors_file.read_text())
        for door in doors:
            door["code_root"] = "5a" * 32
        self.doors_file.write_text(json.dumps(doors))


def test_the_tour_breaks_off_where_a_door_has_another_secret(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert tell(MistypedTown(tmp_path), threading.Event()) == 1
    said = capsys.readouterr()
    assert "the door should open" in said.err
    assert "すべて確かめました。" not in said.out


def test_a_tour_that_was_told_to_end_begins_no_further_chapter(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The interrupt itself may have been lost in whatever Python was about."""
    ended = threading.Event()
    ended.set()
    with pytest.raises(KeyboardInterrupt):
        Tour(Town(tmp_path), ended).run()
    assert capsys.readouterr().out == ""
