"""A disk that is full is a pause and a plain answer, never a message that was acknowledged and lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.crash.bot_process import BotProcess
from tests.crash.conftest import Talk
from tests.crash.outside import Dependencies
from tests.support.fake_assistants_state import Plan, image, text

pytestmark = pytest.mark.timeout(600)  # many lives, on a machine that may be busy


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of three megabytes; not in `tmp_path`, which pytest could not delete if a killed test left it mounted."""
    disk = Path(tempfile.mkdtemp(prefix="teamsbot-small-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "none", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        disk.rmdir()
        pytest.skip("a small disk can be mounted by root only; runs as root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)
    disk.rmdir()


@pytest.fixture
async def bot(small_disk: Path, outside: Dependencies) -> AsyncIterator[BotProcess]:
    process = BotProcess(data_dir=small_disk / "data", service_address=outside.service_address)
    outside.kill = process.kill
    yield process
    await process.end()


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """The disk with no byte left."""
    with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(b"0" * 4096)
    yield
    (disk / "ballast").unlink()


async def test_a_full_disk_refuses_new_messages_and_takes_them_once_there_is_room(talk: Talk, small_disk: Path) -> None:
    talk.outside.service.state.plan = lambda said: Plan(run_s=0.1, messages=[[text(said)]])
    await talk.bot.start()
    with filled(small_disk):
        statuses = [await talk.say("x" * 50_000, conversation="c", id=f"m{n}") for n in range(20)]
        accepted = [f"m{n}" for n, status in enumerate(statuses) if status == 202]
        assert set(statuses) <= {202, 503}
        assert statuses[-1] == 503
    async with asyncio.timeout(30):
        while await talk.say("there is room", conversation="c", id="last") != 202:
            await asyncio.sleep(0.2)
        while "there is room" not in talk.heard("c"):
            await asyncio.sleep(0.05)
    assert len(talk.heard("c")) >= len(accepted) + 1


async def test_a_plot_that_finds_no_room_is_told_and_the_text_comes_all_the_same(talk: Talk, small_disk: Path) -> None:
    state = talk.outside.service.state
    state.files["plot"] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0" + os.urandom(900_000)
    state.plan = lambda _said: Plan(run_s=1.0, messages=[[image("plot"), text("y = 12")]])
    await talk.bot.start()
    assert await talk.say("plot", conversation="c") == 202
    while not state.runs:
        await asyncio.sleep(0.01)
    with (small_disk / "ballast").open("wb", buffering=0) as ballast:
        free = shutil.disk_usage(small_disk).free
        ballast.write(b"0" * max(0, free - 300_000))  # room for the ledger, none for the plot
    async with asyncio.timeout(30):
        while not talk.heard("c"):
            await asyncio.sleep(0.05)
    assert "y = 12" in talk.heard("c")[0]
    assert "could not be brought to you" in talk.heard("c")[0]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; runs where it is")
async def test_each_message_is_synced_to_disk_before_it_is_acknowledged(outside: Dependencies, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    bot = BotProcess(data_dir=tmp_path / "data", service_address=outside.service_address)
    calls = "trace=fsync,fdatasync,sendto,send,write,writev,sendmsg"
    await bot.start("strace", "-D", "-f", "-s", "40", "-o", str(trace), "-e", calls)
    async with aiohttp.ClientSession() as session:
        talk = Talk(bot=bot, outside=outside, session=session, _ids=iter(range(1, 99)))  # type: ignore[arg-type]
        statuses = [await talk.say(f"t{n}", conversation=f"c{n}") for n in range(10)]
    assert statuses == [202] * 10
    await bot.stop()
    synced, acks = False, 0
    for line in trace.read_text("utf-8", "replace").splitlines():
        if re.search(r"\b(fsync|fdatasync)\(", line) or "fdatasync resumed" in line or "fsync resumed" in line:
            synced = True
        elif "HTTP/1.1 202" in line:
            assert synced, "a message was acknowledged before anything was synced since the last one"
            synced, acks = False, acks + 1
    assert acks == 10
