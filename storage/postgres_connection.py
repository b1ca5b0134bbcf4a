"""One session at PostgreSQL: how it is opened, what is demanded of it, and which errors it gives."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable
from typing import TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from bot.errors import StorageError
from storage.postgres_migrations import migrate

Row: TypeAlias = "asyncpg.Record"

_CONNECT_S = 10.0
_COMMAND_S = 10.0
_FAREWELL_S = 2.0

IDLE_S = 15
"""A session from which nothing is heard for so long is ended by PostgreSQL, which frees its locks."""

# Any user may set these: https://www.postgresql.org/docs/current/runtime-config-client.html and -connection.html.
# The keepalives end the session of a host that vanished after 4 + 2 * 3 seconds, idle_session_timeout that of a frozen
# process or of one that is cut off.
_SETTINGS = {
    "application_name": "teamsbot",
    "search_path": "teamsbot",
    "synchronous_commit": "on",
    "idle_session_timeout": f"{IDLE_S}s",
    "tcp_keepalives_idle": "4",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10s",
}

_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

# Classes of SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
_OF_THE_VALUES = ("21", "22", "23", "40", "54")  # cardinality, data, integrity, rollback (deadlock), program limit
_PASSING = ("08", "53", "57")  # connection, resources, operator intervention
_PROTOCOL_VIOLATION, _READ_ONLY, _UNKNOWN_SETTING = "08P01", "25006", "42704"

_POOLER = (
    "the way to PostgreSQL goes through a connection pooler, which cannot carry session locks: "
    "let DATABASE_URL name the server itself (on Azure port 5432, not 6432)"
)


class SessionLostError(StorageError):
    """The session is of no use any more, and its locks may be another's by now. A new one may work."""


class RefusedError(StorageError):
    """The server refuses a statement because of the values in it. With other values it may pass."""


class Connection:
    """A session of our own at the server that takes writes. It carries locks, so no pooler may stand in between."""

    def __init__(self, db: asyncpg.Connection[Row]) -> None:
        self._db = db

    @classmethod
    async def open(cls, url: str) -> Connection:
        """Connect, and bring the tables up to date. Raises SessionLostError if later may work, StorageError if not."""
        try:
            db = await asyncpg.connect(
                url,
                timeout=_CONNECT_S,
                command_timeout=_COMMAND_S,
                server_settings=_SETTINGS,
                target_session_attrs=SessionAttribute.read_write,
            )
        except (*_ERRORS, ValueError) as error:
            raise _not_connected(error) from None  # the error's own text may quote the password
        connection = cls(db)
        try:
            await connection._demand_no_pooler()
            await migrate(db)
        except (*_ERRORS, StorageError) as error:
            await connection.close()
            if isinstance(error, StorageError):
                raise
            raise connection._translated(error) from error
        return connection

    @property
    def closed(self) -> bool:
        """Whether it has ended, from either side."""
        return self._db.is_closed()

    async def fetch(self, statement: str, *values: object) -> list[Row]:
        """The rows of one statement, which is one transaction.

        Raises RefusedError or StorageError if nothing was changed, SessionLostError if nobody can know.
        """
        sent_s = time.monotonic()
        try:
            rows = await self._db.fetch(statement, *values)
        except (*_ERRORS, ValueError) as error:
            raise self._translated(error) from error
        if time.monotonic() - sent_s > _COMMAND_S + 1:
            # This process was frozen meanwhile; PostgreSQL may have ended the session and given its locks away.
            raise SessionLostError("an answer of PostgreSQL was read too late to be trusted")
        return rows

    async def listen(self, channel: str, heard: Callable[[str], None], ended: Callable[[], None]) -> None:
        """From now on `heard` is told what anybody notifies on the channel, and `ended` that the session has ended."""
        self._db.add_termination_listener(lambda _: ended())
        try:
            await self._db.add_listener(channel, lambda _db, _pid, _channel, payload: heard(str(payload)))
        except _ERRORS as error:
            raise self._translated(error) from error

    async def close(self) -> None:
        """End the session, by force if PostgreSQL does not say goodbye soon."""
        with contextlib.suppress(*_ERRORS):
            await self._db.close(timeout=_FAREWELL_S)
        self._db.terminate()

    async def _demand_no_pooler(self) -> None:
        """A pooler that was told to ignore our settings seems to work, and breaks every promise made here."""
        [[idle]] = await self.fetch("SELECT current_setting('idle_session_timeout')")
        if idle != f"{IDLE_S}s":
            raise StorageError(_POOLER)

    def _translated(self, error: Exception) -> StorageError:
        state = getattr(error, "sqlstate", None) or ""
        if state[:2] in _OF_THE_VALUES or isinstance(error, ValueError):
            return RefusedError(f"PostgreSQL refuses a value: {type(error).__name__}")  # its text may quote the value
        if self.closed or state == _READ_ONLY or not isinstance(error, asyncpg.PostgresError):
            return SessionLostError(f"the session with PostgreSQL is lost: {_reason(error)}")
        return StorageError(f"PostgreSQL does not take a statement: {_reason(error)}")


def _not_connected(error: Exception) -> StorageError:
    state = getattr(error, "sqlstate", None) or ""
    if state == _PROTOCOL_VIOLATION:
        return StorageError(_POOLER)
    if state == _UNKNOWN_SETTING:
        return StorageError(
            "this PostgreSQL is too old (version 14 or newer is needed), or DATABASE_URL asks for what it does not know"
        )
    if isinstance(error, ValueError) and not isinstance(error, ssl.SSLError):
        return StorageError("DATABASE_URL cannot be used; it should look like postgresql://user:password@host/database")
    reason = f"PostgreSQL cannot be reached: {_reason(error)}"
    if state[:2] in _PASSING or (not state and not isinstance(error, ssl.SSLCertVerificationError)):
        return SessionLostError(reason)
    return StorageError(reason)


def _reason(error: Exception) -> str:
    """The kind of error and its first sentence: the details after it may hold values."""
    said = getattr(error, "message", None) or str(error)
    return f"{type(error).__name__}: {said}"
