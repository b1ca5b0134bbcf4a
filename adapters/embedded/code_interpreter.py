"""Code Interpreter: the files of a thread in its sandbox session, and what a model's code makes of them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from adapters.embedded import run_transitions
from adapters.embedded.api_objects import (
    ApiError,
    Assistant,
    File,
    FileId,
    Message,
    Thread,
    ThreadId,
    code_files,
    plain,
)
from adapters.embedded.blob_folder import FileFolder
from adapters.embedded.models.port import NO_MORE_CODE
from adapters.embedded.object_store import Rows, Store, StoreError
from adapters.embedded.run_events import RunJournal
from adapters.embedded.run_objects import (
    CodeCall,
    CodeCallResult,
    CodeImage,
    CodeImageFile,
    CodeLogs,
    GeneratedFile,
    Run,
)
from adapters.sandbox.code_result import CodeResult, CodeStatus, NoteExecution, OnStart, SandboxError
from bot.file_names import last_component, plain_name, unique_name
from bot.media import picture_type


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeContext:
    """What is stored that a call of Code Interpreter needs."""

    session: str  # what the sandbox calls it
    files: Mapping[str, FileId]  # of the thread, by name
    products: Sequence[GeneratedFile]  # that its code has made
    execution: tuple[int, int] | None  # the number under which this call was run, and when: it may still be at work


def read_code_context(rows: Rows, run: Run, call: CodeCall) -> CodeContext:
    """Read all of it."""
    thread = rows.find(Thread, run.thread_id)
    return CodeContext(
        session=session_name(thread) if thread else run.thread_id,
        files=thread_files(rows, run).by_name,
        products=rows.products(run.thread_id),
        execution=rows.execution(call.id),
    )


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

    def __init__(self, *, engine: WorkspaceEngine, folder: FileFolder) -> None:
        self._engine = engine
        self._folder = folder
        self._held: dict[ThreadId, dict[str, FileId]] = {}  # by name: what was last put or made there

    async def prepare(self, thread_id: ThreadId, session: str, files: Mapping[str, FileId]) -> list[str]:
        """Lay the files of the thread that are not there yet; returns a sentence on each that could not be."""
        if not self._engine.alive(session):
            self._held.pop(thread_id, None)
        held = self._held.setdefault(thread_id, {})
        missing = []
        for name, file_id in files.items():
            if held.get(name) == file_id:
                continue
            try:
                await self._engine.put(session, name, await self._folder.read(file_id))
            except ApiError:
                missing.append(f"The file {name} is no longer there.")
            except SandboxError as error:
                missing.append(str(error))
            held[name] = file_id
        return missing

    async def forget(self, thread: Thread) -> None:
        """End a thread's session."""
        self._held.pop(thread.id, None)
        await self._engine.forget(session_name(thread))

    def holds(self, thread_id: ThreadId, made: Mapping[str, FileId]) -> None:
        """Files that the session made itself need not be laid into it."""
        self._held.setdefault(thread_id, {}).update(made)


TENANT = "tenant"
"""The key in a thread's metadata that names whose it is, so that no session is ever another tenant's."""


def session_name(thread: Thread) -> str:
    """What the sandbox calls the session of a thread: its tenant's name comes first."""
    tenant = thread.metadata.get(TENANT)
    return f"{tenant}/{thread.id}" if tenant else thread.id


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFiles:
    """What lies in /mnt/data for a run."""

    by_name: Mapping[str, FileId]  # the latest given or made last
    given: Mapping[FileId, str]  # under which names those that people gave lie there


def thread_files(rows: Rows, run: Run) -> FolderFiles:
    """The files of a run. Of one name the last given or made wins, and different files never share a name.

    Names are given out again in the order in which the files came, so that each keeps its own for as long as the thread
    lives. A file of the very name of an earlier one is its correction; one whose name only becomes the same when it is
    cleaned is another file, and so is the second of one name in one message.
    """
    assistant, thread = rows.find(Assistant, run.assistant_id), rows.find(Thread, run.thread_id)
    gifts: list[tuple[str, FileId, str]] = [
        (owner.id, file_id, file_id)
        for owner in (assistant, thread)
        if owner
        for file_id in code_files(owner.tool_resources)
    ]
    for message in rows.all(Message, thread_id=run.thread_id, has_file="yes"):
        if message.role == "user":
            gifts.extend((message.id, file_id, message.id) for file_id in message.file_ids)
    products = [product for product in rows.products(run.thread_id) if product.in_folder]
    order = rows.positions([came_with for _, _, came_with in gifts] + [product.file_id for product in products])
    arrivals: list[tuple[int, str, FileId, GeneratedFile | None]] = [
        (order.get(came_with, 0), group, file_id, None) for group, file_id, came_with in gifts
    ]
    arrivals += [(order.get(product.file_id, 0), "", product.file_id, product) for product in products]

    by_name: dict[str, FileId] = {}
    given: dict[FileId, str] = {}
    called: dict[str, str] = {}  # names as people and code gave them: the name in the folder
    in_group: set[tuple[str, str]] = set()
    for _, group, file_id, product in sorted(arrivals, key=lambda arrival: arrival[0]):
        if product is not None:
            original = name = product.filename
        elif (file := rows.find(File, file_id)) is None:
            continue
        else:
            original = last_component(file.filename)
            known = given.get(file_id) or (None if (group, original) in in_group else called.get(original))
            name = known or unique_name(plain_name(original), by_name)
            given[file_id] = name
        if (group, original) not in in_group:
            called[original] = name
        if group:
            in_group.add((group, original))
        by_name.pop(name, None)  # the latest is the last
        by_name[name] = file_id
    return FolderFiles(by_name=by_name, given=given)


