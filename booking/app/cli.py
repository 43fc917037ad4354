"""`kaiho`: the command line. Each command parses, opens one transaction or runs one process, answers."""

import errno
import os
import signal
import threading
from pathlib import Path
from typing import NoReturn

import click
import sqlalchemy as sa
from prometheus_client import start_http_server
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from booking.app.books_cli import audit_books, settle
from booking.app.fleet_cli import fleet
from booking.app.lock_cli import lock
from booking.app.place_cli import access_points
from booking.app.restore_cli import after_restore
from booking.app.services import Services
from core import logs
from core.clock import SystemClock
from core.ending import Ending
from core.errors import KaihoError
from core.ids import random_digits
from core.settings import Settings


def _environment_file() -> Path | None:
    file: Path | None = click.get_current_context().find_root().params["environment"]
    return file


def _settings() -> Settings:
    try:
        return Settings(_env_file=_environment_file())
    except ValidationError as error:
        # Not the error itself: it is long, and what was typed in may be a secret.
        raise click.ClickException(_what_is_wrong(error)) from None


def _what_is_wrong(error: ValidationError) -> str:
    found = [
        f"KAIHO_{str(wrong['loc'][0]).upper()}"
        f"（{'未設定' if wrong['type'] in ('missing', 'too_short') else '値が正しくありません'}）"
        for wrong in error.errors(include_input=False)
    ]
    return f"設定を確認してください: {'、'.join(found)}。説明は docs/settings.md にあります。"


def _services() -> Services:
    from booking.app.wiring import build_services

    services = build_services(_settings())
    click.get_current_context().call_on_close(services.database.dispose)
    return services


def _stop_on_signals() -> threading.Event:
    stop = Ending()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _end_on_signals() -> threading.Event:
    """SIGTERM ends the program as Ctrl-C does: what it started is stopped on the way out.

    The event is set too: an exception that comes while Python cleans up after an object is lost.
    """
    ended = Ending()

    def end(_number: int, _frame: object) -> NoReturn:
        ended.set()
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return ended


class _Kaiho(click.Group):
    """Says what went wrong in a sentence, and exits with 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KaihoError as error:
            detail = "" if str(error) == error.code else f": {error}"
            raise click.ClickException(f"{error.sentence} ({error.code}{detail})") from error
        except SQLAlchemyError as error:
            raise click.ClickException(_about_database(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            raise click.ClickException(f"ファイルや通信を使えません。({error})") from error


def _about_database(error: SQLAlchemyError) -> str:
    # Its own text may quote the statement with what it was given.
    said = str(error.orig).strip().splitlines() if isinstance(error, DBAPIError) else []
    detail = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
    return (
        "データベースを使えません。KAIHO_DATABASE_URL を確認し、まだなら kaiho migrate を実行してください。"
        f"({detail})"
    )


def _address(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise click.BadParameter("HOST:PORT")
    return host, int(port)


def _address_or_none(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    return None if value is None else _address(context, option, value)


@click.group(cls=_Kaiho)
@click.option(
    "--environment",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of KAIHO_* settings (NAME=value a line), as a running demo writes it to var/demo/environment.",
)
@click.pass_context
def main(context: click.Context, environment: Path | None) -> None:  # noqa: ARG001  # read by `_settings`
    """Kaihō: 学校開放の予約・支払い・解錠."""
    # For the groups that live in files of their own.
    context.obj = _services
    logs.configure()


@main.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from migrations.run import upgrade

    url = _settings().database_url
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    upgrade(url)


@main.command()
@click.option("--sample-password", help="Password of every sample account made now [default: one is drawn].")
def seed(sample_password: str | None) -> None:
    """Put the sample data into the database; running it again changes nothing."""
    from booking.people.models import Account
    from booking.seed.run import seed as plant

    services = _services()
    password = sample_password or f"mihon-{random_digits(8)}"
    with services.database.transaction() as session:
        before = session.scalar(sa.select(sa.func.count()).select_from(Account))
        plant(session, services.keyring, sample_password=password, now=services.clock.now())
        is_new = before != session.scalar(sa.select(sa.func.count()).select_from(Account))
    if is_new and sample_password is None:
        click.echo(f"password of the sample accounts: {password}")


@main.command("broker-files")
def broker_files() -> None:
    """Write the broker's password and ACL files, and make a Mosquitto beside them read them."""
    from booking.app.installing import write_for_broker

    click.echo("changed" if write_for_broker(_services()) else "unchanged")


