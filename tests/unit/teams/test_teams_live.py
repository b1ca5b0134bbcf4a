"""What a person sees of a turn while it is worked on, in each scope, against a connector that keeps Teams' rules."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

import pytest

from adapters.teams.channel import TeamsChannel
from adapters.teams.connector import Connector, connector_session
from adapters.teams.live import LiveTiming
from adapters.teams.markdown.pieces import teams_markdown
from adapters.teams.pace import Pace
from adapters.teams.retries import RetryPolicy
from bot.conversation import ConversationReference, Scope
from bot.errors import DeliveryError
from bot.parts import ApologyPart, Part, PicturePart, StoredFile, TextPart
from bot.ports import Live
from bot.turn_record import TurnCode
from tests.support.connector_double import COMPLETED, NOT_A_PREFIX, TOO_LONG, Fault, Posted, StandInConnector
from tests.support.fakes import MemoryStatus, PlainLinks, message
from tests.support.waiting import until

QUICK = LiveTiming(
    typing_interval_s=0.06,
    stream_after_s=0.08,
    text_after_s=0.02,
    message_after_s=0.05,
    update_interval_s=0.03,
    edit_interval_s=0.05,
    tick_s=0.08,
)
ANSWER = TextPart(text="y = 12")
APOLOGY = ApologyPart(text="The assistant is down.", code=TurnCode("T-7F3K"), question="plot x^2")
PICTURE = PicturePart(file=StoredFile(token="t", name="plot.png", size_bytes=5), alt_text="Line plot")


class NoLimits(Pace):
    """These tests live faster than Teams."""

    async def take(self, tenant: str, conversation: str) -> None:
        pass

    def has_room(self, tenant: str, conversation: str) -> bool:
        return True


@dataclass
class Place:
    """One conversation, and the channel to it."""

    teams: StandInConnector
    channel: TeamsChannel
    scope: Scope
    status: MemoryStatus = field(default_factory=MemoryStatus)

    @property
    def to(self) -> ConversationReference:
        return replace(message().reference, service_url=self.teams.service_url, scope=self.scope)

    def live(self) -> AbstractAsyncContextManager[Live]:
        return self.channel.live(self.to, self.status)

    @property
    def kinds(self) -> list[str]:
        """What was shown, in order: the kind of a stream's activity, else its type and how it came."""
        return [kind_of(posted) for posted in self.teams.posted]

    @property
    def standing(self) -> list[str]:
        """The words of each message that the chat shows in the end."""
        return [posted.words for posted in self.teams.chat(self.to.key.conversation)]

    async def until_shown(self, kind: str, *, times: int = 1) -> None:
        await until(lambda: self.kinds.count(kind) >= times)


def kind_of(posted: Posted) -> str:
    kind = str(posted.stream.get("streamType", posted.type or posted.method))
    return f"edited {kind}" if posted.method == "PUT" else kind


@pytest.fixture
async def teams() -> AsyncIterator[StandInConnector]:
    async with StandInConnector() as started:
        yield started


@pytest.fixture
async def place(teams: StandInConnector) -> AsyncIterator[Place]:
    async with connector_session(answer_s=2.0) as session:
        policy = RetryPolicy(attempts=2, first_pause_s=0.01)
        connector = Connector(session=session, policy=policy, pace=NoLimits())
        channel = TeamsChannel(connector=connector, links=PlainLinks(), timing=QUICK)
        yield Place(teams=teams, channel=channel, scope=Scope.PERSONAL)


def timed(place: Place, **changes: float) -> Place:
    connector = place.channel._connector
    channel = TeamsChannel(connector=connector, links=PlainLinks(), timing=replace(QUICK, **changes))  # type: ignore[arg-type]
    return replace(place, channel=channel)


@pytest.mark.parametrize("scope", Scope)
async def test_typing_is_shown_at_once_and_again_until_there_is_more_to_show(place: Place, scope: Scope) -> None:
    place = timed(replace(place, scope=scope), stream_after_s=60, message_after_s=60)
    async with place.live() as live:
        await live.begin()
        await place.until_shown("typing", times=3)
        await live.finish(ANSWER)
    assert set(place.kinds[:-1]) == {"typing"}
    assert place.kinds[-1] == "message"


async def test_nothing_is_shown_before_the_work_begins(place: Place) -> None:
    async with place.live() as live:
        await asyncio.sleep(0.1)
        await live.finish(ANSWER)
    assert place.kinds == ["message"]


async def test_what_is_shown_ends_with_the_block_even_when_the_block_fails(place: Place) -> None:
    async def failing_work() -> None:
        async with place.live() as live:
            await live.begin()
            await asyncio.sleep(0.015)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing_work()
    count = len(place.teams.posted)
    await asyncio.sleep(0.15)
    assert len(place.teams.posted) == count


