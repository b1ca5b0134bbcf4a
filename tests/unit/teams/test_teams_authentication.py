from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt
import pytest
import pytest_asyncio

from adapters.teams.authentication import AccessList, RefusalLog, TokenAuthentication
from adapters.teams.signing_keys import SigningKeys
from adapters.teams.token_verifier import Issuer, TokenVerifier
from adapters.teams.trusted_addresses import TrustedServices
from tests.support.teams_client import Door, open_door, recorded
from tests.support.token_issuer import (
    APP_ID,
    ISSUER,
    SERVICE_URL,
    TENANT,
    TokenIssuer,
    claims,
    key_entry,
    raw_token,
    rsa_key,
    signed,
    token,
)

ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
EMULATOR = "https://sts.windows.net/d6d49420-f39b-4df7-a1dc-d59a935871db/"
RS256 = '{"alg":"RS256","typ":"JWT","kid":"one"}'

ACCESS = AccessList(tenants=frozenset({TENANT}))
ONE_USER = AccessList(tenants=frozenset({TENANT}), users=frozenset({APP_ID}))


@dataclass
class Rig:
    door: Door
    issuer: TokenIssuer
    verifier: TokenVerifier

    async def post(self, token: str | None, activity: dict[str, Any] | None = None) -> tuple[int, str]:
        """Status, and the code of a refusal."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        status, body = await self.door.post(activity or said(), **headers)
        return status, body["error"]["code"] if body else ""


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    async with TokenIssuer() as issuer, aiohttp.ClientSession() as session:
        issuer.keys.append(key_entry("unendorsed", endorsements=[]))
        issuer.keys.append(key_entry("elsewhere", endorsements=["directline"]))
        issuer.keys.append(key_entry("unlisted", endorsements=None) | {"endorsements": "msteams"})
        keys = SigningKeys(issuer=ISSUER, metadata_url=issuer.metadata_url, session=session)
        verifier = TokenVerifier(app_id=APP_ID.upper(), issuers=[Issuer(name=ISSUER, keys=keys)])
        services = TrustedServices(hosts={"smba.trafficmanager.net"}, origins=("http://127.0.0.1:9",))
        async with open_door(
            authentication=TokenAuthentication(verifier=verifier, services=services, access=ACCESS)
        ) as door:
            yield Rig(door=door, issuer=issuer, verifier=verifier)
        await keys.close()


def said(**changes: Any) -> dict[str, Any]:
    """An activity as Teams sends it."""
    conversation = {"id": "a:1", "conversationType": "personal", "tenantId": TENANT}
    real = {"serviceUrl": SERVICE_URL, "conversation": conversation, "channelData": {"tenant": {"id": TENANT}}}
    return recorded("personal", **(real | changes))


@pytest.mark.parametrize(
    "good",
    [
        token,
        lambda: token(aud=APP_ID.upper()),
        lambda: token(aud=f"api://{APP_ID}"),
        lambda: token(aud=f"api://botid-{APP_ID}"),
        lambda: token(exp=int(time.time()) - 200, nbf=int(time.time()) - 4000),
        lambda: token(nbf=int(time.time()) + 200),
        lambda: token(nbf=int(time.time()) - 300, exp=int(time.time()) + 3600),  # 3,900 s, as in Microsoft's sample
        lambda: token(iat=int(time.time())),
        lambda: token(tid=TENANT.upper()),
        lambda: token(sub=7, jti=7),
        lambda: signed(claims(), cty="JWT"),  # trap 4: a real token on record has it
        lambda: signed(claims(), x5t="one"),
        lambda: signed(claims(), jku="http://127.0.0.1:1/keys", x5u="http://127.0.0.1:1/", jwk=key_entry("two")),
        lambda: raw_token('{"alg":"RS256","kid":"one"}', json.dumps(claims())),
    ],
)
async def test_a_token_of_the_channel_for_this_bot_opens(rig: Rig, good: Callable[[], str]) -> None:
    assert await rig.post(good()) == (202, "")
    assert [message.text for message in rig.door.accepted.messages] == ["hello"]


def now(shift: int) -> int:
    return int(time.time()) + shift


WRONG_TOKENS: list[tuple[Callable[[], str], str]] = [
    # No token at all, or something else.
    (lambda: "", "MalformedToken"),
    (lambda: "garbage", "MalformedToken"),
    (lambda: "a.b", "MalformedToken"),
    (lambda: "a.b.c.d.e", "MalformedToken"),
    (lambda: "..", "MalformedToken"),
    (lambda: "a.b.c", "MalformedToken"),
    (lambda: token() + "=", "MalformedToken"),
    (lambda: token() + ".x", "MalformedToken"),
    (lambda: token().replace(".", " ", 1), "MalformedToken"),
    (lambda: f"{token()} {token()}", "MalformedToken"),
    (lambda: f"{token()},{token()}", "MalformedToken"),
    (lambda: "é" + token(), "MalformedToken"),
    (lambda: "x" * 8_000, "MalformedToken"),
    (lambda: token(filler="x" * 5_000), "MalformedToken"),
    # Algorithms.
    (lambda: jwt.encode(claims(), "", algorithm="none", headers={"kid": "one"}) + "eA", "WrongAlgorithm"),
    (lambda: signed(claims(), alg="RS384"), "WrongAlgorithm"),
    (lambda: signed(claims(), alg="RS512"), "WrongAlgorithm"),
    (lambda: signed(claims(), alg="PS256"), "WrongAlgorithm"),
    (lambda: jwt.encode(claims(), "k" * 32, algorithm="HS256", headers={"kid": "one"}), "WrongAlgorithm"),
    (lambda: raw_token('{"alg":"rs256","kid":"one"}', json.dumps(claims())), "WrongAlgorithm"),
    (lambda: raw_token('{"alg":["RS256"],"kid":"one"}', json.dumps(claims())), "WrongAlgorithm"),
    (lambda: raw_token('{"kid":"one"}', json.dumps(claims())), "WrongAlgorithm"),
    # Headers.
    (lambda: raw_token('{"alg":"RS256"}', json.dumps(claims())), "MalformedToken"),
    (lambda: signed(claims(), kid=""), "MalformedToken"),
    (lambda: raw_token('{"alg":"RS256","kid":7}', json.dumps(claims())), "MalformedToken"),
    (lambda: raw_token('{"alg":"RS256","kid":["one"]}', json.dumps(claims())), "MalformedToken"),
    (lambda: signed(claims(), kid="k" * 201), "MalformedToken"),
    (lambda: signed(claims(), kid="../../etc/passwd"), "UnknownKey"),
    (lambda: signed(claims(), kid="two"), "UnknownKey"),
    (lambda: signed(claims(), kid="one\n"), "UnknownKey"),
    (lambda: signed(claims(), kid="ONE"), "UnknownKey"),
    (lambda: raw_token('{"alg":"RS256","kid":"one","crit":["exp"]}', json.dumps(claims())), "MalformedToken"),
    (lambda: raw_token('{"alg":"RS256","kid":"one","b64":false}', json.dumps(claims())), "MalformedToken"),
    (lambda: signed(claims(), typ="at+jwt"), "MalformedToken"),
    (lambda: raw_token('{"alg":"none","alg":"RS256","kid":"one"}', json.dumps(claims())), "MalformedToken"),
    (lambda: raw_token("[]", json.dumps(claims())), "MalformedToken"),
    (lambda: raw_token("not json", json.dumps(claims())), "MalformedToken"),
    (lambda: raw_token(b"\xff\xfe", json.dumps(claims())), "MalformedToken"),
    (lambda: raw_token("[" * 3000, json.dumps(claims())), "MalformedToken"),
    # Signatures.
    (lambda: signed(claims(), key="two", kid="one"), "WrongSignature"),
    (lambda: signed(claims(), key="one", kid="unendorsed"), "WrongSignature"),
    (lambda: token().rpartition(".")[0] + ".eA", "WrongSignature"),
    (lambda: token().rpartition(".")[0] + "." + token(iss=ISSUER, a=1).rpartition(".")[2], "WrongSignature"),
    # Claims by name and type.
    (lambda: token(iss=None), "MissingClaim"),
    (lambda: token(aud=None), "MissingClaim"),
    (lambda: token(exp=None), "MissingClaim"),
    (lambda: token(nbf=None), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"exp": str(now(3600))})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"nbf": str(now(0))})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"exp": now(3600) + 0.5})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"exp": True})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"exp": None})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"exp": [now(3600)]})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"iat": "now"})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"iss": [ISSUER]})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"aud": [APP_ID]})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"aud": [APP_ID, ISSUER]})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"aud": {}})), "MissingClaim"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"serviceurl": 7})), "MalformedToken"),
    (lambda: raw_token(RS256, json.dumps(claims() | {"tid": [TENANT]})), "MalformedToken"),
    (lambda: raw_token(RS256, "[1]"), "MalformedToken"),
    (lambda: raw_token(RS256, "7"), "MalformedToken"),
    (lambda: raw_token(RS256, ""), "MalformedToken"),
    (lambda: raw_token(RS256, "{"), "MalformedToken"),
    (lambda: raw_token(RS256, "[" * 3000), "MalformedToken"),
    (lambda: raw_token(RS256, b"\xff"), "MalformedToken"),
    (lambda: raw_token(RS256, json.dumps(claims())[:-1] + ',"exp":NaN}'), "MalformedToken"),
    (lambda: raw_token(RS256, json.dumps(claims())[:-1] + f',"aud":"{APP_ID}"}}'), "MalformedToken"),
    (lambda: raw_token(RS256, json.dumps(claims())[:-1] + f',"exp":{now(7200)}}}'), "MalformedToken"),
    (lambda: raw_token(RS256, json.dumps(claims(exp=None))[:-1] + f',"exp":{"9" * 4301}}}'), "MalformedToken"),
    # Times.
    (lambda: token(exp=now(-400), nbf=now(-4000)), "ExpiredToken"),
    (lambda: token(exp=now(-40_000), nbf=now(-44_000)), "ExpiredToken"),
    (lambda: token(nbf=now(400)), "TokenNotYetValid"),
    (lambda: token(iat=now(400)), "TokenNotYetValid"),
    (lambda: token(exp=now(-10), nbf=now(10)), "WrongLifetime"),
    (lambda: token(exp=now(10 * 365 * 86_400)), "WrongLifetime"),
    (lambda: token(exp=10**300), "WrongLifetime"),
    (lambda: token(nbf=-(10**30)), "WrongLifetime"),
    # Audiences. Trap 1: the framework's own is that of every bot's outbound token.
    (lambda: token(aud="https://api.botframework.com"), "WrongAudience"),
    (lambda: token(aud="https://api.botframework.com/.default"), "WrongAudience"),
    (lambda: token(aud=""), "WrongAudience"),
    (lambda: token(aud=TENANT), "WrongAudience"),
    (lambda: token(aud=f"{APP_ID} "), "WrongAudience"),
    (lambda: token(aud=f"{APP_ID},{TENANT}"), "WrongAudience"),
    (lambda: token(aud=f"https://{APP_ID}"), "WrongAudience"),
    (lambda: token(aud=f"api://evil/{APP_ID}"), "WrongAudience"),
    # Issuers. Trap 2: an Entra token for this app may be had by any program of the tenant.
    (lambda: token(iss=f"{ISSUER}/"), "WrongIssuer"),
    (lambda: token(iss=ISSUER.upper()), "WrongIssuer"),
    (lambda: token(iss="https://api.botframework.us"), "WrongIssuer"),
    (lambda: token(iss=f"{ISSUER}.evil.example"), "WrongIssuer"),
    (lambda: token(iss=""), "WrongIssuer"),
    (lambda: token(iss=ENTRA, tid=TENANT, azp=TENANT), "EntraToken"),
    (lambda: token(iss=f"https://sts.windows.net/{TENANT}/", tid=TENANT, appid=TENANT), "EntraToken"),
    (lambda: token(iss=ENTRA, tid=TENANT, azp=APP_ID, ver="2.0"), "PlaygroundToken"),
    (lambda: token(iss=EMULATOR, appid=APP_ID, ver="1.0"), "EmulatorToken"),
    (lambda: token(iss=ENTRA.replace(TENANT, "69e9b82d-4842-4902-8d1e-abc5b98a55e8"), azp=APP_ID), "EmulatorToken"),
    (lambda: token(iss=ENTRA, tid=TENANT, azp="5a807f24-c9de-44ee-a3a7-329e88a00ffc"), "AgenticUserToken"),
]


@pytest.mark.parametrize(("wrong", "code"), WRONG_TOKENS, ids=range(len(WRONG_TOKENS)))
async def test_any_other_token_is_refused_at_once_and_named(rig: Rig, wrong: Callable[[], str], code: str) -> None:
    await rig.post(token())  # the keys are known
    fetches = rig.issuer.fetches
    assert await rig.post(wrong()) == (401, code)
    assert rig.issuer.fetches - fetches <= 1  # for a key that is not known
    assert len(rig.door.accepted.messages) == 1
    assert len(rig.verifier) == 1  # and a refusal is not kept


def test_there_are_at_least_seventy_wrong_tokens_and_forty_hostile_addresses() -> None:
    assert len(WRONG_TOKENS) >= 70
    assert len(HOSTILE_SERVICE_URLS) >= 40


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Basic dXNlcjpwYXNz", "Digest x", "bearer", "Bearer  ", "Token x", "JWT x"],
)
async def test_a_request_without_a_bearer_token_is_refused_before_its_body_is_read(
    rig: Rig, header: str | None
) -> None:  # trap 9
    lines = [] if header is None else [f"Authorization: {header}"]
    head = "\r\n".join(
        ["POST /api/messages HTTP/1.1", "Host: x", "Content-Type: application/json", "Content-Length: 900000", *lines]
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.door.port)
    writer.write(f"{head}\r\nExpect: 100-continue\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)  # a body is waited for longer
    writer.close()
    assert answer.startswith(b"HTTP/1.1 401 ")  # S21: and not 100
    assert b"WWW-Authenticate: Bearer" in answer


async def test_a_body_is_asked_for_once_the_token_is_good(rig: Rig) -> None:
    body = json.dumps(said()).encode()
    head = (
        f"POST /api/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token()}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = await rig.door.raw(head.encode(), body, pause_s=0.3)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 ")


@pytest.mark.parametrize("second", ["Bearer x", "GOOD", ""])
async def test_two_authorization_headers_are_refused(rig: Rig, second: str) -> None:
    good = f"Bearer {token()}"
    lines = f"Authorization: {good}\r\nAuthorization: {good if second == 'GOOD' else second}\r\n"
    head = f"POST /api/messages HTTP/1.1\r\nHost: x\r\n{lines}Connection: close\r\n\r\n"
    assert (await rig.door.raw(head.encode())).startswith(b"HTTP/1.1 401 ")


async def test_bytes_that_are_no_text_in_a_token_are_refused(rig: Rig) -> None:
    head = b"POST /api/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\xff.b.c\r\nConnection: close\r\n\r\n"
    assert (await rig.door.raw(head)).startswith(b"HTTP/1.1 401 ")


WITHOUT_TENANT = {"id": "a:1", "conversationType": "personal"}

WRONG_ACTIVITIES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    # Trap 4: two absences are not equal.
    ({"serviceurl": None}, {}, "MissingServiceUrl"),
    ({}, {"serviceUrl": None}, "MissingServiceUrl"),
    ({"serviceurl": None}, {"serviceUrl": None}, "MissingServiceUrl"),
    ({"serviceurl": ""}, {"serviceUrl": ""}, "MissingServiceUrl"),
    ({}, {"serviceUrl": "https://smba.trafficmanager.net/amer/"}, "WrongServiceUrl"),
    ({}, {"serviceUrl": SERVICE_URL.upper()}, "WrongServiceUrl"),
    ({}, {"serviceUrl": "https://evil.example/"}, "WrongServiceUrl"),
    # Trap 5: names of our own channels in a signed activity.
    ({}, {"channelId": "webchat"}, "ForeignChannel"),
    ({}, {"channelId": "terminal"}, "ForeignChannel"),
    ({}, {"channelId": "emulator"}, "ForeignChannel"),
    ({}, {"channelId": "directline"}, "ForeignChannel"),
    ({}, {"channelId": ""}, "ForeignChannel"),
    ({}, {"channelId": None}, "ForeignChannel"),
    ({}, {"channelId": "MSTEAMS"}, "ForeignChannel"),
    ({}, {"channelId": ":msteams"}, "ForeignChannel"),
    # Trap 12: tenants that differ.
    ({}, {"channelData": {"tenant": {"id": APP_ID}}}, "TenantMismatch"),
    ({}, {"conversation": {"id": "a:1", "tenantId": APP_ID}}, "TenantMismatch"),
    ({"tid": APP_ID}, {}, "TenantMismatch"),
    ({"tid": APP_ID}, {"channelData": None}, "TenantMismatch"),
]


@pytest.mark.parametrize(("in_token", "in_activity", "code"), WRONG_ACTIVITIES)
async def test_an_activity_that_its_token_does_not_stand_for_is_refused(
    rig: Rig, in_token: dict[str, Any], in_activity: dict[str, Any], code: str
) -> None:
    assert await rig.post(token(**in_token), said(**in_activity)) == (403, code)
    assert not rig.door.accepted.messages


HOSTILE_SERVICE_URLS = [
    "https://evil.example/",
    "https://evil.trafficmanager.net/",  # anybody can register it
    "https://smba.trafficmanager.net.evil.example/",
    "https://xsmba.trafficmanager.net/",
    "https://smba-trafficmanager.net/",
    "https://trafficmanager.net/",
    "https://smba.trafficmanager.net./",
    "https://SMBA.trafficmanager.net:80/",
    "https://smba.trafficmanager.net:8443/",
    "https://smba.trafficmanager.net:/",
    "https://user@smba.trafficmanager.net/",
    "https://smba.trafficmanager.net@evil.example/",
    "https://evil.example\\@smba.trafficmanager.net/",
    "https://evil.example#@smba.trafficmanager.net/",
    "https://evil.example?@smba.trafficmanager.net/",
    "https://smba.trafficmanager.net\\.evil.example/",
    "https://smba.trafficmanager.net%2eevil.example/",
    "https://smba.trafficmanager.net%00.evil.example/",
    "https://smba。trafficmanager。net/",
    "https://ѕmba.trafficmanager.net/",
    "https://smba.traf\u200bficmanager.net/",
    "http://smba.trafficmanager.net/",
    "ftp://smba.trafficmanager.net/",
    "javascript://smba.trafficmanager.net/%0aalert(1)",
    "//smba.trafficmanager.net/",
    "smba.trafficmanager.net",
    " https://smba.trafficmanager.net/",
    "https://smba.trafficmanager.net/ ",
    "https://smba.trafficmanager.net/\n",
    "https://smba.trafficmanager.net/?a=b",
    "https://smba.trafficmanager.net/#a",
    "https://smba.trafficmanager.net/../x",
    "https://smba.trafficmanager.net/./",
    "https://smba.trafficmanager.net//evil.example",
    "https://smba.trafficmanager.net/%2e%2e/",
    "http://127.0.0.1/",
    "http://localhost:3978/",
    "http://127.0.0.1:90/",
    "http://[::1]:9/",
    "http://169.254.169.254/",
    "https://smba.infra.gov.teams.microsoft.us/",  # of another cloud
    "https://login.microsoftonline.com/",
    "https://",
]


@pytest.mark.parametrize("url", HOSTILE_SERVICE_URLS)
async def test_a_service_address_that_is_not_exactly_known_is_refused_though_it_is_signed(rig: Rig, url: str) -> None:
    assert await rig.post(token(serviceurl=url), said(serviceUrl=url)) == (403, "ForeignServiceUrl")
    assert not TrustedServices(hosts={"smba.trafficmanager.net"}).takes_token(url)


@pytest.mark.parametrize(
    "url",
    [
        f"https://smba.trafficmanager.net/de/{TENANT}/",
        "http://127.0.0.1:9/x",
        "HTTPS://SMBA.trafficmanager.net:443/teams/",
    ],
)
async def test_known_services_and_named_origins_are_served(rig: Rig, url: str) -> None:
    assert await rig.post(token(serviceurl=url), said(serviceUrl=url)) == (202, "")


@pytest.mark.parametrize("key", ["unendorsed", "elsewhere", "unlisted"])
async def test_a_key_that_is_not_endorsed_for_teams_is_refused(rig: Rig, key: str) -> None:
    assert await rig.post(signed(claims(), key=key, kid=key)) == (403, "NotEndorsed")


@pytest.mark.parametrize("channel", ["msteams:copilot", "msteams:copilot-web"])
async def test_an_endorsement_is_for_the_part_of_the_channel_before_the_colon(rig: Rig, channel: str) -> None:
    assert await rig.post(token(), said(channelId=channel)) == (202, "")
    assert rig.door.accepted.messages[0].key.channel == channel


@pytest.mark.parametrize(
    ("access", "sender", "tenant", "code"),
    [
        (ACCESS, {}, TENANT, None),
        (ACCESS, {}, TENANT.upper(), None),
        (ACCESS, {}, APP_ID, "TenantNotAllowed"),
        (ACCESS, {}, None, "TenantNotAllowed"),
        (AccessList(tenants=frozenset()), {}, TENANT, "TenantNotAllowed"),  # an empty list is nobody
        (AccessList(tenants=frozenset()), {}, None, "TenantNotAllowed"),
        (AccessList(tenants=None), {}, APP_ID, None),
        (ACCESS, {"tenantId": TENANT}, TENANT, None),
        (ACCESS, {"tenantId": APP_ID}, TENANT, "GuestNotAllowed"),
        (ACCESS, {"userRole": "guest"}, TENANT, "GuestNotAllowed"),
        (ACCESS, {"userRole": "anonymous"}, TENANT, "GuestNotAllowed"),
        (ACCESS, {"userPrincipalName": "a_b.example#EXT#@c.example"}, TENANT, "GuestNotAllowed"),
        (AccessList(tenants=frozenset({TENANT}), allow_guests=True), {"tenantId": APP_ID}, TENANT, None),
        (ONE_USER, {"aadObjectId": APP_ID.upper()}, TENANT, None),
        (ONE_USER, {"aadObjectId": TENANT}, TENANT, "UserNotAllowed"),
        (ONE_USER, {}, TENANT, "UserNotAllowed"),
    ],
)
def test_who_is_not_named_is_not_served(
    access: AccessList, sender: dict[str, Any], tenant: str | None, code: str | None
) -> None:  # traps 11 and 12
    assert access.refusal({"from": sender}, tenant) == code


@pytest.mark.parametrize("shape", ["personal", "installation_update", "invoke_card_action", "card_submit", "channel"])
async def test_people_of_other_tenants_are_refused_at_the_door_whatever_they_send(rig: Rig, shape: str) -> None:
    foreign = recorded(shape, serviceUrl=SERVICE_URL, channelData={"tenant": {"id": APP_ID}}, channelId="msteams")
    foreign["conversation"] = {"id": "a:1", "tenantId": APP_ID}
    assert await rig.post(token(), foreign) == (403, "TenantNotAllowed")
    assert not rig.door.accepted.messages


async def test_a_tenant_in_one_place_alone_is_enough(rig: Rig) -> None:
    assert await rig.post(token(), said(channelData=None)) == (202, "")
    assert await rig.post(token(), said(conversation=WITHOUT_TENANT)) == (202, "")


async def test_invokes_and_installations_need_a_token_too(rig: Rig) -> None:
    for shape in ("invoke_card_action", "installation_update", "conversation_update_personal", "card_submit"):
        assert (await rig.post(None, recorded(shape)))[0] == 401


async def test_a_token_is_no_help_once_its_key_is_withdrawn(rig: Rig) -> None:  # trap 10
    good = token()
    assert await rig.post(good) == (202, "")
    rig.issuer.keys = [key_entry("new")]
    assert await rig.post(signed(claims(), key="new", kid="new"), said(id="2")) == (202, "")
    assert await rig.post(good, said(id="3")) == (401, "UnknownKey")


async def test_503_and_a_pause_to_wait_while_the_keys_cannot_be_had(rig: Rig) -> None:
    rig.issuer.status = 500
    url = f"http://127.0.0.1:{rig.door.port}/api/messages"
    async with rig.door.client.post(url, json=said(), headers={"Authorization": f"Bearer {token()}"}) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1


async def test_the_log_names_the_reason_and_repeats_no_control_characters(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:  # trap 8
    caplog.set_level(logging.INFO)
    await rig.post(token(aud="canary\x1b]52;c;x\x07\n" + "y" * 1000))
    [record] = [record for record in caplog.records if record.message == "request refused"]
    detail: str = record.__dict__["detail"]
    assert record.__dict__["reason"] == "WrongAudience"
    assert detail.isprintable()
    assert len(detail) <= 160
    assert APP_ID in detail


def test_a_flood_of_refusals_is_counted_and_not_logged_line_by_line(caplog: pytest.LogCaptureFixture) -> None:  # trap 8
    now = 0.0
    refusals = RefusalLog(clock=lambda: now)
    for _ in range(1000):
        refusals.note("MissingToken", "")
    assert len(caplog.records) == 30
    now = 60.0
    refusals.note("MissingToken", "")
    assert [record.__dict__.get("count") for record in caplog.records[30:]] == [970, None]


async def test_no_answer_repeats_anything_of_the_token(rig: Rig) -> None:
    status, body = await rig.door.post(said(), Authorization=f"Bearer {token(aud='canary', iss='canary')}")
    assert status == 401
    assert "canary" not in json.dumps(body)


async def test_the_same_key_id_of_another_issuer_is_another_key() -> None:  # trap 3
    other = "https://other.example"
    async with TokenIssuer() as ours, TokenIssuer() as theirs, aiohttp.ClientSession() as session:
        theirs.metadata["issuer"] = other
        theirs.keys = [key_entry("two", kid="one")]
        issuers = [
            Issuer(name=name, keys=SigningKeys(issuer=name, metadata_url=at.metadata_url, session=session))
            for name, at in ((ISSUER, ours), (other, theirs))
        ]
        services = TrustedServices(hosts={"smba.trafficmanager.net"})
        verifier = TokenVerifier(app_id=APP_ID, issuers=issuers)
        async with open_door(
            authentication=TokenAuthentication(verifier=verifier, services=services, access=ACCESS)
        ) as door:
            rig = Rig(door=door, issuer=ours, verifier=verifier)
            assert await rig.post(token(iss=other)) == (401, "WrongSignature")
            assert await rig.post(signed(claims(iss=other), key="two")) == (202, "")
            assert await rig.post(signed(claims(), key="two")) == (401, "WrongSignature")


def test_the_rig_has_its_own_keys() -> None:
    assert rsa_key("one") is rsa_key("one")
    assert rsa_key("one").private_numbers() != rsa_key("two").private_numbers()
