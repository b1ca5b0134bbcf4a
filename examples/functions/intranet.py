"""Reads JSON from internal APIs that an allow-list names. Set FN_INTRANET_APIS, and FN_INTRANET_TOKEN if they want one.

FN_INTRANET_APIS is a list such as `hr=https://hr.example.com/api/v1/,rooms=https://rooms.example.com/api/`.
"""

from __future__ import annotations

import os
import re
from typing import Annotated
from urllib.parse import urljoin

import aiohttp
from pydantic import Field

from bot.functions import Caller, repeatable

DEADLINE_S = 10
MAX_BYTES = 200_000
_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")  # no dots, so no way up


@repeatable
async def read_intranet(
    api: Annotated[str, Field(description="Name of the API: hr, or rooms")],
    path: Annotated[str, Field(description="Path below the API, such as rooms/4711")],
    caller: Caller,
    query: Annotated[dict[str, str], Field(description="Query parameters", max_length=10)] | None = None,
) -> str:
    """Read a resource of an internal API and return its JSON. Nothing can be changed by it."""
    apis = dict(entry.strip().split("=", 1) for entry in os.environ["FN_INTRANET_APIS"].split(","))
    if api not in apis:
        raise ValueError(f"there is no API of this name; there are: {', '.join(sorted(apis))}")
    if not _PATH.fullmatch(path):
        raise ValueError("a path is made of words and slashes, such as rooms/4711")
    # The API learns who asks from us and not from the model, so that it can decide what this person may see.
    headers = {"Accept": "application/json", "X-On-Behalf-Of": caller.directory_id, "X-Request-Id": caller.call}
    if token := os.environ.get("FN_INTRANET_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    address, limits = urljoin(apis[api], path), aiohttp.ClientTimeout(total=DEADLINE_S)
    # No redirects: they would lead out of the allow-list, and the token with them.
    async with (
        aiohttp.ClientSession(timeout=limits) as session,
        session.get(address, params=query or {}, headers=headers, allow_redirects=False) as answer,
    ):
        if answer.status != 200:
            raise ValueError(f"the API answered with status {answer.status}")
        data = bytearray()
        async for piece in answer.content.iter_any():
            data += piece
            if len(data) > MAX_BYTES:
                raise ValueError("the answer is too long; ask for less")
        return data.decode()
