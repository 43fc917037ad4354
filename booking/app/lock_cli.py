"""`kaiho lock …`: the life of locks from the command line, for the operator of the machine."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    # What commands import costs every start of the program, so each imports its own.
    from booking.app.installing import Shown
    from booking.app.services import Services

ACTOR = "operator"
"""Who acts, in the audit log: whoever has the machine."""

OpenServices = Callable[[], "Services"]

_as_json = click.option("--json", "as_json", is_flag=True)
_reason = click.option("--reason", default="", help="Why, for the audit log.")
_lock = click.argument("lock_name", metavar="LOCK")


@click.group()
def lock() -> None:
    """Locks on doors. LOCK is a lock's id, or the name of the access point it is on."""


@lock.command("add")
@click.option("--access-point", help="Name of the access point it is mounted on (see `kaiho access-points`).")
@click.option("--facility", help="Name of a school whose gym has no access point yet.")
@click.option("--https", is_flag=True, help="It speaks HTTPS, not MQTT.")
@_as_json
@click.pass_obj
def add(
    open_services: OpenServices, access_point: str | None, facility: str | None, https: bool, as_json: bool
) -> None:
    """Make a lock and show once what its installer types in."""
    from booking.app.installing import install
    from locks.models import Transport

    if (access_point is None) == (facility is None):
        raise click.UsageError("give --access-point or --facility")
    transport = Transport.HTTPS if https else Transport.MQTT
    shown = install(
        open_services(), access_point=access_point, facility=facility, transport=transport, actor=ACTOR
    )
    _say_shown(shown, as_json)


@lock.command("add-vendor")
@click.option("--access-point", required=True, help="Name of the access point it is mounted on.")
@click.option("--vendor", required=True, help="Its maker, as KAIHO_VENDORS names it.")
@click.option("--vendor-ref", required=True, help="What the maker's cloud calls this lock.")
@click.pass_obj
def add_vendor(open_services: OpenServices, access_point: str, vendor: str, vendor_ref: str) -> None:
    """Put a lock of another maker on an access point; prints its id."""
    from booking.app.installing import access_point_called
    from locks.vendors.fitting import add_vendor_lock
    from locks.vendors.registry import NoSuchVendor

    services = open_services()
    if vendor not in services.settings.vendors:
        raise NoSuchVendor(vendor)
    with services.database.transaction() as session:
        made = add_vendor_lock(
            session,
            services.keyring,
            access_point_id=access_point_called(session, services.municipality_id, access_point),
            vendor=vendor,
            vendor_ref=vendor_ref,
            actor=ACTOR,
            now=services.clock.now(),
        )
    click.echo(made)


@lock.command("replace")
@_lock
@_reason
@_as_json
@click.pass_obj
def replace(open_services: OpenServices, lock_name: str, reason: str, as_json: bool) -> None:
    """Put a new lock in an old one's place: the old one is dead at once, people keep their codes."""
    from booking.app.installing import replace_lock

    services = open_services()
    shown = replace_lock(services, _id(services, lock_name), actor=ACTOR, reason=reason)
    _say_shown(shown, as_json)


@lock.command("stolen")
@_lock
@_reason
@click.pass_obj
def stolen(open_services: OpenServices, lock_name: str, reason: str) -> None:
    """Shut a stolen lock out for good; its door's next lock gets other codes, and their holders are told."""
    from booking.app.installing import write_for_broker
    from locks import life

    services = open_services()
    lock_id = _id(services, lock_name)
    with services.database.transaction() as session:
        life.stolen(
            session,
            services.keyring,
            services.lock_callbacks,
            lock_id=lock_id,
            actor=ACTOR,
            reason=reason,
            now=services.clock.now(),
        )
    write_for_broker(services)
    click.echo(f"{lock_id} is dead")


