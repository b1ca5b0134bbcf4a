"""What the environment and the .env file say about each setting, before the settings are put together."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from service.env_file import EnvFile, read_env_file
from service.setting_spec import SettingSpec
from service.setting_specs import SPECS

Value = TypeVar("Value")

_OUR_PREFIXES = ("TEAMSBOT_", "ASSISTANT_", "ASSISTANTS_", "MICROSOFTAPP")
_NAMES = {name.upper(): name for spec in SPECS for name in spec.names}
# What other programs call the same things.
_NAMES_ELSEWHERE = {
    "OPENAI_API_BASE": "OPENAI_BASE_URL",
    "OPENAI_MODEL": "MODEL",
    "AZURE_OPENAI_KEY": "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_DEPLOYMENT": "MODEL",
    "AZURE_OPENAI_DEPLOYMENT_NAME": "MODEL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing to put right: `about` says where it stands, `name` which setting it is; no part holds a value."""

    about: str
    wrong: str
    name: str | None = None
    example: str | None = None

    def __str__(self) -> str:
        """A sentence or two, on one line."""
        end = "" if self.wrong.endswith("?") else "."
        example = f" Example: {self.example}" if self.example else ""
        return f"{self.about} {self.wrong}{end}{example}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The text of a setting, which of its names it was found under, and where."""

    name: str
    text: str
    origin: str

    def __str__(self) -> str:
        """Name and place; the text may be a secret."""
        return f"{self.name} ({self.origin})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The settings as they were found, by name; mistakes; and the names in .env that mean nothing to this program."""

    found: Mapping[str, Found]
    mistakes: tuple[Mistake, ...]
    ignored: tuple[str, ...]

    def has(self, spec: SettingSpec[object]) -> bool:
        """Whether somebody has set it, rightly or wrongly."""
        return spec.name in self.found

    def optional(self, spec: SettingSpec[Value]) -> Value | None:
        """The value, else the default, if it has one. Raises ValueError for a setting that is among the mistakes."""
        text = self.found[spec.name].text.strip() if self.has(spec) else spec.default
        return None if text is None else spec.parse(text)

    def value(self, spec: SettingSpec[Value]) -> Value:
        """The value of a setting that has a default."""
        value = self.optional(spec)
        if value is None:
            raise ValueError(f"{spec.name} has neither a value nor a default")
        return value


def read_settings(environ: Mapping[str, str], env_file: Path) -> Reading:
    """Look every setting up: the environment comes first, and an empty value there hides the one in the file."""
    file = read_env_file(env_file)
    places = {line.name: Found(name=line.name, text=line.value, origin=line.origin) for line in file.lines}
    places |= {name: Found(name=name, text=text, origin="environment") for name, text in environ.items()}
    all_found = {spec.name: _found(spec, places) for spec in SPECS}
    strangers = tuple(_strangers(environ, file))
    return Reading(
        found={name: found[0] for name, found in all_found.items() if found},
        mistakes=(
            *_faults(file),
            *(mistake for spec in SPECS for mistake in _judge(spec, all_found[spec.name])),
            *(mistake for stranger in strangers if (mistake := _meant(stranger)) is not None),
        ),
        ignored=tuple(stranger.name for stranger in strangers if _meant(stranger) is None),
    )


def _found(spec: SettingSpec[object], places: Mapping[str, Found]) -> tuple[Found, ...]:
    hits = (places[name] for name in spec.names if name in places)
    return tuple(hit for hit in hits if hit.text.strip())


def _faults(file: EnvFile) -> Iterator[Mistake]:
    for fault in file.faults:
        yield Mistake(about="The settings file:", wrong=fault)
    values = {(line.name, line.value) for line in file.lines}
    for name, count in Counter(name for name, _ in values).items():
        if count > 1:
            places = ", ".join(line.origin for line in file.lines if line.name == name)
            yield Mistake(about=f"{name} ({places})", wrong="has different values; keep one line", name=name)


def _judge(spec: SettingSpec[object], found: tuple[Found, ...]) -> Iterator[Mistake]:
    if not found:
        return
    if len({hit.text.strip() for hit in found}) > 1:
        both = " and ".join(str(hit) for hit in found)
        yield Mistake(
            about=both, wrong="are one setting by two names and have different values; keep one", name=spec.name
        )
    about = str(found[0])
    if spec.later is not None:
        yield Mistake(about=about, wrong=f"cannot be used yet: {spec.later}. Leave it unset", name=spec.name)
        return
    try:
        spec.parse(found[0].text.strip())
    except ValueError as error:
        yield Mistake(about=about, wrong=str(error), name=spec.name, example=f"{spec.name}={spec.example}")


def _strangers(environ: Mapping[str, str], file: EnvFile) -> Iterator[Found]:
    known = frozenset(_NAMES.values())
    for name in environ:
        if name not in known and name.upper().startswith(_OUR_PREFIXES):
            yield Found(name=name, text="", origin="environment")
    for line in file.lines:
        if line.name not in known and line.name not in environ:
            yield Found(name=line.name, text="", origin=line.origin)


def _meant(stranger: Found) -> Mistake | None:
    """What is wrong with a name that is not in the table; None if it must be some other program's."""
    upper = stranger.name.upper()
    close = difflib.get_close_matches(upper, _NAMES, n=1, cutoff=0.8)
    guess = _NAMES_ELSEWHERE.get(upper) or (_NAMES[close[0]] if close else None)
    if guess is not None:
        return Mistake(about=str(stranger), wrong=f"is no setting of this program. Did you mean {guess}?")
    if upper.startswith(_OUR_PREFIXES):
        return Mistake(about=str(stranger), wrong="is no setting of this program; `teamsbot config` lists them all")
    return None
