"""GET /files/{token}/{name}: plots and files of answers, for whoever holds the unguessable token.

Nothing here can run in the service's origin: what is not one of the four picture types goes out as a download without a
type, and nobody may guess one from the content.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from bot.errors import StorageError
from bot.ports import FileReader, ServedFile

log = logging.getLogger(__name__)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_ALWAYS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",  # chat clients show pictures in pages of their own origin
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# The same bytes have the same token, so an address never changes what it serves.
_FOR_EVER = "private, max-age=31536000, immutable"


def add_file_routes(app: web.Application, files: FileReader) -> None:
    """Serve stored files, by GET and HEAD. The name in the address is for people; the token alone decides."""

    async def serve(request: web.Request) -> web.Response:
        token = request.match_info["token"]
        try:
            file = await files.read(token) if _TOKEN.fullmatch(token) else None
        except StorageError as error:
            log.warning("file not readable", extra={"why": str(error)})
            return _fault(503, "StorageDown", "Files cannot be read at the moment.", {"Retry-After": "10"})
        if file is None:
            return _fault(404, "NotFound", "There is no file at this address.")
        return web.Response(body=file.data, headers=_headers(file))

    app.router.add_get("/files/{token}/{name}", serve)


def _headers(file: ServedFile) -> dict[str, str]:
    how = "attachment" if file.picture_type is None else "inline"
    return {
        **_ALWAYS,
        "Cache-Control": _FOR_EVER,
        "Content-Disposition": f"{how}; {_file_name(file.name)}",
        "Content-Type": file.picture_type or "application/octet-stream",
    }


def _file_name(name: str) -> str:
    """The name twice, as RFC 6266 has it: in ASCII for old programs, then in full."""
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _fault(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(
        {"error": {"code": code, "message": message}},
        status=status,
        headers={**_ALWAYS, "Cache-Control": "no-store", **(headers or {})},
    )
