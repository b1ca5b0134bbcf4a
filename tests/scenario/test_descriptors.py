"""S6: a service that runs out of file descriptors neither goes deaf nor fills its log."""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from pathlib import Path

import aiohttp

from scripts.program import running
from tests.support.teams_client import recorded

HALF_OPEN = 1_000


def _half_open(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(b"POST /api/messages HTTP/1.1\r\nHost: ")
    return connection


async def test_a_message_is_acknowledged_at_once_beside_a_thousand_half_open_sockets(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "PORT": "0"}
    env["DATA_DIR"] = str(tmp_path / "data")
    teamsbot = Path(sys.executable).with_name("teamsbot")
    small = ["/bin/sh", "-c", 'ulimit -n 256 && exec "$0" serve', str(teamsbot)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * HALF_OPEN), hard))
    try:
        with running(small, folder=tmp_path, env=env, ready=r"Messages\s+(\S+)", start_s=120) as bot:
            port = int(bot.told.rsplit(":", 1)[1].partition("/")[0])
            half_open = [_half_open(port) for _ in range(HALF_OPEN)]
            activity = recorded("personal", channelId="emulator", text="/help", serviceUrl="http://127.0.0.1:9")
            async with aiohttp.ClientSession() as client:
                before_s = time.monotonic()
                async with client.post(bot.told, json=activity) as answer:
                    assert answer.status in {200, 202}
                took_s = time.monotonic() - before_s
            log = bot.output
            for connection in half_open:
                connection.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert took_s < 20  # alone it takes some hundredths; a deaf service never answers
    assert log.count("\n") < 100, log
    assert log.count("descriptors") < 10
