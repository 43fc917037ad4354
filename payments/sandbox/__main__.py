"""`python -m payments.sandbox`: one Stripe account in test mode, on loopback."""

from __future__ import annotations

import argparse
import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

from payments.sandbox import seeded
from payments.sandbox.app import build
from payments.sandbox.edge import Clock
from payments.sandbox.faults import BadFault
from payments.sandbox.store import Store
from payments.sandbox.webhooks import Postman
from payments.sandbox.wire import address, base_url, bound_socket, server
from payments.sandbox.world import World

_LOOKS_EVERY_S = 0.1


def main() -> None:
    """Serve until SIGTERM or SIGINT; prints one JSON line with the `url` once it listens."""
    given = _arguments()
    host, port = given.listen
    listening = bound_socket(host, port)
    store = Store(given.state, Clock(), given.seed)
    try:
        seeded.plan(store, given.faults)
    except BadFault as error:
        raise SystemExit(f"--faults: {error}") from error
    world = World(
        store, base_url(listening), given.secret_key, given.webhook, given.webhook_secret, given.merchant
    )
    running = server(build(world), listening)
    postman = Postman(world)
    # No event: the handler may find its own thread inside the event's lock. See core/ending.py.
    over: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: over.append(number))
    postman.start()
    serving = threading.Thread(target=running.serve_forever, name="http", daemon=True)
    serving.start()
    print(json.dumps({"url": world.base_url}), flush=True)
    while not over:
        time.sleep(_LOOKS_EVERY_S)
    running.shutdown()
    postman.stop()
    store.close()


def _loopback(listen: str) -> tuple[str, int]:
    try:
        return address(listen)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _plan(name: str) -> Any:
    try:
        return json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"no plan of faults: {error}") from error


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m payments.sandbox", description=__doc__)
    parser.add_argument("--listen", type=_loopback, default=("127.0.0.1", 0), metavar="127.0.0.1:PORT")
    parser.add_argument(
        "--state", type=Path, required=True, metavar="FILE", help="SQLite file, made if absent"
    )
    parser.add_argument("--secret-key", required=True, help="the only key it accepts; begins with sk_test_")
    parser.add_argument("--webhook", metavar="URL", help="where events go")
    parser.add_argument("--webhook-secret", default="", metavar="whsec_...")
    parser.add_argument("--merchant", default="見本自治体 施設予約", help="name on the card page")
    parser.add_argument("--seed", help="same ids in every run")
    parser.add_argument(
        "--faults", type=_plan, default=[], metavar="FILE", help="a plan as JSON, docs/stripe-sandbox.md"
    )
    given = parser.parse_args()
    if not given.secret_key.startswith("sk_test_"):
        parser.error("--secret-key begins with sk_test_")
    if given.webhook and not given.webhook_secret:
        parser.error("--webhook needs --webhook-secret")
    return given


if __name__ == "__main__":
    main()
