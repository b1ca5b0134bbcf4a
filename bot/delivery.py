"""How a reply reaches its conversation: part by part, and again for a day while the channel's service is down.

The first part takes the place of what was shown while the answer was worked on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bot.conversation import ActivityId, ConversationReference
from bot.errors import ConversationGoneError, DeliveryError, DeliveryUnknownError, TurnStoppedError
from bot.links import NO_LINKS, LinkRules
from bot.parts import Part, Reply
from bot.ports import Channel, Live, StatusMessage
from bot.turn import Turn
from bot.turn_record import STOPPED, UNDELIVERABLE, UNKNOWN, Outcome, StepKey, StepKind

log = logging.getLogger(__name__)

SEND_PAUSES_S: Final[tuple[float, ...]] = (1, 2, 4, 8, 15, 30, 60, 120, *[300] * 287)
"""A day: an outage of Teams may take hours, and an answer that was worked out is not thrown away for it."""

MAX_NAMED_PAUSE_S: Final = 3600.0
"""Of a pause that the channel's service asks for; a longer one comes from a mistake, or a clock that is wrong."""

_OUTCOME_UNKNOWN: Final = {"outcome": "unknown"}
"""The result of a step that sent a part, where the channel did not say whether it arrived."""


class _TurnStatus(StatusMessage):
    """The status message of a turn; its id is the result of a step."""

    _STEP: Final = StepKey(StepKind.STATUS)

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    @property
    def id(self) -> ActivityId | None:
        return self._turn.recorded(self._STEP)

    @property
    def may_be_posted(self) -> bool:
        return not self._turn.may_have_done(self._STEP)

    async def post(self, do: Callable[[], Awaitable[ActivityId | None]]) -> ActivityId | None:
        return await self._turn.step(self._STEP, do)

    def stop_turn(self) -> None:
        self._turn.stop()


@asynccontextmanager
async def open_live(turn: Turn, channel: Channel, links: LinkRules = NO_LINKS) -> AsyncIterator[Live]:
    """What the person sees of this turn until its answer, in this attempt and of an earlier one."""
    async with channel.live(turn.destination, _TurnStatus(turn), links) as live:
        yield live


async def deliver(
    turn: Turn,
    reply: Reply,
    channel: Channel,
    live: Live,
    *,
    pauses_s: Sequence[float],
    kind: StepKind = StepKind.PART,
) -> Outcome:
    """Say all parts in order, each once, and return how the turn ends: as the reply says, or undeliverable.

    Where the channel does not say whether a part arrived, the outcome is unknown. Raises DeliveryError for a part that
    is refused for good, or at last. A reply of no parts takes back what was shown of the work.
    """
    outcome = reply.outcome
    if not reply.parts:
        await live.clear()
    try:
        for number, part in enumerate(reply.parts):
            shown = live if number == 0 else None
            if await _send(turn, part, channel, shown, pauses_s, step=StepKey(kind, number)) == _OUTCOME_UNKNOWN:
                outcome = UNKNOWN
    except ConversationGoneError as error:
        log.warning("the conversation is closed to the bot", extra={"turn": turn.id, "why": str(error)})
        return UNDELIVERABLE
    return outcome


async def deliver_unless_stopped(
    turn: Turn, reply: Reply, channel: Channel, live: Live, *, pauses_s: Sequence[float]
) -> Outcome:
    """Do what `deliver` does, until the person says /stop."""
    try:
        return await turn.unless_stopped(deliver(turn, reply, channel, live, pauses_s=pauses_s))
    except TurnStoppedError:
        if reply.parts and turn.recorded(StepKey(StepKind.PART)) is None:
            await live.clear()
        return STOPPED


async def _send(
    turn: Turn,
    part: Part,
    channel: Channel,
    live: Live | None,
    pauses_s: Sequence[float],
    *,
    step: StepKey,
) -> object:
    """Send a part, again after each of the pauses while it fails in a way that may pass; what the step gave.

    With `live` it takes the place of what is shown. The pauses are no part of the step, so that no end of the process
    waits for them.
    """

    async def send() -> object:
        try:
            return await (channel.send(to, part) if live is None else live.finish(part, to))
        except DeliveryUnknownError as error:
            log.warning("it is not known whether a part arrived", extra={"turn": turn.id, "why": str(error)})
            return _OUTCOME_UNKNOWN

    clock = asyncio.get_running_loop().time
    give_up_at_s = clock() + sum(pauses_s) + MAX_NAMED_PAUSE_S  # also where each pause is as long as the service asks
    pauses = iter(pauses_s)
    pause_s = next(pauses, None)
    may_be_woken = True
    while True:
        to = turn.destination  # it may have moved during a pause
        try:
            return await turn.step(step, send)
        except DeliveryError as error:
            if not error.retryable or pause_s is None or clock() > give_up_at_s:
                raise
            wait_s = max(pause_s, min(error.retry_after_s or 0, MAX_NAMED_PAUSE_S))
            log.warning("part is not delivered yet", extra={"turn": turn.id, "why": str(error), "pause_s": wait_s})
            wakes = may_be_woken and error.retry_after_s is None
        # A delivery is woken as soon as the service takes anything again, or the conversation has moved to another. If
        # it fails all the same, the pause is made in full before the next attempt: what others achieve says little
        # about this conversation then.
        may_be_woken = not await _woken(turn, channel if wakes else None, to, wait_s)
        if may_be_woken:
            pause_s = next(pauses, None)


async def _woken(turn: Turn, channel: Channel | None, to: ConversationReference, wait_s: float) -> bool:
    """Wait; True as soon as the channel's service takes something or the turn's destination is not `to` any more.

    False after `wait_s` without that. Without a channel only the destination counts.
    """
    waits = [asyncio.ensure_future(turn.wait_for_move(to))]
    if channel is not None:
        waits.append(asyncio.ensure_future(channel.wait_for_success(to)))
    try:
        done, _ = await asyncio.wait(waits, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
