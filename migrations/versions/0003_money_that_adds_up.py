"""Money that adds up: fees and relief, refunds by rule, cases, disputes, settlement, invoices, papers.

Revision ID: 0003
Revises: 0002
"""

# ruff: noqa: PLR0915

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_night",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_night")),
    )
    op.create_index("ix_audit_night_begun", "audit_night", ["municipality_id", "begun_at"], unique=False)

    op.create_table(
        "invoice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("payer", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("amount_yen", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_by", sa.String(length=16), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state <> 'issued' OR next_due_at IS NOT NULL", name=op.f("ck_invoice_unpaid_is_due")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint(
            "municipality_id", "payer", "month", name=op.f("uq_invoice_municipality_id_payer_month")
        ),
    )
    op.create_index(
        "ix_invoice_due",
        "invoice",
        ["next_due_at"],
        unique=False,
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )

    op.create_table(
        "money_counter",
        sa.Column("municipality_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("municipality_id", "kind", name=op.f("pk_money_counter")),
    )
    op.create_table(
        "month_close",
        sa.Column("municipality_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.String(length=64), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=False),
        sa.Column("last_entry_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("municipality_id", "month", name=op.f("pk_month_close")),
    )
    op.create_table(
        "paper_counter",
        sa.Column("municipality_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("municipality_id", "kind", "fiscal_year", name=op.f("pk_paper_counter")),
    )
    op.create_table(
        "settlement_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("movements", sa.Integer(), nullable=False),
        sa.Column("stripe_yen", sa.Integer(), nullable=False),
        sa.Column("ledger_yen", sa.Integer(), nullable=False),
        sa.Column("explained_yen", sa.Integer(), nullable=False),
        sa.Column("differences", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_run")),
    )
    op.create_index(
        "ix_settlement_run_begun", "settlement_run", ["municipality_id", "begun_at"], unique=False
    )

    op.create_table(
        "stripe_payout",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("arrives_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("copied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_payout")),
    )
    op.create_table(
        "charge",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("payer", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("amount_yen", sa.Integer(), nullable=False),
        sa.Column("used_on", sa.Date(), nullable=False),
        sa.Column("charged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("amount_yen <> 0", name=op.f("ck_charge_amount_not_zero")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_charge_invoice_id_invoice")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge")),
        sa.UniqueConstraint("reference", "cause", name=op.f("uq_charge_reference_cause")),
    )
    op.create_index("ix_charge_invoice", "charge", ["invoice_id"], unique=False)
    op.create_index("ix_charge_payer", "charge", ["municipality_id", "payer", "used_on"], unique=False)

    op.create_table(
        "dispute",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("stripe_dispute_id", sa.String(length=255), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("evidence_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_yen", sa.Integer(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "state IN ('won', 'lost', 'warning_closed', 'prevented') OR next_due_at IS NOT NULL",
            name=op.f("ck_dispute_unfinished_is_due"),
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_dispute_payment_id_payment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
        sa.UniqueConstraint("stripe_dispute_id", name=op.f("uq_dispute_stripe_dispute_id")),
    )
    op.create_index("ix_dispute_payment", "dispute", ["payment_id"], unique=False)

    op.create_table(
        "fee_factor",
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("item", sa.String(length=16), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.CheckConstraint("percent >= 100", name=op.f("ck_fee_factor_percent_not_less")),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_fee_factor_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("municipality_id", "kind", "item", "valid_from", name=op.f("pk_fee_factor")),
    )
    op.create_table(
        "fee_terms",
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("round_to_yen", sa.Integer(), nullable=False),
        sa.Column("rounding", sa.String(length=8), nullable=False),
        sa.Column("tax_percent", sa.Integer(), nullable=False),
        sa.Column("is_tax_included", sa.Boolean(), nullable=False),
        sa.CheckConstraint("rounding IN ('down', 'half_up', 'up')", name=op.f("ck_fee_terms_rounding_known")),
        sa.CheckConstraint("round_to_yen > 0", name=op.f("ck_fee_terms_multiple_positive")),
        sa.CheckConstraint("tax_percent BETWEEN 0 AND 100", name=op.f("ck_fee_terms_tax_in_range")),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_fee_terms_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("municipality_id", "valid_from", name=op.f("pk_fee_terms")),
    )
    op.create_table(
        "issuer",
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("department", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=120), nullable=False),
        sa.Column("telephone", sa.String(length=20), nullable=False),
        sa.Column("registration_number", sa.String(length=14), nullable=True),
        sa.Column("permit_conditions", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_issuer_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("municipality_id", "valid_from", name=op.f("pk_issuer")),
    )
    op.create_table(
        "relief_rate",
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("item", sa.String(length=16), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name=op.f("ck_relief_rate_percent_in_range")),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_relief_rate_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint(
            "municipality_id", "category", "item", "valid_from", name=op.f("pk_relief_rate")
        ),
    )
    op.create_table(
        "alert_day",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declared_by", sa.Uuid(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["declared_by"], ["account.id"], name=op.f("fk_alert_day_declared_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_alert_day_facility_id_facility")
        ),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_alert_day_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_day")),
    )
    op.create_index(op.f("ix_alert_day_municipality_id"), "alert_day", ["municipality_id"], unique=False)

    op.create_table(
        "money_case",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("dispute_id", sa.Uuid(), nullable=True),
        sa.Column("amount_yen", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times_seen", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("closing_note", sa.String(length=400), nullable=True),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (next_due_at IS NOT NULL)", name=op.f("ck_money_case_open_is_due")
        ),
        sa.ForeignKeyConstraint(
            ["dispute_id"], ["dispute.id"], name=op.f("fk_money_case_dispute_id_dispute")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_money_case_payment_id_payment")
        ),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_money_case_refund_id_refund")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_money_case")),
    )
    op.create_index(
        "ix_money_case_due",
        "money_case",
        ["next_due_at"],
        unique=False,
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )
    op.create_index("ix_money_case_opened", "money_case", ["municipality_id", "opened_at"], unique=False)
    op.create_index(
        "uq_money_case_open",
        "money_case",
        ["municipality_id", "kind", "subject"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )

    op.create_table(
        "paper",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("addressee", sa.String(length=80), nullable=False),
        sa.Column("addressee_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["user_group.id"], name=op.f("fk_paper_group_id_user_group")),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_paper_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_paper_kind_subject")),
        sa.UniqueConstraint(
            "municipality_id",
            "kind",
            "fiscal_year",
            "number",
            name=op.f("uq_paper_municipality_id_kind_fiscal_year_number"),
        ),
    )
    op.create_index("ix_paper_group", "paper", ["group_id", "issued_at"], unique=False)

    op.create_table(
        "refund_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("request_key", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("needs_second", sa.Boolean(), nullable=False),
        sa.Column("total_yen", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> made_by OR NOT needs_second",
            name=op.f("ck_refund_batch_four_eyes"),
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["account.id"], name=op.f("fk_refund_batch_decided_by_account")
        ),
        sa.ForeignKeyConstraint(["made_by"], ["account.id"], name=op.f("fk_refund_batch_made_by_account")),
        sa.ForeignKeyConstraint(
            ["municipality_id"],
            ["municipality.id"],
            name=op.f("fk_refund_batch_municipality_id_municipality"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_batch")),
        sa.UniqueConstraint(
            "municipality_id", "request_key", name=op.f("uq_refund_batch_municipality_id_request_key")
        ),
    )
    op.create_index(
        op.f("ix_refund_batch_municipality_id"), "refund_batch", ["municipality_id"], unique=False
    )

    op.create_table(
        "refund_policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("facility_id", sa.Integer(), nullable=True),
        sa.Column("space_kind", sa.String(length=24), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("kept_yen", sa.Integer(), nullable=False),
        sa.Column("unused_percent", sa.Integer(), nullable=False),
        sa.Column("alert_percent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_refund_policy_facility_id_facility")
        ),
        sa.ForeignKeyConstraint(
            ["municipality_id"],
            ["municipality.id"],
            name=op.f("fk_refund_policy_municipality_id_municipality"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_policy")),
    )
    op.create_index(
        op.f("ix_refund_policy_municipality_id"), "refund_policy", ["municipality_id"], unique=False
    )

    op.create_table(
        "relief_application",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("request_key", sa.String(length=64), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=True),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decision_reason", sa.String(length=400), nullable=True),
        sa.Column("document_name", sa.String(length=120), nullable=True),
        sa.Column("document_type", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "state <> 'asked' OR next_due_at IS NOT NULL", name=op.f("ck_relief_application_undecided_is_due")
        ),
        sa.CheckConstraint(
            "percent IS NULL OR percent BETWEEN 1 AND 100",
            name=op.f("ck_relief_application_percent_in_range"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_relief_application_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["account.id"], name=op.f("fk_relief_application_decided_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["user_group.id"], name=op.f("fk_relief_application_group_id_user_group")
        ),
        sa.ForeignKeyConstraint(
            ["municipality_id"],
            ["municipality.id"],
            name=op.f("fk_relief_application_municipality_id_municipality"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relief_application")),
        sa.UniqueConstraint(
            "group_id", "request_key", name=op.f("uq_relief_application_group_id_request_key")
        ),
    )
    op.create_index(
        "ix_relief_application_group", "relief_application", ["group_id", "valid_from"], unique=False
    )
    op.create_index(
        "ix_relief_application_state",
        "relief_application",
        ["municipality_id", "state", "asked_at"],
        unique=False,
    )

    op.create_table(
        "stripe_movement",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("fee", sa.Integer(), nullable=False),
        sa.Column("net", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("source_id", sa.String(length=255), nullable=True),
        sa.Column("payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("available_on", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payout_id", sa.String(length=255), nullable=True),
        sa.Column("copied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("dispute_id", sa.Uuid(), nullable=True),
        sa.Column("matched_set", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["dispute_id"], ["dispute.id"], name=op.f("fk_stripe_movement_dispute_id_dispute")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_stripe_movement_payment_id_payment")
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refund.id"], name=op.f("fk_stripe_movement_refund_id_refund")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_movement")),
    )
    op.create_index(
        "ix_stripe_movement_created", "stripe_movement", ["municipality_id", "created_at"], unique=False
    )
    op.create_index("ix_stripe_movement_payout", "stripe_movement", ["payout_id"], unique=False)
    op.create_index(
        "ix_stripe_movement_unmatched",
        "stripe_movement",
        ["municipality_id"],
        unique=False,
        sqlite_where=sa.text("matched_set IS NULL"),
        postgresql_where=sa.text("matched_set IS NULL"),
    )
    op.create_index("uq_stripe_movement_matched_set", "stripe_movement", ["matched_set"], unique=True)

    op.create_table(
        "paper_print",
        sa.Column("paper_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["by"], ["account.id"], name=op.f("fk_paper_print_by_account")),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_paper_print_paper_id_paper")),
        sa.PrimaryKeyConstraint("paper_id", "number", name=op.f("pk_paper_print")),
    )
    op.create_table(
        "relief_document",
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["relief_application.id"],
            name=op.f("fk_relief_document_application_id_relief_application"),
        ),
        sa.PrimaryKeyConstraint("application_id", name=op.f("pk_relief_document")),
    )
    op.create_table(
        "refund_batch_item",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("reservation_id", sa.Uuid(), nullable=False),
        sa.Column("amount_yen", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount_yen > 0", name=op.f("ck_refund_batch_item_amount_positive")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["refund_batch.id"], name=op.f("fk_refund_batch_item_batch_id_refund_batch")
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservation.id"],
            name=op.f("fk_refund_batch_item_reservation_id_reservation"),
        ),
        sa.PrimaryKeyConstraint("batch_id", "reservation_id", name=op.f("pk_refund_batch_item")),
    )
    op.create_table(
        "refund_review",
        sa.Column("reservation_id", sa.Uuid(), nullable=False),
        sa.Column("municipality_id", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refund_yen", sa.Integer(), nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "(state = 'waiting') = (next_due_at IS NOT NULL)", name=op.f("ck_refund_review_waiting_is_due")
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"], ["reservation.id"], name=op.f("fk_refund_review_reservation_id_reservation")
        ),
        sa.PrimaryKeyConstraint("reservation_id", name=op.f("pk_refund_review")),
    )
    op.create_index(
        "ix_refund_review_due",
        "refund_review",
        ["next_due_at"],
        unique=False,
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )

    op.execute(
        "INSERT INTO relief_rate (municipality_id, category, item, valid_from, percent)"
        " SELECT municipality_id, category, item, '2000-01-01', percent FROM relief_rule"
    )
    op.drop_table("relief_rule")
    with op.batch_alter_table("fee_rate", schema=None) as batch_op:
        batch_op.add_column(sa.Column("valid_until", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("unit", sa.String(length=8), server_default="hour", nullable=False))
        batch_op.add_column(sa.Column("until_minute", sa.Integer(), server_default="1440", nullable=False))
        batch_op.add_column(sa.Column("months", sa.Integer(), server_default="4095", nullable=False))
        batch_op.add_column(sa.Column("step_minutes", sa.Integer(), server_default="60", nullable=False))
        batch_op.create_check_constraint(batch_op.f("ck_fee_rate_step_known"), "step_minutes IN (30, 60)")
        batch_op.create_check_constraint(batch_op.f("ck_fee_rate_unit_known"), "unit IN ('hour', 'band')")
        batch_op.create_check_constraint(batch_op.f("ck_fee_rate_yen_not_negative"), "yen_per_hour >= 0")

    op.create_index("ix_ledger_entry_at", "ledger_entry", ["municipality_id", "at"], unique=False)
    op.create_index("ix_ledger_entry_reference", "ledger_entry", ["reference"], unique=False)

    op.add_column(
        "municipality",
        sa.Column("refund_alone_up_to_yen", sa.Integer(), server_default="10000", nullable=False),
    )
    op.add_column(
        "municipality", sa.Column("slip_pay_for_s", sa.Integer(), server_default="259200", nullable=False)
    )
    op.add_column(
        "municipality", sa.Column("delayed_methods", sa.JSON(), server_default="[]", nullable=False)
    )
    op.add_column(
        "municipality",
        sa.Column("delayed_pays_within_s", sa.Integer(), server_default="259200", nullable=False),
    )
    op.add_column(
        "municipality",
        sa.Column("invoice_pays_within_days", sa.Integer(), server_default="30", nullable=False),
    )

    op.add_column(
        "payment", sa.Column("method", sa.String(length=16), server_default="stripe", nullable=False)
    )
    op.add_column(
        "payment", sa.Column("offered_methods", sa.JSON(), server_default='["card"]', nullable=False)
    )
    op.add_column("payment", sa.Column("funds_within_days", sa.Integer(), nullable=True))
    op.add_column("payment", sa.Column("slip_number", sa.Integer(), nullable=True))
    op.add_column("payment", sa.Column("paid_on", sa.Date(), nullable=True))
    op.add_column("payment", sa.Column("received_by", sa.String(length=64), nullable=True))

    op.add_column(
        "payment_item",
        sa.Column("account", sa.String(length=32), server_default="usage_fees", nullable=False),
    )
    op.add_column("payment_item", sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True))

    op.add_column(
        "refund", sa.Column("method", sa.String(length=16), server_default="stripe", nullable=False)
    )
    op.add_column("refund", sa.Column("paid_out_by", sa.String(length=64), nullable=True))

    op.add_column(
        "reservation", sa.Column("pays_by", sa.String(length=16), server_default="stripe", nullable=False)
    )

    op.add_column("space", sa.Column("has_hvac", sa.Boolean(), server_default=sa.false(), nullable=False))

    op.add_column(
        "user_group", sa.Column("is_out_of_town", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column(
        "user_group", sa.Column("is_commercial", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column(
        "user_group", sa.Column("is_postpaid", sa.Boolean(), server_default=sa.false(), nullable=False)
    )

    op.add_column("webhook_event", sa.Column("intent_id", sa.String(length=255), nullable=True))
    op.add_column("webhook_event", sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("webhook_event", sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
    _add_funds_due_at()


def downgrade() -> None:
    op.drop_column("webhook_event", "attempts")
    op.drop_column("webhook_event", "next_due_at")
    op.drop_column("webhook_event", "intent_id")

    op.drop_column("user_group", "is_postpaid")
    op.drop_column("user_group", "is_commercial")
    op.drop_column("user_group", "is_out_of_town")

    op.drop_column("space", "has_hvac")

    op.drop_column("reservation", "pays_by")

    op.drop_column("refund", "paid_out_by")
    op.drop_column("refund", "method")

    op.drop_column("payment_item", "given_up_at")
    op.drop_column("payment_item", "account")

    op.drop_column("payment", "received_by")
    op.drop_column("payment", "paid_on")
    op.drop_column("payment", "slip_number")
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_payment_processing_is_due"), "payment", type_="check")
    op.drop_column("payment", "funds_due_at")
    op.drop_column("payment", "funds_within_days")
    op.drop_column("payment", "offered_methods")
    op.drop_column("payment", "method")

    op.drop_column("municipality", "invoice_pays_within_days")
    op.drop_column("municipality", "delayed_pays_within_s")
    op.drop_column("municipality", "delayed_methods")
    op.drop_column("municipality", "slip_pay_for_s")
    op.drop_column("municipality", "refund_alone_up_to_yen")

    op.drop_index("ix_ledger_entry_reference", table_name="ledger_entry")
    op.drop_index("ix_ledger_entry_at", table_name="ledger_entry")

    with op.batch_alter_table("fee_rate", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_fee_rate_yen_not_negative"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_fee_rate_unit_known"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_fee_rate_step_known"), type_="check")
        batch_op.drop_column("step_minutes")
        batch_op.drop_column("months")
        batch_op.drop_column("until_minute")
        batch_op.drop_column("unit")
        batch_op.drop_column("valid_until")

    op.create_table(
        "relief_rule",
        sa.Column("municipality_id", sa.INTEGER(), nullable=False),
        sa.Column("category", sa.VARCHAR(length=16), nullable=False),
        sa.Column("item", sa.VARCHAR(length=16), nullable=False),
        sa.Column("percent", sa.INTEGER(), nullable=False),
        sa.ForeignKeyConstraint(
            ["municipality_id"], ["municipality.id"], name=op.f("fk_relief_rule_municipality_id_municipality")
        ),
        sa.PrimaryKeyConstraint("municipality_id", "category", "item", name=op.f("pk_relief_rule")),
    )
    op.drop_index(
        "ix_refund_review_due",
        table_name="refund_review",
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )

    op.drop_table("refund_review")
    op.drop_table("refund_batch_item")
    op.drop_table("relief_document")
    op.drop_table("paper_print")
    op.drop_index("uq_stripe_movement_matched_set", table_name="stripe_movement")
    op.drop_index(
        "ix_stripe_movement_unmatched",
        table_name="stripe_movement",
        sqlite_where=sa.text("matched_set IS NULL"),
        postgresql_where=sa.text("matched_set IS NULL"),
    )
    op.drop_index("ix_stripe_movement_payout", table_name="stripe_movement")
    op.drop_index("ix_stripe_movement_created", table_name="stripe_movement")

    op.drop_table("stripe_movement")
    op.drop_index("ix_relief_application_state", table_name="relief_application")
    op.drop_index("ix_relief_application_group", table_name="relief_application")

    op.drop_table("relief_application")
    op.drop_index(op.f("ix_refund_policy_municipality_id"), table_name="refund_policy")

    op.drop_table("refund_policy")
    op.drop_index(op.f("ix_refund_batch_municipality_id"), table_name="refund_batch")

    op.drop_table("refund_batch")
    op.drop_index("ix_paper_group", table_name="paper")

    op.drop_table("paper")
    op.drop_index(
        "uq_money_case_open",
        table_name="money_case",
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.drop_index("ix_money_case_opened", table_name="money_case")
    op.drop_index(
        "ix_money_case_due",
        table_name="money_case",
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )

    op.drop_table("money_case")
    op.drop_index(op.f("ix_alert_day_municipality_id"), table_name="alert_day")

    op.drop_table("alert_day")
    op.execute(
        "INSERT INTO relief_rule (municipality_id, category, item, percent)"
        " SELECT municipality_id, category, item, percent FROM relief_rate AS newest WHERE valid_from ="
        " (SELECT max(valid_from) FROM relief_rate WHERE municipality_id = newest.municipality_id"
        " AND category = newest.category AND item = newest.item)"
    )
    op.drop_table("relief_rate")
    op.drop_table("issuer")
    op.drop_table("fee_terms")
    op.drop_table("fee_factor")
    op.drop_index("ix_dispute_payment", table_name="dispute")

    op.drop_table("dispute")
    op.drop_index("ix_charge_payer", table_name="charge")
    op.drop_index("ix_charge_invoice", table_name="charge")

    op.drop_table("charge")
    op.drop_table("stripe_payout")
    op.drop_index("ix_settlement_run_begun", table_name="settlement_run")

    op.drop_table("settlement_run")
    op.drop_table("paper_counter")
    op.drop_table("month_close")
    op.drop_table("money_counter")
    op.drop_index(
        "ix_invoice_due",
        table_name="invoice",
        sqlite_where=sa.text("next_due_at IS NOT NULL"),
        postgresql_where=sa.text("next_due_at IS NOT NULL"),
    )

    op.drop_table("invoice")
    op.drop_index("ix_audit_night_begun", table_name="audit_night")

    op.drop_table("audit_night")


def _add_funds_due_at() -> None:
    # SQLite takes a check with a new column; making the table again would pull it from under its children.
    check = "state <> 'processing' OR next_due_at IS NOT NULL"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "ALTER TABLE payment ADD COLUMN funds_due_at DATETIME "
            f"CONSTRAINT ck_payment_processing_is_due CHECK ({check})"
        )
    else:
        op.add_column("payment", sa.Column("funds_due_at", sa.DateTime(timezone=True), nullable=True))
        op.create_check_constraint(op.f("ck_payment_processing_is_due"), "payment", check)
