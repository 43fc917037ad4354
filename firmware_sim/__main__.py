"""`python -m firmware_sim`: run doors against a broker, with a keypad page for each."""

import argparse
import json
import logging
import signal
import sys
import threading
from pathlib import Path

from werkzeug.serving import make_server

from firmware_sim.doors import Doors
from firmware_sim.faults.plan import PLANS, plan_of
from firmware_sim.keypad import create_app
from firmware_sim.provision import BadDoorsFile


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or Ctrl-C; 2 where the doors file or the address cannot be used."""
    asked = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    host, _, port = asked.listen.rpartition(":")
    doors = Doors(asked.doors, asked.state, asked.drift_ppm, asked.seed, plan=plan_of(asked.faults))
    try:
        server = make_server(host, int(port), create_app(doors), threaded=True)
        doors.start()
    except (BadDoorsFile, OSError, ValueError) as problem:
        print(f"firmware_sim: {problem}", file=sys.stderr)
        return 2
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    serving = threading.Thread(target=server.serve_forever, name="keypad", daemon=True)
    serving.start()
    print(json.dumps({"keypad": f"http://{host}:{server.server_port}/"}), flush=True)
    ended.wait()
    server.shutdown()
    serving.join()
    server.server_close()
    doors.stop()
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
