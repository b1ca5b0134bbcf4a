"""What may be shown as a picture, judged by its first bytes and never by its name."""

from __future__ import annotations

from pathlib import Path

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_SIGNATURE_BYTES = 12  # of the longest, WebP's


def picture_type(data: bytes) -> str | None:
    """The media type of a picture that chat clients show, or None for anything else (SVG and HTML among it)."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)


def picture_type_at(path: Path) -> str | None:
    """The same of a file, of which only the first bytes are read. Raises OSError."""
    with path.open("rb") as file:
        return picture_type(file.read(_SIGNATURE_BYTES))
