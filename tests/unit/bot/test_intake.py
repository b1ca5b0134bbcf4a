from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from bot.codec import message_from_json
from bot.conversation import EDIT_MARK, ActivityId, ConversationKey, Question, Scope, TurnState
from bot.engine import MAX_WAITING, Engine
from bot.errors import DeliveryError
from bot.feedback import Feedback, Reaction
from bot.intake import Intake
from bot.parts import TextPart
from bot.timeline import Timeline
from bot.turn import Turn
from bot.turn_record import ANSWERED, Outcome
from tests.support.fakes import FakeChannel, MemoryLedger, message
from tests.support.memory_stores import MemoryFeedback, NoTurns
from tests.support.waiting import settled


async def nothing(turn: Turn, error: Exception) -> Outcome:
    raise AssertionError("no turn of these tests is given up")


def busy_engine(ledger: MemoryLedger) -> Engine:
    async def never(turn: Turn) -> Outcome:
        await asyncio.Event().wait()
        return ANSWERED

    return Engine(ledger=ledger, handler=never, give_up=nothing)


async def accepted(*messages: str, scope: Scope = Scope.PERSONAL, channel: FakeChannel | None = None) -> list[str]:
    """What is said to a person whose messages come while the first is still being worked on."""
    channel = channel or FakeChannel()
    engine = busy_engine(MemoryLedger())
    await engine.start()
    intake = Intake(engine=engine, channel=channel, turns=NoTurns(), feedback=MemoryFeedback(), notice_after_s=0.0)
    for number, text in enumerate(messages):
        incoming = message(text, id=f"m{number}")
        await intake.accept(replace(incoming, reference=replace(incoming.reference, scope=scope)))
    await settled()
    await intake.stop()
    await engine.stop()
    return [part.text for part in channel.said if isinstance(part, TextPart)]


async def test_a_message_that_waits_in_a_one_to_one_chat_is_told_its_place() -> None:
    assert await accepted("one", "two", "three") == [
        "I will come to this after one other message.",
        "I will come to this after 2 other messages.",
    ]


async def test_nobody_is_told_a_place_where_others_read_along_or_for_a_stop() -> None:
    assert await accepted("one", "two", scope=Scope.CHANNEL) == []
    assert await accepted("one", "/stop") == []


async def test_a_flood_of_messages_is_not_answered_with_a_flood_of_notices() -> None:
    assert len(await accepted(*(str(number) for number in range(100)))) == 10


async def test_a_notice_that_is_not_delivered_harms_nothing() -> None:
    channel = FakeChannel()
    channel.failures = [DeliveryError("429", retryable=True)]
    assert await accepted("one", "two", "three", channel=channel) == ["I will come to this after 2 other messages."]


async def test_a_message_that_is_worked_on_soon_gets_no_notice() -> None:
    channel, done = FakeChannel(), asyncio.Event()

    async def quick(turn: Turn) -> Outcome:
        await done.wait()
        return ANSWERED

    engine = Engine(ledger=MemoryLedger(), handler=quick, give_up=nothing)
    await engine.start()
    intake = Intake(engine=engine, channel=channel, turns=NoTurns(), feedback=MemoryFeedback(), notice_after_s=0.05)
    await intake.accept(message("one"))
    await intake.accept(message("two", id="m2"))
    done.set()
    await asyncio.sleep(0.1)
    await intake.stop()
    assert channel.said == []


async def test_what_comes_while_too_many_wait_is_not_kept_and_will_be_told_so_but_for_commands() -> None:
    ledger = MemoryLedger()
    engine = busy_engine(ledger)
    await engine.start()
    intake = Intake(engine=engine, channel=FakeChannel(), turns=NoTurns(), feedback=MemoryFeedback(), notice_after_s=60)
    texts = [*(f"question {number}" for number in range(MAX_WAITING + 3)), "/new"]
    for number, text in enumerate(texts):
        assert await intake.accept(message(text, id=f"m{number}"))
    assert await intake.accept(message("elsewhere", conversation="c2"))
    kept = [message_from_json(entry.payload) for entry in ledger.entries.values()]
    await intake.stop()
    await engine.stop()
    read = [each.text for each, state in kept if state is TurnState.WAITING]
    rejected = [each.text for each, state in kept if state is TurnState.REJECTED]
    assert read == [*texts[: MAX_WAITING + 1], "/new", "elsewhere"]
    assert rejected == [""]
    assert list(ledger.outcomes.values()) == ["rejected"]  # the second one is told with the first


async def test_what_was_said_to_others_waits_for_a_question_and_not_for_a_mistyped_command() -> None:
    ledger = MemoryLedger()
    engine = busy_engine(ledger)
    await engine.start()
    intake = Intake(
        engine=engine,
        channel=FakeChannel(),
        turns=NoTurns(),
        feedback=MemoryFeedback(),
        notice_after_s=0.0,
        max_context=5,
    )
    said = [message(text, id=f"m{number}") for number, text in enumerate(["it is 42", "/hlep", " ", "so?"])]
    shared = [replace(each, reference=replace(each.reference, scope=Scope.GROUP)) for each in said]
    intake.overhear(shared[0])
    for each in shared[1:]:
        await intake.accept(each)
    await intake.stop()
    await engine.stop()
    stored = [message_from_json(entry.payload) for entry in ledger.entries.values()]
    assert [len(each.context) for each, _ in stored if isinstance(each, Question)] == [0, 0, 1]


