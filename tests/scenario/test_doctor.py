"""`teamsbot doctor` finds each fault that an installation can have, against stand-ins (issue 10, item 11)."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from adapters.sandbox.isolation import select_isolation
from service.doctor import NAMES, diagnose
from service.server import open_service
from service.settings import Settings
from tests.scenario.conftest import Rig
from tests.support.azurite_storage import Azurite
from tests.support.doctor_runs import KEY, NO_FILE, TEAMS, TEAMSBOT, doctor, findings, says, serving, with_issuer
from tests.support.postgres_server import PostgresServer
from tests.support.token_issuer import APP_ID, TENANT, TokenIssuer, claims, signed, token

# ---- the whole walk ----


async def test_a_bot_that_works_passes_every_check_and_ends_with_a_real_plot(tutor_rig: Rig, tmp_path: Path) -> None:
    environ = {"DATA_DIR": str(tutor_rig.data_dir), "PORT": "0"}
    async with tutor_rig.started() as person:
        found = await findings(environ)
        assert tuple(found) == ("settings", *NAMES)
        assert {check["status"] for check in found.values()} == {"pass", "skip"}, found
        assert person.bot_url in found["service"]["cause"]
        says(found["link"], "pass", "without signing in")
        says(found["turn"], "pass", "the picture of its card was fetched")
        assert await person.ask("/help")  # the running bot is as it was


async def test_a_bot_that_is_not_running_is_checked_as_far_as_that_goes_and_in_time(tmp_path: Path) -> None:
    began_s = time.monotonic()
    code, found = await doctor({"PORT": str(unused_port())}, tmp_path)
    assert time.monotonic() - began_s < 60
    assert code == 0, found
    says(found["service"], "warn", "not running", "teamsbot serve")
    assert not [check for check in found.values() if check["status"] == "fail"]


async def test_offline_no_other_service_is_asked(tmp_path: Path) -> None:
    asked: list[str] = []

    async def remember(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({})

    async with serving(remember) as url:
        environ = TEAMS | {
            "DATA_DIR": str(tmp_path / "data"),
            "PORT": str(unused_port()),
            "OPENAI_BASE_URL": f"{url}/v1",
            "MODEL": "m",
            "ToBotFromChannelOpenIdMetadataUrl": f"{url}/metadata",
            "AZURE_STORAGE_CONNECTION_STRING": f"AccountName=a;AccountKey=a2V5;BlobEndpoint={url}/a;",
        }
        found = await findings(environ, offline=True)
    assert asked == []
    assert {found[name]["status"] for name in ("clock", "token", "keys", "model", "files", "link", "turn")} == {"skip"}


async def test_a_port_of_another_program_and_one_that_takes_connections_and_says_nothing(tmp_path: Path) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>It works!</html>", content_type="text/html")

    environ = {"DATA_DIR": str(tmp_path / "data")}
    async with serving(page) as url:
        found = await findings(environ | {"PORT": url.rpartition(":")[2]}, "service")
        says(found["service"], "warn", "Another program than teamsbot answers", "PORT")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = await findings(environ | {"PORT": str(silent.getsockname()[1])}, "service")
        says(found["service"], "warn", "does not answer", "look at its log")


def test_a_check_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    told = subprocess.run(
        [TEAMSBOT, "doctor", "tokens"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (told.returncode, told.stdout) == (2, "")
    assert "There is no check 'tokens'. These are: settings, clock, cloud" in told.stderr


async def test_the_settings_can_be_checked_alone_and_their_number_is_said_in_words(tmp_path: Path) -> None:
    code, found = await doctor({}, tmp_path, "settings")
    assert (code, list(found)) == (0, ["settings"])
    says(found["settings"], "pass", "1 setting, valid")
    says((await findings({}, "settings"))["settings"], "pass", "the defaults hold")


def test_the_table_for_people_needs_no_colour_and_names_the_next_action(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "OPENAI_BASE_URL": f"http://127.0.0.1:{unused_port()}/v1", "MODEL": "m"}
    told = subprocess.run(
        [TEAMSBOT, "doctor", "model"],
        cwd=tmp_path,
        env=environ | {"COLUMNS": "40", "TERM": "xterm"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (told.returncode, told.stderr) == (1, "")
    assert "\x1b" not in told.stdout
    lines = told.stdout.splitlines()
    assert lines[0].startswith("pass  settings  3 settings") or lines[0].startswith("pass  settings  2 settings")
    assert lines[1].startswith("fail  model     Nobody answers at http://127.0.0.1:")
    assert lines[2].startswith("                Do: ")
    assert lines[-1].startswith("First broken link: model.")
    assert len(lines) == 5  # in a pipe nothing is wrapped


# ---- settings ----


async def test_two_values_for_one_setting(tmp_path: Path) -> None:
    environ = TEAMS | {"CLIENT_ID": "22222222-2222-3333-4444-555555555555", "DATA_DIR": str(tmp_path / "data")}
    code, found = await doctor(environ, tmp_path)
    assert code == 1
    says(found["settings"], "fail", "have different values; keep one", "teamsbot config")
    assert {check["status"] for name, check in found.items() if name != "settings"} == {"skip"}


async def test_keys_that_other_users_can_read(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(f"OPENAI_API_KEY={KEY}\nMODEL=m\n")
    env_file.chmod(0o644)
    diagnosis = await diagnose({"DATA_DIR": str(tmp_path / "data")}, env_file, only=("clock",))
    assert diagnosis.findings["settings"].status == "warn"
    assert "chmod 600" in diagnosis.findings["settings"].fix


# ---- sandbox, store, files ----


@pytest.mark.parametrize(("name", "demanded"), [("_isolations", "landlock"), ("_bubblewraps", "bubblewrap")])
async def test_no_walls_or_weaker_ones_than_demanded(
    name: str, demanded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"adapters.sandbox.isolation.{name}", lambda *_: iter(()))
    monkeypatch.setattr(
        "adapters.sandbox.sandbox.select_isolation", select_isolation
    )  # what is known is not this machine
    environ = {"DATA_DIR": str(tmp_path / "data"), "PORT": str(unused_port()), "SANDBOX_AT_LEAST": demanded}
    found = await findings(environ, "turn")
    says(found["sandbox"], "fail", "Code cannot be run safely on this machine", "docs/sandbox.md")
    says(found["turn"], "skip", "`sandbox` is broken")


async def test_a_data_folder_that_others_can_enter(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    (folder / "something").write_text("")
    found = await findings({"DATA_DIR": str(folder)}, "files")
    says(found["store"], "fail", "can be entered by other users")
    says(found["files"], "skip", "`store` is broken")


async def test_a_database_on_a_network_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.turn_lookup.network_disk", lambda _: "nfs4")
    found = await findings({"DATA_DIR": str(tmp_path / "data")}, "store")
    says(found["store"], "warn", "network disk (nfs4)", "DATABASE_URL")


async def test_a_postgresql_that_takes_no_writes(postgres: PostgresServer, tmp_path: Path) -> None:
    database = postgres.new_database()
    postgres.sql(database, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    environ = {
        "DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": postgres.url(database),
        "ASSISTANT_BACKEND": "responses",
        "OPENAI_API_KEY": KEY,
        "MODEL": "m",
        "AZURE_STORAGE_CONNECTION_STRING": "UseDevelopmentStorage=true",
    }
    says((await findings(environ, "store"))["store"], "fail", "takes no writes", "the primary and not a standby")


async def test_a_data_folder_that_cannot_be_made_is_told_with_one_fix(tmp_path: Path) -> None:
    found = await findings({"DATA_DIR": "/proc/teamsbot"}, "store")
    says(found["store"], "fail", "DATA_DIR /proc/teamsbot cannot be written", "a folder this user may write")


async def test_a_postgresql_that_is_not_there(tmp_path: Path) -> None:
    environ = {
        "DATABASE_URL": f"postgresql://teamsbot:canary@127.0.0.1:{unused_port()}/teamsbot",
        "AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:9/a;",
        "ASSISTANT_BACKEND": "assistants",
        "ASSISTANT_ID": "asst_1",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "DATA_DIR": str(tmp_path / "data"),
    }
    says((await findings(environ, "store"))["store"], "fail", "PostgreSQL cannot be reached")


async def test_a_container_is_private_or_told(storage: Azurite, tmp_path: Path) -> None:
    from azure.storage.blob.aio import ContainerClient

    container = storage.new_container()
    environ = {
        "AZURE_STORAGE_CONNECTION_STRING": storage.connection_string,
        "AZURE_STORAGE_CONTAINER": container,
        "DATA_DIR": str(tmp_path / "data"),
        "PORT": str(unused_port()),
    }
    says((await findings(environ, "files"))["files"], "pass", f"private container {container}")
    async with ContainerClient.from_connection_string(storage.connection_string, container) as client:
        await client.set_container_access_policy(signed_identifiers={}, public_access="container")
    says((await findings(environ, "files"))["files"], "fail", "is public", "--public-access off")


@pytest.mark.parametrize(
    ("status", "code", "fix"),
    [
        (403, "AuthorizationPermissionMismatch", "Storage Blob Data Contributor"),
        (403, "AuthenticationFailed", "AZURE_STORAGE_CONNECTION_STRING"),
        (403, "AuthorizationFailure", "firewall"),
    ],
)
async def test_a_container_without_rights(status: int, code: str, fix: str, tmp_path: Path) -> None:
    async def refuse(_: web.Request) -> web.Response:
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>canary</Message></Error>'
        return web.Response(status=status, text=body, content_type="application/xml", headers={"x-ms-error-code": code})

    async with serving(refuse) as url:
        environ = {
            "AZURE_STORAGE_CONNECTION_STRING": f"AccountName=a;AccountKey=a2V5;BlobEndpoint={url}/a;",
            "DATA_DIR": str(tmp_path / "data"),
            "PORT": str(unused_port()),
        }
        says((await findings(environ, "files"))["files"], "fail", code, fix)


# ---- the public address and the link ----


def test_a_public_url_on_http_is_found_without_a_request(tmp_path: Path) -> None:
    environ = TEAMS | {"PUBLIC_URL": "http://bot.example.com", "DATA_DIR": str(tmp_path / "data")}
    found = asyncio.run(findings(environ, "endpoint", offline=True))
    says(found["endpoint"], "fail", "http://", "TLS")


async def test_an_endpoint_that_cannot_be_reached(tmp_path: Path) -> None:
    environ = TEAMS | {"PUBLIC_URL": f"http://127.0.0.1:{unused_port()}", "DATA_DIR": str(tmp_path / "data")}
    says((await findings(environ, "endpoint"))["endpoint"], "fail", "Nobody can be reached", "proxy")


async def test_a_public_url_that_ends_in_the_endpoint_or_leads_to_a_sign_in(tmp_path: Path) -> None:
    environ = TEAMS | {"PUBLIC_URL": "https://bot.example.com/api/messages", "DATA_DIR": str(tmp_path / "data")}
    found = await findings(environ, "endpoint")
    says(found["endpoint"], "fail", "ends in /api/messages", "PUBLIC_URL=https://bot.example.com.")

    async def demand(_: web.Request) -> web.Response:
        return web.Response(status=401, text="Sign in")

    async with serving(demand) as url:
        found = await findings(environ | {"PUBLIC_URL": url}, "endpoint")
    says(found["endpoint"], "fail", "something else demands a sign-in there (401)", "exempt /api/messages")


async def test_services_that_accept_and_never_answer_are_named_in_time(tmp_path: Path) -> None:
    with socket.socket() as silent:  # the kernel accepts, and nobody reads
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        port = silent.getsockname()[1]
        hole, tls = f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}"
        environ = TEAMS | {
            "DATA_DIR": str(tmp_path / "data"),
            "PUBLIC_URL": tls,
            "ToChannelFromBotLoginUrl": tls,
            "ToBotFromChannelOpenIdMetadataUrl": f"{tls}/metadata",
            "GRAPH_URL": tls,
            "GRAPH_FILES": "on",
            "OPENAI_BASE_URL": f"{hole}/v1",
            "OPENAI_API_KEY": KEY,
            "MODEL": "m",
            "AZURE_STORAGE_CONNECTION_STRING": f"AccountName=a;AccountKey=a2V5;BlobEndpoint={hole}/a;",
            "PORT": str(port),
            "SANDBOX": "dynamic-sessions",
            "DYNAMIC_SESSIONS_ENDPOINT": f"{tls}/pool",
        }
        diagnosis = await diagnose(environ, NO_FILE, within_s=8)
    found = {name: (finding.status, finding.cause) for name, finding in diagnosis.findings.items()}
    assert tuple(found) == ("settings", *NAMES)
    assert diagnosis.first_broken == "token"
    assert found["token"][1].startswith("The login service did not answer within")
    assert found["sandbox"][1].startswith("The session pool, or the service that gives its token, did not answer")
    assert found["registration"] == found["graph"] == ("skip", "not tried, because `token` is broken")
    assert found["files"][0] == "warn"  # it began when nobody had answered at the service's own port
    assert found["link"] == ("skip", "not tried, because `files` came to no end")
    assert "pass" not in {found[name][0] for name in ("cloud", "keys", "model", "service", "endpoint", "turn")}


@pytest.mark.parametrize(
    ("status", "cause", "fix"), [(200, "is not this bot", "proxy"), (502, "nobody behind it", "Start teamsbot")]
)
async def test_a_public_url_that_is_not_us(status: int, cause: str, fix: str, tmp_path: Path) -> None:
    async def other(_: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>Welcome to nginx</html>", content_type="text/html")

    async with serving(other) as url:
        environ = TEAMS | {"PUBLIC_URL": url, "DATA_DIR": str(tmp_path / "data")}
        found = await findings(environ, "endpoint", "link")
    says(found["endpoint"], "fail", cause, fix)
    assert found["link"]["status"] == "fail"


async def test_a_sign_in_before_the_files_and_another_bot_at_the_address(rig: Rig, tmp_path: Path) -> None:
    async def sign_in(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "https://login.example.com"})

    async with serving(sign_in) as url:
        found = await findings({"PUBLIC_URL": url, "DATA_DIR": str(tmp_path / "data")}, "link")
    says(found["link"], "fail", "without a sign-in (302)", "Exempt /files")
    async with rig.started() as person:  # a bot with a DATA_DIR of its own
        environ = {"PUBLIC_URL": person.bot_url, "DATA_DIR": str(tmp_path / "another")}
        found = await findings(environ, "link")
    says(found["link"], "fail", "does not know a file", "LINK_SIGNING_KEY")


# ---- the last request from Teams ----


async def test_the_last_request_from_teams_is_told(rig: Rig, tmp_path: Path) -> None:
    async with TokenIssuer() as issuer, aiohttp.ClientSession() as client:
        environ = with_issuer(
            issuer,
            tmp_path / "data",
            PORT="0",
            TRUSTED_SERVICE_URLS=rig.connector.service_url.removesuffix("/_connector"),
        )
        says(
            (await findings(environ, "teams"))["teams"],
            "warn",
            "Nothing has come",
            "https://bot.example.com/api/messages",
        )
        async with open_service(Settings.read(environ, NO_FILE)) as started:

            async def post(bearer: str, **changes: Any) -> dict[str, str]:
                activity = {
                    "type": "message",
                    "id": f"{time.time_ns()}",
                    "channelId": "msteams",
                    "serviceUrl": rig.connector.service_url,
                    "conversation": {"id": "a:1", "conversationType": "personal", "tenantId": TENANT},
                    "from": {"id": "29:ada"},
                    "recipient": {"id": "28:bot"},
                    "text": "/help",
                    "channelData": {"tenant": {"id": TENANT}},
                } | changes
                headers = {"Authorization": f"Bearer {bearer}"}
                async with client.post(f"{started.address}/api/messages", json=activity, headers=headers) as response:
                    await response.read()
                await asyncio.sleep(1.2)  # it is written down at most once a second
                return (await findings(environ, "teams"))["teams"]

            ours = rig.connector.service_url
            other = "77777777-2222-3333-4444-555555555555"
            wrong = f"answered 401 because of WrongAudience: audience {other}, expected {APP_ID}"
            says(await post(token(aud=other, serviceurl=ours)), "fail", wrong, "MicrosoftAppId")
            says(await post(token(serviceurl=ours)), "pass", "accepted")
            foreign = "https://smba.example.com/emea/"
            found = await post(token(serviceurl=foreign), serviceUrl=foreign)
            says(found, "fail", "ForeignServiceUrl", "TRUSTED_SERVICE_URLS")
            wrong_cloud = token(iss="https://api.botframework.us")
            says(await post(wrong_cloud), "fail", "WrongIssuer", "CLOUD")
            forged = signed(claims(), key="forger", kid="forged")
            says(await post(forged), "fail", "WrongIssuer")  # what anybody can send is not Teams'
            stranger = {"tenant": {"id": "00000000-1111-2222-3333-444444444444"}}
            found = await post(token(serviceurl=ours), channelData=stranger, conversation={"id": "a:1"})
            says(found, "pass", "not on its lists (TenantNotAllowed)")
