"""A client and a backend as the program makes them, with deadlines that suit tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from adapters.openai.assistants import AssistantsBackend
from adapters.openai.client import Client, Endpoint, RetryPolicy
from adapters.openai.polling import PollingPace
from bot.conversation import ThreadId
from bot.run import RunEvent, RunId
from tests.support.fake_assistants import FakeAssistants
from tests.support.openai_stand_in import KEY

RETRY = RetryPolicy(
    call_deadline_s=1.5, download_deadline_s=1.5, total_deadline_s=10, max_attempts=4, first_pause_s=0.01
)
PACE = PollingPace(first_s=0.01, max_s=0.05, after_trouble_s=0.02, deadline_s=1.5)


@asynccontextmanager
async def calling(service: FakeAssistants, retry: RetryPolicy = RETRY) -> AsyncIterator[Client]:
    """A client of the stand-in service."""
    client = Client(endpoint=Endpoint(base_url=service.base_url, api_key=KEY), retry=retry)
    try:
        yield client
    finally:
        await client.close()


async def whole(chunks: AsyncIterator[bytes]) -> bytes:
    """All bytes of a download."""
    return b"".join([chunk async for chunk in chunks])


def impatient(client: Client) -> AssistantsBackend:
    """The assistant behind a client."""
    retry = RetryPolicy(max_attempts=5, first_pause_s=0.05)
    return AssistantsBackend(assistant_id="asst_1", client=client, pace=PACE, retry=retry)


async def last_event(assistant: AssistantsBackend, thread: ThreadId, run: RunId) -> RunEvent:
    """Follow a run to its end, or until it wants tools."""
    async with aclosing(assistant.follow(thread, run)) as events:
        return [event async for event in events][-1]
