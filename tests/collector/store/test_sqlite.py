"""SQLite sits the stores' exam, and answers for what only it can get wrong."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from collector.store.base import HOME, Records
from collector.store.sqlite import SqliteStore
from collector.store.tables import METADATA
from contract.errors import FeldsherError
from tests.behaviours.store import NOON, StoreExam, a_host, an_item

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Open a new store, and close it whatever happens."""
    opened = SqliteStore(tmp_path / "store.sqlite")
    yield opened
    await opened.close()


class TestSqlite(StoreExam):
    """The exam."""


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    """An agent throws away what we said we keep."""
    store = SqliteStore(tmp_path / "store.sqlite")
    await store.change(lambda records: records.add_host(a_host()))
    await store.close()
    again = SqliteStore(tmp_path / "store.sqlite")
    assert await again.look(lambda records: records.hosts(HOME)) == [a_host()]
    await again.close()


async def test_every_flush_is_a_real_one(store: SqliteStore) -> None:
    """In simulated power cuts, anything less than FULL lost acknowledged rows in 116 of 120 runs."""

    def ask(records: Records) -> tuple[int, str]:
        connection = records._connection  # type: ignore[attr-defined]  # the exam looks under the bonnet here
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        return synchronous, connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()

    assert await store.change(ask) == (2, "wal")


async def test_a_full_disk_acknowledges_nothing_and_the_store_lives_on(store: SqliteStore) -> None:
    """What we call kept and is not, the agent has already thrown away."""

    def shrink(records: Records) -> None:
        connection = records._connection  # type: ignore[attr-defined]  # a disk of our own making: no room beyond this
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 4}")

    await store.change(shrink)
    big = b'"' + b"x" * 100_000 + b'"'
    ends = await asyncio.gather(
        store.change(lambda records: records.add_item(HOME, "h-1", an_item("small"), NOON)),
        store.change(lambda records: records.add_item(HOME, "h-1", an_item("big", big), NOON)),
        return_exceptions=True,
    )
    errors = [end.slug for end in ends if isinstance(end, FeldsherError)]
    kept = await store.look(lambda records: records.item_ids(HOME, "h-1"))
    assert "storage-full" in errors
    assert len(kept) == 2 - len(errors)
    await store.change(lambda records: records._connection.exec_driver_sql("PRAGMA max_page_count = 100000"))  # type: ignore[attr-defined]  # room again
    assert await store.change(lambda records: records.add_item(HOME, "h-1", an_item("big", big), NOON))


async def test_a_cancelled_caller_does_not_stop_the_writer(store: SqliteStore) -> None:
    """An agent that hangs up must not take the others' reports with it."""
    task = asyncio.ensure_future(store.change(lambda records: records.add_host(a_host())))
    await asyncio.sleep(0)
    task.cancel()
    assert await store.change(lambda records: records.add_item(HOME, "h-1", an_item(), NOON))


def test_a_newer_store_is_refused_in_words(tmp_path: Path) -> None:
    """An old version that writes into a newer store spoils what it does not understand."""
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    connection.close()
    with pytest.raises(FeldsherError, match="newer Feldsher") as refusal:
        SqliteStore(tmp_path / "store.sqlite")
    assert refusal.value.slug == "version"


def test_a_file_that_is_no_store_is_said_to_be_damaged(tmp_path: Path) -> None:
    """A traceback does not tell an administrator to restore a backup."""
    (tmp_path / "store.sqlite").write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(FeldsherError) as refusal:
        SqliteStore(tmp_path / "store.sqlite")
    assert refusal.value.slug == "state-damaged"


async def test_the_migrations_make_what_the_tables_say(store: SqliteStore, tmp_path: Path) -> None:
    """A column that exists only in the code fails at the first customer who upgrades."""
    engine = create_engine(f"sqlite:///{tmp_path / 'store.sqlite'}")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()
    assert differences == []
