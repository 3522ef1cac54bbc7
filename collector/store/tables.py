"""The shape of what is kept. Organisation leads every key, so that the store can be divided by it.

Documents that are only ever read whole are kept as JSON; what is searched by has a column.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    text,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def to_microseconds(at: datetime) -> int:
    """Return an aware instant as whole microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the aware instant of so many microseconds since 1970; one beyond the calendar's end becomes its end."""
    # An agent may date something 9999-12-31 in the westernmost zone, which in UTC is a year there is no date for.
    return _EPOCH + min(max(count, _FIRST), _LAST) * _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant in one integer: it sorts, and no database's idea of time zones touches it."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's
        """Return what the database keeps."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        """Return what we asked it to keep."""
        return None if value is None else from_microseconds(value)


METADATA = MetaData()

HOSTS = Table(
    "hosts",
    METADATA,
    Column("organisation", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("facts", LargeBinary, nullable=False),
    Column("certificate_sha256", String, nullable=False, unique=True),
    Column("machine_id", String, nullable=False),
    Column("enrolled_at", Instant, nullable=False),
    Column("seen_at", Instant),
    Column("instance", String, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("conflict_since", Instant),
)

CODES = Table(
    "codes",
    METADATA,
    Column("secret_sha256", String, primary_key=True),
    Column("organisation", String, nullable=False),
    Column("until", Instant, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("by", String, nullable=False),
)

CODE_USES = Table(
    "code_uses",
    METADATA,
    Column("secret_sha256", String, primary_key=True),
    Column("key_sha256", String, primary_key=True),
    Column("at", Instant, nullable=False),
)

ITEMS = Table(
    "items",
    METADATA,
    Column("organisation", String, primary_key=True),
    Column("host", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("vitals_by_time", ITEMS.c.organisation, ITEMS.c.host, ITEMS.c.at, sqlite_where=text("kind = 'vitals'"))
Index("items_by_age", ITEMS.c.received_at)

REPORTS = Table(
    "reports",
    METADATA,
    Column("organisation", String, primary_key=True),
    Column("host", String, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

TICKETS = Table(
    "tickets",
    METADATA,
    Column("organisation", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("host", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("title_en", String, nullable=False),
    Column("title_ru", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("state", String, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("words", String, nullable=False),
)
# One host, one cause, one case: the store itself holds the line.
Index(
    "one_case_a_cause",
    TICKETS.c.organisation,
    TICKETS.c.host,
    TICKETS.c.cause,
    unique=True,
    sqlite_where=text("state <> 'closed' AND cause <> ''"),
)
Index("tickets_by_host", TICKETS.c.organisation, TICKETS.c.host)

ENTRIES = Table(
    "entries",
    METADATA,
    Column("organisation", String, primary_key=True),
    Column("ticket", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("kind", String, nullable=False),
    Column("by", String, nullable=False),
    Column("text_en", String, nullable=False),
    Column("text_ru", String, nullable=False),
    Column("attachment", String, nullable=False),
)

ATTACHMENTS = Table(
    "attachments",
    METADATA,
    Column("organisation", String, primary_key=True),
    Column("ticket", Integer, primary_key=True, autoincrement=False),
    Column("name", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("media_type", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

ITEM_TICKETS = Table(
    "item_tickets",
    METADATA,
    Column("organisation", String, primary_key=True),
    Column("host", String, primary_key=True),
    Column("item", String, primary_key=True),
    Column("ticket", Integer, nullable=False),
)

ORDERS = Table(
    "orders",
    METADATA,
    Column("organisation", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("ticket", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("evidence", LargeBinary),
)
Index("orders_by_host", ORDERS.c.organisation, ORDERS.c.host, ORDERS.c.state)
Index("orders_by_ticket", ORDERS.c.organisation, ORDERS.c.ticket)

USERS = Table(
    "users",
    METADATA,
    Column("name", String, primary_key=True),
    Column("organisation", String, nullable=False),
    Column("role", String, nullable=False),
    Column("password_hash", String, nullable=False),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("token_sha256", String, primary_key=True),
    Column("user", String, nullable=False),
    Column("until", Instant, nullable=False),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("who", String, nullable=False),
    Column("act", String, nullable=False),
    Column("about", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("digest", String, nullable=False),
)
