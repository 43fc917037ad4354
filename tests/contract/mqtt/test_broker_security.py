"""What the shipped Mosquitto lets a lock, a gateway and a stranger do, with the files that `kaiho` writes.

Mosquitto grants a subscription that its ACL forbids and acknowledges a publication that it drops: only what
is delivered counts.
"""

import socket
import ssl
from contextlib import suppress
from queue import Empty
from typing import Any

import pytest
import sqlalchemy as sa

from core.secrets import Keyring
from locks.keys import gateway_group
from locks.models import Lock, LockState
from tests.contract.mqtt.conftest import user_of
from tests.contract.mqtt.shipped import GATEWAY, Refused, ShippedBroker, Talker, talking
from tests.integration.app.command_line import CommandLine, services_of
from tests.servers.loopback import LOOPBACK, NeverCame, eventually

Shown = list[dict[str, Any]]
GROUP = gateway_group(Keyring(bytes(32)))


def down(shown: dict[str, Any], tail: str) -> str:
    return f"kaiho/v1/locks/{shown['lock']}/down/{tail}"


def up(shown: dict[str, Any], tail: str = "hello") -> str:
    return f"kaiho/v1/locks/{shown['lock']}/up/{tail}"


def foreign_topics(other: dict[str, Any]) -> list[str]:
    """What a curious lock may ask to hear."""
    return [
        down(other, "desired"),
        down(other, "#"),
        up(other),
        "kaiho/v1/locks/+/down/#",
        "kaiho/v1/locks/+/up/#",
        "kaiho/v1/locks/+/+/+",
        "kaiho/#",
        "+/+/+/+/+/+",
        "#",
        "$SYS/#",
        "$SYS/broker/clients/connected",
        "$share/mine/kaiho/v1/locks/+/down/#",
        "$share/mine/kaiho/v1/locks/+/up/#",
        "$share/mine/#",
    ]


def test_a_locks_foreign_subscriptions_deliver_nothing(
    broker: ShippedBroker, locks: Shown, gateway: Talker
) -> None:
    spy, other = locks
    gateway.say(down(other, "desired"), b"retained before", retain=True)
    with talking(broker, user_of(spy)) as ear, talking(broker, user_of(other)) as honest:
        honest.subscribe(down(other, "#"))
        for topic in foreign_topics(other):
            ear.subscribe(topic)
        ear.subscribe(down(spy, "#"))
        gateway.say(down(other, "desired"), b"retained after", retain=True)
        gateway.say(down(other, "welcome"), b"welcome")
        honest.say(up(other), b"hello")
        # The control: what is the spy's own comes, and comes after all the rest.
        gateway.say(down(spy, "welcome"), b"mine")
        heard = {ear.hear()}
        heard |= set(ear.everything_heard())
        assert heard == {(down(spy, "welcome"), b"mine")}
        assert [payload for _, payload in honest.everything_heard()] == [
            b"retained before",
            b"retained after",
            b"welcome",
        ]


def test_a_locks_foreign_publications_reach_nobody(
    broker: ShippedBroker, locks: Shown, gateway: Talker
) -> None:
    intruder, other = locks
    with talking(broker, user_of(other)) as victim, talking(broker, user_of(intruder)) as mouth:
        victim.subscribe(down(other, "#"))
        gateway.subscribe("#", "$share/mine/#")
        for topic in (
            *(down(other, tail) for tail in ("desired", "welcome", "command")),
            *(down(intruder, tail) for tail in ("desired", "welcome", "command")),
            up(other),
            up(other, "else"),
            "kaiho/v1/locks/broadcast",
            "elsewhere",
            "$SYS/broker/uptime",
        ):
            mouth.say(topic, b"forged", retain=True)
        # The control: its own hello is heard, after all the rest.
        mouth.say(up(intruder), b"honest")
        assert gateway.hear() == (up(intruder), b"honest")
        assert gateway.everything_heard() == []
        assert victim.everything_heard() == []
    for shown in locks:
        with talking(broker, user_of(shown)) as awake:
            awake.subscribe(down(shown, "#"))
            gateway.say(down(shown, "welcome"), b"marker")
            # Nothing forged was retained for the next contact either.
            assert awake.hear() == (down(shown, "welcome"), b"marker")


