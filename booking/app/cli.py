"""`kaiho`: the command line. Each command parses, opens one transaction or runs one process, answers."""

import json
import signal
import threading
from pathlib import Path

import click

from booking.app.services import Services
from core import logs
from core.errors import KaihoError
from core.settings import Settings


def _settings() -> Settings:
    file: Path | None = click.get_current_context().find_root().params["environment"]
    return Settings(_env_file=file)


def _services() -> Services:
    from booking.app.wiring import build_services

    return build_services(_settings())


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


class _Kaiho(click.Group):
    """Says what went wrong in a sentence, and exits with 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KaihoError as error:
            raise click.ClickException(f"{error.sentence} ({error.code}: {error})") from error


@click.group(cls=_Kaiho)
@click.option(
    "--environment",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of KAIHO_* settings (NAME=value a line), as a running demo writes it to var/demo/environment.",
)
def main(environment: Path | None) -> None:  # noqa: ARG001  # read by `_settings`, from any command
    """Kaihō: 学校開放の予約・支払い・解錠."""
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
@click.option("--sample-password", required=True, help="Password of every sample account made now.")
def seed(sample_password: str) -> None:
    """Put the sample data into the database; running it again changes nothing."""
    from booking.seed.run import seed as plant

    services = _services()
    with services.database.transaction() as session:
        plant(session, services.keyring, sample_password=sample_password, now=services.clock.now())


@main.command("access-points")
@click.option("--json", "as_json", is_flag=True)
def access_points(as_json: bool) -> None:
    """Name every access point of the municipality."""
    from booking.app.installing import access_point_names

    names = access_point_names(_services())
    click.echo(json.dumps(names, ensure_ascii=False) if as_json else "\n".join(names))


@main.group()
def lock() -> None:
    """Locks on doors."""


@lock.command("add")
@click.option("--access-point", help="Name of the access point it is mounted on (see `kaiho access-points`).")
@click.option("--facility", help="Name of a school whose gym has no access point yet.")
@click.option("--json", "as_json", is_flag=True)
def lock_add(access_point: str | None, facility: str | None, as_json: bool) -> None:
    """Make a lock and show once what its installer types in."""
    from booking.app.installing import install

    if (access_point is None) == (facility is None):
        raise click.UsageError("give --access-point or --facility")
    shown = install(_services(), access_point=access_point, facility=facility).as_json()
    click.echo(json.dumps(shown) if as_json else "\n".join(f"{key}: {value}" for key, value in shown.items()))


@main.command("broker-files")
def broker_files() -> None:
    """Write the broker's password and ACL files, and make a Mosquitto beside them read them."""
    from booking.app.installing import write_for_broker

    click.echo("changed" if write_for_broker(_services()) else "unchanged")


@main.command()
@click.option("--listen", default="127.0.0.1:8000", show_default=True)
@click.option("--workers", default=1, show_default=True, help="Processes; one is right for SQLite.")
@click.option("--threads", default=16, show_default=True, help="Threads a process.")
def web(listen: str, workers: int, threads: int) -> None:
    """Serve the pages, the webhook and the locks' HTTPS endpoint."""
    from granian import Granian
    from granian.constants import Interfaces

    host, _, port = listen.rpartition(":")
    Granian(
        "wsgi:app",
        address=host,
        port=int(port),
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        backlog=2048,
        log_enabled=True,
        respawn_failed_workers=True,
    ).serve()


@main.command()
def worker() -> None:
    """Run what is due: deadlines, payments, refunds, mail, horizons."""
    from booking.app.wiring import build_mailer
    from booking.app.worker import Worker

    services = _services()
    Worker(services, build_mailer(services.settings)).run(_stop_on_signals())


@main.command()
def gateway() -> None:
    """Speak with the locks over MQTT."""
    from locks.broker_client import MqttSettings
    from locks.gateway import Gateway

    given = _services()
    settings = given.settings
    broker = MqttSettings(
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        username=settings.mqtt_username,
        password=settings.mqtt_password,
        tls_ca=settings.mqtt_tls_ca,
    )
    speaking = Gateway(given.database, given.keyring, given.lock_callbacks, given.clock, broker)
    stop = _stop_on_signals()
    thread = threading.Thread(target=speaking.run, name="gateway")
    thread.start()
    stop.wait()
    speaking.stop()
    thread.join(10)


@main.command()
@click.option(
    "--tour", is_flag=True, help="Run the whole story once, on free ports and a fresh database, then stop."
)
@click.option("--port", default=8000, show_default=True)
@click.option(
    "--listen", default="127.0.0.1", show_default=True, help="Address of the pages; loopback unless you ask."
)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
def demo(tour: bool, port: int, listen: str, folder: Path) -> None:
    """Start a town on this machine."""
    if tour:
        from booking.demo.tour import run_tour

        raise SystemExit(run_tour())
    from booking.demo.stay import run_town

    run_town(folder, port=port, listen=listen, stop=_stop_on_signals())


if __name__ == "__main__":
    main()
