"""A company's Teams as the bot meets it: signed activities in, answers with the bot's own token out.

Nothing of the bot's checks is switched off: keys come from a stand-in issuer, the bot's token from a stand-in of the
machine's identity, and the connector is named in TRUSTED_SERVICE_URLS.
"""

from __future__ import annotations

import itertools
import time
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from tests.support.connector_double import Posted, StandInConnector
from tests.support.graph_service import GRAPH, GRAPH_TOKEN
from tests.support.teams_client import recorded
from tests.support.token_issuer import APP_ID, TENANT, TokenIssuer, token

ADA: Final = "33333333-4444-5555-6666-777777777777"
"""The directory id of the person who writes unless a test says otherwise."""

BOT: Final[dict[str, str]] = {"id": f"28:{APP_ID}", "name": "Data Bot"}
PLACES: Final[dict[str, dict[str, Any]]] = {
    "personal": {"id": "a:ada", "conversationType": "personal"},
    "groupChat": {"id": "19:group@thread.v2", "conversationType": "groupChat", "isGroup": True},
    "channel": {"id": "19:c@thread.tacv2;messageid=17", "conversationType": "channel", "isGroup": True},
}
BOT_TOKEN: Final = "the-bots-own-token"
_IDS = itertools.count(1_795_000_000_000)


class SignedTeams:
    """`async with SignedTeams() as teams`; start a bot with `teams.environ` and give its address to `teams.bot_url`."""

    def __init__(self) -> None:
        self.issuer = TokenIssuer()
        self.connector = StandInConnector()
        self.bot_url = ""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.issuer)
        await self._stack.enter_async_context(self.connector)
        self.client = await self._stack.enter_async_context(aiohttp.ClientSession())
        app = web.Application()
        app.router.add_get("/identity", _give_token)
        self._identity = TestServer(app)
        await self._identity.start_server()
        self._stack.push_async_callback(self._identity.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def identity_environ(self) -> dict[str, str]:
        """Where azure-identity finds the machine's identity; it reads the environment of the process itself."""
        return {"IDENTITY_ENDPOINT": str(self._identity.make_url("/identity")), "IDENTITY_HEADER": "known-here"}

    @property
    def environ(self) -> dict[str, str]:
        """Settings of a bot of this tenant. Its links begin with an address that only Teams would reach."""
        return {
            "MicrosoftAppId": APP_ID,
            "MicrosoftAppType": "UserAssignedMSI",
            "MicrosoftAppTenantId": TENANT,
            "PUBLIC_URL": "https://bot.example.com",
            "ToBotFromChannelOpenIdMetadataUrl": self.issuer.metadata_url,
            "TRUSTED_SERVICE_URLS": self.connector.service_url.removesuffix("/_connector"),
            **self.identity_environ,
        }

    def activity(self, said: str = "", *, scope: str = "personal", tenant: str = TENANT, **fields: Any) -> Any:
        """What a person says, mentioning the bot where others read along. A field of None is left out."""
        shared = scope != "personal"
        mention = {"type": "mention", "text": "<at>Data Bot</at>", "mentioned": BOT}
        given = {
            "type": "message",
            "id": str(next(_IDS)),
            "serviceUrl": self.connector.service_url,
            "conversation": {**PLACES[scope], "tenantId": tenant},
            "from": {"id": "29:ada", "name": "Ada Lovelace", "aadObjectId": ADA},
            "recipient": BOT,
            "locale": "en-GB",
            "text": f"<at>Data Bot</at> {said}" if shared else said,
            "entities": [mention] if shared else None,
            "attachments": None,
            "channelData": {"tenant": {"id": tenant}},
        }
        return recorded("teams_channel", **(given | fields))

    async def post(self, activity: dict[str, Any], bearer: str | None = "") -> tuple[int, Any]:
        """Status and body; a fitting token unless `bearer` is another, or None for no header at all."""
        if bearer == "":
            bearer = token(serviceurl=activity.get("serviceUrl"))
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        async with self.client.post(f"{self.bot_url}/api/messages", json=activity, headers=headers) as response:
            text = await response.text()
            return response.status, await response.json() if text else None

    async def say(self, text: str, **fields: Any) -> int:
        """Post what a person says; the status."""
        return (await self.post(self.activity(text, **fields)))[0]

    async def ask(self, text: str, *, scope: str = "personal", parts: int = 1, **fields: Any) -> list[Posted]:
        """Say something and wait for so many messages in answer."""
        place = fields.get("conversation", PLACES[scope])["id"]
        before = len([posted for posted in self.connector.messages if posted.conversation == place])
        status = await self.say(text, scope=scope, **fields)
        assert status == 202, status
        heard = await self.connector.wait_for_messages(before + parts, deadline_s=60, conversation=place)
        return heard[before:]

    def heard(self, scope: str = "personal") -> list[str]:
        """What people have read in a place."""
        return [posted.words for posted in self.connector.messages if posted.conversation == PLACES[scope]["id"]]

    async def fetch(self, link: str) -> tuple[int, bytes]:
        """What a client gets at a link of the bot, whose public address leads to its own port."""
        assert link.startswith("https://bot.example.com/files/"), link
        url = URL(self.bot_url + link.removeprefix("https://bot.example.com"), encoded=True)
        async with self.client.get(url) as response:
            return response.status, await response.read()


async def _give_token(request: web.Request) -> web.Response:
    token = GRAPH_TOKEN if request.query["resource"] == GRAPH else BOT_TOKEN
    expires = {"expires_on": str(int(time.time()) + 86_400), "resource": request.query["resource"]}
    return web.json_response({"access_token": token, "token_type": "Bearer", **expires})
