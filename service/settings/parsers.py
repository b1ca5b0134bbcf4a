"""Parsers: each turns the text of a setting into its value.

Each raises ValueError with the second half of the sentence "PORT must be ...". No message quotes the text, which may
be a key in the wrong place.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import stat
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar, final
from urllib.parse import SplitResult, urlsplit


@final
class Secret:
    """A key or password. Only `reveal` gives it out: repr, str and format show that there is one, never which."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give out the value, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(set)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


Choice = TypeVar("Choice", bound=StrEnum)

_MAX_RUN_S = 24 * 3600.0
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_HOST_NAME = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){0,20}(:[0-9]{1,5})?", re.ASCII)
_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[::1\])(:[0-9]{1,5})?", re.ASCII)
_MIN_KEY_CHARS = 32
_MIN_KEY_LETTERS = 10
_MAX_CONTEXT = 20
_MAX_LIFETIME_S = 315_360_000
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


class Backend(StrEnum):
    """Which service runs the assistant."""

    EMBEDDED = "embedded"
    RESPONSES = "responses"
    ASSISTANTS = "assistants"


class SandboxKind(StrEnum):
    """Where the assistant's code runs."""

    LOCAL = "local"
    DYNAMIC_SESSIONS = "dynamic-sessions"


class AppType(StrEnum):
    """How the bot is registered, in Bot Framework's own words."""

    SINGLE_TENANT = "SingleTenant"
    MULTI_TENANT = "MultiTenant"
    USER_ASSIGNED_MSI = "UserAssignedMSI"


class CloudName(StrEnum):
    """Which of Microsoft's clouds the bot is registered in."""

    PUBLIC = "public"
    GCC = "gcc"
    GCCH = "gcch"
    DOD = "dod"
    CHINA = "china"


