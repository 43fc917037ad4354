"""The gateway of `kaiho fleet`, a process of its own: the real one, in compressed time.

python -m booking.demo.fleet_gateway --starts-at T --origin S --speed N    (settings from KAIHO_*)
"""

import argparse
import signal
import threading
from dataclasses import replace
from datetime import datetime

from booking.app.wiring import build_gateway, build_services
from booking.demo.fleet_clock import ScaledClock
from core import logs
from core.settings import Settings
from locks.publications import LEASE


def main() -> None:
    """Serve until SIGTERM."""
    wanted = _arguments()
    clock = ScaledClock(wanted.starts_at, wanted.origin, wanted.speed)
    logs.configure()
    services = replace(build_services(Settings()), clock=clock)
    # A broker answers in the machine's time, not in the town's.
    speaking = build_gateway(services, lease=LEASE * wanted.speed)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=speaking.stop).start())
    speaking.run()
    services.database.dispose()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts-at", type=datetime.fromisoformat, required=True)
    parser.add_argument("--origin", type=float, required=True)
    parser.add_argument("--speed", type=float, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
