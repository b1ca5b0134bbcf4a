"""Opens and closes the server: a store, a model and a sandbox behind the Assistants API, on loopback."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from adapters.embedded.application import create_app
from adapters.embedded.assistants import Assistants
from adapters.embedded.code_interpreter import CodeEngine, CodeInterpreter
from adapters.embedded.events import Events
from adapters.embedded.files import Files
from adapters.embedded.folder import FileFolder
from adapters.embedded.ids import AssistantId
from adapters.embedded.journal import RunJournal
from adapters.embedded.messages import Messages
from adapters.embedded.models.port import Model
from adapters.embedded.objects import File
from adapters.embedded.run_loop import RunLoop
from adapters.embedded.run_tasks import RunTasks
from adapters.embedded.runs import Runs
from adapters.embedded.store import Store
from adapters.embedded.threads import Threads
from adapters.embedded.workspace import Workspace

log = structlog.get_logger(__name__)

LARGEST_FILE_BYTES = 100_000_000
SHUTDOWN_S = 2.0


class AssistantsServer:
    """The running server. It owns its store and its runs; model and sandbox belong to whoever opened it."""

    def __init__(
        self, *, runner: web.AppRunner, base_url: str, store: Store, tasks: RunTasks, assistants: Assistants
    ) -> None:
        self._runner = runner
        self._store = store
        self._tasks = tasks
        self._assistants = assistants
        self.base_url = base_url
        """Root for `OpenAI(base_url=...)`. For `AzureOpenAI(azure_endpoint=...)` take it without `/v1`."""

    async def ensure_assistant(
        self, *, name: str, instructions: str, tools: list[dict[str, Any]], model: str
    ) -> AssistantId:
        """The assistant of that name, made if there is none, with these instructions, tools and model."""
        return await self._assistants.ensure(name=name, instructions=instructions, tools=tools, model=model)

    async def stop(self) -> None:
        """Stop serving. Runs under way stay as they are in the store; the next start takes them up."""
        await self._tasks.stop()
        await self._runner.cleanup()
        await self._store.close()


async def open_server(  # noqa: PLR0913 - this is what the server is made of
    *, data_dir: Path, model: Model, sandbox: CodeEngine, api_key: str, host: str = "127.0.0.1", port: int = 0,
    run_deadline_s: int = 600,
) -> AssistantsServer:
    """Open the store in `data_dir`, take up unfinished runs, and serve at a loopback address.

    `port` 0 takes a free one; see `base_url`. A run that takes longer than `run_deadline_s` expires. Raises StoreError
    (the folder cannot be used, or another server uses it) and OSError (the port is taken).
    """
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"the assistants' server is for this machine only; {host} is no loopback address")
    store = await Store.open(data_dir / "assistants.sqlite")
    folder = FileFolder(path=data_dir / "files", largest_bytes=LARGEST_FILE_BYTES)
    await folder.sweep([file.id for file in await store.transact(lambda rows: rows.all(File))])
    events = Events()
    journal = RunJournal(store=store, events=events)
    workspace = Workspace(engine=sandbox, store=store, folder=folder)
    code = CodeInterpreter(engine=sandbox, folder=folder, workspace=workspace, journal=journal)
    tasks = RunTasks(store=store, journal=journal, loop=RunLoop(store=store, journal=journal, model=model, code=code))
    assistants = Assistants(store=store)
    app = create_app(api_key=api_key, resources=[
        assistants, Threads(store=store, tasks=tasks), Messages(store=store), Files(store=store, folder=folder),
        Runs(store=store, journal=journal, tasks=tasks, events=events, run_deadline_s=run_deadline_s),
    ])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        await store.close()
        raise
    await tasks.recover()
    address = runner.addresses[0]
    base_url = f"http://{_bracketed(address[0])}:{address[1]}/v1"
    log.info("assistants server ready", base_url=base_url)
    return AssistantsServer(runner=runner, base_url=base_url, store=store, tasks=tasks, assistants=assistants)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
