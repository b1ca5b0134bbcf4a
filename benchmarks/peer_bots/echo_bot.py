"""botbuilder's CloudAdapter and a bot that says the tag back. Runs in the peers' environment."""

import os

from aiohttp import web
from botbuilder.core import TurnContext
from botbuilder.integration.aiohttp import CloudAdapter, ConfigurationBotFrameworkAuthentication


class Config:
    APP_ID = ""
    APP_PASSWORD = ""
    APP_TYPE = "MultiTenant"
    APP_TENANTID = ""


adapter = CloudAdapter(ConfigurationBotFrameworkAuthentication(Config()))


class Bot:
    async def on_turn(self, context: TurnContext) -> None:
        if context.activity.type == "message":
            await context.send_activity(context.activity.text.split()[0])


async def messages(request: web.Request) -> web.Response:
    return await adapter.process(request, Bot())


app = web.Application()
app.router.add_post("/api/messages", messages)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None)
