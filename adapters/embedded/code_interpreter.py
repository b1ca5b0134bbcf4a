"""Code Interpreter: runs a model's code in the thread's sandbox session; what comes of it becomes files and outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from adapters.embedded.folder import FileFolder
from adapters.embedded.ids import FileId
from adapters.embedded.journal import RunJournal
from adapters.embedded.objects import File
from adapters.embedded.products import CodeOutcome, Product, is_picture
from adapters.embedded.run_objects import CodeCall, CodeImage, CodeImageFile, CodeLogs, Run
from adapters.embedded.wire import plain
from adapters.embedded.workspace import Workspace, WorkspaceEngine
from adapters.sandbox.results import CodeResult, CodeStatus

LOGS_KEPT_CHARS = 100_000


class CodeEngine(WorkspaceEngine, Protocol):
    """Runs code, one session for each thread; `adapters.sandbox` is the real one."""

    async def run(self, session: str, code: str, *, deadline_s: float | None = None) -> CodeResult:
        """Run code to its end, its deadline or its limits; never raises for what the code does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    data: bytes
    filename: str
    in_folder: bool
    alt_text: str = ""


class CodeInterpreter:
    """Runs the calls of one run after the other."""

    def __init__(self, *, engine: CodeEngine, folder: FileFolder, workspace: Workspace, journal: RunJournal) -> None:
        self._engine = engine
        self._folder = folder
        self._workspace = workspace
        self._journal = journal

    async def run(self, run: Run, call: CodeCall) -> CodeOutcome:
        """Run a call's code with the thread's files in place. Raises StoreError."""
        missing = await self._workspace.prepare(run)
        result = await self._engine.run(run.thread_id, call.code_interpreter.input)
        made = await self._keep(run, call, result)
        if not result.session_lost:
            self._workspace.holds(run.thread_id, [file.id for file, _ in made])
        pictures = tuple(CodeImage(image=CodeImageFile(file_id=file.id)) for file, product in made if product.picture)
        return CodeOutcome(outputs=(CodeLogs(logs=_logs(result, missing)), *pictures), made=made)

    async def _keep(self, run: Run, call: CodeCall, result: CodeResult) -> tuple[tuple[File, Product], ...]:
        known = await self._workspace.products(run.thread_id)
        seen = {product.sha256 for product in known if product.run_id == run.id}
        figures = sum(1 for product in known if product.picture and not product.in_folder)
        kept = []
        for item in _made(result, figures):
            digest = hashlib.sha256(item.data).hexdigest()
            # A figure that is shown and saved gives the same picture twice.
            if is_picture(item.data) and digest in seen:
                continue
            seen.add(digest)
            file_id = await self._folder.keep(item.data)
            kept.append(self._described(run, call, item, file_id, digest))
        return tuple(kept)

    def _described(self, run: Run, call: CodeCall, item: _Made, file_id: FileId, digest: str) -> tuple[File, Product]:
        file = File(
            id=file_id,
            bytes=len(item.data),
            created_at=self._journal.now(),
            filename=item.filename,
            purpose="assistants_output",
        )
        product = Product(
            file_id=file_id,
            thread_id=run.thread_id,
            run_id=run.id,
            call_id=call.id,
            filename=item.filename,
            in_folder=item.in_folder,
            picture=is_picture(item.data),
            alt_text=item.alt_text,
            sha256=digest,
        )
        return file, product


def _made(result: CodeResult, figures_before: int) -> Iterator[_Made]:
    """Figures are numbered through the thread: `plot-1.png`, `plot-2.png`."""
    for number, image in enumerate(result.images, figures_before + 1):
        yield _Made(data=image.data, filename=f"plot-{number}.png", in_folder=False, alt_text=plain(image.alt_text))
    for file in result.files:
        yield _Made(data=file.data, filename=plain(file.name), in_folder=True, alt_text=plain(file.alt_text))


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
