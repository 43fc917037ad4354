"""Certificates on the shipped Mosquitto: what locks pin, what a renewal does, what an end means to whom."""

import re
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

from core.clock import SystemClock
from firmware_sim.mqtt import tls_context
from locks.broker_certificates import FOLDER, PINNED, PRESENT, ensure, pinned_text
from tests.contract.mqtt.conftest import user_of
from tests.contract.mqtt.shipped import GATEWAY, ShippedBroker, talking
from tests.integration.app.command_line import CommandLine
from tests.servers.loopback import LOOPBACK, eventually
from tests.servers.processes import Processes

DAY = timedelta(days=1)
Shown = list[dict[str, Any]]


def made_ago(line: CommandLine, processes: Processes, days: int) -> ShippedBroker:
    """A broker whose certificates were made so many days ago, and not looked after since."""
    ensure(line.broker_dir, LOOPBACK, now=SystemClock().now() - days * DAY)
    line.ok("broker-files")
    return ShippedBroker(line, processes)


def serial(broker: ShippedBroker, pinned: str, *, clock_known: bool = True) -> int | None:
    """The serial number that the broker shows to a lock with these pins; None where the lock hangs up."""
    context = tls_context(pinned, clock_known)
    with socket.create_connection((LOOPBACK, broker.port)) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=LOOPBACK) as held:
                told = held.getpeercert()
        except ssl.SSLCertVerificationError:
            return None
    return int(str((told or {})["serialNumber"]), 16)


def test_a_lock_is_shown_what_it_pins_and_gets_in_by_it(line: CommandLine, processes: Processes) -> None:
    broker = made_ago(line, processes, 0)
    line.environment |= {"KAIHO_MQTT_TLS_CA": str(broker.ca), "KAIHO_MQTT_HOST": LOOPBACK}
    shown = line.add_lock("--facility", "福生東小学校")
    broker.start()
    assert shown["broker"]["tls"] is True
    assert serial(broker, shown["broker"]["ca_pem"]) is not None
    strangers = line.broker_dir.parent / "elsewhere"
    ensure(strangers, LOOPBACK, now=SystemClock().now())
    assert serial(broker, pinned_text(strangers) or "") is None
    with talking(broker, user_of(shown)) as lock:
        assert lock.client.is_connected()


def test_no_lock_is_made_while_what_it_pins_cannot_be_read(line: CommandLine) -> None:
    line.environment |= {"KAIHO_MQTT_TLS_CA": str(line.broker_dir / "nowhere.pem")}
    assert "nowhere.pem" in line.refused("lock", "add", "--facility", "福生東小学校")
    del line.environment["KAIHO_MQTT_TLS_CA"]
    # It is still free.
    assert line.add_lock("--facility", "福生東小学校")["broker"]["tls"] is False


def test_an_ended_certificate_keeps_out_those_who_know_the_time_until_it_is_renewed(
    line: CommandLine, processes: Processes
) -> None:
    broker = made_ago(line, processes, 400)
    broker.start()
    pinned = pinned_text(line.broker_dir) or ""
    assert serial(broker, pinned) is None
    # A lock without a clock must get in, or it would never have one again.
    assert serial(broker, pinned, clock_known=False) is not None
    assert line.ok("broker-certificates").startswith("changed\n")
    eventually(lambda: serial(broker, pinned), what="the renewed certificate")


def test_a_renewal_reaches_a_running_broker_and_ends_no_connection(
    broker: ShippedBroker, locks: Shown
) -> None:
    broker.start()
    pinned = pinned_text(broker.folder) or ""
    before = serial(broker, pinned)
    with talking(broker, GATEWAY) as gateway, talking(broker, user_of(locks[0])) as lock:
        gateway.subscribe("kaiho/v1/locks/+/up/#")
        ensure(broker.folder, LOOPBACK, now=SystemClock().now() + 330 * DAY)
        # The control: nobody told the broker yet.
        assert serial(broker, pinned) == before
        broker.line.ok("lock", "add", "--facility", "明道小学校", "--json")
        eventually(lambda: serial(broker, pinned) != before, what="the new certificate")
        lock.say(f"kaiho/v1/locks/{locks[0]['lock']}/up/hello", b"still here")
        assert gateway.hear()[1] == b"still here"
        assert lock.losses == gateway.losses == []


