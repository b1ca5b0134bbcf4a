from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.crash.bot_process import BotProcess
from tests.crash.outside import Dependencies

_SIGNATURE = re.compile(r"(/files/[\w-]{32})[^/'\"]*")


@dataclass
class Talk:
    """People who talk to the bot and, like Teams, say it again when they are not answered with a 2xx."""

    bot: BotProcess
    outside: Dependencies
    session: aiohttp.ClientSession
    _ids: itertools.count[int]

    async def say(self, text: str, *, conversation: str, id: str = "", kind: str = "personal") -> int:  # noqa: A002
        """Deliver a message once, by mention where others read along; the status, or 0 if nobody answered."""
        bot = {"id": "28:bot", "name": "Bot"}
        mention = {"type": "mention", "text": "<at>Bot</at>", "mentioned": bot}
        activity = {
            "type": "message",
            "id": id or f"m{next(self._ids)}",
            "channelId": "msteams",
            "serviceUrl": self.outside.connector_address,
            "conversation": {"id": conversation, "conversationType": kind},
            "from": {"id": "29:ada", "name": "Ada"},
            "recipient": bot,
            "text": text if kind == "personal" else f"<at>Bot</at> {text}",
            "entities": [] if kind == "personal" else [mention],
            "channelData": {"tenant": {"id": "t"}},
        }
        try:
            async with self.session.post(f"{self.bot.url}/api/messages", json=activity) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def heard(self, conversation: str) -> list[str]:
        """What a person in this conversation has read, but for notices of their place: texts, pictures and files."""
        heard = []
        for posted in self.outside.connector.messages:
            if posted.conversation == conversation and "I will come to this" not in posted.text:
                # A link is signed anew each time it is sent; the file's token in it is what makes a part the same.
                cards = [_SIGNATURE.sub(r"\1", str(card["body"])) for card in posted.cards]
                heard.append(posted.text or cards[0])
        return heard


@pytest.fixture
async def outside() -> AsyncIterator[Dependencies]:
    async with Dependencies() as opened:
        opened.service.state.create_assistant({"name": "crash", "model": "any", "instructions": ""})
        yield opened


@pytest.fixture
async def bot(tmp_path: Path, outside: Dependencies) -> AsyncIterator[BotProcess]:
    process = BotProcess(data_dir=tmp_path / "data", service_address=outside.service_address)
    outside.kill = process.kill
    yield process
    await process.end()


@pytest.fixture
async def talk(bot: BotProcess, outside: Dependencies) -> AsyncIterator[Talk]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield Talk(bot=bot, outside=outside, session=session, _ids=itertools.count(1))
