"""`POST /api/messages`: where Teams brings what people wrote."""

from __future__ import annotations

import logging
from typing import Final, cast

from aiohttp import HttpVersion11, hdrs, web
from botbuilder import schema
from botbuilder.core import BotAdapter, InvokeResponse, TurnContext
from botbuilder.schema import Activity, ActivityTypes, ConversationReference, ResourceResponse
from msrest.exceptions import DeserializationError  # type: ignore[attr-defined]  # re-exported from azure.core
from msrest.serialization import Deserializer, rest_key_extractor
from typing_extensions import override

from adapters.teams.authentication import Authentication
from adapters.teams.handler import TeamsDispatch
from bot.errors import StorageError, UnreadableMessageError
from httpkit.http_errors import RequestRefusedError, error_response
from httpkit.json_body import Json, read_json_object

log = logging.getLogger(__name__)

_RETRY_AFTER_S: Final = 5
_INVOKE_RESPONSE: Final = "InvokeResponse"

# What this program reads of an activity. A person's words are not refused for the form of a field that is not read.
_READ: Final = frozenset(
    {
        "action",
        "attachments",
        "channelData",
        "channelId",
        "conversation",
        "deliveryMode",
        "entities",
        "from",
        "id",
        "locale",
        "membersAdded",
        "name",
        "recipient",
        "replyToId",
        "serviceUrl",
        "text",
        "type",
        "value",
    }
)


class _ReadActivity(Activity):
    """Bot Framework's own class, with the fields that are read: msrest goes through all that a class names."""

    _attribute_map = {  # noqa: RUF012 - as msrest's models declare their fields
        name: field
        for name, field in Activity._attribute_map.items()  # noqa: SLF001
        if field["key"] in _READ
    }


# `Activity().deserialize` makes a new one, with all models of the schema, for each activity.
_DESERIALIZER: Final = Deserializer({name: kind for name, kind in vars(schema).items() if isinstance(kind, type)})
_DESERIALIZER.key_extractors = [rest_key_extractor]  # and none for XML

# Modes in which a sender waits for the answer in the response, and why that is refused.
_NOT_DELIVERED: Final = {"expectreplies": "ExpectRepliesNotSupported", "stream": "StreamNotSupported"}

MAX_BODY_BYTES: Final = 1_000_000
MAX_VALUES: Final = 20_000  # botbuilder takes seconds of the event loop for a megabyte of empty entities
MAX_NESTING: Final = 50

# What this program relies on. Bot Framework's schema would make the text "{}" of an id that is an object.
_SHAPES: Final[dict[str, type]] = {
    "type": str,
    "id": str,
    "text": str,
    "name": str,
    "locale": str,
    "channelId": str,
    "serviceUrl": str,
    "from": dict,
    "from.id": str,
    "from.name": str,
    "recipient": dict,
    "recipient.id": str,
    "recipient.name": str,
    "conversation": dict,
    "conversation.id": str,
    "conversation.conversationType": str,
    "deliveryMode": str,
    "channelData": dict,
    "entities": list,
    "attachments": list,
    "membersAdded": list,
    "membersRemoved": list,
}
_LISTS_OF_OBJECTS: Final = tuple(name for name, shape in _SHAPES.items() if shape is list)
_KINDS: Final[dict[type, str]] = {str: "a string", dict: "an object", list: "an array"}


class MessagesEndpoint:
    """Answers each activity as soon as it is stored: Teams sends it again after some 15 s, the work may take longer."""

    def __init__(self, *, dispatch: TeamsDispatch, authentication: Authentication) -> None:
        self._adapter = _ReceiveOnlyAdapter()
        self._dispatch = dispatch
        self._authentication = authentication

    def add_routes(self, app: web.Application, prefix: str = "") -> None:
        """Serve at the path that Bot Framework's tools expect, behind a prefix."""
        app.router.add_post(f"{prefix}/api/messages", self.post, expect_handler=_defer_continue)

    async def post(self, request: web.Request) -> web.Response:
        """202 once a message is stored, 4xx with the reason for what cannot be one, 503 if storing failed."""
        admission = await self._authentication.authenticate(request)
        await _send_continue(request)
        fields = await read_activity(request)
        not_served = admission.admit(fields)
        activity = _activity(fields)
        context = TurnContext(self._adapter, activity)
        try:
            if not_served is not None:
                await self._dispatch.refuse(activity)
                raise RequestRefusedError(403, not_served, "This bot does not serve the sender.")
            await self._adapter.run_pipeline(context, self._dispatch.on_turn)
        except UnreadableMessageError as error:
            raise RequestRefusedError(400, "UnreadableMessage", f"The message cannot be answered: {error}.") from None
        except StorageError as error:
            log.error("message not stored", extra={"activity": activity.id, "why": str(error)})  # noqa: TRY400 - told
            return error_response(
                503, "NotStored", "The message could not be stored.", {"Retry-After": str(_RETRY_AFTER_S)}
            )
        answer = cast(InvokeResponse | None, context.turn_state.get(_INVOKE_RESPONSE))
        if answer is not None and answer.status < 300:
            return web.json_response(answer.body, status=answer.status)
        if answer is not None:
            return error_response(answer.status, "NotImplemented", "This bot does not know what was invoked.")
        return web.Response(status=202)


