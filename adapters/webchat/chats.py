"""The list of chats: open one or a new one, with an assistant of one's choice; rename, delete."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from aiohttp import web

from adapters.webchat.page import ALWAYS
from adapters.webchat.page_access import Tokens, allowed, conversation_id, from_own_page, new_conversation, read_object
from adapters.webchat.page_activities import conversation_key
from adapters.webchat.page_words import language_for
from adapters.webchat.transcripts import ConversationId, Transcripts
from adapters.webchat.uploads import Uploads
from bot.conversation import ConversationKey
from bot.language import speaking
from bot.profiles import Speaker
from httpkit.http_errors import RequestRefusedError

_MAX_LISTED: Final = 200
_MAX_TITLE: Final = 100  # characters
Forget = Callable[[ConversationKey], Awaitable[None]]
"""Ends the bot's work on a conversation, and deletes all that it has. Raises StorageError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedAssistant:
    """An assistant that `/assistant` offers in a chat; `speaker` is what answers for it."""

    name: str
    description: str
    speaker: Speaker
    starters: Sequence[str]
    is_usual: bool
    answers: bool  # in this chat, now


Offered = Callable[[ConversationKey], Awaitable[Sequence[OfferedAssistant]]]
"""The assistants of a chat, in the operator's order. Raises StorageError."""

_ASSISTANT: Final = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


class ChatRoutes:
    """Routes of the list. `usual_assistant` answers in chats that were started without a choice."""

    def __init__(
        self,
        *,
        transcripts: Transcripts,
        uploads: Uploads,
        tokens: Tokens,
        forget: Forget,
        usual_assistant: str,
        offered: Offered,
    ) -> None:
        self._transcripts = transcripts
        self._uploads = uploads
        self._tokens = tokens
        self._forget = forget
        self._usual_assistant = usual_assistant
        self._offered = offered

    def add_routes(self, app: web.Application) -> None:
        """Serve below `/chat`."""
        one = "/chat/conversations/{conversation}"
        app.add_routes(
            [
                web.get("/chat/conversations", from_own_page(self._list)),
                web.post("/chat/tokens", from_own_page(self._open)),
                web.put(one, from_own_page(self._rename)),
                web.delete(one, from_own_page(self._delete)),
            ]
        )

    async def _list(self, request: web.Request) -> web.Response:
        """All chats, or those that hold the words of `find`, the latest first."""
        words = request.query.get("find", "").strip()[:_MAX_TITLE]
        if words:
            listed = await self._transcripts.search(words, _MAX_LISTED)
        else:
            listed = await self._transcripts.conversations(_MAX_LISTED)
        return web.json_response([asdict(one) for one in listed], headers=ALWAYS)

    async def _open(self, request: web.Request) -> web.Response:
        """A token for the conversation that the page names, or for a new one."""
        body = await read_object(request)
        conversation = conversation_id(body.get("conversation"))
        if conversation is None:
            conversation = new_conversation()
            await self._choose(conversation, body.get("assistant"))
        said, _ = await self._transcripts.after(conversation, 0)
        with speaking(language_for(request)):  # the built-in questions to begin with are sentences of the bot
            offered = await self._offered(conversation_key(conversation))
        opened = {
            "conversation": conversation,
            "token": self._tokens.issue(conversation),
            "empty": not said,
            "assistant": self._transcripts.assistant_of(conversation) or self._usual_assistant,
            "usual": self._usual_assistant,
            "assistants": [asdict(each) for each in offered],
        }
        return web.json_response(opened, headers=ALWAYS)

    async def _choose(self, conversation: ConversationId, assistant: object) -> None:
        if assistant is None or assistant == self._usual_assistant:
            return
        if not isinstance(assistant, str) or not _ASSISTANT.fullmatch(assistant):
            raise RequestRefusedError(400, "NoSuchAssistant", "That is no id of an assistant.")
        await self._transcripts.choose(conversation, assistant)

    async def _rename(self, request: web.Request) -> web.Response:
        conversation = allowed(request, self._tokens)
        title = (await read_object(request)).get("title")
        if not isinstance(title, str) or not title.strip() or len(title) > _MAX_TITLE:
            raise RequestRefusedError(400, "NoTitle", f"A title has 1 to {_MAX_TITLE} characters.")
        await self._transcripts.rename(conversation, " ".join(title.split()))
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        """Delete what was said and given, and all that the bot has of it. What it still says there is not listed."""
        conversation = allowed(request, self._tokens)
        await self._forget(conversation_key(conversation))
        await self._transcripts.delete(conversation)
        await self._uploads.forget(conversation)
        return web.Response(status=204)
