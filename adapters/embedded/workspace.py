"""Which files a thread's code finds in /mnt/data: those given with messages or assistant, and those that code made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from adapters.embedded.errors import ApiError
from adapters.embedded.folder import FileFolder
from adapters.embedded.ids import FileId, ThreadId
from adapters.embedded.objects import Assistant, File, ImageFilePart, Message, Thread, ToolResources
from adapters.embedded.products import Product
from adapters.embedded.rows import Rows
from adapters.embedded.run_objects import Run
from adapters.embedded.store import Store
from adapters.sandbox.errors import SandboxError
from adapters.sandbox.names import clean_name


class WorkspaceEngine(Protocol):
    """The part of the sandbox that holds files."""

    async def put(self, session: str, name: str, data: bytes) -> None:
        """Lay a file into /mnt/data."""
        ...

    def alive(self, session: str) -> bool:
        """Whether the session, with what lies in it, is still there."""
        ...

    async def forget(self, session: str) -> None:
        """End a session."""
        ...


class Workspace:
    """Lays a thread's files into its session, each once for as long as the session lives."""

    def __init__(self, *, engine: WorkspaceEngine, store: Store, folder: FileFolder) -> None:
        self._engine = engine
        self._store = store
        self._folder = folder
        self._held: dict[ThreadId, set[FileId]] = {}

    async def prepare(self, run: Run) -> list[str]:
        """Lay the files of the thread that are not there yet; returns a sentence on each that could not be."""
        if not self._engine.alive(run.thread_id):
            self._held.pop(run.thread_id, None)
        held = self._held.setdefault(run.thread_id, set())
        missing = []
        for name, file_id in (await self._store.transact(lambda rows: thread_files(rows, run))).items():
            if file_id in held:
                continue
            try:
                await self._engine.put(run.thread_id, name, await self._folder.read(file_id))
            except ApiError:
                missing.append(f"The file {name} is no longer there.")
            except SandboxError as error:
                missing.append(str(error))
            held.add(file_id)
        return missing

    async def forget(self, thread_id: ThreadId) -> None:
        """End a thread's session."""
        self._held.pop(thread_id, None)
        await self._engine.forget(thread_id)

    def holds(self, thread_id: ThreadId, file_ids: Iterable[FileId]) -> None:
        """Files that the session made itself need not be laid into it."""
        self._held.setdefault(thread_id, set()).update(file_ids)

    async def products(self, thread_id: ThreadId) -> list[Product]:
        """What code has made in a thread."""
        return await self._store.transact(lambda rows: rows.products(thread_id))


def thread_files(rows: Rows, run: Run) -> Mapping[str, FileId]:
    """The files of a run by their names in /mnt/data; of several with one name the last given or made wins."""
    named: dict[str, FileId] = {}
    for file_id in _given(rows, run):
        file = rows.find(File, file_id)
        if file:
            named[clean_name(file.filename)] = file.id
    for product in rows.products(run.thread_id):
        if product.in_folder:
            named[product.filename] = product.file_id
    return named


def attached(message: Message) -> list[FileId]:
    """The ids of the files that come with a message, in order."""
    pictures = [part.image_file.file_id for part in message.content if isinstance(part, ImageFilePart)]
    return list(dict.fromkeys([*(item["file_id"] for item in message.attachments), *pictures]))


def _given(rows: Rows, run: Run) -> list[FileId]:
    assistant, thread = rows.find(Assistant, run.assistant_id), rows.find(Thread, run.thread_id)
    given = [file_id for owner in (assistant, thread) if owner for file_id in _code_files(owner.tool_resources)]
    for message in rows.all(Message, thread_id=run.thread_id, has_file="yes"):
        if message.role == "user":
            given.extend(attached(message))
    return given


def _code_files(resources: ToolResources | None) -> list[FileId]:
    code = resources.get("code_interpreter") if resources else None
    return code.get("file_ids", []) if code else []
