"""`assistants.toml`: several assistants, each judged key by key, with the line of every mistake."""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bot.attachments import MAX_FILE_BYTES
from bot.file_names import plain_name
from bot.profiles import Profile, Profiles, same_name
from service.settings import parsers, table
from service.settings.parsers import Backend
from service.settings.sources import Mistake, Reading

FILE_NAME: Final = "assistants.toml"
CODE_INTERPRETER: Final = "code_interpreter"
BUILT_IN_TUTOR: Final = "built-in tutor"
"""The name of the model that needs no account, as `adapters.embedded.models.tutor_model` has it."""

_MAX_FILE_BYTES: Final = 1_000_000
_MAX_ASSISTANTS: Final = 20  # that a card shows
_MAX_NAME: Final = 64
_MAX_DESCRIPTION: Final = 200
_MAX_STARTERS: Final = 6
_MAX_STARTER: Final = 250
_MAX_KNOWLEDGE: Final = 20  # files that Code Interpreter takes with an assistant
_AT_LINE: Final = re.compile(r"^(?P<what>.*) \(at line (?P<line>[0-9]+), column [0-9]+\)$")
_HEADER: Final = re.compile(r"\s*\[\[\s*assistant\s*\]\]")
_ASSIGNMENT: Final = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")
_TOOL: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class _Entry(dict[str, Any]):
    """The valid keys of one assistant, and where it begins."""

    place: str = ""


def read_profiles(reading: Reading, env_file: Path) -> tuple[Profiles, tuple[Mistake, ...]]:
    """All assistants, and what is wrong with their file. Without a file there is the one that the settings describe.

    Raises ValueError where the settings of that one are invalid, which `reading` lists.
    """
    shipped = Profile(
        name=reading.value(table.ASSISTANT_NAME),
        instructions=reading.value(table.ASSISTANT_INSTRUCTIONS),
        service_id=reading.optional(table.ASSISTANT_ID),
        agent=reading.optional(table.AZURE_AI_AGENT_NAME),
    )
    path = file_of(reading, env_file)
    if path is None:
        return Profiles(default=shipped, all=(shipped,)), ()
    file = _File(path)
    entries = list(file.entries())
    profiles = [_profile(entry, shipped) for entry in entries]
    if not file.mistakes:
        file.mistakes += _check_together(entries, profiles, shipped)
        file.mistakes += _check_backend(entries, profiles, reading)
    if file.mistakes:
        return Profiles(default=shipped, all=(shipped,)), tuple(file.mistakes)
    chosen = next((profile for entry, profile in zip(entries, profiles, strict=True) if entry.get("default")), None)
    known = next((profile for profile in profiles if same_name(profile.name) == same_name(shipped.name)), None)
    if chosen is None and known is None:
        return Profiles(default=shipped, all=(shipped, *profiles)), ()
    return Profiles(default=chosen or known or shipped, all=tuple(profiles)), ()


def file_of(reading: Reading, env_file: Path) -> Path | None:
    """The file that ASSISTANTS_FILE names, or the one beside .env, if there is one."""
    named = reading.optional(table.ASSISTANTS_FILE)
    beside = env_file.absolute().parent / FILE_NAME
    return named or (beside if beside.exists() else None)


def _profile(entry: _Entry, shipped: Profile) -> Profile:
    """What an entry describes; one with the shipped assistant's name changes that one."""
    tools: list[str] | None = entry.get("tools")
    base = shipped if same_name(entry.get("name", "")) == same_name(shipped.name) else Profile(name="", starters=())
    if "id" in entry or "agent" in entry:
        base = replace(base, service_id=None, agent=None)
    return replace(
        base,
        name=entry.get("name", ""),
        description=entry.get("description", ""),
        instructions=entry.get("instructions", base.instructions),
        model=entry.get("model"),
        runs_code=tools is None or CODE_INTERPRETER in tools,
        functions=None if tools is None else tuple(tool for tool in tools if tool != CODE_INTERPRETER),
        starters=entry.get("starters", base.starters),
        files=entry.get("files", ()),
        users=entry.get("users"),
        tenants=entry.get("tenants"),
        service_id=entry.get("id", base.service_id),
        agent=entry.get("agent", base.agent),
    )