async def test_a_message_is_not_its_own_context_and_one_that_is_known_takes_none() -> None:
    ledger = MemoryLedger()
    engine = busy_engine(ledger)
    await engine.start()
    intake = Intake(
        engine=engine,
        channel=FakeChannel(),
        turns=NoTurns(),
        feedback=MemoryFeedback(),
        notice_after_s=0.0,
        max_context=5,
    )
    said = [message(text, id=f"m{number}") for number, text in enumerate(["it is 42", "hello", "so?", "and?"])]
    other, hello, so, and_ = [replace(each, reference=replace(each.reference, scope=Scope.GROUP)) for each in said]
    assert await intake.accept(so)
    intake.overhear(other)
    intake.overhear(hello)
    assert not await intake.accept(so)  # an edit of it, which is known
    assert await intake.accept(hello)  # an edit put the mention in
    assert await intake.accept(and_)
    await intake.stop()
    await engine.stop()
    stored = [message_from_json(entry.payload)[0] for entry in ledger.entries.values()]
    contexts = [[said.text for said in each.context] for each in stored if isinstance(each, Question)]
    assert contexts == [[], ["it is 42"], []]


class Ratings(MemoryFeedback):
    """Knows which messages the bot sent."""

    def __init__(self) -> None:
        super().__init__()
        self.of_the_bot: set[str] = {"a1"}

    async def keep(self, feedback: Feedback) -> bool:
        return feedback.rated in self.of_the_bot and await super().keep(feedback)


@dataclass
class Desk:
    """An intake whose first message, m1, is being worked on; `lines` are what the ledger tells of its turns."""

    lines: list[Timeline]
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    ratings: Ratings = field(default_factory=Ratings)
    intake: Intake = field(init=False)

    async def of(self, key: ConversationKey, limit: int) -> list[Timeline]:
        return self.lines[-limit:]

    def stored(self) -> list[str]:
        return [message_from_json(entry.payload)[0].text for entry in self.ledger.entries.values()]

    def stopped(self) -> list[int]:
        return [number for number, entry in self.ledger.entries.items() if "signal/0/stop" in entry.steps]


@asynccontextmanager
async def opened(*lines: Timeline) -> AsyncIterator[Desk]:
    desk = Desk(list(lines))
    engine = busy_engine(desk.ledger)
    await engine.start()
    desk.intake = Intake(engine=engine, channel=FakeChannel(), turns=desk, feedback=desk.ratings, notice_after_s=0.0)
    await desk.intake.accept(message("one"))
    await settled()
    yield desk
    await desk.intake.stop()
    await engine.stop()


def line(message_id: str, *, number: int = 1, ended_at_s: float | None = None) -> Timeline:
    return Timeline(
        number=number, message_id=message_id, conversation_hash="h", accepted_at_s=0.0, ended_at_s=ended_at_s
    )


def edit(text: str, *, time: int = 1) -> Question:
    """What m1 says since it was edited."""
    edited = message(text, id=f"m1{EDIT_MARK}{time}")
    assert isinstance(edited, Question)
    return replace(edited, reference=replace(edited.reference, reply_to=ActivityId("m1")))


async def test_the_latest_question_is_asked_again_as_it_was_edited_and_its_turn_is_stopped() -> None:
    async with opened(line("m1")) as desk:
        assert await desk.intake.ask_again(edit("two"))
        assert (desk.stored(), desk.stopped()) == (["one", "two"], [1])


async def test_a_second_edit_takes_the_place_of_the_first_one_that_waits() -> None:
    async with opened(line("m1")) as desk:
        await desk.intake.ask_again(edit("two"))
        desk.lines.append(line(f"m1{EDIT_MARK}1", number=2))
        assert await desk.intake.ask_again(edit("three", time=2))
        assert (desk.stored(), desk.stopped()) == (["one", "three"], [1])


async def test_an_edit_of_what_is_not_the_latest_question_asks_nothing() -> None:
    for lines in ([line("m1"), line("m2", number=2)], []):
        async with opened(*lines) as desk:
            assert not await desk.intake.ask_again(edit("two"))
            assert desk.stored() == ["one"]


async def test_a_deleted_message_that_waits_is_taken_back_and_one_that_is_answered_is_stopped() -> None:
    async with opened(line("m1")) as desk:
        waits = message("two", id="m2")
        await desk.intake.accept(waits)
        assert await desk.intake.delete(waits.id, waits.reference)
        assert (desk.stored(), desk.stopped()) == (["one", ""], [])
        assert await desk.intake.delete(ActivityId("m1"), waits.reference)
        assert desk.stopped() == [1]


async def test_a_deleted_message_whose_edit_waits_has_its_edit_taken_back() -> None:
    async with opened(line("m1", ended_at_s=1.0), line(f"m1{EDIT_MARK}1", number=2)) as desk:
        await desk.intake.accept(edit("two"))
        assert await desk.intake.delete(ActivityId("m1"), message().reference)
        assert (desk.stored(), desk.stopped()) == (["one", ""], [])


async def test_deleting_what_has_ended_or_is_not_known_stops_nothing() -> None:
    async with opened(line("m0", ended_at_s=1.0)) as desk:
        for gone in ("m0", "m9"):
            assert not await desk.intake.delete(ActivityId(gone), message().reference)
        assert desk.stopped() == []


async def test_an_edited_message_that_waits_is_asked_as_it_was_edited_and_one_that_is_answered_is_not() -> None:
    async with opened() as desk:
        await desk.intake.accept(message("two", id="m2"))
        assert await desk.intake.replace(message("three", id="m2"))
        assert not await desk.intake.replace(message("other", id="m1"))
        assert desk.stored() == ["one", "three"]


async def test_feedback_is_kept_for_answers_of_the_bot_alone() -> None:
    opinion = Feedback(reference=message().reference, rated=ActivityId("a1"), reaction=Reaction.LIKE)
    async with opened() as desk:
        assert await desk.intake.rate(opinion)
        assert not await desk.intake.rate(replace(opinion, rated=ActivityId("a2")))
        assert desk.ratings.kept == [opinion]
