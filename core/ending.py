"""The end of a program, told by a signal."""

import threading
import time

_LOOKS_EVERY_S = 0.1


class Ending(threading.Event):
    """An event that a signal handler may set while its own thread waits for it.

    The handler runs between two steps of the main thread. Where that is inside `threading.Event.wait`, the
    event's lock is taken already, by the thread that would have to give it back: nothing ends it any more.
    So this one has no lock, and looks ten times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_told = False

    def set(self) -> None:
        self._is_told = True

    def is_set(self) -> bool:
        return self._is_told

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is set, at the latest `timeout` seconds from now."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self._is_told:
            left_s = _LOOKS_EVERY_S if until is None else min(_LOOKS_EVERY_S, until - time.monotonic())
            if left_s <= 0:
                break
            time.sleep(left_s)
        return self._is_told
