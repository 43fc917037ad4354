"""A signal that comes while its own thread waits for it is heard."""

import subprocess
import sys
import threading

import pytest

from core.ending import Ending

_INTERRUPTED_AGAIN_AND_AGAIN = """
import signal, sys, time
{make}
ended = make()
signal.signal(signal.SIGALRM, lambda *_: ended.set())
until = time.monotonic() + 1
while time.monotonic() < until:
    ended = make()
    signal.setitimer(signal.ITIMER_REAL, 0.00002)
    ended.wait(0.00005)
signal.setitimer(signal.ITIMER_REAL, 0)
print("over", flush=True)
"""
OURS = "from core.ending import Ending as make"
PYTHONS = "from threading import Event as make"


def run(make: str, *, at_most_s: float) -> str:
    program = [sys.executable, "-c", _INTERRUPTED_AGAIN_AND_AGAIN.format(make=make)]
    return subprocess.run(program, capture_output=True, text=True, timeout=at_most_s, check=True).stdout


def test_it_never_locks_up_under_thousands_of_signals() -> None:
    assert run(OURS, at_most_s=50) == "over\n"


def test_control_pythons_own_event_does() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run(PYTHONS, at_most_s=5)


def test_whoever_waits_hears_of_it_now_and_later() -> None:
    ended = Ending()
    assert not ended.wait(0.001)
    assert not ended.is_set()
    waiting = [threading.Thread(target=ended.wait) for _ in range(3)]
    for one in waiting:
        one.start()
    ended.set()
    for one in waiting:
        one.join(10)
        assert not one.is_alive()
    assert (ended.wait(), ended.wait(0), ended.is_set()) == (True, True, True)
