"""A bot with the Teams SDK, as its documentation shows one. Runs in the environment of the SDKs."""

import asyncio
import logging

from assistant_thread import answer
from microsoft_teams.api import MessageActivity, TypingActivityInput
from microsoft_teams.apps import ActivityContext, App

logging.disable(logging.INFO)
app = App(dangerously_allow_unauthenticated_requests=True)


@app.on_message
async def said(context: ActivityContext[MessageActivity]) -> None:
    await context.send(TypingActivityInput())
    await context.send(await answer(context.activity.conversation.id, context.activity.text))


asyncio.run(app.start())
