"""Somebody floods one conversation while others chat: on a real disk, with stand-ins for the rest."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

from bot.conversation import ActivityId, ConversationReference, ThreadId
from bot.dependencies import Dependencies
from bot.engine import Engine
from bot.intake import Intake
from bot.parts import Part, TextPart
from bot.reply import ReplyWriter
from bot.run import RunEvent, RunId
from bot.sentences import NOT_READ
from bot.turn_story import give_up, run_turn
from storage.ledger_sqlite import SqliteLedger
from storage.sqlite import SqliteFile
from tests.support.fakes import (
    FakeAssistant,
    FakeChannel,
    FakeIncoming,
    FakePictures,
    MemoryConversations,
    MemoryFiles,
    message,
)
from tests.support.memory_stores import MemoryBelongings, MemoryFeedback, MemoryUsage, NoTurns
from tests.support.waiting import until

FLOOD = 10_000
WORDS = "x" * 20_000  # 200 MB in all
OTHERS = 20
QUESTIONS = 5
RUN_S = 0.02


class SlowAssistant(FakeAssistant):
    async def follow(self, thread: ThreadId, run: RunId) -> AsyncGenerator[RunEvent, None]:
        await asyncio.sleep(RUN_S)
        async for event in super().follow(thread, run):
            yield event


class CountingChannel(FakeChannel):
    """Tells conversations apart, and keeps the start of what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.said_in: dict[str, Counter[str]] = {}

    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        if isinstance(part, TextPart):
            self.said_in.setdefault(to.key.conversation, Counter())[part.text[:200]] += 1
        return ActivityId("a")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


async def test_a_flood_in_one_conversation_delays_no_other_and_fills_no_memory(tmp_path: Path) -> None:
    assistant, channel = SlowAssistant(), CountingChannel()
    writer = ReplyWriter(assistant=assistant, files=MemoryFiles(), pictures=FakePictures())
    deps = Dependencies(
        assistant=assistant,
        channel=channel,
        conversations=MemoryConversations(),
        belongings=MemoryBelongings(),
        usage=MemoryUsage(),
        files=FakeIncoming(),
        writer=writer,
    )
    handler, apologise = partial(run_turn, deps=deps), partial(give_up, deps=deps)
    engine = Engine(ledger=SqliteLedger(SqliteFile(tmp_path / "l.sqlite")), handler=handler, give_up=apologise)
    await engine.start()
    intake = Intake(engine=engine, channel=channel, turns=NoTurns(), feedback=MemoryFeedback(), notice_after_s=60)
    waits_s: list[float] = []
    flood_s = 0.0

    async def flood() -> None:
        nonlocal flood_s
        began_s = time.monotonic()
        for start in range(0, FLOOD, 100):
            batch = (message(WORDS, id=f"m{n}", conversation="flood") for n in range(start, start + 100))
            await asyncio.gather(*(intake.accept(each) for each in batch))
        flood_s = time.monotonic() - began_s

    async def chat(name: str) -> None:
        for n in range(QUESTIONS):
            asked_s = time.monotonic()
            await intake.accept(message(f"{n}", id=f"m{n}", conversation=name))
            await until(lambda n=n: channel.said_in.get(name, Counter()).total() > n)  # type: ignore[misc]
            waits_s.append(time.monotonic() - asked_s)

    before_bytes = resident_bytes()
    await asyncio.gather(flood(), *(chat(f"c{n}") for n in range(OTHERS)))
    grown_bytes = resident_bytes() - before_bytes
    await until(lambda: engine.waiting(message("", conversation="flood").key) == 0, deadline_s=60)
    await intake.accept(message("calm again", id="calm", conversation="flood"))
    await until(lambda: channel.said_in["flood"]["You said: calm again"] == 1)
    await intake.stop()
    await engine.stop()

    assert 1 <= channel.said_in["flood"][NOT_READ] < FLOOD / 50  # told, and not a flood of its own
    assert all(set(channel.said_in[f"c{n}"].values()) == {1} for n in range(OTHERS))
    # Who were served after the flood would wait for all of it, however fast the machine is.
    assert max(waits_s) < flood_s, (flood_s, sorted(waits_s)[-5:])
    assert grown_bytes < 100_000_000
