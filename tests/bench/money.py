"""The part of a run that is about money: settlements a second, and Stripe's messages all at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from tests.bench import figures, settlements, webhooks
from tests.bench.figures import Figure
from tests.bench.settlements import Settled
from tests.bench.town import BenchTown
from tests.bench.webhooks import Burst
from tests.integration.payments.stripe_double import StripeDouble


class Money:
    """Measures a town that serves; `round` in every round, `burst` after the last."""

    def __init__(self, town: BenchTown, *, events: int) -> None:
        self._town = town
        self._events = events
        self._double = StripeDouble(town.services.clock)
        self._outside: list[Settled] = []
        self._at_once: list[Settled] = []
        self._bursts: list[Burst] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """The sandbox runs as long as the block lasts."""
        with settlements.sandbox_port() as self._port:
            yield

    def round(self, held: Sequence[UUID]) -> None:
        """Settle these, the half of them by each Stripe."""
        half = len(held) // 2
        self._outside.append(settlements.by_sandbox(self._town, self._port, held[:half]))
        self._at_once.append(settlements.by_double(self._town, self._double, held[half:]))

    def burst(self) -> None:
        """Stripe's messages after a silence; leaves payments due that no Stripe has."""
        self._bursts.append(webhooks.burst(self._town, events=self._events, connections=webhooks.CONNECTIONS))

    def figures(self, name: str, *, insert: Sequence[float], page: Sequence[float]) -> list[Figure]:
        """The lines of the table; `insert` a second by one connection, `page` seconds."""
        return [
            figures.rate(
                "settle a paid session, the worker's loop, up to the confirmed reservation",
                name,
                [one.per_s for one in self._outside],
                [one.bare_per_s for one in self._outside],
                of="read of a session from the sandbox's process",
            ),
            figures.rate(
                "— with a Stripe that answers at once",
                name,
                [one.per_s for one in self._at_once],
                insert,
                of="bare insert, one connection",
            ),
            *webhooks.figures_of(name, self._bursts, page, webhooks.CONNECTIONS),
        ]
