"""The functions in examples/functions, called as the bot calls them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.functions.function_folder import FunctionFolder
from tests.unit.functions.test_function_folder import ADA

EXAMPLES = Path(__file__).parents[3] / "examples" / "functions"

ROWS = [
    (1, "Contoso Ltd", "open", "2026-10-01", 120.5),
    (2, "Fabrikam", "shipped", "2026-10-02", 80.0),
    (3, "contoso gmbh", "shipped", "2026-11-03", 9.99),
]


@pytest.fixture
def orders_db(tmp_path: Path) -> Path:
    path = tmp_path / "orders.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE orders (number, customer, status, ordered_on, total_eur)")
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", ROWS)
    return path


class Intranet:
    """An internal API that remembers what it was asked, and redirects one path elsewhere."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self.server = TestServer(self._app())

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests.append((request.path_qs, request.headers))
        if request.path.endswith("moved"):
            raise web.HTTPFound("http://127.0.0.1:1/elsewhere")
        if request.path.endswith("long"):
            return web.Response(body=b"x" * 200_001)
        return web.json_response({"room": "4711"})


@pytest.fixture
async def intranet() -> AsyncIterator[Intranet]:
    intranet = Intranet()
    await intranet.server.start_server()
    yield intranet
    await intranet.server.close()


@pytest.fixture
async def functions(orders_db: Path, intranet: Intranet) -> FunctionFolder:
    environment = {
        "PATH": os.environ["PATH"],
        "FN_ORDERS_DB": str(orders_db),
        "FN_INTRANET_APIS": f"rooms=http://127.0.0.1:{intranet.server.port}/api/, hr=http://127.0.0.1:1/",
        "FN_INTRANET_TOKEN": "t0ken",
        "FN_HOLIDAYS": "2026-12-25, 2027-01-01",
    }
    return await FunctionFolder.open(EXAMPLES, deadline_s=30, environment=environment)


async def call(functions: FunctionFolder, name: str, **arguments: Any) -> str:
    return await functions.call(name, json.dumps(arguments), ADA)


async def test_orders_are_found_by_customer_and_status(functions: FunctionFolder) -> None:
    found = json.loads(await call(functions, "find_orders", customer="CONTOSO"))
    assert [row["number"] for row in found] == [3, 1]
    assert [row["number"] for row in json.loads(await call(functions, "find_orders", status="shipped"))] == [3, 2]
    assert json.loads(await call(functions, "find_orders", customer="' OR 1=1 --")) == []
    assert "status: Input should be" in await call(functions, "find_orders", status="paid")


async def test_orders_are_for_people_whom_the_directory_knows(functions: FunctionFolder) -> None:
    stranger = replace(ADA, directory_id="")
    assert "shown to people of the company only" in await functions.call("find_orders", "{}", stranger)


async def test_the_intranet_is_read_on_behalf_of_the_person(functions: FunctionFolder, intranet: Intranet) -> None:
    answer = await call(functions, "read_intranet", api="rooms", path="rooms/4711", query={"on": "2026-12-01"})
    assert json.loads(answer) == {"room": "4711"}
    [(path, headers)] = intranet.requests
    assert path == "/api/rooms/4711?on=2026-12-01"
    assert (headers["X-On-Behalf-Of"], headers["X-Request-Id"]) == ("d1", "T-0001-call_1")
    assert headers["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("api", "path", "said"),
    [
        ("admin", "users", "there is no API of this name; there are: hr, rooms"),
        ("rooms", "../admin", "a path is made of words and slashes"),
        ("rooms", "//127.0.0.1:1/x", "a path is made of words and slashes"),
        ("rooms", "http://127.0.0.1:1", "a path is made of words and slashes"),
        ("rooms", "moved", "the API answered with status 302"),
        ("rooms", "long", "the answer is too long"),
        ("hr", "people", "ClientConnectorError"),
    ],
)
async def test_nothing_beside_the_allow_list_is_read(functions: FunctionFolder, api: str, path: str, said: str) -> None:
    output = await call(functions, "read_intranet", api=api, path=path)
    assert output.startswith("The function failed")
    assert said in output


@pytest.mark.parametrize(
    ("first", "last", "days", "holidays"),
    [
        ("2026-12-21", "2026-12-27", 4, ["2026-12-25"]),
        ("2026-11-28", "2026-11-29", 0, []),
        ("2026-12-01", "2027-01-04", 23, ["2026-12-25", "2027-01-01"]),
    ],
)
async def test_business_days_leave_out_weekends_and_holidays(
    functions: FunctionFolder, first: str, last: str, days: int, holidays: list[str]
) -> None:
    counted = json.loads(await call(functions, "business_days", first=first, last=last))
    assert counted == {"business_days": days, "holidays": holidays}


async def test_impossible_spans_of_days_are_refused(functions: FunctionFolder) -> None:
    assert "comes before the first" in await call(functions, "business_days", first="2026-02-02", last="2026-02-01")
    assert "at most 50 years" in await call(functions, "business_days", first="0001-01-01", last="9999-12-31")
    assert "first: Input should be" in await call(functions, "business_days", first="2026-02-30", last="2026-03-01")
