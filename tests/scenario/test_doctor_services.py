"""`teamsbot doctor` explains what Microsoft and the model's service say, against stand-ins (issue 10, item 11)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from service.manifest import AppFacts, Stage, write_package
from tests.support.doctor_runs import KEY, SECRET, TEAMS, doctor, findings, says, serving, with_issuer
from tests.support.entra_server import EntraServer
from tests.support.openai_stand_in import KEY as STAND_IN_KEY
from tests.support.responses_service import MODEL as STAND_IN_MODEL
from tests.support.responses_service import Provider, ResponsesService
from tests.support.responses_tutor import tutor_brain
from tests.support.token_issuer import APP_ID, ISSUER, TENANT, TokenIssuer, key_entry, signed
from tests.support.waiting import settled

# ---- the bot's own token ----

REFUSALS = {
    "AADSTS7000215: Invalid client secret provided": ("the client secret is wrong", "MicrosoftAppPassword"),
    "AADSTS7000222: The provided client secret keys are expired": ("has expired", "new secret"),
    "AADSTS50194: Application is not configured as multi-tenant": ("for one tenant", "MicrosoftAppType=SingleTenant"),
    "AADSTS90002: Tenant not found": ("no such tenant", "MicrosoftAppTenantId"),
    "AADSTS700016: Application was not found in the directory": ("not registered in this tenant", "MicrosoftAppType"),
    "AADSTS7000229: missing service principal": ("no service principal", "az ad sp create"),
    "AADSTS900382: Confidential Client is not supported in Cross Cloud": ("another cloud", "CLOUD"),
    "AADSTS500011: resource principal not found": ("differs between clouds", "CLOUD"),
    "AADSTS700213: No matching federated identity record": ("does not trust this managed identity", "federated"),
    "AADSTS999999: something new": ("AADSTS999999", "Look up AADSTS999999"),
}


@pytest.fixture
async def entra(tmp_path: Path) -> AsyncIterator[EntraServer]:
    async with EntraServer(tmp_path) as server:
        yield server


def with_entra(entra: EntraServer, **changes: str) -> dict[str, str]:
    return TEAMS | {"ToChannelFromBotLoginUrl": entra.origin, "SSL_CERT_FILE": str(entra.certificate)} | changes


@pytest.fixture
def trusted(entra: EntraServer) -> None:
    """This process trusts the stand-in, as a process that starts with SSL_CERT_FILE does."""
    aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(entra.certificate)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("refusal", "cause", "fix"), [(text, *told) for text, told in REFUSALS.items()])
async def test_microsoft_s_refusals_of_the_bot_s_credential_are_explained(
    refusal: str, cause: str, fix: str, entra: EntraServer, tmp_path: Path
) -> None:
    entra.error = refusal
    environ = with_entra(entra, DATA_DIR=str(tmp_path / "data"))
    says((await findings(environ, "token"))["token"], "fail", cause, fix)


async def test_a_credential_that_works(entra: EntraServer, tmp_path: Path) -> None:
    code, found = await doctor(with_entra(entra), tmp_path, "token")
    assert code == 0, found
    says(found["token"], "pass", "gives the bot its token")
    tenant, form = entra.asked[-1]
    assert (tenant, form["client_id"], form["scope"]) == (TENANT, APP_ID, "https://api.botframework.com/.default")


async def test_a_login_service_whose_certificate_is_not_trusted(entra: EntraServer, tmp_path: Path) -> None:
    environ = with_entra(entra)
    del environ["SSL_CERT_FILE"]
    code, found = await doctor(environ, tmp_path, "token")
    assert code == 1
    says(found["token"], "fail", "no usable answer", "SSL_CERT_FILE")


async def test_a_managed_identity_that_is_not_there(tmp_path: Path) -> None:
    environ = TEAMS | {"MicrosoftAppType": "UserAssignedMSI", "MicrosoftAppPassword": ""}
    environ |= {"IDENTITY_ENDPOINT": f"http://127.0.0.1:{unused_port()}/token", "IDENTITY_HEADER": "canary"}
    code, found = await doctor(environ, tmp_path, "token")
    assert (code, found["token"]["status"]) == (1, "fail"), found


# ---- the tenant and the registration ----


def application(**changes: object) -> dict[str, object]:
    """As Graph tells it; the secret that the settings hold is the first."""
    later = datetime.now(UTC) + timedelta(days=200)
    credential = {"hint": SECRET[:3], "keyId": "1", "endDateTime": later.isoformat().replace("+00:00", "Z")}
    return {"displayName": "Bot", "signInAudience": "AzureADMyOrg", "passwordCredentials": [credential]} | changes


@pytest.mark.usefixtures("trusted")
async def test_a_secret_that_ends_soon_has_ended_or_is_not_there(entra: EntraServer, tmp_path: Path) -> None:
    environ = with_entra(entra, DATA_DIR=str(tmp_path / "data"), GRAPH_URL=entra.origin)
    entra.application = application()
    says((await findings(environ, "registration"))["registration"], "pass", "its client secret lasts until")
    for days, status, cause in ((29, "warn", "in 28 days"), (-1, "fail", "expired on")):
        end = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        old = {"hint": "zzz", "endDateTime": "2030-01-01T00:00:00Z"}  # another secret lasts longer
        entra.application = application(passwordCredentials=[{"hint": SECRET[:3], "endDateTime": end}, old])
        says((await findings(environ, "registration"))["registration"], status, cause, "new client secret")
    entra.application = application(passwordCredentials=[{"hint": "zzz", "endDateTime": "2030-01-01T00:00:00Z"}])
    says((await findings(environ, "registration"))["registration"], "fail", "does not have the client secret")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("audience", "changes", "status", "cause"),
    [
        ("AzureADMyOrg", {"MicrosoftAppType": "MultiTenant"}, "fail", "MicrosoftAppType is MultiTenant"),
        ("AzureADMyOrg", {"ALLOWED_TENANTS": "*"}, "fail", "ALLOWED_TENANTS names other tenants"),
        ("PersonalMicrosoftAccount", {}, "fail", "personal accounts only"),
        ("AzureADMultipleOrgs", {"ALLOWED_TENANTS": "*"}, "pass", "fits the settings"),
    ],
)
async def test_the_kind_of_the_registration_and_whom_it_is_for(
    audience: str, changes: dict[str, str], status: str, cause: str, entra: EntraServer, tmp_path: Path
) -> None:
    entra.application = application(signInAudience=audience)
    environ = with_entra(entra, DATA_DIR=str(tmp_path / "data"), GRAPH_URL=entra.origin, **changes)
    says((await findings(environ, "registration"))["registration"], status, cause)


@pytest.mark.usefixtures("trusted")
async def test_a_registration_that_the_app_may_not_read_is_asked_of_az(
    entra: EntraServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = with_entra(entra, DATA_DIR=str(tmp_path / "data"), GRAPH_URL=entra.origin)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    says((await findings(environ, "registration"))["registration"], "skip", "teams app doctor")
    (tmp_path / "bin").mkdir()
    az = tmp_path / "bin" / "az"
    ended = json.dumps(application(passwordCredentials=[{"hint": None, "endDateTime": "2026-01-01T00:00:00Z"}]))
    az.write_text(f"#!/bin/sh\n[ \"$*\" = 'ad app show --id {APP_ID} --output json' ] && echo '{ended}'\n")
    az.chmod(0o700)
    says((await findings(environ, "registration"))["registration"], "fail", "expired on 2026-01-01")


@pytest.mark.usefixtures("trusted")
async def test_the_wrong_cloud_and_the_wrong_tenant(entra: EntraServer, tmp_path: Path) -> None:
    environ = with_entra(entra, DATA_DIR=str(tmp_path / "data"))
    says((await findings(environ, "cloud"))["cloud"], "fail", f"no tenant {TENANT} in the cloud `public`", "CLOUD")
    entra.discovery = {"issuer": f"{entra.origin}/{TENANT}/v2.0", "tenant_region_scope": "EU"}
    says((await findings(environ, "cloud"))["cloud"], "pass", "in the cloud `public`")
    entra.discovery |= {"tenant_region_scope": "USGov", "tenant_region_sub_scope": "DODCON"}
    says((await findings(environ, "cloud"))["cloud"], "fail", "in the cloud `gcch`", "CLOUD=gcch")
    says((await findings(environ | {"CLOUD": "gcch"}, "cloud"))["cloud"], "pass", "in the cloud `gcch`")


async def test_an_app_package_of_another_bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = TEAMS | {"DATA_DIR": str(tmp_path / "data")}
    says((await findings(environ, "package"))["package"], "skip", "no app package")
    facts = AppFacts(
        app_id=APP_ID,
        name="Tutor",
        version="1.0.0",
        developer_name="Contoso",
        website_url="https://example.com",
        privacy_url="https://example.com",
        terms_url="https://example.com",
        public_url=TEAMS["PUBLIC_URL"],
        starters=(),
    )
    write_package(facts, Stage.PROD, tmp_path)
    says((await findings(environ, "package"))["package"], "pass", "teamsbot-prod.zip")
    for setting in ({"GRAPH_FILES": "on"}, {"CONTEXT_MESSAGES": "5"}):
        says((await findings(environ | setting, "package"))["package"], "warn", "does not ask to read messages")
    write_package(replace(facts, reads_files=True), Stage.PROD, tmp_path)
    says((await findings(environ | {"GRAPH_FILES": "on"}, "package"))["package"], "pass", "teamsbot-prod.zip")
    write_package(replace(facts, app_id="22222222-2222-3333-4444-555555555555"), Stage.TEST, tmp_path)
    (tmp_path / "teamsbot-source.zip").write_bytes(b"something else")
    says((await findings(environ, "package"))["package"], "pass", "prod.zip: for this bot; teamsbot-test.zip is for")
    (tmp_path / "teamsbot-prod.zip").unlink()
    says((await findings(environ, "package"))["package"], "fail", "for the bot 222", "teamsbot manifest")


@pytest.mark.usefixtures("trusted")
async def test_the_permission_to_read_files_of_channels_and_group_chats(entra: EntraServer, tmp_path: Path) -> None:
    environ = with_entra(entra, DATA_DIR=str(tmp_path / "data"), GRAPH_URL=entra.origin)
    says((await findings(environ, "graph"))["graph"], "skip", "GRAPH_FILES is off")
    environ["GRAPH_FILES"] = "on"
    says((await findings(environ, "graph"))["graph"], "pass", "does not say whether")
    for roles, status in (([], "fail"), (["User.Read.All"], "fail"), (["Files.Read.All"], "pass")):
        entra.graph_token = signed({"roles": roles})
        found = (await findings(environ, "graph"))["graph"]
        says(found, status, "may", "--api-permissions 01d4889c" if status == "fail" else "")
    environ["GRAPH_URL"] = f"http://127.0.0.1:{unused_port()}"
    says((await findings(environ, "graph"))["graph"], "fail", "Graph does not answer", "CLOUD")
    assert entra.asked[-1][1]["scope"] == "https://graph.microsoft.com/.default"  # wherever Graph is reached


# ---- keys and clock ----


async def test_the_keys_of_teams_are_fetched_and_judged(tmp_path: Path) -> None:
    async with TokenIssuer() as issuer:
        environ = with_issuer(issuer, tmp_path / "data")
        found = await findings(environ, "keys", "clock")
        says(found["keys"], "pass", f"1 signing key of {ISSUER} fetched")
        says(found["clock"], "pass", "is right")
        issuer.keys = [key_entry("one", ["webchat"])]
        says((await findings(environ, "keys"))["keys"], "fail", "endorsed for msteams", "CLOUD")
        issuer.metadata["issuer"] = "https://api.botframework.us"
        says((await findings(environ, "keys"))["keys"], "fail", "another issuer", "CLOUD")
    says((await findings(environ, "keys"))["keys"], "fail", "cannot be fetched", "reach")


@pytest.mark.parametrize(("hours", "status"), [(-1, "fail"), (1, "fail")])
async def test_a_clock_that_is_off(hours: int, status: str, tmp_path: Path) -> None:
    async def late(_: web.Request) -> web.Response:
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + hours * 3600))
        return web.json_response({}, headers={"Date": date})

    async with serving(late) as url:
        environ = TEAMS | {"ToBotFromChannelOpenIdMetadataUrl": f"{url}/x", "DATA_DIR": str(tmp_path / "data")}
        found = await findings(environ, "clock")
    says(found["clock"], status, "ahead" if hours < 0 else "behind", "NTP")


# ---- the model ----


class ModelServer:
    """A service with one model, as OpenAI's API tells it."""

    def __init__(self, **fields: object) -> None:
        self.shown = {"id": "gpt-9", "object": "model", **fields}
        self.status = 200
        self.error: dict[str, object] = {}

    async def answer(self, request: web.Request) -> web.Response:  # noqa: PLR0911 - one for each route
        if not request.path.startswith("/v1/"):
            return web.Response(status=404)
        if request.headers["Authorization"] != f"Bearer {KEY}":
            return web.json_response({"error": {"code": "invalid_api_key", "message": "bad key"}}, status=401)
        if request.path == "/v1/models":
            return web.json_response({"object": "list", "data": [self.shown]})
        if request.path == "/v1/models/gpt-9":
            return web.json_response(self.shown)
        if self.error:
            return web.json_response({"error": self.error}, status=self.status)
        if request.method == "POST" and (await request.json())["model"] == "gpt-9":
            choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
            return web.json_response({"object": "chat.completion", "choices": [choice]})
        return web.json_response({"error": {"code": "model_not_found", "message": "no such model"}}, status=404)