async def test_a_typing_activity_on_its_way_is_waited_for_so_that_it_cannot_come_after_the_answer(place: Place) -> None:
    place.teams.typing_faults.append(Fault(status=202, after_s=0.1, done=True))
    async with place.live() as live:
        await live.begin()
        await until(lambda: bool(place.teams.requests))
        await live.finish(ANSWER)
        await asyncio.sleep(0.1)
    assert [posted.type for posted in place.teams.requests] == ["typing", "message"]
    assert place.kinds == ["typing", "message"]


async def test_a_run_that_ends_soon_shows_no_status_in_any_scope(place: Place) -> None:
    for scope in Scope:
        here = replace(place, scope=scope, status=MemoryStatus())
        async with here.live() as live:
            await live.begin()
            await live.status("Running code")
            await live.text("y =")
            await live.finish(ANSWER)
    assert place.standing == ["y = 12"] * 3
    assert set(place.kinds) <= {"typing", "message"}


async def test_a_stream_tells_what_is_done_then_the_words_then_the_answer(place: Place) -> None:
    async with place.live() as live:
        await live.begin()
        await live.status("Running code")
        await place.until_shown("informative")
        await live.text("y")
        await place.until_shown("streaming")
        await live.text("y = 12")
        await place.until_shown("streaming", times=2)
        sent = await live.finish(TextPart(text="y = 12."))
    streamed = [posted for posted in place.teams.posted if posted.stream]
    infos = [posted.stream for posted in streamed]
    assert [info.get("streamSequence") for info in infos] == [*range(1, len(infos)), None]
    assert infos[0].get("streamId") is None
    assert {info["streamId"] for info in infos[1:]} == {sent}
    assert streamed[0].text == "Running code, 0 s"
    assert [posted.text for posted in streamed if kind_of(posted) == "streaming"] == ["y", "y = 12"]
    assert streamed[-1].activity["channelData"]["streamType"] == "final"
    assert place.standing == ["y = 12."]
    assert place.status.id == sent


async def test_the_seconds_count_on_while_nothing_else_happens(place: Place) -> None:
    async with place.live() as live:
        await live.begin()
        await live.status("Running code")
        await place.until_shown("informative", times=3)
        await live.finish(ANSWER)
    assert place.standing == ["y = 12"]


async def test_words_that_come_soon_begin_the_stream_without_a_status(place: Place) -> None:
    place = timed(place, stream_after_s=60)
    async with place.live() as live:
        await live.begin()
        await live.text("The answer is")
        await place.until_shown("streaming")
        await live.finish(ANSWER)
    assert "informative" not in place.kinds
    assert place.standing == ["y = 12"]


async def test_no_more_is_streamed_than_one_update_in_its_interval(place: Place) -> None:
    place = timed(place, update_interval_s=0.2)
    async with place.live() as live:
        await live.begin()
        begun_s = time.monotonic()
        while place.kinds.count("streaming") < 4:
            await live.text("word " * int(1000 * (time.monotonic() - begun_s)))
            await asyncio.sleep(0.005)
        assert time.monotonic() - begun_s >= 3 * 0.2
        await live.finish(ANSWER)


async def test_an_update_always_begins_with_the_words_before_it(place: Place) -> None:
    text = "# Result\n\nWe get **twelve**, see `y = x^2`.\n\n| x | y |\n|--:|--:|\n| 1 | 4 |\n| 3 | 12 |\n\n"
    text += "```python\nprint(12)\nprint(13)\n```\n\n- one *two*\n- three [link](https://example.com)\n\nDone, $x_1$."
    async with place.live() as live:
        await live.begin()
        for end in range(0, len(text) + 1, 3):
            await live.text(text[:end])
            await asyncio.sleep(0.012)
        await live.finish(TextPart(text=teams_markdown(text)[0]))
    streamed = [posted.text for posted in place.teams.posted if kind_of(posted) == "streaming"]
    assert len(streamed) >= 8
    assert "print(13)" in streamed[-1]
    assert place.standing == [teams_markdown(text)[0]]
    assert "edited message" not in place.kinds  # the stream was taken as it was


@pytest.mark.parametrize(
    "refusal",
    [
        Fault.named(403, "ContentStreamNotAllowed", TOO_LONG),
        Fault.named(403, "ContentStreamNotAllowed", NOT_A_PREFIX),
        Fault.named(403, "ContentStreamNotAllowed", COMPLETED),
        Fault.named(403, "ContentStreamNotAllowed", "Message size too large"),
        Fault.named(403, "ContentStreamNotAllowed", "Content stream is not allowed"),
        Fault.named(400, "BadRequest", "anything"),
        Fault(status=404),
    ],
)
@pytest.mark.parametrize("at_the_end", [False, True])
async def test_a_stream_that_is_refused_ends_in_one_answer_in_its_place(
    place: Place, refusal: Fault, at_the_end: bool
) -> None:
    async with place.live() as live:
        await live.begin()
        await live.status("Running code")
        await place.until_shown("informative")
        if at_the_end:
            place.teams.faults.append(refusal)
        else:
            place.teams.typing_faults.append(refusal)
            await live.text("y =")
            await until(lambda: not place.teams.typing_faults)
        assert await live.finish(ANSWER) == place.status.id
    assert place.kinds[-1] == "edited message"
    assert place.standing == ["y = 12"]
    assert place.status.stops == 0


