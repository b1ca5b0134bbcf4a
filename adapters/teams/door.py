"""The bytes of an activity, judged before anything else looks at them."""

from __future__ import annotations

from typing import Final, cast

from aiohttp import web

from httpkit.http_errors import RequestRefusedError
from httpkit.json_body import Json, read_json_object

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