def test_a_last_will_reaches_only_where_its_lock_may_speak(
    broker: ShippedBroker, locks: Shown, gateway: Talker
) -> None:
    dying, other = locks
    with talking(broker, user_of(other)) as victim:
        victim.subscribe(down(other, "#"))
        for topic in (down(other, "desired"), up(other), down(dying, "desired")):
            with talking(broker, user_of(dying), will=topic) as lock:
                lock.break_off()
        with talking(broker, user_of(dying), will=up(dying)) as lock:
            lock.break_off()
        # The control: its own last will is heard, after all the rest.
        assert gateway.hear() == (up(dying), b"last will")
        assert gateway.everything_heard() == victim.everything_heard() == []


def test_a_gateway_does_not_speak_as_a_lock(broker: ShippedBroker, locks: Shown, gateway: Talker) -> None:
    honest = locks[0]
    gateway.say(up(honest), b"forged by a gateway")
    gateway.say(up(honest), b"retained by a gateway", retain=True)
    with talking(broker, user_of(honest)) as lock:
        lock.say(up(honest), b"honest")
        assert gateway.hear() == (up(honest), b"honest")
        assert gateway.everything_heard() == []


def test_nobody_gets_in_without_the_right_password(
    broker: ShippedBroker, locks: Shown, gateway: Talker
) -> None:
    assert gateway.client.is_connected()
    name, password = user_of(locks[0])
    for user in (None, (name, ""), (name, "wrong"), (name, user_of(locks[1])[1]), ("nobody", password)):
        with pytest.raises(Refused), talking(broker, user):
            pass
    with talking(broker, (name, password)) as lock:
        assert lock.client.is_connected()


