"""Brings pictures to a size that a chat can show, without decoding them in the service's own process.

Decoders of pictures are a classic door for attackers, and a small file can unfold to gigabytes: so the size is read
first, and the decoding is done in a process of its own in a session, like model-written code.
"""

from __future__ import annotations

import uuid

from adapters.sandbox.code_result import CodeSandbox, SandboxError
from adapters.sandbox.picture_header import PictureKind, read_picture_header, without_traps
from adapters.sandbox.session_limits import MB

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