# ---------------------------------------------------------------------------------------------------- what a key holds


def _line_of(limit: int) -> Callable[[object, Path], str]:
    def parse(value: object, _folder: Path) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError("must be a text in quotes")
        if not value.isprintable() or len(value) > limit:
            raise ValueError(f"must be one line of at most {limit} characters")
        return " ".join(value.split())

    return parse


def _prose(value: object, _folder: Path) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError('must be a text in quotes; three quotes (""") begin and end one of several lines')
    return parsers.prose(value.strip())


def _flag(value: object, _folder: Path) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false, without quotes")  # noqa: TRY004 - as all of these
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError('must be a list of texts, such as ["one", "another"]')
    return value


def _starters(value: object, folder: Path) -> tuple[str, ...]:
    texts = _texts(value)
    if len(texts) > _MAX_STARTERS:
        raise ValueError(f"must be at most {_MAX_STARTERS} questions")
    one = _line_of(_MAX_STARTER)
    try:
        return tuple(one(text, folder) for text in texts)
    except ValueError:
        raise ValueError(f"must be questions of one line and at most {_MAX_STARTER} characters each") from None


def _tools(value: object, _folder: Path) -> list[str]:
    tools = _texts(value)
    for tool in tools:
        if not _TOOL.fullmatch(tool):
            raise ValueError(f'must be "{CODE_INTERPRETER}" and names of functions')
    if len({*tools}) < len(tools):
        raise ValueError("must name each tool once")
    return tools


def _ids(value: object, _folder: Path) -> frozenset[str]:
    texts = _texts(value)
    if not texts:
        raise ValueError("must hold an id; without this key everybody may use the assistant")
    try:
        return frozenset(parsers.guid(text.strip()) for text in texts)
    except ValueError:
        raise ValueError('must be ids of the directory, such as ["11111111-2222-3333-4444-555555555555"]') from None


def _files(value: object, folder: Path) -> tuple[Path, ...]:
    paths = tuple((folder / text).absolute() for text in _texts(value))
    if len(paths) > _MAX_KNOWLEDGE:
        raise ValueError(f"must be at most {_MAX_KNOWLEDGE} files")
    names = [plain_name(path.name) for path in paths]
    if len({*names}) < len(names):
        raise ValueError("must be files with different names")
    for path, name in zip(paths, names, strict=True):
        try:
            seen = path.stat()
        except (OSError, ValueError):
            raise ValueError(f"names {name}, and there is no such file in {path.parent}") from None
        if not stat.S_ISREG(seen.st_mode):
            raise ValueError(f"names {name}, which is not a file")
        if not os.access(path, os.R_OK):
            raise ValueError(f"names {name}, which this user may not read")
        if not 0 < seen.st_size <= MAX_FILE_BYTES:
            raise ValueError(f"names {name}, which is empty or larger than {MAX_FILE_BYTES // 1_000_000} MB")
    return paths


_KEYS: Final[Mapping[str, Callable[[object, Path], object]]] = {
    "name": _line_of(_MAX_NAME),
    "description": _line_of(_MAX_DESCRIPTION),
    "instructions": _prose,
    "model": _line_of(256),
    "tools": _tools,
    "starters": _starters,
    "files": _files,
    "users": _ids,
    "tenants": _ids,
    "default": _flag,
    "id": _line_of(256),
    "agent": _line_of(256),
}


# ---------------------------------------------------------------------------------------------------------- the file


