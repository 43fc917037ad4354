"""PUBACKs in the order of arrival, as MQTT 5 wants them (4.6), though messages are finished in any order."""

import threading
from collections import OrderedDict
from collections.abc import Callable


class Acknowledgements:
    """One gateway's messages that the broker waits for."""

    def __init__(self, acknowledge: Callable[[int], object]) -> None:
        self._acknowledge = acknowledge
        self._mutex = threading.Lock()
        self._open: OrderedDict[tuple[int, int], bool] = OrderedDict()
        self._connection = 0

    def reconnected(self) -> None:
        """A new connection: what came on the old one is never acknowledged on this."""
        with self._mutex:
            self._connection += 1
            self._open.clear()

    def arrived(self, message_id: int) -> tuple[int, int]:
        """Note an arrival; the ticket to give to `finished`."""
        with self._mutex:
            ticket = (self._connection, message_id)
            self._open[ticket] = False
            return ticket

    def finished(self, ticket: tuple[int, int]) -> None:
        """Its work is committed: acknowledge it as soon as all before it are."""
        with self._mutex:
            if ticket not in self._open:
                return
            self._open[ticket] = True
            while self._open and self._open[next(iter(self._open))]:
                (_, message_id), _ = self._open.popitem(last=False)
                self._acknowledge(message_id)
