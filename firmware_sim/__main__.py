"""`python -m firmware_sim`: run doors against a broker or a server, with a keypad page for each.

`python -m firmware_sim energy` tells instead how long their cells last.
"""

import argparse
import json
import logging
import signal
import sys
import threading
import time
from pathlib import Path

from werkzeug.serving import make_server

from firmware_sim.doors import Doors
from firmware_sim.energy import LTE_M, PROFILES, Pattern, a_day, table, years
from firmware_sim.faults.plan import PLANS, plan_of
from firmware_sim.https import BadServer, https_wires
from firmware_sim.keypad import create_app
from firmware_sim.mqtt import MqttWire
from firmware_sim.provision import BadDoorsFile

_LOOKS_EVERY_S = 0.1


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or Ctrl-C; 2 where the doors file or the address cannot be used."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["energy"]:
        return energy(given[1:])
    asked = parser().parse_args(given)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    host, _, port = asked.listen.rpartition(":")
    try:
        connect = https_wires(asked.server, asked.ca) if asked.transport == "https" else MqttWire
        plan = plan_of(asked.faults)
        doors = Doors(asked.doors, asked.state, asked.drift_ppm, asked.seed, plan=plan, connect=connect)
        server = make_server(host, int(port), create_app(doors), threaded=True)
        doors.start()
    except (BadDoorsFile, BadServer, OSError, ValueError) as problem:
        print(f"firmware_sim: {problem}", file=sys.stderr)
        return 2
    # No event: the handler may find its own thread inside the event's lock. See core/ending.py.
    ended: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: ended.append(number))
    serving = threading.Thread(target=server.serve_forever, name="keypad", daemon=True)
    serving.start()
    print(json.dumps({"keypad": f"http://{host}:{server.server_port}/"}), flush=True)
    while not ended:
        time.sleep(_LOOKS_EVERY_S)
    server.shutdown()
    serving.join()
    server.server_close()
    doors.stop()
    return 0


def energy(arguments: list[str]) -> int:
    """Print the table of docs/energy.md, or the years and the split of one pattern."""
    found = argparse.ArgumentParser(prog="python -m firmware_sim energy", description=energy.__doc__)
    found.add_argument("--radio", choices=sorted(PROFILES), default=LTE_M.name)
    found.add_argument("--contacts", type=float, default=2.0, help="planned contacts a day")
    found.add_argument(
        "--openings", type=float, metavar="N", help="openings a day; without it the whole table"
    )
    asked = found.parse_args(arguments)
    if asked.openings is None:
        print(table())
        return 0
    profile, pattern = PROFILES[asked.radio], Pattern(asked.contacts, asked.openings)
    for cause, coulombs in a_day(profile, pattern).items():
        print(f"{cause:15} {coulombs / 3.6:8.3f} mAh a day")
    print(f"{years(profile, pattern):.1f} years")
    return 0


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m firmware_sim", description=__doc__)
    found.add_argument(
        "--doors",
        type=Path,
        required=True,
        metavar="FILE.json",
        help="list of what `kaiho lock add --json` prints, plus an optional name; doors added later join",
    )
    found.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="folder of the locks' flash memory"
    )
    found.add_argument(
        "--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="keypad pages; port 0 takes a free one"
    )
    found.add_argument("--transport", choices=("mqtt", "https"), default="mqtt", help="what the locks speak")
    found.add_argument(
        "--server", default="", metavar="URL", help="where locks with --transport https say hello"
    )
    found.add_argument(
        "--ca", metavar="FILE", help="the CA of that server; without it the one of the doors' broker"
    )
    found.add_argument("--drift-ppm", type=float, default=15.0, help="no clock drifts more than this")
    found.add_argument(
        "--faults",
        default="none",
        metavar="PLAN|SEED",
        help=f"what goes wrong: {', '.join(PLANS)}; any other word is a seed that draws a mixture",
    )
    found.add_argument("--seed", help="repeatable nonces and jitter; only for tests")
    return found


if __name__ == "__main__":
    sys.exit(main())
