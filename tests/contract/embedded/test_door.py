from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from openai import AzureOpenAI, OpenAI

from adapters.embedded.assistants_server import open_server
from adapters.embedded.object_store import StoreError
from tests.support.embedded_server import KEY, RememberingSandbox, ScriptedModel, ended, serving

BEARER = {"Authorization": f"Bearer {KEY}"}


async def answered(url: str, headers: dict[str, str], method: str = "GET", **body: Any) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers, **body) as got:
        assert got.content_type == "application/json"
        return got.status, await got.json()


@pytest.mark.parametrize("headers", [BEARER, {"Authorization": f"bearer {KEY}"}, {"api-key": KEY}])
@pytest.mark.parametrize("root", ["/v1", "/openai", "/openai/v1"])
async def test_the_key_is_taken_in_both_headers_at_each_root(base_url: str, headers: dict[str, str], root: str) -> None:
    url = base_url.removesuffix("/v1") + f"{root}/assistants?api-version=2024-02-15-preview"
    assert (await answered(url, headers))[0] == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_api_key"),
        ({"Authorization": f"Basic {KEY}"}, "missing_api_key"),
        ({"Authorization": "Bearer wrong"}, "invalid_api_key"),
        ({"api-key": "wrong"}, "invalid_api_key"),
        ({"api-key": KEY + "x"}, "invalid_api_key"),
        ({"Authorization": "Bearer \xff"}, "invalid_api_key"),
    ],
)
async def test_without_the_key_nothing_is_served(base_url: str, headers: dict[str, str], code: str) -> None:
    for path in ("/assistants", "/no/such/path"):
        status, body = await answered(base_url + path, headers)
        assert (status, body["error"]["code"], body["error"]["type"]) == (401, code, "invalid_request_error")
        assert KEY not in body["error"]["message"]


def test_the_real_client_sees_a_wrong_key_as_such(base_url: str) -> None:
    with OpenAI(api_key="wrong", base_url=base_url) as client, pytest.raises(openai.AuthenticationError):
        client.beta.assistants.list()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:3978"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
    ],
)
async def test_a_web_page_from_elsewhere_is_refused_even_with_the_key(base_url: str, headers: dict[str, str]) -> None:
    status, body = await answered(f"{base_url}/assistants", {**BEARER, **headers})
    assert (status, body["error"]["type"]) == (403, "invalid_request_error")


async def test_a_page_of_this_machine_is_let_in(base_url: str) -> None:
    status, _ = await answered(f"{base_url}/assistants", {**BEARER, "Origin": "http://localhost:3978"})
    assert status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff",
        b'{"model": NaN}',
        b'{"model": "\\ud800"}',
        b"[" * 100_000,
        b'{"model": "tutor", "response_format": ' + b'{"a":' * 300 + b"1" + b"}" * 301,
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(base_url: str, body: bytes) -> None:
    status, answer = await answered(f"{base_url}/assistants", BEARER, "POST", data=body)
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP"])
async def test_a_compressed_body_is_refused_unopened(
    base_url: str, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {**BEARER, "Content-Encoding": encoding}
    for _ in range(20):  # the connection broke now and then, by the timing of its end
        status, _ = await answered(f"{base_url}/assistants", headers, "POST", data=b"{}", compress=False)
        assert status == 415
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_body_that_is_too_large_is_refused(base_url: str) -> None:
    body = io.BytesIO(b'{"name": "' + b"x" * 9_000_000 + b'"}')
    status, _ = await answered(f"{base_url}/assistants", BEARER, "POST", data=body)
    assert status == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no/such/path", 404),
        ("GET", "/threads", 405),
        ("PUT", "/assistants", 405),
        ("POST", "/vector_stores", 404),
    ],
)
async def test_what_is_not_offered_is_said_in_json(base_url: str, method: str, path: str, status: int) -> None:
    assert (await answered(base_url + path, BEARER, method))[0] == status


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "order=up",
        "after=asst_none",
        "before=asst_none",
    ],
)
async def test_a_window_that_is_none_is_refused(base_url: str, query: str) -> None:
    status, _ = await answered(f"{base_url}/assistants?{query}", BEARER)
    assert status in {400, 404}


def test_azures_client_works_with_its_first_api_version(base_url: str) -> None:
    with AzureOpenAI(
        api_key=KEY,
        azure_endpoint=base_url.removesuffix("/v1"),
        api_version="2024-02-15-preview",
        max_retries=0,
    ) as client:
        assistant = client.beta.assistants.create(model="gpt-4-preview", tools=[{"type": "code_interpreter"}])
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "hi"}])
        run = ended(client, client.beta.threads.runs.create(thread.id, assistant_id=assistant.id))
        assert (run.status, run.model) == ("completed", "scripted")


async def test_it_serves_this_machine_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="for this machine only"):
        await open_server(
            data_dir=tmp_path,
            model=ScriptedModel(),
            sandbox=RememberingSandbox(),
            api_key=KEY,
            host="0.0.0.0",  # noqa: S104 - refused
        )


async def test_a_second_server_on_the_same_folder_is_told_so(tmp_path: Path) -> None:
    with (
        serving(tmp_path, ScriptedModel(), RememberingSandbox()),
        pytest.raises(StoreError, match="another process is using it"),
    ):
        await open_server(data_dir=tmp_path, model=ScriptedModel(), sandbox=RememberingSandbox(), api_key=KEY)


async def test_a_damaged_file_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "assistants.sqlite").write_bytes(b"this is no database " * 500)
    with pytest.raises(StoreError, match="not a database"):
        await open_server(data_dir=tmp_path, model=ScriptedModel(), sandbox=RememberingSandbox(), api_key=KEY)


async def test_a_port_that_is_taken_is_an_error_and_the_folder_is_let_go(tmp_path: Path) -> None:
    with serving(tmp_path / "one", ScriptedModel(), RememberingSandbox()) as base_url:
        port = int(base_url.removesuffix("/v1").rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            await open_server(
                data_dir=tmp_path / "two",
                model=ScriptedModel(),
                sandbox=RememberingSandbox(),
                api_key=KEY,
                port=port,
            )
    with serving(tmp_path / "two", ScriptedModel(), RememberingSandbox()):
        pass


def test_the_folder_is_nobody_elses(base_url: str, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "files").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For"])
async def test_what_a_proxy_passed_on_is_refused_even_with_the_key(base_url: str, name: str) -> None:
    # S16
    status, body = await answered(f"{base_url}/assistants", {**BEARER, name: "for=203.0.113.7"})
    assert (status, body["error"]["type"]) == (403, "invalid_request_error")


async def test_an_answer_does_not_name_the_server(base_url: str) -> None:
    # S16
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/assistants", headers=BEARER) as got:
        assert "Server" not in got.headers


async def test_a_body_of_very_many_values_is_refused(base_url: str) -> None:
    # S23
    body = b'{"model": "m", "metadata": {"a": [' + b"[]," * 300_000 + b"[]]}}"
    status, answer = await answered(f"{base_url}/assistants", BEARER, "POST", data=body)
    assert (status, answer["error"]["type"]) == (413, "invalid_request_error")
