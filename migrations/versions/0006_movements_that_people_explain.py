"""What a person says a movement on Stripe's balance was, where nothing of ours explains it.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "movement_explanation",
        sa.Column("movement_id", sa.String(length=255), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=True),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("needs_second", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("booked_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(booked_at IS NULL) = (booked_by IS NULL)",
            name=op.f("ck_movement_explanation_booked_by_somebody"),
        ),
        sa.CheckConstraint(
            "booked_by IS NULL OR needs_second = (booked_by <> made_by)",
            name=op.f("ck_movement_explanation_two_people"),
        ),
        sa.ForeignKeyConstraint(
            ["movement_id"],
            ["stripe_movement.id"],
            name=op.f("fk_movement_explanation_movement_id_stripe_movement"),
        ),
        sa.PrimaryKeyConstraint("movement_id", name=op.f("pk_movement_explanation")),
    )


def downgrade() -> None:
    op.drop_table("movement_explanation")
