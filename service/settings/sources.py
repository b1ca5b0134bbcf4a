"""Reads the lines of a .env file and the environment, and checks each setting by itself."""

from __future__ import annotations

import difflib
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Final, TypeVar

from dotenv.parser import Binding, parse_stream

from service.settings.table import SETTINGS, Setting

_LOOKS_LIKE = 'A line looks like NAME=value or NAME="some words"'


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvLine:
    """One `NAME=value` of the file; `origin` is its place in words, such as ".env line 3"."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvFile:
    """The lines that can be read, and a sentence for each that cannot; none quotes a line, which may hold a key."""

    lines: tuple[EnvLine, ...] = ()
    faults: tuple[str, ...] = ()


def read_env_file(path: Path) -> EnvFile:
    """Read the file; one that is not there has no lines and no faults.

    Values stand as they are written: ${NAME} is not replaced, so a password may hold it.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            if (distrust := _distrust(path, os.fstat(file.fileno()))) is not None:
                return EnvFile(faults=(distrust,))
            text = file.read()
    except FileNotFoundError:
        return EnvFile()
    except OSError as error:
        return EnvFile(faults=(f"{path} cannot be read ({error.strerror})",))
    except UnicodeDecodeError:
        return EnvFile(faults=(f"{path} must be UTF-8 text",))
    bindings = tuple(parse_stream(StringIO(text)))
    return EnvFile(
        lines=tuple(
            EnvLine(name=binding.key, value=binding.value, origin=f"{path.name} line {_line_number(binding)}")
            for binding in bindings
            if binding.key is not None and binding.value is not None
        ),
        faults=tuple(
            f"{path.name} line {_line_number(binding)} cannot be read. {_LOOKS_LIKE}"
            for binding in bindings
            if binding.error or (binding.key is not None and binding.value is None)
        ),
    )


def _distrust(path: Path, status: os.stat_result) -> str | None:
    # The file decides who is sent keys and questions, and it is read from whatever folder the program is started in.
    if status.st_uid not in (os.geteuid(), 0):
        return f"{path} belongs to another user and is therefore not read. Copy it, or run: chown $(id -u) {path}"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{path} can be changed by other users and is therefore not read. Run: chmod go-w {path}"
    return None


def _line_number(binding: Binding) -> int:
    # What the parser calls a line begins with the blank ones before it.
    written = binding.original.string
    return binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")


Value = TypeVar("Value")

ENVIRONMENT: Final = "environment"
"""The origin of what was not found in a file."""

FUNCTION_PREFIX: Final = "FN_"
"""What names of variables begin with that are for functions of the operator, and no settings."""

