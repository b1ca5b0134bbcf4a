"""A bot with the Microsoft 365 Agents SDK, as its documentation shows one. Runs in the environment of the SDKs."""

import logging
import os

from aiohttp import web
from assistant_thread import answer
from microsoft_agents.hosting.aiohttp import CloudAdapter, start_agent_process
from microsoft_agents.hosting.core import (
    AgentApplication,
    AgentAuthConfiguration,
    AnonymousTokenProvider,
    ApplicationOptions,
    ClaimsIdentity,
    MemoryStorage,
    TurnContext,
    TurnState,
)

logging.disable(logging.WARNING)  # that there is no app id


class Anonymous:
    """Connections without a token, as in local development."""

    def get_connection(self, _name: str) -> AnonymousTokenProvider:
        return AnonymousTokenProvider()

    def get_default_connection(self) -> AnonymousTokenProvider:
        return AnonymousTokenProvider()

    def get_token_provider(self, *_: object) -> AnonymousTokenProvider:
        return AnonymousTokenProvider()

    def get_token_provider_from_activity(self, *_: object) -> AnonymousTokenProvider:
        return AnonymousTokenProvider()

    def get_default_connection_configuration(self) -> AgentAuthConfiguration:
        return AgentAuthConfiguration()


connections = Anonymous()
adapter = CloudAdapter(connection_manager=connections)
bot = AgentApplication[TurnState](ApplicationOptions(storage=MemoryStorage()), connection_manager=connections)


@bot.activity("message")
async def said(context: TurnContext, _state: TurnState) -> None:
    await context.send_activity(await answer(context.activity.conversation.id, context.activity.text))


async def messages(request: web.Request) -> web.Response:
    request["claims_identity"] = ClaimsIdentity({}, "anonymous")
    return await start_agent_process(request, bot, adapter) or web.Response(status=202)


app = web.Application()
app.router.add_post("/api/messages", messages)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None)
