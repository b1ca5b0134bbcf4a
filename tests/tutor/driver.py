"""Plays the run loop around the tutor: question, code, output, answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelMessage,
    ModelReply,
    ModelRequest,
    ModelTool,
    Speaker,
)
from adapters.embedded.models.tutor_model import TutorModel
from service.settings.table import default_sandbox_python

WORKER = Path(__file__).with_name("worker.py")
INTERPRETER = ModelTool(name=CODE_INTERPRETER, description="Runs Python.", parameters={})
INSTRUCTIONS = "Explain to the user why you used the code and how it works"
EXCHANGES = 4
MAX_LINE_BYTES = 32_000_000


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What came of one question."""

    text: str
    codes: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    figures: tuple[Sequence[Mapping[str, Any]], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


class Worker:
    """The sandbox's Python as a plain process; in tests only, where the code is the tutor's own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, asked: Mapping[str, object], *, deadline_s: float = 60.0) -> Any:
        """One request, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(deadline_s):
            await self._process.stdin.drain()
            return json.loads(await self._process.stdout.readline())

    async def values(self, formula: str, at: Sequence[float]) -> list[float | None]:
        """A numpy formula of x at these points."""
        found: list[float | None] = await self.ask({"formula": formula, "at": list(at)})
        return found


@asynccontextmanager
async def worker(folder: Path) -> AsyncIterator[Worker]:
    """A process that ends with the block; its files lie in `folder`."""
    process = await asyncio.create_subprocess_exec(
        str(default_sandbox_python()),
        "-W",
        "ignore",
        str(WORKER),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
        env={"HOME": str(folder)},
    )
    try:
        yield Worker(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Chat:
    """One thread with the tutor."""

    def __init__(self, sandbox: Worker, *, instructions: str = INSTRUCTIONS) -> None:
        self._sandbox = sandbox
        self._tutor = TutorModel()
        self._thread: list[ModelMessage] = []
        self._instructions = instructions

    async def ask(self, text: str, *, file_names: tuple[str, ...] = ()) -> Answered:
        """Say something; run what the tutor asks to run; its answer joins the thread."""
        self._thread.append(ModelMessage(speaker=Speaker.USER, text=text, file_names=file_names))
        exchange: list[ModelMessage] = []
        codes: list[str] = []
        ran: list[Any] = []
        for _ in range(EXCHANGES):
            reply = await self._reply(exchange)
            if not reply.tool_calls:
                break
            [call] = reply.tool_calls
            codes.append(json.loads(call.arguments)["code"])
            ran.append(await self._sandbox.ask({"code": codes[-1]}))
            exchange += [
                ModelMessage(speaker=Speaker.ASSISTANT, text=reply.text, tool_calls=reply.tool_calls),
                ModelMessage(speaker=Speaker.TOOL, text=ran[-1]["output"], tool_call_id=call.id),
            ]
        self._thread.append(ModelMessage(speaker=Speaker.ASSISTANT, text=reply.text))
        return Answered(
            text=reply.text,
            codes=tuple(codes),
            outputs=tuple(each["output"] for each in ran),
            figures=tuple(figure for each in ran for figure in each["figures"]),
            files={name: content for each in ran for name, content in each["files"].items()},
        )

    async def _reply(self, exchange: Sequence[ModelMessage]) -> ModelReply:
        return await self._tutor.complete(
            ModelRequest(
                instructions=self._instructions,
                messages=(*self._thread, *exchange),
                tools=(INTERPRETER,),
            )
        )
