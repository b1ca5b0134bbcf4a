"""What only the watch limits where a session has no namespaces of its own: Landlock, as in a container."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from adapters.sandbox.code_result import CodeStatus
from tests.sandbox.attacks import ATTACKS
from tests.sandbox.attempt import DONE, HOLD_S, preamble
from tests.sandbox.service import Host
from tests.sandbox.test_abuse import FILLING, MANY_FORKS

TOO_MUCH = "The code wrote more than 80 MB of files and was stopped."


@pytest.fixture(scope="module", params=["root_in_a_container", "plain_user_in_a_container"])
def host(request: pytest.FixtureRequest) -> Host:
    service: Host = request.getfixturevalue(request.param)
    return service


@pytest.fixture
def holding(host: Host, session: str) -> str:
    """A session whose attempts keep what they took until they are killed."""
    host.run(session, preamble(host, hold_s=HOLD_S))
    return session


def _assert_killed(host: Host, session: str, code: str, because: str) -> None:
    result = host.run(session, code + DONE, HOLD_S)
    assert "LEAKED" not in result.logs
    assert (result.status, result.session_lost, result.reason) == (CodeStatus.KILLED, True, because)
    assert host.run(session, "1 + 1").logs == "2\n"


@pytest.mark.parametrize("name", FILLING)
def test_who_fills_the_disk_is_killed(host: Host, holding: str, name: str) -> None:
    code = ATTACKS[name].code.replace("leaked(total)", "pass").replace("leaked(sum(", "print(sum(")
    _assert_killed(host, holding, code, TOO_MUCH)


UNNAMED = """
def unnamed(size):
    name = f"/mnt/data/hidden-{threading.get_ident()}"  # threads do not unlink each other's
    file = open(name, "w+b")
    os.unlink(name)
    for _ in range(size // MB):
        file.write(bytes(MB))
    file.flush()
    return file
"""
"""Makes files that no walk through folders finds."""


@pytest.mark.parametrize(
    "code",
    [
        "files = [unnamed(30 * MB) for _ in range(4)]",
        "for _ in range(4):\n    if os.fork() == 0:\n        file = unnamed(30 * MB); hold()",
        "threading.Thread(target=lambda: (file := unnamed(30 * MB), hold())).start()\nfiles = [unnamed(60 * MB)]",
        "descriptors = [os.open('/mnt/data', os.O_TMPFILE | os.O_RDWR) for _ in range(3)]\n"
        "for fd in descriptors: os.posix_fallocate(fd, 0, 60 * MB)",
        "files = [unnamed(30 * MB) for _ in range(4)]\n"
        "stack = ctypes.create_string_buffer(1 << 16)\n"
        "pause, top = ctypes.cast(libc.pause, ctypes.c_void_p), ctypes.c_void_p(ctypes.addressof(stack) + (1 << 16))\n"
        "assert libc.clone(pause, top, 0x100 | 0x800 | 0x10000, None) > 0\n"  # a thread, but not of its descriptors
        "for file in files: file.close()",
    ],
    ids=["in one process", "in several", "in a thread", "that never had a name", "in a thread with a table of its own"],
)
def test_open_files_without_a_name_count(host: Host, holding: str, code: str) -> None:
    _assert_killed(host, holding, f"{UNNAMED}\n{code}\nhold()", TOO_MUCH)


def test_mapped_files_without_a_name_count_though_they_are_closed(host: Host, holding: str) -> None:
    code = """
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
for _ in range(2):
    with unnamed(MB) as file:
        libc.mmap(None, 4096, 1, 1, file.fileno(), 0)
hold()
"""
    _assert_killed(host, holding, UNNAMED + code, TOO_MUCH)


def test_a_program_that_was_deleted_while_it_runs_counts(host: Host, holding: str) -> None:
    code = """
import shutil
def large_program():
    shutil.copyfile("/bin/sleep", "/mnt/data/large")
    with open("/mnt/data/large", "ab") as file:
        for _ in range(30):
            file.write(bytes(MB))
    loaders = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
    loader = next(filter(os.path.exists, loaders))
    subprocess.Popen([loader, "/mnt/data/large", "600"])
    time.sleep(0.3)
    os.unlink("/mnt/data/large")
for _ in range(3):
    large_program()
hold()
"""
    _assert_killed(host, holding, code, TOO_MUCH)


def test_a_folder_that_is_nested_too_deeply_to_be_walked_through_ends_the_session(host: Host, holding: str) -> None:
    code = """
for _ in range(40):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
hold()
"""
    _assert_killed(host, holding, code, "The code made a folder that cannot be looked into and was stopped.")


def test_many_memory_maps_end_the_session(host: Host, holding: str) -> None:
    code = """
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
def many_maps():
    for number in range(60_000):
        libc.mmap(None, 4096, 1 if number % 2 else 0, 0x22, -1, 0)
for _ in range(8):
    if os.fork() == 0:
        many_maps(); hold()
hold()
"""
    _assert_killed(host, holding, code, "The code made too many memory maps and was stopped.")


def test_what_is_counted_cannot_be_hidden(host: Host, holding: str) -> None:
    code = """
import array
if libc.prctl(4, 0, 0, 0, 0) == 0:
    leaked("not dumpable")
one, two = socket.socketpair()
attempt(socket.send_fds, one, [b"x"], [0])
"""
    assert host.run(holding, code + DONE).logs == "ATTEMPTED\n"


@contextmanager
def _neighbour() -> Iterator[None]:
    """Another program of the machine that takes disk and sockets, with and without a name."""
    with ExitStack() as stack:
        named = Path(stack.enter_context(tempfile.TemporaryDirectory()), "named")
        unnamed = stack.enter_context(tempfile.TemporaryFile())
        named.write_bytes(bytes(200 << 20))
        for _ in range(200):
            unnamed.write(bytes(1 << 20))
        unnamed.flush()
        for _ in range(150):
            for one in socket.socketpair():
                stack.enter_context(one)
        yield


def test_what_a_neighbour_takes_is_not_counted(host: Host, session: str) -> None:
    host.run(session, "kept = 17")
    running = host.ask("run", session=session, code="import time; time.sleep(3); kept", deadline_s=HOLD_S)
    with _neighbour():
        result = host.result(running)
    assert (result.status, result.logs) == (CodeStatus.OK, "17\n")
    with _neighbour():
        assert host.run(session, "kept").logs == "17\n"


def test_a_large_file_that_is_open_and_mapped_counts_once(host: Host, holding: str) -> None:
    code = """
import numpy
file = unnamed(50 * MB)
mapped = numpy.memmap(file, dtype="u1", mode="r+")
again = [open(f"/proc/self/fd/{file.fileno()}", "rb") if os.path.exists("/proc/self/fd") else os.dup(file.fileno())]
time.sleep(1)
"""
    assert host.run(holding, UNNAMED + code + DONE).logs == "ATTEMPTED\n"


def test_where_the_kernel_counts_all_processes_of_the_user_the_watch_ends_a_fork_bomb(
    plain_user_in_a_container: Host,
) -> None:
    host, session = plain_user_in_a_container, "fork bomb"
    host.run(session, preamble(host))
    # The watch looks now and then: it is given the time to see the processes before the code ends them itself.
    code = ATTACKS[MANY_FORKS].code.replace("if children > 64:", "time.sleep(3)\nif children > 64:")
    result = host.run(session, code + DONE, HOLD_S)
    if result.status is CodeStatus.KILLED:  # processes of the same user have ended since the session began
        assert result.reason == "The code started more than 64 processes and was stopped."
    else:
        assert result.logs == "ATTEMPTED\n"
    assert host.run(session, "1 + 1").logs == "2\n"
    host.forget(session)


def test_code_learns_of_a_file_that_it_exists_and_no_more(host: Host, holding: str) -> None:
    code = "path = target['folder'] + '/.env'\nprint(os.stat(path).st_size)\nrefused = attempt(read, path)"
    result = host.run(holding, code)
    size_bytes = os.stat(Path(host.targets["folder"], ".env")).st_size  # noqa: PTH116
    assert (result.status, result.logs) == (CodeStatus.OK, f"{size_bytes}\n")
