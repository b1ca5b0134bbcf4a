"""Files of one message are fetched side by side, given to the service in their order, and each loss is told."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.attachments import Attachment
from bot.conversation import ConversationReference
from bot.errors import AttachmentError, StorageError
from bot.given_files import bring_files
from tests.support.fakes import FakeIncoming
from tests.support.turn_fixtures import World
from tests.support.waiting import until

TEN = [Attachment(name=f"{number}.csv", url=f"/{number}") for number in range(10)]


@dataclass
class SlowIncoming(FakeIncoming):
    """Gives every file but the broken one, which hangs until two others are on this disk and then is lost."""

    broken: str = ""
    fault: Exception = field(default_factory=lambda: AttachmentError("hangs", apology="I could not fetch 0.csv."))
    there: set[str] = field(default_factory=set)  # files on this disk now
    most: int = 0  # files on their way or on this disk, at the same time
    asked: list[str] = field(default_factory=list)
    _open: int = 0

    @asynccontextmanager
    async def opened(self, attachment: Attachment, reference: ConversationReference) -> AsyncIterator[Path]:
        self.asked.append(attachment.url)
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            if attachment.url == self.broken:
                await until(lambda: len(self.there) == 2)
                raise self.fault
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "file"
                path.write_bytes(b"a,b\n1,2\n")
                self.there.add(attachment.url)
                yield path
        finally:
            self.there.discard(attachment.url)
            self._open -= 1


async def test_of_ten_files_one_that_hangs_and_is_lost_holds_up_none_and_the_order_is_kept() -> None:
    incoming, world = SlowIncoming(broken="/0"), World()
    given = await bring_files(world.turn("sum", *TEN), incoming, world.assistant)
    assert [file.name for file in given.uploaded] == [f"{number}.csv" for number in range(1, 10)]
    assert given.refusals == ("I could not fetch 0.csv.",)
    assert incoming.most == 3
    assert incoming.there == set()


async def test_files_of_one_name_are_numbered_in_the_order_of_the_message() -> None:
    incoming, world = SlowIncoming(broken="/0"), World()
    twins = [TEN[0], *(Attachment(name="a.csv", url=f"/{number}") for number in range(1, 4))]
    given = await bring_files(world.turn("sum", *twins), incoming, world.assistant)
    assert [file.name for file in given.uploaded] == ["a.csv", "a (2).csv", "a (3).csv"]


async def test_after_a_crash_only_what_was_not_given_yet_is_fetched() -> None:
    incoming, world = SlowIncoming(), World()
    known = {"ref": "file_9", "name": "1.csv", "is_picture": False}
    world.steps = {"file/1": json.dumps(known)}
    given = await bring_files(world.turn("sum", *TEN[:3], attempts=1), incoming, world.assistant)
    assert [file.name for file in given.uploaded] == ["0.csv", "1.csv", "2.csv"]
    assert incoming.asked == ["/0", "/2"]


async def test_a_disk_that_fails_or_a_stop_ends_what_is_on_its_way() -> None:
    incoming, world = SlowIncoming(broken="/0", fault=StorageError("full")), World()
    with pytest.raises(StorageError):
        await bring_files(world.turn("sum", *TEN), incoming, world.assistant)
    assert (incoming.there, len(incoming.asked)) == (set(), 3)

    incoming = SlowIncoming(broken="/2")
    asking = asyncio.create_task(bring_files(world.turn("sum", *TEN[2:3]), incoming, world.assistant))
    await until(lambda: incoming.asked == ["/2"])
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert incoming.there == set()
