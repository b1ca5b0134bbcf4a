"""The embedded Assistants server with stand-ins behind it: a model with a script, and a sandbox that remembers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from anyio.from_thread import start_blocking_portal

from adapters.embedded.assistants_server import open_server
from adapters.embedded.model_prompt import PictureFitter
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    Model,
    ModelError,
    ModelFinish,
    ModelReply,
    ModelRequest,
    ModelToolCall,
    ModelUsage,
    OnWords,
)
from adapters.sandbox.code_result import CodeResult, CodeStatus, NoteExecution, OnStart

KEY = "key-of-the-tests"
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"


def says(text: str, finish: ModelFinish = ModelFinish.STOP) -> ModelReply:
    """A reply of words."""
    return ModelReply(
        text=text, finish=finish, model="scripted", usage=ModelUsage(prompt_tokens=10, completion_tokens=5)
    )


def calls(*wanted: tuple[str, Any], text: str = "") -> ModelReply:
    """A reply that asks for functions: each with its arguments, as an object or as the very text."""
    return ModelReply(
        text=text,
        model="scripted",
        finish=ModelFinish.TOOL_CALLS,
        usage=ModelUsage(prompt_tokens=7, completion_tokens=3),
        tool_calls=tuple(
            ModelToolCall(id="", name=name, arguments=given if isinstance(given, str) else json.dumps(given))
            for name, given in wanted
        ),
    )


def runs_code(code: str, text: str = "") -> ModelReply:
    """A reply that asks for Code Interpreter."""
    return calls((CODE_INTERPRETER, {"code": code}), text=text)


class ScriptedModel:
    """Replies as told, in order, then says "ok"; remembers what it was asked. While `held` it does not answer.

    Before its next reply it tells the `words` up to an empty one, if someone hears them.
    """

    def __init__(self, *replies: ModelReply | ModelError | Exception) -> None:
        self.replies = list(replies)
        self.requests: list[ModelRequest] = []
        self.held = False
        self.sees = True
        self.words: list[str] = []

    async def complete(self, request: ModelRequest, on_words: OnWords | None = None) -> ModelReply:
        self.requests.append(request)
        while self.words and on_words and (said := self.words.pop(0)):
            on_words(said)
        while self.held:
            await asyncio.sleep(0.005)
        reply = self.replies.pop(0) if self.replies else says("ok")
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def close(self) -> None: ...


class RememberingSandbox:
    """Gives the results it was told to, in order, then nothing; remembers code and files by session."""

    def __init__(self, *results: CodeResult) -> None:
        self.results = list(results)
        self.takes_s = 0.0  # for each code
        self.ran: list[tuple[str, str]] = []
        self.users: list[str] = []
        self.files: dict[str, dict[str, bytes]] = {}
        self.put_names: list[str] = []
        self.forgotten: list[str] = []

    async def recall(self, session: str, number: int, *, age_s: float, note: NoteExecution | None = None) -> CodeResult:
        raise AssertionError("nothing was noted")

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
        if on_start is not None:
            on_start()
        self.ran.append((session, code))
        self.users.append(user)
        await asyncio.sleep(self.takes_s)
        result = self.results.pop(0) if self.results else CodeResult(status=CodeStatus.OK)
        held = self.files.setdefault(session, {})
        held.update({file.name: file.data for file in result.files})
        if result.session_lost:
            del self.files[session]
        return result

    async def put(self, session: str, name: str, data: bytes) -> None:
        self.put_names.append(name)
        self.files.setdefault(session, {})[name] = data

    def alive(self, session: str) -> bool:
        return session in self.files

    async def forget(self, session: str) -> None:
        self.forgotten.append(session)
        self.files.pop(session, None)


@contextmanager
def serving(
    data_dir: Path,
    model: Model,
    sandbox: RememberingSandbox,
    *,
    run_deadline_s: int = 600,
    pictures: PictureFitter | None = None,
) -> Iterator[str]:
    """Serve from a thread of its own, so that tests can use the blocking client; gives the address with `/v1`."""
    with start_blocking_portal() as portal:
        server = portal.call(
            partial(
                open_server,
                data_dir=data_dir,
                model=model,
                sandbox=sandbox,
                api_key=KEY,
                run_deadline_s=run_deadline_s,
                pictures=pictures,
            )
        )
        try:
            yield server.base_url
        finally:
            portal.call(server.stop)


def ended(client: Any, run: Any, *, within_s: float = 30) -> Any:
    """The run once it has ended or waits for its client."""
    return seen(
        client, run, "completed", "failed", "cancelled", "expired", "incomplete", "requires_action", within_s=within_s
    )


def seen(client: Any, run: Any, *statuses: str, within_s: float = 30) -> Any:
    """The run once it is in one of these."""
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        run = client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)
        if run.status in statuses:
            return run
        time.sleep(0.01)
    raise AssertionError(f"the run is still {run.status}")


def asked(client: Any, text: str = "hello", tools: Sequence[Any] = (), **run: Any) -> Any:
    """A run on a new thread that holds one question."""
    assistant = client.beta.assistants.create(model="any-model", tools=list(tools))
    thread = client.beta.threads.create(messages=[{"role": "user", "content": text}])
    return client.beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id, **run)


def words(client: Any, run: Any) -> list[str]:
    """The texts of a run's messages, oldest first."""
    page = client.beta.threads.messages.list(run.thread_id, run_id=run.id, order="asc")
    return [part.text.value for message in page.data for part in message.content if part.type == "text"]