@pytest.mark.parametrize(
    "refusal",
    [Fault.named(403, "ContentStreamNotAllowed", "Content stream is not allowed"), Fault.named(405, "BadArgument")],
)
async def test_where_no_stream_may_begin_typing_is_shown_and_the_answer_is_a_message(
    place: Place, refusal: Fault
) -> None:
    place.teams.streaming_fault = refusal
    async with place.live() as live:
        await live.begin()
        await live.text("y =")
        await place.until_shown("typing", times=4)
        await live.finish(ANSWER)
    assert sum(bool(posted.stream) for posted in place.teams.requests) == 1
    assert place.standing == ["y = 12"]


async def test_the_stop_button_stops_the_turn_and_leaves_the_words_that_were_shown(place: Place) -> None:
    async with place.live() as live:
        await live.begin()
        await live.text("y =")
        await place.until_shown("streaming")
        place.teams.press_stop(place.to.key.conversation)
        await live.text("y = 1")
        await until(lambda: place.status.stops == 1)
        await live.finish(TextPart(text="Stopped."))
    assert place.standing == ["y =", "Stopped."]


async def test_a_stop_that_comes_after_the_end_changes_nothing(place: Place) -> None:
    async with place.live() as live:
        await live.begin()
        await live.text("y =")
        await place.until_shown("streaming")
        await live.finish(ANSWER)
        place.teams.press_stop(place.to.key.conversation)
    assert (place.standing, place.status.stops) == (["y = 12"], 0)


async def test_a_stop_before_the_last_words_leaves_no_second_answer(place: Place) -> None:
    async with place.live() as live:
        await live.begin()
        await live.text("y =")
        await place.until_shown("streaming")
        place.teams.press_stop(place.to.key.conversation)
        assert await live.finish(ANSWER) is None
    assert (place.standing, place.status.stops) == (["y ="], 1)


async def test_an_update_that_is_lost_late_or_out_of_order_does_not_disturb_the_answer(place: Place) -> None:
    async with place.live() as live:
        await live.begin()
        await live.status("Running code")
        await place.until_shown("informative")
        for number, fault in enumerate(
            [
                Fault(status=502),
                Fault(status=429, headers={"Retry-After": "1"}),
                Fault.named(202, "ContentStreamSequenceOrderPreConditionFailed"),
                Fault(hang_up=True),
                Fault(status=202, after_s=0.1),
            ]
        ):
            place.teams.typing_faults.append(fault)
            await live.text("word " * (number + 1))
            await until(lambda: not place.teams.typing_faults)
        await live.finish(ANSWER)
    assert place.standing == ["y = 12"]


