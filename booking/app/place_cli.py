"""`kaiho access-points`: name them, and put one more on a facility."""

import json

import click

from booking.app.services import Services
from locks.models import AccessPointKind


@click.group("access-points", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def access_points(context: click.Context, as_json: bool) -> None:
    """Name every access point of the municipality."""
    from booking.app.installing import access_point_names

    if context.invoked_subcommand is not None:
        return
    names = access_point_names(context.find_root().obj())
    click.echo(json.dumps(names, ensure_ascii=False) if as_json else "\n".join(names))


@access_points.command("add")
@click.option("--facility", required=True, help="Name of the school, as it is called today.")
@click.option("--kind", required=True, type=click.Choice([str(kind) for kind in AccessPointKind]))
@click.option(
    "--with", "beside", help="Name of an access point of that school whose code opens this one too."
)
@click.option("--name", help="What people read [default: the school and the kind].")
@click.pass_context
def add(context: click.Context, facility: str, kind: str, beside: str | None, name: str | None) -> None:
    """Put one more on a school; whoever has a reservation there can open it, once it has a lock."""
    from booking.places.doors import add_door
    from locks.models import AccessPoint

    services: Services = context.find_root().obj()
    municipality_id, now = services.municipality_id, services.clock.now()
    with services.database.transaction() as session:
        made = add_door(
            session,
            municipality_id=municipality_id,
            facility_name=facility,
            kind=AccessPointKind(kind),
            beside=beside,
            name=name,
            now=now,
        )
        called = session.get_one(AccessPoint, made).name
    click.echo(called)
