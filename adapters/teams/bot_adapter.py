"""Bot Framework's adapter, on a transport of ours."""

from __future__ import annotations

from typing import cast

from botbuilder.core import BotAdapter, InvokeResponse, TurnContext
from botbuilder.schema import Activity, ActivityTypes, ConversationReference, ResourceResponse

from adapters.teams.connector import Connector
from adapters.teams.place import Place

_INVOKE_RESPONSE = "InvokeResponse"


class ConnectorAdapter(BotAdapter):
    """Sends, updates and deletes through the connector, for whatever speaks Bot Framework's own language.

    botbuilder's own adapters hold a thread for each call, open a connection for each turn and give up at the first
    429. What the bot answers does not even pass here: `TeamsChannel` hands plain JSON to the same connector, since
    botbuilder's turn context and serialisation took a fifth of the processor at full load.
    """

    def __init__(self, *, connector: Connector) -> None:
        super().__init__()
        self._connector = connector

    async def send_activities(self, context: TurnContext, activities: list[Activity]) -> list[ResourceResponse]:
        """Send in order; an activity that got no id has an empty one. Raises ChannelError."""
        return [await self._send(context, activity) for activity in activities]

    async def update_activity(self, context: TurnContext, activity: Activity) -> ResourceResponse:
        """Replace the activity of this id. Raises ChannelError."""
        place = Place(service_url=activity.service_url, conversation=activity.conversation.id)
        await self._connector.update(place, activity.id, activity.serialize())
        return ResourceResponse(id=activity.id)

    async def delete_activity(self, context: TurnContext, reference: ConversationReference) -> None:
        """Delete the activity that the reference names. Raises ChannelError."""
        place = Place(service_url=reference.service_url, conversation=reference.conversation.id)
        await self._connector.delete(place, reference.activity_id)

    async def _send(self, context: TurnContext, activity: Activity) -> ResourceResponse:
        if activity.type == ActivityTypes.invoke_response:  # answered in the invoke's own HTTP response
            context.turn_state[_INVOKE_RESPONSE] = activity.value
            return ResourceResponse(id="")
        place = Place(service_url=activity.service_url, conversation=activity.conversation.id)
        return ResourceResponse(id=await self._connector.create(place, activity.serialize()) or "")


def invoke_response(context: TurnContext) -> InvokeResponse | None:
    """What the handler answered to an invoke."""
    return cast(InvokeResponse | None, context.turn_state.get(_INVOKE_RESPONSE))
