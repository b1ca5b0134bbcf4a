"""How a reply reaches its conversation: part by part, with patience."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from bot.errors import ConversationGoneError, DeliveryError, TurnStoppedError
from bot.parts import Part
from bot.ports import Channel
from bot.turn import Turn
from bot.turn_record import STOPPED, UNDELIVERABLE, StepKey, StepKind

log = logging.getLogger(__name__)

SEND_PAUSES_S: Final[tuple[float, ...]] = (1, 2, 4, 8, 15, 30, 60, 120, *[300] * 287)
"""A day: an outage of Teams may take hours, and an answer that was worked out is not thrown away for it."""


async def deliver(
    turn: Turn,
    parts: Sequence[Part],
    channel: Channel,
    *,
    pauses_s: Sequence[float],
    kind: StepKind = StepKind.PART,
) -> None:
    """Say all parts in order, each once. Raises DeliveryError for one that is refused for good, or at last.

    Where nobody is there to hear it, that is how the turn ends.
    """
    try:
        for number, part in enumerate(parts):
            await _send(turn, part, channel, pauses_s, step=StepKey(kind, number))
    except ConversationGoneError as error:
        turn.outcome = UNDELIVERABLE
        log.warning("nobody is there to hear the answer", extra={"turn": turn.id, "why": str(error)})


async def deliver_unless_stopped(
    turn: Turn, parts: Sequence[Part], channel: Channel, *, pauses_s: Sequence[float]
) -> None:
    """The same, until the person does not want it any more: that is how the turn ends then."""
    try:
        await turn.unless_stopped(deliver(turn, parts, channel, pauses_s=pauses_s))
    except TurnStoppedError:
        turn.outcome = STOPPED


async def _send(turn: Turn, part: Part, channel: Channel, pauses_s: Sequence[float], *, step: StepKey) -> None:
    """Send a part, with patience; the pauses are no part of the step, so that no end of the process waits for them."""
    send = partial(channel.send, turn.message.reference, part)
    for pause_s in pauses_s:
        try:
            await turn.step(step, send)
        except DeliveryError as error:
            if not error.retryable:
                raise
            pause_s = max(pause_s, error.retry_after_s or 0)  # noqa: PLW2901 - the connector's wish
            log.warning("part is not delivered yet", extra={"turn": turn.id, "why": str(error), "pause_s": pause_s})
            await asyncio.sleep(pause_s)
        else:
            return
    await turn.step(step, send)