def _activity(fields: dict[str, object]) -> Activity:
    try:
        activity = cast(Activity, _DESERIALIZER(_ReadActivity, fields))
    except DeserializationError:
        raise RequestRefusedError(400, "NotAnActivity", "The body does not have the shape of an activity.") from None
    activity.timestamp = fields.get("timestamp")  # as it came: it tells one edit from another, and is no time here
    if (code := _NOT_DELIVERED.get(str(activity.delivery_mode or "").lower())) is not None:
        raise RequestRefusedError(
            501,
            code,
            "An answer may take minutes, so it cannot be the response to its message. Leave `deliveryMode` out.",
        )
    return activity


async def _defer_continue(request: web.Request) -> None:
    """Do nothing yet about `Expect: 100-continue`: aiohttp would ask for the body before anybody judged the headers."""


async def _send_continue(request: web.Request) -> None:
    expected = request.headers.get(hdrs.EXPECT)
    if expected is None or request.version != HttpVersion11:
        return
    if expected.lower() != "100-continue":
        raise RequestRefusedError(417, "ExpectationFailed", "The only expectation that can be met is 100-continue.")
    writer = request.writer
    await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    writer.output_size = 0  # as aiohttp does: these bytes are no part of the answer


class _ReceiveOnlyAdapter(BotAdapter):
    """The adapter that botbuilder's turn context asks for. It takes the response to an invoke and sends nothing.

    botbuilder's own adapters hold a thread for each call, open a connection for each turn and give up at the first
    429. The bot answers through `TeamsChannel`, which hands plain JSON to the connector: botbuilder's serialisation
    took a fifth of the processor at full load.
    """

    @override
    async def send_activities(self, context: TurnContext, activities: list[Activity]) -> list[ResourceResponse]:
        for activity in activities:
            if activity.type != ActivityTypes.invoke_response:
                raise NotImplementedError("the bot answers through TeamsChannel")
            context.turn_state[_INVOKE_RESPONSE] = activity.value  # the body of the invoke's own HTTP response
        return [ResourceResponse(id="") for _ in activities]

    @override
    async def update_activity(self, context: TurnContext, activity: Activity) -> ResourceResponse:
        raise NotImplementedError("the bot answers through TeamsChannel")

    @override
    async def delete_activity(self, context: TurnContext, reference: ConversationReference) -> None:
        raise NotImplementedError("the bot answers through TeamsChannel")


async def read_activity(request: web.Request) -> Json:
    """The activity in a request's body. Raises RequestRefusedError, which names what is wrong with it."""
    activity = await read_json_object(request, max_bytes=MAX_BODY_BYTES, max_nesting=MAX_NESTING, max_values=MAX_VALUES)
    _check_shapes(activity)
    # Readers of lists expect objects in them.
    activity = {
        name: [entry for entry in value if entry is not None] if isinstance(value, list) else value
        for name, value in activity.items()
    }
    for name in _LISTS_OF_OBJECTS:
        if not all(isinstance(entry, dict) for entry in cast("list[object]", activity.get(name) or [])):
            raise RequestRefusedError(400, "NotAnActivity", f"Each of the activity's `{name}` must be an object.")
    return activity


def _check_shapes(activity: Json) -> None:
    if not activity.get("type"):
        raise RequestRefusedError(400, "MissingType", "The activity has no `type`.")
    for name, shape in _SHAPES.items():
        if not isinstance(_at(activity, name), shape | None):
            raise RequestRefusedError(400, "WrongShape", f"The activity's `{name}` must be {_KINDS[shape]}.")


def _at(activity: Json, path: str) -> object:
    """A field, or a field of an object whose own shape was checked before."""
    name, _, inner = path.partition(".")
    value = activity.get(name)
    if not inner:
        return value
    return value.get(inner) if isinstance(value, dict) else None
