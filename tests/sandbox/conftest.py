"""One service as root and one as a plain user, each kept for the whole run of tests."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.sandbox.service import SANDBOX_PYTHON, Host

_sessions = itertools.count(1)


@pytest.fixture(scope="session")
def service_of_root() -> Iterator[Host]:
    if os.geteuid() != 0:
        pytest.skip("only root can start the service as root; runs where the tests are run by root, as in CI")
    yield from _served(as_root=True)


@pytest.fixture(scope="session")
def service_of_a_plain_user() -> Iterator[Host]:
    yield from _served(as_root=False)


@pytest.fixture(scope="session", params=["service_of_root", "service_of_a_plain_user"])
def host(request: pytest.FixtureRequest) -> Host:
    """Both, one after the other. A module whose subject does not depend on the user replaces this by one of them."""
    service: Host = request.getfixturevalue(request.param)
    return service


@pytest.fixture
def session(host: Host) -> Iterator[str]:
    """The name of a session that nobody used before."""
    name = f"session-{next(_sessions)}"
    yield name
    host.forget(name)


def _served(*, as_root: bool) -> Iterator[Host]:
    if not SANDBOX_PYTHON.exists():
        pytest.skip("the sandbox's own environment is not here; `make test` builds it")
    service = Host.start(as_root=as_root)
    assert service.isolation is not None, service.reason
    yield service
    service.stop()
