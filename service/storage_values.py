"""How the text of a setting of the storage becomes its value: as in `setting_values`, no message quotes the text."""

from __future__ import annotations

import base64
import re
from urllib.parse import urlsplit

from service.secret import Secret
from service.setting_values import url

_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_DEVELOPMENT = "usedevelopmentstorage"


def postgresql_url(text: str) -> Secret:
    """An address of PostgreSQL with everything in it, the password too."""
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
    """Names and values as Azure writes them: an account or its address, and a key or a signature."""
    pairs = dict(_pair(part) for part in text.split(";") if part.strip())
    if pairs.get(_DEVELOPMENT, "").lower() == "true":  # Azurite at its usual port
        return Secret(text)
    if not ("accountname" in pairs or "blobendpoint" in pairs):
        raise ValueError("must name an account, as AccountName=... or BlobEndpoint=...")
    if "accountkey" in pairs:
        _demand_base64(pairs["accountkey"])
    elif "sharedaccesssignature" not in pairs:
        raise ValueError("must hold AccountKey=... or SharedAccessSignature=...")
    return Secret(text)


def storage_account_url(text: str) -> str:
    """The address of an account's blobs; tokens of an identity travel encrypted or not at all."""
    address = url(text)
    if urlsplit(address).scheme != "https":
        raise ValueError("must be an address that begins with https://")
    return address


def container_name(text: str) -> str:
    """As in https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers."""
    if not _CONTAINER.fullmatch(text):
        raise ValueError("must be 3 to 63 small letters, digits and single hyphens, with no hyphen at its ends")
    return text


def _pair(part: str) -> tuple[str, str]:
    name, equals, value = part.strip().partition("=")
    if not equals:
        raise ValueError("must be pairs such as AccountName=my, with ; between them")
    return name.lower(), value


def _demand_base64(key: str) -> None:
    try:
        known = bool(base64.b64decode(key, validate=True))
    except ValueError:
        known = False
    if not known:
        raise ValueError("must hold the AccountKey whole, as Azure shows it (base64)")
