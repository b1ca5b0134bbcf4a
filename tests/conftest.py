"""Where the tests find the tools that `make test` fetches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from scripts.azurite import azurite_is_here
from scripts.chat_bundle import web_chat_is_here
from scripts.chromium import find_chromium
from scripts.fetch import AXE
from scripts.node import Node, find_node
from scripts.playground import playground_is_here
from scripts.second_servers import agent_server_is_here, steady_is_here
from tests.support.azurite_storage import Azurite, running_storage
from tests.support.known_isolation import keep_findings
from tests.support.postgres_server import PostgresServer, postgres_programs, running_postgres

_HOW = "`make test` fetches it"

# A busy machine makes no example wrong: neither its own time nor that of drawing it is judged.
settings.register_profile("teamsbot", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("teamsbot")

# Files are begun in this order (`--dist loadfile --no-loadscope-reorder`): those that kill and restart processes take a
# minute each with few tests, and one of them begun last would have the other workers wait for it. Of the unit tests,
# those come first that wait for deadlines.
_LONGEST_FIRST = (
    "crash", "browser", "scenario", "sandbox", "contract", "unit/openai", "unit/teams", "unit/functions", "",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        place = item.path.relative_to(tests).as_posix()
        return next(rank for rank, folder in enumerate(_LONGEST_FIRST) if place.startswith(folder))

    items.sort(key=rank)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=20261124, help="what the tests of destruction draw from")
    parser.addoption("--need-tools", action="store_true", help="a fetched tool that is missing fails its tests")


@pytest.fixture(scope="session", autouse=True)
def _this_machine_is_known(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = tmp_path_factory.getbasetemp()
    findings = (run.parent if "PYTEST_XDIST_WORKER" in os.environ else run) / "findings"  # of all workers
    findings.mkdir(exist_ok=True)
    keep_findings(findings)


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> int:
    """What everything random is drawn from; the same seed draws the same again."""
    chosen: int = pytestconfig.getoption("--seed")
    print(f"seed {chosen}")
    return chosen


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> Path:
    return find_chromium() or _missing("Chromium", pytestconfig)


@pytest.fixture(scope="session")
def playground_node(pytestconfig: pytest.Config) -> Node:
    """The Node that runs the Agents Playground, where both are here."""
    node = find_node() if playground_is_here() else None
    return node or _missing("the Agents Playground", pytestconfig)


@pytest.fixture(scope="session")
def azurite_node(pytestconfig: pytest.Config) -> Node:
    """The Node that runs Azurite, where both are here."""
    node = find_node() if azurite_is_here() else None
    return node or _missing("Azurite", pytestconfig)


@pytest.fixture(scope="session")
def storage(azurite_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A storage for all tests that leave it alive; each takes a container of its own."""
    with running_storage(azurite_node, tmp_path_factory.mktemp("azurite")) as azurite:
        yield azurite


@pytest.fixture(scope="session")
def web_chat(pytestconfig: pytest.Config) -> None:
    """The chat page is complete."""
    if not web_chat_is_here():
        _missing("Web Chat", pytestconfig)


@pytest.fixture(scope="session")
def axe(pytestconfig: pytest.Config) -> str:
    """The script of axe-core."""
    return AXE.read_text("utf-8") if AXE.is_file() else _missing("axe-core", pytestconfig)


@pytest.fixture(scope="session")
def agent_server_here(pytestconfig: pytest.Config) -> None:
    """Microsoft's server of the Responses protocol can be started."""
    if not agent_server_is_here():
        _missing("Microsoft's server of the Responses protocol", pytestconfig)


@pytest.fixture(scope="session")
def steady_here(pytestconfig: pytest.Config) -> None:
    """Steady can be started."""
    if not steady_is_here():
        _missing("Steady", pytestconfig)


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests; each takes a database of its own."""
    with running_postgres(postgres_programs() or _missing("PostgreSQL", pytestconfig)) as server:
        yield server


def _missing(tool: str, config: pytest.Config) -> NoReturn:
    if config.getoption("--need-tools"):
        pytest.fail(f"{tool} is missing, though it should have been fetched", pytrace=False)
    pytest.skip(f"{tool} is not here; {_HOW}")
