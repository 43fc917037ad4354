"""localstripe as a process: somebody else's idea of Stripe, from an environment of its own.

It is GPL-3 and therefore run, never imported. Its own program listens on all interfaces and writes one pickle
for all runs of a machine; the runner below does neither.
"""

from dataclasses import dataclass
from pathlib import Path

import requests

from tests.servers.loopback import LOOPBACK, eventually, free_port, is_listening
from tests.servers.processes import ROOT, Processes

PROGRAM = ROOT / "var" / "localstripe" / "bin" / "python"
SECRET_KEY = "sk_test_localstripe"
_RUNNER = """
import sys, aiohttp.web, localstripe.resources, localstripe.server
localstripe.resources.Store.dump_to_disk = lambda store: None
aiohttp.web.run_app(localstripe.server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


class NotInstalled(AssertionError):
    """The set-up step has not run."""


@dataclass(frozen=True, slots=True)
class Localstripe:
    """A running localstripe; `url` is its API base."""

    url: str
    secret_key: str = SECRET_KEY

    def tells(self, url: str, secret: str) -> None:
        """Send its webhooks there, signed with a secret."""
        answer = requests.post(
            f"{self.url}/_config/webhooks/one", data={"url": url, "secret": secret}, timeout=10
        )
        answer.raise_for_status()


def start_localstripe(processes: Processes, folder: Path) -> Localstripe:
    """Start it on loopback, with nothing in it.

    Raises:
        NotInstalled: `deploy/setup tests` has not made its environment.
    """
    if not PROGRAM.exists():
        raise NotInstalled("localstripe is not there: run deploy/setup tests")
    port = free_port()
    processes.start(str(PROGRAM), "-c", _RUNNER, str(port), cwd=folder)
    eventually(lambda: is_listening(port), what="localstripe")
    return Localstripe(f"http://{LOOPBACK}:{port}")
