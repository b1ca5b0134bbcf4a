"""Reads the size of a picture from its first bytes, without decoding anything.

A small file can unfold to gigabytes, so nobody may decode a picture whose size was not read first. Layouts: PNG
(RFC 2083), GIF89a, JPEG (ITU-T T.81, annex B), WebP (RFC 9649).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum


class PictureKind(StrEnum):
    """The four kinds that are shown inline; the value is the media type."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    GIF = "image/gif"
    WEBP = "image/webp"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureHeader:
    """What a picture says about itself."""

    kind: PictureKind
    width_px: int
    height_px: int

    @property
    def pixels(self) -> int:
        """How many pixels there are to decode."""
        return self.width_px * self.height_px


def read_picture_header(data: bytes) -> PictureHeader | None:
    """Return the header, or None where this is no PNG, JPEG, GIF or WebP of at least one pixel."""
    try:
        header = _read(data)
    except (struct.error, IndexError):  # it ends too early
        return None
    return header if header is not None and header.pixels > 0 else None


def _read(data: bytes) -> PictureHeader | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return _header(PictureKind.PNG, *struct.unpack_from(">II", data, 16))
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _header(PictureKind.GIF, *struct.unpack_from("<HH", data, 6))
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _read_webp(data)
    return None


JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # the markers that carry the size
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
JPEG_END_OF_HEADERS = frozenset({0xD9, 0xDA})


def _read_jpeg(data: bytes) -> PictureHeader | None:
    at = 2
    while True:
        if data[at] != 0xFF:
            return None
        while data[at] == 0xFF:  # any number of fill bytes
            at += 1
        marker, at = data[at], at + 1
        if marker in JPEG_END_OF_HEADERS:
            return None
        if marker in JPEG_FRAMES:
            height_px, width_px = struct.unpack_from(">HH", data, at + 3)
            return _header(PictureKind.JPEG, width_px, height_px)
        if marker not in JPEG_BARE:
            at += max(2, struct.unpack_from(">H", data, at)[0])


def _read_webp(data: bytes) -> PictureHeader | None:
    match data[12:16]:
        case b"VP8X":
            width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
            return _header(PictureKind.WEBP, width, height) if len(data) >= 30 else None
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return _header(PictureKind.WEBP, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return _header(PictureKind.WEBP, width & 0x3FFF, height & 0x3FFF)
        case _:
            return None


def _header(kind: PictureKind, width_px: int, height_px: int) -> PictureHeader:
    return PictureHeader(kind=kind, width_px=width_px, height_px=height_px)