@main.command("broker-certificates")
@click.option(
    "--check", is_flag=True, help="Change nothing; end with 1 where one is missing or ends in 30 days."
)
def broker_certificates(check: bool) -> None:
    """Make the broker's certificate and its authorities, and renew what nears its end; to be run daily."""
    from booking.app import certificates

    settings, now = _settings(), SystemClock().now()
    if not check:
        click.echo("changed" if certificates.renew(settings, now=now) else "unchanged")
    held = certificates.check(settings, now=now)
    for ending in held:
        click.echo(f"{ending.what}: {ending.days_left} days, until {ending.ends_at:%Y-%m-%d}")
    if not held or any(ending.level is not None for ending in held):
        raise click.ClickException(
            "証明書がないか、期限が近づいています。kaiho broker-certificates を実行してください。"
        )


@main.command()
@click.option("--listen", default="127.0.0.1:8000", show_default=True, callback=_address, metavar="HOST:PORT")
@click.option("--workers", type=int, help="Processes [default: one on SQLite, else one a core].")
@click.option("--threads", default=8, show_default=True, help="Threads a process.")
def web(listen: tuple[str, int], workers: int | None, threads: int) -> None:
    """Serve the pages, the webhook and the locks' HTTPS endpoint."""
    from granian import Granian
    from granian.constants import Interfaces

    from booking.app.listening import require_free

    # Its processes read the settings again; what is wrong with them is said here, once.
    database_url = _settings().database_url
    file = _environment_file()
    require_free(*listen)
    Granian(
        "wsgi:app",
        address=listen[0],
        port=listen[1],
        env_files=[file] if file else None,
        interface=Interfaces.WSGI,
        # SQLite has one writer at a time: more processes would only wait for each other.
        workers=workers or (1 if database_url.startswith("sqlite") else os.cpu_count() or 1),
        blocking_threads=threads,
        backlog=2048,
        log_enabled=True,
        respawn_failed_workers=True,
    ).serve()


_metrics = click.option(
    "--metrics",
    callback=_address_or_none,
    metavar="HOST:PORT",
    help="Tell this process's counters there, in Prometheus' text form; an address of this machine alone.",
)


def _tell_metrics(address: tuple[str, int] | None) -> None:
    if address is not None:
        start_http_server(address[1], addr=address[0])


@main.command()
@_metrics
def worker(metrics: tuple[str, int] | None) -> None:
    """Run what is due: deadlines, payments, refunds, mail, horizons."""
    from booking.app.wiring import build_mailer
    from booking.app.worker import Worker

    _tell_metrics(metrics)
    services = _services()
    Worker(services, build_mailer(services.settings)).run(_stop_on_signals())


@main.command()
@_metrics
def gateway(metrics: tuple[str, int] | None) -> None:
    """Speak with the locks over MQTT."""
    from booking.app.wiring import build_gateway

    _tell_metrics(metrics)
    speaking = build_gateway(_services())
    stop = _stop_on_signals()

    def end_when_asked() -> None:
        stop.wait()
        speaking.stop()

    threading.Thread(target=end_when_asked, name="end", daemon=True).start()
    # Not in a thread of its own: were it to break, the process must end and be started again.
    speaking.run()


@main.command()
@click.option(
    "--tour", is_flag=True, help="Run the whole story once, on free ports and a fresh database, then stop."
)
@click.option("--port", default=8000, show_default=True)
@click.option(
    "--listen",
    default="127.0.0.1",
    show_default=True,
    help="This machine's address for other devices: the pages then answer on every interface. "
    "The sandbox's card page and the keypads stay on this machine.",
)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
def demo(tour: bool, port: int, listen: str, folder: Path) -> None:
    """Start a town on this machine."""
    if tour:
        from booking.demo.tour import run_tour

        raise SystemExit(run_tour(ended=_end_on_signals()))
    from booking.demo.stay import run_town

    run_town(folder, port=port, listen=listen, stop=_stop_on_signals())


main.add_command(fleet)
main.add_command(lock)
main.add_command(access_points)
main.add_command(after_restore)
main.add_command(settle)
main.add_command(audit_books)


if __name__ == "__main__":
    main()