@lock.command("decommission")
@_lock
@_reason
@click.option("--force", is_flag=True, help="Now, without waiting for it to confirm that it is empty.")
@click.pass_obj
def decommission(open_services: OpenServices, lock_name: str, reason: str, force: bool) -> None:
    """Wipe a lock and take it out of service."""
    from booking.app.installing import write_for_broker
    from locks import life

    services = open_services()
    lock_id = _id(services, lock_name)
    with services.database.transaction() as session:
        life.decommission(
            session, lock_id=lock_id, actor=ACTOR, reason=reason, force=force, now=services.clock.now()
        )
    write_for_broker(services)
    click.echo(f"{lock_id} is {_state(services, lock_id)}")


@lock.command("move")
@_lock
@click.option("--to", "access_point", required=True, help="Name of the access point it goes to.")
@_reason
@click.pass_obj
def move(open_services: OpenServices, lock_name: str, access_point: str, reason: str) -> None:
    """Put a lock on another access point; no right of the old one comes along."""
    from booking.app.installing import access_point_called
    from locks import moving

    services = open_services()
    lock_id = _id(services, lock_name)
    with services.database.transaction() as session:
        moving.move(
            session,
            services.keyring,
            services.lock_callbacks,
            lock_id=lock_id,
            access_point_id=access_point_called(session, services.municipality_id, access_point),
            actor=ACTOR,
            reason=reason,
            now=services.clock.now(),
        )
    click.echo(f"{lock_id} belongs to {access_point}")


@lock.command("rotate")
@_lock
@click.option("--codes", is_flag=True, help="The codes too, of all doors that open with the same code.")
@_reason
@click.pass_obj
def rotate(open_services: OpenServices, lock_name: str, codes: bool, reason: str) -> None:
    """Announce new message keys to a lock, or change the codes of its door. Heals no stolen lock."""
    from locks import epochs
    from locks.taking_off import held

    services = open_services()
    lock_id = _id(services, lock_name)
    with services.database.transaction() as session:
        now = services.clock.now()
        if not codes:
            epochs.rotate_mac_epoch(session, lock_id=lock_id, actor=ACTOR, now=now)
        else:
            group = held(session, lock_id).group
            epochs.rotate_code_epoch(
                session,
                services.lock_callbacks,
                code_group_id=group.id,
                code_epoch=group.code_epoch,
                actor=ACTOR,
                reason=reason,
                now=now,
            )
    click.echo("announced; it counts from the next contact on")


@lock.command("show")
@_lock
@_as_json
@click.pass_obj
def show(open_services: OpenServices, lock_name: str, as_json: bool) -> None:
    """What is known of a lock: its checklist, versions, last contact, orders. No secret."""
    from locks.portrait import portrait_of

    services = open_services()
    lock_id = _id(services, lock_name)
    with services.database.reading() as session:
        seen = asdict(portrait_of(session, municipality_id=services.municipality_id, lock_id=lock_id))
    if as_json:
        click.echo(json.dumps(seen, default=str, ensure_ascii=False))
        return
    click.echo("\n".join(f"{name}: {value}" for name, value in seen.items()))


@lock.command("command")
@_lock
@click.argument("kind", type=click.Choice(["identify", "sync_now", "set_mode"]))
@click.option("--mode", type=click.Choice(["normal", "passage", "vacation"]), help="Of set_mode.")
@click.pass_obj
def command(open_services: OpenServices, lock_name: str, kind: str, mode: str | None) -> None:
    """Order something that the lock does once, in its next contact; prints the order's id."""
    from locks import commands

    services = open_services()
    lock_id = _id(services, lock_name)
    with services.database.transaction() as session:
        ordered = commands.order(
            session,
            lock_id=lock_id,
            kind=commands.CommandKind(kind),
            args={} if mode is None else {"operating_mode": mode},
            actor=ACTOR,
            now=services.clock.now(),
        )
    click.echo(ordered)


def _id(services: "Services", name: str) -> str:
    from booking.app.installing import lock_called

    return lock_called(services, name)


def _state(services: "Services", lock_id: str) -> str:
    from locks.models import Lock

    with services.database.reading() as session:
        return str(session.get_one(Lock, lock_id).state)


def _say_shown(shown: "Shown", as_json: bool) -> None:
    lines = shown.as_json()
    click.echo(json.dumps(lines) if as_json else "\n".join(f"{key}: {value}" for key, value in lines.items()))