async def model(server: ModelServer, folder: Path, **changes: str) -> dict[str, str]:
    async with serving(server.answer) as url:
        environ = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY, "MODEL": "gpt-9", "DATA_DIR": str(folder)}
        environ |= {name: value.replace("URL", url) for name, value in changes.items()}
        return (await findings(environ, "model"))["model"]


async def test_a_model_that_answers(tmp_path: Path) -> None:
    says(await model(ModelServer(), tmp_path), "pass", "gpt-9 at 127.0.0.1")


async def test_a_model_that_is_not_deployed_and_those_that_are(tmp_path: Path) -> None:
    says(await model(ModelServer(), tmp_path, MODEL="gpt-10"), "fail", "no model called gpt-10", "gpt-9")


ASSISTANTS = """
[[assistant]]
name = "Statistics Tutor"
instructions = "Teach statistics."
model = "{statistics}"

[[assistant]]
name = "Speller"
instructions = "Spell."
"""


async def test_the_model_of_each_assistant_is_asked_and_named(tmp_path: Path) -> None:
    file, asked = tmp_path / "bots.toml", []
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 20 * 86_400))

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            asked.append(name := (await request.json())["model"])
            known = {"choices": [{"message": {"content": "yes"}}]}
            return web.json_response(known, status=200 if name in {"gpt-9", "gpt-9-mini", "old"} else 404)
        if request.path == "/v1/models/old":
            return web.json_response({"id": "old", "shutdown_date": day})
        return web.json_response({"data": [{"id": "gpt-9"}]})

    async def found(statistics: str) -> dict[str, str]:
        asked.clear()
        file.write_text(ASSISTANTS.format(statistics=statistics))
        async with serving(answer) as url:
            environ = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY, "MODEL": "gpt-9"}
            environ |= {"ASSISTANTS_FILE": str(file), "DATA_DIR": str(tmp_path / "data")}
            return (await findings(environ, "model"))["model"]

    says(await found("gpt-9-mini"), "pass", "gpt-9 and gpt-9-mini at 127.0.0.1")
    assert sorted(asked) == ["gpt-9", "gpt-9-mini"]
    says(await found("gpt-9"), "pass", "gpt-9 at 127.0.0.1")
    assert asked == ["gpt-9"]
    says(await found("gtp-9"), "fail", "no model called gtp-9", "Set `model` of the assistant Statistics Tutor to one")
    says(await found("old"), "warn", f"old answers, but is switched off on {day}", "assistant Statistics Tutor")
    says(await found("built-in tutor"), "pass", "gpt-9 at 127.0.0.1")


