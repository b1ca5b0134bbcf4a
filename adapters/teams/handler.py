"""Which kind of activity goes where."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from botbuilder.core import InvokeResponse, TurnContext
from botbuilder.core.teams import TeamsActivityHandler
from botbuilder.schema import Activity

from adapters.teams.activities import read_deletion, read_installation, read_message
from bot.conversation import IncomingMessage
from bot.errors import UnreadableMessageError

log = logging.getLogger(__name__)

Accept = Callable[[IncomingMessage], Awaitable[bool]]
"""Stores a message for answering; False if it was stored before. Raises StorageError."""

Replace = Callable[[IncomingMessage], Awaitable[bool]]
"""Puts a message in the place of one that waits under the same id; False if none does. Raises StorageError."""


Read = Callable[[Activity], IncomingMessage | None]
"""Raises UnreadableMessageError."""


class TeamsDispatch(TeamsActivityHandler):
    """Messages are accepted; what has no meaning for this bot is noted and let go.

    botbuilder's own handling of the other kinds is replaced rather than inherited: some of it calls the connector
    before the activity is answered, some of it fails on shapes that Teams may send.
    """

    def __init__(self, *, accept: Accept, replace: Replace) -> None:
        super().__init__()
        self._accept = accept
        self._replace = replace

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        """Hand a message on; raises UnreadableMessageError, StorageError."""
        message = read_message(turn_context.activity)
        if message is None:
            await self._let_go(turn_context)
        else:
            await self._accept(message)

    async def on_message_update_activity(self, turn_context: TurnContext) -> None:
        """Take an edit, or a deletion taken back, for the message that waits; raises StorageError."""
        await self._take_over(turn_context, read_message)

    async def on_message_delete_activity(self, turn_context: TurnContext) -> None:
        """Withdraw the message that waits; raises StorageError."""
        await self._take_over(turn_context, read_deletion)

    async def on_installation_update(self, turn_context: TurnContext) -> None:
        """Introduce the bot where it was added; raises StorageError."""
        message = _readable(read_installation, turn_context.activity)
        if message is None or not await self._accept(message):
            await self._let_go(turn_context)

    on_conversation_update_activity = on_installation_update

    async def on_invoke_activity(self, turn_context: TurnContext) -> InvokeResponse:
        """Nothing can be invoked yet, and an invoke must be answered in its own HTTP response."""
        await self._let_go(turn_context)
        return InvokeResponse(status=HTTPStatus.NOT_IMPLEMENTED)

    async def _take_over(self, turn_context: TurnContext, read: Read) -> None:
        message = _readable(read, turn_context.activity)
        if message is None or not await self._replace(message):
            await self._let_go(turn_context)

    async def _let_go(self, turn_context: TurnContext) -> None:
        activity = turn_context.activity
        log.debug("activity ignored", extra={"activity": activity.id, "type": activity.type})

    on_message_reaction_activity = _let_go
    on_event_activity = _let_go
    on_end_of_conversation_activity = _let_go
    on_typing_activity = _let_go
    on_unrecognized_activity_type = _let_go


def _readable(read: Read, activity: Activity) -> IncomingMessage | None:
    """What `read` makes of an event; one that cannot be read asks for nothing, unlike a message."""
    try:
        return read(activity)
    except UnreadableMessageError:
        return None
