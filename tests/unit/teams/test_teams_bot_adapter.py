from __future__ import annotations

import aiohttp
from botbuilder.core import TurnContext
from botbuilder.schema import Activity, ChannelAccount, ConversationAccount

from adapters.teams.bot_adapter import ConnectorAdapter
from adapters.teams.connector import Connector
from tests.support.connector_double import StandInConnector


async def test_what_speaks_bot_framework_can_send_update_and_delete_through_the_connector() -> None:
    async with StandInConnector() as connector, aiohttp.ClientSession() as session:
        asked = Activity(
            type="message",
            id="m1",
            channel_id="msteams",
            service_url=connector.service_url,
            conversation=ConversationAccount(id="a:1"),
            recipient=ChannelAccount(id="28:bot"),
            from_property=ChannelAccount(id="29:ada"),
        )
        context = TurnContext(ConnectorAdapter(connector=Connector(session=session)), asked)
        sent = await context.send_activity("hello")
        assert sent is not None
        assert sent.id
        await context.update_activity(Activity(type="message", id=sent.id, text="hello again"))
        await context.delete_activity(sent.id)
        assert [(posted.method, posted.text) for posted in connector.requests] == [
            ("POST", "hello"),
            ("PUT", "hello again"),
            ("DELETE", ""),
        ]
