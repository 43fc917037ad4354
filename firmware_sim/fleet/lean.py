"""Less memory a lock: what thousands of locks hold alike is kept once, what they rarely read is packed."""

import zlib

from firmware_sim.core.desired import Desired
from firmware_sim.core.state import State

SHELF = 4096


class Packed(Desired):
    """A desired state whose octets are kept compressed: a flash image reads them, no decision does."""

    @property
    def octets(self) -> bytes:
        return zlib.decompress(self.packed)

    @octets.setter
    def octets(self, octets: bytes) -> None:
        self.packed = zlib.compress(octets, 6)


class Shelf:
    """Lists that many desired states share. The core never changes a desired state once it was read."""

    def __init__(self) -> None:
        self._sellable: dict[
            tuple[tuple[int, tuple[int, ...], int], ...], list[tuple[int, list[int], int]]
        ] = {}

    def tidy(self, state: State) -> None:
        """Put a desired state that was just read into its lean form; anything else stays as it is."""
        if not state.desired.version or isinstance(state.desired, Packed):
            return
        packed = Packed()
        for name, value in state.desired.__dict__.items():
            setattr(packed, name, value)
        key = tuple((granule, tuple(lengths), lanes) for granule, lengths, lanes in packed.sellable)
        if len(self._sellable) > SHELF:
            self._sellable.clear()
        packed.sellable = self._sellable.setdefault(key, packed.sellable)
        state.desired = packed
