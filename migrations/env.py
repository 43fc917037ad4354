"""What Alembic runs: one database, every package's tables, each revision in one transaction."""

from typing import Any, Literal

from alembic import context

from booking.fees import models as fees
from booking.fees import relief_models as relief
from booking.papers import models as papers
from booking.people import models as people
from booking.places import models as places
from booking.refunding import models as refunding
from booking.refunding import policy_models as policies
from booking.reservations import models as reservations
from booking.shelter import models as shelter
from core import audit, lease, owed
from core.database import Base, Database, UtcDateTime
from locks import models as locks
from locks.alarms import models as alarms
from locks.modes import models as modes
from locks.staff import models as staff
from locks.vendors import models as vendors
from payments import book_models as books
from payments import case_models as cases
from payments import invoice_models as invoices
from payments import models as payments

TABLES_OF = (
    people,
    places,
    fees,
    relief,
    policies,
    refunding,
    papers,
    reservations,
    shelter,
    locks,
    alarms,
    modes,
    staff,
    vendors,
    payments,
    cases,
    books,
    invoices,
    audit,
    lease,
    owed,
)
"""Imported so that each registers its tables on `Base`."""


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    # A revision outlives our types: it names what the database has.
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run() -> None:
    """Migrate the database that the configuration names."""
    url = context.config.get_main_option("sqlalchemy.url")
    assert url, "migrations.run sets the URL"
    database = Database(url)
    try:
        with database.engine.connect() as connection:
            if not database.is_sqlite:
                # Everybody queues behind a migration that waits for a lock: better it fails and is run again.
                connection.exec_driver_sql("SET lock_timeout = '5s'")
                connection.exec_driver_sql("SET statement_timeout = 0")
                connection.commit()
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                render_as_batch=database.is_sqlite,
                render_item=_render,
                # Database begins with BEGIN IMMEDIATE, under which SQLite's DDL is transactional.
                transactional_ddl=True,
                transaction_per_migration=True,
                autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        database.dispose()


run()
