"""The app package: what Teams takes, and why it would refuse one."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from click.testing import CliRunner
from jsonschema import Draft4Validator
from PIL import Image

from bot.conversation import CommandName
from bot.sentences import STARTERS
from service.cli import main
from service.manifest import AppFacts, ManifestError, Stage, package_files, write_package

APP_ID = "8f14e45f-ceea-467f-a0e6-1b2c3d4e5f60"
FACTS = AppFacts(
    app_id=APP_ID,
    name="Math Tutor",
    version="1.0.0",
    developer_name="Contoso Ltd",
    website_url="https://contoso.example/tutor",
    privacy_url="https://contoso.example/privacy",
    terms_url="https://contoso.example/terms",
    public_url="https://bot.contoso.example/tutor",
    starters=STARTERS,
)
SCHEMAS = Path(__file__).parents[3] / "appmanifest" / "schemas"


def manifest_of(facts: AppFacts, stage: Stage = Stage.PROD) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(package_files(facts, stage)["manifest.json"])
    return manifest


@pytest.mark.parametrize("stage", Stage)
def test_the_zip_is_flat_and_holds_what_the_manifest_names(stage: Stage, tmp_path: Path) -> None:
    with ZipFile(write_package(FACTS, stage, tmp_path / "new" / "folder")) as package:
        manifest = json.loads(package.read("manifest.json"))
        languages = [entry["file"] for entry in manifest["localizationInfo"]["additionalLanguages"]]
        assert set(package.namelist()) == {"manifest.json", *manifest["icons"].values(), *languages}
        assert package.testzip() is None


def test_the_same_facts_make_the_same_bytes(tmp_path: Path) -> None:
    first = write_package(FACTS, Stage.PROD, tmp_path).read_bytes()
    assert write_package(FACTS, Stage.PROD, tmp_path).read_bytes() == first


@pytest.mark.parametrize("version", ["1.29", "1.30"])
@pytest.mark.parametrize("stage", Stage)
def test_microsofts_schemas_find_nothing(version: str, stage: Stage) -> None:
    manifest = manifest_of(FACTS, stage) | {"manifestVersion": version}
    schema = json.loads((SCHEMAS / f"teams-{version}.schema.json").read_text())
    assert not list(Draft4Validator(schema).iter_errors(manifest))
    for tag in ("de", "nl"):
        strings = json.loads(package_files(FACTS, stage)[f"{tag}.json"])
        schema = json.loads((SCHEMAS / f"teams-{version}-language.schema.json").read_text())
        assert not list(Draft4Validator(schema).iter_errors(strings))


def test_nothing_of_the_template_is_left_unfilled() -> None:
    for stage in Stage:
        for name, content in package_files(FACTS, stage).items():
            assert b"${" not in content, name


def test_the_bot_is_offered_in_every_scope_and_takes_files() -> None:
    (bot,) = manifest_of(FACTS)["bots"]
    assert bot["botId"] == APP_ID
    assert bot["scopes"] == ["personal", "team", "groupChat"]
    assert bot["supportsFiles"] is True


def test_private_messages_to_the_bot_are_possible() -> None:
    (bot,) = manifest_of(FACTS)["bots"]
    assert bot["supportsTargetedMessages"] is True


@pytest.mark.parametrize("version", ["1.29", "1.30"])
def test_consent_to_read_all_messages_is_asked_for_and_told_only_where_the_operator_wants_them(version: str) -> None:
    assert "authorization" not in manifest_of(FACTS)
    for_files = manifest_of(replace(FACTS, reads_files=True))
    assert "gets all messages" in for_files["description"]["full"]
    assert "do not mention it" not in for_files["description"]["full"]
    facts = replace(FACTS, reads_all=True)
    assert for_files["authorization"] == manifest_of(facts)["authorization"]
    manifest = manifest_of(facts) | {"manifestVersion": version}
    schema = json.loads((SCHEMAS / f"teams-{version}.schema.json").read_text())
    assert not list(Draft4Validator(schema).iter_errors(manifest))
    asked = manifest["authorization"]["permissions"]["resourceSpecific"]
    assert {each["name"] for each in asked} == {"ChannelMessage.Read.Group", "ChatMessage.Read.Chat"}
    assert manifest["webApplicationInfo"]["id"] == APP_ID
    assert "do not mention it" in manifest["description"]["full"]


def test_each_stage_is_an_app_of_its_own_for_the_same_bot() -> None:
    manifests = [manifest_of(FACTS, stage) for stage in Stage]
    assert len({manifest["id"] for manifest in manifests}) == len(Stage)
    assert {manifest["bots"][0]["botId"] for manifest in manifests} == {APP_ID}
    assert [manifest["name"]["short"] for manifest in manifests] == [
        "Math Tutor (dev)",
        "Math Tutor (test)",
        "Math Tutor",
    ]


def test_every_command_of_the_bot_is_in_the_menu_and_questions_follow() -> None:
    commands = manifest_of(FACTS)["bots"][0]["commandLists"][0]["commands"]
    basic = [command["title"] for command in commands if command.get("type") != "prompt"]
    assert set(basic) == set(CommandName)
    assert [command["prompt"] for command in commands if command.get("type") == "prompt"] == list(
        STARTERS[: 10 - len(basic)]
    )


def test_teams_is_given_ten_commands_at_most() -> None:
    facts = replace(FACTS, starters=[f"Question {number}?" for number in range(30)])
    assert len(manifest_of(facts)["bots"][0]["commandLists"][0]["commands"]) == 10


def test_every_language_describes_every_command() -> None:
    files = package_files(FACTS, Stage.PROD)
    for tag in ("de", "nl"):
        strings = json.loads(files[f"{tag}.json"])
        for number in range(len(CommandName)):
            assert strings[f"bots[0].commandLists[0].commands[{number}].description"]


def test_a_name_with_json_in_it_stays_a_name() -> None:
    name = 'A "B", ${app_id}'
    assert manifest_of(replace(FACTS, name=name))["name"]["short"] == name


def test_links_of_the_bot_are_from_a_valid_domain() -> None:
    assert manifest_of(FACTS)["validDomains"] == ["bot.contoso.example"]
    assert manifest_of(replace(FACTS, public_url=None))["validDomains"] == []


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (replace(FACTS, app_id="not-a-guid"), "botId"),
        (replace(FACTS, name="A name that is too long for Teams to show"), "TEAMS_APP_NAME"),
        (replace(FACTS, developer_name="D" * 33), "developer"),
        (replace(FACTS, website_url="http://contoso.example"), "https"),
        (replace(FACTS, public_url="https://bot.azurewebsites.microsoft.com"), "PUBLIC_URL"),
        (replace(FACTS, public_url="http://127.0.0.1:3978"), "PUBLIC_URL"),
        (replace(FACTS, public_url="http://localhost:3978"), "PUBLIC_URL"),
    ],
)
def test_what_teams_would_refuse_is_refused_here(facts: AppFacts, says: str) -> None:
    with pytest.raises(ManifestError, match=says):
        package_files(facts, Stage.PROD)


def test_the_icons_have_the_sizes_and_colours_that_teams_asks_for() -> None:
    files = package_files(FACTS, Stage.PROD)
    colour, outline = (Image.open(BytesIO(files[name])).convert("RGBA") for name in ("color.png", "outline.png"))
    assert (colour.size, outline.size) == ((192, 192), (32, 32))
    assert colour.getchannel("A").getextrema() == (255, 255)
    assert all(channel.getextrema() == (255, 255) for channel in outline.split()[:3])
    assert outline.getchannel("A").getextrema() == (0, 255)


def test_the_command_says_all_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["manifest"])
    assert result.exit_code == 2
    for name in ("--app-id", "TEAMS_DEVELOPER_NAME", "TEAMS_WEBSITE_URL"):
        assert name in result.stderr


def test_the_command_writes_the_package_and_prints_its_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEAMS_DEVELOPER_NAME", "Contoso Ltd")
    monkeypatch.setenv("TEAMS_WEBSITE_URL", "https://contoso.example/tutor")
    result = CliRunner().invoke(main, ["manifest", "--app-id", APP_ID, "--env", "test", "--out", "build"])
    assert (result.exit_code, result.stdout) == (0, "build/teamsbot-test.zip\n")
    assert "Upload an app" in result.stderr
    assert ZipFile("build/teamsbot-test.zip").testzip() is None


def test_a_folder_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ManifestError, match="cannot be written"):
        write_package(FACTS, Stage.PROD, tmp_path / "file" / "folder")


def test_the_app_id_of_the_settings_is_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("CLIENT_ID", APP_ID),
        ("CLIENT_SECRET", "secret"),
        ("TENANT_ID", APP_ID),
        ("PUBLIC_URL", "https://bot.contoso.example"),
        ("TEAMS_DEVELOPER_NAME", "Contoso Ltd"),
        ("TEAMS_WEBSITE_URL", "https://contoso.example/tutor"),
    ):
        monkeypatch.setenv(name, value)
    assert CliRunner().invoke(main, ["manifest"]).exit_code == 0
    with ZipFile("teamsbot-prod.zip") as package:
        manifest = json.loads(package.read("manifest.json"))
    assert (manifest["id"], manifest["bots"][0]["botId"]) == (APP_ID, APP_ID)
    assert manifest["validDomains"] == ["bot.contoso.example"]
