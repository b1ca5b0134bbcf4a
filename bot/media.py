"""What may be shown as a picture, judged by its first bytes and never by its name."""

from __future__ import annotations

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}

PICTURE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")


def picture_type(data: bytes) -> str | None:
    """The media type of a picture that chat clients show, or None for anything else (SVG and HTML among it)."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)
