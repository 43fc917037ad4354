"""The books are append only, whoever asks: triggers refuse what the models refuse, and raw SQL with them.

PostgreSQL also refuses at commit a set whose lines do not sum to zero (a deferred constraint trigger). SQLite
has no deferred triggers, and a set is several rows: there `payments.ledger.post` checks before it writes, and
the nightly audit finds what came in beside it. SQLite's REPLACE deletes without firing delete triggers, hence
the trigger on insert. A later revision that rebuilds one of these tables (batch mode does) drops its triggers
and has to lay them again: tests/integration/migrations asks for them at the head.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEYS = {
    "ledger_entry": "(id = NEW.id OR (set_key = NEW.set_key AND line = NEW.line))",
    "month_close": "(municipality_id = NEW.municipality_id AND month = NEW.month)",
}
"""Tables of which rows are only added, each with what makes a new row one that is there already."""

_REFUSE = """
CREATE FUNCTION kaiho_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""
_BALANCE = """
CREATE FUNCTION kaiho_set_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount_yen) FROM ledger_entry WHERE set_key = NEW.set_key) <> 0 THEN
        RAISE EXCEPTION 'ledger set % does not balance', NEW.set_key USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, is_there in KEYS.items():
            for verb in ("UPDATE", "DELETE"):
                _refuse_on_sqlite(table, verb, "")
            _refuse_on_sqlite(table, "INSERT", f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {is_there})")  # noqa: S608
        return
    op.execute(_REFUSE)
    op.execute(_BALANCE)
    for table in KEYS:
        op.execute(
            f"CREATE TRIGGER {table}_keeps BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION kaiho_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_keeps_all BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION kaiho_refuse_change()"
        )
    op.execute(
        "CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_entry "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION kaiho_set_balances()"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in KEYS:
            for verb in ("insert", "update", "delete"):
                op.execute(f"DROP TRIGGER {table}_keeps_{verb}")
        return
    op.execute("DROP TRIGGER ledger_entry_balances ON ledger_entry")
    for table in KEYS:
        op.execute(f"DROP TRIGGER {table}_keeps_all ON {table}")
        op.execute(f"DROP TRIGGER {table}_keeps ON {table}")
    op.execute("DROP FUNCTION kaiho_set_balances()")
    op.execute("DROP FUNCTION kaiho_refuse_change()")


def _refuse_on_sqlite(table: str, verb: str, when: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_keeps_{verb.lower()} BEFORE {verb} ON {table} {when} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append only'); END"
    )