class _File:
    """The text, read once; `mistakes` grows as its entries are read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.mistakes: list[Mistake] = []
        self._lines: dict[tuple[int, str], int] = {}  # by number of the table and key

    def entries(self) -> Iterator[_Entry]:
        """Each assistant, with the keys that are valid."""
        document = self._parsed()
        for key in document.keys() - {"assistant"}:
            self._wrong(-1, key, f"is not known here.{_guess(key, ('assistant', *_KEYS))} {_SHAPE}")
        tables = document.get("assistant", [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self._wrong(-1, "assistant", _SHAPE)
            return
        if not tables and not self.mistakes:
            self._wrong(-1, "", f"describes no assistant. {_SHAPE}")
        if len(tables) > _MAX_ASSISTANTS:
            self._wrong(_MAX_ASSISTANTS, "", f"is one too many: there may be {_MAX_ASSISTANTS} assistants")
        for number, row in enumerate(tables[:_MAX_ASSISTANTS]):
            yield self._entry(number, row)

    def _parsed(self) -> dict[str, Any]:
        try:
            with self._path.open("rb") as file:
                data = file.read(_MAX_FILE_BYTES + 1)
            text = data.decode("utf-8-sig")
        except OSError as error:
            self._wrong(-1, "", f"cannot be read: {error.strerror}")
            return {}
        except UnicodeDecodeError:
            self._wrong(-1, "", "is not plain text in UTF-8")
            return {}
        if len(data) > _MAX_FILE_BYTES:
            self._wrong(-1, "", "is larger than 1 MB")
            return {}
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = _AT_LINE.match(str(error))
            what = found["what"] if found else str(error).removesuffix(" (at end of document)")
            line = found["line"] if found else max(1, len(text.splitlines()))
            wrong = f"is not TOML: {what[:1].lower()}{what[1:]}"
            self.mistakes.append(Mistake(about=f"{self._path.name} line {line}", wrong=wrong))
            return {}
        self._note_lines(text)
        return document

    def _note_lines(self, text: str) -> None:
        """Remember where each key stands, which `tomllib` does not say; what stands in a long text is none."""
        number, quote = -1, ""
        for line_number, line in enumerate(text.splitlines(), start=1):
            if quote:
                if quote in line:
                    quote = ""
                continue
            if _HEADER.match(line):
                number += 1
                self._lines[number, ""] = line_number
            elif found := _ASSIGNMENT.match(line):
                self._lines.setdefault((number, found[1]), line_number)
            quote = next((each for each in ('"""', "'''") if line.count(each) % 2), "")

    def _entry(self, number: int, row: Mapping[str, object]) -> _Entry:
        entry = _Entry()
        entry.place = self._place(number, "")
        for key, value in row.items():
            if key not in _KEYS:
                self._wrong(number, key, f"is no key of an assistant.{_guess(key, tuple(_KEYS)) or f' {_ALL_KEYS}'}")
                continue
            try:
                entry[key] = _KEYS[key](value, self._path.absolute().parent)
            except ValueError as error:
                self._wrong(number, key, str(error))
        if "name" not in row:
            self._wrong(number, "", 'must have a name, such as: name = "Statistics Tutor"')
        return entry

    def _place(self, number: int, key: str) -> str:
        line = self._lines.get((number, key)) or self._lines.get((number, ""))
        return f"{self._path.name} line {line}" if line else self._path.name

    def _wrong(self, number: int, key: str, wrong: str) -> None:
        about = f"{self._place(number, key)}: `{key}`" if key else self._place(number, "")
        if not key and number >= 0:
            about = f"{about}: this assistant"
        self.mistakes.append(Mistake(about=about, wrong=wrong.rstrip(".")))


_SHAPE: Final = "Each assistant begins with a line [[assistant]]"
_ALL_KEYS: Final = f"These are the keys: {', '.join(_KEYS)}"


def _guess(key: str, known: tuple[str, ...]) -> str:
    elsewhere = {"prompt": "instructions", "system": "instructions", "prompts": "starters", "functions": "tools"}
    close = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    meant = elsewhere.get(key.lower()) or next(iter(close), None)
    return f" Did you mean `{meant}`?" if meant in known else ""


# ------------------------------------------------------------------------------------------------- what fits together


