"""One session at PostgreSQL: how it is opened, what is demanded of it, and which errors it gives."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import time
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from bot.errors import StorageError
from storage.migrations import scripts

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
_OF_THE_VALUES = ("21", "22", "23", "54")  # cardinality, data, integrity, program limit
_PASSING = ("08", "53", "57")  # connection, resources, operator intervention
_ROLLBACK = "40"  # deadlock, serialization
_PROTOCOL_VIOLATION, _READ_ONLY, _UNKNOWN_SETTING = "08P01", "25006", "42704"

_REFUSED_LOGIN = (
    "Correct user and password in DATABASE_URL (write / ? # : @ in them as %2F %3F %23 %3A %40), or let pg_hba.conf "
    "admit this machine."
)
_FIXES = {
    "28P01": _REFUSED_LOGIN,
    "28000": _REFUSED_LOGIN,
    "3D000": "Create the database, or correct its name at the end of DATABASE_URL.",
    "42501": "Grant the user of DATABASE_URL CONNECT and CREATE on the database.",
}
_FORM = (
    "It should look like postgresql://user:password@host:5432/database?sslmode=require; sslmode is one of disable, "
    "prefer, require, verify-ca and verify-full."
)
_NOT_THERE = "Start PostgreSQL, or correct host and port in DATABASE_URL, and let the firewall pass them."
_TAKES_NO_WRITES = (
    "Let DATABASE_URL name the primary and not a standby, or end default_transaction_read_only of its user or database."
)
_AUTHORITY = "Add sslrootcert=/path/of/authority.pem to DATABASE_URL; sslmode=require encrypts without verifying."
_TLS = "Switch TLS on at the server (ssl = on), or, on a network that you trust, set sslmode=prefer."
_CERTIFICATES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_QUOTED = re.compile(r'"([\w.]+)"')

_POOLER = (
    "the way to PostgreSQL goes through a connection pooler, which cannot carry session locks: "
    "let DATABASE_URL name the server itself (on Azure port 5432, not 6432)"
)


class SessionLostError(StorageError):
    """The session is of no use any more, and its locks may be another's by now. A new one may work."""


class RefusedError(StorageError):
    """The server refuses a statement because of the values in it. With other values it may pass."""


class RolledBackError(RefusedError):
    """Another session was in the way of a statement. The same statement may pass at once."""


class Connection:
    """A session of our own at the server that takes writes. It carries locks, so no pooler may stand in between."""

    def __init__(self, db: asyncpg.Connection[Row]) -> None:
        self._db = db
        self.done = 0
        """How many statements were carried out."""

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
            raise _not_connected(error, url) from None  # the error's own text may quote the password
        connection = cls(db)
        try:
            await connection._demand_no_pooler()
            await migrate(db)
        except (*_ERRORS, StorageError) as error:
            # Before it is closed: what a closed connection says is taken for a lost session.
            translated = None if isinstance(error, StorageError) else connection._translated(error)
            state = getattr(error, "sqlstate", None) or ""
            if translated and state[:2] in (*_PASSING, _ROLLBACK):  # as where two replicas make the tables at once
                translated = SessionLostError(f"PostgreSQL cannot be used yet: {_reason(error)}")
            await connection.close()
            if translated is None:
                raise
            raise translated from error
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
        self.done += 1
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
        # Its errors are left as they are: `open` tells one that passes from one that does not.
        idle = await self._db.fetchval("SELECT current_setting('idle_session_timeout')")
        if idle != f"{IDLE_S}s":
            raise StorageError(_POOLER)

    def _translated(self, error: Exception) -> StorageError:
        state = getattr(error, "sqlstate", None) or ""
        if state[:2] == _ROLLBACK:
            return RolledBackError(f"PostgreSQL rolled a statement back: {_reason(error)}")
        if state[:2] in _OF_THE_VALUES or isinstance(error, ValueError):
            return RefusedError(f"PostgreSQL refuses a value: {type(error).__name__}")  # its text may quote the value
        if self.closed or state == _READ_ONLY or not isinstance(error, asyncpg.PostgresError):
            return SessionLostError(f"the session with PostgreSQL is lost: {_reason(error)}")
        return StorageError(f"PostgreSQL does not take a statement: {_reason(error)}", fix=_FIXES.get(state, ""))


