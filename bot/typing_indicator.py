"""Shows that an answer is on its way, for as long as it is, and never after it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from bot.conversation import ConversationReference
from bot.errors import ChannelError
from bot.ports import Channel

log = logging.getLogger(__name__)

INTERVAL_S = 3.0
"""Teams shows one typing activity for about 3 seconds (Bot Framework activity specification, A6000)."""

_LAST_ONE_DEADLINE_S = 2.0


@contextlib.asynccontextmanager
async def keep_typing(
    channel: Channel, to: ConversationReference, *, interval_s: float = INTERVAL_S
) -> AsyncIterator[None]:
    """Type at once and every `interval_s` seconds until the block ends, however it ends.

    A typing activity that is on its way at the end is waited for, so that it cannot overtake the answer.
    """
    ended = asyncio.Event()
    typist = asyncio.create_task(_type(channel, to, ended, interval_s), name="typing indicator")
    try:
        yield
    finally:
        ended.set()
        try:
            async with asyncio.timeout(_LAST_ONE_DEADLINE_S):
                await asyncio.shield(typist)
        except TimeoutError:
            log.info("typing indicator was slow to end")
        finally:
            typist.cancel()
            await asyncio.gather(typist, return_exceptions=True)


async def _type(channel: Channel, to: ConversationReference, ended: asyncio.Event, interval_s: float) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while not ended.is_set():
        try:
            await channel.show_typing(to)
        except ChannelError as error:  # a missing indicator is no reason to miss the answer
            log.info("typing indicator was not delivered", extra={"why": str(error)})
        due = max(due + interval_s, loop.time())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await ended.wait()
