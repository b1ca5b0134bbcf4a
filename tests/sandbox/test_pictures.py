"""Pictures are brought to a chat's size without the service decoding one."""

from __future__ import annotations

import io
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image

from adapters.sandbox.confined_pictures import ConfinedPictures, PictureKind, read_picture_header
from adapters.sandbox.sandbox import Sandbox
from tests.sandbox.test_sandbox import SETTINGS, pytestmark  # noqa: F401 - the same reason to skip

NOISE = Image.effect_noise((1600, 1200), 80).convert("RGB")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = await Sandbox.open(SETTINGS)
    yield opened
    await opened.close()


@pytest.fixture
def pictures(sandbox: Sandbox) -> ConfinedPictures:
    return ConfinedPictures(sandbox=sandbox)


def _encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_a_small_picture_is_returned_as_it_is(pictures: ConfinedPictures, kind: str) -> None:
    data = _encoded(Image.new("RGB", (300, 200), "red"), kind)
    assert await pictures.fit(data) is data


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
async def test_a_kind_that_is_not_wanted_becomes_a_png(sandbox: Sandbox, kind: str) -> None:
    pictures = ConfinedPictures(sandbox=sandbox, unchanged=frozenset({PictureKind.PNG, PictureKind.JPEG}))
    fitted = await pictures.fit(_encoded(Image.new("RGB", (300, 200), "red"), kind))
    seen = Image.open(io.BytesIO(fitted or b""))
    assert (seen.format, seen.size) == ("PNG", (300, 200))
    red, *others = seen.convert("RGB").getpixel((0, 0))  # type: ignore[misc]
    assert red > 250
    assert max(others) < 5


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_a_large_picture_is_made_smaller(pictures: ConfinedPictures, kind: str) -> None:
    data = _encoded(Image.new("RGB", (3000, 1500), "red"), kind)
    fitted = Image.open(io.BytesIO(await pictures.fit(data) or b"")).convert("RGB")
    assert fitted.size == (1024, 512)
    red, green, blue = fitted.getpixel((500, 250))  # type: ignore[misc]
    assert red > 250
    assert green < 5
    assert blue < 5


async def test_a_photograph_of_48_million_pixels_is_made_smaller_and_stands_upright(pictures: ConfinedPictures) -> None:
    photograph = Image.new("RGB", (8000, 6000), "red")
    exif = photograph.getexif()
    exif[0x0112] = 6  # the telephone was held upright
    fitted = Image.open(io.BytesIO(await pictures.fit(_encoded(photograph, "JPEG", exif=exif)) or b""))
    assert fitted.size == (768, 1024)


async def test_a_heavy_picture_becomes_a_jpeg(pictures: ConfinedPictures) -> None:
    data = _encoded(NOISE, "PNG")
    fitted = await pictures.fit(data)
    assert fitted is not None
    assert len(data) > 1_048_576 >= len(fitted)
    assert Image.open(io.BytesIO(fitted)).format == "JPEG"


async def test_transparency_survives(pictures: ConfinedPictures) -> None:
    fitted = await pictures.fit(_encoded(Image.new("RGBA", (2000, 10), (0, 0, 0, 0)), "PNG"))
    assert Image.open(io.BytesIO(fitted or b"")).getpixel((0, 0)) == (0, 0, 0, 0)


async def test_an_animation_becomes_a_still(pictures: ConfinedPictures) -> None:
    frames = [Image.new("RGB", (1500, 10), color) for color in ("red", "blue")]
    fitted = await pictures.fit(_encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    still = Image.open(io.BytesIO(fitted or b""))
    assert getattr(still, "n_frames", 1) == 1
    assert still.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def _bomb() -> bytes:
    """A PNG of 81 megapixels in 100 KB, whose pixels are real."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    side = (9000).to_bytes(4, "big")
    rows = zlib.compress(bytes(9000 * 9001), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", side + side + b"\x08\0\0\0\0") + chunk(b"IDAT", rows)


async def test_a_picture_that_unfolds_is_not_even_handed_to_the_sandbox() -> None:
    nobody: Any = None  # a caller that asked it would fail
    assert await ConfinedPictures(sandbox=nobody).fit(_bomb()) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"BM" + bytes(100),
        _encoded(NOISE, "TIFF"),
        _encoded(NOISE, "PNG")[:2_000_000],
        _encoded(NOISE, "JPEG")[:100] + bytes(2_000_000),
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x08\0\0\0\x08\0" + bytes(100),
    ],
    ids=["empty", "cut short", "SVG", "PDF", "BMP", "TIFF", "half a PNG", "a broken JPEG", "a PNG of zeros"],
)
async def test_what_is_no_whole_picture_of_the_four_kinds_is_none(pictures: ConfinedPictures, data: bytes) -> None:
    assert await pictures.fit(data) is None


async def test_a_picture_leaves_no_session_behind(sandbox: Sandbox, pictures: ConfinedPictures) -> None:
    await pictures.fit(_encoded(Image.new("RGB", (2000, 10)), "PNG"))
    assert not sandbox._slots_by_name


def test_a_header_is_read_from_every_variant_of_the_four_kinds() -> None:
    picture = Image.new("RGB", (123, 45))
    variants = [
        _encoded(picture, "PNG"),
        _encoded(picture, "GIF"),
        _encoded(picture, "JPEG"),
        _encoded(picture, "JPEG", progressive=True, comment=b"x" * 9000),
        _encoded(picture, "WEBP"),
        _encoded(picture, "WEBP", lossless=True),
        _encoded(picture, "WEBP", exif=b"Exif\0\0"),
        _encoded(picture.convert("RGBA"), "WEBP"),
    ]
    for data in variants:
        header = read_picture_header(data)
        assert header is not None
        assert (header.width_px, header.height_px) == (123, 45)
        for end in range(min(len(data), 200)):
            read_picture_header(data[:end])  # never raises
