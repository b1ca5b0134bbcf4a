"""Every attempt of attacks.py is made for real, as root and as a plain user."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.sandbox.code_result import CodeStatus
from tests.sandbox.attacks import ATTACKS
from tests.sandbox.attempt import DONE, Killed, Stopped, preamble
from tests.sandbox.service import Host

MANY_FORKS = "fork bomb"
FILLING = ("memory in file systems", "fills the disk")
ENDS_OTHERWISE = ("asks for the size of the service's .env", MANY_FORKS, *FILLING)


@pytest.fixture
def prepared(host: Host, session: str) -> str:
    """A session with a variable to lose, beside one that owns files."""
    host.run("neighbour", "for f in ('/mnt/data', '/tmp', '/dev/shm'): open(f + '/neighbour', 'w').close()")
    host.run(session, preamble(host) + "\nunharmed = 17")
    return session


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if isinstance(attack, Stopped)])
def test_is_stopped_and_the_session_lives_on(host: Host, prepared: str, name: str) -> None:
    if host.in_container and name in ENDS_OTHERWISE and (name, host.targets["uid"]) != (MANY_FORKS, 0):
        pytest.skip("ends in another way without namespaces: see test_without_namespaces.py")
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


def test_nothing_that_was_attempted_is_left_on_the_machine(host: Host) -> None:
    assert not list(Path("/tmp").glob("teamsbot-escaped-*"))  # noqa: S108
    assert Path(host.targets["folder"]).stat().st_mode & 0o777 == 0o755
    env_file = Path(host.targets["folder"], ".env").stat()
    assert env_file.st_size < 100
    assert env_file.st_mode & 0o777 == 0o644
    assert env_file.st_mtime > 1000  # and not what hostile code tried to make it
