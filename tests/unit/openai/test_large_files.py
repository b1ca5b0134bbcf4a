"""A file of an answer goes to the file store piece by piece, however large it is."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.openai.client import Client, Endpoint
from bot.parts import FilesPart
from bot.ports import Assistant
from bot.reply import ReplyWriter
from bot.run import Answer, AnswerFile, FileRef
from storage.file_tokens import FileTokens
from storage.files_folder import FolderFiles
from tests.support.fake_assistants import FakeAssistants
from tests.support.fakes import FakePictures, message
from tests.support.hosted_talk import MemoryStates, calling, hosted_backend
from tests.support.impatient_client import impatient
from tests.support.openai_stand_in import KEY
from tests.support.responses_service import ResponsesService
from tests.support.responses_state import Container

LARGE = bytes(60_000_000)


@asynccontextmanager
async def at_responses() -> AsyncIterator[tuple[Assistant, FileRef]]:
    async with ResponsesService() as service, calling(service) as client:
        container = service.state.containers["cntr_1"] = Container(id="cntr_1")
        file = service.state.save(container, "large.bin", LARGE)
        yield hosted_backend(service, client, MemoryStates()), FileRef(f"cntr_1/{file}")


@asynccontextmanager
async def at_assistants() -> AsyncIterator[tuple[Assistant, FileRef]]:
    async with FakeAssistants() as service:
        service.state.files["file-1"] = LARGE
        client = Client(endpoint=Endpoint(base_url=service.base_url, api_key=KEY))
        yield impatient(client), FileRef("file-1")
        await client.close()


@pytest.mark.parametrize("service", [at_responses, at_assistants])
@pytest.mark.parametrize("name", ["large.bin", "picture.png"])
async def test_a_file_of_60_mb_is_never_in_memory_as_a_whole(service, name: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    files = FolderFiles(tmp_path / "files", tokens=FileTokens(b"k" * 32))
    async with service() as (assistant, ref):
        writer = ReplyWriter(assistant=assistant, files=files, pictures=FakePictures())
        answer = Answer(text="Here.", files=(AnswerFile(file=ref, name=name),))
        tracemalloc.start()
        try:
            parts = await writer.write(answer, message().key)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    [file] = [file for part in parts if isinstance(part, FilesPart) for file in part.files]
    assert file.size_bytes == len(LARGE)
    with (tmp_path / "files" / file.token / "content").open("rb") as kept:
        assert hashlib.file_digest(kept, "sha256").digest() == hashlib.sha256(LARGE).digest()
    assert peak_bytes < len(LARGE) / 4
