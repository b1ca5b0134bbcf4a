"""A bot with teams-ai's AssistantsPlanner, as its documentation shows one. Runs in the peers' environment."""

import os

from aiohttp import web
from botbuilder.core import MemoryStorage
from teams import Application, ApplicationOptions, TeamsAdapter
from teams.ai import AIOptions
from teams.ai.planners import AssistantsPlanner, OpenAIAssistantsOptions
from teams.state import TurnState


class Config:
    APP_ID = ""
    APP_PASSWORD = ""


planner = AssistantsPlanner[TurnState](
    OpenAIAssistantsOptions(api_key="key-of-the-bench", assistant_id="asst_bench", endpoint=os.environ["SERVICE_URL"])
)
bot = Application[TurnState](
    ApplicationOptions(
        bot_app_id="", storage=MemoryStorage(), adapter=TeamsAdapter(Config()), ai=AIOptions(planner=planner)
    )
)


async def messages(request: web.Request) -> web.Response:
    return await bot.process(request) or web.Response(status=202)


app = web.Application()
app.router.add_post("/api/messages", messages)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None)
