"""Brings the tables of a PostgreSQL database up to date, one replica at a time, wholly or not at all."""

from __future__ import annotations

from typing import Any

import asyncpg

from bot.errors import StorageError
from storage.migrations import scripts

_LOCK = 0x7EA3_0001
_MAX_S = 600.0
_TABLE = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'teamsbot' AND tablename = 'schema_version'"


async def migrate(db: asyncpg.Connection[Any]) -> None:
    """Do what this version's scripts add. Raises StorageError if the tables are of a newer version."""
    steps = scripts("postgres")
    if await _version(db) == len(steps):
        return
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        version = await _version(db)
        if version > len(steps):
            raise StorageError(f"the database was written by a newer version of this program (schema {version})")
        for script in steps[version:]:
            await db.execute(script, timeout=_MAX_S)
        await db.execute("UPDATE schema_version SET number = $1", len(steps))


async def _version(db: asyncpg.Connection[Any]) -> int:
    """0 if there are no tables yet."""
    # No to_regclass: it takes no lock, so that it may answer from before the migration of another replica.
    if await db.fetchval(_TABLE) is None:
        return 0
    return int(await db.fetchval("SELECT number FROM teamsbot.schema_version"))
