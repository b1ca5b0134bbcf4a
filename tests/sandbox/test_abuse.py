"""Every attempt of attacks.py is made for real, as root and as a plain user."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from adapters.sandbox.code_result import CodeStatus
from tests.sandbox.attacks import ATTACKS
from tests.sandbox.attempt import DONE, PREAMBLE, Killed, Stopped
from tests.sandbox.service import ROOT, Host


@pytest.fixture
def prepared(host: Host, session: str) -> str:
    """A session with a variable to lose, beside one that owns files."""
    target = orjson.dumps(host.targets | {"project": str(ROOT)}).decode()
    host.run("neighbour", "for f in ('/mnt/data', '/tmp', '/dev/shm'): open(f + '/neighbour', 'w').close()")
    host.run(session, f"TARGET = {target!r}\n{PREAMBLE}\nunharmed = 17")
    return session


MANY_FORKS = "fork bomb"
SIZE = "asks for the size of the service's .env"
FILLING = ("memory in file systems", "fills the disk")


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if isinstance(attack, Stopped)])
def test_is_stopped_and_the_session_lives_on(host: Host, prepared: str, name: str) -> None:
    if host.in_container and name in (SIZE, *FILLING):
        pytest.skip("ends in another way without namespaces: see the tests below")
    if host.in_container and name == MANY_FORKS:
        pytest.skip("ends in another way without namespaces: see the tests below")
    attack = ATTACKS[name]
    assert isinstance(attack, Stopped)
    result = host.run(prepared, attack.code + DONE, attack.deadline_s)
    assert "LEAKED" not in result.logs
    if attack.times_out:
        assert result.status is CodeStatus.TIMED_OUT
    else:
        assert result.status is CodeStatus.OK, result
        assert result.logs.endswith("ATTEMPTED\n")
    assert host.run(prepared, "unharmed").logs == "17\n"


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if isinstance(attack, Killed)])
def test_is_killed_and_the_next_run_works(host: Host, prepared: str, name: str) -> None:
    attack = ATTACKS[name]
    assert isinstance(attack, Killed)
    result = host.run(prepared, attack.code + DONE, attack.deadline_s)
    assert "LEAKED" not in result.logs
    assert result.status is CodeStatus.KILLED, result
    assert result.session_lost
    assert attack.because in result.reason
    assert host.run(prepared, "1 + 1").logs == "2\n"


@pytest.mark.parametrize("name", FILLING)
def test_without_memory_file_systems_who_fills_the_disk_is_killed(host: Host, prepared: str, name: str) -> None:
    if not host.in_container:
        pytest.skip("memory file systems have a size")
    result = host.run(prepared, ATTACKS[name].code + DONE, 15.0)
    assert (result.status, result.session_lost) == (CodeStatus.KILLED, True)
    assert result.reason == "The code wrote more than 80 MB of files and was stopped."
    assert host.run(prepared, "1 + 1").logs == "2\n"


def test_where_root_cannot_see_what_forks_share_each_counts_in_full(host: Host, prepared: str) -> None:
    if not (host.in_container and host.targets["uid"] == 0):
        pytest.skip("shared pages are divided among those who share them")
    result = host.run(prepared, ATTACKS[MANY_FORKS].code + DONE, 15.0)
    assert "LEAKED" not in result.logs
    assert (result.status, result.reason) == (
        CodeStatus.KILLED,
        "The code used more than 400 MB of memory and was stopped.",
    )


def test_where_the_kernel_counts_all_processes_of_the_user_the_watch_ends_a_fork_bomb(
    host: Host, prepared: str
) -> None:
    if not host.in_container or host.targets["uid"] == 0:
        pytest.skip("each session has a user of its own, or its own count")
    result = host.run(prepared, ATTACKS[MANY_FORKS].code + DONE, 15.0)
    if result.status is CodeStatus.KILLED:  # processes of the same user have ended since the session began
        assert result.reason == "The code started more than 64 processes and was stopped."
    else:
        assert result.logs == "ATTEMPTED\n"
    assert host.run(prepared, "1 + 1").logs == "2\n"


def test_files_without_a_name_count_too(host: Host, prepared: str) -> None:
    code = """
files = []
for number in range(8):
    files.append(open(f"/mnt/data/{number}", "wb"))
    os.unlink(f"/mnt/data/{number}")
    for _ in range(50):
        files[-1].write(bytes(MB))
        files[-1].flush()
time.sleep(1)
leaked(len(files))
"""
    result = host.run(prepared, code)
    assert "LEAKED" not in result.logs
    assert result.status is (CodeStatus.KILLED if host.in_container else CodeStatus.RAISED)


def test_without_namespaces_code_learns_of_a_file_that_it_exists_and_no_more(host: Host, prepared: str) -> None:
    if not host.in_container:
        pytest.skip("no such file is visible")
    code = "path = target['folder'] + '/.env'\nprint(os.stat(path).st_size)\nrefused = attempt(read, path)"
    result = host.run(prepared, code)
    size_bytes = Path(host.targets["folder"], ".env").stat().st_size
    assert (result.status, result.logs) == (CodeStatus.OK, f"{size_bytes}\n")


def test_nothing_that_was_attempted_is_left_on_the_machine(host: Host) -> None:
    assert not list(Path("/tmp").glob("teamsbot-escaped-*"))  # noqa: S108
    assert Path(host.targets["folder"]).stat().st_mode & 0o777 == 0o755
    env_file = Path(host.targets["folder"], ".env").stat()
    assert env_file.st_size < 100
    assert env_file.st_mode & 0o777 == 0o644
    assert env_file.st_mtime > 1000  # and not what hostile code tried to make it
