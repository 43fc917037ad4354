"""Thousands of simulated locks in one process, on a real broker, in compressed time.

    python -m firmware_sim.fleet --locks FILE.json --picture FILE.json --start-ms N --origin S --speed N

Says `{"locks": N}` once it runs; ends in order on SIGTERM and SIGINT. SIGUSR1: all speak at once.
SIGUSR2: two hundred speak one after the other.
"""

import argparse
import asyncio
import json
import logging
import resource
import signal
import sys
from pathlib import Path

from firmware_sim.fleet.pace import Pace
from firmware_sim.fleet.run import Fleet
from firmware_sim.fleet.weather import PLANS
from firmware_sim.provision import BadDoorsFile, read_doors


def main() -> int:
    """Run until told to end."""
    wanted = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING)
    _allow_many_connections()
    try:
        provisions = read_doors(wanted.locks)
    except BadDoorsFile as problem:
        raise SystemExit(str(problem)) from None
    fleet = Fleet(
        provisions,
        Pace(wanted.start_ms, wanted.origin, wanted.speed),
        faults=wanted.faults,
        seed=wanted.seed,
        spread_s=wanted.spread_s,
        visits=wanted.visits,
        picture=wanted.picture,
    )
    asyncio.run(_run(fleet))
    return 0


async def _run(fleet: Fleet) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    turns: set[asyncio.Task[None]] = set()
    loop.add_signal_handler(signal.SIGUSR1, fleet.ask_all)
    loop.add_signal_handler(signal.SIGUSR2, lambda: turns.add(loop.create_task(fleet.ask_in_turn())))
    # Whoever was told that it runs may read the numbers.
    fleet.draw()
    sys.stdout.write(json.dumps({"locks": str(len(fleet.sleepers))}) + "\n")
    sys.stdout.flush()
    await fleet.run(stop)


def _allow_many_connections() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m firmware_sim.fleet", description=__doc__)
    found.add_argument(
        "--locks", type=Path, required=True, help="what installers were shown, as --doors has it"
    )
    found.add_argument(
        "--picture", type=Path, required=True, help="file that tells the numbers, twice a second"
    )
    found.add_argument("--start-ms", type=int, required=True, help="the town's time at the origin, Unix ms")
    found.add_argument(
        "--origin", type=float, required=True, help="the host's monotonic second of the origin"
    )
    found.add_argument("--speed", type=float, required=True, help="town seconds a second")
    found.add_argument("--spread-s", type=float, default=43200, help="town seconds in which all are powered")
    found.add_argument("--visits", type=float, default=0.7, help="share of the grants that are used")
    found.add_argument("--faults", choices=sorted(PLANS), default="none")
    found.add_argument("--seed", default="0")
    return found


if __name__ == "__main__":
    sys.exit(main())
