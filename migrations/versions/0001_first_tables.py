"""All tables of the first journey.

Revision ID: 0001
Revises:
"""

# ruff: noqa: PLR0915

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("municipality_id", "number", name=op.f("uq_audit_entry_municipality_id_number")),
    )
    op.create_table(
        "audit_head",
        sa.Column("municipality_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("municipality_id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "code_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("wrapped_code_root", sa.LargeBinary(), nullable=False),
        sa.Column("code_epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_group")),
    )
    op.create_index(op.f("ix_code_group_municipality_id"), "code_group", ["municipality_id"], unique=False)

    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "municipality",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=6), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("catalogue_version", sa.Integer(), nullable=False),
        sa.Column("office_contact", sa.String(length=200), nullable=False),
        sa.Column("hold_for_s", sa.Integer(), nullable=False),
        sa.Column("pay_after_approval_for_s", sa.Integer(), nullable=False),
        sa.Column("sells_ahead_for_days", sa.Integer(), nullable=False),
        sa.Column("sells_until_s_before_end", sa.Integer(), nullable=False),
        sa.Column("max_bands", sa.Integer(), nullable=False),
        sa.Column("max_holds_per_group", sa.Integer(), nullable=False),
        sa.Column("free_cancel_until_s", sa.Integer(), nullable=False),
        sa.Column("reveal_before_start_s", sa.Integer(), nullable=False),
        sa.Column("reveal_after_end_s", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_municipality")),
        sa.UniqueConstraint("code", name=op.f("uq_municipality_code")),
    )
    op.create_table(
        "owed",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owed")),
        sa.UniqueConstraint("municipality_id", "kind", "key", name=op.f("uq_owed_municipality_id_kind_key")),
    )
    op.create_index(
        "ix_owed_due",
        "owed",
        ["kind", "due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )

    op.create_table(
        "payment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("amount_yen", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("return_url", sa.String(length=500), nullable=False),
        sa.Column("cancel_url", sa.String(length=500), nullable=False),
        sa.Column("mail_address", sa.String(length=254), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("first_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("session_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stripe_session_id", sa.String(length=255), nullable=True),
        sa.Column("stripe_payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.Column("captured_amount", sa.Integer(), nullable=True),
        sa.Column("captured_currency", sa.String(length=3), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state NOT IN ('opening', 'open', 'closing') OR next_due_at IS NOT NULL",
            name=op.f("ck_payment_unfinished_is_due"),
        ),
        sa.CheckConstraint("amount_yen > 0", name=op.f("ck_payment_amount_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("stripe_session_id", name=op.f("uq_payment_stripe_session_id")),
    )
    op.create_index("ix_payment_created", "payment", ["municipality_id", "created_at"], unique=False)
    op.create_index(
        "ix_payment_due",
        "payment",
        ["next_due_at"],
        unique=False,
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_payment_stripe_payment_intent_id"), "payment", ["stripe_payment_intent_id"], unique=False
    )

    op.create_table(
        "permit_counter",
        sa.Column("municipality_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("municipality_id", name=op.f("pk_permit_counter")),
    )
    op.create_table(
        "quarantined_message",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("claimed_lock", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=24), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined_message")),
    )
    op.create_index(
        "ix_quarantined_message_claimed_lock", "quarantined_message", ["claimed_lock", "id"], unique=False
    )

    op.create_table(
        "sign_in_failure",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mail_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("place_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failure")),
    )
    op.create_index("ix_sign_in_failure_mail", "sign_in_failure", ["mail_digest", "at"], unique=False)
    op.create_index("ix_sign_in_failure_place", "sign_in_failure", ["place_digest", "at"], unique=False)

    op.create_table(
        "webhook_event",
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("object_id", sa.String(length=255), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_webhook_event")),
    )
    op.create_table(
        "access_point",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("code_group_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["code_group_id"], ["code_group.id"], name=op.f("fk_access_point_code_group_id_code_group")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_point")),
    )
    op.create_index(op.f("ix_access_point_code_group_id"), "access_point", ["code_group_id"], unique=False)
    op.create_index(
        op.f("ix_access_point_municipality_id"), "access_point", ["municipality_id"], unique=False
    )

    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("mail_address", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_account_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint(
            "municipality_id", "mail_address", name=op.f("uq_account_municipality_id_mail_address")
        ),
    )
    op.create_table(
        "calendar_day",
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"],
            ["municipality.id"],
            name=op.f("fk_calendar_day_municipality_id_municipality"),
        ),
        sa.PrimaryKeyConstraint("municipality_id", "day", name=op.f("pk_calendar_day")),
    )
    op.create_table(
        "code_group_lane",
        sa.Column("code_group_id", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("court_ref", sa.Integer(), nullable=False),
        sa.CheckConstraint("lane BETWEEN 0 AND 31", name=op.f("ck_code_group_lane_lane_in_range")),
        sa.ForeignKeyConstraint(
            ["code_group_id"], ["code_group.id"], name=op.f("fk_code_group_lane_code_group_id_code_group")
        ),
        sa.PrimaryKeyConstraint("code_group_id", "lane", name=op.f("pk_code_group_lane")),
        sa.UniqueConstraint(
            "code_group_id", "court_ref", name=op.f("uq_code_group_lane_code_group_id_court_ref")
        ),
    )
    op.create_table(
        "facility",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("school_code", sa.String(length=13), nullable=True),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=120), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("approval_required", sa.Boolean(), nullable=False),
        sa.Column("sort_key", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_facility_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facility")),
        sa.UniqueConstraint("municipality_id", "slug", name=op.f("uq_facility_municipality_id_slug")),
    )
    op.create_index(op.f("ix_facility_municipality_id"), "facility", ["municipality_id"], unique=False)

    op.create_table(
        "fee_rate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("space_kind", sa.String(length=24), nullable=False),
        sa.Column("size", sa.String(length=8), nullable=False),
        sa.Column("item", sa.String(length=16), nullable=False),
        sa.Column("yen_per_hour", sa.Integer(), nullable=False),
        sa.Column("from_minute", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_fee_rate_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_rate")),
    )
    op.create_index(op.f("ix_fee_rate_municipality_id"), "fee_rate", ["municipality_id"], unique=False)

    op.create_table(
        "payment_item",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("amount_yen", sa.Integer(), nullable=False),
        sa.Column("is_standing", sa.Boolean(), nullable=False),
        sa.CheckConstraint("amount_yen > 0", name=op.f("ck_payment_item_amount_positive")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_payment_item_payment_id_payment")
        ),
        sa.PrimaryKeyConstraint("payment_id", "reference", name=op.f("pk_payment_item")),
        sa.UniqueConstraint("payment_id", "position", name=op.f("uq_payment_item_payment_id_position")),
    )
    op.create_index("ix_payment_item_reference", "payment_item", ["reference"], unique=False)
    op.create_index(
        "uq_payment_item_standing",
        "payment_item",
        ["reference"],
        unique=True,
        sqlite_where=sa.text("is_standing"),
        postgresql_where=sa.text("is_standing"),
    )

    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=False),
        sa.Column("amount_yen", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stripe_refund_id", sa.String(length=255), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "state = 'succeeded' OR next_due_at IS NOT NULL", name=op.f("ck_refund_unfinished_is_due")
        ),
        sa.CheckConstraint("amount_yen > 0", name=op.f("ck_refund_amount_positive")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_refund_payment_id_payment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint(
            "payment_id", "reference", "cause", name=op.f("uq_refund_payment_id_reference_cause")
        ),
        sa.UniqueConstraint("stripe_refund_id", name=op.f("uq_refund_stripe_refund_id")),
    )
    op.create_index(
        "ix_refund_due",
        "refund",
        ["next_due_at"],
        unique=False,
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )
    op.create_index("ix_refund_reference", "refund", ["reference"], unique=False)

    op.create_table(
        "relief_rule",
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("item", sa.String(length=16), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_relief_rule_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("municipality_id", "category", "item", name=op.f("pk_relief_rule")),
    )
    op.create_table(
        "user_group",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("sport", sa.String(length=40), nullable=True),
        sa.Column("approved_from_year", sa.Integer(), nullable=True),
        sa.Column("approved_until_year", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_user_group_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_group")),
    )
    op.create_index(op.f("ix_user_group_municipality_id"), "user_group", ["municipality_id"], unique=False)

    op.create_table(
        "account_session",
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("device", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_session_account_id_account")
        ),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_account_session")),
    )
    op.create_index(op.f("ix_account_session_account_id"), "account_session", ["account_id"], unique=False)

    op.create_table(
        "facility_name",
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("kana", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_facility_name_facility_id_facility")
        ),
        sa.PrimaryKeyConstraint("facility_id", "valid_from", name=op.f("pk_facility_name")),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("set_key", sa.String(length=200), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("amount_yen", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("amount_yen <> 0", name=op.f("ck_ledger_entry_amount_not_zero")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_ledger_entry_payment_id_payment")
        ),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_ledger_entry_refund_id_refund")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("set_key", "line", name=op.f("uq_ledger_entry_set_key_line")),
    )
    op.create_index(
        "ix_ledger_entry_account", "ledger_entry", ["municipality_id", "account", "at"], unique=False
    )

    op.create_table(
        "lock",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("access_point_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wrapped_root", sa.LargeBinary(), nullable=False),
        sa.Column("broker_password_hash", sa.String(length=160), nullable=False),
        sa.Column("mac_epoch", sa.Integer(), nullable=False),
        sa.Column("next_mac_epoch", sa.Integer(), nullable=True),
        sa.Column("desired_version", sa.BigInteger(), nullable=False),
        sa.Column("published_version", sa.BigInteger(), nullable=False),
        sa.Column("publish_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rolled_on", sa.Date(), nullable=True),
        sa.Column("applied_version", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_horizon", sa.Integer(), nullable=False),
        sa.Column("applied_grants_until", sa.Integer(), nullable=False),
        sa.Column("confirmed_code_epoch", sa.Integer(), nullable=True),
        sa.Column("last_n", sa.BigInteger(), nullable=False),
        sa.Column("last_contact_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_sync_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acked_seq", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.String(length=16), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.Column("clock_quality", sa.String(length=16), nullable=True),
        sa.Column("battery_mv", sa.Integer(), nullable=True),
        sa.Column("temperature_c", sa.Integer(), nullable=True),
        sa.Column("rssi_dbm", sa.Integer(), nullable=True),
        sa.Column("hardware", sa.String(length=64), nullable=True),
        sa.Column("firmware", sa.String(length=64), nullable=True),
        sa.Column("bolt", sa.String(length=16), nullable=True),
        sa.Column("door", sa.String(length=16), nullable=True),
        sa.Column("key_state", sa.String(length=16), nullable=True),
        sa.Column("operating_mode", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["access_point_id"], ["access_point.id"], name=op.f("fk_lock_access_point_id_access_point")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock")),
    )
    op.create_index(op.f("ix_lock_access_point_id"), "lock", ["access_point_id"], unique=False)
    op.create_index(op.f("ix_lock_municipality_id"), "lock", ["municipality_id"], unique=False)
    op.create_index(
        "ix_lock_publish_due",
        "lock",
        ["publish_due_at"],
        unique=False,
        sqlite_where=sa.text("publish_due_at IS NOT NULL"),
        postgresql_where=sa.text("publish_due_at IS NOT NULL"),
    )
    op.create_index(
        "uq_lock_access_point_id_alive",
        "lock",
        ["access_point_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'dead'"),
        postgresql_where=sa.text("state <> 'dead'"),
    )

    op.create_table(
        "member",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("is_representative", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_member_account_id_account")),
        sa.ForeignKeyConstraint(["group_id"], ["user_group.id"], name=op.f("fk_member_group_id_user_group")),
        sa.PrimaryKeyConstraint("group_id", "account_id", name=op.f("pk_member")),
    )
    op.create_index(op.f("ix_member_account_id"), "member", ["account_id"], unique=False)

    op.create_table(
        "space",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("sort_key", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_space_facility_id_facility")),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_space_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_space")),
    )
    op.create_index(op.f("ix_space_facility_id"), "space", ["facility_id"], unique=False)

    op.create_table(
        "access_grant",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("code_group_id", sa.Integer(), nullable=False),
        sa.Column("access_point_id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=False),
        sa.Column("granule", sa.Integer(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lock_id", sa.String(length=16), nullable=True),
        sa.Column("granted_version", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_version", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("lane BETWEEN 0 AND 31", name=op.f("ck_access_grant_lane_in_range")),
        sa.CheckConstraint("length BETWEEN 1 AND 48", name=op.f("ck_access_grant_length_in_range")),
        sa.CheckConstraint("rev BETWEEN 0 AND 255", name=op.f("ck_access_grant_rev_in_range")),
        sa.ForeignKeyConstraint(
            ["access_point_id"],
            ["access_point.id"],
            name=op.f("fk_access_grant_access_point_id_access_point"),
        ),
        sa.ForeignKeyConstraint(
            ["code_group_id"], ["code_group.id"], name=op.f("fk_access_grant_code_group_id_code_group")
        ),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_access_grant_lock_id_lock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grant")),
        sa.UniqueConstraint(
            "access_point_id",
            "granule",
            "lane",
            "rev",
            name=op.f("uq_access_grant_access_point_id_granule_lane_rev"),
        ),
    )
    op.create_index(
        "ix_access_grant_code_group_granule", "access_grant", ["code_group_id", "granule"], unique=False
    )
    op.create_index(op.f("ix_access_grant_holder"), "access_grant", ["holder"], unique=False)

    op.create_table(
        "closure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_closure_facility_id_facility")
        ),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_closure_municipality_id_municipality")
        ),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("fk_closure_space_id_space")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closure")),
    )
    op.create_index(op.f("ix_closure_municipality_id"), "closure", ["municipality_id"], unique=False)

    op.create_table(
        "court",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("sort_key", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_court_municipality_id_municipality")
        ),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("fk_court_space_id_space")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_court")),
    )
    op.create_index(op.f("ix_court_space_id"), "court", ["space_id"], unique=False)

    op.create_table(
        "desired_version",
        sa.Column("lock_id", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("horizon", sa.Integer(), nullable=False),
        sa.Column("grants_until", sa.Integer(), nullable=False),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_desired_version_lock_id_lock")),
        sa.PrimaryKeyConstraint("lock_id", "version", name=op.f("pk_desired_version")),
    )
    op.create_table(
        "lock_event",
        sa.Column("lock_id", sa.String(length=16), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("access_point_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clock_quality", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=True),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_lock_event_lock_id_lock")),
        sa.PrimaryKeyConstraint("lock_id", "seq", name=op.f("pk_lock_event")),
    )
    op.create_index("ix_lock_event_access_point_at", "lock_event", ["access_point_id", "at"], unique=False)

    op.create_table(
        "lock_event_loss",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lock_id", sa.String(length=16), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_lock_event_loss_lock_id_lock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock_event_loss")),
    )
    op.create_index(op.f("ix_lock_event_loss_lock_id"), "lock_event_loss", ["lock_id"], unique=False)

    op.create_table(
        "lock_offer",
        sa.Column("lock_id", sa.String(length=16), nullable=False),
        sa.Column("horizon", sa.Integer(), nullable=False),
        sa.Column("starts", sa.JSON(), nullable=False),
        sa.Column("floors", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_lock_offer_lock_id_lock")),
        sa.PrimaryKeyConstraint("lock_id", name=op.f("pk_lock_offer")),
    )
    op.create_table(
        "offering",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("size", sa.String(length=8), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("sports", sa.JSON(), nullable=False),
        sa.Column("sort_key", sa.Integer(), nullable=False),
        sa.Column("withdrawn_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_offering_municipality_id_municipality")
        ),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("fk_offering_space_id_space")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offering")),
    )
    op.create_index(op.f("ix_offering_space_id"), "offering", ["space_id"], unique=False)

    op.create_table(
        "time_band",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=True),
        sa.Column("space_id", sa.Integer(), nullable=True),
        sa.Column("day_kind", sa.String(length=16), nullable=False),
        sa.Column("starts_minute", sa.Integer(), nullable=False),
        sa.Column("ends_minute", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "0 <= starts_minute AND starts_minute < ends_minute AND ends_minute <= 1440",
            name=op.f("ck_time_band_in_day"),
        ),
        sa.CheckConstraint(
            "starts_minute % 30 = 0 AND ends_minute % 30 = 0", name=op.f("ck_time_band_on_grid")
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_time_band_facility_id_facility")
        ),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_time_band_municipality_id_municipality")
        ),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("fk_time_band_space_id_space")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_time_band")),
    )
    op.create_index(op.f("ix_time_band_municipality_id"), "time_band", ["municipality_id"], unique=False)

    op.create_table(
        "offering_access_point",
        sa.Column("offering_id", sa.Integer(), nullable=False),
        sa.Column("access_point_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["offering.id"], name=op.f("fk_offering_access_point_offering_id_offering")
        ),
        sa.PrimaryKeyConstraint("offering_id", "access_point_id", name=op.f("pk_offering_access_point")),
    )
    op.create_index(
        op.f("ix_offering_access_point_access_point_id"),
        "offering_access_point",
        ["access_point_id"],
        unique=False,
    )

    op.create_table(
        "offering_court",
        sa.Column("offering_id", sa.Integer(), nullable=False),
        sa.Column("court_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["court_id"], ["court.id"], name=op.f("fk_offering_court_court_id_court")),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["offering.id"], name=op.f("fk_offering_court_offering_id_offering")
        ),
        sa.PrimaryKeyConstraint("offering_id", "court_id", name=op.f("pk_offering_court")),
    )
    op.create_index(op.f("ix_offering_court_court_id"), "offering_court", ["court_id"], unique=False)

    op.create_table(
        "reservation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("offering_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pay_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("amount_yen", sa.Integer(), nullable=False),
        sa.Column("fee_lines", sa.JSON(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("request_key", sa.String(length=64), nullable=False),
        sa.Column("cancel_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("permit_number", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("first_opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_yen >= 0", name=op.f("ck_reservation_amount_not_negative")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_reservation_starts_before_end")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_reservation_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["user_group.id"], name=op.f("fk_reservation_group_id_user_group")
        ),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_reservation_municipality_id_municipality")
        ),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["offering.id"], name=op.f("fk_reservation_offering_id_offering")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation")),
        sa.UniqueConstraint("group_id", "request_key", name=op.f("uq_reservation_group_id_request_key")),
    )
    op.create_index("ix_reservation_day", "reservation", ["municipality_id", "starts_at"], unique=False)
    op.create_index(
        "ix_reservation_due",
        "reservation",
        ["next_due_at"],
        unique=False,
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )
    op.create_index("ix_reservation_group", "reservation", ["group_id", "starts_at"], unique=False)
    op.create_index(
        "ix_reservation_unsettled",
        "reservation",
        ["group_id"],
        unique=False,
        sqlite_where=sa.text("state IN ('held', 'requested')"),
        postgresql_where=sa.text("state IN ('held', 'requested')"),
    )

    op.create_table(
        "claim",
        sa.Column("municipality_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("court_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("granule", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reservation_id", sa.Uuid(), nullable=True),
        sa.Column("closure_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(reservation_id IS NULL) <> (closure_id IS NULL)", name=op.f("ck_claim_one_owner")
        ),
        sa.ForeignKeyConstraint(["closure_id"], ["closure.id"], name=op.f("fk_claim_closure_id_closure")),
        sa.ForeignKeyConstraint(["court_id"], ["court.id"], name=op.f("fk_claim_court_id_court")),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservation.id"],
            name=op.f("fk_claim_reservation_id_reservation"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("municipality_id", "court_id", "granule", name=op.f("pk_claim")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_claim_closure_id"), "claim", ["closure_id"], unique=False)
    op.create_index("ix_claim_granule", "claim", ["municipality_id", "granule"], unique=False)
    op.create_index(op.f("ix_claim_reservation_id"), "claim", ["reservation_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_claim_reservation_id"), table_name="claim")
    op.drop_index("ix_claim_granule", table_name="claim")
    op.drop_index(op.f("ix_claim_closure_id"), table_name="claim")

    op.drop_table("claim")
    op.drop_index(
        "ix_reservation_unsettled",
        table_name="reservation",
        sqlite_where=sa.text("state IN ('held', 'requested')"),
        postgresql_where=sa.text("state IN ('held', 'requested')"),
    )
    op.drop_index("ix_reservation_group", table_name="reservation")
    op.drop_index(
        "ix_reservation_due",
        table_name="reservation",
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )
    op.drop_index("ix_reservation_day", table_name="reservation")

    op.drop_table("reservation")
    op.drop_index(op.f("ix_offering_court_court_id"), table_name="offering_court")

    op.drop_table("offering_court")
    op.drop_index(op.f("ix_offering_access_point_access_point_id"), table_name="offering_access_point")

    op.drop_table("offering_access_point")
    op.drop_index(op.f("ix_time_band_municipality_id"), table_name="time_band")

    op.drop_table("time_band")
    op.drop_index(op.f("ix_offering_space_id"), table_name="offering")

    op.drop_table("offering")
    op.drop_table("lock_offer")
    op.drop_index(op.f("ix_lock_event_loss_lock_id"), table_name="lock_event_loss")

    op.drop_table("lock_event_loss")
    op.drop_index("ix_lock_event_access_point_at", table_name="lock_event")

    op.drop_table("lock_event")
    op.drop_table("desired_version")
    op.drop_index(op.f("ix_court_space_id"), table_name="court")

    op.drop_table("court")
    op.drop_index(op.f("ix_closure_municipality_id"), table_name="closure")

    op.drop_table("closure")
    op.drop_index(op.f("ix_access_grant_holder"), table_name="access_grant")
    op.drop_index("ix_access_grant_code_group_granule", table_name="access_grant")

    op.drop_table("access_grant")
    op.drop_index(op.f("ix_space_facility_id"), table_name="space")

    op.drop_table("space")
    op.drop_index(op.f("ix_member_account_id"), table_name="member")

    op.drop_table("member")
    op.drop_index(
        "uq_lock_access_point_id_alive",
        table_name="lock",
        sqlite_where=sa.text("state <> 'dead'"),
        postgresql_where=sa.text("state <> 'dead'"),
    )
    op.drop_index(
        "ix_lock_publish_due",
        table_name="lock",
        sqlite_where=sa.text("publish_due_at IS NOT NULL"),
        postgresql_where=sa.text("publish_due_at IS NOT NULL"),
    )
    op.drop_index(op.f("ix_lock_municipality_id"), table_name="lock")
    op.drop_index(op.f("ix_lock_access_point_id"), table_name="lock")

    op.drop_table("lock")
    op.drop_index("ix_ledger_entry_account", table_name="ledger_entry")

    op.drop_table("ledger_entry")
    op.drop_table("facility_name")
    op.drop_index(op.f("ix_account_session_account_id"), table_name="account_session")

    op.drop_table("account_session")
    op.drop_index(op.f("ix_user_group_municipality_id"), table_name="user_group")

    op.drop_table("user_group")
    op.drop_table("relief_rule")
    op.drop_index("ix_refund_reference", table_name="refund")
    op.drop_index(
        "ix_refund_due",
        table_name="refund",
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )

    op.drop_table("refund")
    op.drop_index(
        "uq_payment_item_standing",
        table_name="payment_item",
        sqlite_where=sa.text("is_standing"),
        postgresql_where=sa.text("is_standing"),
    )
    op.drop_index("ix_payment_item_reference", table_name="payment_item")

    op.drop_table("payment_item")
    op.drop_index(op.f("ix_fee_rate_municipality_id"), table_name="fee_rate")

    op.drop_table("fee_rate")
    op.drop_index(op.f("ix_facility_municipality_id"), table_name="facility")

    op.drop_table("facility")
    op.drop_table("code_group_lane")
    op.drop_table("calendar_day")
    op.drop_table("account")
    op.drop_index(op.f("ix_access_point_municipality_id"), table_name="access_point")
    op.drop_index(op.f("ix_access_point_code_group_id"), table_name="access_point")

    op.drop_table("access_point")
    op.drop_table("webhook_event")
    op.drop_index("ix_sign_in_failure_place", table_name="sign_in_failure")
    op.drop_index("ix_sign_in_failure_mail", table_name="sign_in_failure")

    op.drop_table("sign_in_failure")
    op.drop_index("ix_quarantined_message_claimed_lock", table_name="quarantined_message")

    op.drop_table("quarantined_message")
    op.drop_table("permit_counter")
    op.drop_index(op.f("ix_payment_stripe_payment_intent_id"), table_name="payment")
    op.drop_index(
        "ix_payment_due",
        table_name="payment",
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )
    op.drop_index("ix_payment_created", table_name="payment")

    op.drop_table("payment")
    op.drop_index(
        "ix_owed_due",
        table_name="owed",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )

    op.drop_table("owed")
    op.drop_table("municipality")
    op.drop_table("lease")
    op.drop_index(op.f("ix_code_group_municipality_id"), table_name="code_group")

    op.drop_table("code_group")
    op.drop_table("audit_head")
    op.drop_table("audit_entry")