async def test_an_answer_that_comes_in_pieces_is_read_to_its_end(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        body = b'{"data": [{"id": "gpt-9"}]}'
        if request.method == "POST":
            body = b'{"choices": [{"message": {"content": "yes"}}]}'
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(body[:9])
        await settled(turns=40)  # the client has read what there is
        await response.write(body[9:])
        return response

    async with serving(answer) as url:
        environ = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY, "MODEL": "gpt-9", "DATA_DIR": str(tmp_path)}
        says((await findings(environ, "model"))["model"], "pass", "gpt-9 at 127.0.0.1")


@pytest.mark.parametrize("trouble", ["late", "broken"])
async def test_a_service_that_tells_nothing_of_a_model_that_answers_is_no_fault(
    trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.model_check._ANSWER_S", 2.0)
    server, over = ModelServer(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path != "/v1/models/gpt-9":
            return await server.answer(request)
        if trouble == "late":
            await over.wait()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serving(answer) as url:
        environ = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY, "MODEL": "gpt-9", "DATA_DIR": str(tmp_path)}
        found = (await findings(environ, "model"))["model"]
        over.set()
    says(found, "pass", "gpt-9 at 127.0.0.1")


async def test_a_model_whose_connection_breaks_is_named_and_hides_no_other(tmp_path: Path) -> None:
    file = tmp_path / "bots.toml"
    broken = {"gpt-10"}

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"data": [{"id": "gpt-9"}]})
        if (name := (await request.json())["model"]) in broken and request.transport is not None:
            request.transport.abort()
        return web.json_response({"choices": []}, status=404 if name == "gpt-9" else 200)

    file.write_text(ASSISTANTS.format(statistics="gpt-10"))
    async with serving(answer) as url:
        environ = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY, "MODEL": "gpt-9"}
        environ |= {"ASSISTANTS_FILE": str(file), "DATA_DIR": str(tmp_path / "data")}
        says((await findings(environ, "model"))["model"], "fail", "no model called gpt-9")
        environ["MODEL"] = "gpt-11"
        says((await findings(environ, "model"))["model"], "fail", "broke off without an answer to gpt-10", "log")


