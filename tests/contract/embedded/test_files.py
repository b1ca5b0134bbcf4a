from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import aiohttp
import openai
import pytest
from openai import OpenAI
from openai.types.file_create_params import ExpiresAfter

from adapters.embedded import assistants_server as server
from tests.support.embedded_server import KEY, RememberingSandbox, ScriptedModel, serving

AN_HOUR: ExpiresAfter = {"anchor": "created_at", "seconds": 3600}


def test_a_file_is_uploaded_listed_read_and_deleted(client: OpenAI, tmp_path: Path) -> None:
    made = client.files.create(file=("Zahlen für mich.csv", b"1,2\n3,4\n"), purpose="assistants")
    assert (made.filename, made.bytes, made.purpose, made.object, made.status) == (
        "Zahlen für mich.csv",
        8,
        "assistants",
        "file",
        "processed",
    )
    vision = client.files.create(file=("cat.png", b"..."), purpose="vision")
    assert [file.id for file in client.files.list()] == [vision.id, made.id]
    assert [file.id for file in client.files.list(purpose="vision")] == [vision.id]
    assert client.files.retrieve(made.id) == made
    assert client.files.content(vision.id).read() == b"..."
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)
    assert [path.name for path in (tmp_path / "files").iterdir()] == [vision.id]


def test_uploads_for_assistants_are_not_given_back(client: OpenAI) -> None:
    file = client.files.create(file=("a.csv", b"1"), purpose="assistants")
    with pytest.raises(openai.BadRequestError, match="Not allowed to download files of purpose: assistants"):
        client.files.content(file.id)


def test_an_upload_needs_a_file_and_a_purpose(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="Invalid value for 'purpose'"):
        client.files.create(file=("a", b"1"), purpose="nonsense")  # type: ignore[arg-type] # that is the point
    with pytest.raises(openai.BadRequestError, match="uploaded as multipart/form-data"):
        client.post("/files", cast_to=dict, body={"purpose": "assistants"})


def test_an_upload_that_is_refused_in_the_end_leaves_nothing(client: OpenAI, tmp_path: Path) -> None:
    with pytest.raises(openai.BadRequestError, match="Invalid value for 'purpose'"):
        client.files.create(file=("a", b"1"), purpose="nonsense")  # type: ignore[arg-type] # that is the point
    with pytest.raises(openai.BadRequestError, match="Invalid value for 'expires_after'"):
        client.files.create(
            file=("a", b"1"), purpose="assistants", expires_after={"anchor": "created_at", "seconds": 1}
        )
    assert list((tmp_path / "files").iterdir()) == []


def test_a_name_that_climbs_stays_a_name(client: OpenAI, tmp_path: Path) -> None:
    file = client.files.create(file=("../../etc/passwd", b"1"), purpose="vision")
    assert client.files.content(file.id).read() == b"1"
    assert sorted(path.name for path in tmp_path.iterdir() if "sqlite" not in path.name) == ["files"]
    with pytest.raises(openai.NotFoundError):
        client.files.content("file-../assistants.sqlite")


def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(
    tmp_path: Path, model: ScriptedModel, sandbox: RememberingSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_FILE_BYTES", 1_000_000)
    with (
        serving(tmp_path, model, sandbox) as base_url,
        OpenAI(api_key=KEY, base_url=base_url, max_retries=0) as client,
    ):
        with pytest.raises(openai.APIStatusError) as refused:
            client.files.create(file=("big", b"x" * 1_200_000), purpose="assistants")
        assert refused.value.status_code == 413
        assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\nbroken", b"--x\r\nContent-Disposition: form-data\r\n\r\nabc"])
async def test_a_body_that_is_no_multipart_is_refused(base_url: str, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession() as session, session.post(f"{base_url}/files", data=body, headers=headers) as got:
        assert got.status == 400
        assert (await got.json())["error"]["type"] == "invalid_request_error"


async def test_a_form_of_very_many_parts_is_not_read_to_its_end(base_url: str) -> None:  # S23
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Bearer {KEY}"}
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 2_000
    async with aiohttp.ClientSession() as session, session.post(f"{base_url}/files", data=body, headers=headers) as got:
        assert got.status == 413
        assert "at most 20 parts" in (await got.json())["error"]["message"]


async def test_a_multipart_without_boundary_is_refused(base_url: str) -> None:
    headers = {"Content-Type": "multipart/form-data", "Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession() as session, session.post(f"{base_url}/files", data=b"x", headers=headers) as got:
        assert got.status == 400


def test_bytes_that_no_file_names_are_gone_after_a_start(
    tmp_path: Path, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        kept = client.files.create(file=("a", b"1"), purpose="vision")
    (tmp_path / "files" / "file-0123").write_bytes(b"left behind by a crash")
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        assert client.files.content(kept.id).read() == b"1"
    assert [path.name for path in (tmp_path / "files").iterdir()] == [kept.id]


@pytest.mark.parametrize("seconds", [0, 3599, 2_592_001, 10**9])
def test_a_lifetime_outside_the_apis_bounds_is_refused(client: OpenAI, seconds: int) -> None:
    with pytest.raises(openai.BadRequestError, match="3600 to 2592000 seconds"):
        client.files.create(
            file=("a.csv", b"1"),
            purpose="assistants",
            expires_after={"anchor": "created_at", "seconds": seconds},
        )


def test_an_upload_whose_time_has_come_is_gone_after_a_start(
    tmp_path: Path, model: ScriptedModel, sandbox: RememberingSandbox
) -> None:
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        lasting = client.files.create(file=("a.csv", b"1"), purpose="assistants")
        passing = client.files.create(file=("b.csv", b"2"), purpose="assistants", expires_after=AN_HOUR)
        assert client.files.retrieve(passing.id).filename == "b.csv"
        assert passing.expires_at == passing.created_at + 3600
        assert [file.expires_at for file in client.files.list()] == [passing.expires_at, None]
    with contextlib.closing(sqlite3.connect(tmp_path / "assistants.sqlite")) as store, store:
        assert store.execute("UPDATE expiries SET at = at - 3600").rowcount == 1
    with serving(tmp_path, model, sandbox) as url, OpenAI(api_key=KEY, base_url=url) as client:
        assert [file.id for file in client.files.list()] == [lasting.id]
    assert [path.name for path in (tmp_path / "files").iterdir()] == [lasting.id]


def test_an_upload_makes_room_by_those_whose_time_has_come(
    client: OpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = client.files.create(file=("a.csv", b"1"), purpose="assistants", expires_after=AN_HOUR)
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 3600)
    lasting = client.files.create(file=("b.csv", b"2"), purpose="assistants")
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(passing.id)
    assert [path.name for path in (tmp_path / "files").iterdir()] == [lasting.id]