def test_the_change_of_authorities_shuts_no_lock_out(line: CommandLine, processes: Processes) -> None:
    broker = made_ago(line, processes, 3300)
    pinned = pinned_text(line.broker_dir) or ""
    present = re.findall(r"-----BEGIN.+?END CERTIFICATE-----", pinned, re.DOTALL)[0]
    kept = (line.broker_dir / FOLDER / PRESENT).read_bytes()
    assert line.ok("broker-certificates").startswith("changed\n")
    assert (line.broker_dir / FOLDER / PRESENT).read_bytes() != kept
    broker.start()
    assert serial(broker, pinned) is not None
    # Negative control: with the authority of its first day alone it would stand before a closed door.
    assert serial(broker, present) is None
    # And one installed today pins the next two.
    assert serial(broker, pinned_text(line.broker_dir) or "") is not None


def test_the_check_tells_by_its_exit_whether_somebody_has_to_act(line: CommandLine) -> None:
    assert line.run("broker-certificates", "--check").exit_code == 1
    line.ok("broker-certificates")
    assert "server: 364 days" in line.ok("broker-certificates", "--check")
    for days, left in ((340, "server: 24 days"), (360, "server: 4 days"), (370, "server: -6 days")):
        for file in Path(line.broker_dir / FOLDER).rglob("*.pem"):
            file.unlink()
        ensure(line.broker_dir, LOOPBACK, now=SystemClock().now() - days * DAY)
        done = line.run("broker-certificates", "--check")
        assert (done.exit_code, left in done.stdout) == (1, True), done.output
        assert "broker_certificate_ends" in done.output
    assert line.ok("broker-certificates").startswith("changed\n")
    assert line.ok("broker-certificates").startswith("unchanged\n")


def test_a_gateway_that_cannot_trust_the_broker_stays_away_and_says_why(
    broker: ShippedBroker, processes: Processes, tmp_path: Path
) -> None:
    broker.start()
    ensure(tmp_path / "elsewhere", LOOPBACK, now=SystemClock().now())
    settings = {
        **broker.line.environment,
        "KAIHO_MQTT_HOST": LOOPBACK,
        "KAIHO_MQTT_PORT": str(broker.port),
        "KAIHO_MQTT_TLS_CA": str(tmp_path / "elsewhere" / FOLDER / PINNED),
    }
    gateway = processes.python("-m", "booking.app.cli", "gateway", env=settings)
    said = gateway.wait_for_line("lock_broker_unreachable", within_s=60).string
    assert "certificate verify failed" in said
    assert "lock_broker_connected" not in gateway.output
    assert "gateway-password" not in gateway.output


def test_a_killed_and_wiped_broker_is_filled_again_without_a_hand(
    broker: ShippedBroker, locks: Shown, processes: Processes
) -> None:
    broker.start()
    shown = locks[0]
    settings = {
        **broker.line.environment,
        "KAIHO_MQTT_HOST": LOOPBACK,
        "KAIHO_MQTT_PORT": str(broker.port),
        "KAIHO_MQTT_TLS_CA": str(broker.ca),
    }
    gateway = processes.python("-m", "booking.app.cli", "gateway", env=settings)
    gateway.wait_for_line("lock_broker_connected", within_s=60)

    def retained() -> list[bytes]:
        with talking(broker, user_of(shown)) as lock:
            lock.subscribe(f"kaiho/v1/locks/{shown['lock']}/down/#")
            # Retained messages come before the answer to anything said after subscribing.
            lock.say(f"kaiho/v1/locks/{shown['lock']}/up/noise", b"-")
            return [payload for _, payload in lock.everything_heard()]

    (first,) = eventually(retained, within_s=30, what="the first publication")
    broker.kill()
    broker.wipe()
    broker.start()
    (again,) = eventually(retained, within_s=60, what="the publication after the wipe")
    assert again == first
    # The control: without a gateway a wiped broker has nothing.
    assert gateway.stop(within_s=20) == 0
    broker.kill()
    broker.wipe()
    broker.start()
    assert retained() == []
