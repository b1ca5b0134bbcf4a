"""What code, good or bad, may expect of a session."""

from __future__ import annotations

from adapters.sandbox.results import CodeStatus
from tests.sandbox.service import Host


def test_variables_persist_within_a_session(host: Host, session: str) -> None:
    host.run(session, "x = 3")
    assert host.run(session, "x ** 2 + 3").logs == "12\n"


def test_it_runs_as_nobody_in_particular(host: Host, session: str) -> None:
    assert host.run(session, "import os; os.getuid(), os.getcwd()").logs == "(1000, '/mnt/data')\n"
    assert host.targets["uid"] in (0, 43001)
