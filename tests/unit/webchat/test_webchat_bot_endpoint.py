"""The way of the page's messages to the bot."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from adapters.webchat.bot_endpoint import BotEndpoint, NotTakenError
from adapters.webchat.weather import Weather

_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class _Bot:
    """Answers this many requests on each of its connections and hangs up on the next, as when its patience ends."""

    def __init__(self, answers: int) -> None:
        self.connections = 0
        self._answers = answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        for left in range(self._answers, -1, -1):
            if not await reader.read(65_536):
                break
            if left:
                writer.write(_ACCEPTED)
        writer.close()


@pytest.mark.parametrize(("answers", "taken"), [(1, True), (0, False)], ids=["idle connection", "never an answer"])
async def test_a_message_that_meets_a_closing_connection_is_brought_once_more(answers: int, taken: bool) -> None:
    bot = _Bot(answers)
    server = await asyncio.start_server(bot.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, aiohttp.ClientSession() as session:
        endpoint = BotEndpoint(session=session, url=f"http://127.0.0.1:{port}/api/messages", weather=Weather())
        if taken:
            await endpoint.deliver({"id": "first"})
            await endpoint.deliver({"id": "second"})
        else:
            with pytest.raises(NotTakenError):
                await endpoint.deliver({"id": "first"})
    assert bot.connections == 2
