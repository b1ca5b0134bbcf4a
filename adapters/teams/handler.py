"""Which kind of activity goes where."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Protocol, TypeVar

from botbuilder.core import InvokeResponse, TurnContext
from botbuilder.core.teams import TeamsActivityHandler
from botbuilder.schema import Activity, ActivityTypes

from adapters.teams.activities import (
    read_deletion,
    read_edit,
    read_feedback,
    read_installation,
    read_message,
    read_overheard,
    read_press,
    read_reference,
    read_removal,
)
from adapters.teams.file_uploads import read_consent
from bot.cards import feedback_card
from bot.conversation import ActivityId, ConversationReference, Incoming
from bot.errors import UnreadableMessageError
from bot.feedback import MAX_COMMENT_CHARS, Feedback
from bot.language import _, speaking
from bot.sentences import PRESSED

log = logging.getLogger(__name__)

T = TypeVar("T")

_CARD: Final = "application/vnd.microsoft.card.adaptive"
_FORGOTTEN_S: Final = 3600.0  # by when somebody notices that a mention is missing; the ledger knows a week
_MESSAGE_RESPONSE: Final = "application/vnd.microsoft.activity.message"


class Receiver(Protocol):
    """Takes what people say. Every method raises StorageError if it could not store it."""

    async def accept(self, message: Incoming) -> bool:
        """Store a message for answering; False if it was stored before."""
        ...

    async def refuse(self, message: Incoming) -> None:
        """Have the sender told, once, that they are not served."""
        ...

    async def replace(self, message: Incoming) -> bool:
        """Put a message in the place of one that waits under the same id; False if none does."""
        ...

    async def ask_again(self, edited: Incoming) -> bool:
        """Ask a message that was edited once more, if it is the latest; False if it is not.

        It has an id of its own, and replies to the message it was.
        """
        ...

    async def rate(self, feedback: Feedback) -> bool:
        """Keep what a person thinks of an answer; False if the bot did not send it."""
        ...

    def overhear(self, message: Incoming) -> None:
        """Hear what was said to others. Raises nothing."""
        ...

    async def delete(self, message_id: ActivityId, reference: ConversationReference) -> bool:
        """Take back a message that waits, or stop its answer; False if there is neither."""
        ...

    async def leave(self, reference: ConversationReference) -> bool:
        """Stop without a word what is unfinished in a conversation that hears no answer; False if nothing is."""
        ...


class TeamsDispatch(TeamsActivityHandler):
    """Messages are accepted; what has no meaning for this bot is noted and let go.

    botbuilder's own handling of the other kinds is replaced rather than inherited: some of it calls the connector
    before the activity is answered, some of it fails on shapes that Teams may send.
    """

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()
        self._receiver = receiver

    async def refuse(self, activity: Activity) -> None:
        """Have a sender who is not served told so, if this activity would have been answered. Raises StorageError."""
        match activity.type:
            case ActivityTypes.message:
                message = _read_or_none(read_message, activity)
            case ActivityTypes.installation_update | ActivityTypes.conversation_update:
                message = _read_or_none(read_installation, activity)
            case _:
                message = None
        if message is not None:
            await self._receiver.refuse(message)

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        """Hand a message on; raises UnreadableMessageError, StorageError."""
        message = read_message(turn_context.activity)
        if message is not None:
            await self._receiver.accept(message)
            return
        if (overheard := read_overheard(turn_context.activity)) is not None:
            self._receiver.overhear(overheard)
        await self._let_go(turn_context)

    async def on_message_update_activity(self, turn_context: TurnContext) -> None:
        """Take an edit, or a deletion taken back, for the message that waits; raises StorageError.

        The latest message is asked again by an edit, though it was answered already. One that was not meant for the
        bot before, because its writer forgot the mention, is asked for the first time.
        """
        activity = turn_context.activity
        message, edited = _read_or_none(read_message, activity), _read_or_none(read_edit, activity)
        if message is not None and await self._receiver.replace(message):
            return
        undeleted = (activity.channel_data or {}).get("eventType") == "undeleteMessage"
        if message is None or edited is None or undeleted:
            await self._let_go(turn_context)
            return
        # What was asked before is known under its id, and not accepted again.
        if not await self._receiver.ask_again(edited) and not (
            _is_recent(message.id) and await self._receiver.accept(message)
        ):
            await self._let_go(turn_context)

    async def on_message_delete_activity(self, turn_context: TurnContext) -> None:
        """Take back the message that waits; raises StorageError."""
        deleted = _read_or_none(read_deletion, turn_context.activity)
        if deleted is None or not await self._receiver.delete(*deleted):
            await self._let_go(turn_context)

    async def on_installation_update(self, turn_context: TurnContext) -> None:
        """Introduce the bot where it was added, stop its work where it was removed; raises StorageError."""
        removed = _read_or_none(read_removal, turn_context.activity)
        if removed is not None and await self._receiver.leave(removed):
            return
        installed = _read_or_none(read_installation, turn_context.activity)
        if installed is None or not await self._receiver.accept(installed):
            await self._let_go(turn_context)

    on_conversation_update_activity = on_installation_update

    async def on_invoke_activity(self, turn_context: TurnContext) -> InvokeResponse:
        """Answer in the HTTP response, as an invoke demands, once what it asks for is stored. Raises StorageError."""
        activity = turn_context.activity
        match activity.name:
            case "message/submitAction" if (feedback := read_feedback(activity)) is not None:
                await self._receiver.rate(feedback)
                return InvokeResponse(status=HTTPStatus.OK, body={})  # Teams takes any other body for a failure
            case "message/fetchTask" if _asks_for_form(activity.value):
                with speaking(activity.locale or ""):
                    return InvokeResponse(status=HTTPStatus.OK, body=_form())
            case "fileConsent/invoke" if (consent := read_consent(activity, read_reference(activity))) is not None:
                await self._receiver.accept(consent)
                return InvokeResponse(status=HTTPStatus.OK, body={})
            case "adaptiveCard/action" if (press := read_press(activity)) is not None:
                await self._receiver.accept(press)
                with speaking(activity.locale or ""):
                    told = {"statusCode": 200, "type": _MESSAGE_RESPONSE, "value": _(PRESSED)}
                return InvokeResponse(status=HTTPStatus.OK, body=told)
            # Microsoft's page names it both ways (Suggested actions, 2026-07-15).
            case "suggestedActions/submit" | "suggestedAction/submit" if (press := read_press(activity)) is not None:
                await self._receiver.accept(press)
                return InvokeResponse(status=HTTPStatus.OK, body={})
            case _:
                await self._let_go(turn_context)
                return InvokeResponse(status=HTTPStatus.NOT_IMPLEMENTED)

    async def _let_go(self, turn_context: TurnContext) -> None:
        activity = turn_context.activity
        log.debug("activity ignored", extra={"activity": activity.id, "type": activity.type})

    on_message_reaction_activity = _let_go
    on_event_activity = _let_go
    on_end_of_conversation_activity = _let_go
    on_typing_activity = _let_go
    on_unrecognized_activity_type = _let_go


def _is_recent(message_id: str) -> bool:
    """Whether a message was written within the hour, by its id: Teams' are the milliseconds since 1970."""
    return message_id.isdecimal() and abs(time.time() - int(message_id[:20]) / 1000) <= _FORGOTTEN_S


def _asks_for_form(value: object) -> bool:
    match value:
        case {"data": {"actionName": "feedback", "actionValue": {"reaction": "like" | "dislike"}}}:
            return True
        case _:
            return False


def _form() -> dict[str, object]:
    """The dialog for a comment: clients ask for it where a message takes feedback of the type `custom`."""
    card = {"contentType": _CARD, "content": feedback_card(MAX_COMMENT_CHARS)}
    size = {"height": "small", "width": "small"}
    return {"task": {"type": "continue", "value": {"title": _("Your feedback"), "card": card, **size}}}


def _read_or_none(read: Callable[[Activity], T], activity: Activity) -> T | None:
    """What `read` makes of an event; None if it cannot be read: unlike a message, that asks for no answer."""
    try:
        return read(activity)
    except UnreadableMessageError:
        return None