def _check_together(entries: list[_Entry], profiles: list[Profile], shipped: Profile) -> Iterator[Mistake]:
    names: dict[str, str] = {}
    defaults = [entry for entry in entries if entry.get("default")]
    for entry in defaults[1:]:
        wrong = f"is the second with `default = true` ({defaults[0].place}); keep one"
        yield Mistake(about=f"{entry.place}: {entry['name']}", wrong=wrong)
    for entry, profile in zip(entries, profiles, strict=True):
        about = f"{entry.place}: {profile.name}"
        if (first := names.setdefault(same_name(profile.name), entry.place)) != entry.place:
            yield Mistake(about=about, wrong=f"is the name of another assistant too ({first}); names must differ")
        yield from _check_alone(entry, profile)
        is_default = entry.get("default") or (not defaults and same_name(profile.name) == same_name(shipped.name))
        if is_default and (profile.users or profile.tenants):
            yield Mistake(
                about=about,
                wrong="answers where no other was chosen, so it must be open to everybody; to keep people out of the "
                "whole bot set ALLOWED_USERS or ALLOWED_TENANTS, else make another one the default",
            )


def _check_alone(entry: _Entry, profile: Profile) -> Iterator[Mistake]:
    about = f"{entry.place}: {profile.name}"
    if "id" in entry and "agent" in entry:
        yield Mistake(about=about, wrong="has both `id` and `agent`; keep one")
    kept_elsewhere = "id" if profile.service_id else "agent" if profile.agent else ""
    idle = ", ".join(f"`{key}`" for key in ("instructions", "model", "tools", "files") if key in entry)
    if kept_elsewhere and idle:
        yield Mistake(about=about, wrong=f"has {idle}, which its `{kept_elsewhere}` has at the service")
    if not (kept_elsewhere or profile.instructions):
        yield Mistake(about=about, wrong="must have instructions: what the assistant is told to do")
    if entry.get("files") and not profile.runs_code:
        yield Mistake(about=about, wrong=f'has files, which need "{CODE_INTERPRETER}" among its tools')


def _check_backend(entries: list[_Entry], profiles: list[Profile], reading: Reading) -> Iterator[Mistake]:
    backend = reading.value(table.ASSISTANT_BACKEND)
    for entry, profile in zip(entries, profiles, strict=True):
        about = f"{entry.place}: {profile.name}"
        if "id" in entry and backend is not Backend.ASSISTANTS:
            yield Mistake(about=about, wrong="has an `id`, which belongs to ASSISTANT_BACKEND=assistants")
        if "agent" in entry and not (backend is Backend.RESPONSES and reading.has(table.AZURE_AI_PROJECT_ENDPOINT)):
            yield Mistake(about=about, wrong="has an `agent`, which needs AZURE_AI_PROJECT_ENDPOINT")
        if profile.functions and not reading.has(table.FUNCTIONS_DIR):
            tool = profile.functions[0]
            guess = _guess(tool, (CODE_INTERPRETER,)).replace("`", '"')
            wrong = f'has the tool "{tool}", which is no function, because FUNCTIONS_DIR is not set'
            yield Mistake(about=about, wrong=f"{wrong}.{guess}" if guess else wrong)
        if not (profile.service_id or profile.agent) and (wrong := _wrong_model(profile.model, backend, reading)):
            yield Mistake(about=about, wrong=wrong)


def _wrong_model(model: str | None, backend: Backend, reading: Reading) -> str:
    """What is wrong with the model of an assistant; empty if nothing is."""
    has_service = any(map(reading.has, (table.OPENAI_BASE_URL, table.OPENAI_API_KEY, table.AZURE_OPENAI_ENDPOINT)))
    match backend, model:
        case Backend.EMBEDDED, str() if model != BUILT_IN_TUTOR and not has_service:
            return (
                "has a model and no service that serves it: set OPENAI_BASE_URL, OPENAI_API_KEY or "
                f'AZURE_OPENAI_ENDPOINT; without one the model can be "{BUILT_IN_TUTOR}"'
            )
        case Backend.EMBEDDED, _:
            return ""
        case _, str() if model == BUILT_IN_TUTOR:
            return "has the built-in tutor as its model, which needs ASSISTANT_BACKEND=embedded"
        case _, None if not reading.has(table.MODEL):
            return "must have a `model`, because MODEL is not set"
        case _:
            return ""
