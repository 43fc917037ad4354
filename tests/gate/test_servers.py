"""The servers that tests lean on do what the tests believe."""

import signal
import smtplib
import socket
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import BrowserContext, Page
from sqlalchemy import create_engine, inspect

from tests.servers import network_guard, scratch
from tests.servers.broker import Mosquitto
from tests.servers.browser import assert_axe_clean, watched_page
from tests.servers.loopback import LOOPBACK, NeverCame, eventually, is_listening
from tests.servers.mail import SmtpSink
from tests.servers.postgres import PostgresServer, running_postgres, running_programs, wheel_binaries
from tests.servers.processes import Processes

# TEST-NET-1 (RFC 5737): an address that belongs to nobody.
ELSEWHERE = ("192.0.2.1", 80)


def test_a_test_cannot_reach_another_machine() -> None:
    with socket.socket() as client, pytest.raises(network_guard.BeyondLoopback):
        client.connect(ELSEWHERE)
    with pytest.raises(network_guard.BeyondLoopback):
        socket.getaddrinfo("example.com", 80)


def test_a_test_reaches_this_machine() -> None:
    with socket.create_server((LOOPBACK, 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize(
    "address,here",
    [
        (("127.0.0.1", 1), True),
        (("127.8.8.8", 1), True),
        (("::1", 1, 0, 0), True),
        (("localhost", 1), True),
        ("/tmp/socket", True),
        (("8.8.8.8", 53), False),
        (("fe80::1%eth0", 1, 0, 0), False),
        (("127.0.0.1.example.com", 1), False),
    ],
)
def test_only_loopback_counts_as_this_machine(address: object, here: bool) -> None:
    assert network_guard.is_loopback(address) is here


def test_a_database_is_a_copy_of_its_template_and_its_own(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.create("gate_template"), autocommit=True) as connection:
        connection.execute("CREATE TABLE slots (number int)")
    urls = [postgres_server.create(f"gate_copy_{n}", template="gate_template") for n in (1, 2)]
    with psycopg.connect(urls[0], autocommit=True) as connection:
        connection.execute("INSERT INTO slots VALUES (1)")
    with psycopg.connect(urls[1]) as connection:
        assert connection.execute("SELECT count(*) FROM slots").fetchone() == (0,)
    for name in ("gate_copy_1", "gate_copy_2", "gate_template"):
        postgres_server.drop(name)


def test_the_wheel_serves_where_the_machine_has_no_postgresql() -> None:
    # Pytest's own folder is too long for a UNIX socket's path, and closed to an unprivileged user.
    with TemporaryDirectory(prefix="kaiho-pg-") as folder:
        programs = wheel_binaries(Path(folder))
        with (
            running_programs(programs, Path(folder), durable=True) as server,
            psycopg.connect(server.create("kaiho")) as connection,
        ):
            assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_a_given_database_server_is_used_as_it_is() -> None:
    with running_postgres(
        env={"TEST_DATABASE_URL": "postgresql://me@db.test:6543/postgres?sslmode=require"}
    ) as server:
        assert server.url("kaiho") == "postgresql://me@db.test:6543/kaiho?sslmode=require"


def test_a_fresh_database_has_todays_tables(database_url: str) -> None:
    engine = create_engine(database_url)
    tables = inspect(engine).get_table_names()
    engine.dispose()
    assert "alembic_version" in tables
    assert len(tables) > 1


def _client(broker: Mosquitto, name: str, password: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.username_pw_set(name, password)
    client.connect(broker.host, broker.port)
    client.loop_start()
    return client


def _close(*clients: mqtt.Client) -> None:
    for client in clients:
        client.disconnect()
        client.loop_stop()


def test_a_lock_hears_its_own_topics_and_no_others(mosquitto: Mosquitto) -> None:
    mine, other = "00000000000000a1", "00000000000000a2"
    mosquitto.add_user(mine, "one")
    gateway = _client(mosquitto, mosquitto.gateway_username, mosquitto.gateway_password)
    lock = _client(mosquitto, mine, "one")
    heard: list[str] = []
    lock.on_message = lambda _client, _data, message: heard.append(message.topic)
    subscribed: list[int] = []
    lock.on_subscribe = lambda _client, _data, number, _codes, _properties: subscribed.append(number)
    lock.subscribe("kaiho/v1/locks/+/down/#", qos=1)
    eventually(lambda: subscribed)
    gateway.publish(f"kaiho/v1/locks/{other}/down/desired", b"x", qos=1).wait_for_publish(5)
    gateway.publish(f"kaiho/v1/locks/{mine}/down/desired", b"x", qos=1).wait_for_publish(5)
    eventually(lambda: heard)
    _close(gateway, lock)
    assert heard == [f"kaiho/v1/locks/{mine}/down/desired"]


def test_a_wrong_password_does_not_get_in(mosquitto: Mosquitto) -> None:
    mosquitto.add_user("00000000000000a3", "right")
    answers: list[bool] = []
    for password in ("wrong", "right"):
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="00000000000000a3")
        client.username_pw_set("00000000000000a3", password)
        client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.append(
            not reason.is_failure
        )
        client.connect(mosquitto.host, mosquitto.port)
        count = len(answers)
        client.loop_start()
        eventually(lambda count=count: len(answers) > count)  # type: ignore[misc]
        _close(client)
    assert answers[0] is False
    assert answers[-1] is True


def test_a_stopped_broker_comes_back_with_what_it_retained_and_a_wiped_one_without(
    own_mosquitto: Mosquitto,
) -> None:
    lock = "00000000000000a4"
    own_mosquitto.add_user(lock, "four")
    gateway = _client(own_mosquitto, *_gateway(own_mosquitto))
    gateway.publish(f"kaiho/v1/locks/{lock}/down/desired", b"seven", qos=1, retain=True).wait_for_publish(5)
    _close(gateway)
    assert _retained_after_restart(own_mosquitto, lock, wipe=False) == [b"seven"]
    assert _retained_after_restart(own_mosquitto, lock, wipe=True) == []


def _gateway(broker: Mosquitto) -> tuple[str, str]:
    return broker.gateway_username, broker.gateway_password


def _retained_after_restart(broker: Mosquitto, lock: str, *, wipe: bool) -> list[bytes]:
    broker.stop()
    if wipe:
        broker.wipe()
    broker.start()
    client = _client(broker, lock, "four")
    heard: list[bytes] = []
    client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    gateway = _client(broker, *_gateway(broker))
    subscribed: list[int] = []
    client.on_subscribe = lambda _client, _data, number, _codes, _properties: subscribed.append(number)
    client.subscribe(f"kaiho/v1/locks/{lock}/down/#", qos=1)
    eventually(lambda: subscribed)
    # What was retained is delivered before anything newer, so this marks its end.
    gateway.publish(f"kaiho/v1/locks/{lock}/down/welcome", b"end", qos=1)
    eventually(lambda: b"end" in heard)
    _close(client, gateway)
    return heard[:-1]


def test_mail_that_was_sent_can_be_read_and_a_refusal_is_temporary(smtp_sink: SmtpSink) -> None:
    mail = EmailMessage()
    mail["Subject"] = "予約を受け付けました"
    mail["From"], mail["To"] = "kaiho@localhost", "resident@localhost"
    mail.set_content("体育館でお待ちしています。")
    smtp_sink.refuse_next = 1
    with smtplib.SMTP(smtp_sink.host, smtp_sink.port) as client:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.send_message(mail)
        assert refused.value.smtp_code == 451
        client.send_message(mail)
    (received,) = smtp_sink.wait_for(1)
    assert received["Subject"] == "予約を受け付けました"
    assert received.get_content().strip() == "体育館でお待ちしています。"


def test_a_program_is_heard_and_killed_with_its_children(processes: Processes) -> None:
    family = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('child', child.pid)\nchild.wait()\n"
    )
    process = processes.python("-c", family)
    child = int(process.wait_for_line(r"^child (\d+)$").group(1))
    process.kill()
    assert not process.is_running()
    eventually(lambda: _is_gone(child), what="the end of the child")


def _is_gone(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    # A killed orphan may wait as a zombie for whoever adopted it.
    return not status.exists() or "State:\tZ" in status.read_text()


def test_a_program_that_ends_without_the_awaited_line_says_what_it_said(processes: Processes) -> None:
    process = processes.python("-c", "raise SystemExit('no such lock')")
    with pytest.raises(NeverCame, match="no such lock"):
        process.wait_for_line("ready")


def test_a_frozen_program_goes_on_where_it_was(processes: Processes) -> None:
    server = processes.python(
        "-c",
        "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint('port', s.getsockname()[1])\n"
        "while True:\n c, _ = s.accept()\n c.sendall(b'hi')\n c.close()\n",
    )
    port = int(server.wait_for_line(r"^port (\d+)$").group(1))
    server.signal(signal.SIGSTOP)
    with socket.create_connection((LOOPBACK, port), timeout=0.2) as client, pytest.raises(TimeoutError):
        client.recv(2)
    server.signal(signal.SIGCONT)
    with socket.create_connection((LOOPBACK, port), timeout=10) as client:
        assert client.recv(2) == b"hi"
    server.kill()
    assert not is_listening(port)


CLEAN = "<!doctype html><html lang=ja><title>体育館</title><main><h1>体育館</h1><p>半面 A</p></main></html>"


def test_axe_finds_nothing_on_a_page_that_everybody_can_use(page: Page) -> None:
    page.set_content(CLEAN)
    assert_axe_clean(page)
    assert page.viewport_size == {"width": 390, "height": 844}


def test_axe_names_what_somebody_cannot_use(page: Page) -> None:
    page.set_content(CLEAN.replace("<p>", "<input><p>"))
    with pytest.raises(AssertionError, match="label"):
        assert_axe_clean(page)


def test_a_page_whose_script_fails_is_noticed(phone_context: BrowserContext) -> None:
    with pytest.raises(AssertionError, match="broken"), watched_page(phone_context) as opened:
        opened.set_content("<script>throw new Error('broken')</script>")


def test_files_are_made_in_memory_only_where_there_is_room(tmp_path: Path) -> None:
    assert scratch.has_room(tmp_path, 1)
    assert not scratch.has_room(tmp_path, 2**60)
    assert not scratch.has_room(tmp_path / "missing", 1)
    assert not scratch.has_room(Path("/proc"), 1)
