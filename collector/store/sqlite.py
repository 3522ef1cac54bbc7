"""The store in one SQLite file: one thread writes, a few read, and what is acknowledged is on the disk.

The writer takes whatever arrived while it was busy with the last commit and commits it together, so a flush to disk
is shared by all who wait and nobody waits for a timer.
"""

import sqlite3
import threading
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from collector.store.base import Records
from collector.store.migrate import migrate
from collector.store.records import SqlRecords
from contract.errors import FeldsherError

T = TypeVar("T")
READERS = 3
# One act takes about 0.1 ms: nobody waits for more than a few hundredths of a second behind others.
MOST_TOGETHER = 256
_BUSY_MILLISECONDS = 10_000
# What SQLite says when the disk, not the question, is at fault. Extended codes carry it in their low byte.
_NO_ROOM = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


@dataclass(slots=True)
class _Act(Generic[T]):
    """One wish of the writer, and who waits for it."""

    act: Callable[[Records], T]
    loop: AbstractEventLoop
    future: "Future[T]"
    result: T | None = None
    error: Exception | None = None

    def tell(self) -> None:
        """Give the answer, in the loop of the one who waits."""
        if self.future.cancelled():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # an act without error has its result


class SqliteStore:
    """A `Store` in *path*, made and brought up to date when opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = _engine(path, "PRAGMA synchronous = FULL")
        try:
            with self._engine.connect() as connection:
                migrate(connection)
        except DBAPIError as error:
            self._engine.dispose()
            raise _as_ours(error, str(path)) from error
        self._wishes: SimpleQueue[_Act[Any] | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="store-writer")
        self._readers = ThreadPoolExecutor(READERS, "store-reader")
        self._reading = threading.local()
        self._reader_engines: list[Engine] = []
        self._writer.start()

    async def change(self, act: Callable[[Records], T]) -> T:
        """Run *act* in the writer's next transaction; return when it is committed and flushed to disk."""
        loop = get_running_loop()
        wish = _Act(act, loop, loop.create_future())
        if not self._writer.is_alive():
            raise FeldsherError("busy", "the store is closed")
        self._wishes.put(wish)
        result: T = await wish.future
        return result

    async def look(self, ask: Callable[[Records], T]) -> T:
        """Run *ask* on a snapshot. SQLite itself refuses a write there."""
        return await get_running_loop().run_in_executor(self._readers, self._ask, ask)

    async def close(self) -> None:
        """Finish what was taken and let go."""
        loop = get_running_loop()
        self._wishes.put(None)
        await loop.run_in_executor(None, self._writer.join)
        await loop.run_in_executor(None, self._readers.shutdown)
        for engine in self._reader_engines:
            engine.dispose()
        self._engine.dispose()

    def _ask(self, ask: Callable[[Records], T]) -> T:
        engine: Engine | None = getattr(self._reading, "engine", None)
        try:
            if engine is None:
                engine = _engine(self._path, "PRAGMA query_only = ON")
                self._reading.engine = engine
                self._reader_engines.append(engine)
            with engine.connect() as connection, connection.begin():
                return ask(SqlRecords(connection))
        except DBAPIError as error:
            if _code(error) == sqlite3.SQLITE_READONLY:
                raise FeldsherError("own-error", "a look tried to change the store") from error
            raise _as_ours(error, str(self._path)) from error

    def _write(self) -> None:
        with self._engine.connect() as connection:
            records = SqlRecords(connection)
            while True:
                wishes, last = self._drain()
                if wishes:
                    self._commit(connection, records, wishes)
                    _answer(wishes)
                if last:
                    return

    def _drain(self) -> tuple[list[_Act[Any]], bool]:
        first = self._wishes.get()
        if first is None:
            return [], True
        wishes = [first]
        while len(wishes) < MOST_TOGETHER:
            try:
                wish = self._wishes.get_nowait()
            except Empty:
                break
            if wish is None:
                return wishes, True
            wishes.append(wish)
        return wishes, False

    def _commit(self, connection: Connection, records: SqlRecords, wishes: list[_Act[Any]]) -> None:
        try:
            with connection.begin():
                for wish in wishes:
                    _try(connection, records, wish)
        except (DBAPIError, sqlite3.Error) as error:
            # Nothing of this batch is on the disk, so nobody in it may believe that it is.
            for wish in wishes:
                wish.error = _as_ours(error, str(self._path))


def _try(connection: Connection, records: SqlRecords, wish: _Act[Any]) -> None:
    with _savepoint(connection):
        try:
            wish.result = wish.act(records)
        except Exception as error:
            # Whatever it is, it belongs to the one who asked, and is raised there.
            wish.error = error
            if isinstance(error, DBAPIError) and _code(error) in _NO_ROOM | _DAMAGED:
                # SQLite may have rolled the whole transaction back: the batch must not go on as if it had not.
                raise
            raise _Undo from error


class _Undo(Exception):
    """Not an error: the act alone is to be undone."""


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    # Straight to the driver: twice for every act, and SQLAlchemy would cost more than the act itself.
    direct: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]  # it is SQLite's
    direct.execute("SAVEPOINT act")
    try:
        yield
    except _Undo:
        direct.execute("ROLLBACK TO act")
    direct.execute("RELEASE act")


def _answer(wishes: list[_Act[Any]]) -> None:
    waiting: dict[AbstractEventLoop, list[_Act[Any]]] = {}
    for wish in wishes:
        waiting.setdefault(wish.loop, []).append(wish)
    for loop, theirs in waiting.items():
        try:
            loop.call_soon_threadsafe(_tell, theirs)
        except RuntimeError:
            # The loop was closed: whoever asked is gone, and what is committed stays.
            continue


def _tell(wishes: list[_Act[Any]]) -> None:
    for wish in wishes:
        wish.tell()


def _engine(path: Path, how: str) -> Engine:
    # One connection an engine, used by one thread: the pool would only add locks.
    engine = create_engine(
        f"sqlite:///{path}", poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": 10}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # Python's sqlite3 would begin transactions when it sees fit, and never before a SELECT or a SAVEPOINT.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_size_limit = 67108864")
        cursor.execute(how)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer that began as a reader could not become one behind another process: it asks at once.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if "FULL" in how else "BEGIN")

    return engine


def _code(error: DBAPIError | sqlite3.Error) -> int:
    # The low byte is the kind; the rest says which call it was.
    said = error.orig if isinstance(error, DBAPIError) else error
    return getattr(said, "sqlite_errorcode", 0) & 0xFF


def _as_ours(error: DBAPIError | sqlite3.Error, where: str) -> FeldsherError:
    code = _code(error)
    if code in _DAMAGED:
        return FeldsherError("state-damaged", "the store cannot be read", where=where, remedy="restore a backup")
    if code in _BUSY:
        return FeldsherError("busy", "another program holds the store", where=where)
    if code in _NO_ROOM:
        return FeldsherError("storage-full", "the store cannot be written", where=where, remedy="make room on its disk")
    return FeldsherError("own-error", f"the store refused: {getattr(error, 'orig', error)}")
