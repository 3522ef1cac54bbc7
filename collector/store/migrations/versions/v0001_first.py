"""The first shape of the store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "hosts",
        sa.Column("organisation", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("facts", sa.LargeBinary, nullable=False),
        sa.Column("certificate_sha256", sa.String, nullable=False, unique=True),
        sa.Column("machine_id", sa.String, nullable=False),
        sa.Column("enrolled_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger),
        sa.Column("instance", sa.String, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.Column("conflict_since", sa.BigInteger),
    )
    op.create_table(
        "codes",
        sa.Column("secret_sha256", sa.String, primary_key=True),
        sa.Column("organisation", sa.String, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("uses_left", sa.Integer, nullable=False),
        sa.Column("by", sa.String, nullable=False),
    )
    op.create_table(
        "code_uses",
        sa.Column("secret_sha256", sa.String, primary_key=True),
        sa.Column("key_sha256", sa.String, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "items",
        sa.Column("organisation", sa.String, primary_key=True),
        sa.Column("host", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    vitals = sa.text("kind = 'vitals'")
    op.create_index("vitals_by_time", "items", ["organisation", "host", "at"], sqlite_where=vitals)
    op.create_index("items_by_age", "items", ["received_at"])
    op.create_table(
        "reports",
        sa.Column("organisation", sa.String, primary_key=True),
        sa.Column("host", sa.String, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    _make_tickets()
    op.create_table(
        "orders",
        sa.Column("organisation", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("ticket", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("evidence", sa.LargeBinary),
    )
    op.create_index("orders_by_host", "orders", ["organisation", "host", "state"])
    op.create_index("orders_by_ticket", "orders", ["organisation", "ticket"])
    op.create_table(
        "users",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("organisation", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("password_hash", sa.String, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String, primary_key=True),
        sa.Column("user", sa.String, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("act", sa.String, nullable=False),
        sa.Column("about", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
    )


def _make_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("organisation", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("title_en", sa.String, nullable=False),
        sa.Column("title_ru", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("words", sa.String, nullable=False),
    )
    not_closed = sa.text("state <> 'closed' AND cause <> ''")
    key = ["organisation", "host", "cause"]
    op.create_index("one_case_a_cause", "tickets", key, unique=True, sqlite_where=not_closed)
    op.create_index("tickets_by_host", "tickets", ["organisation", "host"])
    op.create_table(
        "entries",
        sa.Column("organisation", sa.String, primary_key=True),
        sa.Column("ticket", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("text_en", sa.String, nullable=False),
        sa.Column("text_ru", sa.String, nullable=False),
        sa.Column("attachment", sa.String, nullable=False),
    )
    op.create_table(
        "attachments",
        sa.Column("organisation", sa.String, primary_key=True),
        sa.Column("ticket", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "item_tickets",
        sa.Column("organisation", sa.String, primary_key=True),
        sa.Column("host", sa.String, primary_key=True),
        sa.Column("item", sa.String, primary_key=True),
        sa.Column("ticket", sa.Integer, nullable=False),
    )
