"""The panel beside the chat: what the assistant's API says of it, read with a key that the page never sees."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from adapters.webchat.page_access import Tokens, allowed, from_own_page, read_object
from adapters.webchat.page_activities import MAX_TURNS, conversation_key
from adapters.webchat.transcripts import ConversationId
from bot.conversation import ThreadId
from bot.errors import AssistantError
from bot.ports import Conversations, TurnsOfConversation
from httpkit.http_errors import RequestRefusedError

log = logging.getLogger(__name__)

Read = Callable[[str, Mapping[str, object]], Awaitable[object]]
"""GET a path below the API's root, such as `/assistants`; the JSON that was answered. Raises AssistantError."""

Make = Callable[[str, str], Awaitable[object]]
"""Make an assistant of this name and these instructions; its JSON. Raises AssistantError."""

_NO_THREADS: Final = "The model's service has no assistants or threads to show. Each turn lists the calls it made."
_ANSWER_DEADLINE_S: Final = 10.0
MAX_NAME: Final = 256  # characters, as the API has it
MAX_INSTRUCTIONS: Final = 32_768  # characters, likewise: the longest that all such services take
_ID = "[A-Za-z0-9_-]+"
_READABLE: Final = re.compile(
    rf"/assistants(/{_ID})?|/threads/(?P<thread>{_ID})(/messages(/{_ID})?|/runs(/{_ID}(/steps(/{_ID})?)?)?)?", re.ASCII
)
_QUERY: Final = frozenset({"after", "before", "limit", "order", "run_id"})


class Panel:
    """Reads, of threads only those that the conversation has or had; and makes assistants."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        conversations: Conversations,
        turns: TurnsOfConversation,
        read: Read | None,
        make: Make | None,
    ) -> None:
        """`read` and `make` are None for a service without assistants and threads, such as the Responses API."""
        self._tokens = tokens
        self._conversations = conversations
        self._turns = turns
        self._read = read
        self._make = make

    def add_routes(self, app: web.Application) -> None:
        """Serve below `/chat`."""
        app.add_routes(
            [
                web.get("/chat/thread", from_own_page(self._thread)),
                web.get("/chat/api/{path:.*}", from_own_page(self._show)),
                web.post("/chat/assistants", from_own_page(self._new_assistant)),
            ]
        )

    async def _thread(self, request: web.Request) -> web.Response:
        return web.json_response({"thread": await self._thread_of(allowed(request, self._tokens))})

    async def _show(self, request: web.Request) -> web.Response:
        conversation = allowed(request, self._tokens)
        path = "/" + request.match_info["path"]
        readable = _READABLE.fullmatch(path)
        if readable is None or not _QUERY.issuperset(request.query):
            raise RequestRefusedError(404, "NotReadable", "The panel does not read this.")
        thread = readable["thread"]
        if thread is not None and not await self._had(conversation, ThreadId(thread)):
            raise RequestRefusedError(403, "ForeignThread", "This conversation has another thread.")
        if self._read is None:
            raise RequestRefusedError(404, "NoThreads", _NO_THREADS)
        return web.json_response(await _answer(self._read(path, dict(request.query))))

    async def _new_assistant(self, request: web.Request) -> web.Response:
        allowed(request, self._tokens)
        if self._make is None:
            raise RequestRefusedError(404, "NoThreads", _NO_THREADS)
        body = await read_object(request)
        name, instructions = body.get("name"), body.get("instructions")
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
            raise RequestRefusedError(400, "NoName", f"A name has 1 to {MAX_NAME} characters.")
        if not isinstance(instructions, str) or len(instructions) > MAX_INSTRUCTIONS:
            raise RequestRefusedError(
                400, "NoInstructions", f"Instructions have at most {MAX_INSTRUCTIONS:,} characters."
            )
        return web.json_response(await _answer(self._make(" ".join(name.split()), instructions)), status=201)

    async def _had(self, conversation: ConversationId, thread: ThreadId) -> bool:
        """Whether it is the conversation's thread, or was before a /new."""
        if thread == await self._thread_of(conversation):
            return True
        return any(thread in line.threads for line in await self._turns.of(conversation_key(conversation), MAX_TURNS))

    async def _thread_of(self, conversation: ConversationId) -> str | None:
        return await self._conversations.thread_of(conversation_key(conversation))


async def _answer(answering: Awaitable[object]) -> object:
    try:
        async with asyncio.timeout(_ANSWER_DEADLINE_S):
            return await answering
    except TimeoutError:
        raise RequestRefusedError(504, "NoAnswer", "The assistant's service took too long to answer.") from None
    except AssistantError as error:
        log.info("panel not served", extra={"error": type(error).__name__})
        raise RequestRefusedError(502, "NoAnswer", "The assistant's service refused or did not answer.") from None
