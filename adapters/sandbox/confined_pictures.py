"""Brings pictures to a size that a chat can show, without decoding them in the service's own process.

Decoders of pictures are a classic door for attackers, and a small file can unfold to gigabytes: so the size is read
first, from the first bytes, and the decoding is done in a process of its own in a session, like model-written code.
Layouts: PNG (RFC 2083), GIF89a, JPEG (ITU-T T.81, annex B), WebP (RFC 9649).
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from enum import StrEnum

from adapters.sandbox.code_result import CodeSandbox, SandboxError
from adapters.sandbox.session_limits import MB


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


def without_traps(data: bytes, header: PictureHeader) -> bytes | None:
    """The picture, fit to be opened by any client: what unfolds far beyond its size is dropped from it.

    None where it is broken, or a frame is larger than its screen. Bytes without such traps come back unchanged.
    """
    try:
        match header.kind:
            case PictureKind.PNG:
                return _png_without_compressed_notes(data)
            case PictureKind.GIF:
                return data if _gif_frames_fit(data, header) else None
            case PictureKind.JPEG | PictureKind.WEBP:
                return data
    except (struct.error, IndexError):
        return None


def _png_without_compressed_notes(data: bytes) -> bytes | None:
    """PNG, 4.2: a chunk of text or of a colour profile may be compressed, and 0.2 MB of it can unfold to 200 MB."""
    kept, at = [data[:8]], 8
    while True:
        (size,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + size
        if end > len(data):
            return None
        if kind not in {b"zTXt", b"iTXt", b"iCCP"}:
            kept.append(data[at:end])
        if kind == b"IEND":
            return data if sum(map(len, kept)) == len(data) else b"".join(kept)
        at = end


def _gif_frames_fit(data: bytes, screen: PictureHeader) -> bool:
    """GIF89a, 15 to 26: read the blocks; each frame (0x2C) has a place and a size of its own."""

    def after_table(at: int, flags: int) -> int:
        return at + (3 * 2 ** ((flags & 0x07) + 1) if flags & 0x80 else 0)

    def after_sub_blocks(at: int) -> int:
        while data[at]:
            at += 1 + data[at]
        return at + 1

    at = after_table(13, data[10])
    while data[at] != 0x3B:
        if data[at] == 0x21:
            at = after_sub_blocks(at + 2)
        elif data[at] == 0x2C:
            left_px, top_px, width_px, height_px, flags = struct.unpack_from("<HHHHB", data, at + 1)
            if left_px + width_px > screen.width_px or top_px + height_px > screen.height_px:
                return False
            at = after_sub_blocks(after_table(at + 10, flags) + 1)
        else:
            return False
    return True


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
MAX_HEADER_BYTES = 256 * 1024  # cameras put a thumbnail and a colour profile before the size; a real one is smaller
MAX_SEGMENTS = 200


def _read_jpeg(data: bytes) -> PictureHeader | None:
    # Without bounds, 64 MB of empty segments or of fill bytes would hold the event loop for seconds.
    data, at = data[:MAX_HEADER_BYTES], 2
    for _ in range(MAX_SEGMENTS):
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
    return None


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


MAX_SIDE_PX = 1024
MAX_BYTES = 1 * MB
MAX_PIXELS = 50_000_000  # telephones take 48 million
DEADLINE_S = 20.0

FIT = f"""
import io
from PIL import Image, ImageOps

def encoded(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, **options)
    return buffer.getvalue()

def fitted(picture):
    side = {MAX_SIDE_PX}
    while side >= 64:
        small = picture.copy()
        small.thumbnail((side, side))
        png = encoded(small, format="PNG", optimize=True)
        if len(png) <= {MAX_BYTES}:
            return png
        flat = Image.new("RGB", small.size, "white")
        flat.paste(small, mask=small.getchannel("A"))
        jpeg = encoded(flat, format="JPEG", quality=85)
        if len(jpeg) <= {MAX_BYTES}:
            return jpeg
        side //= 2

with Image.open("/mnt/data/picture", formats=("PNG", "JPEG", "GIF", "WEBP")) as opened:
    picture = opened if opened.mode in ("L", "RGB", "RGBA") else opened.convert("RGBA")
    picture.thumbnail(({MAX_SIDE_PX}, {MAX_SIDE_PX}))  # first of all: of a JPEG no more than needed is decoded
    picture = ImageOps.exif_transpose(picture).convert("RGBA")
with open("/mnt/data/fitted", "wb") as file:
    file.write(fitted(picture))
"""


class ConfinedPictures:
    """Fits pictures, each in a session of its own."""

    def __init__(self, *, sandbox: CodeSandbox, unchanged: frozenset[PictureKind] = frozenset(PictureKind)) -> None:
        self._sandbox = sandbox
        self._unchanged = unchanged

    async def fit(self, data: bytes) -> bytes | None:
        """Return the picture with at most MAX_SIDE_PX on a side and MAX_BYTES, as PNG, or JPEG where it must be.

        A picture within both, and of a kind in `unchanged`, is returned as it is (without compressed notes of a PNG);
        an animated one that is not becomes its first frame. None means that it cannot be shown: no PNG, JPEG, GIF or
        WebP, above MAX_PIXELS, broken, or no sandbox to decode it in.
        """
        header = read_picture_header(data)
        if header is None or header.pixels > MAX_PIXELS:
            return None
        if header.kind in self._unchanged and _fits(data) and (plain := without_traps(data, header)) is not None:
            return plain
        session = f"picture-{uuid.uuid4()}"
        try:
            await self._sandbox.put(session, "picture", data)
            result = await self._sandbox.run(session, FIT, deadline_s=DEADLINE_S)
        except SandboxError:
            return None
        finally:
            await self._sandbox.forget(session)
        fitted = next((file.data for file in result.files if file.name == "fitted"), b"")
        return fitted if _fits(fitted) else None


def _fits(data: bytes) -> bool:
    """Judge what came back, which is as hostile as what went in."""
    header = read_picture_header(data)
    return header is not None and max(header.width_px, header.height_px) <= MAX_SIDE_PX and len(data) <= MAX_BYTES
