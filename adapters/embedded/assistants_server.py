"""Opens and closes the server: a store, a model and a sandbox behind the Assistants API, on loopback."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from adapters.embedded.api_http import LOOPBACK, create_app
from adapters.embedded.api_objects import File
from adapters.embedded.blob_folder import FileFolder
from adapters.embedded.code_interpreter import CodeEngine, CodeInterpreter, Workspace
from adapters.embedded.model_prompt import PictureFitter, Pictures
from adapters.embedded.models.port import Model
from adapters.embedded.object_routes import Assistants, Files, Messages, Threads
from adapters.embedded.object_store import Store
from adapters.embedded.run_events import EventBroker, RunJournal
from adapters.embedded.run_executor import RunLoop, RunTasks
from adapters.embedded.run_routes import Runs
from httpkit.http_server import ACCEPT_BATCH, HttpRunner

MAX_FILE_BYTES = 100_000_000
SHUTDOWN_S = 2.0


class AssistantsServer:
    """The running server. It owns its store and its runs; model and sandbox belong to the caller that opened it."""

    def __init__(self, *, base_url: str, closing: AsyncExitStack) -> None:
        self.base_url = base_url
        """Root for `OpenAI(base_url=...)`. For `AzureOpenAI(azure_endpoint=...)` take it without `/v1`."""
        self._closing = closing

    async def stop(self) -> None:
        """Stop serving. Runs under way stay as they are in the store; the next start takes them up."""
        await self._closing.aclose()


async def open_server(  # noqa: PLR0913 - this is what the server is made of
    *,
    data_dir: Path,
    model: Model,
    sandbox: CodeEngine,
    api_key: str,
    pictures: PictureFitter | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    run_deadline_s: int = 600,
) -> AssistantsServer:
    """Open the store in `data_dir`, take up unfinished runs, and serve at a loopback address.

    `port` 0 takes a free one; see `base_url`. A run that takes longer than `run_deadline_s` expires. Raises StoreError
    (the folder cannot be used, or another server uses it) and OSError (the port is taken).
    Without `pictures` no model is shown any.
    """
    if host not in LOOPBACK:
        raise ValueError(f"the assistants' server is for this machine only; {host} is no loopback address")
    async with AsyncExitStack() as stack:
        store = await Store.open(data_dir / "assistants.sqlite")
        stack.push_async_callback(store.close)
        folder = FileFolder(path=data_dir / "files", max_bytes=MAX_FILE_BYTES)
        await folder.open([file.id for file in await store.transact(lambda rows: rows.all(File))])
        files = Files(store=store, folder=folder)
        await files.tidy()
        events = EventBroker()
        journal = RunJournal(store=store, events=events)
        workspace = Workspace(engine=sandbox, folder=folder)
        code = CodeInterpreter(engine=sandbox, store=store, folder=folder, workspace=workspace, journal=journal)
        shown = Pictures(fitter=pictures, folder=folder) if pictures else None
        loop = RunLoop(journal=journal, model=model, code=code, pictures=shown)
        tasks = RunTasks(store=store, journal=journal, loop=loop)
        stack.push_async_callback(tasks.stop)
        await tasks.recover()
        app = create_app(
            api_key=api_key,
            resources=[
                Assistants(store=store),
                Messages(store=store),
                files,
                Threads(store=store, folder=folder, tasks=tasks, workspace=workspace),
                Runs(store=store, journal=journal, tasks=tasks, events=events, run_deadline_s=run_deadline_s),
            ],
        )

        async def end_streams(_: web.Application) -> None:
            events.close()

        # Without this, stopping would wait for every client that follows a run.
        app.on_shutdown.append(end_streams)
        base_url = await _listen(app, host, port, stack)
        return AssistantsServer(base_url=base_url, closing=stack.pop_all())


async def _listen(app: web.Application, host: str, port: int, stack: AsyncExitStack) -> str:
    runner = HttpRunner(app, shutdown_timeout_s=SHUTDOWN_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, host, port, backlog=ACCEPT_BATCH).start()
    bound_port = runner.addresses[0][1]
    return f"http://{f'[{host}]' if ':' in host else host}:{bound_port}/v1"
