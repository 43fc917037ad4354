"""Every command does what it says, a second time too, and says in one sentence what it cannot do."""

import json
import os
import re
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.database import Base, Database
from tests.integration.app.command_line import CommandLine
from tests.servers.loopback import eventually
from tests.servers.postgres import PostgresServer
from tests.servers.processes import Processes

GYMLESS = "福生東小学校"
"""A sample school whose gym has no access point yet."""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table; the SQLite one not even has its folder."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'not' / 'there' / 'kaiho.sqlite3'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"kaiho_empty_{os.getpid()}"
    yield server.create(name)
    server.drop(name)


def tables_of(database_url: str) -> list[str]:
    engine = sa.create_engine(database_url)
    try:
        return sorted(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def row_counts(line: CommandLine) -> dict[str, int]:
    database = Database(line.environment["KAIHO_DATABASE_URL"])
    try:
        with database.reading() as session:
            return {
                table.name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in Base.metadata.sorted_tables
            }
    finally:
        database.dispose()


def test_migrating_makes_every_table_and_a_second_time_changes_nothing(
    empty_database_url: str, tmp_path: Path
) -> None:
    line = CommandLine(empty_database_url, tmp_path / "broker")
    line.ok("migrate")
    first = tables_of(empty_database_url)
    assert {table.name for table in Base.metadata.sorted_tables} <= set(first)
    line.ok("migrate")
    assert tables_of(empty_database_url) == first


def test_seeding_a_second_time_changes_nothing(line: CommandLine) -> None:
    line.plant()
    first = row_counts(line)
    assert first["facility"] > 20
    assert first["account"] >= 5
    line.ok("seed", "--sample-password", "another-password")
    assert row_counts(line) == first


def test_a_drawn_password_is_said_once_and_only_where_it_counts(line: CommandLine) -> None:
    line.ok("migrate")
    said = line.ok("seed").strip()
    assert re.fullmatch(r"password of the sample accounts: mihon-\d{8}", said)
    assert line.ok("seed") == ""


def test_access_points_are_named_as_words_and_as_json(line: CommandLine) -> None:
    line.plant()
    words = line.ok("access-points").splitlines()
    assert len(words) >= 1
    assert all(words)
    assert json.loads(line.ok("access-points", "--json")) == words


def test_a_key_box_beside_a_door_shares_its_code_and_gets_a_lock_of_its_own(line: CommandLine) -> None:
    line.plant()
    door = line.add_lock("--facility", GYMLESS)
    beside = ("--facility", GYMLESS, "--kind", "key_box", "--with", f"{GYMLESS} 体育館 入口")
    name = line.ok("access-points", "add", *beside).strip()
    assert name == f"{GYMLESS} キーボックス"
    box = line.add_lock("--access-point", name)
    assert box["code_root"] == door["code_root"]
    assert box["root"] != door["root"]
    assert "access_point_name_taken" in line.refused("access-points", "add", *beside)
    assert "not_found" in line.refused("access-points", "add", "--facility", "どこにもない", "--kind", "gate")


def test_a_lock_is_shown_once_with_everything_that_its_installer_types_in(line: CommandLine) -> None:
    line.plant()
    name = line.ok("access-points").splitlines()[0]
    shown = line.add_lock("--access-point", name)
    assert list(shown) == ["lock", "root", "code_root", "broker", "username", "password", "sync"]
    assert [len(shown[field]) for field in ("lock", "root", "code_root")] == [16, 64, 64]
    assert shown["username"] == shown["lock"]
    assert shown["broker"] == {"host": "127.0.0.1", "port": 8883, "tls": False}
    assert shown["sync"] == f"http://127.0.0.1:8000/locks/v1/{shown['lock']}/sync"
    passwords = line.broker_dir / "passwords"
    assert shown["lock"] in passwords.read_text()
    assert stat.S_IMODE(passwords.stat().st_mode) & 0o007 == 0
    assert "already_fitted" in line.refused("lock", "add", "--access-point", name)


def test_a_gym_without_a_door_gets_one_by_the_name_of_its_school(line: CommandLine) -> None:
    line.plant()
    before = line.ok("access-points").splitlines()
    assert len(line.add_lock("--facility", GYMLESS)["root"]) == 64
    (made,) = set(line.ok("access-points").splitlines()) - set(before)
    assert made == f"{GYMLESS} 体育館 入口"
    counted = row_counts(line)
    assert "already_fitted" in line.refused("lock", "add", "--facility", GYMLESS)
    assert row_counts(line) == counted


def test_a_name_that_nothing_has_is_one_sentence(small_line: CommandLine) -> None:
    small_line.plant()
    counted = row_counts(small_line)
    for words in (("--access-point", "どこにもない"), ("--facility", "どこにもない小学校")):
        assert "どこにもない" in small_line.refused("lock", "add", *words)
    assert row_counts(small_line) == counted


def test_a_lock_wants_one_place_and_not_two(small_line: CommandLine) -> None:
    for words in ((), ("--access-point", "a", "--facility", "b")):
        done = small_line.run("lock", "add", *words)
        assert done.exit_code == 2
        assert "give --access-point or --facility" in done.stderr


def test_secrets_are_printed_once_and_stand_in_no_log_file_or_table(line: CommandLine) -> None:
    line.plant()
    done = line.run("lock", "add", "--facility", GYMLESS, "--json")
    shown = json.loads(done.stdout)
    secrets = [shown[field] for field in ("root", "code_root", "password")]
    assert [done.stdout.count(secret) for secret in secrets] == [1, 1, 1]
    kept = "".join(file.read_text() for file in line.broker_dir.iterdir())
    database = Database(line.environment["KAIHO_DATABASE_URL"])
    with database.reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(sa.select(table)):
                kept += " ".join(value.hex() if isinstance(value, bytes) else str(value) for value in row)
    database.dispose()
    assert shown["lock"] in kept
    assert [secret for secret in secrets if secret in kept or secret in done.stderr] == []


def test_no_lock_is_made_whose_secrets_nobody_would_see(small_line: CommandLine) -> None:
    small_line.plant()
    counted = row_counts(small_line)
    small_line.broker_dir.write_text("a file where the folder should be")
    assert str(small_line.broker_dir) in small_line.refused("lock", "add", "--facility", GYMLESS)
    assert row_counts(small_line) == counted


def test_broker_files_are_written_once_and_again_only_when_something_changed(line: CommandLine) -> None:
    line.plant()
    assert line.ok("broker-files") == "changed\n"
    assert line.ok("broker-files") == "unchanged\n"
    line.add_lock("--facility", GYMLESS)
    assert line.ok("broker-files") == "unchanged\n"
    (line.broker_dir / "passwords").unlink()
    assert line.ok("broker-files") == "changed\n"


def test_settings_come_from_a_file_and_the_environment_wins(small_line: CommandLine, tmp_path: Path) -> None:
    small_line.plant()
    file = tmp_path / "environment"
    file.write_text("".join(f"{name}={value}\n" for name, value in small_line.environment.items()))
    unset: dict[str, str | None] = dict.fromkeys(small_line.environment)
    done = small_line.run("--environment", str(file), "access-points", **unset)
    assert done.exit_code == 0, done.output
    assert done.stdout == small_line.ok("access-points")
    unset["KAIHO_DATABASE_URL"] = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    assert "kaiho migrate" in small_line.refused("--environment", str(file), "access-points", **unset)


@pytest.mark.parametrize(
    "command",
    [
        ("migrate",),
        ("seed", "--sample-password", "x"),
        ("access-points",),
        ("broker-files",),
        ("lock", "add", "--facility", GYMLESS),
        ("web",),
        ("worker",),
        ("gateway",),
    ],
)
def test_a_setting_that_is_missing_is_one_sentence(small_line: CommandLine, command: tuple[str, ...]) -> None:
    sentence = small_line.refused(*command, KAIHO_SECRET_KEY=None, KAIHO_MASTER_KEY=None)
    assert "KAIHO_SECRET_KEY（未設定）、KAIHO_MASTER_KEY（未設定）" in sentence


def test_a_setting_that_is_wrong_is_named_and_not_repeated(small_line: CommandLine) -> None:
    sentence = small_line.refused(
        "access-points", KAIHO_SECRET_KEY="", KAIHO_MASTER_KEY="hunter2", KAIHO_MQTT_PORT="many"
    )
    assert "KAIHO_SECRET_KEY（未設定）" in sentence
    assert "KAIHO_MASTER_KEY（値が正しくありません）" in sentence
    assert "KAIHO_MQTT_PORT（値が正しくありません）" in sentence
    assert "hunter2" not in sentence


def test_a_database_that_is_not_there_or_not_ready_is_one_sentence(small_line: CommandLine) -> None:
    assert "not_set_up" in small_line.refused("access-points")
    for url in ("postgresql://kaiho@127.0.0.1:1/kaiho", "sqlite:////dev/null/kaiho", "no-such-thing://x"):
        assert "KAIHO_DATABASE_URL" in small_line.refused("broker-files", KAIHO_DATABASE_URL=url)


def test_an_address_that_is_taken_or_no_address_is_said_before_anything_starts(
    small_line: CommandLine,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"address_taken: {address}" in small_line.refused("web", "--listen", address)
    for address in ("8000", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"):
        assert small_line.run("web", "--listen", address).exit_code == 2


def test_the_program_itself_ends_with_a_sentence_and_status_1(processes: Processes, tmp_path: Path) -> None:
    refused = processes.python("-m", "booking.app.cli", "seed", "--sample-password", "x", cwd=tmp_path)
    assert refused.wait() == 1
    assert refused.lines == [
        "Error: 設定を確認してください: KAIHO_SECRET_KEY（未設定）、KAIHO_MASTER_KEY（未設定）。"
        "説明は docs/settings.md にあります。"
    ]


def test_the_pages_are_served_over_a_file_of_settings(
    small_line: CommandLine, processes: Processes, tmp_path: Path
) -> None:
    small_line.plant()
    file = tmp_path / "environment"
    file.write_text("".join(f"{name}={value}\n" for name, value in small_line.environment.items()))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    web = processes.python(
        *("-m", "booking.app.cli", "--environment", str(file), "web", "--listen", f"127.0.0.1:{port}")
    )

    def answered() -> bytes:
        assert web.is_running(), web.output
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
                client.sendall(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                return client.recv(64)
        except OSError:
            return b""

    assert b" 200 " in eventually(answered, within_s=30, what="the pages")
    web.signal(signal.SIGTERM)
    web.wait()
    assert "Traceback" not in web.output