async def test_an_answer_does_not_wait_for_an_update_that_is_never_taken(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("adapters.teams.live._STOP_DEADLINE_S", 0.2)  # shorter than the wait for an answer
    caplog.set_level(logging.INFO)
    async with place.live() as live:
        await live.begin()
        await live.status("Running code")
        await place.until_shown("informative")
        place.teams.typing_faults.append(Fault(status=202, after_s=60))
        await live.text("y =")
        await until(lambda: not place.teams.typing_faults)
        await live.finish(ANSWER)
    assert "what is shown of the work was slow to end" in caplog.messages
    assert place.standing == ["y = 12"]


async def test_the_start_of_a_stream_is_not_repeated_when_no_answer_comes(place: Place) -> None:
    place.teams.weather_of = lambda posted: Fault(hang_up=True) if posted.stream else None
    async with place.live() as live:
        await live.begin()
        await until(lambda: any(posted.stream for posted in place.teams.requests))
        await place.until_shown("typing", times=place.kinds.count("typing") + 5)
        await live.finish(ANSWER)
    assert sum(bool(posted.stream) for posted in place.teams.requests) == 1
    assert place.standing == ["y = 12"]


async def test_an_end_whose_outcome_is_unknown_is_told_once(place: Place) -> None:
    async with place.live() as live:
        await live.begin()
        await live.text("y =")
        await place.until_shown("streaming")
        place.teams.faults.append(Fault(status=504, done=True))
        assert await live.finish(ANSWER) == place.status.id
    assert place.standing == ["y = 12"]


async def test_an_end_that_is_not_taken_can_be_repeated_later(place: Place) -> None:
    async with place.live() as live:
        await live.begin()
        await live.text("y =")
        await place.until_shown("streaming")
        place.teams.faults.extend([Fault(status=503)] * 2)
        with pytest.raises(DeliveryError):
            await live.finish(ANSWER)
        await live.finish(ANSWER)
    assert place.standing == ["y = 12"]


async def test_before_two_minutes_are_over_a_stream_becomes_a_message_that_is_edited(place: Place) -> None:
    place = timed(place, max_stream_s=0.2)
    async with place.live() as live:
        await live.begin()
        await live.text("y =")
        await place.until_shown("final")
        await live.text("y = 1")
        await place.until_shown("edited message")
        assert place.standing == ["y = 1"]
        await live.finish(ANSWER)
    assert place.standing == ["y = 12"]


@pytest.mark.parametrize("part", [APOLOGY, PICTURE])
async def test_a_card_ends_a_stream_too(place: Place, part: Part) -> None:
    async with place.live() as live:
        await live.begin()
        await live.text("y =")
        await place.until_shown("streaming")
        await live.finish(part)
    [last] = place.teams.chat(place.to.key.conversation)
    assert last.cards
    assert "text" not in last.activity


async def test_a_channel_shows_one_quiet_message_that_becomes_the_answer(place: Place) -> None:
    place = replace(place, scope=Scope.CHANNEL)
    async with place.live() as live:
        await live.begin()
        await live.status("Thinking")
        await place.until_shown("message")
        assert place.standing == ["Working on it: thinking"]
        await live.text("y")
        await asyncio.sleep(2 * QUICK.edit_interval_s)
        assert "edited message" not in place.kinds  # words do not show here yet, and clients mark what is edited
        await live.status("Running code")
        await place.until_shown("edited message")
        assert place.standing == ["Working on it: running code"]
        await live.text("y =")
        await live.finish(ANSWER)
    assert place.standing == ["y = 12"]
    assert not any(posted.stream for posted in place.teams.requests)


async def test_a_group_is_shown_typing_and_nothing_else(place: Place) -> None:
    place = replace(place, scope=Scope.GROUP)
    async with place.live() as live:
        await live.begin()
        await live.status("Running code")
        await live.text("y =")
        await place.until_shown("typing", times=5)
        await live.finish(ANSWER)
    assert set(place.kinds) == {"typing", "message"}


async def test_an_answer_whose_status_is_gone_is_sent_beside_it(place: Place) -> None:
    place = replace(place, scope=Scope.CHANNEL)
    async with place.live() as live:
        await live.begin()
        await place.until_shown("message")
        place.teams.faults.append(Fault(status=404))
        await live.finish(ANSWER)
    assert place.standing == ["y = 12"]


@pytest.mark.parametrize("scope", [Scope.PERSONAL, Scope.CHANNEL])
async def test_what_an_earlier_process_left_becomes_the_answer(place: Place, scope: Scope) -> None:
    place = replace(place, scope=scope)
    async with place.live() as live:
        await live.begin()
        await live.status("Running code")
        await until(lambda: place.status.id is not None)
    left = place.status.id
    place.status = MemoryStatus(left)
    async with place.live() as live:
        await live.begin()
        await live.text("y =")
        await asyncio.sleep(0.2)
        assert await live.finish(ANSWER) == left
    assert place.standing == ["y = 12"]


async def test_where_an_earlier_process_may_have_posted_a_status_there_is_no_second_one(place: Place) -> None:
    place = replace(place, scope=Scope.CHANNEL, status=MemoryStatus(may_be_posted=False))
    async with place.live() as live:
        await live.begin()
        await place.until_shown("typing", times=3)
        await live.finish(ANSWER)
    assert set(place.kinds[:-1]) == {"typing"}


async def test_what_is_shown_can_be_taken_back(place: Place) -> None:
    place = replace(place, scope=Scope.CHANNEL)
    async with place.live() as live:
        await live.begin()
        await place.until_shown("message")
        await live.clear()
    assert place.standing == []


async def test_streams_can_be_switched_off_and_no_other_channel_has_them(place: Place) -> None:
    off = TeamsChannel(connector=place.channel._connector, links=PlainLinks(), timing=QUICK, streaming=False)
    emulator = replace(place.to, key=replace(place.to.key, channel="emulator"))
    for channel, to in [(off, place.to), (place.channel, emulator)]:
        async with channel.live(to, MemoryStatus()) as live:
            await live.begin()
            await live.text("y =")
            await asyncio.sleep(0.2)
            await live.finish(ANSWER)
    assert not any(posted.stream for posted in place.teams.requests)
    assert place.standing == ["y = 12"] * 2
