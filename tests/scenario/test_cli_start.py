"""The real program, started as people start it, in places where it can and cannot work."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from service.settings.table import SETTINGS

TEAMSBOT = str(Path(sys.executable).with_name("teamsbot"))
START_DEADLINE_S = 180
REPLICA = {
    "PORT": "0",
    "ASSISTANT_BACKEND": "responses",
    "OPENAI_API_KEY": "sk-x",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "MODEL": "m",
    "AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:9/a;",
}
_OURS = {name for spec in SETTINGS for name in spec.names}


def environment(**settings: str) -> dict[str, str]:
    """This process's own environment, without settings but those given."""
    return {name: value for name, value in os.environ.items() if name not in _OURS} | settings


def _hear_hangups() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests that run under nohup hand on that it is ignored


@contextmanager
def started(folder: Path, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """The program, running in an empty folder; killed at the end if it still runs."""
    program = subprocess.Popen(
        [TEAMSBOT, *arguments],
        cwd=folder,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_hangups,  # noqa: PLW1509 - one call of the system
    )
    with program:
        try:
            yield program
        finally:
            program.kill()


def ended(folder: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """The exit code and the talk of a start that ends by itself; nothing but talk may be printed."""
    with started(folder, *arguments, **settings) as program:
        data, talk = program.communicate(timeout=START_DEADLINE_S)
    assert data == ""
    return program.returncode, talk


def read_until(stream: IO[str] | None, word: str) -> str:
    """What is said up to and with the line that has this word; ends with the program."""
    assert stream is not None
    said = ""
    for line in stream:
        said += line
        if word in line:
            return said
    raise AssertionError(f"never said {word!r}, but: {said}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_start_says_what_a_new_user_needs_and_a_signal_ends_it_quietly(
    tmp_path: Path, number: signal.Signals
) -> None:
    with started(tmp_path, "serve", PORT="0") as program:
        greeting = read_until(program.stderr, "Connect a model")
        program.send_signal(number)
        _, farewell = program.communicate(timeout=START_DEADLINE_S)
    assert re.search(r"http://127\.0\.0\.1:\d+/api/messages", greeting)
    assert "built-in tutor" in greeting
    assert program.returncode == 0
    assert "Traceback" not in farewell


def test_a_start_that_waits_for_its_database_is_given_up_by_a_signal(tmp_path: Path, unused_tcp_port: int) -> None:
    database = f"postgresql://teamsbot@127.0.0.1:{unused_tcp_port}/teamsbot"
    with started(tmp_path, "serve", DATABASE_URL=database, **REPLICA) as program:
        read_until(program.stderr, "waiting for PostgreSQL")
        program.send_signal(signal.SIGTERM)
        _, farewell = program.communicate(timeout=START_DEADLINE_S)
    assert (program.returncode, "cannot start" in farewell, "Traceback" in farewell) == (0, False, False)


def test_standard_output_that_is_full_or_closed_is_told_in_a_line(tmp_path: Path) -> None:
    def ran(command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    told = "Standard output cannot be written: No space left on device.\n"
    assert ran(f"'{TEAMSBOT}' config >/dev/full") == (2, told)
    assert ran(f"'{TEAMSBOT}' doctor settings >&- <&-") == (0, "")


def test_who_asks_for_json_gets_nothing_else(tmp_path: Path) -> None:
    with started(tmp_path, "serve", PORT="0", LOG_FORMAT="json") as program:
        said = read_until(program.stderr, '"ready"')
    lines = [json.loads(line) for line in said.splitlines()]
    assert lines[-1]["address"].startswith("http://127.0.0.1:")
    assert "built-in tutor" in lines[-1]["answers"]


def test_the_data_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with started(tmp_path, "serve", PORT="0") as program:
        read_until(program.stderr, "Data directory")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_busy_port_is_told_with_another_to_take(tmp_path: Path) -> None:
    # ux 3.20
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, talk = ended(tmp_path, "serve", PORT=str(port))
        assert (code, talk.count("\n")) == (2, 1)
        assert f"Port {port} is taken" in talk
        assert f"teamsbot serve --port {port + 1}" in talk
        code, talk = ended(tmp_path, "assistants", "--port", str(port))
        assert (code, talk.count("\n")) == (2, 1)
        assert "teamsbot assistants --port" in talk


def test_a_second_process_on_the_same_data_is_told_within_seconds(tmp_path: Path) -> None:
    with started(tmp_path, "serve", PORT="0") as program:
        read_until(program.stderr, "Data directory")
        code, talk = ended(tmp_path, "serve", PORT="0")
        assert (code, talk.count("\n")) == (2, 1)
        assert talk.startswith("Another teamsbot uses")
        assert program.poll() is None


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    code, talk = ended(tmp_path, "serve", PORT="0", DATA_DIR="/proc/teamsbot")
    assert (code, talk.count("\n")) == (2, 1)
    assert "DATA_DIR" in talk


def test_a_folder_of_somebody_elses_things_is_not_locked_up(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    (home / "letter.txt").touch()
    code, talk = ended(tmp_path, "serve", PORT="0", DATA_DIR=str(home))
    assert code == 2
    assert f"DATA_DIR={home / 'teamsbot'}" in talk
    assert stat.S_IMODE(home.stat().st_mode) == 0o755


def test_a_full_disk_is_told(tmp_path: Path, full_disk: Path) -> None:
    code, talk = ended(tmp_path, "serve", PORT="0", DATA_DIR=str(full_disk / "data"))
    assert (code, talk.count("\n")) == (2, 1)
    assert "room" in talk


@pytest.mark.parametrize("free_kb", [16, 40, 64, 128])
def test_a_disk_that_is_full_soon_is_told_with_what_to_do(tmp_path: Path, full_disk: Path, free_kb: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={64 + free_kb}k", full_disk], check=True)  # ux.md 3.19
    code, talk = ended(tmp_path, "serve", PORT="0", DATA_DIR=str(full_disk / "data"))
    assert (code, talk.count("\n")) == (2, 1)
    assert "on a disk that has room" in talk or "Make room on the disk" in talk, talk


def fill(file: Path) -> None:
    with suppress(OSError), file.open("wb", buffering=0) as filling:
        while True:
            filling.write(bytes(1024))


@pytest.fixture
def full_disk() -> Iterator[Path]:
    """A disk of 64 KiB without a free byte, where the kernel lets this process mount one.

    Not in `tmp_path`: pytest's later runs would fail to delete the disk that a killed test has left mounted.
    """
    disk = Path(tempfile.mkdtemp(prefix="teamsbot-full-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        disk.rmdir()
        pytest.skip("runs where this process may mount a disk, which takes root")
    try:
        (disk / "data").mkdir(mode=0o700)
        fill(disk / "filling")
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)
        disk.rmdir()


def test_the_assistants_server_makes_its_key_once_and_tells_a_log_only_where_it_is(tmp_path: Path) -> None:  # S17
    path = tmp_path / "data" / "assistants.key"
    for _ in range(2):
        with started(tmp_path, "assistants", "--port", "0") as program:
            greeting = read_until(program.stderr, "Data directory")
        key = path.read_text("utf-8").strip()
        assert key not in greeting
        assert str(path) in greeting
        assert re.search(r"base_url=http://127\.0\.0\.1:\d+/v1", greeting)