LOGS_KEPT_CHARS = 100_000
_MAX_TIME_DIGITS = 11
EXPIRED = "The session had expired, so this ran in a new one: files are there again, earlier variables are not."

USER = "user"
"""The key in a run's metadata that tells users apart, so that they share the sandbox fairly."""

CODE_LEFT, CODE_AGAIN = "code_left_ms", "code_again_at"
"""The keys in a run's metadata that limit for how long its code may run, and say (unix seconds) until when."""

_NO_TIME_LEFT = (
    f"{NO_MORE_CODE}{{until}}: the time for it is used up.\n"
    "This code was not run. Do not call code again. Answer in words as well as you can without it, and tell the person "
    "that no code runs for them{until}."
)


def no_time_left(run: Run, used_ms: int) -> str:
    """What a model is told instead of an output if the run's time for code is used up; empty if it is not."""
    left, again = run.metadata.get(CODE_LEFT, ""), run.metadata.get(CODE_AGAIN, "")
    if not left.isdecimal() or used_ms < int(left):
        return ""
    is_known = again.isdecimal() and len(again) <= _MAX_TIME_DIGITS
    until = f" until {datetime.fromtimestamp(int(again), UTC):%H:%M} UTC" if is_known else ""
    return _NO_TIME_LEFT.format(until=until)


