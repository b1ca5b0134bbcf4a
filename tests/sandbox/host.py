"""A service of its own process around a sandbox, with things worth stealing; tests drive it over its standard pipes.

Every line in is a JSON request, every line out its answer. The first line out says what there is to steal.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import sqlite3
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from adapters.sandbox.code_result import CodeResult, CodeSandbox, IsolationLevel, SandboxError
from adapters.sandbox.dynamic_sessions import DynamicSessions
from adapters.sandbox.sandbox import Sandbox, SandboxSettings
from adapters.sandbox.session_limits import MB, Limits
from adapters.sandbox.session_pool import SessionPool
from tests.support.dynamic_sessions_service import TOKEN, DynamicSessionsService

SECRET = "canary-7f3a91"

LIMITS = Limits(
    run_s=20.0,
    interrupt_grace_s=1.0,
    memory_bytes=400 * MB,
    data_bytes=64 * MB,
    scratch_bytes=16 * MB,
    file_count=2_000,
    output_bytes=16 * MB,
)


async def main() -> None:
    """Serve until standard input ends."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="teamsbot-host-"))
        sandbox = await _opened(stack, folder)
        targets = await _set_up_targets(folder)
        _say({"isolation": sandbox.isolation, "reason": sandbox.reason, "targets": targets})
        answering = set()
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            task = asyncio.create_task(_answer(sandbox, orjson.loads(line)))
            answering.add(task)
            task.add_done_callback(answering.discard)
        await sandbox.close()


async def _opened(stack: AsyncExitStack, folder: str) -> CodeSandbox:
    python, at_least = Path(sys.argv[1]), IsolationLevel(sys.argv[2])
    if at_least is not IsolationLevel.DYNAMIC_SESSIONS:
        return await Sandbox.open(SandboxSettings(python=python, limits=LIMITS, max_running=4, at_least=at_least))
    service = await stack.enter_async_context(DynamicSessionsService(Path(folder) / "pool", python))
    http = await stack.enter_async_context(aiohttp.ClientSession())
    pool = SessionPool(endpoint=service.endpoint, token=_Token(), http=http)
    return DynamicSessions(pool=pool, key=os.urandom(32), limits=LIMITS)


class _Token:
    async def get(self) -> str:
        return TOKEN

    async def renew(self, refused: str) -> str:
        return refused


async def _answer(sandbox: CodeSandbox, request: dict[str, Any]) -> None:
    session = request.get("session", "")
    answer: Any = None
    match request["do"]:
        case "run":
            answer = _as_json(await sandbox.run(session, request["code"], deadline_s=request["deadline_s"]))
        case "put":
            try:
                await sandbox.put(session, request["name"], base64.b64decode(request["data"]))
            except SandboxError as error:
                answer = str(error)
        case "forget":
            await sandbox.forget(session)
        case unknown:
            raise ValueError(unknown)
    _say({"id": request["id"], "answer": answer})


def _as_json(result: CodeResult) -> dict[str, Any]:
    fields = asdict(result)
    for item in (*fields["images"], *fields["files"]):
        for name in ("data", "points"):
            item[name] = base64.b64encode(item[name]).decode()
    return fields


async def _set_up_targets(folder: str) -> dict[str, Any]:
    """Make a service's belongings, all of them open to everybody as far as modes go."""
    _write_secrets(Path(folder))
    tcp = await asyncio.start_server(_greet, "127.0.0.1", 0)
    udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    await asyncio.start_unix_server(_greet, f"{folder}/socket")
    os.chmod(f"{folder}/socket", 0o777)  # noqa: PTH101, S103
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0teamsbot-host-{os.getpid()}")
    await asyncio.start_unix_server(_greet, sock=abstract)
    return {
        "pid": os.getpid(),
        "uid": os.getuid(),
        "folder": folder,
        "secret": SECRET,
        "tcp_port": tcp.sockets[0].getsockname()[1],
        "udp_port": udp.get_extra_info("sockname")[1],
        "abstract": f"teamsbot-host-{os.getpid()}",
    }


def _write_secrets(folder: Path) -> None:
    folder.chmod(0o755)
    (folder / ".env").write_text(f"MicrosoftAppPassword={SECRET}\n")
    database = sqlite3.connect(folder / "ledger.sqlite")
    database.execute("create table secrets as select ?", (SECRET,))
    database.commit()
    database.close()


async def _greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(SECRET.encode())
    writer.close()


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main())
