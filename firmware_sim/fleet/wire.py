"""One connection to the broker for one contact, on the event loop: a few hundred octets of memory a lock."""

import asyncio
import ssl
from typing import Protocol

from firmware_sim.core.stimuli import Connected, ConnectFailed, Disconnected, Received, Stimulus, Subscribed
from firmware_sim.fleet import packets
from firmware_sim.fleet.tally import Tally

CONNECT_S = 5
KEEP_ALIVE_S = 60


class Ear(Protocol):
    """Who is told what the network does."""

    def hear(self, wire: "Wire", stimulus: Stimulus) -> None: ...


class Wire(asyncio.Protocol):
    """Reports what happens as stimuli, and nothing more once it was closed."""

    __slots__ = ("_client_id", "_ear", "_inbox", "_next_id", "_password", "_tally", "_transport", "is_closed")

    def __init__(self, client_id: str, password: str, ear: Ear, tally: Tally) -> None:
        self._client_id = client_id
        self._password = password
        self._ear = ear
        self._tally = tally
        self._inbox = packets.Inbox()
        self._transport: asyncio.Transport | None = None
        self._next_id = 1
        self.is_closed = False

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Connect; what comes of it is told to the ear."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(lambda: self, host, port, ssl=tls)
        except (OSError, TimeoutError):
            self._tell(ConnectFailed())

    def subscribe(self, topic: str) -> None:
        self._tally.round_trips += 1
        self._write(packets.subscribe(self._packet_id(), topic))

    def publish(self, topic: str, payload: bytes) -> None:
        self._tally.round_trips += 1
        self._write(packets.publish(self._packet_id(), topic, payload))

    def close(self) -> None:
        """Say goodbye; nothing is told any more."""
        self.is_closed = True
        if self._transport is not None:
            self._write(packets.DISCONNECT)
            self._transport.close()

    def cut(self) -> None:
        """The radio is gone: no goodbye, and the lock learns of it."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self.is_closed:
            transport.abort()
            return
        # TCP's and MQTT's own.
        self._tally.round_trips += 2
        self._write(packets.connect(self._client_id, self._password, KEEP_ALIVE_S))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._tell(Disconnected())

    def data_received(self, data: bytes) -> None:
        self._tally.octets_in += len(data)
        try:
            for kind, flags, body in self._inbox.feed(data):
                self._take(kind, flags, body)
        except packets.Malformed:
            self.cut()

    def _take(self, kind: int, flags: int, body: bytes) -> None:
        if kind == packets.PUBLISH:
            topic, packet_id, payload, retained = packets.published(flags, body)
            if packet_id:
                self._write(packets.puback(packet_id))
            self._tell(Received(topic, payload, retained))
        elif kind == packets.CONNACK:
            if not packets.is_accepted(body):
                self._tally.refused += 1
            self._tell(Connected() if packets.is_accepted(body) else ConnectFailed())
        elif kind == packets.SUBACK:
            self._tell(Subscribed())

    def _packet_id(self) -> int:
        found, self._next_id = self._next_id, self._next_id + 1
        return found

    def _write(self, octets: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._tally.octets_out += len(octets)
            self._transport.write(octets)

    def _tell(self, stimulus: Stimulus) -> None:
        if not self.is_closed:
            self._ear.hear(self, stimulus)
