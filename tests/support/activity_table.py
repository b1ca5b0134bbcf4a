"""What `/api/messages` answers to each recorded activity, and to each field that is missing or wrong.

`python -m tests.support.activity_table` writes the tables of docs/activities.md by asking a running endpoint; a test
compares them.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from adapters.teams.authentication import AccessList, TokenAuthentication
from adapters.teams.signing_keys import SigningKeys
from adapters.teams.token_verifier import Issuer, TokenVerifier
from adapters.teams.trusted_addresses import TrustedServices
from tests.support.teams_client import Door, open_door, recorded
from tests.support.token_issuer import APP_ID, ISSUER, TENANT, TokenIssuer, token

PAGE: Final = Path(__file__).parents[2] / "docs" / "activities.md"
SHAPES: Final = tuple(sorted(path.stem for path in (Path(__file__).parents[1] / "activities").glob("*.json")))
SERVICE_URL: Final = f"https://smba.trafficmanager.net/emea/{TENANT}/"
ABSENT: Final = object()

_BEGIN: Final = "<!-- made by tests/support/activity_table.py -->"

KINDS: Final = {
    "A message in a one-to-one chat": "dm_file",
    "A message in a channel": "channel_post",
    "An edit": "edit_in_dm",
    "An installation": "install_personal",
    "Feedback (an invoke)": "feedback_like",
}
FIELDS: Final = (
    "type",
    "id",
    "timestamp",
    "localTimestamp",
    "serviceUrl",
    "channelId",
    "from",
    "from.id",
    "from.name",
    "from.aadObjectId",
    "conversation",
    "conversation.id",
    "conversation.conversationType",
    "conversation.tenantId",
    "conversation.isGroup",
    "recipient",
    "recipient.id",
    "recipient.name",
    "text",
    "textFormat",
    "locale",
    "entities",
    "attachments",
    "channelData",
    "channelData.tenant",
    "channelData.tenant.id",
    "channelData.eventType",
    "replyToId",
    "deliveryMode",
    "name",
    "value",
    "action",
    "membersAdded",
)
_WRONG: Final = (5, True, "x", ["x"], {"x": 1})


@asynccontextmanager
async def signed_door() -> AsyncIterator[Door]:
    """The endpoint of a bot with an app id, behind everything that a service puts before it."""
    async with TokenIssuer() as issuer, aiohttp.ClientSession() as session:
        keys = SigningKeys(issuer=ISSUER, metadata_url=issuer.metadata_url, session=session)
        authentication = TokenAuthentication(
            verifier=TokenVerifier(app_id=APP_ID, issuers=[Issuer(name=ISSUER, keys=keys)]),
            services=TrustedServices(hosts={"smba.trafficmanager.net"}),
            access=AccessList(tenants=frozenset({TENANT})),
        )
        async with open_door(authentication=authentication) as door:
            yield door
        await keys.close()


def of_tenant(shape: str) -> dict[str, Any]:
    """A recorded activity as it would come to this bot: of its tenant, from its service."""
    activity = recorded(shape, serviceUrl=SERVICE_URL, channelId="msteams")
    if recorded(shape)["channelId"].startswith("msteams"):
        activity["channelId"] = recorded(shape)["channelId"]
    if "conversation" in activity:
        activity["conversation"] = {**activity["conversation"], "tenantId": TENANT}
    activity["channelData"] = {**activity.get("channelData", {}), "tenant": {"id": TENANT}}
    return activity


def with_field(activity: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy in which the field at this path is absent or has this value."""
    changed: dict[str, Any] = copy.deepcopy(activity)
    *parents, name = path.split(".")
    holder = changed
    for parent in parents:
        holder = holder.setdefault(parent, {})
    if value is ABSENT:
        holder.pop(name, None)
    else:
        holder[name] = value
    return changed


async def answer_to(door: Door, activity: object) -> str:
    """The answer in words: status, the code of a refusal, or what became of the activity."""
    taken = door.accepted
    for kept in (taken.messages, taken.rated, taken.deleted, taken.overheard, taken.refused, taken.left):
        kept.clear()
    status, body = await door.post(activity, Authorization=f"Bearer {token(serviceurl=SERVICE_URL)}")
    if status >= 300:
        return f"{status} {body['error']['code']}"
    is_stored = taken.messages or taken.rated or taken.deleted or taken.left
    did = "stored" if is_stored else "overheard" if taken.overheard else "ignored"
    return f"{status}, {did}"


async def shape_rows(door: Door) -> AsyncIterator[str]:
    """A row of each recorded activity."""
    yield "| recorded activity | type | with a token | without |"
    yield "|---|---|---|---|"
    for shape in SHAPES:
        activity = of_tenant(shape)
        status, body = await door.post(activity)
        told = (
            f"{activity['type']} `{activity['name']}`"
            if activity["type"] in ("invoke", "event") and activity.get("name")
            else activity["type"]
        )
        yield f"| `{shape}` | {told} | {await answer_to(door, activity)} | {status} {body['error']['code']} |"


async def field_rows(door: Door, shape: str) -> AsyncIterator[str]:
    """A row of each field."""
    yield "| field | absent | null | of a wrong type |"
    yield "|---|---|---|---|"
    activity = of_tenant(shape)
    for path in FIELDS:
        cells = [await answer_to(door, with_field(activity, path, value)) for value in (ABSENT, None)]
        wrong = [await answer_to(door, with_field(activity, path, value)) for value in wrong_values(activity, path)]
        yield f"| `{path}` | {' | '.join([*cells, ' or '.join(dict.fromkeys(wrong))])} |"


def wrong_values(activity: dict[str, Any], path: str) -> Iterator[object]:
    """Values of other types than the field has, or should have."""
    of_lists = ("entities", "attachments", "membersAdded")
    of_objects = ("from", "conversation", "recipient", "channelData", "channelData.tenant")
    kind: type = list if path in of_lists else dict if path in of_objects else str
    kind = bool if path == "conversation.isGroup" else kind
    for value in _WRONG:
        if path == "value" or type(value) is not kind:
            yield value


async def tables() -> str:
    """All tables, in Markdown."""
    async with signed_door() as door:
        lines = ["## Recorded activities", "", *[row async for row in shape_rows(door)]]
        for heading, shape in KINDS.items():
            lines += ["", f"## {heading}", "", *[row async for row in field_rows(door, shape)]]
    return "\n".join(lines) + "\n"


def documented() -> str:
    """The tables as the page has them."""
    return PAGE.read_text("utf-8").partition(f"{_BEGIN}\n\n")[2]


if __name__ == "__main__":
    text = PAGE.read_text("utf-8").partition(_BEGIN)[0]
    PAGE.write_text(f"{text}{_BEGIN}\n\n{asyncio.run(tables())}", "utf-8")
    print(json.dumps({"shapes": len(SHAPES)}))
