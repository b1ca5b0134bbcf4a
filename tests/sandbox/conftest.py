"""One sandbox as root and one as a plain user, each kept for the whole run of tests."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.sandbox.service import SANDBOX_PYTHON, Host

_sessions = itertools.count(1)


@pytest.fixture(scope="session", params=["as root", "as a plain user"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    as_root = request.param == "as root"
    if not SANDBOX_PYTHON.exists():
        pytest.skip("the sandbox's own environment is not here; `make test` builds it")
    if as_root and os.geteuid() != 0:
        pytest.skip("only root can start the service as root; runs where the tests are run by root, as in CI")
    host = Host.start(as_root=as_root)
    assert host.wall is not None, host.reason
    yield host
    host.stop()


@pytest.fixture
def session(host: Host) -> Iterator[str]:
    """The name of a session that nobody used before."""
    name = f"session-{next(_sessions)}"
    yield name
    host.forget(name)
