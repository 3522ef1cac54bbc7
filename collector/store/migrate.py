"""Brings a store to the shape this version knows, and refuses one that is newer."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from contract.errors import FeldsherError

FOLDER = Path(__file__).with_name("migrations")


def migrate(connection: Connection) -> None:
    """Bring the store up to date; raises `FeldsherError` ``version`` when a newer Feldsher wrote it."""
    config = Config()
    # Alembic reads its options with %-interpolation, so a folder with a % in its name must be doubled.
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    heads = set(MigrationContext.configure(connection).get_current_heads())
    connection.rollback()
    if not heads <= known:
        raise FeldsherError(
            "version",
            f"a newer Feldsher wrote this store (it is at {', '.join(sorted(heads))})",
            remedy="install that version, or restore a backup made before it",
        )
    command.upgrade(config, "head")
