"""The gateway of `kaiho fleet`, a process of its own: the real one, in compressed time.

python -m booking.demo.fleet_gateway --starts-at T --origin S --speed N    (settings from KAIHO_*)
"""

import argparse
import json
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from booking.app.wiring import build_gateway, build_services
from booking.demo.fleet_clock import ScaledClock
from booking.demo.ports import wait_until
from core import logs
from core.ending import Ending
from core.settings import Settings
from locks.publications import LEASE


def main() -> None:
    """Serve until SIGTERM."""
    wanted = _arguments()
    logs.configure()
    services = build_services(Settings())
    sys.stdout.write(json.dumps({"ready": "gateway"}) + "\n")
    sys.stdout.flush()
    wait_until(wanted.clock.exists, "the town's time does not begin", at_most_s=120)
    services = replace(services, clock=ScaledClock.read(wanted.clock))
    # A broker answers in the machine's time, not in the town's.
    speaking = build_gateway(services, lease=LEASE * wanted.speed)
    ended = Ending()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())

    def end_when_asked() -> None:
        ended.wait()
        speaking.stop()

    threading.Thread(target=end_when_asked, name="end", daemon=True).start()
    speaking.run()
    services.database.dispose()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clock", type=Path, required=True)
    parser.add_argument("--speed", type=float, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