class CodeEngine(WorkspaceEngine, Protocol):
    """Runs code, one session for each thread; `adapters.sandbox` is the real one."""

    async def run(
        self,
        session: str,
        code: str,
        *,
        deadline_s: float | None = None,
        user: str = "",
        note: NoteExecution | None = None,
        on_start: OnStart | None = None,
    ) -> CodeResult:
        """Run code to its end, its deadline or its limits; never raises for what the code does. Users take turns."""
        ...

    async def recall(self, session: str, number: int, *, age_s: float, note: NoteExecution | None = None) -> CodeResult:
        """What became of code that `note` was called for in an earlier process; it is not run again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    data: bytes
    filename: str
    in_folder: bool
    alt_text: str = ""
    points: bytes = b""


class _Stopwatch:
    """For how long code ran: a person's time for code is spent neither on files nor on waiting for others' code."""

    def __init__(self) -> None:
        self._took_s = 0.0
        self._started_s: float | None = None

    def start(self) -> None:
        """Code runs from now on."""
        self._started_s = time.monotonic()

    def stop(self) -> None:
        """The code has ended, if it ever ran."""
        if self._started_s is not None:
            self._took_s += time.monotonic() - self._started_s
            self._started_s = None

    @property
    def took_ms(self) -> int:
        """All the time so far."""
        return round(self._took_s * 1000)


class CodeInterpreter:
    """Runs the calls of one run after the other."""

    def __init__(
        self, *, engine: CodeEngine, store: Store, folder: FileFolder, workspace: Workspace, journal: RunJournal
    ) -> None:
        self._engine = engine
        self._store = store
        self._folder = folder
        self._workspace = workspace
        self._journal = journal

    async def run(self, run: Run, call: CodeCall, *, used_ms: int = 0) -> CodeCallResult:
        """Run a call's code with the thread's files in place, once. Raises StoreError, RunInterruptedError.

        `used_ms`: for how long the run's earlier code ran. If the run has no time left, nothing is run.
        """
        if told := no_time_left(run, used_ms):
            return CodeCallResult(outputs=(CodeLogs(logs=told),), made=())
        watch, context = _Stopwatch(), await self._store.transact(lambda rows: read_code_context(rows, run, call))
        try:
            result, missing = await self._ran(run, call, context, watch)
        except asyncio.CancelledError:
            if watch.took_ms:  # what it ran for until it was stopped counts too
                with suppress(StoreError):
                    took_ms = watch.took_ms
                    await self._journal.write(run_transitions.add_code_time, run.id, call=call, took_ms=took_ms)
            raise
        made = await self._keep(run, call, context.products, result)
        if not result.session_lost:
            self._workspace.holds(run.thread_id, {p.filename: p.file_id for _, p in made if p.in_folder})
        pictures = tuple(CodeImage(image=CodeImageFile(file_id=file.id)) for file, product in made if product.picture)
        logs = CodeLogs(logs=_logs(result, missing))
        return CodeCallResult(outputs=(logs, *pictures), took_ms=watch.took_ms, made=made)

    async def _ran(
        self, run: Run, call: CodeCall, context: CodeContext, watch: _Stopwatch
    ) -> tuple[CodeResult, list[str]]:
        """What became of the code, and a sentence on each file that was not there for it."""
        session, user = context.session, run.metadata.get(USER, "")
        prepare = partial(self._workspace.prepare, run.thread_id, session, context.files)

        async def note(number: int) -> None:
            await self._journal.write(run_transitions.note_execution, run.id, call=call, number=number)

        async def run_code() -> CodeResult:
            code = call.code_interpreter.input
            try:
                return await self._engine.run(session, code, user=user, note=note, on_start=watch.start)
            finally:
                watch.stop()

        if context.execution is not None:
            number, at_s = context.execution
            missing: list[str] = []
            result = await self._engine.recall(session, number, age_s=self._journal.now() - at_s, note=note)
        else:
            missing = await prepare()
            result = await run_code()
        if result.status is CodeStatus.EXPIRED:
            missing = [EXPIRED, *await prepare()]
            result = await run_code()
        return result, missing

    async def _keep(
        self, run: Run, call: CodeCall, known: Sequence[GeneratedFile], result: CodeResult
    ) -> tuple[tuple[File, GeneratedFile], ...]:
        seen = {product.sha256 for product in known if product.run_id == run.id}
        figures = sum(1 for product in known if product.picture and not product.in_folder)
        kept = []
        for item in _made(result, figures):
            digest = hashlib.sha256(item.data).hexdigest()
            # A figure that is shown and saved gives the same picture twice.
            if picture_type(item.data) is not None and digest in seen:
                continue
            seen.add(digest)
            file_id = await self._folder.keep(item.data)
            kept.append(self._described(run, call, item, file_id, digest))
            if item.points and kept[-1][1].picture:
                of_points = _Made(data=item.points, filename=f"{Path(item.filename).stem}.csv", in_folder=False)
                csv_id = await self._folder.keep(item.points)
                kept.append(self._described(run, call, of_points, csv_id, hashlib.sha256(item.points).hexdigest()))
        return tuple(kept)

    def _described(
        self, run: Run, call: CodeCall, item: _Made, file_id: FileId, digest: str
    ) -> tuple[File, GeneratedFile]:
        file = File(
            id=file_id,
            bytes=len(item.data),
            created_at=self._journal.now(),
            filename=item.filename,
            purpose="assistants_output",
        )
        product = GeneratedFile(
            file_id=file_id,
            thread_id=run.thread_id,
            run_id=run.id,
            call_id=call.id,
            filename=item.filename,
            in_folder=item.in_folder,
            picture=picture_type(item.data) is not None,
            alt_text=item.alt_text,
            sha256=digest,
        )
        return file, product


def _made(result: CodeResult, figures_before: int) -> Iterator[_Made]:
    """Figures are numbered through the thread: `plot-1.png`, `plot-2.png`."""
    for number, image in enumerate(result.images, figures_before + 1):
        alt_text = plain(image.alt_text)
        yield _Made(
            data=image.data, filename=f"plot-{number}.png", in_folder=False, alt_text=alt_text, points=image.points
        )
    names: set[str] = set()
    for file in result.files:  # different files whose names are the same once they are harmless: `a/b.csv`, `a-b.csv`
        name = unique_name(plain(file.name), names)
        names.add(name)
        alt_text = plain(file.alt_text)
        yield _Made(data=file.data, filename=name, in_folder=True, alt_text=alt_text, points=file.points)


def _logs(result: CodeResult, missing: list[str]) -> str:
    """What the step shows, and the model is told: the output first, unchanged, then what else there is to say."""
    parts = [_shortened(plain(result.logs))]
    if result.status is not CodeStatus.OK and result.reason:
        parts.append(plain(result.reason))
    if result.session_lost:
        parts.append("The session has ended: its variables are gone, and its files are put back before the next code.")
    if result.status is not CodeStatus.UNAVAILABLE:
        parts.extend(missing)
    return "\n".join(part for part in parts if part)


def _shortened(text: str) -> str:
    if len(text) <= LOGS_KEPT_CHARS:
        return text
    half = LOGS_KEPT_CHARS // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
