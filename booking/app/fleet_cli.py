"""`kaiho fleet`: thousands of sleepy locks on a real broker, in compressed time."""

import re
import signal
from datetime import timedelta
from pathlib import Path

import click

from core.ending import Ending

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class _Span(click.ParamType[timedelta]):
    """`90m`, `2h`, `1.5d`: a length of town time."""

    name = "SPAN"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(value))
        if found is None:
            self.fail(f"{value}: 90m, 2h, 1.5d", param, ctx)
        return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


@click.command()
@click.option("--locks", default=5000, show_default=True, type=click.IntRange(1, 50_000))
@click.option(
    "--speed",
    default=600.0,
    show_default=True,
    type=click.FloatRange(1, 100_000),
    help="Town seconds a second; contacts keep the pace of the real network.",
)
@click.option(
    "--faults",
    type=click.Choice(["none", "radio", "losses", "silent", "rough"]),
    default="none",
    show_default=True,
    help="What goes wrong on the way.",
)
@click.option("--seed", default="0", show_default=True, help="Of the faults.")
@click.option("--database", "database_url", help="An empty database [default: SQLite in the folder].")
@click.option("--gateways", default=1, show_default=True, type=click.IntRange(1, 8))
@click.option("--tls", "is_tls", is_flag=True, help="Speak TLS with the broker.")
@click.option("--outage", type=_Span(), help="Cut the broker for so long in town time (2h), once.")
@click.option("--outage-at", type=_Span(), default="26h", show_default=True, help="When, in town time.")
@click.option("--for", "for_", type=_Span(), help="End by itself after so much town time.")
@click.option("--port", default=8100, show_default=True, help="Of the page on 127.0.0.1.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Keep everything there [default: thrown away]."
)
def fleet(
    locks: int,
    speed: float,
    faults: str,
    seed: str,
    database_url: str | None,
    gateways: int,
    is_tls: bool,
    outage: timedelta | None,
    outage_at: timedelta,
    for_: timedelta | None,
    port: int,
    folder: Path | None,
) -> None:
    """Run thousands of simulated locks on this machine and watch them."""
    from booking.demo.fleet_run import run_fleet
    from booking.demo.fleet_town import Wanted

    stop = Ending()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    run_fleet(
        Wanted(
            locks=locks,
            speed=speed,
            faults=faults,
            seed=seed,
            gateways=gateways,
            database_url=database_url,
            is_tls=is_tls,
        ),
        folder=folder,
        port=port,
        outage=outage,
        outage_at=outage_at,
        for_=for_,
        stop=stop,
    )