async def test_each_assistant_of_the_service_is_looked_for_and_named(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/v1/assistants/asst_3" and request.transport is not None:
            request.transport.abort()  # which hides no other
        is_known = request.path in {"/v1/assistants/asst_1", "/v1/models"}
        return web.json_response({"object": "list", "data": []}, status=200 if is_known else 404)

    file = tmp_path / "assistants.toml"
    file.write_text("".join(f'[[assistant]]\nname = "{name}"\nid = "asst_{name}"\n' for name in ("1", "2", "3")))
    async with serving(answer) as url:
        environ = {"ASSISTANT_BACKEND": "assistants", "OPENAI_BASE_URL": f"{url}/v1", "ASSISTANT_ID": "asst_1"}
        environ |= {"ASSISTANTS_FILE": str(file), "DATA_DIR": str(tmp_path / "data")}
        says((await findings(environ, "model"))["model"], "fail", "no assistant asst_2", "`id` of the assistant 2")
        file.write_text('[[assistant]]\nname = "One"\nid = "asst_1"\n')
        says((await findings(environ, "model"))["model"], "pass", "the Assistants service at 127.0.0.1")


async def test_a_hosted_model_is_asked_by_the_responses_api(tmp_path: Path) -> None:
    asked: list[str] = []
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 12 * 86_400))

    async def hosted(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        if request.path == "/v1/responses" and (await request.json())["model"] == "gpt-9":
            return web.json_response({"object": "response", "status": "completed", "output": []})
        if request.path == "/v1/models/gpt-9":
            return web.json_response({"id": "gpt-9", "shutdown_date": day})
        return web.json_response({"object": "list", "data": []})

    async with serving(hosted) as url:
        environ = {"ASSISTANT_BACKEND": "responses", "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY}
        environ |= {"MODEL": "gpt-9", "DATA_DIR": str(tmp_path)}
        found = await findings(environ, "model")
    says(found["model"], "warn", f"gpt-9 answers, but is switched off on {day}", "successor")
    assert "POST /v1/responses" in asked


async def test_the_whole_diagnosis_of_a_hosted_bot_passes_up_to_a_real_plot(tmp_path: Path) -> None:
    async with tutor_brain() as brain, ResponsesService(Provider.OPENAI) as service:
        service.state.brain = brain
        environ = {
            "ASSISTANT_BACKEND": "responses",
            "OPENAI_BASE_URL": service.base_url,
            "OPENAI_API_KEY": STAND_IN_KEY,
        }
        found = await findings(
            environ | {"MODEL": STAND_IN_MODEL, "PORT": str(unused_port()), "DATA_DIR": str(tmp_path)}
        )
    says(found["model"], "pass", f"{STAND_IN_MODEL} at 127.0.0.1")
    says(found["turn"], "pass", "the picture of its card was fetched")
    assert "fail" not in {check["status"] for check in found.values()}


async def test_an_azure_deployment_that_is_missing(tmp_path: Path) -> None:
    async def azure(request: web.Request) -> web.Response:
        if request.path.endswith("/models"):
            return web.json_response({"data": []})
        return web.json_response({"error": {"code": "DeploymentNotFound", "message": "canary"}}, status=404)

    async with serving(azure) as url:
        environ = {"AZURE_OPENAI_ENDPOINT": url, "AZURE_OPENAI_API_KEY": KEY, "MODEL": "d", "DATA_DIR": str(tmp_path)}
        found = await findings(environ, "model")
    says(found["model"], "fail", "no deployment called d", "(not of a model)")


@pytest.mark.parametrize("days", [0, 59])
async def test_a_model_that_will_be_switched_off_within_60_days(days: int, tmp_path: Path) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86_400))
    says(await model(ModelServer(shutdown_date=day), tmp_path), "warn", day, "successor")