class LogLevel(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """The format of log lines; `auto` is text on a terminal and JSON elsewhere."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


def line(text: str) -> str:
    """One line of text without control characters, at most 256 characters."""
    if not text.isprintable():
        raise ValueError("must be one line of plain text")
    if len(text) > 256:
        raise ValueError("must be at most 256 characters long")
    return text


def prose(text: str) -> str:
    """Text of any number of lines, at most 32,768 characters."""
    if not _storable(text):
        raise ValueError("must be plain text in UTF-8")
    if len(text) > 32_768:
        raise ValueError("must be at most 32,768 characters long")
    return text


def secret(text: str) -> Secret:
    """A key that fits into an HTTP header."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("must be one word of plain ASCII characters, as it was given to you")
    return Secret(text)


def host(text: str) -> str:
    """An IP address of this machine to listen on, or localhost. Names are refused: they may have several addresses."""
    if text.lower() == "localhost":
        return "localhost"
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("must be an address such as 127.0.0.1, ::1 or 0.0.0.0, or localhost") from None
    return text


def is_loopback_host(host: str) -> bool:
    """Whether only this machine can connect to a value of `host`."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def port(text: str) -> int:
    """A TCP port; 0 takes any free one."""
    if not (text.isascii() and text.isdigit()) or len(text) > 5 or int(text) > 65_535:
        raise ValueError("must be a whole number from 0 to 65535")
    return int(text)


def signing_keys(text: str) -> tuple[Secret, ...]:
    """One key, or a new and an old one with a comma between them."""
    keys = tuple(secret(part.strip()) for part in text.split(","))
    if len(keys) > 2:
        raise ValueError("must be one key, or the new and the old one with a comma between them")
    # A repeated character is long, but no key: so few different ones come in no random text of this length.
    if any(len(key.reveal()) < _MIN_KEY_CHARS or len(set(key.reveal())) < _MIN_KEY_LETTERS for key in keys):
        raise ValueError(f"must be at least {_MIN_KEY_CHARS} random characters, such as: openssl rand -base64 32")
    return keys


def context_messages(text: str) -> int:
    """A number of messages, which every question of a shared place may carry."""
    if not (text.isascii() and text.isdigit()) or len(text) > 2 or int(text) > _MAX_CONTEXT:
        raise ValueError(f"must be a whole number from 0 to {_MAX_CONTEXT}")
    return int(text)


def lifetime_s(text: str) -> int:
    """Whole seconds, from a minute to ten years."""
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or not 60 <= int(text) <= _MAX_LIFETIME_S:
        raise ValueError("must be a whole number of seconds from 60 to 315360000 (ten years)")
    return int(text)


def limit(text: str) -> int:
    """A whole number from 1 on, or 0 for `off`."""
    if text.lower() == "off":
        return 0
    if not re.fullmatch(r"[1-9][0-9]{0,14}", text):
        raise ValueError("must be a whole number above 0, or off")
    return int(text)


def duration_s(text: str) -> float:
    """A time limit in seconds, above zero and at most a day."""
    seconds = _seconds(text)
    if not 0 < seconds <= _MAX_RUN_S:
        raise ValueError("must be more than 0 seconds and at most 86400")
    return seconds


def wait_s(text: str) -> float:
    """A wait in seconds, at most a day; 0 for none."""
    seconds = _seconds(text)
    if not 0 <= seconds <= _MAX_RUN_S:
        raise ValueError("must be 0 or more seconds and at most 86400")
    return seconds


def _seconds(text: str) -> float:
    try:
        return float(text)  # also nan, which is within no bounds
    except ValueError:
        raise ValueError("must be a number of seconds") from None


def url(text: str) -> str:
    """An http or https address without user, password, query or fragment; a slash at its end is taken away."""
    parts = _split_url(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address that begins with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password: addresses are shown, keys have their own settings")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError("must be an address without ? or #")
    return text.rstrip("/")


def azure_endpoint(text: str) -> str:
    """The address of an Azure OpenAI resource; `/openai/v1`, which Azure's pages show with it, is taken away."""
    address = url(text.partition("?")[0])
    if "/deployments/" in address:
        raise ValueError("must be the resource alone, and MODEL the name of the deployment")
    return address.removesuffix("/v1").removesuffix("/openai")


def https_url(text: str) -> str:
    """An https address, as a link for people."""
    if not text.startswith("https://"):
        raise ValueError("must be an address that begins with https://")
    return url(text)


def app_name(text: str) -> str:
    """A name for Teams: 30 characters, of which a stage such as " (test)" takes seven."""
    if len(line(text)) > 23:
        raise ValueError("must be at most 23 characters long")
    return text


def developer_name(text: str) -> str:
    """A company's name for Teams."""
    if len(line(text)) > 32:
        raise ValueError("must be at most 32 characters long")
    return text


def app_version(text: str) -> str:
    """Three numbers; the first is not zero, which one of Microsoft's checks refuses."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}(\.(0|[1-9][0-9]{0,4})){2}", text, re.ASCII):
        raise ValueError("must be three numbers with dots between them, such as 1.0.0, the first at least 1")
    return text


def postgresql_url(text: str) -> Secret:
    """A PostgreSQL URL, with its password."""
    if not text.isprintable() or " " in text:
        raise ValueError("must be one address, without blanks")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(
            "must be an address with a valid host and port; in a user name or password write / ? # : as %2F %3F %23 %3A"
        ) from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must be an address that begins with postgresql://")
    if not (parts.hostname or "host=" in parts.query):
        raise ValueError("must name the host of PostgreSQL")
    if parts.fragment:
        raise ValueError("must be an address without #; in a password, write it as %23")
    return Secret(text)


def storage_connection_string(text: str) -> Secret:
    """`Name=value` pairs as Azure writes them: an account or its address, and a key or a signature."""
    pairs: dict[str, str] = {}
    for part in filter(str.strip, text.split(";")):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise ValueError("must be pairs such as AccountName=my, with ; between them")
        pairs[name.lower()] = value
    if pairs.get("usedevelopmentstorage", "").lower() == "true":  # Azurite at its usual port
        return Secret(text)
    if not ("accountname" in pairs or "blobendpoint" in pairs):
        raise ValueError("must name an account, as AccountName=... or BlobEndpoint=...")
    if "accountkey" in pairs:
        _check_account_key(pairs["accountkey"])
    elif "sharedaccesssignature" not in pairs:
        raise ValueError("must hold AccountKey=... or SharedAccessSignature=...")
    return Secret(text)


def _check_account_key(key: str) -> None:
    try:
        is_key = bool(base64.b64decode(key, validate=True))
    except ValueError:
        is_key = False
    if not is_key:
        raise ValueError("must hold the AccountKey whole, as Azure shows it (base64)")


def storage_account_url(text: str) -> str:
    """The https address of a storage account."""
    address = url(text)
    parts = urlsplit(address)
    # Tokens of an identity must not travel unencrypted.
    if parts.scheme != "https":
        raise ValueError("must be an address that begins with https://")
    if ".blob.core." in (parts.hostname or "") and parts.path.strip("/"):  # the path of a stand-in is its account
        raise ValueError("must be the address of the account alone; AZURE_STORAGE_CONTAINER names the container")
    return address


def container_name(text: str) -> str:
    """A name allowed by https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers."""
    if not _CONTAINER.fullmatch(text):
        raise ValueError("must be 3 to 63 small letters, digits and single hyphens, with no hyphen at its ends")
    return text


def guid(text: str) -> str:
    """An id of Microsoft Entra ID, in lower case."""
    if not _GUID.fullmatch(text):
        raise ValueError("must be an id such as 11111111-2222-3333-4444-555555555555")
    return text.lower()


def guids(text: str) -> frozenset[str]:
    """One or more ids, separated by commas."""
    try:
        found = frozenset(guid(part.strip()) for part in text.split(","))
    except ValueError:
        raise ValueError("must be ids such as 11111111-2222-3333-4444-555555555555, separated by commas") from None
    return found


def guids_or_everybody(text: str) -> frozenset[str] | None:
    """Ids, or None for `*` alone. Nothing else means everybody, least of all a list that cannot be read."""
    if text == "*":
        return None
    try:
        return guids(text)
    except ValueError as error:
        raise ValueError(f"{error}; or * alone, for everybody") from None


def app_type(text: str) -> AppType:
    """The kind of registration, in any case."""
    found = [kind for kind in AppType if kind.lower() == text.lower()]
    if not found:
        raise ValueError(f"must be one of: {', '.join(AppType)}")
    return found[0]


def switch(text: str) -> bool:
    """On or off."""
    match text.lower():
        case "on" | "true" | "yes" | "1":
            return True
        case "off" | "false" | "no" | "0":
            return False
        case _:
            raise ValueError("must be on or off")


def origins(text: str) -> tuple[str, ...]:
    """Exact origins, separated by commas: https, or http on this machine."""
    return tuple(_origin(part.strip()) for part in text.split(","))


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError("must be origins such as https://smba.example.com, separated by commas: no path, no capitals")
    return _over_tls_or_loopback(text)


def hosts(text: str) -> frozenset[str]:
    """Names of hosts, separated by commas, each with a port if it has one."""
    names = [part.strip().lower() for part in text.split(",")]
    if not all(_HOST_NAME.fullmatch(name) for name in names):
        raise ValueError("must be hosts such as docs.example.com, separated by commas: no https://, no path")
    return frozenset(names)


def secure_url(text: str) -> str:
    """An https address, or http on this machine."""
    return _over_tls_or_loopback(url(text))


def _over_tls_or_loopback(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("must begin with https://; http:// is for addresses of this machine only")
    return address


def login_url(text: str) -> str:
    """The https address of a token issuer, with the tenant as its path if it names one."""
    address = secure_url(text)
    if urlsplit(address).scheme != "https":
        raise ValueError("must be an address that begins with https://")
    if urlsplit(address).path.count("/") > 1:
        raise ValueError(
            "must be a host and at most a tenant, such as https://login.microsoftonline.com/botframework.com"
        )
    return address


def path(text: str) -> Path:
    """The path of a file, which `rules` looks at."""
    return _look_at(text)[0]


def folder(text: str) -> Path:
    """A directory, which need not exist yet; relative paths start at the working directory."""
    path, mode = _look_at(text)
    if mode is not None and not stat.S_ISDIR(mode):
        raise ValueError("must be a directory, and there is a file of that name")
    return path


def interpreter(text: str) -> Path:
    """A Python executable."""
    # Symbolic links are not resolved: the link inside an environment is what makes it that environment's Python.
    path, mode = _look_at(text)
    if mode is None or not stat.S_ISREG(mode):
        raise ValueError("must be the path of a Python executable, and there is no file of that name")
    if not os.access(path, os.X_OK):
        raise ValueError("must be the path of a Python executable, and that file cannot be executed")
    return path


def given(text: str) -> bool:
    """Whether there is any text at all."""
    return bool(text)


def one_of(kind: type[Choice]) -> Callable[[str], Choice]:
    """A parser of an enumeration, in any case."""

    def choose(text: str) -> Choice:
        try:
            return kind(text.lower())
        except ValueError:
            raise ValueError(f"must be one of: {', '.join(kind)}") from None

    return choose


def _storable(text: str) -> bool:
    """Whether databases, JSON and terminals accept it."""
    # Bytes of the environment that are not UTF-8 arrive here as lone surrogates.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


_IN_NO_ADDRESS = frozenset(' "<>\\^`{|}')
"""ASCII that RFC 3986 has in no address."""


def _split_url(text: str) -> SplitResult:
    if not text.isprintable() or not _IN_NO_ADDRESS.isdisjoint(text):  # a brace would make a route of it a pattern
        raise ValueError("must be one address, without blanks, braces and the like")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("must be an address with a valid host and port") from None
    return parts


def _look_at(text: str) -> tuple[Path, int | None]:
    if not _storable(text):
        raise ValueError("must be a path in UTF-8")
    try:
        path = Path(text).expanduser().absolute()
        return path, path.stat().st_mode
    except FileNotFoundError:
        return path, None
    except RuntimeError:
        raise ValueError("must be a path without ~, since this user has no home directory") from None
    except OSError as error:
        raise ValueError(f"must be a path that can be reached ({error.strerror})") from None
