"""One turn between stand-ins of everything it touches; what a disk would hold of it outlives a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from bot.attachments import ENDINGS, Attachment
from bot.codec import message_to_json
from bot.conversation import Party, TurnState
from bot.dependencies import Dependencies
from bot.forgetting import RecordedFiles
from bot.limits import NO_LIMITS, Limits
from bot.parts import ApologyPart, Part, TextPart
from bot.ports import LedgerEntry
from bot.reply import ReplyWriter
from bot.turn import STOP, Signals, Turn
from bot.turn_story import run_turn
from tests.support.fakes import (
    FakeAssistant,
    FakeChannel,
    FakeFunctions,
    FakeIncoming,
    FakePictures,
    MemoryConversations,
    MemoryFiles,
    message,
)
from tests.support.memory_stores import MemoryBelongings, MemoryUsage


@dataclass
class World:
    assistant: FakeAssistant = field(default_factory=FakeAssistant)
    channel: FakeChannel = field(default_factory=FakeChannel)
    conversations: MemoryConversations = field(default_factory=MemoryConversations)
    usage: MemoryUsage = field(default_factory=MemoryUsage)
    limits: Limits = NO_LIMITS
    endings: Collection[str] | None = ENDINGS  # of the files that are taken; None for any
    refuses_code: bool = False  # whether the assistant's service keeps to the limit of code
    now_s: float = 1_800_000_000.0  # 2027-01-15 08:00 UTC
    belongings: MemoryBelongings = field(default_factory=MemoryBelongings)
    incoming: FakeIncoming = field(default_factory=FakeIncoming)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    pictures: FakePictures = field(default_factory=FakePictures)
    functions: FakeFunctions = field(default_factory=FakeFunctions)
    steps: dict[str, str] = field(default_factory=dict)  # what a disk would hold of the turn
    signals: Signals = field(default_factory=Signals)
    signalled: list[tuple[int, str, str]] = field(default_factory=list)  # turn, name and value of each
    number: int = 1  # of the turn
    asker: Party | None = None  # who asks, if it is not Ada
    names_at_service: dict[str, str] = field(default_factory=dict)  # of assistants made on the chat page, by id
    die_at: str = ""  # the step whose result never reaches the disk

    @property
    def deps(self) -> Dependencies:
        return Dependencies(
            assistant=self.assistant,
            channel=self.channel,
            conversations=self.conversations,
            belongings=self.belongings,
            usage=self.usage,
            limits=self.limits,
            endings=self.endings,
            refuses_code=self.refuses_code,
            now_s=lambda: self.now_s,
            files=self.incoming,
            writer=ReplyWriter(
                assistant=self.assistant, files=RecordedFiles(self.files, self.belongings), pictures=self.pictures
            ),
            functions=self.functions,
            started_with=lambda _: next(iter(self.names_at_service), None),
            name_at_service=self._name_at_service,
            send_pauses_s=(0, 0, 0),
        )

    async def _name_at_service(self, assistant_id: str) -> str:
        return self.names_at_service[assistant_id]

    def turn(
        self, text: str = "hello", *attachments: Attachment, attempts: int = 0, state: TurnState = TurnState.WAITING
    ) -> Turn:
        """The turn in its next attempt, after so many that died."""
        asked = replace(message(text), attachments=attachments)
        if self.asker is not None:
            asked = replace(asked, reference=replace(asked.reference, user=self.asker))
        entry = LedgerEntry(
            number=self.number,
            conversation="c",
            id="m1",
            payload=message_to_json(asked),
            steps=dict(self.steps),
            attempts=attempts,
        )
        self.signals = Signals()
        return Turn(
            entry,
            asked,
            state,
            signals=self.signals,
            save=self._save,
            signal=self._signal,
            may_go_on=lambda: asyncio.sleep(0),
        )

    def stop(self) -> None:
        """The person says /stop to the turn that was made last."""
        self.signals.send(STOP)

    async def answer(self, text: str = "hello", *attachments: Attachment, attempts: int = 0) -> list[Part]:
        await run_turn(self.turn(text, *attachments, attempts=attempts), self.deps)
        return self.channel.said

    async def _signal(self, number: int, name: str, value: str) -> None:
        self.signalled.append((number, name, value))

    async def _save(self, number: int, step: str, result: str) -> None:
        if step == self.die_at:
            raise SystemError("the process dies here")
        self.steps[step] = result


def texts(parts: Sequence[Part]) -> str:
    return "\n".join(part.text for part in parts if isinstance(part, TextPart | ApologyPart))
