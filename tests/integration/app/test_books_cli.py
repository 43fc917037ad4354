"""`kaiho settle` and `kaiho audit`: figures on standard output, and 1 where something does not add up."""

import sqlalchemy as sa

from payments.book_models import AuditNight, SettlementRun
from tests.integration.app.command_line import CommandLine, services_of
from tests.servers.stripe_sandbox import StripeSandbox

ONE_SIDED = (
    "INSERT INTO ledger_entry (municipality_id, set_key, line, account, amount_yen, at) "
    "VALUES (:town, 'by hand', 1, 'cash', 5, '2026-11-22 00:00:00')"
)


def _rows(line: CommandLine, kind: type[AuditNight] | type[SettlementRun]) -> int:
    with services_of(line) as given, given.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(kind)) or 0


def test_an_audit_of_sample_data_finds_nothing_and_names_every_check(line: CommandLine) -> None:
    line.plant()
    told = line.ok("audit")
    assert "sets_sum_to_zero: 0 looked at, 0 found" in told
    assert "audit_chain_holds:" in told
    assert _rows(line, AuditNight) == 1


def test_an_audit_that_finds_something_ends_with_1(small_line: CommandLine) -> None:
    small_line.plant()
    with services_of(small_line) as given:
        town = given.municipality_id
        with given.database.transaction() as session:
            session.execute(sa.text(ONE_SIDED), {"town": town})
    done = small_line.run("audit")
    assert done.exit_code == 1
    assert "  by hand (5 yen)" in done.stdout
    assert "成り立たないことが1件あります。" in done.stderr


def test_a_settlement_compares_with_stripe(line: CommandLine, stripe_sandbox: StripeSandbox) -> None:
    line.plant()
    line.environment["KAIHO_STRIPE_API_BASE"] = stripe_sandbox.url
    line.environment["KAIHO_STRIPE_SECRET_KEY"] = "sk_test_kaiho"
    assert line.ok("settle") == "0 new movements, Stripe 0 yen, books 0 yen, 0 yen under way\n"
    assert _rows(line, SettlementRun) == 1


def test_a_settlement_without_stripe_says_so(small_line: CommandLine) -> None:
    small_line.plant()
    assert "stripe_" in small_line.refused("settle", KAIHO_STRIPE_API_BASE="http://127.0.0.1:1")
