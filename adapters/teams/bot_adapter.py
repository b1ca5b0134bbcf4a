"""Bot Framework's adapter: what its dispatch of activities needs, and no way out."""

from __future__ import annotations

from typing import NoReturn, cast

from botbuilder.core import BotAdapter, InvokeResponse, TurnContext
from botbuilder.schema import Activity, ActivityTypes, ConversationReference, ResourceResponse

_INVOKE_RESPONSE = "InvokeResponse"


class DispatchAdapter(BotAdapter):
    """Keeps the answer to an invoke; everything else that the bot says goes out through `TeamsChannel`.

    botbuilder's own adapters hold a thread for each call, open a connection for each turn and give up at the first
    429; its turn context and serialisation took a fifth of the processor at full load.
    """

    async def send_activities(self, context: TurnContext, activities: list[Activity]) -> list[ResourceResponse]:
        """Keep what is to be answered in the invoke's own HTTP response."""
        for activity in activities:
            if activity.type != ActivityTypes.invoke_response:
                _no_way_out()
            context.turn_state[_INVOKE_RESPONSE] = activity.value
        return [ResourceResponse(id="")] * len(activities)

    async def update_activity(self, context: TurnContext, activity: Activity) -> NoReturn:
        """Not from here."""
        _no_way_out()

    async def delete_activity(self, context: TurnContext, reference: ConversationReference) -> NoReturn:
        """Not from here."""
        _no_way_out()


def _no_way_out() -> NoReturn:
    raise NotImplementedError("activities are sent through TeamsChannel")


def invoke_response(context: TurnContext) -> InvokeResponse | None:
    """What the handler answered to an invoke."""
    return cast(InvokeResponse | None, context.turn_state.get(_INVOKE_RESPONSE))
