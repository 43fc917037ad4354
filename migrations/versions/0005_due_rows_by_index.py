"""What the worker looks for every second is found by an index: parked messages and disputes that are due.

Messages are many; without these the worker and the overview of money read all of them each time.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_IS_DUE = sa.text("next_due_at IS NOT NULL")


def upgrade() -> None:
    for table in ("dispute", "webhook_event"):
        op.create_index(
            f"ix_{table}_due", table, ["next_due_at"], sqlite_where=_IS_DUE, postgresql_where=_IS_DUE
        )
    op.create_index("ix_webhook_event_received", "webhook_event", ["received_at"])


def downgrade() -> None:
    op.drop_index("ix_webhook_event_received", "webhook_event")
    for table in ("dispute", "webhook_event"):
        op.drop_index(f"ix_{table}_due", table)
