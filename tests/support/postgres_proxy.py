"""A way to PostgreSQL that can go wrong: it swallows what passes without closing anything, or plays a pooler."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class PostgresProxy:
    """While `cut` is set nothing passes in either direction, and nobody is told."""

    def __init__(self, server_port: int, *, drop_settings: bool = False, delay_s: float = 0.0) -> None:
        self._server_port = server_port
        self._drop_settings = drop_settings
        self._delay_s = delay_s  # each way
        self._passing = asyncio.Event()
        self._passing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def cut(self) -> None:
        self._passing.clear()

    def heal(self) -> None:
        self._passing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
            if self._drop_settings:
                back.write(await _bare_greeting(reader))
            for pair in ((reader, back), (there, writer)):
                task = asyncio.create_task(self._pass_on(*pair))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    await self._passing.wait()
                    await asyncio.sleep(self._delay_s)
                    writer.write(data)
                    await writer.drain()
                await self._passing.wait()
        finally:
            writer.close()


async def _bare_greeting(reader: asyncio.StreamReader) -> bytes:
    """The client's start-up message with user and database only, as a pooler told to ignore the rest passes it on."""
    [length, version] = struct.unpack("!II", await reader.readexactly(8))
    words = (await reader.readexactly(length - 8)).split(b"\0")
    pairs = dict(zip(words[::2], words[1::2], strict=False))
    kept = b"".join(name + b"\0" + pairs[name] + b"\0" for name in (b"user", b"database")) + b"\0"
    return struct.pack("!II", len(kept) + 8, version) + kept


@asynccontextmanager
async def running_proxy(
    server_port: int, *, drop_settings: bool = False, delay_s: float = 0.0
) -> AsyncIterator[PostgresProxy]:
    proxy = PostgresProxy(server_port, drop_settings=drop_settings, delay_s=delay_s)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.close()
