from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from httpkit.http_server import HttpRunner
from tests.support.teams_client import Door, open_door, recorded
from tests.support.waiting import until

SECRET = b"Bearer SECRET"


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door(idle_s=0.3) as door:
        yield door


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /?sig=SECRET\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + SECRET + b"\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthor ization: " + SECRET + b"\r\n\r\n",
        b"SECRET\r\n\r\n",
        b"GET /SECRET HTTP/9.9\r\n\r\n",
        b"GET /SECRET" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: SECRET" + b"a" * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: SECRET\r\n" * 500 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: SECRET\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nSECRET",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03SECRET",
    ],
)
async def test_a_malformed_request_is_refused_without_repeating_it(
    door: Door,
    request_bytes: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    answer = await door.raw(request_bytes)

    assert answer.split(b" ")[1] == b"400"
    assert b'{"error":{"code":"MalformedRequest"' in answer
    assert b"SECRET" not in answer
    assert "SECRET" not in caplog.text
    assert "malformed request refused" in caplog.text


async def test_no_answer_names_the_server_or_its_version(door: Door) -> None:
    good = await door.raw(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    malformed = await door.raw(b"nonsense\r\n\r\n")

    for answer in (good, malformed):
        assert b"Server:" not in answer
        assert b"aiohttp" not in answer
        assert b"Python" not in answer


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NotFound"),
        ("GET", "/api/messages", 405, "MethodNotAllowed"),
        ("PUT", "/api/messages", 405, "MethodNotAllowed"),
        ("POST", "/api/messages/", 404, "NotFound"),
    ],
)
async def test_pages_that_are_not_there_say_so_in_json(
    door: Door,
    method: str,
    path: str,
    status: int,
    code: str,
) -> None:
    async with door.client.request(method, f"http://127.0.0.1:{door.port}{path}") as response:
        assert response.status == status
        assert (await response.json())["error"]["code"] == code


async def test_a_head_request_is_answered_for_clients_that_look_whether_the_bot_is_up(door: Door) -> None:
    async with door.client.head(f"http://127.0.0.1:{door.port}/api/messages") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize("beginning", [b"", b"POST /api/mess", b"POST /api/messages HTTP/1.1\r\nHost: loc"])
async def test_a_header_that_never_ends_is_not_waited_for(door: Door, beginning: bytes) -> None:
    async with asyncio.timeout(30):
        assert await door.raw(beginning) == b""


async def test_a_header_that_trickles_gains_no_time(door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(b"POST /api/messages HTTP/1.1\r\n")
    trickle = asyncio.create_task(_trickle(writer))

    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionResetError):  # when bytes were on their way as the door closed
            assert await reader.read() == b""
    trickle.cancel()
    writer.close()


async def _trickle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"X-A: b\r\n")
        await asyncio.sleep(0.05)


async def test_the_second_header_of_a_connection_has_the_same_limit(door: Door) -> None:
    whole = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"

    async with asyncio.timeout(30):
        assert (await door.raw(whole, b"GET / HT")).count(b"HTTP/1.1 404") == 1


async def test_what_breaks_inside_is_logged_by_kind_and_place_without_its_words(
    door: Door,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(_: object) -> bool:
        raise LookupError("the user's words")

    monkeypatch.setattr(type(door.accepted), "accept", lambda self, message: broken(message))

    status, answer = await door.post(recorded("personal"))

    assert (status, answer["error"]["code"]) == (500, "InternalError")
    failed = next(record for record in caplog.records if record.message == "request failed")
    assert vars(failed)["error"] == "LookupError"
    assert any(step.startswith("broken:") for step in vars(failed)["where"])
    assert "the user's words" not in caplog.text


async def test_a_client_that_leaves_within_its_answer_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "httpkit")
    has_begun = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            has_begun.set()
            await response.write(b"x")
            await asyncio.sleep(0.01)

    app = web.Application()
    app.router.add_get("/", endless)
    runner = HttpRunner(app, shutdown_timeout_s=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        _, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await has_begun.wait()
        writer.transport.abort()
        await until(lambda: "client left before the end of its answer" in caplog.text)
    finally:
        await runner.cleanup()
    assert "request failed" not in caplog.text


async def test_half_open_connections_make_room_for_whole_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """S6."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))  # a quarter of them: 16 connections
    async with open_door() as door:
        half_open = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(100)]

        async with asyncio.timeout(30):
            answer = await door.raw(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            for reader, _ in half_open[:80]:
                assert await reader.read() == b""

        assert answer.startswith(b"HTTP/1.1 404")
        for _, writer in half_open:
            writer.close()


async def test_a_connection_that_is_lost_before_its_turn_raises_nothing() -> None:
    """S6: cut connections by the hundred were as many tracebacks in the log."""
    runner = HttpRunner(web.Application())
    await runner.setup()
    assert runner.server is not None
    connection = runner.server()
    connection.connection_lost(None)

    await connection.start()

    await runner.cleanup()
