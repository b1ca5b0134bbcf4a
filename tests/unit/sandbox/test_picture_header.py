from __future__ import annotations

import io
import struct
import time
import zlib

import pytest
from PIL import Image, PngImagePlugin

from adapters.sandbox.confined_pictures import read_picture_header, without_traps


def picture(form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(buffer, format=form, **options)
    return buffer.getvalue()


def checked(data: bytes) -> bytes | None:
    header = read_picture_header(data)
    assert header is not None
    return without_traps(data, header)


@pytest.mark.parametrize(
    "headers",
    [b"\xff\xe0\x00\x02" * (15 << 20), b"\xff" * (60 << 20), b"\xff\xe0\xff\xff" + bytes(65_533)],
    ids=["empty segments", "fill bytes", "one segment"],
)
def test_a_jpeg_that_never_tells_its_size_is_given_up_at_once(headers: bytes) -> None:
    """S5."""
    before = time.process_time()
    assert read_picture_header(b"\xff\xd8" + headers) is None
    assert time.process_time() - before < 0.25


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_an_ordinary_picture_is_returned_byte_for_byte(form: str) -> None:
    assert checked(picture(form)) == picture(form)


def test_an_animation_whose_frames_fit_its_screen_is_returned_byte_for_byte() -> None:
    frames = [Image.new("P", (40, 30), number) for number in range(1, 5)]
    animation = picture("GIF", save_all=True, append_images=frames, duration=50)

    assert checked(animation) == animation


def test_a_compressed_note_in_a_png_is_dropped_and_its_pixels_are_kept() -> None:
    """S19."""
    note = PngImagePlugin.PngInfo()
    note.add_text("bomb", "a" * 20_000_000, zip=True)
    note.add_text("Software", "matplotlib")
    bomb = picture("PNG", pnginfo=note)

    safe = checked(bomb)

    assert safe is not None
    assert b"zTXt" in bomb
    assert b"zTXt" not in safe
    assert b"tEXt" in safe
    with Image.open(io.BytesIO(safe)) as opened:
        assert opened.getpixel((5, 5)) == (255, 0, 0)


def test_a_gif_with_a_frame_beyond_its_screen_is_not_passed_on() -> None:
    """S19."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0, 0, 0)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x4c\x01\x00"

    assert checked(screen + frame + b"\x3b") is None


@pytest.mark.parametrize("form", ["PNG", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_picture_that_breaks_off_is_not_passed_on(form: str, share: float) -> None:
    data = picture(form)
    assert checked(data[: int(len(data) * share)]) is None


def test_a_megabyte_of_tiny_blocks_is_read_in_time() -> None:
    gif = b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0, 0, 0) + b"\x21\xfe" + b"\x01a" * 500_000 + b"\x00\x3b"
    chunk = b"\x00\x00\x00\x00tEXt" + struct.pack(">I", zlib.crc32(b"tEXt"))
    png = picture("PNG")
    before = time.process_time()
    checked(gif)
    checked(png[:33] + chunk * 80_000 + png[33:])
    assert time.process_time() - before < 0.25
