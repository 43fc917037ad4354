"""`kaiho fleet` from its first line to its last: a fleet, its picture, an outage, an orderly end."""

import sys
import tempfile
import threading
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import click

from booking.demo.fleet_page import PageServer
from booking.demo.fleet_record import Point, Record
from booking.demo.fleet_town import FleetTown, Sample, Wanted
from booking.demo.ports import free_port

_WELCOME = """
  {locks:,} 台の電子錠が動いています（{speed:,.6g} 倍速・見本データ・この機械の中だけ）

    様子のページ  {url}
    記録          {folder}

  終わるときは Ctrl-C。
"""
_EVERY_S = 1.0


class Outage:
    """One cut of the broker, in town time."""

    def __init__(self, town: FleetTown, record: Record, *, at: timedelta, lasts: timedelta) -> None:
        self._town = town
        self._record = record
        self._from_s = at.total_seconds()
        self._until_s = (at + lasts).total_seconds()
        self._state = "due"

    def tick(self, town_s: float) -> None:
        """Begin or end it when its time has come."""
        if self._state == "due" and town_s >= self._from_s:
            self._town.cut_broker()
            self._state = "on"
        elif self._state == "on" and town_s >= self._until_s:
            self._town.mend_broker()
            self._record.outage(self._from_s, town_s)
            self._state = "over"


def run_fleet(
    wanted: Wanted,
    *,
    folder: Path | None,
    port: int,
    outage: timedelta | None,
    outage_at: timedelta,
    for_: timedelta | None,
    stop: threading.Event,
) -> None:
    """Run until `stop`, or for so much town time.

    Raises:
        booking.demo.fleet_town.NotFresh: the database is in use.
        core.errors.ContractBroken: a process did not come up.
    """
    with ExitStack() as closing:
        if folder is None:
            folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="kaiho-fleet-")))
        click.echo("町をつくっています…")
        town, record = FleetTown(folder, wanted), Record()
        closing.callback(town.stop)
        town.start()
        server = PageServer(record, wanted, free_port(port))
        server.start()
        closing.callback(server.stop)
        click.echo(_WELCOME.format(locks=wanted.locks, speed=wanted.speed, url=server.url, folder=folder))
        cut = Outage(town, record, at=outage_at, lasts=outage) if outage else None
        while not stop.wait(_EVERY_S):
            point = record.add(town.sample())
            if cut is not None:
                cut.tick(point.sample.town_s)
            _progress(point)
            if for_ is not None and point.sample.town_s >= for_.total_seconds():
                break
        click.echo(_summary(town.sample()))
        click.echo("町を休ませています…")


def _summary(last: Sample) -> str:
    locks = last.simulator
    octets = (locks["octets_in"] + locks["octets_out"]) / max(1, locks["contacts"])
    return (
        f"\n通信 {locks['contacts']:,} 回（届いた {locks['reached']:,}・失敗 {locks['failed']:,}）、"
        f"解錠 {locks['openings']:,} 回、1回に {octets:,.0f} オクテット、"
        f"ゲートウェイの CPU {1000 * last.gateway_cpu_s / max(1, locks['welcomes']):.1f} ms/返事"
    )


def _progress(point: Point) -> None:
    counts, locks = point.sample.server, point.sample.simulator
    line = (
        f"{point.hour:7.1f} 時間目  通信 {locks['contacts']:,} ({point.contacts_a_s:,.0f}/秒)  "
        f"失敗 {locks['failed']:,}  最新でない {counts.behind:,}  "
        f"遅れ {counts.late:,}  途絶 {counts.lost:,}  "
        f"警報 {sum(counts.alarms.values()):,}  CPU {point.cpu_ms:.1f} ms/通信"
    )
    # One line that changes on a terminal, one line a sample in a file.
    click.echo(f"\r{line}\033[K" if sys.stdout.isatty() else line, nl=not sys.stdout.isatty())
