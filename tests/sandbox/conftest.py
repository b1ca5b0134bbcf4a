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


@pytest.fixture(scope="session")
def root_in_a_container() -> Iterator[Host]:
    yield from _served(as_root=True, in_container=True)


@pytest.fixture(scope="session")
def plain_user_in_a_container() -> Iterator[Host]:
    yield from _served(as_root=False, in_container=True)


SERVICES = ("service_of_root", "service_of_a_plain_user", "root_in_a_container", "plain_user_in_a_container")


@pytest.fixture(scope="session", params=SERVICES)
def host(request: pytest.FixtureRequest) -> Host:
    """Each of them. A module whose subject does not depend on the service replaces this by one of them."""
    service: Host = request.getfixturevalue(request.param)
    return service


@pytest.fixture
def session(host: Host) -> Iterator[str]:
    """The name of a session that nobody used before."""
    name = f"session-{next(_sessions)}"
    yield name
    host.forget(name)


def _served(*, as_root: bool, in_container: bool = False) -> Iterator[Host]:
    if in_container and os.geteuid() != 0:
        pytest.skip("only root can make what resembles a container; runs where the tests are run by root, as in CI")
    if not SANDBOX_PYTHON.exists():
        pytest.skip("the sandbox's own environment is not here; `make test` builds it")
    service = Host.start(as_root=as_root, in_container=in_container)
    assert service.isolation is not None, service.reason
    assert service.isolation.startswith("Landlock" if in_container else "bubblewrap")
    yield service
    service.stop()
