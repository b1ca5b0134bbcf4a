"""Which PostgreSQL is refused at the start, and how that is said."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
from pathlib import Path

import pytest

from bot.errors import StorageError
from storage.ledger_postgres import PostgresLedger
from storage.postgres import PostgresSession
from storage.postgres_connection import Connection, SessionLostError, _not_connected
from tests.support.certificates import write_certificate
from tests.support.ledger_fixtures import refused, started
from tests.support.postgres_proxy import running_proxy
from tests.support.postgres_server import PostgresServer


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.new_database()


async def test_tables_of_a_newer_version_are_refused_and_left_alone(postgres: PostgresServer, database: str) -> None:
    ledger = PostgresLedger(PostgresSession(postgres.url(database)))
    await started(ledger)
    await ledger.stop()
    postgres.sql(database, "UPDATE teamsbot.schema_version SET number = 99")
    assert "newer version" in await refused(started(ledger), StorageError)
    assert postgres.sql(database, "SELECT number FROM teamsbot.schema_version") == [["99"]]


async def test_a_pooler_that_ignores_the_settings_is_refused_with_what_to_do(
    postgres: PostgresServer, database: str
) -> None:
    async with running_proxy(postgres.port, drop_settings=True) as pooler:
        ledger = PostgresLedger(PostgresSession(postgres.url(database, port=pooler.port)))
        assert "pooler" in await refused(started(ledger), StorageError)


async def test_a_way_in_between_that_passes_everything_on_is_no_pooler(postgres: PostgresServer, database: str) -> None:
    async with running_proxy(postgres.port) as proxy:
        ledger = PostgresLedger(PostgresSession(postgres.url(database, port=proxy.port)))
        await started(ledger)
        await ledger.stop()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://teamsbot@127.0.0.1:{port}/nowhere", "nowhere"),
        ("postgresql://nobody:hunter2@127.0.0.1:{port}/postgres", "nobody"),
        ("postgresql://teamsbot:hunter2@127.0.0.1:hunter2/postgres", "DATABASE_URL"),
        ("mysql://teamsbot:hunter2@127.0.0.1/postgres", "DATABASE_URL"),
        ("postgresql://teamsbot:hunter2@127.0.0.1:{port}/postgres?sslmode=hunter2", "DATABASE_URL"),
    ],
)
async def test_an_address_that_cannot_work_is_refused_at_once_and_not_quoted(
    postgres: PostgresServer, url: str, told: str
) -> None:
    session = PostgresSession(url.format(port=postgres.port))
    async with asyncio.timeout(30):  # and not until the session gives up waiting
        reason = await refused(started(PostgresLedger(session)), StorageError)
    assert told in reason
    assert "hunter2" not in reason + repr(session)


@pytest.mark.parametrize(
    ("parameters", "told", "fix"),
    [
        ("sslmode=require", "speaks no TLS", "ssl = on"),
        ("sslmode=verify-ca&sslrootcert=/nowhere.pem", "sslrootcert in DATABASE_URL", "sslrootcert="),
        ("sslmode=disable&connect_timeout=5", "parameter connect_timeout", "Remove connect_timeout"),
        ("sslmode=required", "DATABASE_URL cannot be used", "verify-full"),
    ],
)
async def test_a_parameter_that_cannot_work_is_named_with_what_to_do(
    postgres: PostgresServer, parameters: str, told: str, fix: str
) -> None:
    session = PostgresSession(f"postgresql://teamsbot@127.0.0.1:{postgres.port}/postgres?{parameters}")
    with pytest.raises(StorageError, match=told) as refusal:
        await started(PostgresLedger(session))
    assert fix in refusal.value.fix


@pytest.mark.parametrize("answer", [b"N", b"S" + b"\x15\x03\x03\x00\x02\x02\x28", b"S", b""])
async def test_a_server_that_breaks_off_a_handshake_does_not_discredit_the_certificate(
    tmp_path: Path, answer: bytes
) -> None:
    authority, _key = write_certificate(tmp_path)

    async def restart(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(answer[:1])
        if len(answer) > 1:
            await reader.read(1)  # the handshake begins
            writer.write(answer[1:])
        writer.close()

    server = await asyncio.start_server(restart, "127.0.0.1", 0)
    url = f"postgresql://teamsbot@127.0.0.1:{server.sockets[0].getsockname()[1]}/x?sslmode=verify-ca"
    with pytest.raises(StorageError) as refusal:
        await Connection.open(f"{url}&sslrootcert={authority}")
    server.close()
    assert isinstance(refusal.value, SessionLostError) is (answer != b"N")
    assert "sslrootcert in" not in str(refusal.value)
    assert ("speaks no TLS" in str(refusal.value)) is (answer == b"N")


def test_a_handshake_that_takes_too_long_does_not_say_that_there_is_no_tls() -> None:
    error = ConnectionAbortedError("SSL handshake is taking longer than 60.0 seconds: aborting the connection")
    assert isinstance(_not_connected(error, "postgresql://x/y?sslmode=require"), SessionLostError)


async def test_a_user_who_may_not_make_tables_is_told_at_once_and_not_waited_for(
    postgres: PostgresServer, database: str
) -> None:
    postgres.sql(database, "DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    url = f"postgresql://reader@127.0.0.1:{postgres.port}/{database}?sslmode=disable"
    with pytest.raises(StorageError, match="permission denied") as refusal:
        await started(PostgresLedger(PostgresSession(url)))
    assert not isinstance(refusal.value, SessionLostError)
    assert "Grant" in refusal.value.fix


def _error(state: bytes) -> bytes:
    fields = b"SFATAL\0VFATAL\0C" + state + b"\0Mout of order\0\0"
    return b"E" + struct.pack("!I", 4 + len(fields)) + fields


@pytest.mark.parametrize(("state", "passes"), [(b"57P03", True), (b"53200", True), (b"42501", False)])
async def test_a_server_that_fails_at_the_first_question_is_waited_for_if_that_passes(
    state: bytes, *, passes: bool
) -> None:
    has_left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        [length] = struct.unpack("!I", await reader.readexactly(4))
        await reader.readexactly(length - 4)
        for setting in (b"server_version\x0016.0\0", b"in_hot_standby\0off\0", b"default_transaction_read_only\0off\0"):
            writer.write(b"S" + struct.pack("!I", 4 + len(setting)) + setting)
        writer.write(b"R" + struct.pack("!II", 8, 0) + b"Z" + struct.pack("!I", 5) + b"I")  # come in, and ask
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, length = struct.unpack("!cI", await reader.readexactly(5))
                await reader.readexactly(length - 4)
                if kind in b"PQ":
                    writer.write(_error(state))
                if kind in b"SQ":
                    writer.write(b"Z" + struct.pack("!I", 5) + b"I")
        writer.close()
        has_left.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(StorageError, match="out of order") as refusal:
        await Connection.open(f"postgresql://teamsbot@127.0.0.1:{port}/x?sslmode=disable")
    await asyncio.wait_for(has_left.wait(), 30)
    server.close()
    assert isinstance(refusal.value, SessionLostError) is passes


async def test_a_server_that_is_not_there_is_waited_for_until_the_deadline(
    caplog: pytest.LogCaptureFixture, unused_tcp_port: int
) -> None:
    session = PostgresSession(f"postgresql://teamsbot@127.0.0.1:{unused_tcp_port}/postgres")
    tenant = PostgresLedger(session)
    with caplog.at_level(logging.WARNING):
        assert "cannot be reached" in await refused(session.open(tenant, deadline_s=1.5), StorageError)
    assert "waiting for PostgreSQL" in caplog.messages
