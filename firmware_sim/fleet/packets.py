"""MQTT 3.1.1 as far as a lock speaks it: CONNECT, SUBSCRIBE, PUBLISH at QoS 1, PUBACK, DISCONNECT. Pure."""

import struct

CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9

DISCONNECT = b"\xe0\x00"
_CLEAN_SESSION_WITH_LOGIN = 0xC2
_MOST = 4


class Malformed(Exception):
    """What came is not MQTT 3.1.1."""


class Inbox:
    """Cuts a stream of octets into packets, however they were cut on the way."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> list[tuple[int, int, bytes]]:
        """The packets that are whole now: (kind, flags, body).

        Raises:
            Malformed: a length of more than four octets.
        """
        self._rest += octets
        found: list[tuple[int, int, bytes]] = []
        while True:
            head = _head(self._rest)
            if head is None or len(self._rest) < head[0] + head[1]:
                return found
            start, length = head
            first = self._rest[0]
            found.append((first >> 4, first & 15, self._rest[start : start + length]))
            self._rest = self._rest[start + length :]


def _head(octets: bytes) -> tuple[int, int] | None:
    """(octets of the fixed header, octets that follow it); None while it has not all come."""
    length = 0
    for place in range(1, _MOST + 1):
        if place >= len(octets):
            return None
        length |= (octets[place] & 127) << 7 * (place - 1)
        if octets[place] < 128:
            return place + 1, length
    raise Malformed("length")


def connect(client_id: str, password: str, keep_alive_s: int) -> bytes:
    """A clean session under the lock's own name, which is its client id too."""
    head = _text("MQTT") + bytes((4, _CLEAN_SESSION_WITH_LOGIN)) + struct.pack(">H", keep_alive_s)
    return _packet(0x10, head + _text(client_id) + _text(client_id) + _text(password))


def subscribe(packet_id: int, topic: str) -> bytes:
    """At QoS 1."""
    return _packet(0x82, struct.pack(">H", packet_id) + _text(topic) + b"\x01")


def publish(packet_id: int, topic: str, payload: bytes) -> bytes:
    """At QoS 1, not retained."""
    return _packet(0x32, _text(topic) + struct.pack(">H", packet_id) + payload)


def puback(packet_id: int) -> bytes:
    """A message has come."""
    return _packet(0x40, struct.pack(">H", packet_id))


def published(flags: int, body: bytes) -> tuple[str, int, bytes, bool]:
    """A message that came: its topic, packet id (0 at QoS 0), payload, and whether it was retained.

    Raises:
        Malformed: it is cut short, or its topic is no text.
    """
    try:
        (length,) = struct.unpack_from(">H", body)
        topic = body[2 : 2 + length].decode()
        start, packet_id = 2 + length, 0
        if flags >> 1 & 3:
            (packet_id,) = struct.unpack_from(">H", body, start)
            start += 2
    except (struct.error, UnicodeDecodeError) as problem:
        raise Malformed(str(problem)) from None
    return topic, packet_id, body[start:], bool(flags & 1)


def is_accepted(body: bytes) -> bool:
    """Whether a CONNACK lets us in."""
    return len(body) == 2 and body[1] == 0


def _packet(first: int, body: bytes) -> bytes:
    length, octets = len(body), bytearray((first,))
    while True:
        low, length = length & 127, length >> 7
        octets.append(low | 128 if length else low)
        if not length:
            return bytes(octets) + body


def _text(text: str) -> bytes:
    octets = text.encode()
    return struct.pack(">H", len(octets)) + octets
