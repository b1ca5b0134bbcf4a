"""Bot Framework's adapter, on a transport of ours."""

from __future__ import annotations

from typing import cast

from botbuilder.core import BotAdapter, InvokeResponse, TurnContext
from botbuilder.schema import Activity, ActivityTypes, ConversationReference, ResourceResponse

from adapters.teams.connector import Connector

_INVOKE_RESPONSE = "InvokeResponse"


class ConnectorAdapter(BotAdapter):
    """Sends, updates and deletes activities through the connector.

    botbuilder's own adapters hold a thread for each call, open a connection for each turn and give up at the first
    429; of the SDK we keep the schema, the turn context and the dispatch.
    """

    def __init__(self, *, connector: Connector) -> None:
        super().__init__()
        self._connector = connector

    async def send_activities(self, context: TurnContext, activities: list[Activity]) -> list[ResourceResponse]:
        """Send in order; an activity that got no id has an empty one. Raises ChannelError."""
        return [await self._send(context, activity) for activity in activities]

    async def update_activity(self, context: TurnContext, activity: Activity) -> ResourceResponse:
        """Replace the activity of this id. Raises ChannelError."""
        await self._connector.update(activity.service_url, activity.conversation.id, activity.id, _wire(activity))
        return ResourceResponse(id=activity.id)

    async def delete_activity(self, context: TurnContext, reference: ConversationReference) -> None:
        """Delete the activity that the reference names. Raises ChannelError."""
        await self._connector.delete(reference.service_url, reference.conversation.id, reference.activity_id)

    async def _send(self, context: TurnContext, activity: Activity) -> ResourceResponse:
        if activity.type == ActivityTypes.invoke_response:
            context.turn_state[_INVOKE_RESPONSE] = activity.value
            return ResourceResponse(id="")
        sent = await self._connector.create(activity.service_url, activity.conversation.id, _wire(activity))
        return ResourceResponse(id=sent or "")


def _wire(activity: Activity) -> dict[str, object]:
    """An activity as JSON; the SDK's types have no way to leave a text out but to leave it empty."""
    return {name: value for name, value in activity.serialize().items() if value != ""}


def invoke_response(context: TurnContext) -> InvokeResponse | None:
    """What the handler answered to an invoke."""
    return cast(InvokeResponse | None, context.turn_state.get(_INVOKE_RESPONSE))
