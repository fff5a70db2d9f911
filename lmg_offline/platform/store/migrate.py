"""Brings a database to the newest schema, at start-up."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, select, text

from lmg_offline.platform.content import store as content
from lmg_offline.platform.store import tables
from lmg_offline.platform.store.engine import writing

_MIGRATIONS = Path(__file__).with_name("migrations")
# Any number that nothing else uses: it names the lock of this platform's migrations.
_ADVISORY_LOCK = 0x6C6D675F
# The first revision whose content has an index.
_INDEXED = "0007"


def upgrade(engine: Engine) -> None:
    """
    Run the migrations that the database lacks, all in one transaction.

    Two processes may call it at once: one waits for the other, and finds
    nothing left to do.

    Raises:
        CommandError: The database is newer than this package.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config.attributes["connection"] = connection
        was = MigrationContext.configure(connection).get_current_revision()
        command.upgrade(config, "head")
        if was is not None and was < _INDEXED:
            # Not in the migration: it is the code of today, which wants the tables of today.
            for property_id in connection.execute(select(tables.properties.c.id)).scalars().all():
                content.rebuild(connection, property_id)