def shakes_hands(broker: ShippedBroker, *, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bool:
    """Whether the broker speaks TLS with somebody new."""
    context = ssl.create_default_context(cafile=str(broker.ca))
    # Otherwise the library here refuses old versions by itself, before the broker is asked.
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version, context.maximum_version = most, most
    with socket.create_connection((LOOPBACK, broker.port)) as plain:
        plain.settimeout(5)
        try:
            context.wrap_socket(plain, server_hostname=LOOPBACK).close()
        except (ssl.SSLError, OSError):
            return False
    return True


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_only_tls_from_1_2_on_is_spoken(broker: ShippedBroker) -> None:
    broker.start()
    assert shakes_hands(broker)
    assert shakes_hands(broker, most=ssl.TLSVersion.TLSv1_2)
    assert not shakes_hands(broker, most=ssl.TLSVersion.TLSv1_1)
    # A plain CONNECT of MQTT 3.1.1 gets no CONNACK.
    with socket.create_connection((LOOPBACK, broker.port)) as plain:
        plain.settimeout(5)
        plain.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x1e\x00\x01x")
        answer = b""
        with suppress(ConnectionResetError):
            answer = plain.recv(64)
    assert answer[:1] != b"\x20"


def takeover(broker: ShippedBroker, locks: Shown) -> list[object]:
    """What happens to a lock's connection when another lock's user takes its client id."""
    victim, thief = locks
    with talking(broker, user_of(victim)) as lock:
        lock.subscribe(down(victim, "#"))
        try:
            with talking(broker, user_of(thief), client_id=victim["lock"]) as other:
                other.say(up(thief), b"thief")
        except Refused:
            pass
        lock.client.publish(up(victim), b"still here", qos=1)
        with suppress(NeverCame):
            eventually(lambda: lock.losses, within_s=0.5, what="a loss")
        return list(lock.losses)


def test_a_client_id_cannot_be_taken_over(broker: ShippedBroker, locks: Shown, gateway: Talker) -> None:
    assert takeover(broker, locks) == []
    assert (up(locks[0]), b"still here") in gateway.everything_heard()


def test_without_the_line_under_the_listener_a_client_id_is_taken_over(
    broker: ShippedBroker, locks: Shown
) -> None:
    """Negative control."""
    broker.start(without="use_username_as_clientid")
    assert len(takeover(broker, locks)) == 1


def bury(line: CommandLine, lock_id: str) -> None:
    with services_of(line) as services, services.database.transaction() as session:
        session.execute(sa.update(Lock).where(Lock.id == lock_id).values(state=LockState.DEAD))


def test_a_removed_lock_is_thrown_out_by_the_reload_and_the_others_stay(
    broker: ShippedBroker, locks: Shown, gateway: Talker
) -> None:
    gone, stays = locks
    with talking(broker, user_of(gone)) as removed, talking(broker, user_of(stays)) as other:
        assert broker.line.ok("broker-files") == "unchanged\n"
        bury(broker.line, gone["lock"])
        # The control: a right that is gone from the database alone still holds at the broker.
        removed.say(up(gone), b"before")
        assert gateway.hear() == (up(gone), b"before")
        assert broker.line.ok("broker-files") == "changed\n"
        eventually(lambda: removed.losses, what="the end of the removed lock's connection")
        other.say(up(stays), b"still here")
        assert gateway.hear() == (up(stays), b"still here")
        assert other.losses == gateway.losses == []
    with pytest.raises(Refused), talking(broker, user_of(gone)):
        pass


def test_a_message_beyond_the_limit_ends_its_sender_and_reaches_nobody(
    broker: ShippedBroker, locks: Shown, gateway: Talker
) -> None:
    with talking(broker, user_of(locks[0])) as lock:
        lock.say(up(locks[0]), b"x" * 32 * 1024)
        assert len(gateway.hear()[1]) == 32 * 1024
        lock.client.publish(up(locks[0]), b"x" * 70_000, qos=1)
        eventually(lambda: lock.losses, what="the end of the connection")
    with pytest.raises(Empty):
        gateway.hear(within_s=0.3)


def test_connections_beyond_the_limit_are_refused(broker: ShippedBroker, locks: Shown) -> None:
    broker.start(max_connections=1)
    with talking(broker, user_of(locks[0])) as lock:
        assert not shakes_hands(broker)
        assert lock.losses == []
    eventually(lambda: shakes_hands(broker), what="the place of the one who left")


def test_what_waits_for_a_slow_reader_is_bounded(broker: ShippedBroker, locks: Shown) -> None:
    """One message in flight and two in the queue: of five the last two are dropped."""
    broker.start(max_queued_messages=2, max_inflight_messages=1)
    shown = locks[0]
    with talking(broker, GATEWAY) as gateway, talking(broker, user_of(shown)) as lock:
        lock.client.manual_ack_set(True)
        lock.subscribe(down(shown, "#"))
        for number in range(5):
            gateway.say(down(shown, "welcome"), b"%d" % number)
        heard = []
        for message_id in (1, 2, 3):
            heard.append(lock.hear()[1])
            lock.client.ack(message_id, 1)
        assert heard == [b"0", b"1", b"2"]
        gateway.say(down(shown, "welcome"), b"after")
        assert lock.hear()[1] == b"after"


def stolen_share(broker: ShippedBroker, locks: Shown, group: str) -> int:
    """How many of ten hellos a gateway misses while a lock sits in a shared subscription."""
    thief, honest = locks
    with (
        talking(broker, GATEWAY) as gateway,
        talking(broker, user_of(thief)) as mole,
        talking(broker, user_of(honest)) as lock,
    ):
        gateway.subscribe(f"$share/{GROUP}/kaiho/v1/locks/+/up/#")
        mole.subscribe(f"$share/{group}/kaiho/v1/locks/+/up/#")
        for number in range(10):
            lock.say(up(honest), b"%d" % number)
        gateway.subscribe(up(honest, "marker"))
        lock.say(up(honest, "marker"), b"marker")
        heard = [gateway.hear()]
        while heard[-1][1] != b"marker":
            heard.append(gateway.hear())
        return 10 - sum(payload != b"marker" for _, payload in heard)


def test_a_lock_that_does_not_know_the_gateways_group_steals_no_hello(
    broker: ShippedBroker, locks: Shown
) -> None:
    broker.start()
    assert stolen_share(broker, locks, "gateway") == 0


def test_a_lock_that_knows_the_gateways_group_makes_the_broker_drop_hellos(
    broker: ShippedBroker, locks: Shown
) -> None:
    """Negative control: Mosquitto deals a hello to whoever subscribed, then finds that he may not read it."""
    broker.start()
    assert stolen_share(broker, locks, GROUP) > 0
