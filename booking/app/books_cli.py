"""`kaiho settle` and `kaiho audit`: what the worker does every hour and every night, by hand."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from booking.app.services import Services


@click.command()
@click.pass_obj
def settle(open_services: "Callable[[], Services]") -> None:
    """Compare the books with Stripe's now; end with 1 where a difference is not explained."""
    from payments.settlement import settle as run

    given = open_services()
    done = run(given.database, given.stripe, given.clock, municipality_id=given.municipality_id)
    found = done.found
    click.echo(
        f"{done.movements} new movements, Stripe {found.stripe_yen} yen, books {found.ledger_yen} yen, "
        f"{found.explained_yen} yen under way"
    )
    for one in found.open:
        click.echo(f"{one.subject}: {one.yen} yen since {one.since.isoformat()}")
    if found.open:
        raise click.ClickException(
            f"説明のつかない差が{len(found.open)}件あります。「会計」の「要対応」をご覧ください。"
        )


@click.command("audit")
@click.pass_obj
def audit_books(open_services: "Callable[[], Services]") -> None:
    """Ask every invariant of money now; end with 1 where one does not hold."""
    from booking.money_desk.nightly import run_night

    given = open_services()
    found = run_night(given.database, given.clock, municipality_id=given.municipality_id)
    for name, checked in found.checks.items():
        click.echo(f"{name}: {checked.looked_at} looked at, {len(checked.findings)} found")
        for one in checked.findings[:20]:
            click.echo(f"  {one.subject}" + ("" if one.yen is None else f" ({one.yen} yen)"))
    if found.total:
        raise click.ClickException(
            f"成り立たないことが{found.total}件あります。「会計」の「要対応」をご覧ください。"
        )
