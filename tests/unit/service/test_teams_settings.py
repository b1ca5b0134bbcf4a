from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from service.settings import Settings, SettingsError, TeamsSettings
from tests.support.certificates import certificate_of, pem_of
from tests.support.token_issuer import rsa_key

APP = "11111111-2222-3333-4444-555555555555"
TENANT = "99999999-8888-7777-6666-555555555555"
PUBLIC = ("https://api.botframework.com", "smba.trafficmanager.net", "https://login.microsoftonline.com")
US = ("https://api.botframework.us", "smba.infra.gov.teams.microsoft.us", "https://login.microsoftonline.us")
PUBLIC_URL = {"PUBLIC_URL": "https://bot.example.com"}
BOT = {"MicrosoftAppId": APP, "MicrosoftAppPassword": "canary-secret", "MicrosoftAppTenantId": TENANT} | PUBLIC_URL


def read(**changes: str) -> TeamsSettings:
    teams = Settings.read(BOT | changes, Path("/nonexistent/.env")).teams
    assert teams is not None
    return teams


def mistakes(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.read(environ, Path("/nonexistent/.env"))
    return [str(mistake) for mistake in caught.value.mistakes]


def test_without_an_app_id_there_is_no_teams() -> None:
    assert Settings.read({}, Path("/nonexistent/.env")).teams is None


def test_the_three_lines_that_the_teams_cli_writes_and_a_public_address_are_enough(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"CLIENT_ID={APP}\nCLIENT_SECRET=s\nTENANT_ID={TENANT}\n")
    teams = Settings.read(PUBLIC_URL, tmp_path / ".env").teams
    assert teams is not None
    assert (teams.app_id, teams.login_url, teams.login_tenant) == (APP, "https://login.microsoftonline.com", TENANT)
    assert teams.allowed_tenants == frozenset({TENANT})


@pytest.mark.parametrize("text", ["*", " * "])
def test_only_a_star_alone_means_everybody(text: str) -> None:  # trap 11
    assert read(ALLOWED_TENANTS=text).allowed_tenants is None


@pytest.mark.parametrize(
    "text", [",", f"{TENANT},", f",{TENANT}", f"{TENANT},*", "**", "common", "organizations", "contoso.com", "null"]
)
def test_a_list_of_tenants_that_cannot_be_read_is_refused(text: str) -> None:  # trap 11
    assert any(
        line.startswith("ALLOWED_TENANTS (environment) must be ids") for line in mistakes(**BOT, ALLOWED_TENANTS=text)
    )


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_list_of_tenants_is_that_of_the_bot_and_not_everybody(text: str) -> None:  # trap 11
    assert read(ALLOWED_TENANTS=text).allowed_tenants == frozenset({TENANT})


def test_tenants_are_read_in_any_case_and_with_blanks_between() -> None:
    assert read(ALLOWED_TENANTS=f"{TENANT.upper()} , {APP}").allowed_tenants == frozenset({TENANT, APP})


def test_a_multi_tenant_bot_has_to_say_whom_it_serves() -> None:
    bot = {"MicrosoftAppId": APP, "MicrosoftAppPassword": "s", "MicrosoftAppType": "multitenant"}
    assert any(line.startswith("ALLOWED_TENANTS or MicrosoftAppTenantId must say") for line in mistakes(**bot))
    assert read(MicrosoftAppType="MultiTenant").login_tenant == "botframework.com"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"MicrosoftAppId": APP, "MicrosoftAppTenantId": TENANT}, "MicrosoftAppPassword or"),
        ({"MicrosoftAppId": APP, "MicrosoftAppPassword": "canary-secret"}, "MicrosoftAppTenantId must be set"),
        ({"MicrosoftAppPassword": "canary-secret"}, "MicrosoftAppId must be set together with"),
        ({"TRUSTED_SERVICE_URLS": "https://x.example"}, "MicrosoftAppId must be set together with"),
        ({"ALLOW_GUESTS": "on"}, "MicrosoftAppId must be set together with"),
        (BOT | {"MicrosoftAppFederatedIdentity": APP}, "MicrosoftAppPassword (environment), MicrosoftAppFederated"),
        (BOT | {"MicrosoftAppType": "UserAssignedMSI"}, "MicrosoftAppPassword (environment) would have no effect"),
        (BOT | {"MicrosoftAppId": "my-bot"}, "MicrosoftAppId (environment) must be an id"),
        (BOT | {"MicrosoftAppType": "Sometimes"}, "MicrosoftAppType (environment) must be one of"),
        (BOT | {"ALLOWED_USERS": "ann@contoso.com"}, "ALLOWED_USERS (environment) must be ids"),
        (BOT | {"ALLOW_GUESTS": "perhaps"}, "ALLOW_GUESTS (environment) must be on or off"),
        (BOT | {"CLOUD": "mars"}, "CLOUD (environment) must be one of"),
        (BOT | {"ChannelService": "https://botframework.mars"}, "ChannelService (environment) must be"),
        (
            BOT | {"ChannelService": "https://botframework.azure.us", "CLOUD": "china"},
            "CLOUD (environment) and Channel",
        ),
        (BOT | {"TRUSTED_SERVICE_URLS": "https://x.example/path"}, "TRUSTED_SERVICE_URLS (environment) must be"),
        (BOT | {"TRUSTED_SERVICE_URLS": "http://x.example"}, "TRUSTED_SERVICE_URLS (environment) must begin"),
        (BOT | {"TRUSTED_SERVICE_URLS": "https://*.example"}, "TRUSTED_SERVICE_URLS (environment) must be"),
        (BOT | {"ToChannelFromBotLoginUrl": "http://127.0.0.1:1/adfs"}, "ToChannelFromBotLoginUrl (environment) must"),
        (BOT | {"ToBotFromChannelOpenIdMetadataUrl": "http://x.example/"}, "ToBotFromChannelOpenIdMetadataUrl"),
        (
            BOT | {"MicrosoftAppCertificate": "/nonexistent.pem"},
            "MicrosoftAppCertificate (environment) must be the path",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_told(environ: dict[str, Any], told: str) -> None:
    found = mistakes(**environ)
    assert any(line.startswith(told) for line in found), found
    assert "canary" not in " ".join(found)


@pytest.mark.parametrize(
    ("settings", "issuer", "host", "login"),
    [
        ({}, *PUBLIC),
        ({"CLOUD": "gcc"}, PUBLIC[0], "smba.infra.gcc.teams.microsoft.com", PUBLIC[2]),
        ({"CLOUD": "GCCH"}, *US),
        ({"CLOUD": "dod"}, US[0], "smba.infra.dod.teams.microsoft.us", US[2]),
        ({"CLOUD": "china"}, "https://api.botframework.azure.cn", None, "https://login.partner.microsoftonline.cn"),
        ({"ChannelService": "https://botframework.azure.us"}, *US),
    ],
)
def test_a_cloud_is_one_setting(settings: dict[str, str], issuer: str, host: str | None, login: str) -> None:
    teams = read(**settings)
    assert teams.cloud.issuer == issuer
    assert teams.cloud.connector_hosts == (frozenset({host}) if host else frozenset())
    assert teams.login_url == login


def test_a_rig_can_replace_every_address() -> None:
    teams = read(
        ToBotFromChannelOpenIdMetadataUrl="http://127.0.0.1:9/metadata",
        ToBotFromChannelTokenIssuer="https://issuer.example",
        ToChannelFromBotLoginUrl="https://localhost:8443/adfs",
        ToChannelFromBotOAuthScope="scope",
        TRUSTED_SERVICE_URLS="http://127.0.0.1:7, https://x.example:8443",
    )
    assert (teams.cloud.metadata_url, teams.cloud.issuer) == ("http://127.0.0.1:9/metadata", "https://issuer.example")
    assert (teams.login_url, teams.login_tenant, teams.cloud.scope) == ("https://localhost:8443", "adfs", "scope")
    assert teams.trusted_service_urls == ("http://127.0.0.1:7", "https://x.example:8443")


def of_an_unknown_kind(certificate: x509.Certificate) -> bytes:
    """The certificate with another algorithm in the place of rsaEncryption (1.2.840.113549.1.1.1)."""
    rsa = bytes.fromhex("2a864886f70d010101")
    changed = certificate.public_bytes(serialization.Encoding.DER).replace(rsa, rsa[:-1] + b"\x63")
    lines = base64.encodebytes(changed).decode()
    return f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n".encode()


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("certificate", "a PEM file with both"),
        ("key", "a PEM file with both"),
        ("locked key", "whose private key is not encrypted"),
        ("another key", "the key of another certificate"),
        ("elliptic key", "must hold an RSA key"),
        ("key of an unknown kind", "a PEM file with both"),
        ("nothing", "a PEM file with both"),
    ],
)
def test_a_certificate_that_cannot_prove_anything_is_told_at_the_start(held: str, told: str, tmp_path: Path) -> None:
    key, elliptic = rsa_key("of the certificate"), ec.generate_private_key(ec.SECP256R1())
    certificate = certificate_of(key).public_bytes(serialization.Encoding.PEM)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"canary"),
    )
    content = {
        "certificate": certificate,
        "key": pem_of(key),
        "locked key": certificate + locked,
        "another key": certificate + pem_of(rsa_key("of another")),
        "elliptic key": pem_of(elliptic) + certificate_of(elliptic).public_bytes(serialization.Encoding.PEM),
        "key of an unknown kind": pem_of(key) + of_an_unknown_kind(certificate_of(key)),
        "nothing": b"\x30\x82",
    }[held]
    environ = BOT | {"MicrosoftAppPassword": "", "MicrosoftAppCertificate": str(tmp_path / "bot.pem")}
    (tmp_path / "bot.pem").write_bytes(content)
    assert [told in line for line in mistakes(**environ)] == [True]
    (tmp_path / "bot.pem").write_bytes(pem_of(key) + certificate)
    assert Settings.read(environ, Path("/nonexistent/.env")).teams is not None
