"""The lean MQTT of thousands of locks, octet by octet."""

import pytest

from firmware_sim.fleet import packets
from firmware_sim.fleet.packets import Inbox, Malformed


def test_a_connect_is_a_clean_session_under_the_locks_own_name() -> None:
    sent = packets.connect("00112233aabbccdd", "geheim", 60)
    assert sent[0] == 0x10
    assert sent[1] == len(sent) - 2
    assert sent[2:12] == b"\x00\x04MQTT\x04\xc2\x00\x3c"
    assert sent.count(b"\x00\x1000112233aabbccdd") == 2
    assert sent.endswith(b"\x00\x06geheim")


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 5000, 16384, 70000])
def test_what_is_published_comes_out_as_it_went_in(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    sent = packets.publish(7, "a/topic", payload)
    ((kind, flags, body),) = Inbox().feed(sent)
    assert (kind, flags) == (packets.PUBLISH, 2)
    assert packets.published(flags, body) == ("a/topic", 7, payload, False)


def test_a_stream_may_be_cut_anywhere() -> None:
    stream = packets.publish(1, "t", b"x" * 300) + packets.puback(9) + packets.publish(2, "t", b"")
    whole = Inbox().feed(stream)
    inbox = Inbox()
    found = [packet for octet in stream for packet in inbox.feed(bytes((octet,)))]
    assert found == whole
    assert [kind for kind, _, _ in found] == [packets.PUBLISH, packets.PUBACK, packets.PUBLISH]


def test_a_retained_message_says_so() -> None:
    sent = bytearray(packets.publish(3, "t", b"state"))
    sent[0] |= 1
    ((_, flags, body),) = Inbox().feed(bytes(sent))
    assert packets.published(flags, body) == ("t", 3, b"state", True)


def test_a_message_without_guarantee_has_no_number() -> None:
    assert packets.published(0, b"\x00\x01tbody") == ("t", 0, b"body", False)


@pytest.mark.parametrize(
    "body", [b"", b"\x00", b"\x00\x09short", b"\x00\x01t\x00", b"\x00\x02\xff\xfe\x00\x01"]
)
def test_what_is_cut_short_or_no_text_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        packets.published(2, body)


def test_a_length_without_end_is_malformed() -> None:
    with pytest.raises(Malformed):
        Inbox().feed(b"\x30\xff\xff\xff\xff\xff")


def test_a_broker_that_refuses_is_understood() -> None:
    assert packets.is_accepted(b"\x00\x00")
    assert not packets.is_accepted(b"\x00\x05")
    assert not packets.is_accepted(b"")


def test_a_subscription_asks_for_qos_1() -> None:
    assert packets.subscribe(2, "a/#") == b"\x82\x08\x00\x02\x00\x03a/#\x01"
