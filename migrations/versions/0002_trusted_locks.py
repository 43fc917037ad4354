"""Locks that can be trusted: staff rights, alarms, modes, shelters, commands, other makers' locks.

Revision ID: 0002
Revises: 0001
"""

# ruff: noqa: PLR0915

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "staff_right",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=True),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_by", sa.String(length=64), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_right")),
    )
    op.create_index(
        "ix_staff_right_municipality_id_kind", "staff_right", ["municipality_id", "kind"], unique=False
    )
    op.create_index(op.f("ix_staff_right_person"), "staff_right", ["person"], unique=False)

    op.create_table(
        "staff_code",
        sa.Column("gid", sa.String(length=32), nullable=False),
        sa.Column("staff_right_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code_group_id", sa.Integer(), nullable=False),
        sa.Column("wrapped_code", sa.LargeBinary(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_why", sa.String(length=16), nullable=True),
        sa.Column("printed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["code_group_id"], ["code_group.id"], name=op.f("fk_staff_code_code_group_id_code_group")
        ),
        sa.ForeignKeyConstraint(
            ["staff_right_id"], ["staff_right.id"], name=op.f("fk_staff_code_staff_right_id_staff_right")
        ),
        sa.PrimaryKeyConstraint("gid", name=op.f("pk_staff_code")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_staff_code_code_digest")),
    )
    op.create_index(
        "ix_staff_code_code_group_id_withdrawn_at",
        "staff_code",
        ["code_group_id", "withdrawn_at"],
        unique=False,
    )
    op.create_index(op.f("ix_staff_code_staff_right_id"), "staff_code", ["staff_right_id"], unique=False)

    op.create_table(
        "lock_alarm",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("access_point_id", sa.Integer(), nullable=False),
        sa.Column("lock_id", sa.String(length=16), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=64), nullable=True),
        sa.Column("note", sa.String(length=400), nullable=True),
        sa.ForeignKeyConstraint(
            ["access_point_id"], ["access_point.id"], name=op.f("fk_lock_alarm_access_point_id_access_point")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock_alarm")),
    )
    op.create_index(
        "ix_lock_alarm_municipality_id_began_at", "lock_alarm", ["municipality_id", "began_at"], unique=False
    )
    op.create_index(
        "uq_lock_alarm_lasting",
        "lock_alarm",
        ["access_point_id", "kind", "subject"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )

    op.create_table(
        "shelter_opening",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("closes_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> requested_by", name=op.f("ck_shelter_opening_two_people")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["account.id"], name=op.f("fk_shelter_opening_decided_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["ended_by"], ["account.id"], name=op.f("fk_shelter_opening_ended_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["municipality_id"],
            ["municipality.id"],
            name=op.f("fk_shelter_opening_municipality_id_municipality"),
        ),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["account.id"], name=op.f("fk_shelter_opening_requested_by_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shelter_opening")),
    )
    op.create_index(
        "ix_shelter_opening_municipality_id_state",
        "shelter_opening",
        ["municipality_id", "state"],
        unique=False,
    )

    op.create_table(
        "lock_battery_day",
        sa.Column("lock_id", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("lowest_mv", sa.Integer(), nullable=False),
        sa.Column("lowest_temperature_c", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_lock_battery_day_lock_id_lock")),
        sa.PrimaryKeyConstraint("lock_id", "day", name=op.f("pk_lock_battery_day")),
    )
    op.create_table(
        "lock_command",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lock_id", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.String(length=32), nullable=True),
        sa.Column("result_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_lock_command_lock_id_lock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock_command")),
    )
    op.create_index(
        "ix_lock_command_waiting",
        "lock_command",
        ["lock_id"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )

    op.create_table(
        "mode_order",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("access_point_id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lock_id", sa.String(length=16), nullable=True),
        sa.Column("ordered_version", sa.BigInteger(), nullable=True),
        sa.Column("ended_version", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["access_point_id"], ["access_point.id"], name=op.f("fk_mode_order_access_point_id_access_point")
        ),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_mode_order_lock_id_lock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mode_order")),
    )
    op.create_index(
        "ix_mode_order_access_point_id_ended_at", "mode_order", ["access_point_id", "ended_at"], unique=False
    )
    op.create_index(
        "ix_mode_order_due",
        "mode_order",
        ["until_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )

    op.create_table(
        "shelter_facility",
        sa.Column("shelter_opening_id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("closure_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["closure_id"], ["closure.id"], name=op.f("fk_shelter_facility_closure_id_closure")
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_shelter_facility_facility_id_facility")
        ),
        sa.ForeignKeyConstraint(
            ["shelter_opening_id"],
            ["shelter_opening.id"],
            name=op.f("fk_shelter_facility_shelter_opening_id_shelter_opening"),
        ),
        sa.PrimaryKeyConstraint("shelter_opening_id", "facility_id", name=op.f("pk_shelter_facility")),
    )
    op.create_table(
        "vendor_pin",
        sa.Column("grant_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lock_id", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code_epoch", sa.Integer(), nullable=False),
        sa.Column("pin_ref", sa.String(length=128), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["access_grant.id"], name=op.f("fk_vendor_pin_grant_id_access_grant")
        ),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_vendor_pin_lock_id_lock")),
        sa.PrimaryKeyConstraint("grant_id", "lock_id", name=op.f("pk_vendor_pin")),
    )
    op.create_index(
        "ix_vendor_pin_due",
        "vendor_pin",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_vendor_pin_lock_id"), "vendor_pin", ["lock_id"], unique=False)

    op.add_column("access_grant", sa.Column("restores", sa.Integer(), server_default="0", nullable=False))

    op.create_index(
        "ix_audit_entry_municipality_id_subject", "audit_entry", ["municipality_id", "subject"], unique=False
    )

    op.add_column("code_group", sa.Column("restores", sa.Integer(), server_default="0", nullable=False))

    op.add_column("lock", sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("lock", sa.Column("former_access_point_id", sa.Integer(), nullable=True))
    op.add_column("lock", sa.Column("transport", sa.String(length=16), server_default="mqtt", nullable=False))
    op.add_column("lock", sa.Column("vendor", sa.String(length=32), nullable=True))
    op.add_column("lock", sa.Column("vendor_ref", sa.String(length=128), nullable=True))
    op.add_column("lock", sa.Column("vendor_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("lock", sa.Column("vendor_cursor", sa.String(length=128), nullable=True))
    op.add_column("lock", sa.Column("clock_right_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("lock", sa.Column("commissioned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("lock", sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("lock", sa.Column("dead_why", sa.String(length=16), nullable=True))
    op.add_column("lock", sa.Column("clear_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("lock", sa.Column("wrapped_code_root", sa.LargeBinary(), nullable=True))
    op.add_column("lock", sa.Column("clock_drift_ppm", sa.Double(), nullable=True))
    op.add_column("lock", sa.Column("extra_contact_on", sa.Date(), nullable=True))
    op.create_index(
        "ix_lock_clear_due",
        "lock",
        ["clear_due_at"],
        unique=False,
        sqlite_where=sa.text("clear_due_at IS NOT NULL"),
        postgresql_where=sa.text("clear_due_at IS NOT NULL"),
    )

    op.add_column("reservation", sa.Column("door_unreached_at", sa.DateTime(timezone=True), nullable=True))

    # A lock that works today has nothing left to show.
    op.execute("UPDATE lock SET commissioned_at = applied_at WHERE state = 'active'")


def downgrade() -> None:
    op.drop_column("reservation", "door_unreached_at")

    op.drop_index(
        "ix_lock_clear_due",
        table_name="lock",
        sqlite_where=sa.text("clear_due_at IS NOT NULL"),
        postgresql_where=sa.text("clear_due_at IS NOT NULL"),
    )
    op.drop_column("lock", "extra_contact_on")
    op.drop_column("lock", "clock_drift_ppm")
    op.drop_column("lock", "wrapped_code_root")
    op.drop_column("lock", "clear_due_at")
    op.drop_column("lock", "dead_why")
    op.drop_column("lock", "dead_at")
    op.drop_column("lock", "commissioned_at")
    op.drop_column("lock", "clock_right_at")
    op.drop_column("lock", "vendor_cursor")
    op.drop_column("lock", "vendor_due_at")
    op.drop_column("lock", "vendor_ref")
    op.drop_column("lock", "vendor")
    op.drop_column("lock", "transport")
    op.drop_column("lock", "former_access_point_id")
    op.drop_column("lock", "placed_at")

    op.drop_column("code_group", "restores")

    op.drop_index("ix_audit_entry_municipality_id_subject", table_name="audit_entry")

    op.drop_column("access_grant", "restores")

    op.drop_index(op.f("ix_vendor_pin_lock_id"), table_name="vendor_pin")
    op.drop_index(
        "ix_vendor_pin_due",
        table_name="vendor_pin",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )

    op.drop_table("vendor_pin")
    op.drop_table("shelter_facility")
    op.drop_index(
        "ix_mode_order_due",
        table_name="mode_order",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("ix_mode_order_access_point_id_ended_at", table_name="mode_order")

    op.drop_table("mode_order")
    op.drop_index(
        "ix_lock_command_waiting",
        table_name="lock_command",
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )

    op.drop_table("lock_command")
    op.drop_table("lock_battery_day")
    op.drop_index("ix_shelter_opening_municipality_id_state", table_name="shelter_opening")

    op.drop_table("shelter_opening")
    op.drop_index(
        "uq_lock_alarm_lasting",
        table_name="lock_alarm",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("ix_lock_alarm_municipality_id_began_at", table_name="lock_alarm")

    op.drop_table("lock_alarm")
    op.drop_index(op.f("ix_staff_code_staff_right_id"), table_name="staff_code")
    op.drop_index("ix_staff_code_code_group_id_withdrawn_at", table_name="staff_code")

    op.drop_table("staff_code")
    op.drop_index(op.f("ix_staff_right_person"), table_name="staff_right")
    op.drop_index("ix_staff_right_municipality_id_kind", table_name="staff_right")

    op.drop_table("staff_right")
