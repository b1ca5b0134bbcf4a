"""The app package for Teams: fills the template in appmanifest/, validates it against Microsoft's schemas, zips it.

Microsoft Learn, "App manifest schema for Teams" and "Package your app": manifest.json, two icons and the language files
lie at the root of the zip.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from jsonschema import Draft4Validator

from bot.diagnosis import Finding
from bot.errors import BotError
from httpkit.atomic_write import write_atomically

_FOLDER = Path(__file__).parent.parent / "appmanifest"
_LANGUAGES = ("de", "nl")  # beside English, which is in manifest.json itself
_SCHEMA_VERSIONS = ("1.29", "1.30")  # the manifest says 1.29, and also has to be right for its successor
_NEVER_VALID = ("microsoft.com", "microsoftonline.com", "teams.com", "office.com", "skype.com", "botframework.com")
_MAX_NAME_CHARS = 30
_MAX_COMMANDS = 10  # that Teams shows
_MAX_TITLE_CHARS = 32  # of a prompt starter; the schema allows more than Teams shows
# Microsoft demands that the description says so.
_READS_ALL = {
    "en": " It also reads messages that do not mention it, as context of the next question.",
    "de": " Er liest auch Nachrichten, in denen er nicht erwähnt wird, als Zusammenhang der nächsten Frage.",
    "nl": " Hij leest ook berichten waarin hij niet wordt vermeld, als context van de volgende vraag.",
}
_READS_FILES = {
    "en": " It gets all messages of the teams and chats that it is added to, and reads those that mention it, with "
    "their files.",
    "de": " Er erhält alle Nachrichten der Teams und Chats, zu denen er hinzugefügt wird, und liest die, in denen er "
    "erwähnt wird, mit ihren Dateien.",
    "nl": " Hij ontvangt alle berichten van de teams en chats waaraan hij is toegevoegd en leest die waarin hij wordt "
    "vermeld, met hun bestanden.",
}
_MAX_MANIFEST_BYTES = 1_000_000
_MAKE_AGAIN = "Run `teamsbot manifest` again, raise TEAMS_APP_VERSION, and upload the package in Teams."
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content makes the same zip


class Stage(StrEnum):
    """For whom a package is. Each stage is an app of its own in the catalogue, so that all can be installed."""

    DEV = "dev"
    TEST = "test"
    PROD = "prod"


class ManifestError(BotError):
    """The package cannot be built; the message lists every reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFacts:
    """What the template is filled with. `starters` are questions that Teams offers in an empty chat.

    `reads_all`: the bot is to read messages that do not mention it, which the owner of a team or chat consents to;
    `reads_files`: the files of those that do, which needs the same consent.
    """

    app_id: str
    name: str
    version: str
    developer_name: str
    website_url: str
    privacy_url: str
    terms_url: str
    public_url: str | None
    starters: Sequence[str]
    reads_all: bool = False
    reads_files: bool = False


def write_package(facts: AppFacts, stage: Stage, folder: Path) -> Path:
    """Build and validate the package, and write it into the folder. Returns its path. Raises ManifestError."""
    package = BytesIO()
    with ZipFile(package, "w") as archive:
        for name, content in package_files(facts, stage).items():
            archive.writestr(ZipInfo(name, _EPOCH), content, ZIP_DEFLATED)
    path = folder / f"teamsbot-{stage}.zip"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, package.getvalue())
    except OSError as error:
        raise ManifestError(f"{path} cannot be written: {error.strerror}") from error
    return path


def check_packages(folder: Path, app_id: str, public_url: str | None, *, reads_messages: bool = False) -> Finding:
    """Whether the app packages in a folder are of this bot, and ask for the consent that it needs.

    Other stages may have a registration, and so a bot, of their own: their packages say nothing about this one.
    """
    paths = [path for stage in Stage if (path := folder / f"teamsbot-{stage}.zip").is_file()]
    own: list[str] = []
    others: list[str] = []
    for path in paths:
        try:
            with ZipFile(path) as archive, archive.open("manifest.json") as file:
                manifest = json.loads(file.read(_MAX_MANIFEST_BYTES))
            bot_ids = [str(bot["botId"]).lower() for bot in manifest["bots"]]
            domains = manifest.get("validDomains", [])
            asks_consent = "resourceSpecific" in json.dumps(manifest.get("authorization"))
        except (OSError, BadZipFile, KeyError, TypeError, ValueError):
            return Finding.failed(f"{path.name} is no app package for a bot.", _MAKE_AGAIN)
        if bot_ids != [app_id]:
            others.append(f"{path.name} is for the bot {', '.join(bot_ids)[:80]}")
            continue
        own.append(path.name)
        if public_url is not None and urlsplit(public_url).hostname not in domains:
            return Finding.warned(f"{path.name} does not name the host of PUBLIC_URL.", _MAKE_AGAIN)
        if reads_messages and not asks_consent:
            why = "it was made before GRAPH_FILES or CONTEXT_MESSAGES was set"
            return Finding.warned(f"{path.name} does not ask to read messages: {why}.", _MAKE_AGAIN)
    if not paths:
        return Finding.skipped("there is no app package here; `teamsbot manifest` makes one")
    if not own:
        return Finding.failed(f"{'; '.join(others)}; MicrosoftAppId is {app_id}.", _MAKE_AGAIN)
    return Finding.passed("; ".join([f"{', '.join(own)}: for this bot", *others]))