def _not_connected(error: Exception, url: str) -> StorageError:  # noqa: PLR0911 - one for each fault
    state = getattr(error, "sqlstate", None) or ""
    if state == _PROTOCOL_VIOLATION:
        return StorageError(_POOLER)
    if state == _UNKNOWN_SETTING:
        unknown = _QUOTED.search(str(error))
        if unknown is None or unknown[1] in _SETTINGS:
            return StorageError("this PostgreSQL is too old: version 14 or newer is needed")
        return StorageError(
            f"PostgreSQL does not know the parameter {unknown[1]} in DATABASE_URL", fix=f"Remove {unknown[1]} from it."
        )
    if (of_tls := _tls_fault(error, url)) is not None:
        return of_tls
    if isinstance(error, ValueError):
        return StorageError("DATABASE_URL cannot be used", fix=_FORM)
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):  # after a failover a standby becomes the primary
        return SessionLostError("this PostgreSQL takes no writes", fix=_TAKES_NO_WRITES)
    reason = f"PostgreSQL cannot be reached: {_reason(error)}"
    if not state or state[:2] in _PASSING:
        return SessionLostError(reason, fix=_NOT_THERE)
    return StorageError(reason, fix=_FIXES.get(state, ""))


def _tls_fault(error: Exception, url: str) -> StorageError | None:
    """What is wrong with the certificates or with TLS itself, where waiting cannot help."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return StorageError("the certificate of PostgreSQL is not trusted", fix=_AUTHORITY)
    if isinstance(error, ValueError) and "root certificate" in str(error):
        return StorageError("sslmode in DATABASE_URL needs the certificate of an authority", fix=_AUTHORITY)
    if isinstance(error, OSError) and (unusable := _unusable_file(error, url)):
        return StorageError(f"{unusable} in DATABASE_URL is not a certificate or key here", fix=_AUTHORITY)
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):  # asyncpg's words
        return StorageError("PostgreSQL speaks no TLS, which sslmode in DATABASE_URL demands", fix=_TLS)
    return None


def _unusable_file(error: OSError, url: str) -> str:
    """The parameter of DATABASE_URL whose file cannot be read or is no certificate; empty if that is not the fault."""
    named = {name: value for name, value in parse_qsl(urlsplit(url).query) if name in _CERTIFICATES}
    unreadable = next((name for name, value in named.items() if not os.access(value, os.R_OK)), "")
    if unreadable and isinstance(error, FileNotFoundError | PermissionError):
        return unreadable
    # A connection that fails has one of these numbers, a file that cannot be loaded a longer one of OpenSSL's.
    is_of_file = isinstance(error, ssl.SSLError) and error.errno not in set(ssl.SSLErrorNumber)
    return next(iter(named), "") if is_of_file else ""


def _reason(error: Exception) -> str:
    """The kind of error and its first sentence: the details after it may hold values."""
    said = getattr(error, "message", None) or str(error)
    return f"{type(error).__name__}: {said}"


_MIGRATION_LOCK = 0x7EA3_0001
_MAX_MIGRATION_S = 600.0
_TABLE = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'teamsbot' AND tablename = 'schema_version'"


async def migrate(db: asyncpg.Connection[Any]) -> None:
    """Bring the tables up to date, one replica at a time, wholly or not at all.

    Raises StorageError if they are of a newer version.
    """
    steps = scripts("postgres")
    if await _version(db) == len(steps):
        return
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
        version = await _version(db)
        if version > len(steps):
            raise StorageError(f"the database was written by a newer version of this program (schema {version})")
        for script in steps[version:]:
            await db.execute(script, timeout=_MAX_MIGRATION_S)
        await db.execute("UPDATE schema_version SET number = $1", len(steps))


async def _version(db: asyncpg.Connection[Any]) -> int:
    """0 if there are no tables yet."""
    # No to_regclass: it takes no lock, so that it may answer from before the migration of another replica.
    if await db.fetchval(_TABLE) is None:
        return 0
    return int(await db.fetchval("SELECT number FROM teamsbot.schema_version"))
