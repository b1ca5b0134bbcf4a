from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.codec import message_from_json
from bot.conversation import Question, Scope, TurnState
from bot.engine import MAX_WAITING, Engine
from bot.errors import DeliveryError
from bot.intake import Intake
from bot.parts import TextPart
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
    intake = Intake(engine=engine, channel=channel, turns=NoTurns(), feedback=MemoryFeedback(), patience_s=0.0)
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
    intake = Intake(engine=engine, channel=channel, turns=NoTurns(), feedback=MemoryFeedback(), patience_s=0.05)
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
    intake = Intake(engine=engine, channel=FakeChannel(), turns=NoTurns(), feedback=MemoryFeedback(), patience_s=60)
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
        engine=engine, channel=FakeChannel(), turns=NoTurns(), feedback=MemoryFeedback(), patience_s=0.0, max_context=5
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