def package_files(facts: AppFacts, stage: Stage) -> dict[str, bytes]:
    """Return the content of the zip by name. Raises ManifestError when Teams would refuse it."""
    name = facts.name if stage is Stage.PROD else f"{facts.name} ({stage})"
    values = {
        "version": facts.version,
        # Teams takes an id once per catalogue: a package for tests must not take the place of the real one.
        "package_id": facts.app_id if stage is Stage.PROD else _stage_id(facts.app_id, stage),
        "app_id": facts.app_id,
        "name": name,
        "developer_name": facts.developer_name,
        "website_url": facts.website_url,
        "privacy_url": facts.privacy_url,
        "terms_url": facts.terms_url,
    }
    commands: list[dict[str, Any]] = json.loads((_FOLDER / "commands.json").read_text("utf-8"))
    manifest = _filled("manifest.json", values)
    manifest["bots"][0]["commandLists"][0]["commands"] = _commands(commands, facts.starters)
    if facts.public_url is not None:
        manifest["validDomains"] = [urlsplit(facts.public_url).hostname]
    languages = {tag: _language(tag, values, commands) for tag in _LANGUAGES}
    if facts.reads_all or facts.reads_files:
        manifest |= _consent(facts.app_id)
    for reads, said in ((facts.reads_files, _READS_FILES), (facts.reads_all, _READS_ALL)):
        if reads:
            manifest["description"]["full"] += said["en"]
            for tag, strings in languages.items():
                strings["description.full"] += said[tag]
    if len(name) > _MAX_NAME_CHARS:
        raise ManifestError(
            f"Teams shows at most {_MAX_NAME_CHARS} characters of a name. Set TEAMS_APP_NAME to a shorter one."
        )
    faults = [
        *_faults(manifest, facts),
        *(fault for tag in _LANGUAGES for fault in _language_faults(tag, languages[tag])),
    ]
    if faults:
        raise ManifestError("the app package would be refused:\n" + "\n".join(f"- {fault}" for fault in faults))
    return {
        "manifest.json": _json(manifest),
        "color.png": (_FOLDER / "color.png").read_bytes(),
        "outline.png": (_FOLDER / "outline.png").read_bytes(),
        **{f"{tag}.json": _json(strings) for tag, strings in languages.items()},
    }


def _consent(app_id: str) -> dict[str, Any]:
    """Resource-specific consent: https://learn.microsoft.com/microsoftteams/platform/graph-api/rsc."""
    names = ("ChannelMessage.Read.Group", "ChatMessage.Read.Chat")
    return {
        "webApplicationInfo": {"id": app_id, "resource": "https://resource-specific-consent"},  # any text, not empty
        "authorization": {
            "permissions": {"resourceSpecific": [{"name": name, "type": "Application"} for name in names]}
        },
    }


def _stage_id(app_id: str, stage: Stage) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"teams-assistants-bot/{app_id.lower()}/{stage}"))


def _filled(name: str, values: dict[str, str]) -> dict[str, Any]:
    # Filled value by value after parsing: a quotation mark in a name must not end a string of the JSON.
    def fill(node: Any) -> Any:
        match node:
            case str():
                return Template(node).safe_substitute(values) if "${" in node else node
            case dict():
                return {key: fill(value) for key, value in node.items()}
            case list():
                return [fill(value) for value in node]
            case _:
                return node

    filled: dict[str, Any] = fill(json.loads((_FOLDER / name).read_text("utf-8")))
    return filled


def _commands(commands: list[dict[str, Any]], starters: Sequence[str]) -> list[dict[str, str]]:
    listed = [{"title": entry["command"], "description": entry["description"]["en"]} for entry in commands]
    for starter in starters[: _MAX_COMMANDS - len(listed)]:
        title = starter if len(starter) <= _MAX_TITLE_CHARS else starter[: _MAX_TITLE_CHARS - 1].rstrip() + "…"
        listed.append({"title": title, "description": starter, "type": "prompt", "prompt": starter})
    return listed


def _language(tag: str, values: dict[str, str], commands: list[dict[str, Any]]) -> dict[str, Any]:
    strings = _filled(f"languages/{tag}.json", values)
    for number, entry in enumerate(commands):
        strings[f"bots[0].commandLists[0].commands[{number}].description"] = entry["description"][tag]
    return strings


def _faults(manifest: dict[str, Any], facts: AppFacts) -> Iterator[str]:
    for version in _SCHEMA_VERSIONS:
        schema = _schema(version)
        claimed = manifest | {"manifestVersion": version}
        found = [f"{error.json_path}: {error.message}" for error in Draft4Validator(schema).iter_errors(claimed)]
        yield from found
        if found:
            return  # the other version would say the same once more
    # What Teams refuses beyond the schema.
    for setting, url in (("website", facts.website_url), ("privacy", facts.privacy_url), ("terms", facts.terms_url)):
        if not url.startswith("https://"):
            yield f"the {setting} address must begin with https://"
    host = urlsplit(facts.public_url or "").hostname or ""
    if any(host == domain or host.endswith(f".{domain}") for domain in _NEVER_VALID):
        yield f"PUBLIC_URL must be an address of your own, not {host}"
    if host and not re.fullmatch(r"(?=.*[a-z])[a-z0-9-]+(\.[a-z0-9-]+)+", host):
        yield f"PUBLIC_URL must name a host as Teams can reach it, not {host}"


def _language_faults(tag: str, strings: dict[str, Any]) -> Iterator[str]:
    for version in _SCHEMA_VERSIONS:
        for error in Draft4Validator(_schema(f"{version}-language")).iter_errors(strings):
            yield f"{tag}.json {error.json_path}: {error.message}"


def _schema(name: str) -> Any:
    return json.loads((_FOLDER / "schemas" / f"teams-{name}.schema.json").read_text("utf-8"))


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
