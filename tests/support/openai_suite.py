"""The openai package's own tests against the embedded server: python -m tests.support.openai_suite [PYTEST ARGUMENTS]

They prove the shapes on the wire and nothing of behaviour. Each test names things that are not there (`thread_id`,
`run_id`), so the server is given them afresh before each request. No part of `make test`: it fetches the source of
the package and an environment of its own into `.cache/openai-suite`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters.embedded import assistants_server as server
from adapters.embedded.api_http import create_app
from adapters.embedded.api_objects import (
    Assistant,
    AssistantId,
    File,
    FileId,
    Message,
    MessageId,
    RunId,
    StepId,
    Text,
    TextPart,
    Thread,
    ThreadId,
)
from adapters.embedded.object_store import Item, Rows, Store
from adapters.embedded.run_objects import (
    CreatedMessage,
    Function,
    FunctionCall,
    MessageCreation,
    RequestedCall,
    RequestedFunction,
    RequiredAction,
    Run,
    RunStatus,
    RunStep,
    StepStatus,
    SubmitToolOutputs,
    ToolCalls,
)
from tests.support.embedded_server import RememberingSandbox, ScriptedModel

KEY = "My API Key"
HOME = Path(".cache/openai-suite")
TESTS = (
    "tests/api_resources/beta/test_assistants.py",
    "tests/api_resources/beta/test_threads.py",
    "tests/api_resources/beta/threads",
    "tests/api_resources/test_files.py",
)
LEFT_OUT = (
    "list_with_all_params",  # asks for what comes after `after`, which names nothing: 404
    "method_submit_tool_outputs_overload",  # hands in an output that names no call: 400
    "response_submit_tool_outputs_overload",
    "method_retrieve_content",  # asks for bytes under a name that no file here has
    "response_retrieve_content",
)
NEEDED = ("pytest", "pytest-asyncio", "pytest-xdist", "rich", "inline-snapshot")


def things(*, waiting: bool) -> list[Item]:
    """What the suite names; its run waits for tool outputs, or has ended and leaves its thread free."""
    assistant_id, thread_id, run_id = AssistantId("assistant_id"), ThreadId("thread_id"), RunId("run_id")
    call = FunctionCall(id="tool_call_id", function=Function(name="f", arguments="{}"))
    requested = RequestedCall(id=call.id, function=RequestedFunction(name="f", arguments="{}"))
    action = RequiredAction(submit_tool_outputs=SubmitToolOutputs(tool_calls=(requested,)))
    made = CreatedMessage(message_id=MessageId("message_id"))
    return [
        Assistant(id=assistant_id, created_at=0, model="m"),
        Thread(id=thread_id, created_at=0),
        Message(
            id=MessageId("message_id"),
            created_at=0,
            thread_id=thread_id,
            role="user",
            content=(TextPart(text=Text(value="hello")),),
        ),
        Run(
            id=run_id,
            created_at=0,
            expires_at=None,
            thread_id=thread_id,
            assistant_id=assistant_id,
            model="m",
            status=RunStatus.REQUIRES_ACTION if waiting else RunStatus.COMPLETED,
            required_action=action if waiting else None,
        ),
        RunStep(
            id=StepId("step_id"),
            created_at=0,
            assistant_id=assistant_id,
            thread_id=thread_id,
            run_id=run_id,
            type="tool_calls" if waiting else "message_creation",
            status=StepStatus.IN_PROGRESS if waiting else StepStatus.COMPLETED,
            step_details=ToolCalls(tool_calls=(call,)) if waiting else MessageCreation(message_creation=made),
        ),
        File(id=FileId("file_id"), bytes=1, created_at=0, filename="f", purpose="vision"),
    ]


def seeding(store: Store) -> Middleware:
    """A middleware that puts the things in place before each request."""

    def work(rows: Rows, *, waiting: bool) -> None:
        rows.delete("thread_id")
        for thing in things(waiting=waiting):
            rows.delete(thing.id)
            rows.insert(thing)

    @web.middleware
    async def seed(request: web.Request, handler: Handler) -> web.StreamResponse:
        waiting = request.path.endswith(("/cancel", "/submit_tool_outputs"))
        await store.transact(lambda rows: work(rows, waiting=waiting))
        return await handler(request)

    return seed


async def serve_seeded(folder: Path) -> server.AssistantsServer:
    """The server, whose application seeds its own store."""
    stores: list[Store] = []
    opened = Store.open

    async def remember(path: Path) -> Store:
        stores.append(await opened(path))
        return stores[-1]

    def create_seeded(**parts: Any) -> web.Application:
        app = create_app(**parts)
        app.middlewares.append(seeding(stores[-1]))
        return app

    with patch.object(Store, "open", remember), patch.object(server, "create_app", create_seeded):
        return await server.open_server(
            data_dir=folder, model=ScriptedModel(), sandbox=RememberingSandbox(), api_key=KEY
        )


def fetch_suite() -> tuple[Path, Path]:
    """The Python to run it with, and the folder of its source."""
    wanted = version("openai")
    source, python = HOME / f"openai-{wanted}", HOME / "venv" / "bin" / "python"
    if not source.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", HOME / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", f"openai[aiohttp]=={wanted}", *NEEDED], check=True)
        subprocess.run(
            [
                python,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "--no-binary",
                "openai",
                f"openai=={wanted}",
                "-d",
                HOME,
            ],
            check=True,
        )
        with tarfile.open(HOME / f"openai-{wanted}.tar.gz") as archive:
            archive.extractall(HOME, filter="data")
    return python.absolute(), source


async def main(arguments: list[str]) -> int:
    python, source = await asyncio.to_thread(fetch_suite)
    with tempfile.TemporaryDirectory() as folder:
        running = await serve_seeded(Path(folder))
        suite = await asyncio.create_subprocess_exec(
            python,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-n0",  # the suite asks for a worker a core, and all of them would share the ids that are seeded
            *TESTS,
            "-k",
            f"not ({' or '.join(LEFT_OUT)})",
            *arguments,
            cwd=source,
            env={**os.environ, "TEST_API_BASE_URL": running.base_url},
        )
        try:
            return await suite.wait()
        finally:
            await running.stop()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
