"""What a door asks of its radio, over MQTT or HTTPS alike."""

from collections.abc import Callable
from typing import Protocol

from firmware_sim.core.stimuli import Stimulus
from firmware_sim.provision import Provision


class Wire(Protocol):
    """One connection, for one contact. Reports stimuli from any thread, and nothing once it was closed."""

    def open(self) -> None:
        """Connect in the background."""

    def subscribe(self, topic: str) -> None: ...

    def publish(self, topic: str, payload: bytes) -> None:
        """Send now or not at all: what cannot be sent is not kept for a later connection."""

    def close(self) -> None: ...


Tell = Callable[[Wire, Stimulus], None]
WireMaker = Callable[[Provision, Tell, bool], Wire]
"""Makes a closed wire for a door, whom to tell, and whether its clock is known."""
