"""The header that names a file that is sent."""

from __future__ import annotations

import re
from urllib.parse import quote


def content_disposition(name: str, *, inline: bool) -> str:
    """Content-Disposition with the name twice (RFC 6266): in ASCII for old programs, then in full."""
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    how = "inline" if inline else "attachment"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