async def test_a_model_that_is_there_for_longer(tmp_path: Path) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 70 * 86_400))
    says(await model(ModelServer(shutdown_date=day), tmp_path), "pass", "answers")


@pytest.mark.parametrize(
    ("key", "kind"), [("sk-ant-canary", "Anthropic's"), ("gsk_canary", "Groq's"), ("sk-proj-canary", "OpenAI's")]
)
async def test_a_key_for_another_service(key: str, kind: str, tmp_path: Path) -> None:
    found = await model(ModelServer(), tmp_path, OPENAI_API_KEY=key)
    says(found, "fail", f"refuses the key in OPENAI_API_KEY (401): it is {kind}", "OPENAI_BASE_URL")


async def test_an_address_without_v1(tmp_path: Path) -> None:
    says(await model(ModelServer(), tmp_path, OPENAI_BASE_URL="URL"), "fail", "lacks /v1", "OPENAI_BASE_URL")


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (
            403,
            {"code": "model_not_found", "message": "Project `p` does not have access to model `m`"},
            "no model called",
        ),
        (400, {"code": "400", "message": "Invalid model name passed in model=m. Call `/v1/models`"}, "no model called"),
        (400, "m is not a valid model ID", "no model called"),
        (402, {"message": "Insufficient credits"}, "quota"),
        (429, {"message": "Rate limit: quota of tokens per minute is used up"}, "limits the rate"),
    ],
)
async def test_refusals_in_words_of_other_services(status: int, body: object, cause: str, tmp_path: Path) -> None:
    async def refuse(request: web.Request) -> web.Response:
        if request.path == "/v1/models":
            return web.json_response({"data": [{"id": "gpt-9"}]})
        return web.json_response({"error": body}, status=status)

    async with serving(refuse) as url:
        environ = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY, "MODEL": "m", "DATA_DIR": str(tmp_path)}
        says((await findings(environ, "model"))["model"], "warn" if "rate" in cause else "fail", cause)


async def test_an_address_that_has_no_models_at_all(tmp_path: Path) -> None:
    found = await model(ModelServer(), tmp_path, OPENAI_BASE_URL="URL/api")
    says(found, "fail", "/api is no address of models", "mostly end in /v1")


async def test_a_service_in_trouble_and_one_whose_quota_is_used_up(tmp_path: Path) -> None:
    server = ModelServer()
    server.status, server.error = 429, {"code": "insufficient_quota", "message": "canary"}
    says(await model(server, tmp_path), "fail", "quota", "bill")
    server.status, server.error = 503, {"code": "overloaded", "message": "canary"}
    says(await model(server, tmp_path), "fail", "503", "log")
