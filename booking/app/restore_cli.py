"""`kaiho after-restore`: what has to happen before the pages open again on a restored database."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from booking.app.services import Services


@click.command("after-restore")
@click.argument("restore_id", metavar="NAME")
@click.option(
    "--times",
    default=1,
    show_default=True,
    help="2 where this same backup was restored once before, and so on.",
)
@click.pass_obj
def after_restore(open_services: "Callable[[], Services]", restore_id: str, times: int) -> None:
    """Run once after a restore, before web and worker start: no code sold since the backup is sold again.

    NAME is yours, up to 64 characters, a name for this restore (2026-11-21-morning); the same name again
    changes nothing.
    """
    from core.database import retrying
    from locks import restore

    services = open_services()

    def once() -> dict[int, int]:
        with services.database.transaction() as session:
            return restore.after_restore(
                session, restore_id=restore_id, times=times, actor="operator", now=services.clock.now()
            )

    raised = retrying(once)
    if raised:
        click.echo(f"{sum(raised.values())} code groups raised, every lock has a new version")
    else:
        click.echo("done before, nothing changed")
