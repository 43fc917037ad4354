"""The broker's own limit: the same packets as a contact's, with nobody who thinks at either end.

Each client connects, subscribes, takes a retained state, publishes a hello, and leaves with its answer. The
answers come from a second process that reads nothing of what it gets:

    python -m tests.bench.broker_floor PORT NAME PASSWORD
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from firmware_sim.core.stimuli import Connected, ConnectFailed, Disconnected, Received, Stimulus, Subscribed
from firmware_sim.fleet.tally import Tally
from firmware_sim.fleet.wire import Wire
from tests.servers.loopback import eventually
from tests.servers.processes import ROOT, Process

HOST = "127.0.0.1"
HELLO, WELCOME = b"h" * 900, b"w" * 620
CLIENTS = 64
"""At the same time."""


def contacts_a_second(
    doors_file: Path, port: int, gateway: tuple[str, str], environment: dict[str, str]
) -> float:
    """As many whole contacts a second as the broker serves, one of each lock in the file."""
    locks = [(door["lock"], door["password"]) for door in json.loads(doors_file.read_text())]
    echo = Process([sys.executable, "-m", "tests.bench.broker_floor", str(port), *gateway], environment, ROOT)
    try:
        eventually(lambda: echo.lines, within_s=20, what="the echo")
        asyncio.run(_all(locks[:CLIENTS], port))
        begun = time.perf_counter()
        asyncio.run(_all(locks, port))
        return len(locks) / (time.perf_counter() - begun)
    finally:
        echo.kill()


async def _all(locks: list[tuple[str, str]], port: int) -> None:
    waiting = iter(locks)
    await asyncio.gather(*(_one_after_the_other(waiting, port) for _ in range(CLIENTS)))


async def _one_after_the_other(waiting: Iterator[tuple[str, str]], port: int) -> None:
    for lock, password in waiting:
        client = _Client(lock)
        wire = Wire(lock, password, client, Tally())
        await wire.open(HOST, port, None)
        assert await client.done, "the broker refused a lock"
        wire.close()


class _Client:
    """A lock without a thought."""

    def __init__(self, lock: str) -> None:
        self._topic = f"kaiho/v1/locks/{lock}"
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def hear(self, wire: Wire, stimulus: Stimulus) -> None:
        """The next packet of a contact."""
        if isinstance(stimulus, Connected):
            wire.subscribe(f"{self._topic}/down/#")
        elif isinstance(stimulus, Subscribed):
            wire.publish(f"{self._topic}/up/hello", HELLO)
        elif isinstance(stimulus, Received) and stimulus.topic.endswith("/welcome"):
            self.done.set_result(True)
        elif isinstance(stimulus, (ConnectFailed, Disconnected)) and not self.done.done():
            self.done.set_result(False)


class _Echo:
    """A gateway without a thought."""

    def hear(self, wire: Wire, stimulus: Stimulus) -> None:
        """An answer to every message."""
        if isinstance(stimulus, Connected):
            wire.subscribe("kaiho/v1/locks/+/up/hello")
        elif isinstance(stimulus, Subscribed):
            sys.stdout.write("ready\n")
            sys.stdout.flush()
        elif isinstance(stimulus, Received):
            base = stimulus.topic.removesuffix("/up/hello")
            wire.publish(f"{base}/down/welcome", WELCOME)


async def _echo(port: int, name: str, password: str) -> None:
    await Wire(name, password, _Echo(), Tally()).open(HOST, port, None)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_echo(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