_ODD_QUOTES = "\u2018\u2019\u201a\u201c\u201d\u201e\xab\xbb"
_OUR_PREFIXES = ("TEAMSBOT_", "ASSISTANT_", "ASSISTANTS_", "MICROSOFTAPP", "MICROSOFT_APP_")
_NAMES = {name.upper(): name for setting in SETTINGS for name in setting.names}
# What other programs call the same things.
_NAMES_ELSEWHERE = {
    "OPENAI_API_BASE": "OPENAI_BASE_URL",
    "OPENAI_MODEL": "MODEL",
    "AZURE_OPENAI_KEY": "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_DEPLOYMENT": "MODEL",
    "AZURE_OPENAI_DEPLOYMENT_NAME": "MODEL",
    "MICROSOFT_APP_SECRET": "MicrosoftAppPassword",
}
# What other programs read too: what samples of Bot Framework, Teams Toolkit and the Agents SDK call the registration,
# and the address of a database, which a file that Docker Compose shares may hold for another container.
_SAMPLES_NAMES = {
    "POSTGRES_URL": "DATABASE_URL",
    "POSTGRESQL_URL": "DATABASE_URL",
    "BOT_ID": "MicrosoftAppId",
    "BOT_PASSWORD": "MicrosoftAppPassword",
    "SECRET_BOT_PASSWORD": "MicrosoftAppPassword",
    "BOT_TYPE": "MicrosoftAppType",
    "BOT_TENANT_ID": "MicrosoftAppTenantId",
    "BOT_APP_ID": "MicrosoftAppId",
    "BOT_APP_PASSWORD": "MicrosoftAppPassword",
    "AAD_APP_CLIENT_ID": "MicrosoftAppId",
    "AAD_APP_TENANT_ID": "MicrosoftAppTenantId",
    "SECRET_AAD_APP_CLIENT_SECRET": "MicrosoftAppPassword",
    "CONNECTIONS__SERVICE_CONNECTION__SETTINGS__CLIENTID": "MicrosoftAppId",
    "CONNECTIONS__SERVICE_CONNECTION__SETTINGS__CLIENTSECRET": "MicrosoftAppPassword",
    "CONNECTIONS__SERVICE_CONNECTION__SETTINGS__TENANTID": "MicrosoftAppTenantId",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """Something to correct: `about` is its place, `name` the setting. No field holds a value."""

    about: str
    wrong: str
    name: str | None = None
    example: str | None = None

    def __str__(self) -> str:
        end = "" if self.wrong.endswith("?") else "."
        example = f" Example: {self.example}" if self.example else ""
        return f"{self.about} {self.wrong}{end}{example}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Something that works, and may not be meant; and what to do then. No field holds a value."""

    wrong: str
    fix: str

    def __str__(self) -> str:
        return f"{self.wrong} {self.fix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The text of a setting, the name it was found under, and where."""

    name: str
    text: str
    origin: str

    def __str__(self) -> str:
        return f"{self.name} ({self.origin})"  # without the text, which may be a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The settings that are set, by name; mistakes; and names in .env that belong to other programs.

    `samples_names`: names that samples give to settings which are not set, and the settings that they mean.
    """

    found: Mapping[str, Found]
    mistakes: tuple[Mistake, ...]
    ignored: tuple[str, ...]
    samples_names: tuple[tuple[Found, str], ...] = ()
    for_functions: Mapping[str, str] = field(default_factory=dict, repr=False)  # variables; may hold secrets

    def has(self, setting: Setting[object]) -> bool:
        """Whether it is set, validly or not."""
        return setting.name in self.found

    def optional(self, setting: Setting[Value]) -> Value | None:
        """The value, else the default, else None. Raises ValueError if the text is invalid."""
        text = self.found[setting.name].text if self.has(setting) else setting.default
        return None if text is None else setting.parse(text)

    def value(self, setting: Setting[Value]) -> Value:
        """The value of a setting that has a default. Raises ValueError if the text is invalid."""
        value = self.optional(setting)
        if value is None:
            raise ValueError(f"{setting.name} has neither a value nor a default")
        return value


def read_settings(environ: Mapping[str, str], env_file: Path) -> Reading:
    """Look every setting up. An empty variable in the environment hides the line in the file."""
    file = read_env_file(env_file)
    places = {line.name: Found(name=line.name, text=line.value.strip(), origin=line.origin) for line in file.lines}
    places |= {name: Found(name=name, text=text.strip(), origin=ENVIRONMENT) for name, text in environ.items()}
    found: dict[str, Found] = {}
    mistakes = [*_mistakes_in_file(file)]
    for setting in SETTINGS:
        hits = [places[name] for name in setting.names if name in places and places[name].text]
        if hits:
            found[setting.name] = hits[0]
            mistakes += _check(setting, hits)
    ignored = []
    for stranger in _unknown_names(environ, file):
        mistake = _misspelt(stranger)
        if mistake is None:
            ignored.append(stranger.name)
        else:
            mistakes.append(mistake)
    for_functions = {name: it.text for name, it in places.items() if name.startswith(FUNCTION_PREFIX)}
    return Reading(
        found=found,
        mistakes=tuple(mistakes),
        ignored=tuple(ignored),
        samples_names=tuple(
            (places[name], meant)
            for name, meant in _SAMPLES_NAMES.items()
            if meant not in found and name in places and places[name].text
        ),
        for_functions=for_functions,
    )


def _mistakes_in_file(file: EnvFile) -> Iterator[Mistake]:
    for fault in file.faults:
        yield Mistake(about="The settings file:", wrong=fault)
    values = {(line.name, line.value) for line in file.lines}
    for name, count in Counter(name for name, _ in values).items():
        if count > 1:
            places = ", ".join(line.origin for line in file.lines if line.name == name)
            yield Mistake(about=f"{name} ({places})", wrong="has different values; keep one line", name=name)


def _check(setting: Setting[object], hits: list[Found]) -> Iterator[Mistake]:
    """Check a setting that is set, under one or more of its names."""
    if len({hit.text for hit in hits}) > 1:
        both = " and ".join(map(str, hits))
        yield Mistake(
            about=both, wrong="are one setting by two names and have different values; keep one", name=setting.name
        )
    about = str(hits[0])
    if setting.environment_only and hits[0].origin != ENVIRONMENT:
        wrong = "must be set in the environment: a file must not decide which program is run"
        yield Mistake(about=about, wrong=wrong, name=setting.name)
        return
    try:
        setting.parse(hits[0].text)
    except ValueError as error:
        wrong = str(error)
        if odd := next(
            (mark for mark in hits[0].text if mark in _ODD_QUOTES or unicodedata.category(mark) == "Cf"), ""
        ):
            # Copied from a web page or a word processor, and hard or impossible to see.
            wrong = f"{wrong}; it holds {unicodedata.name(odd, 'an invisible character')} (U+{ord(odd):04X})"
        yield Mistake(about=about, wrong=wrong, name=setting.name, example=f"{setting.name}={setting.example}")


def _unknown_names(environ: Mapping[str, str], file: EnvFile) -> Iterator[Found]:
    """Names that are no settings: all in the file, and those in the environment that begin like a setting."""
    known = frozenset(_NAMES.values())
    for name in environ:
        if name not in known and name.upper().startswith(_OUR_PREFIXES):
            yield Found(name=name, text="", origin=ENVIRONMENT)
    for line in file.lines:
        if line.name not in known and line.name not in environ and not line.name.startswith(FUNCTION_PREFIX):
            yield Found(name=line.name, text="", origin=line.origin)


def _misspelt(unknown: Found) -> Mistake | None:
    """The mistake in an unknown name; None if it belongs to another program."""
    upper = unknown.name.upper()
    close = difflib.get_close_matches(upper, _NAMES, n=1, cutoff=0.8)
    # A swap of two letters in a name as short as PORT is less alike than that.
    swapped = next((name for name in _NAMES if sorted(name) == sorted(upper)), None)
    # LIMIT_QUESTIONS for LIMIT_QUESTIONS_PER_MINUTE; a single word may be another program's.
    longer = next((name for name in _NAMES if "_" in upper and name.startswith(f"{upper}_")), None)
    guess = _NAMES_ELSEWHERE.get(upper) or next((_NAMES[name] for name in (*close, swapped, longer) if name), None)
    if guess is not None:
        return Mistake(about=str(unknown), wrong=f"is not a setting of this program. Did you mean {guess}?")
    if upper.startswith(_OUR_PREFIXES):
        return Mistake(about=str(unknown), wrong="is not a setting of this program; `teamsbot config` lists them all")
    return None
